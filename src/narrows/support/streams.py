"""The standard streams, which may be closed, full, gone, or unable to say a letter.

What only reports goes to standard error through a :class:`Report`, which loses what cannot be
written and never fails. Results go to standard output: where that takes none, it is said.
"""

import contextlib
import errno
import io
import os
import sys
from typing import Any, TextIO

# What stands for the signs of our own messages where an encoding lacks them.
_SIGNS = {
    sign[0]: sign[1:]
    for sign in (
        *("×x", "·.", "…...", "²^2", "³^3", "½1/2", "±+-", "→->", "←<-", "≤<=", "≥>=", "≈~"),
        *("─-", "━-", "–-", "—-", "−-", "’'", "‘'", '“"', '”"'),
    )
}


def printable(text: str, encoding: str | None = "utf-8") -> str:
    """``text`` as ``encoding`` can write it: the signs of our messages by what is like them, other
    letters, as in names, by their number: ``\\xe9``. Bytes of a file name are letters where they
    are UTF-8, and else numbers too."""
    encoding = encoding or "ascii"
    if _fits(text, encoding):
        return text
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeError:  # halves of letters that no file system made
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(
        letter if _fits(letter, encoding) else _SIGNS.get(letter) or _number(letter)
        for letter in text
    )


def file_name(text: str) -> str:
    """The name of a file as this system's functions take it: its UTF-8 where the locale has no such
    letters."""
    try:
        os.fsencode(text)
    except UnicodeError:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    return text


def utf8_name(text: str) -> str:
    """The name of a file, as this system's functions give it, read as UTF-8: the other way round
    than :func:`file_name`. Bytes that are none stay what Python makes of such."""
    return os.fsencode(text).decode("utf-8", "surrogateescape")


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def _number(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode("ascii")


class Report(io.TextIOBase):
    """A stream for what only reports: what it cannot write is lost, and nothing else is.

    A terminal may be gone, a disk full, a pipe without a reader, the stream closed or, as under
    ``pythonw``, None; a notebook's may raise anything.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's; where it says none, anything can be written."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        if self._stream is not None:
            with contextlib.suppress(Exception):
                self._stream.write(printable(text, self.encoding))
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(Exception):
                self._stream.flush()

    def isatty(self) -> bool:
        return is_terminal(self._stream)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """The stream's.

        Raises:
            OSError: it has none.
        """
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream, such as it is, writes to a terminal."""
    with contextlib.suppress(Exception):
        return stream is not None and stream.isatty()
    return False


def standard_error() -> Report:
    """Standard error, whatever it is at this moment."""
    stream: Any = sys.stderr
    return stream if isinstance(stream, Report) else Report(stream)


def standard_output() -> TextIO:
    """Standard output, whatever it is at this moment.

    Raises:
        OSError: there is none.
    """
    if sys.stdout is None or sys.stdout.closed:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdout


def output_error() -> OSError | None:
    """Why standard output did not take what was written to it; None where it did, or nothing was
    written. What is held back is given up, for it would fail once more on the way out."""
    if sys.stdout is None or sys.stdout.closed:
        return None
    try:
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            _lead_nowhere(sys.stdout.fileno(), os.O_WRONLY)
        return error
    return None


def open_standard_streams() -> None:
    """Where a program begins, and opens nothing before: make the standard streams good for all that
    is to come.

    A descriptor that is closed would become that of the next file opened, and what a library in C
    writes to standard error would go into it. Results that go to a closed standard output fail;
    what only reports never does.
    """
    for descriptor, way in enumerate((os.O_RDONLY, _CLOSED_OUTPUT, os.O_RDWR)):
        try:
            os.fstat(descriptor)
        except OSError:
            _lead_nowhere(descriptor, way)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = Report(sys.stderr)


# Writing to it fails, as it does to a descriptor that is closed; a program without a console, as
# pythonw starts one, has no standard output and means it so.
_CLOSED_OUTPUT = os.O_RDONLY if os.name == "posix" else os.O_RDWR


def beyond_standard(descriptor: int) -> int:
    """The same open file under a descriptor that is no standard stream's: where one of these is
    closed, a new file gets its descriptor, and what libraries report would be written into it."""
    taken = list[int]()
    while descriptor <= _STANDARD_ERROR:
        taken.append(descriptor)
        descriptor = os.dup(descriptor)
    for each in taken:
        os.close(each)
    return descriptor


_STANDARD_ERROR = 2


def _lead_nowhere(descriptor: int, way: int) -> None:
    """Make a descriptor, open or not, one of the null device."""
    nowhere = os.open(os.devnull, way)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    else:
        os.set_inheritable(nowhere, True)
