"""The oracle of the engines has to be right itself."""

import itertools

import numpy as np
import optax
import pytest

from helpers.dense_reference import ACTIVATIONS, LOSSES, DenseReference


def stack(activation: str, ending: str, loss: str) -> DenseReference:
    random = np.random.default_rng(0)
    widths = [5, 4, 2, 5]
    pairs = list(itertools.pairwise(widths))
    return DenseReference(
        [random.standard_normal(pair) for pair in pairs],
        [random.standard_normal(outputs) for _, outputs in pairs],
        [activation, activation, ending],
        loss,
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_is_the_slope_of_the_loss(loss: str, activation: str) -> None:
    reference = stack(activation, "sigmoid" if loss == "bce" else activation, loss)
    x = np.random.default_rng(1).uniform(0.1, 0.9, (6, 5))
    distance = 1e-6
    for array, slopes in zip(reference.parameters, reference.gradient(x), strict=True):
        for place in np.ndindex(array.shape):
            here = array[place]
            array[place] = here + distance
            above = reference.total_loss(x)
            array[place] = here - distance
            below = reference.total_loss(x)
            array[place] = here
            measured = (above - below) / (2 * distance) / x.size
            assert slopes[place] == pytest.approx(measured, rel=1e-5, abs=1e-7)


@pytest.mark.slow
def test_adam_is_that_of_optax() -> None:
    reference = stack("tanh", "linear", "l2")
    theirs = [np.float32(array) for array in reference.parameters]
    # Optax adds epsilon after it has corrected the moments: one too small to matter is the same.
    optimiser = optax.adam(0.01, b1=0.8, b2=0.95, eps=1e-12)
    state = optimiser.init(theirs)
    random = np.random.default_rng(2)
    for size in (1e-3, 1.0, 1e3, 1e-3, 10.0):
        slopes = [size * random.standard_normal(array.shape) for array in theirs]
        reference.adam_step(slopes, 0.01, 0.8, 0.95, 1e-12)
        updates, state = optimiser.update([np.float32(slope) for slope in slopes], state, theirs)
        theirs = optax.apply_updates(theirs, updates)
    for ours, other in zip(reference.parameters, theirs, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-5, atol=1e-6)
