"""The few wild values that make a column's spread, such as 9999 among numbers from 0 to 10.

They are told by what the variance is without them, as in tests by deletion (Grubbs, Procedures for
detecting outlying observations in samples, 1969): it must be less than a quarter.
"""

from dataclasses import replace

import numpy as np

from narrows.data.tables.statistics import Moments

#: Wild values of a column at most.
MOST_WILD = 3
# Fewer numbers say nothing of what is usual, and among them one in a hundred may be wild.
_FEWEST, _ONE_OF = 20, 100
# The share of the variance that may be left without them.
_LEFT = 0.25


class WildNote(str):
    """A note that names columns whose spread few wild values make."""


class WildFinder:
    """Takes numbers in blocks, each with others beside it, and holds the few that lie outermost
    back from the sums of all others, so that no sum loses these beside a large number."""

    def __init__(self, beside: int) -> None:
        """``beside``: how many numbers come with each."""
        self._held = np.empty((beside + 1, 0))
        self._moments, self._sums = Moments(), np.zeros(beside)

    @property
    def held(self) -> np.ndarray:
        """The outermost numbers so far, and what stands beside each: (1 + beside, m)."""
        return self._held

    def add(self, numbers: np.ndarray, *beside: np.ndarray) -> None:
        """Count numbers (n,), without NaN, and what stands beside them: arrays (n,)."""
        among = np.concatenate([self._held, np.stack([numbers, *beside])], axis=1)
        outer = np.ones(among.shape[1], bool)
        if len(outer) > 2 * MOST_WILD:
            order = np.argpartition(among[0], (MOST_WILD, len(outer) - MOST_WILD))
            outer[order[MOST_WILD:-MOST_WILD]] = False
        self._held, others = among[:, outer], among[:, ~outer]
        self._moments.add(others[0])
        self._sums += others[1:].sum(axis=1)

    def wild(self) -> tuple[np.ndarray, Moments, np.ndarray]:
        """The wild ones, farthest first, each with what stands beside it: (1 + beside, m); the
        moments of the others, and the sums of what stands beside these: (beside,)."""
        held = self._held
        centre = self._moments.mean if self._moments.count else 0.0
        held = held[:, np.argsort(-np.abs(held[0] - centre), kind="stable")]
        count = self._moments.count + held.shape[1]
        most = min(MOST_WILD, max(count // _ONE_OF, 1)) if count >= _FEWEST else 0
        found, others = 0, self._with(held[0])
        for number in range(1, most + 1):
            without = self._with(held[0, number:])
            if without.spread**2 < _LEFT * others.spread**2:
                found, others = number, without
        return held[:, :found], others, self._sums + held[1:, found:].sum(axis=1)

    def _with(self, numbers: np.ndarray) -> Moments:
        """The moments of all that are not held, and of these numbers."""
        moments = replace(self._moments)
        moments.add(numbers)
        return moments
