"""The order in which the values of a block are taken: in batches that do not depend on one another.

A block is a stack of items, each of (rows, columns, planes) places. Items come in *rounds*, some
together, the first rounds smaller; what a round teaches is known in the next. Within a round,
*step* t takes the places with 3 row + column + plane = t of all its items: all neighbours that a
place looks at lie in earlier steps. So there is enough to do at once for NumPy, in a large image as
in many small ones.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

#: Values of a batch, at most: their answers must fit a cell.
MOST_AT_ONCE = 4096
# Values of a step that make the most of NumPy, and teach soon enough.
_WANTED_AT_ONCE = 512
# An item of one row that is longer than this is folded.
_LONGEST_ROW = 1024
# A batch takes NumPy about a millisecond, even where it is small.
_BATCHES_FREE, _VALUES_A_BATCH = 1 << 12, 32


@dataclass(frozen=True)
class ScanOrder:
    """Through ``count`` items of ``rows`` rows, ``columns`` columns and ``planes`` planes.

    Attributes:
        places: how many places an item has: fewer than rows x columns x planes where a long row was
            folded, and its last piece is not whole.
    """

    count: int
    rows: int
    columns: int
    planes: int
    places: int

    @classmethod
    def of(cls, shape: tuple[int, ...], width: int) -> "ScanOrder":
        """That of items of ``width`` bytes a value: a block without a second axis is one item.

        An image of more than two dimensions has a plane for each value of the others, and for each
        of its bytes. A long row is folded into about as many rows as columns.
        """
        count, *inner = shape if len(shape) > 1 else (1, *shape)
        if len(inner) > 1:
            rows, columns, *others = inner
            planes = math.prod(others) * width
            return cls(count, rows, columns, planes, rows * columns * planes)
        length = inner[0]
        columns = length if length <= _LONGEST_ROW else math.isqrt(length - 1) + 1
        return cls(count, -(-length // max(columns, 1)), columns, width, length * width)

    @property
    def steps(self) -> int:
        """How many steps a round takes."""
        return 3 * (self.rows - 1) + self.columns + self.planes - 1

    @property
    def quick(self) -> bool:
        """Whether it is short enough for its number of values."""
        if not self.count * self.places:
            return False
        batches = self.steps * len(self.rounds())
        return batches <= _BATCHES_FREE + self.count * self.places // _VALUES_A_BATCH

    def rounds(self) -> list[tuple[int, int]]:
        """The first item of each round, and the one behind its last."""
        most = min(max(_WANTED_AT_ONCE * self.steps // self.places, 1), self.count)
        edges, size = [0], max(most // 8, 1)
        while edges[-1] < self.count:
            edges.append(min(edges[-1] + size, self.count))
            size = min(2 * size, most)
        return list(pairwise(edges))

    @cached_property
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        """All places in the order of their steps, int64, and where each step begins."""
        place = np.arange(self.places)
        line, plane = np.divmod(place, self.planes)
        row, column = np.divmod(line, self.columns)
        step = 3 * row + column + plane
        order = np.argsort(step, kind="stable")
        return order, np.searchsorted(step[order], np.arange(self.steps + 1))

    def batches(self, items: int) -> list[np.ndarray]:
        """The places of each batch of a round of so many items, int64; each in C order."""
        order, starts = self._steps
        most = max(MOST_AT_ONCE // items, 1)
        return [
            order[start : min(start + most, stop)]
            for begin, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
            for start in range(begin, stop, most)
        ]


def padded_size(order: ScanOrder) -> int:
    """The bytes of an item with a margin: each plane has two rows above and two columns on either
    side, and there are two planes before the first."""
    return (order.planes + 2) * (order.rows + 2) * (order.columns + 4)


def padded_places(order: ScanOrder, places: np.ndarray) -> np.ndarray:
    """Where places lie in an item with its margin."""
    line, plane = np.divmod(places, order.planes)
    row, column = np.divmod(line, order.columns)
    return ((plane + 2) * (order.rows + 2) + row + 2) * (order.columns + 4) + column + 2


def split(order: ScanOrder, streams: int) -> Iterator[tuple[int, int]]:
    """The items of each of ``streams`` streams: first, and behind the last."""
    edges = [order.count * number // streams for number in range(streams + 1)]
    return pairwise(edges)
