"""What predicts a column's values: columns before it that tell most, and a linear guess.

Both are found by whoever writes, and stored: some bytes a column. Every other thing is learnt on
the way. A linear guess is in units of its column's range / 2^SCALE, from integers alone.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from narrows.support.blas import one_blas_thread

#: Bits of integers of one member of the columns that are coded together.
MOST_BITS = 24
#: Columns that one is predicted from.
MOST_PARENTS = 6
#: Values that go into a guess, and guesses, have as many bits.
SCALE = 10

_FARTHEST = 255
_GUESSES = 0x80
_WEIGHT = 12  # bits behind the point of a weight
_CONSTANT = 8  # the constant's unit is 2^_CONSTANT weights'
# Columns are compared by so many of their highest bits.
_COMPARED = 6
# A column that tells less of another, in bits a value, or all together, is not taken for a parent.
_LEAST_TOLD, _LEAST_BITS = 0.005, 64


@dataclass(frozen=True)
class ColumnPrediction:
    """How one column is predicted.

    Attributes:
        width: bits of its integers; those of 0 bits are all 0.
        parents: numbers of columns that come before it, the most telling first.
        weights: of the parents, of the value above, and the constant; none: no guess.
    """

    width: int
    parents: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()

    def to_bytes(self, number: int) -> bytes:
        """The stored form of column ``number``: its width, how many parents, how far before it each
        stands, and the weights, 2 bytes each."""
        if not self.width:
            return bytes(1)
        flags = len(self.parents) | (_GUESSES if self.weights else 0)
        back = [number - parent for parent in self.parents]
        weights = struct.pack(f"<{len(self.weights)}h", *self.weights)
        return bytes([self.width, flags, *back]) + weights

    @classmethod
    def read(cls, content: bytes, place: int, number: int) -> tuple["ColumnPrediction", int]:
        """What stands at ``place`` of ``content`` for column ``number``, and where it ends.

        Raises:
            ValueError, IndexError, struct.error: there is none.
        """
        width = content[place]
        if not width:
            return cls(0), place + 1
        flags = content[place + 1]
        count = flags & ~_GUESSES
        parents = tuple(number - back for back in content[place + 2 : place + 2 + count])
        place += 2 + count
        if width > MOST_BITS or count > MOST_PARENTS or len(parents) < count:
            raise ValueError("columns together are none")
        if not all(0 <= parent < number for parent in parents):
            raise ValueError("a column is predicted from none before it")
        size = count + 2 if flags & _GUESSES else 0
        weights = struct.unpack_from(f"<{size}h", content, place)
        return cls(width, parents, weights), place + 2 * size

    def guess(self, parents: Sequence[np.ndarray], above: np.ndarray) -> np.ndarray:
        """A value from 0 to 2^SCALE - 1, int64 (m,).

        Args:
            parents: scaled values of the parents, int64 (m,) each.
            above: scaled values of the row before.
        """
        if not self.weights:
            return np.zeros(len(above), np.int64)
        total = np.full(len(above), self.weights[-1] << _CONSTANT, np.int64)
        for weight, values in zip(self.weights, [*parents, above], strict=False):
            total += weight * values
        return np.clip(total >> _WEIGHT, 0, (1 << SCALE) - 1)


def scaled(values: np.ndarray, width: int) -> np.ndarray:
    """Integers of ``width`` bits as ones of SCALE bits."""
    return values << SCALE >> width


def column_predictions(columns: Sequence[np.ndarray]) -> list[ColumnPrediction]:
    """What predicts each column.

    Args:
        columns: integers from 0 on, int64 (n,) each.
    """
    widths = [int(values.max(initial=0)).bit_length() for values in columns]
    small = [
        values >> max(width - _COMPARED, 0) for values, width in zip(columns, widths, strict=True)
    ]
    return [_prediction(number, columns, widths, small) for number in range(len(columns))]


def _prediction(
    number: int, columns: Sequence[np.ndarray], widths: Sequence[int], small: Sequence[np.ndarray]
) -> ColumnPrediction:
    width = widths[number]
    if not width:
        return ColumnPrediction(0)
    least = max(_LEAST_TOLD, _LEAST_BITS / len(small[number]))
    told = [
        (_bits_told(small[other], small[number]), -other)
        for other in range(max(number - _FARTHEST, 0), number)
        if widths[other]
    ]
    best = sorted((each for each in told if each[0] > least), reverse=True)[:MOST_PARENTS]
    parents = tuple(-other for _, other in best)
    inputs = [scaled(columns[parent], widths[parent]) for parent in parents]
    own = scaled(columns[number], width)
    inputs.append(np.concatenate([[0], own[:-1]]))
    return ColumnPrediction(width, parents, _weights(inputs, own, width))


@one_blas_thread()
def _weights(inputs: Sequence[np.ndarray], own: np.ndarray, width: int) -> tuple[int, ...]:
    """The least squares, of integers: the weights, then the constant."""
    rows = np.stack([*inputs, np.ones_like(own)]).astype(np.float64)
    # in the middle of what a value stands for
    wanted = own + (1 << SCALE >> width) // 2
    products = rows @ rows.T + np.eye(len(rows))
    found = np.linalg.solve(products, rows @ wanted) * (1 << _WEIGHT)
    found[-1] /= 1 << _CONSTANT
    return tuple(np.clip(np.rint(found), -(1 << 15), (1 << 15) - 1).astype(int).tolist())


def _bits_told(one: np.ndarray, other: np.ndarray) -> float:
    """The mutual information of two columns of small integers, less what chance would show."""
    side = 1 << _COMPARED
    both = np.bincount(one * side + other, minlength=side * side).reshape(side, side)
    alone, count = [both.sum(axis=axis) for axis in (0, 1)], len(one)
    used = np.count_nonzero(both) - sum(map(np.count_nonzero, alone)) + 1
    chance = max(used, 0) / (2 * count * np.log(2))
    return sum(map(_entropy, alone)) - _entropy(both.ravel()) - chance


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
