"""Between the data's own units and the numbers a network works on."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class Scaling:
    """network value = (data value - offset) / scale, one offset and scale for all values.

    Attributes:
        offset, scale: as above.
        centre: what is taken from each value of an item besides, float64 (item_size,), in data
            units: values that lie far apart have no offset in common. None for nothing.
    """

    offset: float = 0.0
    scale: float = 1.0
    centre: Float64[np.ndarray, " item_size"] | None = field(default=None, compare=False)

    @classmethod
    def to_unit_range(cls, lowest: float, highest: float) -> "Scaling":
        """Take ``lowest`` to 0 and ``highest`` to 1; values that are all alike become 0."""
        width = highest - lowest
        return cls(lowest, width if width > 0 else 1.0)

    def to_network(self, values: np.ndarray) -> np.ndarray:
        """Data of any dtype as float32 network values, C-contiguous and of the same shape."""
        # The difference is taken before float32 rounds it: 64-bit data may lie far from zero.
        wide = np.float64 if values.dtype.itemsize > 2 or self.centre is not None else np.float32
        shifted = np.subtract(values, self.offset, dtype=wide)
        if self.centre is not None:
            shifted -= self.centre.reshape(shifted.shape[1:])
        return np.divide(shifted, self.scale, dtype=wide).astype(np.float32, "C", copy=False)

    def to_data(self, values: np.ndarray) -> np.ndarray:
        """Network values as data values, of the same shape: float32 if the two are the same,
        otherwise float64, for data may lie far from zero."""
        if self.centre is not None:
            centre = (self.centre + self.offset).reshape(values.shape[1:])
            return np.multiply(values, self.scale, dtype=np.float64) + centre
        if self.offset == 0 and self.scale == 1:
            return values
        return np.multiply(values, self.scale, dtype=np.float64) + self.offset


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
        target[part] = _as_integers(flat[part], dtype, value_range)
    return result


# Values that stay in the cache from one pass over them to the next.
_ROUNDED_AT_ONCE = 1 << 15


def _as_integers(
    values: np.ndarray, dtype: np.dtype, value_range: tuple[float, float] | None
) -> np.ndarray:
    limits = np.iinfo(dtype)
    low, high = value_range or (limits.min, limits.max)
    if dtype.itemsize > 2:
        # float32 holds every integer of 16 bits and float64 every one of 32
        values = values.astype(np.float64)
    rounded = np.rint(np.clip(values, low, high))
    if dtype.itemsize == 8:  # the highest integer of 64 bits is no float64
        rounded = np.clip(rounded, limits.min, np.nextafter(float(limits.max), 0))
    return rounded.astype(dtype)
