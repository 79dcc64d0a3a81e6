"""Expectation maximisation, against scikit-learn's."""

import warnings

import numpy as np
import pytest
from sklearn.cluster import kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from narrows.learnt import mixture as module
from narrows.learnt.mixture import Mixture, first_mixture, fit_mixture
from narrows.support import blas

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(5000, 3)) @ RANDOM.normal(size=(3, 3)) + 3 * RANDOM.integers(
    -1, 2, (5000, 1)
)
ADDED = 1e-3


def in_scikit_learn(start: Mixture) -> GaussianMixture:
    """What it makes of ROWS from the same start, by the same tolerance."""
    precisions = np.linalg.inv(start.cholesky @ start.cholesky.swapaxes(1, 2))
    mixture = GaussianMixture(
        len(start.weights),
        tol=1e-2,
        reg_covar=ADDED,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=precisions,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(ROWS)


@pytest.mark.parametrize("in_pairs", (True, False), ids=("pairs", "one by one"))
@pytest.mark.parametrize(("dtype", "near", "nearer"), [("f8", 1e-6, 1e-9), ("f4", 1e-3, 1e-5)])
def test_it_is_what_scikit_learn_finds(
    in_pairs: bool, dtype: str, near: float, nearer: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_pairs:
        monkeypatch.setattr(module, "_MOST_NUMBERS_IN_PAIRS", 2)
    start, rows = first_mixture(ROWS, 4, ADDED, seed=0), ROWS.astype(dtype)
    found, expected = fit_mixture(start, rows, ADDED), in_scikit_learn(start)
    np.testing.assert_allclose(found.weights, expected.weights_, rtol=near)
    np.testing.assert_allclose(found.means, expected.means_, rtol=near)
    covariances = found.cholesky @ found.cholesky.swapaxes(1, 2)
    np.testing.assert_allclose(covariances, expected.covariances_, rtol=near)
    assert found.score(rows) == pytest.approx(expected.score(ROWS), rel=nearer)
    assert {found.weights.dtype, found.means.dtype, found.cholesky.dtype} == {np.dtype("f8")}


def test_cores_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(blas, "usable_cores", lambda count=cores: count)
        found.append(fit_mixture(first_mixture(ROWS, 4, ADDED, seed=0), ROWS, ADDED))
    assert found[0].means.tobytes() == found[1].means.tobytes()
    assert found[0].cholesky.tobytes() == found[1].cholesky.tobytes()


def test_groups_that_nobody_is_in_are_components_all_the_same() -> None:
    rows = np.repeat([[0.0, 1.0], [2.0, 1.0]], 50, axis=0)
    mixture = fit_mixture(first_mixture(rows, 4, ADDED, seed=0), rows, ADDED)
    assert np.isfinite(mixture.score(rows))
    assert mixture.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("count", (1, 4, 64))
def test_groups_start_where_scikit_learn_draws_them(count: int) -> None:
    for seed in range(3):
        _, expected = kmeans_plusplus(ROWS, count, random_state=seed)
        places = module._far_apart(ROWS, count, np.random.RandomState(seed))
        assert places == expected.tolist()
