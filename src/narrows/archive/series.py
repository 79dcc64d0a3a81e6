"""Many archives as one: an index names them, and any item of the whole is reached by its number.

The index is JSON, and lies above the archives that it names. None is opened before one of its items
is asked for.
"""

import json
import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from narrows.archive.archive import Archive
from narrows.archive.codes.shared import SharedModel
from narrows.archive.holding import Holding, Selection, merged
from narrows.archive.item_files import is_named_folder, write_items
from narrows.archive.opening import ModelLike, open_archive
from narrows.archive.tables.archive import TableArchive
from narrows.archive.validation import damaged, field, whole_number
from narrows.data import table_writer
from narrows.data.image_files import ImageFiles, require_safe
from narrows.errors import ArchiveError, UsageError
from narrows.support.files import atomic_file
from narrows.support.inputs import cannot_be_read
from narrows.support.progress import Note, Tracker, silent

#: What an index says that it is, and which version of it is read.
KIND, VERSION = "index of narrows archives", 1
# Bytes of an index that are read at most: some million archives.
_LARGEST = 1 << 28
_MOST = (1 << 63) - 1


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An archive that an index names.

    Attributes:
        file: its path from the folder of the index, with slashes.
        count: how many items or rows it holds.
        nbytes: the bytes that its values take, or take at least.
        size: the bytes of the file.
        sha256: of all values, as the archive says it.
    """

    file: str
    count: int
    nbytes: int
    size: int
    sha256: str


def is_index(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an index of archives, and no archive."""
    try:
        with Path(path).open("rb") as file:
            return file.read(1) == b"{"
    except OSError:
        return False


def write_index(
    path: Path,
    archives: Sequence[Path],
    *,
    model: ModelLike | None = None,
    track: Tracker = silent,
) -> bool:
    """Write an index of archives that lie beside ``path``, or in folders beside it: whether they
    are one data set.

    Args:
        model: of archives of codes, what they were written with, if that is not in them.
        track: told how many of them were looked at.

    Raises:
        ArchiveError: one of them does not open.
        OutputError: it cannot be written.
    """
    given, entries = None if model is None else SharedModel.of(model), list[Entry]()
    first, is_one = None, True
    with track("indexing", total=len(archives), unit="archives") as advance:
        for archive in archives:
            name = archive.relative_to(path.parent).as_posix()
            with open_archive(archive, model=given) as opened:
                form = _form(opened)
                first = form if first is None else first
                is_one = is_one and form == first
                entry = Entry(
                    file=name,
                    count=len(opened),
                    nbytes=opened.nbytes,
                    size=opened.file_size,
                    sha256=opened.digest,
                )
            entries.append(entry)
            advance(1)
    lines = ",\n".join(json.dumps(asdict(each)) for each in entries)
    with atomic_file(path, "w") as file:
        file.write(f'{{"kind": "{KIND}", "version": {VERSION}, "archives": [\n{lines}\n]}}\n')
    return is_one


def open_any(
    path: str | os.PathLike[str], *, damaged_too: bool = False, model: ModelLike | None = None
) -> Holding:
    """An archive, or all those that an index names, as one; see
    :func:`narrows.archive.open_archive`.

    Raises:
        ArchiveError: it is neither, or damaged.
    """
    if is_index(path):
        return ArchiveSeries(path, damaged_too=damaged_too, model=model)
    return open_archive(path, damaged_too=damaged_too, model=model)


class ArchiveSeries(Holding):
    """The archives that an index names, as one; use it in a ``with`` block.

    Args:
        path: the index.
        damaged_too: open archives that are cut short, for what can still be read of them.
        model: of archives of codes, what they were written with, if that is not in them.

    Attributes:
        name: the index, as messages call it.
        entries: the archives, in order.

    Raises:
        ArchiveError: it is no index, or damaged.
    """

    size_is_known = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        damaged_too: bool = False,
        model: ModelLike | None = None,
    ) -> None:
        self.name, self._folder = os.fspath(path), Path(path).parent
        given = None if model is None else SharedModel.of(model)
        self._options: dict[str, Any] = {"damaged_too": damaged_too, "model": given}
        self.entries = _read(Path(path), self.name)
        self._starts = list(accumulate((each.count for each in self.entries), initial=0))
        self._form: tuple[str, Any] | None = None
        with self._first(range(len(self.entries))) as first:
            self.unit, self.usual_format = first.unit, first.usual_format  # type: ignore[misc]

    def close(self) -> None:
        """Nothing is open beyond what is read."""

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def nbytes(self) -> int:
        """The bytes that the values take at least, as the index says."""
        return sum(each.nbytes for each in self.entries)

    @property
    def file_size(self) -> int:
        """The bytes of all archives that are there."""
        paths = map(self.path, self.entries)
        return sum(path.stat().st_size for path in paths if path.is_file())

    def path(self, entry: Entry) -> Path:
        """Where an archive lies."""
        return self._folder / entry.file

    def _whole(self, number: int) -> Archive | TableArchive:
        """An archive, if it is what the index says."""
        entry = self.entries[number]
        archive = open_archive(self.path(entry), **self._options)
        if (len(archive), archive.digest) != (entry.count, entry.sha256):
            archive.close()
            raise ArchiveError(
                f"{archive.name} holds other {archive.unit}s than {self.name} says",
                hint="give the archives that the index was made of, or make them again",
            )
        return archive

    def _opened(self, number: int) -> AbstractContextManager[Archive | TableArchive]:
        """The same, if it holds what those before it hold, so that both can be read as one."""
        archive = self._whole(number)
        form = _form(archive)
        if self._form is None:
            self._form = archive.name, form
        if self._form[1] != form:
            archive.close()
            raise ArchiveError(
                f"{archive.name} holds {_described(form)}, and {self._form[0]} "
                f"{_described(self._form[1])}: they are not one data set",
                hint="decompress them one by one",
            )
        return archive

    def _first(self, numbers: Sequence[int]) -> AbstractContextManager[Archive | TableArchive]:
        """The first of some archives; where damaged ones are taken too, the first that opens.

        Raises:
            ArchiveError: none does.
        """
        opening = filter(self._opens, numbers) if self._options["damaged_too"] else iter(numbers)
        return self._opened(next(opening, numbers[0]))

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """The archives that hold a range, and which of their own items those are."""
        for number in range(max(bisect_right(self._starts, start) - 1, 0), len(self.entries)):
            low, high = self._starts[number : number + 2]
            if low >= stop:
                return
            if high > start:
                yield number, max(start, low) - low, min(stop, high) - low

    def batches(
        self, start: int = 0, stop: int | None = None, *, skip_damaged: bool = False
    ) -> Iterator[Any]:
        stop = len(self) if stop is None else stop
        self._check_range(start, stop)
        for number, low, high in self._pieces(start, stop):
            if skip_damaged and not self._opens(number):
                continue
            with self._opened(number) as archive:
                yield from archive.batches(low, high, skip_damaged=skip_damaged)

    def verified_batches(self, *, track: Tracker = silent) -> Iterator[Any]:
        with track(f"reading {self.name}", total=len(self.entries), unit="archives") as advance:
            for number in range(len(self.entries)):
                with self._opened(number) as archive:
                    yield from archive.verified_batches()
                advance(1)

    def damaged_items(self) -> list[tuple[int, int]]:
        """Ranges that cannot be read any more, going by the checksums; of an archive that does not
        open all it held."""
        return merged(
            (self._starts[number] + low, self._starts[number] + high)
            for number in range(len(self.entries))
            for low, high in self._damaged(number)
        )

    def _damaged(self, number: int) -> list[tuple[int, int]]:
        if not self._opens(number):
            return [(0, self.entries[number].count)]
        with self._opened(number) as archive:
            return archive.damaged_items()

    def require_whole(self, number: int) -> None:
        """Make sure that an archive opens, and is what the index says, whatever others hold.

        Raises:
            ArchiveError: it does not, or is not.
        """
        self._whole(number).close()

    def _opens(self, number: int) -> bool:
        try:
            with self._opened(number):
                return True
        except ArchiveError:
            return False

    def _write(self, batches: Iterator[Any], selection: Selection, out: str, note: Note) -> None:
        """Write the items as those of one archive; a table as one, whose text is CSV's usual one,
        and images under the names that they have below the names of their archives."""
        touched = list(self._pieces(selection.start, selection.stop)) or [(0, 0, 0)]
        try:
            self._write_as_one(touched, batches, selection, out, note)
        except UsageError:  # no other name of a file would do for what is not one data set
            for number, _, _ in touched:
                if not selection.skips_damaged or self._opens(number):
                    self._opened(number).__exit__(None, None, None)
            raise

    def _write_as_one(
        self,
        touched: list[tuple[int, int, int]],
        batches: Iterator[Any],
        selection: Selection,
        out: str,
        note: Note,
    ) -> None:
        with self._first([number for number, _, _ in touched]) as first:
            if isinstance(first, TableArchive):
                with table_writer(out, first.schema) as write:
                    for batch in batches:
                        write(batch)
                return
            layout = first.layout
        is_whole = is_named_folder(out) and not selection.skips_damaged
        files = self._files(touched) if is_whole else None
        write_items(batches, selection.count, layout, out, files=files, note=note)

    def _files(self, touched: list[tuple[int, int, int]]) -> ImageFiles | None:
        """The files that images came from, if all have names, and channels of one kind."""
        found, names, turned = ImageFiles(()), list[str](), dict[int, int]()
        for number, low, high in touched:
            with self._opened(number) as archive:
                files = archive.files if isinstance(archive, Archive) else None
            if files is None or (names and files.colours != found.colours):
                return None
            found = files.rows(range(low, high))
            turned |= {len(names) + place: each for place, each in found.orientations.items()}
            above = Path(self.entries[number].file).with_suffix("")
            names += [(above / name).as_posix() for name in found.names]
        return replace(found, names=tuple(names), orientations=turned)


def _form(archive: Archive | TableArchive) -> Any:
    """What items must have in common to be of one data set."""
    if isinstance(archive, TableArchive):
        return archive.schema
    return archive.layout.item_shape, archive.layout.dtype


def _described(form: Any) -> str:
    if isinstance(form, tuple):
        return f"{form[1].name} items of shape {form[0]}"
    return f"rows of {', '.join(f'{column.name} ({column.type})' for column in form)}"


def _read(path: Path, name: str) -> tuple[Entry, ...]:
    """The archives that an index names."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise cannot_be_read(name, error, ArchiveError) from error
    if len(content) > _LARGEST:
        raise damaged(name, f"an index of more than {_LARGEST:,} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(name, "an index that is no JSON") from error
    if not isinstance(found, Mapping) or found.get("kind") != KIND:
        raise ArchiveError(
            f"{name} is no index of archives", hint="give one that narrows compress wrote"
        )
    if found.get("version") != VERSION:
        raise ArchiveError(
            f"{name} is of a version that this narrows does not read", hint="update narrows"
        )
    entries = tuple(_entry(each, name) for each in field(found, "archives", list, name))
    if not entries:
        raise damaged(name, "an index that names no archive")
    for key in ("count", "nbytes"):
        total = sum(getattr(each, key) for each in entries)
        whole_number(total, 0, _MOST, f"{key} of all archives", name)
    return entries


def _entry(said: Any, name: str) -> Entry:
    if not isinstance(said, Mapping):
        raise damaged(name, "an entry that is none")
    file = field(said, "file", str, name)
    try:
        require_safe(file)
    except ValueError as error:
        raise damaged(name, f"an archive outside its folder: {file[:80]!r}") from error
    numbers = {
        key: whole_number(said.get(key), 0, _MOST, f"{key} of {file}", name)
        for key in ("count", "nbytes", "size")
    }
    return Entry(file=file, **numbers, sha256=field(said, "sha256", str, name))
