"""The resolution of a column's numbers: whole numbers, so many decimals, steps of 0.5 or 100."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

# More decimals are those of a measurement, and tell nothing.
_MOST_DECIMALS = 9
# Numbers that look first: most columns of measurements fail here.
_FIRST = 100
# Fewer numbers are multiples of something by chance.
_FEWEST = 20
# float64 holds every whole number below this.
_EXACT = 1 << 53


class Resolution(NamedTuple):
    """The numbers (anchor + k step) / 10^decimals, for all whole k."""

    decimals: int
    step: int
    anchor: int

    @classmethod
    def from_list(cls, values: Any) -> "Resolution":
        """From JSON values that may be a stranger's.

        Raises:
            ValueError, TypeError: they are no resolution's.
        """
        decimals, step, anchor = values
        if not all(isinstance(each, int) for each in (decimals, step, anchor)):
            raise ValueError("a resolution is three whole numbers")
        if not (0 <= decimals <= _MOST_DECIMALS and 1 <= step < _EXACT and 0 <= anchor < step):
            raise ValueError(f"there is no resolution of {decimals} decimals and steps of {step}")
        return cls(decimals, step, anchor)

    def nearest(self, numbers: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Each number rounded to the resolution; NaN stays."""
        unit = 10.0**self.decimals
        steps = np.rint((numbers * unit - self.anchor) / self.step)
        return (steps * self.step + self.anchor) / unit


class ResolutionFinder:
    """Takes a column's numbers in blocks and finds the coarsest resolution that all have."""

    def __init__(self) -> None:
        self._decimals = self._step = self._count = 0
        self._first: int | None = None
        self._none = False

    def add(self, numbers: Float64[np.ndarray, " n"], dtype: np.dtype) -> None:
        """The next numbers, none of them missing.

        Args:
            dtype: what they were stored as: 0.1 is another number in float32.
        """
        for part in (numbers[:_FIRST], numbers):
            while len(part) and not self._none and not self._fits(part, dtype):
                self._refine()
        if self._none or not len(numbers):
            return
        whole = np.rint(numbers * 10.0**self._decimals).astype(np.int64)
        if self._first is None:
            self._first = int(whole[0])
        self._step = int(np.gcd.reduce(np.abs(whole - self._first), initial=self._step))
        self._count += len(numbers)

    def _fits(self, numbers: np.ndarray, dtype: np.dtype) -> bool:
        unit = 10.0**self._decimals
        whole = np.rint(numbers * unit)
        if np.abs(whole).max() >= _EXACT:
            self._none = True
            return True
        return np.array_equal((whole / unit).astype(dtype), numbers.astype(dtype))

    def _refine(self) -> None:
        self._decimals += 1
        self._step *= 10
        self._first = None if self._first is None else self._first * 10
        self._none = self._decimals > _MOST_DECIMALS

    def found(self) -> Resolution | None:
        """The resolution; None where there is none, or a single number."""
        if self._none or self._first is None or not 1 <= self._step < _EXACT:
            return None
        if self._count < _FEWEST:
            return Resolution(self._decimals, 1, 0)
        return Resolution(self._decimals, self._step, self._first % self._step)
