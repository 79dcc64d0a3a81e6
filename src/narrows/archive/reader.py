"""What archives of every kind of data have in common while they are open for reading."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import IO, Any, ClassVar, Self

from narrows.archive.container import Container
from narrows.archive.validation import damaged, field
from narrows.errors import ArchiveError, UsageError

# Where nobody says how many bytes of values may be read: so many, and more of larger files. Hardly
# any data are packed into a smaller part of their size.
_ALWAYS_ALLOWED, _PLAUSIBLE = 256 << 20, 256


class OpenArchive:
    """An open archive; use it in a ``with`` block.

    Threads may share one, and so may forked processes. Pickled, as for processes that are started
    otherwise, it is opened again from its file.

    Attributes:
        name: the file, as messages call it.
        again: opens the same file once more; None where it is not known to be one.
    """

    again: "Callable[[], OpenArchive] | None"
    #: What messages call one of what it holds.
    unit: ClassVar[str]

    def __init__(self, stream: IO[bytes], name: str, *, damaged_too: bool = False) -> None:
        """Read the header and the index of the archive in ``stream``, which must be seekable.

        Raises:
            ArchiveError: not an archive, damaged, from a newer version, or not of this kind.
        """
        self._open(Container(stream, name, cut_short=damaged_too))

    @classmethod
    def of(cls, container: Container) -> Self:
        """The same of a container that is open already."""
        archive = cls.__new__(cls)
        archive._open(container)
        return archive

    def _open(self, container: Container) -> None:
        """Read what the header and the index say; a kind of archive adds its own."""
        self.name, self._container = container.name, container
        self.again = None
        self._digest = field(container.header, "sha256", str, self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

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

    def __len__(self) -> int:
        raise NotImplementedError

    def _check_range(self, start: int, stop: int) -> None:
        """Make sure that there are items from ``start`` up to ``stop``.

        Raises:
            UsageError: there are not.
        """
        if not 0 <= start <= stop <= len(self):
            raise UsageError(
                f"{self.unit}s {start:,}:{stop:,} were asked for, and {self.name} holds "
                f"{len(self):,}",
                hint=f"give a range within 0:{len(self)}",
            )

    def _check_digest(self, found: str) -> None:
        """Compare the SHA-256 of all values.

        Raises:
            ArchiveError: it is another.
        """
        if found != self._digest:
            raise damaged(self.name, "the SHA-256 of its values does not match")

    def limit(self, max_bytes: float | None) -> float:
        """The most bytes of values that are read: ``max_bytes``, or what the file's own size makes
        plausible."""
        if max_bytes is not None:
            return max_bytes
        return max(_ALWAYS_ALLOWED, _PLAUSIBLE * self._container.file_size)

    def require_within(self, held: int, max_bytes: float | None, *, at_least: bool = False) -> None:
        """Make sure that so many bytes of values may be read.

        Raises:
            ArchiveError: they are too many.
        """
        most = self.limit(max_bytes)
        if held <= most:
            return
        than = "at least " if at_least else ""
        usual = "" if max_bytes is not None else f" for a file of {self._container.file_size:,}"
        raise ArchiveError(
            f"{self.name} holds {than}{held:,} bytes of values, and {int(most):,} is the limit"
            f"{usual}",
            hint=f"if you trust it, allow more: max_bytes={held} or --max-bytes {held}",
        )


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order of their start, those that touch as one."""
    found: list[tuple[int, int]] = []
    for start, stop in ranges:
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found
