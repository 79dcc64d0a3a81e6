"""From values to integer levels and back, within a guaranteed largest error.

=============  ==================================  ============================================
quantiser      a level k stands for                for
=============  ==================================  ============================================
``AsTheyAre``  the value with these bits           lossless coding of anything
``Steps``      clip(k · step, the dtype's limits)  integers within a bound t: step = 2t + 1
``Grid``       float64(k · step) / divisor, cast   floats within a bound, or that are multiples
=============  ==================================  ============================================

In ``Grid`` the product k · step is an exact integer below 2^53, the division is one operation of
IEEE 754 in float64, rounded to nearest, and the cast to the dtype another one. So the result is the
same on every machine, and n / 10^d is the float that the decimal number n · 10^-d is read as.

A value that its level does not stand for well enough is not rounded away: it is stored as it is, as
an exception. :func:`within` decides, with arithmetic that cannot hide a violation.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.archive.validation import damaged, finite_number, whole_number
from narrows.errors import UsageError

#: Integers up to here, and no further, are all float64 numbers.
EXACT_INTEGERS = 1 << 53

# Values compared together: what they become on the way stays in the processor's cache.
_AT_ONCE = 1 << 16

_UNSIGNED = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}


def checked_bound(max_error: float | None) -> float:
    """The largest error allowed, 0 for None: the largest float that is no more.

    Raises:
        UsageError: negative, infinite or no number.
    """
    bound = 0.0 if max_error is None else float(max_error)
    if not 0 <= bound < math.inf:
        raise UsageError(
            f"the largest error allowed is {bound:g}, and must be a number from 0 on",
            hint="give it in the data's own units, such as 0.5, or 0 for lossless",
        )
    # An integer beyond 2^53 may have become more than it is.
    return bound if max_error is None or bound <= max_error else math.nextafter(bound, 0.0)


def bits_of(values: np.ndarray) -> np.ndarray:
    """The bits of ``values`` as unsigned integers of the same width and shape."""
    return values.view(_UNSIGNED[values.dtype.itemsize])


def within(values: np.ndarray, others: np.ndarray, bound: float) -> np.ndarray:
    """Where two arrays of one dtype differ by no more than ``bound``, or not at all.

    Exact: the difference as a real number is compared, not its rounding. NaN is within a bound of
    nothing but the same bits, and infinity of nothing but itself; with ``bound`` 0 the bits must be
    the same, so that the two zeros differ.
    """
    result = np.empty(values.size, bool)
    flat, other = values.reshape(-1), others.reshape(-1)
    for start in range(0, flat.size, _AT_ONCE):
        piece = slice(start, start + _AT_ONCE)
        result[piece] = _within(flat[piece], other[piece], bound)
    return result.reshape(values.shape)


def _within(values: np.ndarray, others: np.ndarray, bound: float) -> np.ndarray:
    same = bits_of(values) == bits_of(others)
    if bound == 0 or values.dtype.kind == "b":
        return same
    if values.dtype.kind in "iu":
        return same | (distance(values, others) <= min(math.floor(bound), (1 << 64) - 1))
    with np.errstate(all="ignore"):
        x, y = values.astype(np.float64), others.astype(np.float64)
        # Knuth's TwoSum: x - y = difference + rest, exactly. A difference that is rounded to the
        # bound itself is above it where the rest points away from 0.
        difference = x - y
        part = difference - x
        rest = (x - (difference - part)) - (y + part)
        size = np.abs(difference)
        return same | (size < bound) | ((size == bound) & (np.sign(difference) * rest <= 0))


def distance(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """|values - others| of two integer arrays of one dtype, exact, unsigned of the same width."""
    larger = np.where(values > others, values, others)
    smaller = np.where(values > others, others, values)
    return bits_of(larger) - bits_of(smaller)


class Quantiser(ABC):
    """Turns values into integer levels of the same shape, and back."""

    @abstractmethod
    def to_header(self) -> dict[str, Any] | None:
        """What a header says of it."""

    @abstractmethod
    def level_dtype(self, dtype: np.dtype) -> np.dtype:
        """The dtype of the levels of values of ``dtype``."""

    @abstractmethod
    def levels(self, values: np.ndarray) -> np.ndarray:
        """The levels of ``values``; any where there is none that fits."""

    @abstractmethod
    def restore(self, levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """The values that ``levels`` stand for.

        Raises:
            ValueError: a level that stands for nothing.
        """


@dataclass(frozen=True)
class AsTheyAre(Quantiser):
    """Integers are their own levels; the level of a float or a truth value is its bits."""

    def to_header(self) -> dict[str, Any] | None:
        return None

    def level_dtype(self, dtype: np.dtype) -> np.dtype:
        return dtype if dtype.kind in "iu" else np.dtype(_UNSIGNED[dtype.itemsize])

    def levels(self, values: np.ndarray) -> np.ndarray:
        return values.view(self.level_dtype(values.dtype))

    def restore(self, levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
        if dtype.kind == "b" and levels.size and levels.max() > 1:
            raise ValueError("a truth value is neither 0 nor 1")
        return levels.view(dtype)


AS_THEY_ARE = AsTheyAre()


@dataclass(frozen=True)
class Steps(Quantiser):
    """Integers to the nearest multiple of an odd step, so that none is further than step // 2.

    Attributes:
        step: odd, from 3 to the largest value of the dtype.
    """

    step: int

    @classmethod
    def for_bound(cls, bound: float, dtype: np.dtype) -> "Steps":
        """The widest step within ``bound``, which is at least 1.

        A bound of half the dtype's range or more allows less than it could.
        """
        most = int(np.iinfo(dtype).max)
        return cls(2 * min(math.floor(bound), (most - 1) // 2) + 1)

    def to_header(self) -> dict[str, Any] | None:
        return {"step": self.step}

    def level_dtype(self, dtype: np.dtype) -> np.dtype:
        return dtype

    def levels(self, values: np.ndarray) -> np.ndarray:
        # Nothing here leaves the dtype: rounding up moves a quotient towards 0 or by at most 1.
        step = values.dtype.type(self.step)
        quotient, rest = np.divmod(values, step)
        return quotient + (rest > self.step // 2).astype(values.dtype)

    def restore(self, levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
        limits = np.iinfo(dtype)
        highest, lowest = int(limits.max) // self.step, -(-int(limits.min) // self.step)
        values = np.clip(levels, lowest, highest) * dtype.type(self.step)
        values[levels > highest] = limits.max
        values[levels < lowest] = limits.min
        return values


@dataclass(frozen=True)
class Grid(Quantiser):
    """Floats to the nearest of float64(k · step) / divisor, k an integer.

    Attributes:
        step: from 1 to 2^53.
        divisor: finite and above 0.
    """

    step: int
    divisor: float

    @classmethod
    def for_bound(cls, bound: float) -> "Grid | None":
        """A grid of at most twice the bound whose points need no rounding; None where none is.

        The distance of its points is the largest number with 16 significant bits that is no more.
        """
        fraction, exponent = math.frexp(bound)
        step, exponent = math.floor(fraction * 65536), exponent + 1 - 16
        while step and step % 2 == 0:
            step, exponent = step // 2, exponent + 1
        if not step or not -1000 <= exponent <= 1000:
            return None
        return cls(step, 2.0**-exponent)

    def to_header(self) -> dict[str, Any] | None:
        return {"step": self.step, "divisor": self.divisor}

    def level_dtype(self, dtype: np.dtype) -> np.dtype:
        return np.dtype(np.int64)

    def levels(self, values: np.ndarray) -> np.ndarray:
        most = EXACT_INTEGERS // self.step
        with np.errstate(all="ignore"):
            levels = np.rint(values.astype(np.float64) * self.divisor / self.step)
            return np.where(np.abs(levels) <= most, levels, 0).astype(np.int64)

    def restore(self, levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
        most = EXACT_INTEGERS // self.step
        if levels.size and not -most <= int(levels.min()) <= int(levels.max()) <= most:
            raise ValueError("a level is beyond 2^53")
        with np.errstate(all="ignore"):
            points = (levels * np.int64(self.step)).astype(np.float64) / self.divisor
            return points.astype(dtype)


def quantiser_from_header(entry: Any, dtype: np.dtype, name: str) -> Quantiser:
    """The quantiser of values of ``dtype`` that a header describes.

    Raises:
        ArchiveError: it describes none.
    """
    if entry is None:
        return AsTheyAre()
    if not isinstance(entry, Mapping):
        raise damaged(name, "its header has no usable 'levels'")
    if dtype.kind in "iu":
        return Steps(whole_number(entry.get("step"), 1, int(np.iinfo(dtype).max), "a step", name))
    if dtype.kind != "f":
        raise damaged(name, "its header has steps for truth values")
    step = whole_number(entry.get("step"), 1, EXACT_INTEGERS, "a step", name)
    above_zero = math.ulp(0.0)
    return Grid(step, finite_number(entry.get("divisor"), above_zero, "divisor", name))
