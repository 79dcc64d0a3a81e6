"""The density of codes, against scikit-learn, SciPy and closed forms."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.mixture import GaussianMixture

from narrows.engine import make_runner
from narrows.errors import ShapeError
from narrows.learnt import density as density_module
from narrows.learnt.density import MOST_CODES, Density, fit_density
from narrows.model.coded_items import CodedItems
from narrows.model.use import TrainedAutoencoder
from narrows.nn.blocks import Dense
from narrows.nn.model import initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.support.chunks import sampled_places
from narrows.tasks import fit_plan as fitting
from narrows.tasks.fit_plan import Fitted, place_codes

RANDOM = np.random.default_rng(3)
# Four far groups, of codes whose numbers have other units.
CENTRES = np.array([[0, 0, 0], [8, 0, 1], [0, 8, 2], [8, 8, 3]])
GROUPED = (RANDOM.normal(0, 1, (2000, 3)) + np.tile(CENTRES, (500, 1))) * (1, 100, 0.01)


def kept(density: Density) -> Density:
    """As a model file keeps it."""
    return Density.from_arrays(density.to_arrays(), len(density.centre))


def mixture_of(density: Density) -> GaussianMixture:
    """The same in scikit-learn, in the codes' own unit."""
    scale = density.scale
    lower = density.cholesky * scale[:, None]
    result = GaussianMixture(len(density.weights))
    result.weights_ = density.weights
    result.means_ = density.centre + scale * density.means
    result.covariances_ = lower @ lower.swapaxes(1, 2)
    result.precisions_cholesky_ = np.linalg.inv(lower).swapaxes(1, 2)
    return result


def test_it_is_the_mixture_that_scikit_learn_has() -> None:
    density = fit_density(GROUPED, 0)
    np.testing.assert_allclose(
        density.log_density(GROUPED), mixture_of(density).score_samples(GROUPED), rtol=1e-6
    )
    np.testing.assert_allclose(
        kept(density).log_density(GROUPED), density.log_density(GROUPED), atol=1e-3
    )


def test_held_out_codes_choose_how_many_components() -> None:
    assert len(fit_density(GROUPED, 0).weights) == 4
    assert len(fit_density(RANDOM.normal(size=(2000, 3)), 0).weights) == 1


def test_one_component_is_the_normal_distribution_of_the_codes() -> None:
    codes = RANDOM.normal(size=(500, 3)) @ [[2, 1, 0], [0, 1, 0], [0, 1, 9]] + (5, 0, -3)
    density = fit_density(codes, 0)
    assert len(density.weights) == 1
    found, covariance = density.log_density(codes), np.cov(codes.T, bias=True)
    # a hundredth or a thousandth of each number's variance is added, as held-out codes have it
    missed = [
        np.abs(stats.multivariate_normal(codes.mean(axis=0), wider).logpdf(codes) - found).max()
        for wider in (covariance + added * np.diag(np.diag(covariance)) for added in (1e-2, 1e-3))
    ]
    assert min(missed) < 1e-3


def test_drawn_codes_lie_as_the_codes_do() -> None:
    density = kept(fit_density(GROUPED, 0))
    drawn = density.sample(40_000, np.random.default_rng(0))
    assert drawn.dtype == np.float32
    spread = GROUPED.std(axis=0)
    np.testing.assert_allclose((drawn.mean(axis=0) - GROUPED.mean(axis=0)) / spread, 0, atol=0.02)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(GROUPED.T), atol=0.03)
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.02)
    # as likely as the codes themselves, which leaves no room between the groups
    both = [density.log_density(each).mean() for each in (drawn, GROUPED)]
    assert both[0] == pytest.approx(both[1], abs=0.05)


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (fit_density(GROUPED, seed).to_arrays() for seed in (0, 0, 1))
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
    assert any(first[name].tobytes() != other[name].tobytes() for name in first)


def test_few_codes_far_from_all_others_are_the_least_likely_where_some_are_trimmed() -> None:
    """As many components as there are to be had would give them one of their own."""
    far = np.array([[300.0, 0, 0], [301, 1, 0.001], [300, 2, 0]])
    codes = np.concatenate([GROUPED, far])
    found = fit_density(codes, 0, trimmed=0.1).log_density(codes)
    assert found[-3:].max() < found[:-3].min()


def test_near_codes_are_told_in_float32_as_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    for trimmed in (0.0, 0.1):
        monkeypatch.setattr(density_module, "_NEAR", 16)
        near = fit_density(GROUPED, 0, trimmed=trimmed).log_density(GROUPED)
        monkeypatch.setattr(density_module, "_NEAR", 0)
        far = fit_density(GROUPED, 0, trimmed=trimmed).log_density(GROUPED)
        np.testing.assert_allclose(near, far, atol=1e-2)
        assert (near != far).any()


def test_a_constant_number_is_drawn_as_it_was_and_judges_nothing() -> None:
    codes = np.insert(GROUPED, 1, 0.1, axis=1)
    density, without = kept(fit_density(codes, 0)), kept(fit_density(GROUPED, 0))
    drawn = density.sample(100, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn[:, 1], np.float32(0.1))
    found = density.log_density(codes)
    np.testing.assert_allclose(found, without.log_density(GROUPED), rtol=1e-6)
    codes[:, 1] = -1
    np.testing.assert_array_equal(density.log_density(codes), found)


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((1, 4)),
        np.full((50, 4), 7.0),
        np.array([[0.0, 1.0], [1.0, 0.0]]),
        RANDOM.normal(size=(10, 30)),
        np.repeat(RANDOM.normal(size=(3, 4)), 400, axis=0),
        np.repeat(RANDOM.normal(size=(900, 1)), 5, axis=1),
        np.concatenate([np.full((899, 2), 1e-30), np.ones((1, 2))]),
        RANDOM.normal(size=(900, 2)).astype(np.float32) * np.float32(1e30),
    ],
    ids=["one", "constant", "two", "fewer than numbers", "repeated", "equal", "far", "huge"],
)
def test_any_codes_have_a_density(codes: np.ndarray) -> None:
    density = kept(fit_density(codes, 0))
    drawn = density.sample(200, np.random.default_rng(0))
    assert np.isfinite(drawn).all()
    for each in (codes, drawn):
        assert np.isfinite(density.log_density(each)).all()
    width = np.ptp(codes, axis=0)
    assert (np.abs(drawn - codes.mean(axis=0)) <= 6 * width + 1e-6).all()


def test_codes_too_far_to_tell_are_no_error() -> None:
    density = fit_density(GROUPED, 0)
    found = density.log_density(np.array([[1e300, 0, 0], [1e30, 0, 0], [0, 0, 0]]))
    assert not np.isnan(found).any()
    assert found[0] <= found[1] < found[2]
    assert density.log_density(GROUPED[:0]).shape == (0,)


def test_codes_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(5, 2\) do not fit a density of codes of 3 numbers"):
        fit_density(GROUPED, 0).log_density(np.zeros((5, 2)))


def test_blocks_and_the_rest_are_judged_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    density = fit_density(GROUPED, 0)
    whole = density.log_density(GROUPED)
    monkeypatch.setattr(density_module, "_BLOCK", 7)
    np.testing.assert_allclose(density.log_density(GROUPED), whole, rtol=1e-12)


def test_no_more_codes_than_needed_are_taken() -> None:
    codes = np.concatenate([np.zeros((MOST_CODES, 1)), np.full((10, 1), 1e6)])
    assert fit_density(codes, 0).sample(3, np.random.default_rng(0)).max() == 0


@pytest.mark.slow
@pytest.mark.parametrize("refinement", [0, 1])
@pytest.mark.parametrize("at_once", [1 << 22, 50])
def test_statistics_are_those_of_the_codes(
    refinement: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_REFINED_FOR_STATISTICS", 60)
    monkeypatch.setattr("narrows.support.chunks.CHUNK_VALUES", at_once)
    spec = Spec((5,), (Dense(2),), (Dense(5),))
    model = initial_model(spec, Scaling(), 0)
    items = RANDOM.normal(size=(240, 5)).astype(np.float32)
    runner = make_runner(model, refinement)
    statistics = place_codes(CodedItems(runner, spec, items), bool(refinement), seed=1)
    codes = runner.encode(items[sampled_places(240, 60, 1)] if refinement else items)
    np.testing.assert_allclose(statistics["lowest"], codes.min(axis=0), rtol=1e-4)
    np.testing.assert_allclose(statistics["highest"], codes.max(axis=0), rtol=1e-4)
    np.testing.assert_allclose(statistics["mean"], codes.mean(axis=0), rtol=1e-3, atol=1e-4)


def test_a_sample_lies_in_a_larger_one_and_is_of_every_kind() -> None:
    """Every second item is of another kind, as in MNIST: equal distances would choose one kind."""
    few, more = (sampled_places(240, count, seed=1) for count in (30, 100))
    assert len(few) == 30 and set(few) < set(more) and few.tolist() == sorted(few)
    assert 5 < (few % 2).sum() < 25
    assert sampled_places(5, 9, seed=1).tolist() == [0, 1, 2, 3, 4]
    large = sampled_places(50_000, 20_000, seed=1)
    assert set(sampled_places(50_000, 10, seed=1)) < set(large)


def test_a_fitted_model_knows_how_its_codes_lie(fitted: Fitted) -> None:
    """Codes that training made are likelier than those between and beyond them."""
    trained = fitted.trained
    density = trained.learnt_density
    assert density is not None
    drawn = density.sample(500, np.random.default_rng(0))
    low, high = trained.latent["lowest"], trained.latent["highest"]
    uniform = RANDOM.uniform(low, high, drawn.shape)
    inside = density.log_density(drawn).mean()
    assert inside > density.log_density(uniform).mean()
    assert TrainedAutoencoder(trained).decode(drawn).shape[0] == 500
    assert math.isfinite(inside)
