"""One probability of many: layers of weights that learn from every answer.

The logit of a mixer is the weighted sum of the logits that go in, and that of all mixers their
mean. Each weight moves along the gradient of the bits that the answer cost, input times error; all
values of a batch that share a set of weights move it at once, and the step grows with the square
root of their number.
"""

from functools import cache
from math import isqrt

import numpy as np

from narrows.archive.mixing.contexts import Number
from narrows.archive.mixing.logistic import LARGEST_LOGIT, ONE
from narrows.archive.mixing.mixer_selection import Mixers
from narrows.archive.mixing.scan_order import MOST_AT_ONCE

# A sum of at most 128 products of weights up to 2^23 and inputs below 2^12 stays below 2^42; a
# gradient of 2^12 answers, each an error below 2^17 times an input, below 2^41.
#: Weights are in 1/65536.
WEIGHT_BITS = 16
LARGEST_WEIGHT = 1 << 23
#: Steps along a gradient are in 2^-RATE_BITS.
RATE_BITS = 32
_INVERSE_RATE = 51_200
_COUNTS = range(MOST_AT_ONCE + 1)
#: What the weights of the first of a cell's two opinions add up to, at first.
FIRST_SUM = 163_840
#: No answer is impossible, and none costs more than 11.4 bits.
LEAST = 24
#: Questions that have weights of their own, in every set.
NODES = 32


def first_sets(mixers: Mixers) -> np.ndarray:
    """The number of each mixer's first set of weights among those of all, int64 (mixers,)."""
    return np.cumsum([0, *mixers.cases[:-1]]) * NODES


def set_of(case: Number, node: Number, question: int) -> Number:
    """The number of a mixer's set of weights for a value of this case, or those of some.

    By the bits that are known already, where these are few, else by the question.
    """
    few = node < 16
    return case * NODES + node * few + (16 + question) * (1 - few)


def allowed(chance: Number) -> Number:
    """A chance, or some, that is coded with: neither impossible nor certain."""
    return np.minimum(np.maximum(chance, LEAST), ONE - LEAST)


@cache
def rates() -> np.ndarray:
    """How far a gradient summed over m = 1, 2, ... answers moves a weight, int64.

    2^32 / (51200 sqrt(m + 1)), rounded down; as many as a batch may have.
    """
    squares = [2 ** (2 * RATE_BITS) // (_INVERSE_RATE**2 * (m + 1)) for m in _COUNTS]
    table = np.array([isqrt(square) for square in squares], np.int64)
    table.setflags(write=False)
    return table


class Mixer:
    """Sets of weights, int32 (sets, inputs), which it changes."""

    def __init__(self, weights: np.ndarray) -> None:
        self._weights = weights

    def logits(self, inputs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """The logit of a yes of each value, int64 (m,).

        Args:
            inputs: logits, int64 (m, inputs).
            chosen: which set of weights each value uses, int64 (m,).
        """
        sums = (inputs * self._weights[chosen]).sum(axis=1)
        return np.clip(sums >> WEIGHT_BITS, -LARGEST_LOGIT, LARGEST_LOGIT)

    def learn(self, inputs: np.ndarray, chosen: np.ndarray, errors: np.ndarray) -> None:
        """Move the weights by what was answered.

        Args:
            inputs: as they were mixed.
            chosen: as they were mixed.
            errors: the answer, 0 or 65536, less its probability: int64 (m,).
        """
        order = np.argsort(chosen, kind="stable")
        sets, first, counts = np.unique(chosen[order], return_index=True, return_counts=True)
        gradients = np.add.reduceat((errors[:, None] * inputs)[order], first, axis=0)
        moved = self._weights[sets] + (gradients * rates()[counts][:, None] >> RATE_BITS)
        self._weights[sets] = np.clip(moved, -LARGEST_WEIGHT, LARGEST_WEIGHT)
