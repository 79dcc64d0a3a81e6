"""Contexts: what is decoded already around a place, as numbers that tell cases apart.

The neighbours of a place are named by where they lie in its own plane, as on a compass; ``b`` and
``bb`` are the same place one and two planes before, ``bw`` and ``bn`` the west and the north of
``b``. What lies outside the item has the most common value.
"""

from collections.abc import Sequence

import numpy as np

#: (planes back, rows up, columns to the right) of every neighbour that counts.
NEIGHBOURS = {
    "w": (0, 0, -1),
    "ww": (0, 0, -2),
    "n": (0, 1, 0),
    "nw": (0, 1, -1),
    "ne": (0, 1, 1),
    "nn": (0, 2, 0),
    "nne": (0, 2, 1),
    "nww": (0, 1, -2),
    "nnw": (0, 2, -1),
    "nee": (0, 1, 2),
    "b": (1, 0, 0),
    "bb": (2, 0, 0),
    "bw": (1, 0, -1),
    "bn": (1, 1, 0),
}
#: Where all of these have the most common value, a place is quiet.
AROUND = tuple(NEIGHBOURS)[:12]
#: How many contexts there are; fewer are the first of them.
COUNT = 18
#: What hashes are made with.
FACTOR, SPREAD, NODE, NODE_MIX = 0x2F0B4C47, 0x9E3779B1, 0x85EBCA6B, 0x2C1B3C6D

# Levels of values, the finest at the ends of the range, where most values of scans and drawings
# lie.
_COARSE_STEPS = (1, 16, 64, 128, 192, 250)


def scaled_values(top: int) -> np.ndarray:
    """Values 0 to ``top`` stretched to 0..255, int32 (256,): thresholds then suit any range."""
    return np.minimum(np.arange(256) * 255 // max(top, 1), 255).astype(np.int32)


def coarse_values(top: int) -> np.ndarray:
    """Seven levels of values 0 to ``top``, int32 (256,)."""
    return np.searchsorted(_COARSE_STEPS, scaled_values(top), side="right").astype(np.int32)


def context_keys(
    near: dict[str, np.ndarray],
    places: np.ndarray,
    top: int,
    count: int = COUNT,
) -> np.ndarray:
    """A hash of each of the first contexts of each value: uint32 (m, count).

    Args:
        near: each neighbour's value, int64 (m,), by its name.
        places: the number of each one's place within the item.
        top: the largest value.
        count: how many contexts.
    """
    coarse, scaled = coarse_values(top), scaled_values(top)
    c = {name: coarse[values].astype(np.int64) for name, values in near.items()}
    z = {name: scaled[values].astype(np.int64) for name, values in near.items()}
    w, n, b = (near[name] for name in ("w", "n", "b"))
    small = _joined(c, "w", "n", "nw", "ne")
    halves = np.zeros(len(w), np.int64)
    for name in ("w", "ww", "n", "nw", "ne", "nn", "nne", "nww", "nnw", "nee"):
        halves = 2 * halves + (z[name] >> 7)
    contexts = [
        [small, z["b"] >> 4],
        [w, n, b],
        [w, near["ww"]],
        [n, near["ne"]],
        [places, z["w"] >> 6, z["n"] >> 6],
        [small, _joined(c, "ww", "nn", "nee")],
        [np.clip(w + n - near["nw"], 0, top), z["b"] >> 2],
        [n, near["nn"]],
        [small, _joined(c, "ww", "nne", "nnw", "nww")],
        [halves, c["w"], c["b"]],
        [np.clip(n + near["ne"] - near["nne"], 0, top), z["w"] >> 4],
        [z["w"] >> 2, z["nw"] >> 2, z["n"] >> 2],
        [np.clip(w + b - near["bw"], 0, top), np.clip(n + b - near["bn"], 0, top) >> 3],
        [z["w"] >> 3, z["n"] >> 3, c["b"]],
        [b, near["bb"], c["w"] * 8 + c["n"]],
        [places, np.zeros_like(places)],
        [w, _joined(c, "n", "ne", "nw", "ww")],
        [n, _joined(c, "w", "ne", "nw", "nn")],
    ]
    keys = [hashed(parts, number, len(w)) for number, parts in enumerate(contexts[:count])]
    return np.stack(keys, axis=1)


def _joined(levels: dict[str, np.ndarray], *names: str) -> np.ndarray:
    """Levels side by side, three bits each."""
    total = np.zeros_like(levels[names[0]])
    for name in names:
        total = total * 8 + levels[name]
    return total


def hashed(parts: Sequence[np.ndarray], number: int, size: int) -> np.ndarray:
    """A hash of the numbers in ``parts``, (size,) each, in the context of this number: uint32
    (size,)."""
    key = np.full(size, number + 1, np.uint32)
    for part in parts:
        key = (key * np.uint32(FACTOR) + part.astype(np.uint32) + np.uint32(1)) * np.uint32(SPREAD)
        key ^= key >> np.uint32(15)
    return key
