"""Pieces of an open file, whoever else reads it at the same time."""

import io
import os
import threading
from typing import IO

from narrows.errors import ArchiveError
from narrows.support.inputs import Input


class PositionedReader:
    """Reads a stream at any place without a position that threads, or forked processes, share.

    A file is read where it is asked to be (``pread``), bytes in memory are sliced. What can do
    neither, such as a member of a zip file, is read by one thread at a time, and not by processes
    that are forked later: they would move the position of one another.
    """

    def __init__(self, stream: IO[bytes], name: str = "the archive") -> None:
        self._stream, self._lock, self._process = stream, threading.Lock(), os.getpid()
        self._number = _file_number(stream)
        # nobody else's changes to what we write ourselves
        own = self._number is None or stream.writable()
        self.input = Input(-1 if own or self._number is None else self._number, name, ArchiveError)

    def read(self, start: int, size: int) -> bytes:
        """``size`` bytes from ``start`` on; fewer where the stream ends before.

        Raises:
            ArchiveError: it has a position, and was opened before this process was forked; or the
                file changed since it was opened.
        """
        if self._number is not None and not self._stream.closed:
            content = _read_file(self._number, start, size)
            self.input.require_same()
            return content
        if type(self._stream) is io.BytesIO:
            return bytes(self._stream.getbuffer()[start : start + size])
        if self._process != os.getpid():  # before the lock, which a fork may have left closed
            raise ArchiveError(
                "an archive that is read from a stream was opened before this process was forked, "
                "and processes cannot share the position of a stream",
                hint="open it in each process, or open its file with open_archive",
            )
        with self._lock:
            self._stream.seek(start)
            return self._stream.read(size)


def _file_number(stream: IO[bytes]) -> int | None:
    """The descriptor of a plain file; None of anything else, or where files have no such reading.

    Only of what Python opened as a file: other streams may have the descriptor of a file whose
    bytes they change, as those that unpack do.
    """
    raw: object = getattr(stream, "raw", stream)  # what a buffer lies around
    if not hasattr(os, "pread") or not isinstance(raw, io.FileIO):
        return None
    if stream.writable():
        stream.flush()  # what waits in its buffer is not in the file yet
    return stream.fileno()


def _read_file(number: int, start: int, size: int) -> bytes:
    """The system gives at most 2 GB at a time."""
    parts = [piece := os.pread(number, size, start)]
    while piece and sum(map(len, parts)) < size:
        done = sum(map(len, parts))
        parts.append(piece := os.pread(number, size - done, start + done))
    return parts[0] if len(parts) == 1 else b"".join(parts)
