"""Exceptions of a block: values that no level stands for, at their places, bit for bit.

A raw DEFLATE stream of, for n values: the distances between their places (n times 4 bytes, the
first counted from 0), then their bits, each group of bytes of equal weight together (lowest first).
"""

from dataclasses import dataclass

import numpy as np

from narrows.archive.bounds import bits_of
from narrows.archive.deflated import deflated, inflated
from narrows.archive.filters import joined_planes, planes


@dataclass(frozen=True)
class ExactValues:
    """Values and where they belong.

    Attributes:
        places: numbers of values in their block, rising, int64 (n,).
        bits: their bits, unsigned (n,).
    """

    places: np.ndarray
    bits: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, chosen: np.ndarray) -> "ExactValues":
        """Those of ``values`` where ``chosen``, an array of truth values of the same shape."""
        places = np.flatnonzero(chosen)
        return cls(places, bits_of(values.reshape(-1)[places]))

    def to_bytes(self) -> bytes:
        """The exceptions packed, without their number."""
        distances = np.diff(self.places, prepend=0).astype("<u4")
        return deflated(planes(distances) + planes(self.bits))

    @classmethod
    def from_bytes(cls, content: bytes, count: int, width: int, size: int) -> "ExactValues":
        """Unpack ``count`` exceptions of ``width`` bytes each in a block of ``size`` values.

        Raises:
            ValueError, zlib.error: they are not what was packed.
        """
        unpacked = inflated(content, count * (4 + width))
        distances = joined_planes(unpacked[: 4 * count], np.dtype("<u4"))
        places = np.cumsum(distances.astype(np.int64))
        if count and (places[-1] >= size or distances[1:].min(initial=1) == 0):
            raise ValueError("an exception lies outside its block")
        return cls(places, joined_planes(unpacked[4 * count :], np.dtype(f"<u{width}")))

    def put_into(self, values: np.ndarray) -> None:
        """Set the values at their places in ``values``, contiguous and writable."""
        bits_of(values.reshape(-1))[self.places] = self.bits
