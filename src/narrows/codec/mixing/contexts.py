"""Contexts: what is decoded already around a place, as numbers that tell cases apart.

A block is a stack of planes, (rows, columns, planes) places for each item. The neighbours of a
place are named by where they lie in its own plane, as on a compass; ``before`` is the same place in
the planes before it. What lies outside the item has the most common value.
"""

import numpy as np

#: (rows down, columns to the right) of every neighbour that counts.
NEIGHBOURS = {
    "w": (0, -1),
    "ww": (0, -2),
    "n": (-1, 0),
    "nw": (-1, -1),
    "ne": (-1, 1),
    "nn": (-2, 0),
    "nne": (-2, 1),
    "nww": (-1, -2),
    "nnw": (-2, -1),
    "nee": (-1, 2),
}
#: How many contexts there are.
COUNT = 12

# Seven levels, the finest at the ends of the range, where most values of scans and drawings lie.
_COARSE = np.searchsorted([1, 16, 64, 128, 192, 250], np.arange(256), side="right").astype(
    np.uint32
)
_FACTOR = np.uint32(0x2F0B4C47)
_SPREAD = np.uint32(0x9E3779B1)


def context_keys(near: dict[str, np.ndarray], before: list[np.ndarray], place: int) -> np.ndarray:
    """A hash of each context of each item: uint32 (COUNT, m).

    Args:
        near: each neighbour's value, uint32 (m,), by its name.
        before: values at the same place in the two planes before, the nearest first: uint32 (m,).
        place: the number of the place within the item.
    """
    coarse = {name: _COARSE[values] for name, values in near.items()}
    w, n = near["w"], near["n"]
    gradient = np.clip(
        w.astype(np.int32) + n.astype(np.int32) - near["nw"].astype(np.int32), 0, 255
    )
    halves = [near[name] >> np.uint32(7) for name in NEIGHBOURS]
    small = [coarse[name] for name in ("w", "n", "nw", "ne")]
    where = np.full(len(w), place, np.uint32)
    last = before[0]
    contexts = [
        [w >> np.uint32(3), n >> np.uint32(3), _COARSE[last]],
        [*small, last >> np.uint32(4)],
        [gradient.astype(np.uint32), last >> np.uint32(2)],
        [where, w >> np.uint32(6), n >> np.uint32(6)],
        [*halves, coarse["w"], _COARSE[last]],
        [*small, *(coarse[name] for name in ("ww", "nn", "nee"))],
        [*small, *(coarse[name] for name in ("ww", "nne", "nnw", "nww"))],
        [last, before[1], coarse["w"], coarse["n"]],
        [w, n, last],
        [w, near["ww"]],
        [n, near["nn"]],
        [n, near["ne"]],
    ]
    return np.stack([_hash(parts, number) for number, parts in enumerate(contexts)])


def _hash(parts: list[np.ndarray], start: int) -> np.ndarray:
    key = np.full(len(parts[0]), start + 1, np.uint32)
    for part in parts:
        key = (key * _FACTOR + part + np.uint32(1)) * _SPREAD
        key ^= key >> np.uint32(15)
    return key


def activity(near: dict[str, np.ndarray]) -> np.ndarray:
    """Which of three kinds of surroundings an item is in, int64 (m,): empty, bright, others."""
    w, n = near["w"], near["n"]
    return np.where((w == 0) & (n == 0), 0, np.where((w > 200) | (n > 200), 1, 2)).astype(np.int64)
