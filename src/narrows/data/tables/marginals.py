"""How a column's numbers lie: a piecewise linear distribution function, with jumps at values that
hold a share of the rows of their own, such as zeros and the ends of a range."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float64

# So many different values are kept each for itself.
_DISCRETE = 128
# Of more, a value is kept for itself that so large a share of the rows have, and so many rows.
_MASS, _FEWEST = 0.005, 3
_MOST_KNOTS = 4096
# Of so few values each is a class, and none stands out of a measurement.
_FEW = 12


@dataclass(frozen=True)
class Marginal:
    """The inverse of a distribution function, linear between knots.

    Attributes:
        levels: shares of the rows, from 0 to 1, float64 (k,); they never fall.
        values: those that so many rows are at most, float64 (k,); they never fall.
    """

    levels: Float64[np.ndarray, " k"]
    values: Float64[np.ndarray, " k"]

    @classmethod
    def of(cls, numbers: Float64[np.ndarray, " n"], knots: int) -> "Marginal":
        """That of numbers, none of them missing, n at least 1, by about ``knots`` knots."""
        values, counts = np.unique(numbers, return_counts=True)
        ends = np.cumsum(counts) / len(numbers)
        starts = np.append(0.0, ends[:-1])
        alone = np.ones(len(values), bool)
        if len(values) > min(_DISCRETE, knots):
            alone = (counts >= _FEWEST) & (counts >= max(_MASS, 1 / knots) * len(numbers))
        # between two values that stand for themselves, a stretch of others
        bounds = [-1, *np.flatnonzero(alone).tolist(), len(values)]
        levels, found = list[float](), list[float]()
        for before, after in pairwise(bounds):
            if before >= 0:
                levels += [starts[before], ends[before]]
                found += [values[before]] * 2
            stretch = np.arange(before + 1, after)
            if len(stretch):
                width = ends[stretch[-1]] - starts[stretch[0]]
                count = max(int(np.ceil(width * knots)), 2)
                chosen = stretch[np.linspace(0, len(stretch) - 1, count).astype(int)]
                share = (chosen - stretch[0]) / max(len(stretch) - 1, 1)
                # by their ranks: the first at the beginning, the last at the end
                middle = (starts[chosen] + ends[chosen]) / 2
                middle[share == 0], middle[share == 1] = starts[stretch[0]], ends[stretch[-1]]
                levels += middle.tolist()
                found += values[chosen].tolist()
        return cls(np.round(levels, 7), np.array(found))

    @classmethod
    def from_lists(cls, levels: Any, values: Any) -> "Marginal":
        """From JSON values that may be a stranger's.

        Raises:
            ValueError, TypeError: they are no marginal's.
        """
        if not isinstance(levels, list) or not isinstance(values, list):
            raise ValueError("a marginal is two lists")
        if not 1 <= len(levels) == len(values) <= _MOST_KNOTS:
            raise ValueError(f"a marginal has 1 to {_MOST_KNOTS:,} levels, and as many values")
        arrays = np.array(levels, np.float64), np.array(values, np.float64)
        for array in arrays:
            if not np.isfinite(array).all() or (np.diff(array) < 0).any():
                raise ValueError("the levels and values of a marginal are numbers that never fall")
        if arrays[0][0] < 0 or arrays[0][-1] > 1:
            raise ValueError("the levels of a marginal are from 0 to 1")
        return cls(*arrays)

    def masses(self, share: float) -> list[float]:
        """The values that at least so large a share of the rows have, of more values than a few."""
        if len(np.unique(self.values)) <= _FEW:
            return []
        jumps = np.diff(self.levels) * (np.diff(self.values) == 0)
        return self.values[:-1][jumps >= share].tolist()

    def at(self, shares: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The value that each share of the rows, from 0 to 1, is at most."""
        place = np.clip(np.searchsorted(self.levels, shares, side="right"), 1, len(self.levels) - 1)
        if len(self.levels) == 1:
            return np.full(len(shares), self.values[0])
        low, high = self.levels[place - 1], self.levels[place]
        along = np.clip((shares - low) / np.where(high > low, high - low, 1), 0, 1)
        return self.values[place - 1] * (1 - along) + self.values[place] * along
