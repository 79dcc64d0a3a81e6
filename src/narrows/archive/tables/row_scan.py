"""Scanning the columns of a group, in order, with many rows at once: coding and decoding are one
scan, which differs only in who knows the answers.

The rows are cut into *lanes*, stretches of about as many; all lanes take their first row together,
then their second, and so on. A value is asked for bit by bit, the highest first. For each bit,
several *contexts* tell how it was answered before where they were the same, and a *mixer* makes one
probability of what they say, as in :mod:`narrows.archive.mixing`. All of it is integer arithmetic,
or sums of integers in float64 that stay below 2^53.
"""

from collections.abc import Sequence
from functools import cache, reduce
from math import isqrt

import numpy as np

from narrows.archive.mixing.ans import Coder
from narrows.archive.mixing.contexts import group_of, hashed
from narrows.archive.mixing.counts import MOST_ANSWERS, add, opinions_of
from narrows.archive.mixing.learned import cell_bits
from narrows.archive.mixing.logistic import LARGEST_LOGIT, ONE, probabilities
from narrows.archive.tables.column_prediction import SCALE, ColumnPrediction, scaled

#: Contexts of a bit.
CONTEXTS = 15

_ROWS_A_LANE, _MOST_LANES = 256, 1024
# Rows above that are looked at.
_ABOVE = 4
# From so many answers on a cell is trusted altogether.
_TRUSTED = 30
# Weights are in 1/65536: one set for all questions, and one for each bit of each column, whose sum
# weighs. A sum of 30 products of weights up to 2^24 and inputs below 2^12 stays below 2^41, a slope
# of 2^10 answers below 2^38: exact in float64. The divisors stay below 2^24, so that no quotient is
# rounded up to a whole number that it does not reach.
_WEIGHT, _LARGEST_WEIGHT = float(1 << 16), float(1 << 23)
_FIRST_WEIGHT = 9830.0
_RATE_OF_ALL, _RATE_OF_ONE = 200_000, 50_000
# No answer is impossible, and none costs more than 11.4 bits.
_LEAST = 24


def lanes_of(rows: int) -> tuple[int, int]:
    """How many lanes there are, and rows in each but the last, which may have fewer."""
    wanted = min(max(rows // _ROWS_A_LANE, isqrt(rows) // 2, 1), _MOST_LANES)
    steps = -(-rows // wanted)
    return -(-rows // steps), steps


class RowScan:
    """The scan, and what is learnt on it."""

    def __init__(self, rows: int, columns: Sequence[ColumnPrediction]) -> None:
        self._rows, self._columns = rows, columns
        self._lanes, self._steps = lanes_of(rows)
        answers = rows * sum(column.width for column in columns)
        bits = cell_bits(answers)
        self._mask = np.uint32((1 << bits) - 1)
        self._first = (np.arange(CONTEXTS, dtype=np.uint32) << np.uint32(bits))[:, None]
        # A cell is answers * 65536 + yeses.
        self._cells = np.zeros(CONTEXTS << bits, np.uint32)
        self._of_all = np.repeat([_FIRST_WEIGHT, 0.0], CONTEXTS)
        self._of_one = [np.zeros((column.width, 2 * CONTEXTS)) for column in columns]
        # The rows above the first are 0.
        self._values = np.zeros((len(columns), _ABOVE + self._steps, self._lanes), np.int64)

    def run(self, coder: Coder, known: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        """Scan all rows: the integers of each column, int64 (rows,)."""
        if known is not None:
            known = [self._in_lanes(values) for values in known]
        for step in range(self._steps):
            # the last lane may be shorter
            busy = self._lanes - ((self._lanes - 1) * self._steps + step >= self._rows)
            for number in range(len(self._columns)):
                here = None if known is None else known[number][step, :busy]
                self._values[number, _ABOVE + step, :busy] = self._value(
                    coder, number, _ABOVE + step, busy, here
                )
        return [
            np.ascontiguousarray(values[_ABOVE:].T).reshape(-1)[: self._rows]
            for values in self._values
        ]

    def _in_lanes(self, values: np.ndarray) -> np.ndarray:
        padded = np.zeros(self._lanes * self._steps, np.int64)
        padded[: self._rows] = values
        return padded.reshape(self._lanes, self._steps).T

    def _value(
        self, coder: Coder, number: int, row: int, busy: int, known: np.ndarray | None
    ) -> np.ndarray:
        """A column's integers in a row of each lane, int64 (busy,)."""
        width = self._columns[number].width
        node = np.ones(busy, np.int64)
        keys = self._keys(number, row, busy) if width else None
        for bit in range(width):
            assert keys is not None
            groups = group_of(keys, node.astype(np.uint32) + np.uint32(1), self._mask)
            answers = None if known is None else known >> (width - 1 - bit) & 1
            node = 2 * node + self._bit(coder, groups, self._of_one[number][bit], answers)
        return node - (1 << width)

    def _bit(
        self, coder: Coder, groups: np.ndarray, own: np.ndarray, known: np.ndarray | None
    ) -> np.ndarray:
        """One bit in each lane, and what it teaches."""
        places = groups + self._first
        said = opinions_of(self._cells[places], _TRUSTED).astype(np.float64)
        inputs = said.transpose(1, 2, 0).reshape(groups.shape[1], -1)
        logit = np.floor(inputs @ (self._of_all + own) / _WEIGHT)
        chances = _chances()[_between(logit, LARGEST_LOGIT).astype(np.int64) + LARGEST_LOGIT]
        answers = coder.answer(chances, known)
        slope = (answers * ONE - chances).astype(np.float64) @ inputs
        root = isqrt(len(answers) + 1)
        _move(self._of_all, slope, _RATE_OF_ALL * root)
        _move(own, slope, _RATE_OF_ONE * root)
        add(self._cells, places.T, answers, MOST_ANSWERS)
        return answers

    def _keys(self, number: int, row: int, busy: int) -> np.ndarray:
        """A hash of each context in each lane, uint32 (CONTEXTS, busy)."""
        column = self._columns[number]
        width = column.width
        known = [
            (self._values[parent, row, :busy], self._columns[parent].width)
            for parent in column.parents
        ]
        above, second = (self._values[number, row - back, :busy] for back in (1, 2))
        lately = self._values[number, row - _ABOVE : row, :busy].sum(axis=0)
        mean = scaled(lately, width) >> 2
        guess = column.guess([scaled(*each) for each in known], scaled(above, width))
        whole = [values for values, _ in known]
        coarse = {bits: [_coarse(*each, bits) for each in known] for bits in (4, 5)}
        fine, rough = (SCALE - min(bits, SCALE) for bits in (min(width + 1, 9), min(width, 6)))
        contexts = [
            [],
            whole[:1],
            whole[1:2],
            whole[2:3],
            whole[:2],
            coarse[5][:3],
            coarse[4][:4],
            whole,
            [above],
            [above, second],
            [above, *whole[:1]],
            [mean >> (SCALE - min(width + 1, 7))],
            [guess >> fine],
            [guess >> rough, *coarse[5][:1]],
            [guess >> rough, _coarse(above, width, 4)],
        ]
        keys = np.empty((CONTEXTS, busy), np.uint32)
        for i, parts in enumerate(contexts):
            keys[i] = reduce(hashed, parts, np.full(busy, number * CONTEXTS + i + 1))
        return keys


def _coarse(values: np.ndarray, width: int, bits: int) -> np.ndarray:
    """The highest ``bits`` bits of integers of ``width`` bits."""
    return values >> max(width - bits, 0)


def _move(weights: np.ndarray, slope: np.ndarray, divisor: int) -> None:
    weights += np.floor(slope / divisor)
    weights[:] = _between(weights, _LARGEST_WEIGHT)


def _between(values: np.ndarray, most: float) -> np.ndarray:
    """``values``, or the end of -most..most that they are beyond; np.clip takes longer."""
    return np.minimum(np.maximum(values, -most), most)


@cache
def _chances() -> np.ndarray:
    """The chance of each logit, in 1/65536, even as the coder has them: int64, entry i that of
    i - LARGEST_LOGIT."""
    return np.clip(probabilities(), _LEAST, ONE - _LEAST) & ~1
