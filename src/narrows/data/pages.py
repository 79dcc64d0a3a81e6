"""Images of any sizes, read when they are asked for: whole, or in tiles to learn from."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from narrows.data.dataset import Dataset, format_range, take_rows
from narrows.data.image_files import ImageFiles
from narrows.data.image_folder import FolderImages
from narrows.data.image_options import ImageOptions
from narrows.data.sources import BUILT_IN, load_data, read_errors_explained, require_folder
from narrows.data.storage import GrowingArray
from narrows.errors import DataError, ShapeError, UsageError
from narrows.support.chunks import chunks
from narrows.support.number_text import count_of
from narrows.support.progress import Tracker, silent
from narrows.support.spelling import spelt

#: The height and width of tiles where nobody says otherwise.
TILE = 48
# Tiles are taken at random places, and so many that each place of a page is in so many of them.
_COVER = 8
# The most tiles of all pages together: some hundred megabytes of 8-bit grey.
_MOST_TILES = 100_000
# Values of an item from which a net that sees all of it at once is too large.
_LARGEST_WHOLE = 8192
# Values that are worked on at a time where items lie in one array: 4 MB of 8-bit data.
_BATCH_VALUES = 1 << 22


class _Files(Sequence[np.ndarray]):
    """Some of the images of a folder, each read when it is asked for."""

    def __init__(self, images: FolderImages, places: Sequence[int] | None = None) -> None:
        self.images = images
        self.places = range(len(images)) if places is None else places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        place = self.places[index]
        with read_errors_explained(self.images.names[place]):
            return self.images[place]


@dataclass(frozen=True)
class Pages:
    """Images that need not be of one size; or any items of one array.

    Attributes:
        name: what the user called them.
        images: each of shape (height, width) or (height, width, channels).
        names: the files they came from, within their folder; None for those of an array.
        options: what is done to images of a folder.
    """

    name: str
    images: Sequence[np.ndarray] | np.ndarray
    names: tuple[str, ...] | None = None
    options: ImageOptions = ImageOptions()  # noqa: RUF009

    def notes(self) -> tuple[str, ...]:
        """What was passed over, and done to the images that were read so far, in sentences."""
        return self.images.images.notes() if isinstance(self.images, _Files) else ()

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Sequence[int]) -> "Pages":
        """Those at ``indices``, as a view where they lie in files."""
        if isinstance(self.images, _Files):
            files = _Files(self.images.images, [self.images.places[index] for index in indices])
            names = tuple(files.images.names[place] for place in files.places)
            return Pages(self.name, files, names, self.options)
        assert isinstance(self.images, np.ndarray)
        return Pages(self.name, take_rows(self.images, np.array(indices)))

    def split(self, fraction: float, seed: int) -> tuple[list[int], list[int]]:
        """The indices of all but a random ``fraction`` of the pages, and of these; both in order.

        Raises:
            DataError: there are fewer than two.
        """
        if len(self) < 2:
            raise DataError(
                f"{self.name} has 1 image, and 2 are needed to hold one out for validation",
                hint=f"give more images, or {spelt('validation', 0)}",
            )
        held = min(max(round(len(self) * fraction), 1), len(self) - 1)
        order = np.random.default_rng([seed, _PAGES_STREAM]).permutation(len(self))
        return sorted(order[held:].tolist()), sorted(order[:held].tolist())

    def batches(self) -> Iterator[np.ndarray]:
        """All in order, in arrays (m, \\*shape): files one at a time, rows some megabytes."""
        if not isinstance(self.images, np.ndarray):
            yield from (image[None] for image in self.images)
            return
        yield from chunks(self.images, values=_BATCH_VALUES)


def open_pages(
    source: str | os.PathLike[str],
    *,
    options: ImageOptions | None = None,
    track: Tracker = silent,
) -> Pages:
    """Whatever :func:`narrows.data.load_data` takes but tables; the images of a folder may differ
    in size.

    Raises:
        DataError: there is no such source, or it is not what it must be.
        UsageError: options for images of what is no folder.
    """
    name, options = os.fspath(source), options or ImageOptions()
    path = Path(name)
    if name in BUILT_IN or not path.is_dir():
        require_folder(name, options)
        return Pages(name, load_data(name, track=track).items)
    with read_errors_explained(name):
        images = FolderImages(path, options)
    return Pages(name, _Files(images), images.names, options)


def require_pairs(noisy: Pages, clean: Pages) -> None:
    """Make sure that two sources have the same images: by name where both are folders.

    Raises:
        DataError: they have not.
    """
    if noisy.names and clean.names and noisy.names != clean.names:
        alone = sorted(set(noisy.names) ^ set(clean.names))
        where, other = (noisy, clean) if alone[0] in noisy.names else (clean, noisy)
        raise DataError(
            f"{alone[0]} is in {where.name} and not in {other.name}, and so are "
            f"{len(alone) - 1} others in one of the two only",
            hint="give an image and what it shall become the same name",
        )
    if len(noisy) != len(clean):
        raise DataError(
            f"{noisy.name} has {count_of(len(noisy), 'items')} and {clean.name} {len(clean):,}",
            hint="give as many, in the same order",
        )


def needs_tiles(pages: Pages) -> bool:
    """Whether images are cut into tiles where nobody says: they differ in size, or are large."""
    shapes = {pages.images[index].shape for index in range(min(len(pages), 100))}
    return len(shapes) > 1 or (len(min(shapes)) > 1 and math.prod(min(shapes)) > _LARGEST_WHOLE)


def whole_pages(noisy: Pages | None, clean: Pages) -> Dataset:
    """Items of one size as they are, with what goes in instead of them.

    Raises:
        ShapeError: they are of several sizes, or their inputs of another.
    """
    items = _one_array(clean)
    inputs = None if noisy is None else _one_array(noisy)
    if inputs is not None and (inputs.shape, inputs.dtype) != (items.shape, items.dtype):
        assert noisy is not None
        raise ShapeError(
            f"{noisy.name} holds {inputs.dtype.name} items of shape {inputs.shape[1:]}, and "
            f"{clean.name} {items.dtype.name} of {items.shape[1:]}",
            hint="an item and what it shall become are of one shape and type",
        )
    return Dataset(
        clean.name,
        items,
        format_range(items.dtype),
        inputs=inputs,
        notes=_notes(noisy, clean),
        files=_files(clean, range(len(clean))),
    )


def _notes(noisy: Pages | None, clean: Pages) -> tuple[str, ...]:
    """What is to be said of how both were read."""
    told = [] if noisy is None else [f"{noisy.name}: {note}" for note in noisy.notes()]
    return (*told, *(f"{clean.name}: {note}" for note in clean.notes()))


def _files(pages: Pages, places: Iterable[int]) -> ImageFiles | None:
    """The files of items that come from the pages at ``places``."""
    if pages.names is None:
        return None
    names = tuple(pages.names[place] for place in places)
    return ImageFiles(names, options=pages.options)


def _one_array(pages: Pages) -> np.ndarray:
    if isinstance(pages.images, np.ndarray):
        return pages.images
    first = pages.images[0]
    array = GrowingArray(first.shape, first.dtype)
    for index, image in enumerate(pages.images):
        _require_alike(pages, index, image, first.shape, first.dtype)
        array.append(image[None])
    return array.finish()


def cut_tiles(
    noisy: Pages | None,
    clean: Pages,
    tile: int,
    seed: int,
    *,
    track: Tracker = silent,
) -> Dataset:
    """Tiles of ``tile`` by ``tile`` pixels at random places of all pages, the same of both.

    A page has as many as its area needs for each place to be in eight of them, if all together are
    no more than 100,000.

    Args:
        noisy: what goes in; None for the clean pages themselves.
        clean: what shall come out.
        tile: at least 4.
        seed: the same seed gives the same tiles.

    Raises:
        UsageError: the tile is below its limit.
        ShapeError: a page is smaller than a tile, or differs in channels or dtype.
    """
    if tile < 4:
        raise UsageError(f"a tile of {tile} pixels is below 4, the smallest", hint="48 is usual")
    random = np.random.default_rng([seed, _TILES_STREAM])
    first = clean.images[0]
    shape = (tile, tile, *first.shape[2:])
    sources = [clean] if noisy is None else [clean, noisy]
    arrays = [GrowingArray(shape, first.dtype) for _ in sources]
    came_from: list[int] = []
    with track("cutting tiles", total=len(clean), unit="images") as advance:
        for index in range(len(clean)):
            pages = [source.images[index] for source in sources]
            for source, page in zip(sources, pages, strict=True):
                size = (*pages[0].shape[:2], *first.shape[2:])
                _require_alike(source, index, page, size, first.dtype)
                _require_large(source, index, page, tile)
            places = _places(pages[0].shape, tile, len(clean), random)
            came_from += [index] * len(places)
            for array, page in zip(arrays, pages, strict=True):
                array.append(np.stack([page[y : y + tile, x : x + tile] for y, x in places]))
            advance(1)
    items, *inputs = (array.finish() for array in arrays)
    data = Dataset(
        clean.name,
        items,
        format_range(items.dtype),
        tile=tile,
        notes=_notes(noisy, clean),
        files=_files(clean, came_from),
    )
    return replace(data, inputs=inputs[0]) if inputs else data


def _places(
    shape: tuple[int, ...], tile: int, pages: int, random: np.random.Generator
) -> np.ndarray:
    """The upper left corners of a page's tiles, (n, 2)."""
    height, width = shape[:2]
    wanted = math.ceil(_COVER * height * width / tile**2)
    count = min(wanted, max(_MOST_TILES // pages, 1))
    corners = (random.integers(0, size - tile + 1, count) for size in (height, width))
    return np.column_stack(list(corners))


def _require_large(pages: Pages, index: int, page: np.ndarray, tile: int) -> None:
    if min(page.shape[:2]) < tile:
        raise ShapeError(
            f"{_called(pages, index)} is {page.shape[1]} x {page.shape[0]} pixels, smaller than a "
            f"tile of {tile} x {tile}",
            hint=f"take smaller tiles with {spelt('tile')}, or leave the image out",
        )


def _require_alike(
    pages: Pages, index: int, image: np.ndarray, shape: tuple[int, ...], dtype: np.dtype
) -> None:
    if image.ndim < 2 or (image.shape, image.dtype) != (shape, dtype):
        raise ShapeError(
            f"{_called(pages, index)} is {image.dtype.name} of shape {image.shape}, and must be "
            f"{dtype.name} of {shape}",
            hint="an image and what it shall become are of one size; all are saved alike",
        )


def _called(pages: Pages, index: int) -> str:
    return f"image {index} of {pages.name}" if pages.names is None else pages.names[index]


# Keep the held-out pages and the places of tiles apart from other uses of the same seed.
_PAGES_STREAM, _TILES_STREAM = 0x9A6E5, 0x711E5
