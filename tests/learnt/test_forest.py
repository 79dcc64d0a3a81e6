"""Isolation forests, beside scikit-learn's, and where the answer is known."""

import math

import numpy as np
import pytest
from scipy.stats import chisquare, spearmanr
from sklearn.datasets import make_blobs
from sklearn.ensemble import IsolationForest

from narrows.learnt.forest import DEPTH, TREES, Forest, grow_forest


@pytest.mark.slow
def test_a_forest_agrees_with_scikit_learns() -> None:
    rows, _ = make_blobs(500, n_features=4, centers=2, random_state=0)
    rows = np.concatenate([rows, np.random.default_rng(1).uniform(-20, 20, (25, 4))])
    ours = grow_forest(rows, np.random.default_rng(0)).isolation(rows)
    theirs = -IsolationForest(n_estimators=200, random_state=0).fit(rows).score_samples(rows)
    assert spearmanr(ours, theirs).statistic > 0.95
    assert set(np.argsort(-ours)[:10]) <= set(range(500, 525))


def test_rows_that_are_all_alike_are_never_cut() -> None:
    forest = grow_forest(np.ones((300, 3)), np.random.default_rng(0))
    # 256 rows that nothing parts count as the depth of a random tree over them
    depth = 2 * (math.log(255) + np.euler_gamma) - 2 * 255 / 256
    np.testing.assert_allclose(forest.isolation(np.zeros((2, 3))), -depth, rtol=1e-3)


def test_one_row_makes_a_forest() -> None:
    forest = grow_forest(np.ones((1, 3)), np.random.default_rng(0))
    np.testing.assert_array_equal(forest.isolation(np.zeros((2, 3))), 0)


def test_a_forest_comes_back_from_arrays() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 6))
    forest = grow_forest(rows, np.random.default_rng(0))
    arrays = forest.to_arrays()
    assert arrays["feature"].shape == (TREES, 2**DEPTH - 1)
    assert all(np.isfinite(array).all() for array in arrays.values())
    np.testing.assert_array_equal(
        Forest.from_arrays(arrays, 6, "detection").isolation(rows), forest.isolation(rows)
    )


@pytest.mark.parametrize(("width", "every"), [(3, 1), (2_000, 500)])
def test_every_feature_in_which_rows_differ_is_cut_as_often(width: int, every: int) -> None:
    """Of few, and of some among many that are constant."""
    random = np.random.default_rng(0)
    rows = np.zeros((64, width), np.float32)
    rows[:, ::every] = random.normal(size=rows[:, ::every].shape)
    first = np.concatenate([grow_forest(rows, random).feature[:, 0] for _ in range(3)])
    cut, counts = np.unique(first, return_counts=True)
    np.testing.assert_array_equal(cut, np.arange(0, width, every))
    assert chisquare(counts).pvalue > 0.01


def test_the_odd_among_rows_of_many_features_is_found() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 1500)).astype(np.float32)
    rows[7] *= 3
    forest = grow_forest(rows, random)
    assert forest.isolation(rows).argmax() == 7
    assert len(np.unique(forest.feature)) > 1400 and forest.feature.max() > 1490


@pytest.mark.parametrize("width", [3, 100])
def test_rows_go_through_every_tree_as_each_tree_says(width: int) -> None:
    rows = np.random.default_rng(0).normal(size=(300, width)).astype(np.float32)
    forest = grow_forest(rows, np.random.default_rng(0))
    cuts = 0.0
    for feature, threshold, length in zip(
        forest.feature, forest.threshold, forest.length, strict=True
    ):
        at = 0
        for _ in range(DEPTH):
            at = 2 * at + 1 + int(rows[-1, feature[at]] >= threshold[at])
        cuts += float(length[at - len(feature)])
    assert forest.isolation(rows)[-1] == pytest.approx(-cuts / TREES, rel=1e-12)


@pytest.mark.parametrize("width", [3, 100])
def test_a_cut_lies_among_the_rows_of_its_node(width: int) -> None:
    rows = np.random.default_rng(0).normal(size=(200, width)).astype(np.float32)
    forest = grow_forest(rows, np.random.default_rng(0))
    for feature, threshold in zip(forest.feature[:20], forest.threshold[:20], strict=True):
        here = {0: rows}
        for node in range(len(feature)):
            some = here.pop(node)
            right = some[:, feature[node]] >= threshold[node]
            here[2 * node + 1], here[2 * node + 2] = some[~right], some[right]
            # what is cut is parted; what is not is a single row, all of whose values are alike
            assert (right.any() and not right.all()) == (len(some) > 1)
