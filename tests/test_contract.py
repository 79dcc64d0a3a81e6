"""What holds for every block and for every preset, whatever it is about."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from narrows.nn.activations import ACTIVATIONS
from narrows.nn.blocks import (
    BLOCKS,
    Activation,
    Block,
    Conv,
    ConvTranspose,
    Copy,
    Crop,
    Dense,
    Dropout,
    Flatten,
    Gaussian,
    Join,
    Norm,
    Pad,
    Patch,
    Pool,
    Reshape,
    Shape,
    Unpatch,
    Upsample,
)
from narrows.nn.flow import Flow

# What "other" keeps, for blocks that join: a shape that fits the one of the example.
EXAMPLES: list[tuple[Block, Shape]] = [
    (Flatten(), (28, 28)),
    (Flatten(), (5, 4, 3)),
    (Flatten(), (7,)),
    (Flatten(), ()),
    (Reshape((4, 3)), (12,)),
    (Reshape((2, 6)), (3, 4)),
    (Reshape(()), (1,)),
    (Crop((5, 4)), (7, 9)),
    (Crop((5, 4, 2)), (6, 4, 3)),
    (Crop((3,)), (8,)),
    (Pad((9, 8)), (7, 8)),
    (Pad((8, 8, 4)), (5, 7, 3)),
    (Pad((10,)), (7,)),
    (Dense(4, "relu"), (6,)),
    (Dense(9, "sigmoid"), (2,)),
    (Dense(1), (1,)),
    (Conv(4), (7, 9)),
    (Conv(2, 3, 2, activation="silu"), (7, 10, 3)),
    (Conv(5, (3, 5), (2, 3), "valid"), (11, 9, 4)),
    (Conv(3, 4, 2), (9, 7)),
    (Conv(3, 4, 4), (9, 7, 1)),
    (Conv(3, 4, 4, "valid"), (9, 7, 3)),
    (Conv(2, 2, 3), (8, 7, 3)),
    (Conv(2, 7, 1), (3, 2, 1)),
    (Conv(1, 1, 1), (1, 1, 1)),
    (ConvTranspose(4), (7, 9)),
    (ConvTranspose(3, 3, 2, size=(13, 10)), (7, 5, 4)),
    (ConvTranspose(1, 4, 2, activation="tanh"), (4, 3, 2)),
    (ConvTranspose(2, (3, 5), (2, 3), "valid"), (3, 2)),
    (ConvTranspose(2, 3, 2, "valid", size=(8, 8)), (3, 3, 1)),
    (ConvTranspose(3, 4, 4, size=(9, 7)), (3, 2, 3)),
    (ConvTranspose(2, 2, 3, size=(8, 7)), (3, 3, 3)),
    (Patch(2), (4, 6)),
    (Patch((3, 2)), (6, 4, 3)),
    (Unpatch(2), (2, 3, 12)),
    (Unpatch(1), (2, 3)),
    (Pool(), (7, 5)),
    (Pool((2, 3), "mean"), (7, 7, 3)),
    (Pool(2, "max"), (4, 4, 1)),
    (Upsample(), (3, 4)),
    (Upsample((2, 3), (5, 7)), (3, 3, 4)),
    (Norm("batch"), (6,)),
    (Norm("batch"), (5, 4)),
    (Norm("batch"), (5, 4, 3)),
    (Norm("layer"), (6,)),
    (Norm("layer"), (5, 4, 3)),
    (Dropout(0.3), (5, 4)),
    (Dropout(0), (3,)),
    *((Activation(name), (3, 2)) for name in ACTIVATIONS),
    (Copy("other"), (5, 4, 3)),
    (Join("other", "add"), (5, 4, 3)),
    (Join("other", "add"), (5, 4)),
    (Join("other", "concatenate"), (5, 4, 3)),
    (Join("other", "concatenate"), (6,)),
    (Gaussian(3), (7,)),
    (Gaussian(1, 0.1), (1,)),
]
every_example = pytest.mark.parametrize(
    ("block", "shape"), EXAMPLES, ids=[f"{block}-{shape}" for block, shape in EXAMPLES]
)


def batch(shape: Shape, count: int = 5, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


def initial(block: Block, shape: Shape, seed: int = 0) -> dict[str, np.ndarray]:
    return block.initial_arrays(shape, np.random.default_rng(seed))


def kept_shapes(shape: Shape) -> dict[str, Shape]:
    return {"other": shape}


def applied(block: Block, arrays: Any, items: Any, training: bool = False) -> Any:
    """What a block makes of items, with the same copy kept and the same numbers drawn each time."""
    xp = items.__array_namespace__()
    random = np.random.default_rng(5)
    flow = Flow(
        training,
        lambda shape: xp.asarray(random.random(shape).astype(np.float32)),
        lambda shape: xp.asarray(random.standard_normal(shape).astype(np.float32)),
        kept={"other": items[::-1] + 1},
        prefix="encoder.0",
    )
    return block.apply(arrays, items, flow)


def test_every_kind_of_block_has_examples() -> None:
    assert {type(block) for block, _ in EXAMPLES} == set(BLOCKS.values())
    assert all(kind.name == name for name, kind in BLOCKS.items())


@every_example
@pytest.mark.parametrize("training", [False, True])
def test_the_result_has_the_shape_that_was_announced(
    block: Block, shape: Shape, training: bool
) -> None:
    result = applied(block, initial(block, shape), batch(shape), training)
    assert result.shape == (5, *block.output_shape(shape, kept_shapes(shape)))
    assert result.dtype == np.float32
    assert np.isfinite(result).all()


@every_example
def test_items_do_not_depend_on_one_another(block: Block, shape: Shape) -> None:
    arrays, items = initial(block, shape), batch(shape)
    changed = items.copy()
    changed[[0, 1, 3, 4]] = 7
    np.testing.assert_allclose(
        applied(block, arrays, changed)[2], applied(block, arrays, items)[2], rtol=1e-5, atol=1e-6
    )


@every_example
@pytest.mark.parametrize("training", [False, True])
def test_numpy_and_jax_agree(block: Block, shape: Shape, training: bool) -> None:
    arrays, items = initial(block, shape), batch(shape)
    with_jax = jax.jit(lambda arrays, items: applied(block, arrays, items, training))
    np.testing.assert_allclose(
        with_jax({name: jnp.asarray(array) for name, array in arrays.items()}, jnp.asarray(items)),
        applied(block, arrays, items, training),
        rtol=1e-5,
        atol=2e-6,
    )


@every_example
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_mirror_leads_back_to_the_shape(block: Block, shape: Shape, activation: str) -> None:
    found = block.output_shape(shape, kept_shapes(shape))
    for back in block.mirror(shape, activation):
        found = back.output_shape(found, {"other": found})
    assert found == shape


@every_example
def test_a_block_reads_back_from_json(block: Block, shape: Shape) -> None:
    options: dict[str, Any] = json.loads(json.dumps(block.to_dict()))
    assert BLOCKS[options.pop("block")](**options) == block


@every_example
def test_arrays_have_the_announced_shapes_in_float32(block: Block, shape: Shape) -> None:
    arrays = initial(block, shape)
    assert {name: array.shape for name, array in arrays.items()} == block.array_shapes(shape)
    assert all(array.dtype == np.float32 for array in arrays.values())
    assert set(block.statistics()) <= set(arrays)


@every_example
def test_one_seed_gives_one_set_of_arrays(block: Block, shape: Shape) -> None:
    first, again = initial(block, shape), initial(block, shape)
    assert {n: a.tobytes() for n, a in first.items()} == {n: a.tobytes() for n, a in again.items()}


@every_example
def test_only_statistics_are_updated_and_only_in_training(block: Block, shape: Shape) -> None:
    arrays, items = initial(block, shape), batch(shape)
    for training in (False, True):
        ones = [lambda shape: np.ones(shape, np.float32)] * 2
        flow = Flow(training, *ones, kept={"other": items}, prefix="decoder.7")
        block.apply(arrays, items, flow)
        names = {f"decoder.7.{name}" for name in block.statistics()} if training else set()
        assert set(flow.updates) == names
        for name, value in flow.updates.items():
            assert value.shape == arrays[name.removeprefix("decoder.7.")].shape


@every_example
def test_a_block_cannot_be_changed(block: Block, shape: Shape) -> None:
    with pytest.raises(AttributeError):
        block.units = 3  # type: ignore[attr-defined]
