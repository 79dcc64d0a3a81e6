"""Whether a file stays what it is while it is read: somebody may write to it, or put another there.

A file is known by its size, the time of its last change and, where it is looked up by its path, by
which file that is. All are compared before and after it is read, and between: what was read of two
states is no input.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from narrows.errors import ArchiveError, DataError, ModelFileError, NarrowsError

#: What reading a kind of input fails with.
Refused = type[DataError] | type[ArchiveError] | type[ModelFileError]


def cannot_be_read(
    name: str | os.PathLike[str], error: OSError, refused: Refused = DataError
) -> NarrowsError:
    """The error that says that the system does not give a file, and what to look at."""
    return refused(
        f"{name} cannot be read: {error.strerror or error}",
        hint="check the path and its permissions",
    )


class FileState(NamedTuple):
    """What a file is known by.

    Attributes:
        size: its bytes.
        modified: when it was last written to, in ns.
        place: the numbers of its disk and of itself there.
    """

    size: int
    modified: int
    place: tuple[int, int]

    @classmethod
    def of(cls, file: str | os.PathLike[str] | int) -> "FileState | None":
        """The state of a path or of an open file; None of what is no file, or not there."""
        try:
            found = os.stat(file)  # noqa: PTH116 - which takes descriptors too
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return cls(found.st_size, found.st_mtime_ns, (found.st_dev, found.st_ino))


class Input:
    """A file as it was when reading it began.

    Args:
        file: its path, or the descriptor of the open file, which stays the same file whatever is
            put at its path.
        name: what messages call it; None for the path.
        refused: the class of errors about such files.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | int,
        name: str | None = None,
        refused: Refused = DataError,
    ) -> None:
        self._file, self._name, self._refused = file, str(file) if name is None else name, refused
        self._state = FileState.of(file)

    @property
    def size(self) -> int:
        """Its bytes; 0 of what has no state."""
        return 0 if self._state is None else self._state.size

    def require_same(self, cause: BaseException | None = None) -> None:
        """Make sure that the file is what it was. What is no file, such as a pipe, has no state.

        Raises:
            DataError, or what ``refused`` says: it is not; from ``cause``, if there is one.
        """
        before = self._state
        if before is None or (now := FileState.of(self._file)) == before:
            return
        if now is None:
            what = "it is no longer there"
        elif now.place != before.place:
            what = "another file has taken its place"
        elif now.size != before.size:
            what = f"it held {before.size:,} bytes, and now {now.size:,}"
        else:
            what = "it was written to"
        raise self._refused(
            f"the input {self._name} changed while it was read: {what}",
            hint="wait until nothing writes to it, or give a copy, and start again",
        ) from cause

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A pass over the file: it must be the same before and after, and an error in between is
        told as the change that it came from, if there was one.

        Raises:
            DataError, or what ``refused`` says: it is not.
        """
        self.require_same()
        try:
            yield
        except Exception as error:
            self.require_same(error)
            raise
        self.require_same()


@contextlib.contextmanager
def unchanged(path: str | os.PathLike[str], refused: Refused = DataError) -> Iterator[None]:
    """Read a file from its first look to its last, see :meth:`Input.reading`."""
    with Input(path, refused=refused).reading():
        yield
