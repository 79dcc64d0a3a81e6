"""Mixer selection: which set of weights each mixer uses for a value.

A mixer sees one thing of what is around a value, and has weights of its own for each case of that;
together they see more cases than could have weights of their own. (So does PAQ8: Mahoney, "Data
Compression Explained", 2013.)

=========  ====  ================================================================================
mixer             tells apart
=========  ====  ================================================================================
others      256  which of eight neighbours are not the most common value
change        7  how much the nearest neighbours differ
fill         12  empty, bright and other neighbours, in each of four planes
halves      256  which of the eight are in the upper half of the range
nearest      64  eight levels of the nearest two, each
diagonal     49  seven levels of the two that are diagonal, each
area        196  14 rows and columns of areas
=========  ====  ================================================================================
"""

from typing import NamedTuple

import numpy as np

from narrows.archive.mixing.contexts import Levels, Neighbours, Number

#: Cases of change.
CHANGES = 7


class Mixers(NamedTuple):
    """The mixers of a block; the second is always that of change.

    Attributes:
        cases: how many each tells apart.
        least: from which error on weights move, in 1/65536; smaller ones teach next to nothing.
    """

    cases: tuple[int, ...]
    least: int


#: Fill and change: in all that narrows wrote at first, and for blocks that are small or coded fast.
FIRST = Mixers((12, CHANGES), 0)
#: The first three of the table, and all.
SOME = Mixers((256, CHANGES, 12), 512)
ALL = Mixers((256, CHANGES, 12, 256, 64, 49, 196), 512)
#: What a block names by its number.
MIXERS = (FIRST, SOME, ALL)
# How many mixers the first and the last of these have.
_TWO, _SEVEN = len(FIRST.cases), len(ALL.cases)
# Steps of stretched values that make a change of the next size.
_CHANGE_STEPS = (1, 8, 32, 64, 128, 256)
# Above this a stretched value is bright.
_BRIGHT = 200
# Rows and columns of areas.
_AREAS = 14


def select(
    cases: np.ndarray,
    v: Neighbours,
    line: Number,
    plane: Number,
    sides: tuple[int, int],
    levels: Levels,
) -> None:
    """Find the case that each mixer sees.

    Args:
        cases: (mixers,), or (mixers, m) of m values, takes them.
        v: the neighbours of the value or values.
        line: the number of the place in its plane.
        plane: the number of the plane.
        sides: rows and columns of an item.
        levels: of the stream.
    """
    c, z, common, mixers = levels.coarse, levels.scaled, levels.common, len(cases)
    w, n, nw = z[v.w], z[v.n], z[v.nw]
    steps, change = np.abs(w - nw) + np.abs(n - nw) + np.abs(n - z[v.ne]), 0 * w
    for limit in _CHANGE_STEPS:
        change = change + (steps >= limit)
    cases[1] = change
    empty, bright = (v.w == common) & (v.n == common), (w > _BRIGHT) | (n > _BRIGHT)
    fill = (2 - bright) * (1 - empty) * 4 + plane % 4
    if mixers == _TWO:
        cases[0] = fill
        return
    others, halves = 0 * w, 0 * w
    for value in (v.w, v.n, v.nw, v.ne, v.ww, v.nn, v.nww, v.nee):
        others = 2 * others + (value != common)
        halves = 2 * halves + (z[value] >> 7)
    cases[0] = others
    cases[2] = fill
    if mixers == _SEVEN:
        rows, columns = sides
        row, column = line // columns, line % columns
        cases[3] = halves
        cases[4] = (w >> 5) * 8 + (n >> 5)
        cases[5] = c[v.nw] * 7 + c[v.ne]
        down, right = row * min(rows, _AREAS) // rows, column * min(columns, _AREAS) // columns
        cases[6] = down * _AREAS + right
