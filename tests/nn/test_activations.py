import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, ndtr

from narrows.nn.activations import ACTIVATIONS, activation_and_slope, apply_activation

FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": expit,
    "tanh": np.tanh,
    # the tanh form of x Phi(x), which is within 0.0005 of it
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * expit(x),
}


def test_every_activation_has_its_formula_here() -> None:
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_those_of_numpy_and_scipy(name: str) -> None:
    x = np.linspace(-12, 12, 97)
    np.testing.assert_allclose(apply_activation(name, x), FORMULAS[name](x), atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_numpy_and_jax_agree_in_values_and_dtype(name: str) -> None:
    x = np.linspace(-12, 12, 97, dtype=np.float32)
    with_numpy, with_jax = apply_activation(name, x), apply_activation(name, jnp.asarray(x))
    assert with_numpy.dtype == with_jax.dtype == np.float32
    np.testing.assert_allclose(with_jax, with_numpy, atol=1e-6)


@pytest.mark.parametrize("namespace", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_nan_stays_one(name: str, namespace: object) -> None:
    assert np.isnan(np.asarray(apply_activation(name, namespace.asarray([np.nan])))).all()  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "silu"])
def test_large_values_saturate_without_overflow(name: str) -> None:
    x = np.array([-1e30, -1e4, 1e4, 1e30], np.float32)
    ends = {
        "sigmoid": [0, 0, 1, 1],
        "tanh": [-1, -1, 1, 1],
        "gelu": [0, 0, *x[2:]],
        "silu": [0, 0, *x[2:]],
    }
    np.testing.assert_array_equal(apply_activation(name, x), ends[name])


def test_gelu_is_x_times_the_chance_of_less() -> None:
    x = np.linspace(-6, 6, 241)
    np.testing.assert_allclose(apply_activation("gelu", x), x * ndtr(x), atol=5e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("x", [-1e30, -50.0, 0.0, 50.0, 1e30])
def test_slopes_are_finite_everywhere(name: str, x: float) -> None:
    assert np.isfinite(jax.grad(lambda x: apply_activation(name, x))(x))


def test_the_slope_of_relu_at_zero_is_zero() -> None:
    slope = jax.grad(lambda x: apply_activation("relu", x))
    assert [float(slope(x)) for x in (-1.0, 0.0, 1.0)] == [0, 0, 1]


@pytest.mark.parametrize("namespace", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_those_that_jax_derives(name: str, namespace: types.ModuleType) -> None:
    x = np.concatenate([np.linspace(-12, 12, 97), [-1e30, 1e30]]).astype(np.float32)
    value, slope = activation_and_slope(name, namespace.asarray(x))
    derived = jax.vmap(jax.grad(lambda x: apply_activation(name, x)))(x)
    assert slope.dtype == np.float32
    np.testing.assert_array_equal(value, apply_activation(name, namespace.asarray(x)))
    np.testing.assert_allclose(slope, derived, atol=2e-5)  # where tanh is 1
