"""How likely each number of a code is, given those before it, in whole numbers.

Units of context see the first few numbers of a code, and say of each number behind these where the
middle of its distribution lies and how narrow it is. The distribution is logistic: what it has
below x is the chance of (x - middle) / width, of the table that context mixing has too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from narrows.archive.codes.integer_net import ARGUMENT_BITS, LARGEST, activated, cut, rounded_shift
from narrows.archive.mixing.logistic import LARGEST_LOGIT, ONE, probabilities

#: Bits after the point of a middle.
MIDDLE_BITS = 8
#: The unit of the logarithm of one over a width: 1/16 of a bit.
LOG_UNIT = 16
#: Numbers that have a distribution of their own; units that see them.
MOST_NUMBERS, MOST_UNITS = 1 << 12, 1 << 12
#: Different values that a number may have.
MOST_VALUES = 1 << 11

# Logarithms of one over a width stay within this: 4, and over ln 2 in the unit, times 2^10.
_WIDEST_LOG = 4
_LOG_FACTOR = 94548
_SHARP_BITS = 12


@dataclass(frozen=True)
class Predictor:
    """Weights and biases as whole numbers, int64.

    Attributes:
        context: (numbers, units), and of the biases (units,).
        middle: (units, numbers), (numbers,).
        width: likewise.
        bits: of the context's weights, of those to the middles and of those to the widths, how
            many are after the point.
    """

    context: tuple[np.ndarray, np.ndarray]
    middle: tuple[np.ndarray, np.ndarray]
    width: tuple[np.ndarray, np.ndarray]
    bits: tuple[int, int, int]

    @property
    def size(self) -> int:
        """How many numbers a code has."""
        return len(self.context[0])

    @property
    def units(self) -> int:
        """How many units of context there are."""
        return len(self.context[1])

    def numbers(self) -> np.ndarray:
        """All weights and biases in order: int16, flat."""
        pairs = (self.context, self.middle, self.width)
        return np.concatenate([part.reshape(-1) for pair in pairs for part in pair]).astype("i2")

    @classmethod
    def of_numbers(
        cls, numbers: np.ndarray, size: int, units: int, bits: tuple[int, int, int]
    ) -> "Predictor":
        """The one that has these :meth:`numbers`."""
        parts = [part.astype(np.int64) for part in cut(numbers, predictor_shapes(size, units))]
        return cls((parts[0], parts[1]), (parts[2], parts[3]), (parts[4], parts[5]), bits)


def predictor_shapes(size: int, units: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of the parts of a predictor, in their order."""
    return (size, units), (units,), (units, size), (size,), (units, size), (size,)


def context_degrees(size: int, units: int) -> np.ndarray:
    """How many numbers, from the first on, each unit of the context sees: int64 (units,).

    A part of the format, and the same as in the ``rounded`` block that learns the weights.
    """
    return 1 + np.arange(units) * max(size - 1, 1) // units


def quantised_predictor(arrays: Mapping[str, Any]) -> Predictor:
    """The predictor in whole numbers nearest to the arrays of a ``rounded`` block."""
    size, units = arrays["context.weight"].shape
    degrees, numbers = context_degrees(size, units), np.arange(size)
    made, bits = [], []
    for name, mask, bias_bits in (
        ("context", numbers[:, None] < degrees, ARGUMENT_BITS),
        ("middle", degrees[:, None] <= numbers, MIDDLE_BITS),
        ("width", degrees[:, None] <= numbers, ARGUMENT_BITS),
    ):
        weight = arrays[f"{name}.weight"].astype(np.float64) * mask
        largest = max(float(np.abs(weight).max(initial=0)), 2.0**-8)
        fine = min(max(int(np.floor(np.log2(LARGEST / largest))), 0), 12)
        each = (weight * 2.0**fine, arrays[f"{name}.bias"].astype(np.float64) * 2.0**bias_bits)
        made.append(tuple(np.clip(np.rint(x), -LARGEST, LARGEST).astype(np.int64) for x in each))
        bits.append(fine)
    return Predictor(made[0], made[1], made[2], (bits[0], bits[1], bits[2]))


class Reading:
    """A predictor at work on some codes, one number after the other."""

    def __init__(self, predictor: Predictor, count: int) -> None:
        self._predictor = predictor
        self._seen = context_degrees(predictor.size, predictor.units)
        # of units that have seen all that they see; the others do not count yet
        self._known = 0
        self._context = np.zeros((count, predictor.units), np.int64)

    def next(self, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The middle of the number behind ``before`` (n, i) and its sharpness, each int64 (n,)."""
        (weight, bias), number = self._predictor.context, before.shape[1]
        context_bits, middle_bits, width_bits = self._predictor.bits
        known = int(np.searchsorted(self._seen, number, "right"))
        new = slice(self._known, known)
        sums = exact_product(before, weight[:number, new])
        sums = _moved(sums, context_bits - ARGUMENT_BITS) + bias[new]
        sums = np.clip(sums, -_LARGEST_SUM, _LARGEST_SUM)
        self._context[:, new] = activated("silu", sums, ARGUMENT_BITS)
        self._known = known
        told = self._context[:, :known]
        found = []
        for (weight, bias), bits, wanted in (
            (self._predictor.middle, middle_bits, MIDDLE_BITS),
            (self._predictor.width, width_bits, ARGUMENT_BITS),
        ):
            sums = exact_product(told, weight[:known, number : number + 1])[:, 0]
            found.append(rounded_shift(sums, bits + ARGUMENT_BITS - wanted) + bias[number])
        middle, width = found
        return np.clip(middle, -_FURTHEST, _FURTHEST), sharpness(width)


# No middle is further from 0; a code is within 2^15. What a unit of context says is cut to 512,
# which times a weight, added up over all units, is a whole number below 2^48.
_FURTHEST, _LARGEST_SUM = 1 << 24, 1 << 20


def exact_product(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x @ weight of whole numbers, by way of float64, where all sums here are exact."""
    return (x.astype(np.float64) @ weight.astype(np.float64)).astype(np.int64)


def _moved(x: np.ndarray, bits: int) -> np.ndarray:
    return rounded_shift(x, bits) if bits >= 0 else x << -bits


def sharpness(width: np.ndarray) -> np.ndarray:
    """What a distance in 1/256 is multiplied with, 4096 being 1, by ``width``: the logarithm of
    one over the width, before it is cut, with ARGUMENT_BITS after the point."""
    cut = width * _LOG_FACTOR // ((_WIDEST_LOG << ARGUMENT_BITS) + np.abs(width))
    return _sharpness_table()[rounded_shift(cut, 10) + _MOST_LOG]


_MOST_LOG = _LOG_FACTOR // 1024 + 1


@cache
def _sharpness_table() -> np.ndarray:
    """4096 * 2^(l / 16), rounded, for l from -_MOST_LOG to _MOST_LOG: int64."""
    exponents = np.arange(-_MOST_LOG, _MOST_LOG + 1) / LOG_UNIT
    return np.rint(2.0**exponents * (1 << _SHARP_BITS)).astype(np.int64)


def chances_below(
    x: np.ndarray, middle: np.ndarray, sharp: np.ndarray, lowest: int, values: int
) -> np.ndarray:
    """What lies below the value x, in 1/65536, where there are ``values`` of them from ``lowest``
    on and each has at least one part of 65536: nothing below the first, all below the last + 1."""
    distance = (x << MIDDLE_BITS) - (1 << MIDDLE_BITS - 1) - middle
    logit = np.clip(distance * sharp >> _SHARP_BITS, -LARGEST_LOGIT, LARGEST_LOGIT)
    below = probabilities()[logit + LARGEST_LOGIT] * (ONE - values) >> 16
    below = np.where(x >= lowest + values, ONE - values, np.where(x <= lowest, 0, below))
    return below + np.clip(x - lowest, 0, values)
