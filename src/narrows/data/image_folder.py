"""A folder of images, and all folders in it, in any format that can be read exactly."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from narrows.data.dataset import Dataset, format_range
from narrows.data.image_files import ImageFiles
from narrows.data.image_options import ImageOptions
from narrows.data.image_reading import (
    holds_several,
    image_suffixes,
    pictures_of,
    quiet,
    read_pictures,
)
from narrows.data.image_transforms import apply_options
from narrows.data.named_arrays import SUFFIXES
from narrows.data.parts import EACH_BY_ITSELF
from narrows.data.pictures import Picture, remark_notes
from narrows.data.storage import GrowingArray
from narrows.errors import DataError, ShapeError
from narrows.support.ahead import in_order
from narrows.support.cores import usable_cores
from narrows.support.inputs import Input
from narrows.support.number_text import count_of, listed
from narrows.support.progress import Tracker, silent
from narrows.support.spelling import spelt
from narrows.support.streams import utf8_name

# What a thread reads at a time: no more files, and no more bytes of pixels or one image.
_BLOCK_FILES, _BLOCK_BYTES = 64, 4 << 20
# Bytes of pixels that are decoded before they are needed.
_AHEAD_BYTES = 512 << 20
# Beyond these, threads wait for one another: what Pillow does in Python one does at a time.
_MOST_THREADS = 8


@dataclass(frozen=True)
class Found:
    """What there is in a folder.

    Attributes:
        folder: the folder.
        places: where the images are in it, sorted by their folders and names.
        notes: what was passed over, in sentences.
    """

    folder: Path
    places: list[str]
    notes: tuple[str, ...]


def find_images(folder: Path) -> Found:
    """The images in ``folder`` and in all folders in it, in the order of their names.

    A file is an image if its name ends as images' names do. What is hidden is passed over in
    silence, all else that is no image is named. A link to a folder that is read already is not
    followed.

    Raises:
        DataError: there is none.
        OSError: a folder cannot be read.
    """
    suffixes = image_suffixes()
    places: list[str] = []
    others: list[str] = []
    twice: list[str] = []
    for place, is_repeated in _walk(folder):
        if is_repeated:
            twice.append(place)
        elif os.path.splitext(place)[1].lower() in suffixes:  # noqa: PTH122 - a Path for each takes longer
            places.append(place)
        else:
            others.append(place)
    notes = []
    if others:
        are = "that is no image" if len(others) == 1 else "that are no images"
        notes.append(f"passed over {count_of(len(others), 'files')} {are}: {listed(others)}")
    if twice:
        links = count_of(len(twice), "links")
        notes.append(f"passed over {links} to folders that are read already: {listed(twice)}")
    if not places:
        arrays = any(place.lower().endswith((".npy", *SUFFIXES)) for place in others)
        names = "images are recognised by their names: .png, .jpg, .tif, .bmp, .webp and so on"
        raise DataError(
            f"{folder} holds no image" + "".join(f"; {note}" for note in notes),
            hint=EACH_BY_ITSELF if arrays else names,
        )
    return Found(folder, places, tuple(notes))


def _walk(folder: Path) -> Iterator[tuple[str, bool]]:
    """All files below, in order, as ``cat/001.jpg``, and links to folders that were seen (True)."""
    # Folders themselves come before links to them: each file has the name that it lies under.
    seen = {_identity(Path(place)) for place, _, _ in os.walk(folder)}

    def inside(before: str, linked: bool) -> Iterator[tuple[str, bool]]:
        with os.scandir(folder / before) as entries:
            shown = sorted(
                (entry for entry in entries if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
        for entry in shown:
            place = before + entry.name
            if not entry.is_dir():
                yield place, False
                continue
            link = linked or entry.is_symlink()
            if link and _identity(folder / place) in seen:
                yield place, True
                continue
            seen.add(_identity(folder / place))
            yield from inside(f"{place}/", link)

    yield from inside("", False)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


class FolderReader:
    """Reads images in order, by several threads, and remembers what is to be said of them."""

    def __init__(self, found: Found, options: ImageOptions, *, exact: bool) -> None:
        self.found, self.options, self.exact = found, options, exact
        self._largest = 0  # bytes of an image
        self._remarks: Counter[str] = Counter()
        self._left_out: list[str] = []
        self._several = self._more = 0

    def files(self) -> Iterator[tuple[str, Iterator[Picture]]]:
        """The place of each file, and its images, some of which are decoded ahead."""
        threads = min(usable_cores(), _MOST_THREADS)

        def ahead() -> int:
            return min(2 * threads, _AHEAD_BYTES // max(self._largest, _BLOCK_BYTES))

        for block in in_order(self._begun, self._blocks(), threads, ahead):
            yield from block

    def _blocks(self) -> Iterator[list[str]]:
        """The files that a thread takes at a time: one, as long as nobody knows how large it is."""
        places = iter(self.found.places)

        def count() -> int:
            return max(min(_BLOCK_BYTES // (self._largest or _BLOCK_BYTES), _BLOCK_FILES), 1)

        while block := list(islice(places, count())):
            yield block

    def _begun(self, block: list[str]) -> list[tuple[str, Iterator[Picture]]]:
        """Files and their images, of which so many are decoded as a thread may hold."""
        files, left = list[tuple[str, Iterator[Picture]]](), _BLOCK_BYTES
        for place in block:
            pictures, done = self.pictures(place), list[Picture]()
            try:
                while left > 0:
                    done.append(next(pictures))
                    left -= self._largest
            except StopIteration:
                pass
            except Exception as error:
                pictures = _raising(error)
            files.append((place, chain(done, pictures)))
        return files

    def pictures(self, place: str, file: Input | None = None) -> Iterator[Picture]:
        """The images of one file, as they are to be."""
        path = self.found.folder / place
        for picture in read_pictures(path, exact=self.exact, file=file):
            self._largest = max(self._largest, picture.pixels.nbytes)
            if self.options.changes:
                picture = replace(picture, pixels=apply_options(picture.pixels, self.options))
            yield picture

    def of(self, place: str, pictures: Iterator[Picture]) -> Iterator[tuple[str, Picture]]:
        """The images of one file and their names; none, where it cannot be read and such files are
        left out."""
        name = utf8_name(place)
        held: tuple[str, Picture] | None = None
        count = 0
        try:
            for picture in pictures:
                if held is not None:
                    yield held
                count += 1
                if picture.remarks:
                    self._remarks.update(picture.remarks)
                held = f"{name}#{count}", picture
        except (DataError, OSError) as error:
            if not self.options.skip_damaged:
                raise
            self._left_out.append(f"{name}{f' from its image {count + 1} on' if held else ''}")
            if held is None and isinstance(error, OSError) and not isinstance(error, DataError):
                self._left_out[-1] += f" ({error.strerror or error})"
        if held is not None and count == 1:
            yield name, held[1]
        elif held is not None:
            self._several += 1
            self._more += count
            yield held

    def forget(self) -> None:
        """Start anew with what was done to images."""
        self._remarks.clear()

    def notes(self, more: Iterable[str] = ()) -> tuple[str, ...]:
        """What was passed over and done, in sentences; ``more`` are remarks beside its own."""
        remarks = self._remarks + Counter(more)
        notes = list(self.found.notes)
        if self._left_out:
            files = count_of(len(self._left_out), "files")
            notes.append(f"left out {files} that cannot be read: {listed(self._left_out)}")
        if self._several:
            files = "file holds" if self._several == 1 else "files hold"
            notes.append(
                f"{self._several:,} {files} several images, pages or frames: "
                f"{count_of(self._more, 'items')}"
            )
        notes += remark_notes(remarks)
        if self.options.changes:
            notes.append(f"all images are made {self.options.described()}")
        return tuple(notes)


def _raising(error: Exception) -> Iterator[Picture]:
    raise error
    yield


@quiet()
def read_image_folder(
    folder: Path,
    *,
    name: str | None = None,
    labels: bool = False,
    options: ImageOptions | None = None,
    exact: bool = False,
    track: Tracker = silent,
) -> Dataset:
    """Read the images in ``folder`` and in the folders in it, sorted by folder and file name.

    Args:
        folder: what holds them.
        name: what messages call it.
        labels: give the classes too, where there are folders in it.
        options: what becomes of the images.
        exact: the values as they are in the files, upright or not; otherwise they are turned as
            their EXIF data say, and other colours than RGB are converted to it.
        track: told how far it is.

    Returns:
        Grey images as items of shape (height, width), colour as (height, width, 3), or (height,
        width, 4) with transparency, in the dtype of the files. All pages of a TIFF file and all
        frames of an animation are items. In memory, or mapped where they are many.

    Raises:
        DataError: there is no image, or one is damaged, beyond Pillow's size limit, or of a kind
            that cannot be read without changing its values.
        ShapeError: an image differs in size or in colours from the first one.
        OSError: a folder or a file cannot be read.
    """
    found, options = find_images(folder), options or ImageOptions()
    # Images that are changed anyway are changed as they are to be seen.
    reader = FolderReader(found, options, exact=exact and not options.changes)
    array: GrowingArray | None = None
    names: list[str] = []
    turned: dict[int, int] = {}
    for file, picture in _all_alike(reader, track):
        if array is None:
            array = GrowingArray(picture.pixels.shape, picture.pixels.dtype)
        if picture.orientation != 1:
            turned[len(names)] = picture.orientation
        array.append(picture.pixels[None])
        names.append(file)
    if array is None:
        raise _none_readable(folder, reader)
    classes, numbers = _classes(names) if labels else (None, None)
    items = array.finish()
    return Dataset(
        name or str(folder),
        items,
        format_range(items.dtype),
        labels=numbers,
        classes=classes,
        notes=reader.notes(),
        files=ImageFiles(tuple(names), turned, picture.colours, reader.options),
    )


def _all_alike(reader: FolderReader, track: Tracker) -> Iterator[tuple[str, Picture]]:
    """All images of a folder and their files' names, as long as they are like the first."""
    found, first = reader.found, None
    with track(f"reading {found.folder}", total=len(found.places), unit="images") as advance:
        for place, pictures in reader.files():
            for file, picture in reader.of(place, pictures):
                first = first or (file, picture)
                _check_alike(found.folder, file, picture, *first, exact=reader.exact)
                yield file, picture
            advance(1)


class FolderImages(Sequence[np.ndarray]):
    """The images of a folder, upright and as ``options`` want them, each read when it is asked for.

    Attributes:
        names: as in :class:`narrows.data.image_files.ImageFiles`.
    """

    @quiet()
    def __init__(self, folder: Path, options: ImageOptions) -> None:
        """Look at which images there are.

        Raises:
            DataError: none, or with ``skip_damaged`` none that can be read.
            OSError: a folder cannot be read.
        """
        found = find_images(folder)
        self._reader = FolderReader(found, options, exact=False)
        self._files = {place: Input(folder / place) for place in found.places}
        self._places: list[tuple[str, int]] = []
        names: list[str] = []
        for place in found.places:
            held = [utf8_name(place)]
            # What is damaged shows when it is read.
            if options.skip_damaged or holds_several(folder / place):
                held = [name for name, _ in self._reader.of(place, self._reader.pictures(place))]
            names += held
            self._places += [(place, number) for number in range(len(held))]
        if not names:
            raise _none_readable(folder, self._reader)
        self.names = tuple(names)
        self._reader.forget()
        self._told: dict[int, tuple[str, ...]] = {}
        self._at: tuple[str, int, Iterator[Picture]] | None = None

    def __len__(self) -> int:
        return len(self._places)

    @quiet()
    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        file, number = self._places[index]
        if self._at is None or self._at[0] != file or self._at[1] > number:
            self._at = file, 0, self._reader.pictures(file, self._files[file])
        _, place, pictures = self._at
        picture = next(islice(pictures, number - place, None))
        last = index + 1 == len(self) or self._places[index + 1][0] != file
        self._at = None if last else (file, number + 1, pictures)
        self._told[index % len(self)] = picture.remarks
        return picture.pixels

    def notes(self) -> tuple[str, ...]:
        """What was passed over, and done to those that were read."""
        return self._reader.notes(remark for told in self._told.values() for remark in told)


def _none_readable(folder: Path, reader: FolderReader) -> DataError:
    return DataError(
        f"{folder} holds no image that can be read: {'; '.join(reader.notes())}",
        hint=f"leave {spelt('skip_damaged', True)} out to see what is wrong with the first",
    )


@quiet()
def images_as_dataset(images: Any, *, exact: bool = False) -> Dataset:
    """A Pillow image, or a list of them, as items, read as those of a folder are.

    Raises:
        DataError, ShapeError: as of a folder.
    """
    given = [images] if is_pillow_image(images) else list(images)
    first: tuple[str, Picture] | None = None
    remarks: Counter[str] = Counter()
    blocks: list[np.ndarray] = []
    for number, image in enumerate(given):
        called = "X" if is_pillow_image(images) else f"image {number} of X"
        if not is_pillow_image(image):
            raise DataError(
                f"{called} is {type(image).__name__}, and others are images",
                hint="give images only, or one array",
            )
        for picture in pictures_of(image, called, exact=exact):
            first = first or (called, picture)
            _check_alike(None, called, picture, *first)
            remarks.update(picture.remarks)
            blocks.append(picture.pixels)
    notes = remark_notes(remarks)
    if len(blocks) > len(given):
        items = count_of(len(blocks), "items")
        notes.insert(0, f"{len(given):,} of several pages or frames: {items}")
    return Dataset("X", np.stack(blocks), notes=tuple(notes))


def is_pillow_image(value: Any) -> bool:
    """Whether ``value`` is a Pillow image."""
    import sys

    module = sys.modules.get("PIL.Image")  # where it is not imported, nobody has an image
    return module is not None and isinstance(value, module.Image)


def are_pillow_images(value: Any) -> bool:
    """Whether ``value`` is a Pillow image or a list or tuple that begins with one."""
    return is_pillow_image(value) or (
        isinstance(value, list | tuple) and len(value) > 0 and is_pillow_image(value[0])
    )


def _classes(names: list[str]) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    """The classes of files by the folders they lie in, sorted, and the number of each file's.

    A folder that all files lie in tells nothing; of those below it, the outermost counts.
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    depth = 0
    while len({folder[: depth + 1] for folder in folders}) == 1 and len(folders[0]) > depth:
        depth += 1
    found = [folder[depth] if len(folder) > depth else "." for folder in folders]
    classes = tuple(sorted(set(found)))
    if len(classes) < 2:
        return ((folders[0][depth - 1],), np.zeros(len(names), np.int64)) if depth else (None, None)
    numbers = {each: number for number, each in enumerate(classes)}
    return classes, np.array([numbers[each] for each in found], np.int64)


def _check_alike(
    folder: Path | None,
    file: str,
    picture: Picture,
    first_file: str,
    first: Picture,
    *,
    exact: bool = False,
) -> None:
    pixels, before = picture.pixels, first.pixels
    if (pixels.shape, pixels.dtype, picture.colours) == (before.shape, before.dtype, first.colours):
        return
    what, said, change = "kind, for example 8-bit grey", (_kind(picture), _kind(first)), ""
    if pixels.shape[:2] != before.shape[:2]:
        what, said = "size", (f"{_size(pixels)} pixels", _size(before))
        change = spelt("resize", min(pixels.shape[1::-1], before.shape[1::-1], key=math.prod))
    elif _differ(pixels, before):
        change = spelt("grey", True)
    as_option = f", as {change} does" if folder is not None and change else ""
    hint = f"give all images one {what}{as_option}"
    if exact:
        hint = (
            "put images that are alike into a folder of their own in it: narrows compress FOLDER "
            f"--workers 2 writes an archive of each, and loses nothing; or {hint}"
        )
    called = file if folder is None else str(folder / file)
    raise ShapeError(f"{called} is {said[0]}, and {first_file} before it {said[1]}", hint=hint)


def _differ(pixels: np.ndarray, before: np.ndarray) -> bool:
    """Whether two images differ in their colours alone."""
    known = ((), (3,), (4,))
    return pixels.dtype == before.dtype and {pixels.shape[2:], before.shape[2:]} <= set(known)


def _size(pixels: np.ndarray) -> str:
    height, width = pixels.shape[:2]
    return f"{width} x {height}"


def _kind(picture: Picture) -> str:
    pixels = picture.pixels
    if pixels.ndim == 2:
        colours = "grey"
    else:
        named = {3: "RGB", 4: "RGBA"}.get(pixels.shape[2], f"{pixels.shape[2]} channels")
        colours = picture.colours or named
    return f"{colours} of {pixels.dtype.name}"
