"""Measures of drawn items, against SciPy, scikit-learn and closed forms."""

import numpy as np
import pytest
from scipy import linalg
from sklearn.neighbors import NearestNeighbors

import generation_measures
from generation_measures import frechet_distance, nearest, precision_recall, share_of_copies
from narrows.errors import ShapeError, UsageError

RANDOM = np.random.default_rng(2)
REAL = RANDOM.normal(size=(300, 4)) @ RANDOM.normal(size=(4, 4))
DRAWN = RANDOM.normal(size=(200, 4)) + np.eye(4)[0]


def test_the_frechet_distance_is_that_of_the_formula() -> None:
    first, second = np.cov(REAL.T), np.cov(DRAWN.T)
    root = linalg.sqrtm(first @ second).real
    expected = ((REAL.mean(axis=0) - DRAWN.mean(axis=0)) ** 2).sum()
    expected += np.trace(first + second - 2 * root)
    assert frechet_distance(REAL, DRAWN) == pytest.approx(expected)
    assert frechet_distance(DRAWN, REAL) == pytest.approx(expected)


def test_of_one_number_it_is_the_distance_of_means_and_deviations() -> None:
    first, second = REAL[:, :1], DRAWN[:, :1]
    expected = (first.mean() - second.mean()) ** 2
    expected += (first.std(ddof=1) - second.std(ddof=1)) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_it_is_none_from_itself_and_between_flat_features() -> None:
    assert frechet_distance(REAL, REAL[::-1]) == pytest.approx(0, abs=1e-9)
    flat = REAL * (1, 0, 0, 1)
    assert frechet_distance(flat, flat + np.array([3, 4, 0, 0])) == pytest.approx(25)


def balls(these: np.ndarray, others: np.ndarray, neighbours: int) -> float:
    """The share of ``others`` within the balls of ``these``, by scikit-learn."""
    radii = NearestNeighbors(n_neighbors=neighbours + 1).fit(these).kneighbors(these)[0][:, -1]
    distances = np.linalg.norm(others[:, None] - these, axis=2)
    return float((distances <= radii + 1e-12).any(axis=1).mean())


@pytest.mark.parametrize("neighbours", [1, 3, 5])
@pytest.mark.parametrize("room", [1 << 22, 1000])
def test_precision_and_recall_are_shares_within_balls(
    neighbours: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation_measures, "_DISTANCES", room)
    precision, recall = precision_recall(REAL, DRAWN, neighbours)
    assert precision == balls(REAL, DRAWN, neighbours)
    assert recall == balls(DRAWN, REAL, neighbours)
    assert 0 < precision < 1 and 0 < recall < 1


def test_each_tells_of_one_fault() -> None:
    assert precision_recall(REAL, REAL) == (1, 1)
    some = precision_recall(REAL, REAL[REAL[:, 0] > 1])  # good items of one kind
    assert some[0] == 1 and some[1] < 0.5
    far = precision_recall(REAL, REAL + 100)
    assert far == (0, 0)


@pytest.mark.parametrize("room", [1 << 22, 1000])
def test_the_nearest_is_the_nearest(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation_measures, "_DISTANCES", room)
    distances, places = nearest(DRAWN, REAL)
    expected = NearestNeighbors(n_neighbors=1).fit(REAL).kneighbors(DRAWN)
    np.testing.assert_allclose(distances, expected[0][:, 0])
    np.testing.assert_array_equal(places, expected[1][:, 0])
    np.testing.assert_allclose(nearest(REAL[:9], REAL)[0], 0, atol=1e-6)


def test_copies_show() -> None:
    held_out = RANDOM.normal(10, 1, 10_000)
    assert share_of_copies(RANDOM.normal(10, 1, 10_000), held_out) == pytest.approx(0.01, abs=0.005)
    copied = np.where(RANDOM.random(1000) < 0.3, 0, 10)
    assert share_of_copies(copied, held_out) == pytest.approx(0.3, abs=0.05)


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(ShapeError, match=r"\(300, 4\) and \(200, 3\) cannot be compared"):
        frechet_distance(REAL, DRAWN[:, :3])
    with pytest.raises(UsageError, match="1 items are too few"):
        frechet_distance(REAL, DRAWN[:1])
    with pytest.raises(UsageError, match="3 items are too few"):
        precision_recall(REAL, DRAWN[:3])
    with pytest.raises(UsageError, match="0 items are too few"):
        nearest(DRAWN, REAL[:0])
