"""Kinds of surroundings: which set of weights each mixer uses for a value.

A mixer sees one thing of what is around a value, and has weights of its own for each case of that;
together they see more cases than could have weights of their own. (So does PAQ8: Mahoney, "Data
Compression Explained", 2013.)

=========  ====  ================================================================================
mixer             tells apart
=========  ====  ================================================================================
others      256  which of eight neighbours are not the most common value
change        7  how much the nearest neighbours differ
fill         12  empty, bright and other surroundings, in each of four planes
halves      256  which of the eight are in the upper half of the range
nearest      64  eight levels of the nearest two, each
diagonal     49  seven levels of the two that are diagonal, each
area        196  14 rows and columns of areas
=========  ====  ================================================================================
"""

from typing import NamedTuple

import numpy as np

from narrows.archive.mixing.contexts import coarse_values, scaled_values

#: Kinds of change.
CHANGES = 7


class Mixers(NamedTuple):
    """The mixers of a block; the second is always that of change.

    Attributes:
        kinds: how many each tells apart.
        least: from which error on weights move, in 1/65536; smaller ones teach next to nothing.
    """

    kinds: tuple[int, ...]
    least: int


#: Fill and change: in all that narrows wrote at first, and for blocks that are small or coded fast.
FIRST = Mixers((12, CHANGES), 0)
#: The first three of the table, and all.
SOME = Mixers((256, CHANGES, 12), 512)
ALL = Mixers((256, CHANGES, 12, 256, 64, 49, 196), 512)
#: What a block names by its number.
MIXERS = (FIRST, SOME, ALL)
#: Steps of stretched values that make a change of the next size.
CHANGE_STEPS = (1, 8, 32, 64, 128, 256)
#: Above this a stretched value is bright.
BRIGHT = 200
#: Rows and columns of areas.
AREAS = 14
#: The eight neighbours.
EIGHT = ("w", "n", "nw", "ne", "ww", "nn", "nww", "nee")


def kinds(
    near: dict[str, np.ndarray],
    areas: np.ndarray,
    planes: np.ndarray,
    common: int,
    top: int,
    mixers: Mixers,
) -> np.ndarray:
    """Which kind of surroundings each value is in, for each mixer: int64 (m, mixers).

    Args:
        near: each neighbour's value, int64 (m,), by its name.
        areas: see :func:`areas_of`.
        planes: each one's plane.
        common: the most common value.
        top: the largest.
        mixers: which there are.
    """
    z = {name: scaled_values(top)[near[name]].astype(np.int64) for name in EIGHT}
    w, n, nw, ne = (z[name] for name in EIGHT[:4])
    steps = np.abs(w - nw) + np.abs(n - nw) + np.abs(n - ne)
    change = np.searchsorted(CHANGE_STEPS, steps, side="right")
    empty = (near["w"] == common) & (near["n"] == common)
    fill = np.where(empty, 0, np.where((w > BRIGHT) | (n > BRIGHT), 1, 2)) * 4 + planes % 4
    if mixers == FIRST:
        return np.stack([fill, change], axis=1)
    coarse, others, halves = coarse_values(top), np.zeros_like(w), np.zeros_like(w)
    for name in EIGHT:
        others = 2 * others + (near[name] != common)
        halves = 2 * halves + (z[name] >> 7)
    nearest = (w >> 5) * 8 + (n >> 5)
    diagonal = coarse[near["nw"]].astype(np.int64) * 7 + coarse[near["ne"]]
    found = (others, change, fill, halves, nearest, diagonal, areas)
    return np.stack(found[: len(mixers.kinds)], axis=1)


def areas_of(row: np.ndarray, column: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The number of the area that places lie in, of items of so many rows and columns."""
    down = row * min(rows, AREAS) // rows
    return down * AREAS + column * min(columns, AREAS) // columns
