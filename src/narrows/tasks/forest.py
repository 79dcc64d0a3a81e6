"""Isolation forests: how few cuts part a row from the others (Liu, Ting and Zhou, ICDM 2008).

A tree cuts a small sample at random, a random feature at a random place, until rows are alone. What
lies outside is alone after a few cuts. The forest is three arrays and needs NumPy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Float64

#: The paper's: rows that a tree is grown from, and cuts one after the other.
SAMPLE, DEPTH = 256, 8
#: Twice the paper's trees: the scores of two seeds differ less.
TREES = 200


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
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Forest":
        """From what a model file holds."""
        return cls(arrays["feature"].astype(np.int64), arrays["threshold"], arrays["length"])

    def to_arrays(self) -> dict[str, Float32[np.ndarray, "..."]]:
        """What a model file holds: float32 arrays by the names of the attributes."""
        return {name: array.astype(np.float32) for name, array in vars(self).items()}

    def isolation(self, rows: Float[np.ndarray, "n features"]) -> Float64[np.ndarray, " n"]:
        """Minus the mean number of cuts to each row, float64 (n,): higher is odder."""
        rows = rows.astype(np.float32, copy=False)
        total, numbers = np.zeros(len(rows)), np.arange(len(rows))
        for feature, threshold, length in zip(
            self.feature, self.threshold, self.length, strict=True
        ):
            at = np.zeros(len(rows), np.int64)
            for _ in range(DEPTH):
                at = 2 * at + 1 + (rows[numbers, feature[at]] >= threshold[at])
            total += length[at - (2**DEPTH - 1)]
        return -total / len(self.length)


def grow_forest(rows: Float[np.ndarray, "n features"], random: np.random.Generator) -> Forest:
    """A forest grown from ``rows``, n at least 1."""
    rows = rows.astype(np.float32, copy=False)
    nodes = 2**DEPTH - 1
    feature = np.zeros((TREES, nodes), np.int64)
    # where nothing is left to cut, every row goes left
    threshold = np.full((TREES, nodes), np.finfo(np.float32).max, np.float32)
    length = np.zeros((TREES, nodes + 1), np.float32)
    for tree in range(TREES):
        sample = rows[random.permutation(len(rows))[:SAMPLE]]
        _grow(
            sample, 0, 0, (feature[tree], threshold[tree], length[tree]), random.random((nodes, 2))
        )
    return Forest(feature, threshold, length)


def _grow(
    rows: np.ndarray,
    node: int,
    depth: int,
    tree: tuple[np.ndarray, np.ndarray, np.ndarray],
    draws: np.ndarray,
) -> None:
    """Fill in a node and all below it; each has two numbers from 0 to 1 drawn for it."""
    feature, threshold, length = tree
    lowest, highest = rows.min(axis=0), rows.max(axis=0)
    varied = np.flatnonzero(lowest < highest)
    if depth == DEPTH or not len(varied):
        for _ in range(DEPTH - depth):
            node = 2 * node + 1
        length[node - (2**DEPTH - 1)] = depth + _mean_depth(len(rows))
        return
    which, where = draws[node]
    chosen = varied[int(which * len(varied))]
    low, high = lowest[chosen], highest[chosen]
    # above the lowest, so that rows go both ways
    cut = max(low + np.float32(where) * (high - low), np.nextafter(low, high))
    right = rows[:, chosen] >= cut
    feature[node], threshold[node] = chosen, cut
    _grow(rows[~right], 2 * node + 1, depth + 1, tree, draws)
    _grow(rows[right], 2 * node + 2, depth + 1, tree, draws)


@cache
def _mean_depth(count: int) -> float:
    """Cuts to a row of a random binary search tree over so many, on average."""
    if count < 2:
        return 0.0
    return float(2 * np.sum(1 / np.arange(1, count)) - 2 * (count - 1) / count)
