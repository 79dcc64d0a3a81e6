"""What archives of every kind of data have in common while they are open for reading."""

from collections.abc import Callable
from typing import Any

from narrows.archive.container import Container
from narrows.archive.holding import Holding
from narrows.archive.validation import damaged, field
from narrows.errors import UsageError


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
        """Compare the SHA-256 of all values.

        Raises:
            ArchiveError: it is another.
        """
        if found != self._digest:
            raise damaged(self.name, "the SHA-256 of its values does not match")
