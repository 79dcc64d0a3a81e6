"""What each block is about; what holds for all of them is in test_contract.py."""

import math
from typing import Any

import numpy as np
import pytest

from narrows.errors import UsageError
from narrows.nn.activations import ACTIVATIONS
from narrows.nn.blocks import Block, Dense, Flatten, Reshape, Shape
from narrows.nn.flow import Flow


def batch(shape: Shape, count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, *shape)).astype(np.float32)


def initial(block: Block, shape: Shape, seed: int = 0) -> dict[str, np.ndarray]:
    return block.initial_arrays(shape, np.random.default_rng(seed))


def test_dense_weights_are_uniform_within_glorots_limit_and_biases_zero() -> None:
    arrays = initial(Dense(200), (300,))
    limit = math.sqrt(6 / (300 + 200))
    weight = arrays["weight"].astype(np.float64)
    assert np.abs(weight).max() <= np.float32(limit)
    assert np.abs(weight).max() > 0.999 * limit
    # a uniform variable on (-a, a) has variance a^2 / 3: Glorot and Bengio's 2 / (in + out)
    assert weight.var() == pytest.approx(2 / (300 + 200), rel=0.02)
    assert weight.mean() == pytest.approx(0, abs=limit / 100)
    assert not arrays["bias"].any()


def test_another_seed_gives_other_weights() -> None:
    block = Dense(4)
    assert (initial(block, (6,), seed=0)["weight"] != initial(block, (6,), seed=1)["weight"]).all()


def test_dense_multiplies_adds_and_activates() -> None:
    arrays = {
        "weight": np.array([[1, -1], [2, 0.5], [0, 3]], np.float32),
        "bias": np.array([0.5, -2], np.float32),
    }
    items = np.array([[1, 2, 3], [-4, 0, 1]], np.float32)
    np.testing.assert_array_equal(Dense(2).apply(arrays, items, Flow()), [[5.5, 7], [-3.5, 5]])
    np.testing.assert_array_equal(Dense(2, "relu").apply(arrays, items, Flow()), [[5.5, 7], [0, 5]])


def test_the_mirror_of_dense_gives_its_input_and_ends_as_it_is_told() -> None:
    assert Dense(20, "relu").mirror((100,), "sigmoid") == (Dense(100, "sigmoid"),)


def test_flatten_and_its_mirror_keep_every_value_in_place() -> None:
    items = batch((5, 4, 3))
    flat = Flatten().apply({}, items, Flow())
    np.testing.assert_array_equal(flat, items.reshape(5, 60))
    (back,) = Flatten().mirror((5, 4, 3), "relu")
    np.testing.assert_array_equal(back.apply({}, flat, Flow()), items)


@pytest.mark.parametrize("shape", [(28, 28), (2, 3, 4), ()])
def test_dense_says_which_shape_it_got(shape: Shape) -> None:
    with pytest.raises(UsageError) as caught:
        Dense(10).output_shape(shape)
    assert "one dimension" in caught.value.message
    assert str(shape) in caught.value.message
    assert "flatten" in (caught.value.hint or "")


def test_reshape_says_how_many_values_it_got_and_needs() -> None:
    with pytest.raises(UsageError, match=r"\(3, 4\) needs 12 values and gets 10, in shape \(10,\)"):
        Reshape((3, 4)).output_shape((10,))


@pytest.mark.parametrize("units", [0, -1, 2.5, "many", True, None])
def test_dense_refuses_what_is_no_number_of_units(units: Any) -> None:
    with pytest.raises(UsageError, match=f"{units!r} units"):
        Dense(units)


@pytest.mark.parametrize("activation", ["swoosh", "", None, 3])
def test_dense_refuses_an_unknown_activation(activation: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Dense(4, activation)
    assert repr(activation) in caught.value.message
    assert all(name in (caught.value.hint or "") for name in ACTIVATIONS)


@pytest.mark.parametrize("shape", [12, "12", [3, 0], [3, -4], [2.0, 6], [True, 12], None])
def test_reshape_refuses_what_is_no_shape(shape: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Reshape(shape)
    assert repr(shape) in caught.value.message
