"""What holds for every block, and then what each block is about."""

import json
import math
from dataclasses import FrozenInstanceError
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from narrows.errors import UsageError
from narrows.nn.activations import ACTIVATIONS
from narrows.nn.blocks import BLOCKS, Block, Dense, Flatten, Reshape, Shape

EXAMPLES: list[tuple[Block, Shape]] = [
    (Flatten(), (28, 28)),
    (Flatten(), (5, 4, 3)),
    (Flatten(), (7,)),
    (Flatten(), ()),
    (Reshape((4, 3)), (12,)),
    (Reshape((2, 6)), (3, 4)),
    (Reshape(()), (1,)),
    (Dense(4, "relu"), (6,)),
    (Dense(9, "sigmoid"), (2,)),
    (Dense(1), (1,)),
]
every_example = pytest.mark.parametrize(
    ("block", "shape"), EXAMPLES, ids=[f"{block}-{shape}" for block, shape in EXAMPLES]
)


def batch(shape: Shape, count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, *shape)).astype(np.float32)


def initial(block: Block, shape: Shape, seed: int = 0) -> dict[str, np.ndarray]:
    return block.initial_arrays(shape, np.random.default_rng(seed))


def test_every_kind_of_block_keeps_the_contract_below() -> None:
    assert {type(block) for block, _ in EXAMPLES} == set(BLOCKS.values())
    assert all(kind.name == name for name, kind in BLOCKS.items())


@every_example
def test_the_result_has_the_shape_that_was_announced(block: Block, shape: Shape) -> None:
    result = block.apply(initial(block, shape), batch(shape))
    assert result.shape == (5, *block.output_shape(shape))
    assert result.dtype == np.float32


@every_example
def test_items_do_not_depend_on_one_another(block: Block, shape: Shape) -> None:
    arrays, items = initial(block, shape), batch(shape)
    one_by_one = [block.apply(arrays, items[i : i + 1]) for i in range(len(items))]
    np.testing.assert_allclose(
        block.apply(arrays, items), np.concatenate(one_by_one), rtol=1e-5, atol=1e-6
    )


@every_example
def test_numpy_and_jax_agree(block: Block, shape: Shape) -> None:
    arrays, items = initial(block, shape), batch(shape)
    with_jax = block.apply(
        {name: jnp.asarray(array) for name, array in arrays.items()}, jnp.asarray(items)
    )
    np.testing.assert_allclose(with_jax, block.apply(arrays, items), rtol=1e-5, atol=1e-6)


@every_example
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_mirror_leads_back_to_the_shape(block: Block, shape: Shape, activation: str) -> None:
    mirror = block.mirror(shape, activation)
    assert mirror.output_shape(block.output_shape(shape)) == shape


@every_example
def test_a_block_reads_back_from_json(block: Block, shape: Shape) -> None:
    options: dict[str, Any] = json.loads(json.dumps(block.to_dict()))
    assert BLOCKS[options.pop("block")](**options) == block


@every_example
def test_arrays_have_the_announced_shapes_in_float32(block: Block, shape: Shape) -> None:
    arrays = initial(block, shape)
    assert {name: array.shape for name, array in arrays.items()} == block.array_shapes(shape)
    assert all(array.dtype == np.float32 for array in arrays.values())


@every_example
def test_one_seed_gives_one_set_of_arrays(block: Block, shape: Shape) -> None:
    first, again = initial(block, shape), initial(block, shape)
    assert {n: a.tobytes() for n, a in first.items()} == {n: a.tobytes() for n, a in again.items()}


@every_example
def test_a_block_cannot_be_changed(block: Block, shape: Shape) -> None:
    with pytest.raises(FrozenInstanceError):
        block.units = 3  # type: ignore[attr-defined]


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
    np.testing.assert_array_equal(Dense(2).apply(arrays, items), [[5.5, 7], [-3.5, 5]])
    np.testing.assert_array_equal(Dense(2, "relu").apply(arrays, items), [[5.5, 7], [0, 5]])


def test_the_mirror_of_dense_gives_its_input_and_ends_as_it_is_told() -> None:
    assert Dense(20, "relu").mirror((100,), "sigmoid") == Dense(100, "sigmoid")


def test_flatten_and_its_mirror_keep_every_value_in_place() -> None:
    items = batch((5, 4, 3))
    flat = Flatten().apply({}, items)
    np.testing.assert_array_equal(flat, items.reshape(5, 60))
    np.testing.assert_array_equal(Flatten().mirror((5, 4, 3), "relu").apply({}, flat), items)


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
