"""Contexts: what is decoded already around a place, as numbers that tell cases apart.

Whatever looks at neighbours is written here and in ``mixer_selection.py`` once, in arithmetic that
whole numbers take as well as arrays of them: NumPy goes through it with all values of a batch, and
``kernels.py`` has Numba compile it for a value at a time.
"""

from typing import Any, NamedTuple

import numpy as np

#: A whole number of at most 64 bits, or an int64 array of them.
Number = Any

#: How many contexts there are; fewer are the first of them. So many are looked at on their own.
COUNT, FEW = 18, 2
# What hashes are made with.
_FACTOR, _SPREAD, _LOW = 0x2F0B4C47, 0x9E3779B1, 0xFFFFFFFF
# The same, of the bits of a value that are known.
_NODE, _NODE_MIX = np.uint32(0x85EBCA6B), np.uint32(0x2C1B3C6D)
_U7, _U13 = np.uint32(7), np.uint32(13)

# Levels of values, the finest at the ends of the range, where most values of scans and drawings
# lie.
_COARSE_STEPS = (1, 16, 64, 128, 192, 250)


class Neighbours(NamedTuple):
    """Those of a place, named by where they lie in its own plane, as on a compass.

    ``b`` and ``bb`` are the same place one and two planes before, ``bw`` and ``bn`` the west and
    the north of ``b``. What lies outside the item has the most common value.
    """

    w: Number
    ww: Number
    n: Number
    nw: Number
    ne: Number
    nn: Number
    nne: Number
    nww: Number
    nnw: Number
    nee: Number
    b: Number
    bb: Number
    bw: Number
    bn: Number


class Levels(NamedTuple):
    """What is known beforehand of the values of a stream, and how they are told apart."""

    common: int  # the most common
    top: int  # the largest
    scaled: np.ndarray  # int64 (256,): values stretched to 0..255: thresholds then suit any range
    coarse: np.ndarray  # int64 (256,): seven levels of values


def levels_of(common: int, top: int) -> Levels:
    """Those of a stream whose most common and largest values these are."""
    scaled = np.minimum(np.arange(256) * 255 // max(top, 1), 255)
    return Levels(common, top, scaled, np.searchsorted(_COARSE_STEPS, scaled, side="right"))


def neighbours_of(values: np.ndarray, at: Number, row: int, plane: int) -> Neighbours:
    """The neighbours of values.

    Args:
        values: flat, items with their margins, see :mod:`narrows.archive.mixing.scan_order`.
        at: where among them the values lie.
        row: how far a row is from the next.
        plane: how far a plane is from the next.
    """
    return Neighbours(
        np.int64(values[at - 1]),
        np.int64(values[at - 2]),
        np.int64(values[at - row]),
        np.int64(values[at - row - 1]),
        np.int64(values[at - row + 1]),
        np.int64(values[at - 2 * row]),
        np.int64(values[at - 2 * row + 1]),
        np.int64(values[at - row - 2]),
        np.int64(values[at - 2 * row - 1]),
        np.int64(values[at - row + 2]),
        np.int64(values[at - plane]),
        np.int64(values[at - 2 * plane]),
        np.int64(values[at - plane - 1]),
        np.int64(values[at - plane - row]),
    )


def is_quiet(v: Neighbours, common: int) -> Any:
    """Whether all neighbours but ``bw`` and ``bn`` are the most common value."""
    near = (v.w == common) & (v.n == common) & (v.nw == common) & (v.ne == common)
    right = (v.nee == common) & (v.nne == common) & (v.nn == common)
    left = (v.ww == common) & (v.nww == common) & (v.nnw == common)
    return near & right & left & (v.b == common) & (v.bb == common)


def fill_keys(keys: np.ndarray, v: Neighbours, place: Number, levels: Levels, count: int) -> None:
    """Find the hash of each context.

    Args:
        keys: uint32 (COUNT,), or (COUNT, m) of m values, takes them; only the first ``count``
            count.
        v: the neighbours of the value or values.
        place: the number of the place within the item.
        levels: of the stream.
        count: how many contexts are looked at.
    """
    c, z, top = levels.coarse, levels.scaled, levels.top
    small = ((c[v.w] * 8 + c[v.n]) * 8 + c[v.nw]) * 8 + c[v.ne]
    keys[0] = _hash2(1, small, z[v.b] >> 4)
    keys[1] = _hash3(2, v.w, v.n, v.b)
    if count <= FEW:
        return
    keys[2] = _hash2(3, v.w, v.ww)
    keys[3] = _hash2(4, v.n, v.ne)
    keys[4] = _hash3(5, place, z[v.w] >> 6, z[v.n] >> 6)
    keys[5] = _hash2(6, small, (c[v.ww] * 8 + c[v.nn]) * 8 + c[v.nee])
    keys[6] = _hash2(7, _within(v.w + v.n - v.nw, top), z[v.b] >> 2)
    keys[7] = _hash2(8, v.n, v.nn)
    keys[8] = _hash2(9, small, ((c[v.ww] * 8 + c[v.nne]) * 8 + c[v.nnw]) * 8 + c[v.nww])
    halves = z[v.w] >> 7
    for value in (v.ww, v.n, v.nw, v.ne, v.nn, v.nne, v.nww, v.nnw, v.nee):
        halves = 2 * halves + (z[value] >> 7)
    keys[9] = _hash3(10, halves, c[v.w], c[v.b])
    keys[10] = _hash2(11, _within(v.n + v.ne - v.nne, top), z[v.w] >> 4)
    keys[11] = _hash3(12, z[v.w] >> 2, z[v.nw] >> 2, z[v.n] >> 2)
    north = _within(v.n + v.b - v.bn, top)
    keys[12] = _hash2(13, _within(v.w + v.b - v.bw, top), north >> 3)
    keys[13] = _hash3(14, z[v.w] >> 3, z[v.n] >> 3, c[v.b])
    keys[14] = _hash3(15, v.b, v.bb, c[v.w] * 8 + c[v.n])
    keys[15] = _hash2(16, place, 0)
    keys[16] = _hash2(17, v.w, ((c[v.n] * 8 + c[v.ne]) * 8 + c[v.nw]) * 8 + c[v.ww])
    keys[17] = _hash2(18, v.n, ((c[v.w] * 8 + c[v.ne]) * 8 + c[v.nw]) * 8 + c[v.nn])


def _within(value: Number, top: int) -> Number:
    return np.minimum(np.maximum(value, 0), top)


def hashed(key: Number, number: Number) -> Number:
    """The hash of some numbers and one more, modulo 2^32."""
    key = (key * _FACTOR + number + 1) * _SPREAD & _LOW
    return key ^ (key >> 15)


def _hash2(start: int, a: Number, b: Number) -> Number:
    return hashed(hashed(start, a), b)


def _hash3(start: int, a: Number, b: Number, c: Number) -> Number:
    return hashed(_hash2(start, a, b), c)


def group_of(key: Number, node: Number, mask: np.uint32) -> Number:
    """Where in a table of ``mask`` + 1 places a context lies, uint32.

    Args:
        key: its hash, uint32.
        node: the bits that are known of the value, uint32.
        mask: how many places there are, less 1.
    """
    key = np.uint32(key + node * _NODE)
    key = np.uint32(np.uint32(key ^ (key >> _U13)) * _NODE_MIX)
    return (key >> _U7) & mask


#: Functions of which kernels make compiled code, and what these call.
COMPILED = (neighbours_of, is_quiet, fill_keys, group_of, _within, hashed, _hash2, _hash3)
