"""Computed values in the dtype of the data that they stand for."""

from functools import cache
from typing import NamedTuple

import numpy as np


class ValueType(NamedTuple):
    """How data hold their values.

    Attributes:
        dtype: of the data.
        value_range: the lowest and the highest value of their source's format; None for all that
            the dtype holds.
    """

    dtype: np.dtype
    value_range: tuple[float, float] | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value there can be, of a dtype of whole numbers."""
        return self.value_range or _limits(self.dtype)


def as_type(values: np.ndarray, to: ValueType | None) -> np.ndarray:
    """Computed values as data hold theirs, see :func:`as_dtype`; None leaves them as they are."""
    return values if to is None else as_dtype(values, *to)


def as_dtype(
    values: np.ndarray, dtype: np.dtype, value_range: tuple[float, float] | None
) -> np.ndarray:
    """Reconstructed values in the dtype of their originals.

    Clipped to what it, or the source's format, can hold, and rounded to the nearest where it holds
    whole numbers or truth values.
    """
    if dtype.kind == "f":
        if dtype.itemsize < values.dtype.itemsize:
            limit = float(np.finfo(dtype).max)
            values = np.clip(values, -limit, limit)
        return values.astype(dtype)
    if dtype.kind == "b":
        return values >= 0.5
    result = np.empty(values.shape, dtype)
    flat, target = values.reshape(-1), result.reshape(-1)
    for start in range(0, flat.size, _ROUNDED_AT_ONCE):
        part = slice(start, start + _ROUNDED_AT_ONCE)
        target[part] = _as_whole_numbers(flat[part], dtype, value_range)
    return result


# Values that stay in the cache from one pass over them to the next, and are many for a call.
_ROUNDED_AT_ONCE = 1 << 18


def _as_whole_numbers(
    values: np.ndarray, dtype: np.dtype, value_range: tuple[float, float] | None
) -> np.ndarray:
    """Floats that ``dtype`` holds."""
    low, high = ValueType(dtype, value_range).limits
    if dtype.itemsize > 2 or values.dtype.kind != "f":
        # float32 holds every integer of 16 bits and float64 every one of 32
        values = values.astype(np.float64)
    rounded: np.ndarray = values.clip(low, high)  # np.clip takes twice as long for one item
    np.rint(rounded, out=rounded)
    if dtype.itemsize == 8:  # the highest integer of 64 bits is no float64
        low, high = _limits(dtype)
        rounded = rounded.clip(low, np.nextafter(float(high), 0))
    return rounded


@cache
def _limits(dtype: np.dtype) -> tuple[int, int]:
    """The lowest and the highest whole number of a dtype."""
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)
