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
from narrows.support.chunks import CACHED_VALUES, chunks, is_mapped, release
from narrows.support.inputs import Input

# Slices of more bytes are not read at once, unless they are one row.
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

    def will_need(self, offset: int, size: int) -> None:
        """Have the system begin to read some bytes, where it takes such advice."""
        if not hasattr(os, "posix_fadvise"):
            return
        for start in range(offset, offset + size, _ADVISED):
            stop = min(start + _ADVISED, offset + size)
            os.posix_fadvise(self._number, start, stop - start, os.POSIX_FADV_WILLNEED)

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
    with a DataError when it has changed. A slice of rows of more than 64 MiB together is such an
    array again, and so is one of another shape. Other ways to its values, such as
    ``array.mean()``, lead to the mapped memory.
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
        if not self._is_read:
            return super().__getitem__(key)
        if isinstance(first, slice):
            start, stop, step = first.indices(len(self))
            count = len(range(start, stop, step))
            if step == 1 and count > 1 and count * self._row > _LARGEST_READ:
                part = self._part(start, stop)
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
            return self._otherwise(key)
        rows = self._rows(where.astype(np.intp, copy=False))
        return rows[rest] if rest or not rows.ndim else rows

    @property
    def _is_read(self) -> bool:
        """Whether it is known where rows are read: not of what NumPy made of such an array."""
        return self._file is not None

    def _otherwise(self, key: Any) -> Any:
        """What neither a number nor a slice nor an array of them leads to."""
        return super().__getitem__(key)

    @property
    def _row(self) -> int:
        """Bytes of a row."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def will_need(self, start: int, stop: int) -> None:
        """Have the system begin to read some rows of the file, and wait for nothing."""
        if self._file is not None:
            self._file.will_need(self._offset + start * self._row, (stop - start) * self._row)

    def _part(self, start: int, stop: int) -> "FileArray":
        """The rows from ``start`` on, not read yet."""
        part = super().__getitem__(slice(start, stop))
        return FileArray.of(part, self._file, self._offset + start * self._row)

    def _run(self, start: int, count: int) -> np.ndarray:
        """Rows that lie one after the other."""
        assert self._file is not None
        rows = np.empty((count, *self.shape[1:]), self.dtype)
        self._file.read_into(rows, self._offset + start * self._row)
        return rows

    def _rows(self, where: np.ndarray) -> np.ndarray:
        """The rows at ``where``, of any shape (...): (..., \\*item_shape)."""
        places = self._from_the_start(where.reshape(-1))
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

    def _from_the_start(self, places: np.ndarray) -> np.ndarray:
        """Numbers of rows, those counted from the end too, as numbers from 0 on."""
        if places.size and not -len(self) <= places.min() <= places.max() < len(self):
            raise IndexError(f"there is no row {places.min()} or {places.max()} of {len(self)}")
        return np.where(places < 0, places + len(self), places)


class SelectedRows(FileArray):
    """Some rows of a large array in a file, in any order, each read when it is asked for: what is
    left of a data set when others are held out needs no copy of it.

    It is the array of these rows in everything, as a :class:`FileArray` is, but that NumPy's
    functions written in C, such as ``np.asarray``, find NaN in it, or zeros: they are for what was
    read.
    """

    _source: np.ndarray
    _places: np.ndarray | None

    def __array_finalize__(self, obj: Any) -> None:
        super().__array_finalize__(obj)
        self._source, self._places = np.empty(0), None

    @classmethod
    def among(cls, source: np.ndarray, places: np.ndarray) -> "SelectedRows":
        """The rows of ``source``, mapped from a file, at ``places``, counted from its start."""
        if isinstance(source, SelectedRows) and source._places is not None:
            places = source._places[places]
            source = source._source
        fill = np.array(np.nan if source.dtype.kind == "f" else 0, source.dtype)
        array: Any = np.broadcast_to(fill, (len(places), *source.shape[1:])).view(cls)
        smallest = np.uint32 if len(source) < 1 << 32 else np.intp
        array._source, array._places = source, places.astype(smallest, copy=False)
        return array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **how: Any) -> Any:
        given = [loaded(each) if isinstance(each, SelectedRows) else each for each in inputs]
        return getattr(ufunc, method)(*given, **how)

    def reshape(self, *shape: Any, **how: Any) -> np.ndarray:  # type: ignore[override]
        sizes = shape if isinstance(shape[0], int) else tuple(shape[0])
        if how or sizes[0] != len(self) or self._places is None:
            return loaded(self).reshape(*shape, **how)
        source = self._source.reshape(len(self._source), *sizes[1:])
        return SelectedRows.among(source, self._places)

    def will_need(self, start: int, stop: int) -> None:
        assert self._places is not None
        some = self._places[start:stop]
        if len(some) and isinstance(self._source, FileArray):
            self._source.will_need(int(some.min()), int(some.max()) + 1)

    @property
    def _is_read(self) -> bool:
        return self._places is not None

    def _otherwise(self, key: Any) -> Any:
        return loaded(self)[key]

    def _part(self, start: int, stop: int) -> FileArray:
        assert self._places is not None
        return SelectedRows.among(self._source, self._places[start:stop])

    def _run(self, start: int, count: int) -> np.ndarray:
        return self._rows(np.arange(start, start + count))

    def _rows(self, where: np.ndarray) -> np.ndarray:
        assert self._places is not None
        places = self._places[self._from_the_start(where.reshape(-1))].astype(np.intp)
        rows = np.asarray(self._source[places])
        release(self._source)
        return rows.reshape(*where.shape, *self.shape[1:])


def in_file(items: np.ndarray) -> bool:
    """Whether an array is read from a file, or mapped from one, piece by piece."""
    return isinstance(items, FileArray) or is_mapped(items)


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


# Bytes that Linux begins to read for one advice, at most, of most disks.
_ADVISED = 128 << 10
# Bytes that are copied at a time.
_COPIED = 4 << 20
