"""Items or rows by their numbers, whatever holds them: in pieces, within limits, and to files."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from narrows.archive.container import Container
from narrows.archive.validation import damaged, field
from narrows.errors import ArchiveError, UsageError
from narrows.support.lazy_modules import pa
from narrows.support.progress import NOBODY, Listener, Note, Tracker, silent
from narrows.support.spelling import spelt

# Where nobody says how many bytes of values may be read: so many, and more of larger files. Hardly
# any data are packed into a smaller part of their size.
_ALWAYS_ALLOWED, _PLAUSIBLE = 256 << 20, 256


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Items or rows of an archive that are written to a file.

    Attributes:
        start: the first.
        stop: the one behind the last.
        missing: ranges between them that are damaged, and left out.
        skips_damaged: whether any such are.
        max_bytes: as for ``read``.
    """

    start: int
    stop: int
    missing: tuple[tuple[int, int], ...] = ()
    skips_damaged: bool = False
    max_bytes: float | None = None

    @property
    def count(self) -> int:
        """How many are written."""
        return self.stop - self.start - sum(high - low for low, high in self.missing)


class Holding(ABC):
    """What holds items or rows and is open; use it in a ``with`` block.

    Attributes:
        name: the file, as messages call it.
    """

    name: str
    #: What messages call one of what it holds.
    unit: ClassVar[str]
    #: The format that it has on standard output where nobody says another.
    usual_format: ClassVar[str]
    #: Whether ``nbytes`` is all that the values take, and not the least.
    size_is_known: ClassVar[bool] = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close its file."""

    @property
    @abstractmethod
    def file_size(self) -> int:
        """The bytes of its file."""

    @abstractmethod
    def __len__(self) -> int:
        """How many items or rows there are."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """The bytes that the values take, or take at least."""

    @abstractmethod
    def batches(
        self, start: int = 0, stop: int | None = None, *, skip_damaged: bool = False
    ) -> Iterator[Any]:
        """Items or rows in order: about a block of items at a time, or Arrow tables of no more than
        a group of rows.

        Args:
            start: the first.
            stop: the one behind the last; None for all.
            skip_damaged: leave out those that :meth:`damaged_items` names.

        Raises:
            UsageError: there are no such items.
            ArchiveError: what holds them is damaged.
        """

    @abstractmethod
    def verified_batches(self, *, track: Tracker = silent) -> Iterator[Any]:
        """All of them in order; at the end their SHA-256 is compared.

        Raises:
            ArchiveError: the archive is damaged.
        """

    @abstractmethod
    def damaged_items(self) -> list[tuple[int, int]]:
        """Ranges that cannot be read any more, going by the checksums."""

    @abstractmethod
    def _write(self, batches: Iterator[Any], selection: Selection, out: str, note: Note) -> None:
        """Write the batches of a selection to a file or a folder."""

    def extract(
        self,
        out: str,
        start: int = 0,
        stop: int | None = None,
        *,
        skip_damaged: bool = False,
        max_bytes: float | None = None,
        listener: Listener = NOBODY,
    ) -> Selection:
        """Write items or rows to a file, or images to a folder.

        Args:
            out: says by its suffix what it becomes; without one, or with a / at its end, a folder.
            start: the first.
            stop: the one behind the last; None for all.
            skip_damaged: leave out what cannot be read any more.
            max_bytes: as for ``read``.
            listener: told what a user should know of what was written.

        Raises:
            ArchiveError: it is damaged, or what was asked for takes too much.
            OutputError: it cannot be written there.
        """
        stop = len(self) if stop is None else stop
        self._check_range(start, stop)
        missing = tuple(
            (max(low, start), min(high, stop))
            for low, high in (self.damaged_items() if skip_damaged else [])
            if low < stop and high > start
        )
        selection = Selection(
            start=start,
            stop=stop,
            missing=missing,
            skips_damaged=skip_damaged,
            max_bytes=max_bytes,
        )
        self.require_items_within(selection.count, max_bytes)
        batches = self._within(self._selected(selection, listener.track), max_bytes)
        self._write(batches, selection, out, listener.note)
        for low, high in missing:
            listener.note(
                f"{self.unit}s {low:,} to {high - 1:,} cannot be read any more, and are left out"
            )
        return selection

    def _selected(self, selection: Selection, track: Tracker) -> Iterator[Any]:
        """The batches of a selection; all of them under their checksum."""
        start, stop = selection.start, selection.stop
        if (start, stop) == (0, len(self)) and not selection.skips_damaged:
            yield from self.verified_batches(track=track)
            return
        with track(f"reading {self.name}", total=selection.count, unit=f"{self.unit}s") as advance:
            for batch in self.batches(start, stop, skip_damaged=selection.skips_damaged):
                yield batch
                advance(len(batch))

    def _within(self, batches: Iterator[Any], max_bytes: float | None) -> Iterator[Any]:
        """The same batches, as long as they take no more together than may be read: how long texts
        are only they themselves tell."""
        size = 0
        for batch in batches:
            size += bytes_in_memory(batch)
            self.require_within(size, max_bytes, at_least=True)
            yield batch

    def require_items_within(self, count: int, max_bytes: float | None) -> None:
        """Make sure, before any work, that ``count`` items or rows may be read.

        Raises:
            ArchiveError: they take too much.
        """
        held = self.nbytes * count // max(len(self), 1)
        self.require_within(held, max_bytes, at_least=not self.size_is_known)

    def _check_range(self, start: int, stop: int) -> None:
        """Make sure that there are items from ``start`` up to ``stop``."""
        if not 0 <= start <= stop <= len(self):
            raise UsageError(
                f"{self.unit}s {start:,}:{stop:,} were asked for, and {self.name} holds "
                f"{len(self):,}",
                hint=f"give a range within 0:{len(self)}",
            )

    def limit(self, max_bytes: float | None) -> float:
        """The most bytes of values that are read: ``max_bytes``, or what the file's own size makes
        plausible."""
        if max_bytes is not None:
            return max_bytes
        return max(_ALWAYS_ALLOWED, _PLAUSIBLE * self.file_size)

    def require_within(self, held: int, max_bytes: float | None, *, at_least: bool = False) -> None:
        """Make sure that so many bytes of values may be read.

        Raises:
            ArchiveError: they are too many.
        """
        most = self.limit(max_bytes)
        if held <= most:
            return
        than = "at least " if at_least else ""
        usual = "" if max_bytes is not None else f" for a file of {self.file_size:,}"
        raise ArchiveError(
            f"{self.name} holds {than}{held:,} bytes of values, and {int(most):,} is the limit"
            f"{usual}",
            hint=f"if you trust it, allow more: {spelt('max_bytes', held)}",
        )


class OpenArchive(Holding):
    """An open archive; use it in a ``with`` block.

    Threads may share one, and so may forked processes. Pickled, as for processes that are started
    otherwise, it is opened again from its file.

    Attributes:
        name: the file, as messages call it.
        again: opens the same file once more; None where it is not known to be one.
    """

    again: "Callable[[], OpenArchive] | None"

    def __init__(self, container: Container) -> None:
        """Read what the header and the index say; a kind of archive adds its own.

        Raises:
            ArchiveError: it is damaged.
        """
        self.name, self._container = container.name, container
        self.again = None
        self._digest = field(container.header, "sha256", str, self.name)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def file_size(self) -> int:
        """The bytes of its file."""
        return self._container.file_size

    @property
    def digest(self) -> str:
        """The SHA-256 of all values, as the archive says it."""
        return self._digest

    def __reduce__(self) -> tuple[Any, ...]:
        if self.again is None:
            raise UsageError(
                f"{self.name} was not opened from a file, and another process cannot open it again",
                hint="write it to a file and open that with open_archive, or send its bytes",
            )
        return self.again, ()

    def _check_digest(self, found: str) -> None:
        """Compare the SHA-256 of all values."""
        if found != self._digest:
            raise damaged(self.name, "the SHA-256 of its values does not match")


def bytes_in_memory(batch: Any) -> int:
    """What an array, or an Arrow table or batch of one, takes."""
    try:
        return int(batch.nbytes)
    except pa.ArrowTypeError:  # older releases cannot tell of texts in views
        return int(batch.get_total_buffer_size())


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order of their start, those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, stop in ranges:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found
