"""Arrays in files: small ones are read, of large ones the rows that are asked for.

Memory that is mapped from a file kills the process where the file gets shorter, without a word. So
the rows of a large file are read (``pread``), which then fails as any reading does, and the file is
looked at after each time.
"""

import math
import os
import threading
import weakref
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from narrows.data import storage
from narrows.support.chunks import CACHED_VALUES, chunks
from narrows.support.inputs import Input

# Slices of more bytes are not read at once.
_LARGEST_READ = 64 << 20


def array_in_file(
    stream: IO[bytes], name: str, shape: tuple[int, ...], dtype: np.dtype, order: str = "C"
) -> np.ndarray:
    """The array whose values begin where an open file stands, read-only.

    Args:
        stream: the file, unbuffered or not, which holds all of them.
        name: what messages call it.

    Returns:
        An array in memory; of more than :data:`narrows.data.storage.LARGEST_IN_MEMORY` bytes a
        :class:`FileArray`, or where that is laid out by columns a copy in a file of our own.

    Raises:
        DataError: the file changed while it was read.
    """
    size, offset = math.prod(shape) * dtype.itemsize, stream.tell()
    file = _File(stream, name)
    if size <= storage.LARGEST_IN_MEMORY:
        flat = np.empty(math.prod(shape), dtype)
        file.read_into(flat, offset)
        array = flat.reshape(shape, order=order)  # type: ignore[call-overload]
        array.flags.writeable = False
        return array
    if order == "C":
        mapped = np.memmap(stream, dtype, "r", offset=offset, shape=shape)
        return FileArray.of(mapped, file, offset)
    copied = storage.GrowingArray((), np.dtype(np.uint8))
    for start in range(0, size, _COPIED):
        part = np.empty(min(_COPIED, size - start), np.uint8)
        file.read_into(part, offset + start)
        copied.append(part)
    return copied.finish().view(dtype).reshape(shape, order="F")


class _File:
    """An open file that is read at any place, by any thread."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._number = os.dup(stream.fileno())
        self._input = Input(self._number, name)
        weakref.finalize(self, os.close, self._number)

    def read_into(self, array: np.ndarray, offset: int) -> None:
        """Fill a contiguous array with the bytes from ``offset`` on.

        Raises:
            DataError: the file changed.
        """
        self.read_runs(array.reshape(-1).view(np.uint8), [(offset, 0, array.nbytes)])

    def read_runs(self, into: np.ndarray, runs: Any) -> None:
        """Fill bytes with runs of the file: (its place there, its place in ``into``, its size).

        Raises:
            DataError: the file changed.
        """
        view = into.data
        for offset, place, size in runs:
            while size:
                done = _read_at(self._number, view[place : place + size], offset)
                if not done:
                    self._input.require_same()
                    raise EOFError("a file ends before its size")  # of a broken file system
                offset, place, size = offset + done, place + done, size - done
        self._input.require_same()


def _read_at(number: int, buffer: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(number, [buffer], offset)
    if hasattr(os, "pread"):
        content = os.pread(number, len(buffer), offset)
    else:  # on Windows, where descriptors have a position
        with _POSITION:
            os.lseek(number, offset, os.SEEK_SET)
            content = os.read(number, len(buffer))
    buffer[: len(content)] = content
    return len(content)


_POSITION = threading.Lock()


class FileArray(np.memmap):
    """A large array of a file whose rows are read, into memory, when they are asked for.

    It is the mapped array in everything but that: ``array[rows]`` with a number, a slice, or an
    array of numbers or truth values, and a loop over it, give what was read of the file, and fail
    with a DataError when it has changed. A slice of more than 64 MiB is such an array again, and so
    is one of another shape. Other ways to its values, such as ``array.mean()``, lead to the mapped
    memory.
    """

    _file: _File | None
    _offset: int

    def __array_finalize__(self, obj: Any) -> None:
        super().__array_finalize__(obj)
        self._file, self._offset = None, 0

    @classmethod
    def of(cls, mapped: np.ndarray, file: _File | None, offset: int) -> "FileArray":
        """A C-contiguous mapped array whose bytes begin at ``offset`` of its file."""
        array = mapped.view(cls)
        array._file, array._offset = file, offset
        return array

    def reshape(self, *shape: Any, **how: Any) -> np.ndarray:  # type: ignore[override]
        result = super().reshape(*shape, **how)
        return result if how else FileArray.of(result, self._file, self._offset)

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) and key else (key, ())
        if self._file is None:
            return super().__getitem__(key)
        if isinstance(first, slice):
            start, stop, step = first.indices(len(self))
            count = len(range(start, stop, step))
            if step == 1 and count * self._row > _LARGEST_READ:
                part = super().__getitem__(slice(start, stop))
                part = FileArray.of(part, self._file, self._offset + start * self._row)
                within = (slice(None), *rest)
                return (
                    np.concatenate([each[within] for each in chunks(part, values=CACHED_VALUES)])
                    if rest
                    else part
                )
            where = np.arange(start, stop, step)
            rows = self._run(start, count) if step == 1 else self._rows(where)
            return rows[(slice(None), *rest)] if rest else rows
        where = np.asarray(first)
        if where.dtype == bool and where.shape == (len(self),):
            where = np.flatnonzero(where)
        if where.dtype.kind not in "iu" or (rest and where.ndim):
            return super().__getitem__(key)
        rows = self._rows(where.astype(np.intp, copy=False))
        return rows[rest] if rest or not rows.ndim else rows

    @property
    def _row(self) -> int:
        """Bytes of a row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def _run(self, start: int, count: int) -> np.ndarray:
        """Rows that lie one after the other."""
        assert self._file is not None
        rows = np.empty((count, *self.shape[1:]), self.dtype)
        self._file.read_into(rows, self._offset + start * self._row)
        return rows

    def _rows(self, where: np.ndarray) -> np.ndarray:
        """The rows at ``where``, of any shape (...): (..., \\*item_shape)."""
        places = where.reshape(-1)
        if places.size and not -len(self) <= places.min() <= places.max() < len(self):
            raise IndexError(f"there is no row {places.min()} or {places.max()} of {len(self)}")
        places = np.where(places < 0, places + len(self), places)
        rows = np.empty((len(places), *self.shape[1:]), self.dtype)
        starts = np.flatnonzero(np.diff(places, prepend=-2) != 1)
        counts = np.diff(starts, append=len(places))
        runs = zip(
            (self._offset + places[starts] * self._row).tolist(),
            (starts * self._row).tolist(),
            (counts * self._row).tolist(),
            strict=True,
        )
        assert self._file is not None
        self._file.read_runs(rows.reshape(-1).view(np.uint8), runs)
        return rows.reshape(*where.shape, *self.shape[1:])


def loaded(items: np.ndarray) -> np.ndarray:
    """``items`` as an array that no file changes: of a :class:`FileArray` a copy, in memory or,
    where it is large, in a file of our own.

    Raises:
        DataError: the file changed.
        OutputError: there is no room for the copy.
    """
    return _copied(items, items.dtype) if isinstance(items, FileArray) else items


def converted(items: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """``items`` in ``dtype``; where a :class:`FileArray` is of another, a copy as :func:`loaded`
    makes it.

    Raises:
        DataError, OutputError: as there.
    """
    if isinstance(items, FileArray) and items.dtype != dtype:
        return _copied(items, dtype)
    return items if items.dtype == dtype else items.astype(dtype)


def _copied(items: np.ndarray, dtype: np.dtype) -> np.ndarray:
    parts = (part.astype(dtype) for part in chunks(items, values=CACHED_VALUES))
    return storage.concatenated(parts, items.shape[1:], dtype)


# Bytes that are copied at a time.
_COPIED = 4 << 20
