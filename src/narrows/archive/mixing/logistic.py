"""Probabilities in 1/65536 and logits in 1/256: tables, made without any library's ``exp``.

The tables decide what a decoder reads, and one unit of difference in one entry would turn the rest
of a block into noise. They are made of integers of any length, so that all machines have the same.
"""

from functools import cache

import numpy as np

#: A probability of 1.
ONE = 1 << 16
#: Logits are in 1/256.
UNIT = 256
#: The logit of 65535/65536, ln(65535), rounded: no logit is larger.
LARGEST_LOGIT = 2839

# Bits after the binary point of the powers of e below.
_PRECISION = 128


@cache
def probabilities() -> np.ndarray:
    """The probability of each logit from -LARGEST_LOGIT to LARGEST_LOGIT: int64, in 1 to ONE - 1.

    Entry i is that of i - LARGEST_LOGIT, ONE / (1 + exp(-logit / UNIT)), rounded.
    """
    one = 1 << _PRECISION
    ratio, power = _exp_of_minus_one_unit(), one
    upper = []  # of the logits 0, 1, 2, ...
    for _ in range(LARGEST_LOGIT + 1):
        upper.append((2 * ONE * one + one + power) // (2 * (one + power)))
        power = power * ratio >> _PRECISION
    table = np.array([ONE - p for p in upper[:0:-1]] + upper, np.int64)
    table = np.clip(table, 1, ONE - 1)
    table.setflags(write=False)
    return table


def _exp_of_minus_one_unit() -> int:
    """exp(-1 / UNIT) by its series, as an integer in units of 2^-_PRECISION."""
    term = total = 1 << _PRECISION
    for number in range(1, 40):
        term = -term // (UNIT * number)
        total += term
    return total


def logits(of: np.ndarray) -> np.ndarray:
    """The logit of each probability, in 1 to ONE - 1: the smallest with at least that one."""
    return np.searchsorted(probabilities(), of) - LARGEST_LOGIT
