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
    Rounded,
    Shape,
    Unpatch,
    Upsample,
)
from narrows.nn.flow import Flow
from narrows.nn.model import apply_part, initial_model
from narrows.nn.presets import PRESETS, fits, preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.nn.summary import summary_text

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
    (Rounded(2.5), (7,)),
    (Rounded(0.1, 3), (1,)),
    (Rounded(4, 5), (9,)),
]
every_example = pytest.mark.parametrize(
    ("block", "shape"), EXAMPLES, ids=[f"{block}-{shape}" for block, shape in EXAMPLES]
)


def batch(shape: Shape, count: int = 5, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


def initial(block: Block, shape: Shape, seed: int = 0) -> dict[str, np.ndarray]:
    return block.initial_arrays(shape, np.random.default_rng(seed))


def filled(block: Block, shape: Shape) -> dict[str, np.ndarray]:
    """Arrays for a block with nothing in them that is 0 or 1."""
    random = np.random.default_rng(3)
    return {
        name: random.uniform(0.5, 1.5, size).astype(np.float32)
        for name, size in block.array_shapes(shape).items()
    }


def kept_shapes(shape: Shape) -> dict[str, Shape]:
    return {"other": shape}


def applied(block: Block, arrays: Any, items: Any, training: bool = False) -> Any:
    """What a block makes of items, with the same copy kept and the same numbers drawn each time."""
    xp = items.__array_namespace__()
    random = np.random.default_rng(5)
    flow = Flow(
        training=training,
        uniform=lambda shape: xp.asarray(random.random(shape).astype(np.float32)),
        normal=lambda shape: xp.asarray(random.standard_normal(shape).astype(np.float32)),
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
    assert result.shape == (5, *block.joined_shape(shape, kept_shapes(shape)))
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


@pytest.mark.slow
@pytest.mark.usefixtures("optimised")
@every_example
@pytest.mark.parametrize("training", [False, True])
def test_numpy_and_jax_agree(block: Block, shape: Shape, training: bool) -> None:
    arrays, items = filled(block, shape), batch(shape)
    with_jax = jax.jit(lambda arrays, items: applied(block, arrays, items, training))
    np.testing.assert_allclose(
        with_jax({name: jnp.asarray(array) for name, array in arrays.items()}, jnp.asarray(items)),
        applied(block, arrays, items, training),
        rtol=2e-5,
        atol=2e-5,
    )


@every_example
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_mirror_leads_back_to_the_shape(block: Block, shape: Shape, activation: str) -> None:
    found = block.joined_shape(shape, kept_shapes(shape))
    for back in block.mirror(shape, activation):
        found = back.joined_shape(found, {"other": found})
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
        flow = Flow(
            training=training,
            uniform=lambda shape: np.ones(shape, np.float32),
            normal=lambda shape: np.ones(shape, np.float32),
            kept={"other": items},
            prefix="decoder.7",
        )
        block.apply(arrays, items, flow)
        names = {f"decoder.7.{name}" for name in block.statistics()} if training else set()
        assert set(flow.updates) == names
        for name, value in flow.updates.items():
            assert value.shape == arrays[name.removeprefix("decoder.7.")].shape


@every_example
def test_a_block_cannot_be_changed(block: Block, shape: Shape) -> None:
    with pytest.raises(AttributeError):
        block.units = 3  # type: ignore[attr-defined]


ENCODERS: list[tuple[Shape, list[Block]]] = [
    ((9, 7), [Conv(4, 3, 2, activation="silu"), Conv(5, 3, 2), Flatten(), Dense(2)]),
    ((9, 7, 3), [Norm(), Conv(4, 4, 4), Norm(), Activation("relu"), Flatten(), Gaussian(2)]),
    ((7, 6, 1), [Pool(), Conv(3, 1), Pool(3, "mean"), Dropout(0.1), Flatten(), Dense(2)]),
    ((7, 6), [Pad((8, 8)), Patch(4), Conv(3), Flatten(), Dense(2, "tanh")]),
    ((8, 8, 4), [Crop((6, 6, 4)), Conv(2, 3, 1, "valid"), Flatten(), Dense(2)]),
    ((6, 5), [Conv(4), Copy("a"), Conv(4), Join("a"), Flatten(), Dense(2)]),
    ((6, 5, 2), [Copy("a"), Conv(2), Join("a", "concatenate"), Conv(3), Flatten(), Dense(2)]),
    ((6,), [Copy("a"), Dense(6), Join("a"), Copy("a"), Dense(6), Join("a"), Dense(2)]),
    ((6,), [Dense(6), Copy("unused"), Dense(2)]),
    ((3, 3, 2), [ConvTranspose(3, 3, 2), Unpatch(1), Upsample(), Flatten(), Dense(2)]),
    ((12,), [Reshape((2, 2, 3)), Norm("layer"), Conv(2), Flatten(), Dense(2)]),
]


@pytest.mark.parametrize(("item_shape", "encoder"), ENCODERS)
@pytest.mark.parametrize("ending", ["linear", "relu", "sigmoid"])
def test_every_encoder_has_a_mirror(item_shape: Shape, encoder: list[Block], ending: str) -> None:
    entries = {"encoder": [block.to_dict() for block in encoder], "output_activation": ending}
    spec = Spec.from_dict(json.loads(json.dumps(entries)), item_shape)
    assert spec.encoder == tuple(encoder)
    assert spec.shapes("decoder")[-1] == item_shape
    assert spec.output_activation == ending
    assert not spec.crosses
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert_computes(spec, lowest=0 if ending in ("relu", "sigmoid") else -np.inf)


def assert_computes(spec: Spec, lowest: float = -np.inf) -> None:
    """A model of the spec, through both parts, in and out of training."""
    arrays = initial_model(spec, Scaling(), 0).arrays
    items = batch(spec.item_shape)
    for training in (False, True):
        random = np.random.default_rng(5)
        flow = Flow(
            training=training,
            uniform=lambda shape, random=random: random.random(shape).astype(np.float32),
            normal=lambda shape, random=random: random.standard_normal(shape).astype(np.float32),
        )
        codes = apply_part(spec, "encoder", arrays, items, flow)
        assert codes.shape == (5, spec.latent_size)
        found = apply_part(spec, "decoder", arrays, codes, flow)
        assert found.shape == items.shape
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert found.min() >= lowest
        assert set(flow.updates) == (spec.statistics if training else set())
    assert spec.statistics <= set(arrays)
    assert all(np.isfinite(array).all() for array in arrays.values())


IMAGES: list[Shape] = [(28, 28), (4, 4), (5, 7), (8, 8, 1), (13, 9, 3), (31, 17, 4), (4, 70)]
ROWS: list[Shape] = [(), (1,), (2,), (30,)]
PRESETS_WITH_SHAPES = [
    (name, shape) for name in PRESETS for shape in (*IMAGES, *ROWS) if fits(name, shape)
]
every_preset = pytest.mark.parametrize(("name", "shape"), PRESETS_WITH_SHAPES)


@pytest.mark.slow
@every_preset
def test_presets_compute(name: str, shape: Shape) -> None:
    spec = preset_spec(name, shape, output_activation="sigmoid")
    assert spec.output_activation == "sigmoid"
    assert_computes(spec, lowest=0)


@every_preset
def test_presets_read_back_from_json(name: str, shape: Shape) -> None:
    spec = preset_spec(name, shape)
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@every_preset
def test_one_seed_gives_one_model(name: str, shape: Shape) -> None:
    spec = preset_spec(name, shape, hidden=(7,))
    first, again, other = (initial_model(spec, Scaling(), seed).arrays for seed in (3, 3, 4))
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


@pytest.mark.parametrize("name", PRESETS)
def test_summaries_show_every_block(name: str) -> None:
    spec = preset_spec(name, (28, 28))
    text = summary_text(spec)
    for part in ("encoder", "decoder"):
        for block, shape in zip(spec.blocks(part), spec.shapes(part)[1:], strict=True):
            line = next(line for line in text.splitlines() if f"({type(block).__name__})" in line)
            assert line.startswith(block.name)
            assert str(("None", *shape)).replace("'", "") in text
