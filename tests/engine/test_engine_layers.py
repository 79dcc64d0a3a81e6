"""The fused engine beyond dense layers: convolutions, their transposes, codes that are drawn."""

from collections.abc import Callable
from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.engine_cases import (
    BYTES,
    WELL_CONDITIONED,
    state_bytes,
    use_threads,
)
from narrows.engine import AdamSettings, make_runner, make_trainer
from narrows.engine.fused.runner import FusedRunner, can_run
from narrows.engine.fused.trainer import FusedTrainer, can_train, drawn_noise
from narrows.engine.xla import XlaRunner, XlaTrainer
from narrows.engine.xla.loss import LossFunction
from narrows.errors import UsageError
from narrows.nn.blocks import (
    Block,
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    Gaussian,
    Norm,
    Reshape,
    Shape,
)
from narrows.nn.blocks.convolution import window_places
from narrows.nn.flow import Flow
from narrows.nn.model import Model, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored


def mirrored_spec(shape: Shape, *encoder: Block, ending: str = "linear") -> Spec:
    return Spec(shape, encoder, mirrored(encoder, shape, ending))


SPECS = {
    "halving": mirrored_spec((9, 7), Conv(3, 3, 2, activation="silu"), Flatten(), Dense(4)),
    "two, colour": mirrored_spec(
        (8, 6, 3), Conv(5, 3, 1, activation="tanh"), Conv(4, 2, 2, activation="gelu"), Flatten(),
        Dense(3), ending="sigmoid",
    ),
    "no padding, oblong": mirrored_spec(
        (10, 7), Conv(6, (3, 2), (2, 1), "valid", "relu"), Flatten(), Dense(2), ending="relu"
    ),
    "places in no window": mirrored_spec(
        (7, 7), Conv(2, 1, 3, activation="relu"), Flatten(), Dense(2)
    ),
    "more channels than a tile": mirrored_spec(
        (4, 4, 2), Conv(37, 3, 2, activation="silu"), Conv(18, 2, 1, activation="relu"), Flatten(),
        Dense(2),
    ),
    "one window of all": mirrored_spec((5, 5), Conv(8, 5, 1, "valid", "silu"), Flatten(), Dense(3)),
    "a transpose that is given its size": Spec(
        (6, 5),
        (Flatten(), Dense(4, "silu")),
        (
            Dense(12, "silu"), Reshape((3, 2, 2)),
            ConvTranspose(3, 2, 2, activation="silu", size=(6, 4)),
            ConvTranspose(1, (1, 2), 1, "valid"), Reshape((6, 5)),
        ),
    ),
}  # fmt: skip
each_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
LOSSES = {"halving": "l1", "no padding, oblong": "huber:0.2", "two, colour": "bce"}


def started(spec: Spec, scaling: Scaling = BYTES) -> Model:
    """Initial weights with something in every array, so that nothing hides behind a 0."""
    model = initial_model(spec, scaling, 0)
    random = np.random.default_rng(1)
    moved = {
        name: array + random.uniform(-0.1, 0.1, array.shape).astype(np.float32)
        for name, array in model.arrays.items()
    }
    return replace(model, arrays=moved)


def items_of(spec: Spec, count: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (count, *spec.item_shape), np.uint8)


def assert_learns_like_xla(
    spec: Spec, loss: str = "l2", batch_size: int = 40, count: int = 130
) -> None:
    model, items, order = started(spec), items_of(spec, count), np.arange(count)[::-1].copy()
    adam = replace(WELL_CONDITIONED, weight_decay=0.1)
    fused, xla = (
        make(model, Objective.parse(loss), adam, batch_size) for make in (FusedTrainer, XlaTrainer)
    )
    assert fused.measure(items) == pytest.approx(xla.measure(items), rel=1e-4)
    np.testing.assert_allclose(fused.train(items, order), xla.train(items, order), rtol=1e-4)
    found, wanted = fused.state(), xla.state()
    for part in ("arrays", "first_moment", "second_moment"):
        assert list(getattr(found, part)) == list(model.arrays)
        for name, array in getattr(found, part).items():
            expected = getattr(wanted, part)[name]
            tolerance = 1e-4 * np.abs(expected).max()
            np.testing.assert_allclose(array, expected, 1e-3, tolerance, err_msg=f"{part} {name}")


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_convolutions_learn_as_in_xla(name: str) -> None:
    assert_learns_like_xla(SPECS[name], LOSSES.get(name, "l2"))


@pytest.mark.slow
@pytest.mark.parametrize(("batch_size", "count"), [(1, 3), (32, 64), (70, 100)])
def test_batches_of_any_size_learn_as_in_xla(batch_size: int, count: int) -> None:
    assert_learns_like_xla(SPECS["halving"], "l2", batch_size, count)


@pytest.mark.slow
@each_spec
def test_convolutions_run_as_in_xla(spec: Spec) -> None:
    model, items = started(spec), items_of(spec, 75)
    fused, xla = FusedRunner(model), XlaRunner(model)
    codes = xla.encode(items)
    np.testing.assert_allclose(fused.encode(items), codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fused.decode(codes), xla.decode(codes), rtol=1e-4, atol=1e-2)


@settings(max_examples=100, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.sampled_from(["same", "valid"]),
)
def test_windows_are_those_that_a_convolution_sums(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: str
) -> None:
    if padding == "valid":
        size = (max(size[0], kernel[0]), max(size[1], kernel[1]))
    random = np.random.default_rng(3)
    image = random.integers(-9, 9, size).astype(np.float32)
    weight = random.integers(-9, 9, (*kernel, 1, 1)).astype(np.float32)
    block = Conv(1, kernel, stride, padding)
    arrays = {"weight": weight, "bias": np.zeros(1, np.float32)}
    expected = block.apply(arrays, image[None, ..., None], Flow())
    places = window_places(size, kernel, stride, padding)
    values = np.where(places < 0, 0, image.reshape(-1)[places])
    np.testing.assert_array_equal(values @ weight.reshape(-1), expected.reshape(-1))


VARIATIONAL = mirrored_spec((3, 5), Flatten(), Dense(9, "silu"), Gaussian(4, beta=1.7))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["l2", "bce"])
@pytest.mark.parametrize(("batch_size", "count"), [(1, 1), (40, 40), (300, 290)])
def test_drawn_codes_learn_along_the_gradient_of_the_elbo(
    loss: str, batch_size: int, count: int
) -> None:
    """The first step's moment is 1 - beta1 times JAX's own gradient under the same draws."""
    ending = "sigmoid" if loss == "bce" else "linear"
    spec = replace(VARIATIONAL, decoder=mirrored(VARIATIONAL.encoder, (3, 5), ending))
    model, items, objective = started(spec), items_of(spec, count), Objective(loss)
    trainer = FusedTrainer(model, objective, WELL_CONDITIONED, batch_size, seed=5)
    (total,) = trainer.train(items, np.arange(count))
    noise = drawn_noise(5, 1, count, 4, batch_size)

    values = (items / np.float32(255)).astype(np.float32)
    function = LossFunction(spec, objective)

    def minimised(arrays: dict[str, np.ndarray]) -> tuple[jax.Array, jax.Array]:
        flow = Flow(training=True, normal=lambda shape: noise)
        own = function.total(arrays, jax.numpy.asarray(values), values, flow)
        return function.minimised(own, values.size, flow), own

    slopes, expected = jax.grad(minimised, has_aux=True)(model.arrays)
    assert total == pytest.approx(float(expected), rel=1e-4)
    for name, moment in trainer.state().first_moment.items():
        wanted = np.asarray(slopes[name]) * (1 - WELL_CONDITIONED.beta1)
        tolerance = 1e-5 * np.abs(wanted).max()
        np.testing.assert_allclose(moment, wanted, 1e-3, tolerance, err_msg=name)


def test_draws_are_standard_normal_and_depend_on_seed_and_step_alone() -> None:
    noise = drawn_noise(3, 1, 40_000, 5, 64)
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(1, abs=0.01)
    np.testing.assert_array_equal(drawn_noise(3, 11, 128, 5, 64), noise[640:768])
    assert not np.array_equal(drawn_noise(4, 1, 64, 5, 64), noise[:64])
    assert len(np.unique(noise)) > 0.9 * noise.size


def test_a_model_that_draws_needs_a_likelihood() -> None:
    with pytest.raises(UsageError, match="likelihood"):
        FusedTrainer(started(VARIATIONAL), Objective("l1"), AdamSettings(), 8)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [11, 110])
@pytest.mark.parametrize("spec", [SPECS["two, colour"], VARIATIONAL], ids=["conv", "drawn"])
def test_any_number_of_threads_and_of_calls_gives_the_same_bytes(
    spec: Spec, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, order = items_of(spec, 330), np.random.default_rng(6).permutation(330)
    results = []
    for threads, together, calls in [(1, True, 1), (2, False, 1), (3, True, 3), (1, True, 3)]:
        use_threads(threads, together, monkeypatch)
        trainer = FusedTrainer(started(spec), Objective(), WELL_CONDITIONED, batch_size)
        for part in np.split(order, calls):
            trainer.train(items, part)
        codes = FusedRunner(started(spec)).encode(items)
        results.append((state_bytes(trainer.state()), trainer.measure(items), codes.tobytes()))
    assert all(result == results[0] for result in results)


def test_what_is_no_number_shows() -> None:
    for spec in SPECS.values():
        model = started(spec)
        name = next(iter(model.arrays))
        model.arrays[name].flat[0] = np.nan
        assert np.isnan(
            FusedTrainer(model, Objective(), AdamSettings(), 8).measure(items_of(spec, 9))
        )


def engine_of(make: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> type:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    return type(make())


@pytest.mark.parametrize("preset", ["dense", "conv", "variational", "simple"])
def test_presets_of_layers_are_fused(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = started(preset_spec(preset, (12, 12)))
    trainer = engine_of(lambda: make_trainer(model, Objective(), AdamSettings(), 8), monkeypatch)
    assert trainer is FusedTrainer
    assert engine_of(lambda: make_runner(model), monkeypatch) is FusedRunner


def test_other_blocks_and_what_would_take_too_much_memory_are_xla_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = mirrored_spec((6, 6), Conv(2), Norm("batch"), Flatten(), Dense(2))
    assert not can_train(others, 8, Objective())
    assert not can_run(others)
    trainer = engine_of(
        lambda: make_trainer(started(others), Objective(), AdamSettings(), 8), monkeypatch
    )
    assert trainer is XlaTrainer
    large = mirrored_spec((128, 128), Conv(32, 3, 1), Conv(4, 8, 8), Flatten(), Dense(2))
    assert can_train(large, 1, Objective())
    assert not can_train(large, 256, Objective())
