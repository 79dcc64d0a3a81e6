"""What lies further around a place than its neighbours: which of two halves values are in.

A value is *bright* where it is in the upper half of the range. A *run* is how many values follow
the nearest one in a direction, west, north, north-east or north-west, that are as bright or as dark
as that one, up to 7. A *row* is the values of some columns one, two or three rows up, 1 for bright
ones and 0 for others and for what lies outside the item, side by side in binary.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: A run is at most so long.
LONGEST_RUN = 7
#: The first column, from the place on, of the row one, two and three up, and the one behind the
#: last: further to the right nothing is decoded yet.
ROWS = ((-4, 3), (-3, 6), (-3, 4))


@dataclass(frozen=True)
class Surroundings:
    """Those of some places.

    Attributes:
        west: runs, int64 (m,).
        north: the same.
        north_east: the same.
        north_west: the same.
        rows: of one, two and three rows up, int64 (m,).
    """

    west: np.ndarray
    north: np.ndarray
    north_east: np.ndarray
    north_west: np.ndarray
    rows: tuple[np.ndarray, ...]


def surroundings(
    bright: Callable[[np.ndarray, int, int], np.ndarray],
    row: np.ndarray,
    column: np.ndarray,
    columns: int,
) -> Surroundings:
    """Look around.

    Args:
        bright: whether the values so many rows up and columns to the right of some places are
            bright, int64, 0 or 1; told which places, by their number, all of them within the item.
        row: of each place, int64 (m,).
        column: of each place, int64 (m,).
        columns: of the item.
    """

    def run(up: int, right: int) -> np.ndarray:
        room = np.full(len(row), LONGEST_RUN)
        if up:
            room = np.minimum(room, row - 1)
        if right:
            room = np.minimum(room, column - 1 if right < 0 else columns - 2 - column)
        length, going = np.zeros(len(row), np.int64), np.flatnonzero(room > 0)
        side = bright(going, up, right)
        for step in range(2, LONGEST_RUN + 2):
            same = bright(going, step * up, step * right) == side
            length[going] += same
            more = same & (room[going] >= step)
            going, side = going[more], side[more]
        return length

    def line(up: int, first: int, stop: int) -> np.ndarray:
        bits = np.zeros(len(row), np.int64)
        for right in range(first, stop):
            bits *= 2
            inside = (row >= up) & (column + right >= 0) & (column + right < columns)
            there = np.flatnonzero(inside)
            bits[there] += bright(there, up, right)
        return bits

    rows = tuple(line(up, *edges) for up, edges in enumerate(ROWS, 1))
    return Surroundings(run(0, -1), run(1, 0), run(1, 1), run(1, -1), rows)
