"""Between the data's own units and the numbers a network works on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float64

_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


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

    @cached_property
    def fits_float32(self) -> bool:
        """Whether float32 can subtract the offset and multiply by 1 / scale: those of float64 data
        may be too large, and 1 / scale of a very narrow range is."""
        return abs(self.offset) <= _LARGEST_FLOAT32 and self.scale * _LARGEST_FLOAT32 > 1

    def to_network(self, values: np.ndarray) -> np.ndarray:
        """Data of any dtype as float32 network values, C-contiguous and of the same shape."""
        # The difference is taken before float32 rounds it: 64-bit data may lie far from zero.
        is_wide = values.dtype.itemsize > 2 or self.centre is not None or not self.fits_float32
        wide = np.float64 if is_wide else np.float32
        shifted = np.asarray(np.subtract(values, self.offset, dtype=wide))
        if self.centre is not None:
            shifted -= self.centre.reshape(shifted.shape[1:])
        np.divide(shifted, self.scale, out=shifted, dtype=wide)
        return shifted.astype(np.float32, "C", copy=False)

    def to_data(self, values: np.ndarray) -> np.ndarray:
        """Network values as data values, of the same shape: float32 if the two are the same,
        otherwise float64, for data may lie far from zero."""
        if self.centre is None and self.offset == 0 and self.scale == 1:
            return values
        # in place: new memory takes longer than a sum
        data = np.multiply(values, self.scale, dtype=np.float64)
        centre = self.centre
        data += self.offset if centre is None else (centre + self.offset).reshape(data.shape[1:])
        return data
