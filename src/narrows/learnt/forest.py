"""Isolation forests: how few cuts part a row from the others (Liu, Ting and Zhou, ICDM 2008).

A tree cuts a small sample at random, a random feature at a random place, until rows are alone. What
lies outside is alone after a few cuts. The forest is three arrays and needs NumPy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from narrows.support.tensor_file import require_floats

#: The paper's: rows that a tree is grown from, and cuts one after the other.
SAMPLE, DEPTH = 256, 8
_NODES = 2**DEPTH - 1
#: Twice the paper's trees: the scores of two seeds differ less.
TREES = 200
#: What a forest takes in a file, at most: three numbers a node or leaf.
MOST_BYTES = 3 * 4 * TREES * 2**DEPTH
# Values of the samples of trees that are grown at the same time: they stay in the cache (1 MB).
_GROWN_VALUES = 1 << 18
# Rows that are judged at a time: where they are in all trees stays in the cache (200 kB).
_JUDGED = 1 << 7


@dataclass(frozen=True)
class Forest:
    """A forest of complete binary trees: the children of node i are 2 i + 1 and 2 i + 2.

    Attributes:
        feature: which feature a node compares, whole numbers, (trees, nodes).
        threshold: a row goes right from it on, (trees, nodes).
        length: cuts on the way to each leaf, and what more would be needed to part the rows that
            ended there, (trees, leaves).
    """

    feature: Float[np.ndarray, "trees nodes"]
    threshold: Float[np.ndarray, "trees nodes"]
    length: Float[np.ndarray, "trees leaves"]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], size: int, name: str) -> "Forest":
        """From what a model file holds.

        Args:
            size: features of a row.
            name: of the arrays' group in the file.

        Raises:
            ValueError, LookupError: it is no forest over such rows.
        """
        feature = arrays["feature"]
        trees, nodes = np.shape(feature)
        shapes = {
            "feature": (max(trees, 1), _NODES),
            "threshold": (trees, nodes),
            "length": (trees, nodes + 1),
        }
        require_floats(arrays, shapes, name)
        if (feature < 0).any() or (feature >= size).any() or (feature % 1).any():
            raise ValueError(f"{name}/feature must be numbers of values")
        return cls(feature.astype(np.int64), arrays["threshold"], arrays["length"])

    def to_arrays(self) -> dict[str, Float32[np.ndarray, "..."]]:
        """What a model file holds: float32 arrays by the names of the attributes."""
        return {name: array.astype(np.float32) for name, array in vars(self).items()}

    def isolation(self, rows: Float[np.ndarray, "n features"]) -> Float64[np.ndarray, " n"]:
        """Minus the mean number of cuts to each row, float64 (n,): higher is odder."""
        result, depths = np.empty(len(rows)), self._depths
        for start in range(0, len(rows), _JUDGED):
            some = np.ascontiguousarray(_narrow(rows[start : start + _JUDGED]))
            result[start : start + _JUDGED] = self._cuts(some, depths)
        return -result / len(self.length)

    @property
    def _depths(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The features and thresholds of the nodes of each depth, those of one tree behind those
        of another: the children of number i among them are 2 i and 2 i + 1 of the next depth."""
        ends = [2**depth - 1 for depth in range(DEPTH + 1)]
        return [
            (self.feature[:, first:end].flatten(), self.threshold[:, first:end].flatten())
            for first, end in pairwise(ends)
        ]

    def _cuts(
        self, rows: Float32[np.ndarray, "n features"], depths: list[tuple[np.ndarray, np.ndarray]]
    ) -> Float64[np.ndarray, " n"]:
        """The cuts on the way to rows, summed over the trees, through all of which they go at the
        same time."""
        count, width = rows.shape
        values, first = rows.reshape(-1), np.arange(0, count * width, width)
        at = np.repeat(np.arange(len(self.length)), count).reshape(-1, count)
        for feature, threshold in depths:
            place = feature.take(at)
            place += first
            right = values.take(place) >= threshold.take(at)
            at += at
            at += right
        return self.length.take(at).sum(axis=0, dtype=np.float64)


def grow_forest(rows: Float[np.ndarray, "n features"], random: np.random.Generator) -> Forest:
    """A forest grown from ``rows``, n at least 1. Of rows of more than a thousand features each
    tree sees some, drawn at random."""
    rows = _narrow(rows)
    nodes = _NODES
    feature = np.zeros((TREES, nodes), np.int64)
    # where nothing is left to cut, every row goes left
    threshold = np.full((TREES, nodes), np.finfo(np.float32).max, np.float32)
    length = np.zeros((TREES, nodes + 1), np.float32)
    width = rows.shape[1] if rows.shape[1] <= _MANY_FEATURES else _SEEN
    together = min(max(_GROWN_VALUES // (SAMPLE * width), 1), TREES)
    for start in range(0, TREES, together):
        some = slice(start, start + together)
        samples, draws, seen = [], [], []
        for _ in range(len(length[some])):
            sample = random.permutation(len(rows))[:SAMPLE]
            draws.append(random.random((nodes, 2)))
            seen.append(_seen(rows.shape[1], random))
            samples.append(rows[sample] if seen[-1] is None else rows[np.ix_(sample, seen[-1])])
        trees = feature[some], threshold[some], length[some]
        _grow(np.array(samples), np.array(draws), trees)
        for tree, features in zip(feature[some], seen, strict=True):
            if features is not None:
                tree[...] = features[tree]
    return Forest(feature, threshold, length)


# A tree of so few leaves asks for few features: of more than the first number it sees the second.
_MANY_FEATURES, _SEEN = 1024, 512


def _seen(width: int, random: np.random.Generator) -> Int64[np.ndarray, " seen"] | None:
    """Which features a tree may cut; None for all."""
    if width <= _MANY_FEATURES:
        return None
    return np.sort(random.choice(width, _SEEN, replace=False))


def _grow(
    samples: Float32[np.ndarray, "trees rows features"],
    draws: Float64[np.ndarray, "trees nodes 2"],
    trees: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Fill in the feature, threshold and length of each tree, all nodes of a depth at once.

    Each node has two numbers from 0 to 1 drawn for it: which feature it cuts, and where.
    """
    feature, threshold, length = trees
    count, size, _ = samples.shape
    rows = samples.reshape(count * size, -1)
    # the node that each row has come to, counted through this depth of all trees; rows are in order
    at = np.repeat(np.arange(count), size)
    for depth in range(DEPTH + 1):
        nodes, first, sizes = np.unique(at, return_index=True, return_counts=True)
        tree, place = np.divmod(nodes, 2**depth)
        varied = np.zeros((len(nodes), rows.shape[1]), bool)
        if depth < DEPTH:
            lowest, highest = _extremes(rows, first, sizes)
            varied = lowest < highest
        choices = varied.sum(axis=1)
        ends, cuts = choices == 0, np.flatnonzero(choices)
        # from where a row ends it would go left
        leaf = place[ends] << (DEPTH - depth)
        length[tree[ends], leaf] = depth + _MEAN_DEPTHS[sizes[ends]]
        if not len(cuts):
            return
        tree, node = tree[cuts], place[cuts] + (2**depth - 1)
        which, where = draws[tree, node].T
        chosen = _nth(varied[cuts], (which * choices[cuts]).astype(np.int64))
        low, high = lowest[cuts, chosen], highest[cuts, chosen]
        # above the lowest, so that rows go both ways
        cut = np.maximum(low + where.astype(np.float32) * (high - low), np.nextafter(low, high))
        feature[tree, node], threshold[tree, node] = chosen, cut
        on = np.flatnonzero(np.repeat(~ends, sizes))  # the rows that go on, and whose cut is theirs
        own = np.repeat(np.arange(len(cuts)), sizes[cuts])
        at = 2 * at[on] + (rows[on, chosen[own]] >= cut[own])
        order = np.argsort(at, kind="stable")
        rows, at = rows[on[order]], at[order]


# From so many features on it takes longer to have NumPy reduce runs of rows than each by itself.
_WIDE = 64


def _extremes(
    rows: Float32[np.ndarray, "n features"], first: np.ndarray, sizes: np.ndarray
) -> tuple[Float32[np.ndarray, "nodes features"], Float32[np.ndarray, "nodes features"]]:
    """The lowest and the highest values of each node's rows, which lie from ``first`` on; zeros
    may stand for those of a node of one row."""
    if rows.shape[1] < _WIDE:
        return np.minimum.reduceat(rows, first), np.maximum.reduceat(rows, first)
    lowest, highest = np.zeros((2, len(first), rows.shape[1]), rows.dtype)
    for node in np.flatnonzero(sizes > 1):
        own = rows[first[node] : first[node] + sizes[node]]
        own.min(axis=0, out=lowest[node])
        own.max(axis=0, out=highest[node])
    return lowest, highest


# Values beyond count as this one: the difference of two must be a number of float32.
_WIDEST = np.finfo(np.float32).max / 4


def _narrow(rows: Float[np.ndarray, "n features"]) -> Float[np.ndarray, "n features"]:
    """Rows in float32, which every row is compared in."""
    if rows.dtype.kind == "f":
        rows = np.clip(rows, -_WIDEST, _WIDEST)
    return rows.astype(np.float32, copy=False)


def _nth(flags: Bool[np.ndarray, "n m"], numbers: Int64[np.ndarray, " n"]) -> np.ndarray:
    """Where in each row of flags the one with that number, from 0, is."""
    return (np.cumsum(flags, axis=1) > numbers[:, None]).argmax(axis=1)


def _mean_depths(most: int) -> Float64[np.ndarray, " sizes"]:
    """Cuts to a row of a random binary search tree over 0 to ``most`` rows, on average."""
    sizes = np.arange(most + 1)
    harmonic = np.concatenate([[0, 0], np.cumsum(1 / sizes[1:-1])])
    return np.where(sizes < 2, 0, 2 * harmonic - 2 * (sizes - 1) / np.maximum(sizes, 1))


_MEAN_DEPTHS = _mean_depths(SAMPLE)
