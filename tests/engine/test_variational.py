"""The evidence lower bound and its training, against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize
from sklearn.decomposition import PCA

from narrows.engine import AdamSettings
from narrows.engine.evidence import Evidence, negative_elbo
from narrows.engine.xla import XlaTrainer, measure_evidence
from narrows.errors import UsageError
from narrows.model.trained import DataDescription, TrainedModel, TrainingRecord
from narrows.model.use import TrainedAutoencoder, noise_variance
from narrows.nn.blocks import Dense, Gaussian
from narrows.nn.model import Model, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec

L2 = Objective()


def linear_model(beta: float = 1.0, scaling: Scaling | None = None) -> Model:
    """x -> N(x A + a, diag exp(x B + b)) -> z C + c, with something in every array."""
    spec = Spec((6,), (Gaussian(2, beta),), (Dense(6),))
    model = initial_model(spec, scaling or Scaling(), 0)
    random = np.random.default_rng(1)
    arrays = {
        name: array + random.normal(0, 0.2, array.shape).astype(np.float32)
        for name, array in model.arrays.items()
    }
    return replace(model, arrays=arrays)


def autoencoder(model: Model, **training: object) -> TrainedAutoencoder:
    data = DataDescription(name="data", count=10, dtype="float32")
    record = TrainingRecord(**training)  # type: ignore[arg-type]
    return TrainedAutoencoder(TrainedModel(model=model, data=data, training=record))


def moments(model: Model, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and log variance of each item's code, the latter limited as in the block: v' = v /
    (1 + |v| / 10)."""
    arrays = model.arrays
    mean = x @ arrays["encoder.0.mean.weight"] + arrays["encoder.0.mean.bias"]
    log_variance = (
        x @ arrays["encoder.0.log_variance.weight"] + arrays["encoder.0.log_variance.bias"]
    )
    return mean, log_variance / (1 + np.abs(log_variance) / 10)


@pytest.mark.parametrize("beta", [0, 1, 4.0])
def test_the_divergence_is_that_of_two_normal_distributions(beta: float) -> None:
    """sum over log(s2 / s1) + (s1^2 + m^2) / (2 s2^2) - 1/2 with s2 = 1, whatever beta is."""
    model = linear_model(beta)
    x = np.random.default_rng(2).normal(size=(50, 6)).astype(np.float32)
    mean, log_variance = moments(model, x)
    deviation = np.exp(log_variance / 2)
    expected = (np.log(1 / deviation) + (deviation**2 + mean**2) / 2 - 0.5).sum()
    assert measure_evidence(model, L2, x).divergence == pytest.approx(expected, rel=1e-5)


def test_the_expected_error_is_that_of_a_drawn_code() -> None:
    """E|x - z C - c|^2 = |x - m C - c|^2 + sum of s_j^2 |C_j|^2, to five standard errors."""
    model = linear_model()
    x = np.random.default_rng(3).normal(size=(1, 6)).astype(np.float32)
    mean, log_variance = moments(model, x)
    weight, bias = model.arrays["decoder.0.weight"], model.arrays["decoder.0.bias"]
    missed = ((x - mean @ weight - bias) ** 2).sum()
    spread = (np.exp(log_variance[0]) * (weight**2).sum(axis=1)).sum()
    count = 40_000
    found = measure_evidence(model, L2, np.repeat(x, count, axis=0))
    assert found.total / count == pytest.approx(missed + spread, rel=0.03)
    assert found.total / count != pytest.approx(missed, rel=0.03)


def test_the_same_items_have_the_same_evidence_every_time() -> None:
    x = np.random.default_rng(3).normal(size=(3000, 6)).astype(np.float32)
    first, again = (measure_evidence(linear_model(), L2, x) for _ in range(2))
    assert first == again


def test_the_elbo_is_the_normal_density_less_the_divergence() -> None:
    evidence = Evidence(objective=L2, items=4, values=24, total=30.0, divergence=8.0)
    density = -0.5 * 24 * math.log(2 * math.pi * 1.7) - 30 / (2 * 1.7)
    assert evidence.elbo(1.7) == pytest.approx((density - 8) / 4)
    best = optimize.minimize_scalar(lambda v: -evidence.elbo(v), bounds=(0.1, 10), method="bounded")
    assert evidence.noise_variance == pytest.approx(best.x, rel=1e-4)


def test_under_cross_entropy_it_is_a_probability() -> None:
    """Three values with chances 1/2 have a probability of 1/8."""
    evidence = Evidence(
        objective=Objective("bce"), items=1, values=3, total=3 * math.log(2), divergence=0.25
    )
    assert evidence.elbo(1.0) == pytest.approx(math.log(1 / 8) - 0.25)


def test_data_in_another_unit_have_a_density_spread_over_it() -> None:
    x = np.random.default_rng(4).normal(size=(100, 6)).astype(np.float32)
    here = measure_evidence(linear_model(), L2, x)
    there = measure_evidence(linear_model(scaling=Scaling(0, 10)), L2, 10 * x)
    variance = here.noise_variance
    assert there.noise_variance == pytest.approx(100 * variance, rel=1e-5)
    expected = here.elbo(variance) - 6 * math.log(10)
    assert there.elbo(100 * variance) == pytest.approx(expected, rel=1e-5)


def test_training_minimises_the_elbo_at_the_best_variance() -> None:
    """min over v of D/2 log(2 pi v) + S / (2 v), less its constant D/2 (log(2 pi) + 1)."""
    total, values, divergence = 30.0, 24, 8.0
    best = optimize.minimize_scalar(
        lambda v: values / 2 * math.log(2 * math.pi * v) + total / (2 * v),
        bounds=(0.1, 10),
        method="bounded",
    )
    expected = best.fun - values / 2 * (math.log(2 * math.pi) + 1) + divergence
    found = negative_elbo(L2, np.array([total]), values, divergence)[0]
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_batch_that_is_reconstructed_exactly_has_finite_slopes() -> None:
    model = linear_model()
    still = {name: np.zeros_like(array) for name, array in model.arrays.items()}
    trainer = XlaTrainer(replace(model, arrays=still), L2, AdamSettings(), 5)
    trainer.train(np.zeros((20, 6), np.float32), np.arange(20))
    assert all(np.isfinite(array).all() for array in trainer.state().arrays.values())


@pytest.mark.slow
def test_a_linear_model_learns_the_likelihood_of_probabilistic_pca() -> None:
    """Its ELBO is tight: Lucas et al., Don't blame the ELBO, NeurIPS 2019; the likelihood is
    Tipping and Bishop's, as scikit-learn has it."""
    random = np.random.default_rng(5)
    wide = random.normal(size=(2000, 2)) * (2, 1) @ random.normal(size=(2, 6))
    x = (wide + random.normal(0, 0.5, (2000, 6))).astype(np.float32)
    model = linear_model()
    steps = 2500
    trainer = XlaTrainer(
        model, L2, AdamSettings(learning_rate=0.02, warmup_steps=10, total_steps=steps), 100
    )
    for epoch in range(steps // 20):
        trainer.train(x, np.random.default_rng(epoch).permutation(len(x)))
    model = replace(model, arrays=trainer.state().arrays)
    variance = noise_variance(model, L2, x)
    found = autoencoder(model, objective="l2", noise_variance=variance).elbo(x)
    expected = PCA(2).fit(x).score(x)
    assert found == pytest.approx(expected, abs=0.05)
    assert expected - PCA(1).fit(x).score(x) > 0.3


PLAIN = initial_model(Spec((6,), (Dense(2),), (Dense(6),)), Scaling(), 0)


def test_what_has_no_evidence_says_why() -> None:
    items = np.zeros((3, 6), np.float32)
    with pytest.raises(UsageError, match="no gaussian block"):
        autoencoder(PLAIN).elbo(items)
    with pytest.raises(UsageError, match="decoder variance of None"):
        autoencoder(linear_model(), objective="l2").elbo(items)
    with pytest.raises(UsageError, match="0 items"):
        autoencoder(linear_model(), objective="l2", noise_variance=1.0).elbo(items[:0])
    assert noise_variance(PLAIN, L2, items) is None
