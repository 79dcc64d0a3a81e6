"""What an archive says of an array: its shape, its dtype and its byte order."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from narrows.archive.validation import damaged, field, whole_number
from narrows.data.file_arrays import FileArray
from narrows.errors import DataError

#: NumPy's own limit since 2.0.
MOST_DIMENSIONS = 64
#: Bytes that all values together may take: what NumPy can address.
MOST_BYTES = (1 << 63) - 1

_BOOL, _INTEGERS, _FLOATS = "b1", ("1", "2", "4", "8"), ("2", "4", "8")
_TYPES = frozenset(
    [_BOOL, *(kind + size for kind in "iu" for size in _INTEGERS), *("f" + s for s in _FLOATS)]
)


#: Classes of arrays of which nothing but the values counts.
_PLAIN_CLASSES = (np.ndarray, np.memmap, FileArray)

_HINTS = {
    "c": "give X.real and X.imag",
    "M": "give X.view('int64'), or a column of a DataFrame, which keeps dates",
    "m": "give X.view('int64'), or a column of a DataFrame, which keeps durations",
    "V": "give a DataFrame, which has a column for each field: pd.DataFrame(X)",
    "O": "give one dtype, X.astype(float) perhaps, or a column of a DataFrame",
    "U": "give a column of a DataFrame, which keeps texts",
    "S": "give a column of a DataFrame, which keeps bytes",
}


def array_of(X: Any) -> np.ndarray:
    """``X`` as an array that an archive gives back as it is.

    Raises:
        DataError: it is none, or of a class of its own, which would be lost.
    """
    class_ = type(X)
    if isinstance(X, np.ndarray) and class_ not in _PLAIN_CLASSES:
        raise DataError(
            f"X is a {class_.__module__}.{class_.__name__}, which would come back as a plain array",
            hint="give np.asarray(X), if its values are all that counts",
        )
    if class_ is FileArray:
        return X
    try:
        return np.asarray(X)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"X, a {class_.__name__}, is no array: {error}",
            hint="give an array, a DataFrame, or lists that are all of one length",
        ) from error


@dataclass(frozen=True)
class Layout:
    """The shape and the dtype of an array, which counts its items along the first axis.

    An array of shape () is one item.
    """

    dtype: np.dtype
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: np.ndarray) -> "Layout":
        """The layout of ``array``.

        Raises:
            DataError: values that an archive does not hold.
        """
        dtype = array.dtype
        if f"{dtype.kind}{dtype.itemsize}" not in _TYPES:
            raise DataError(
                f"values of type {dtype.name} cannot be compressed",
                hint=_HINTS.get(
                    dtype.kind,
                    "give truth values, integers of 8 to 64 bits or floats of 16 to 64 bits",
                ),
            )
        return cls(dtype, array.shape)

    @classmethod
    def from_header(cls, entry: Mapping[str, Any], name: str) -> "Layout":
        """What a header says of an array.

        Raises:
            ArchiveError: it is no array that there can be.
        """
        text = field(entry, "dtype", str, name)
        if len(text) != 3 or text[0] not in "<>|" or text[1:] not in _TYPES:
            raise damaged(name, f"its header gives the dtype as {text[:20]!r}")
        shape = field(entry, "shape", list, name)
        if len(shape) > MOST_DIMENSIONS:
            raise damaged(name, f"its header gives a shape of {len(shape):,} dimensions")
        lengths = [whole_number(length, 0, MOST_BYTES, "a length", name) for length in shape]
        dtype = np.dtype(text)
        if math.prod(filter(None, lengths)) * dtype.itemsize > MOST_BYTES:
            raise damaged(name, "its header gives a shape that no array can have")
        return cls(dtype, tuple(lengths))

    def to_header(self) -> dict[str, Any]:
        """What a header says of the array."""
        order = "|" if self.dtype.itemsize == 1 else ("<" if self.little_endian else ">")
        return {
            "dtype": f"{order}{self.dtype.kind}{self.dtype.itemsize}",
            "shape": list(self.shape),
        }

    @property
    def little_endian(self) -> bool:
        """Whether the lowest byte of a value comes first."""
        return self.dtype == self.dtype.newbyteorder("<")

    @property
    def working_dtype(self) -> np.dtype:
        """The dtype in the machine's own byte order, in which blocks are computed."""
        return self.dtype.newbyteorder("=")

    @property
    def count(self) -> int:
        """How many items there are."""
        return self.shape[0] if self.shape else 1

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of one item."""
        return self.shape[1:]

    @cached_property
    def item_size(self) -> int:
        """How many values one item holds."""
        return math.prod(self.item_shape)

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.count * self.item_size

    @property
    def nbytes(self) -> int:
        """The bytes of all values as they are."""
        return self.size * self.dtype.itemsize

    def block_shape(self, start: int, values: int) -> tuple[int, ...]:
        """The shape of a block: whole items where it is made of them, otherwise flat.

        Args:
            start: the number of its first value, counted over the whole array.
            values: how many it holds.
        """
        whole = self.item_size and not start % self.item_size and not values % self.item_size
        return (values // self.item_size, *self.item_shape) if whole else (values,)
