"""Isolation forests: how few cuts part a row from the others (Liu, Ting and Zhou, ICDM 2008).

A tree cuts a small sample at random, a random feature at a random place, until rows are alone. What
lies outside is alone after a few cuts. The forest is three arrays and needs NumPy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from narrows.support.tensor_file import require_floats

#: The paper's: rows that a tree is grown from, and cuts one after the other.
SAMPLE, DEPTH = 256, 8
_NODES = 2**DEPTH - 1
#: Twice the paper's trees: the scores of two seeds differ less.
TREES = 200
#: What a forest takes in a file, at most: three numbers a node or leaf.
MOST_BYTES = 3 * 4 * TREES * 2**DEPTH
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
    """A forest grown from ``rows``, n at least 1: all nodes of a depth at once, in all trees."""
    if rows.dtype != np.uint8:  # which is a quarter as large: more of the rows stay in the cache
        rows = _narrow(rows)
    rows = np.ascontiguousarray(rows)
    feature = np.zeros((TREES, _NODES), np.int64)
    # where nothing is left to cut, every row goes left
    threshold = np.full((TREES, _NODES), np.finfo(np.float32).max, np.float32)
    length = np.zeros((TREES, _NODES + 1), np.float32)
    size = min(SAMPLE, len(rows))
    samples = [random.choice(len(rows), size, replace=False) for _ in range(TREES)]
    # the rows of all samples, and the node that each has come to, counted through this depth of all
    # trees, in whose order they are
    own, at = np.concatenate(samples), np.repeat(np.arange(TREES), len(samples[0]))
    for depth in range(DEPTH):
        nodes, first, sizes = np.unique(at, return_index=True, return_counts=True)
        chosen = np.repeat(_varied(rows, own, first, sizes, random), sizes)
        values = rows[own, chosen].astype(np.float32, copy=False)
        low, high = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
        tree, place = np.divmod(nodes, 2**depth)
        cuts = low < high
        _end(length, depth, tree[~cuts], place[~cuts], sizes[~cuts])
        # above the lowest, so that rows go both ways
        where = random.random(len(nodes)).astype(np.float32)
        cut = np.maximum(low + where * (high - low), np.nextafter(low, high))
        inner = tree[cuts], place[cuts] + (2**depth - 1)
        feature[inner], threshold[inner] = chosen[first[cuts]], cut[cuts]
        on = np.repeat(cuts, sizes)
        at = (2 * at + (values >= np.repeat(cut, sizes)))[on]
        order = np.argsort(at, kind="stable")
        own, at = own[on][order], at[order]
    nodes, sizes = np.unique(at, return_counts=True)
    _end(length, DEPTH, *np.divmod(nodes, 2**DEPTH), sizes)
    return Forest(feature, threshold, length)


def _end(
    length: Float32[np.ndarray, "trees leaves"],
    depth: int,
    tree: Int64[np.ndarray, " n"],
    place: Int64[np.ndarray, " n"],
    sizes: Int64[np.ndarray, " n"],
) -> None:
    """Write down the lengths of the ways to nodes of a depth where nothing is cut any more: from
    there rows go left."""
    length[tree, place << (DEPTH - depth)] = depth + _MEAN_DEPTHS[sizes]


# Features of a node that are looked at before all of them: few, and more where none of these
# varies.
_TRIED = (4, 16)


def _varied(
    rows: Float[np.ndarray, "n features"],
    own: Int64[np.ndarray, " m"],
    first: Int64[np.ndarray, " nodes"],
    sizes: Int64[np.ndarray, " nodes"],
    random: np.random.Generator,
) -> Int64[np.ndarray, " nodes"]:
    """A feature for each node, drawn at random from those in which its rows differ; any where they
    differ in none. The rows of a node are those ``own`` from ``first`` on.

    The first of a few drawn ones that varies is such a draw; all are looked at where none does.
    """
    width = rows.shape[1]
    flat, chosen, left = rows.reshape(-1), np.zeros(len(first), np.int64), np.arange(len(first))
    for tried in _TRIED:
        if not len(left):
            return chosen
        among = own if len(left) == len(first) else _runs(own, first[left], sizes[left])
        starts = np.cumsum(sizes[left]) - sizes[left]
        drawn = random.integers(width, size=(len(left), tried))
        values = flat.take(among[:, None] * width + np.repeat(drawn, sizes[left], axis=0))
        varied = np.minimum.reduceat(values, starts) < np.maximum.reduceat(values, starts)
        chosen[left] = drawn[np.arange(len(left)), varied.argmax(axis=1)]
        left = left[~varied.any(axis=1) & (sizes[left] > 1)]
    for node in left:
        some = rows[own[first[node] : first[node] + sizes[node]]]
        differing = np.flatnonzero((some != some[0]).any(axis=0))
        if len(differing):
            chosen[node] = differing[random.integers(len(differing))]
    return chosen


def _runs(
    values: Int64[np.ndarray, " m"], first: Int64[np.ndarray, " k"], sizes: Int64[np.ndarray, " k"]
) -> Int64[np.ndarray, " n"]:
    """Runs of values, one behind the other: each ``sizes`` long, from ``first`` on."""
    before = np.cumsum(sizes) - sizes
    return values[np.arange(sizes.sum()) + np.repeat(first - before, sizes)]


# Values beyond count as this one: the difference of two must be a number of float32.
_WIDEST = np.finfo(np.float32).max / 4


def _narrow(rows: Float[np.ndarray, "n features"]) -> Float[np.ndarray, "n features"]:
    """Rows in float32, which every row is compared in."""
    if rows.dtype.kind == "f":
        rows = np.clip(rows, -_WIDEST, _WIDEST)
    return rows.astype(np.float32, copy=False)


def _mean_depths(most: int) -> Float64[np.ndarray, " sizes"]:
    """Cuts to a row of a random binary search tree over 0 to ``most`` rows, on average."""
    sizes = np.arange(most + 1)
    harmonic = np.concatenate([[0, 0], np.cumsum(1 / sizes[1:-1])])
    return np.where(sizes < 2, 0, 2 * harmonic - 2 * (sizes - 1) / np.maximum(sizes, 1))


_MEAN_DEPTHS = _mean_depths(SAMPLE)
