"""What the XLA engine adds to dense stacks: statistics, draws, convolutions, other floats."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from helpers.engine_cases import WELL_CONDITIONED, state_bytes
from narrows.engine import AdamSettings
from narrows.engine.xla import XlaRunner, XlaTrainer, trainer
from narrows.engine.xla.convolution import has_native_convolutions, with_native_convolutions
from narrows.errors import UsageError
from narrows.nn.blocks import (
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
    Patch,
    Reshape,
    Unpatch,
)
from narrows.nn.flow import Flow
from narrows.nn.model import Model, apply_part, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored

SHAPE = (6, 6)


def mirrored_spec(*encoder: Block) -> Spec:
    return Spec(SHAPE, encoder, mirrored(encoder, SHAPE, "linear"))


SPECS = {
    "norm": mirrored_spec(Flatten(), Dense(8), Norm("batch"), Activation("relu"), Dense(3)),
    "dropout": mirrored_spec(Flatten(), Dropout(0.5), Dense(3)),
    "gaussian": mirrored_spec(Flatten(), Dense(8, "silu"), Gaussian(3)),
    "conv": mirrored_spec(Conv(4, 3, activation="relu"), Conv(5, 3, 2), Flatten(), Dense(3)),
    "patch": mirrored_spec(Patch(2), Conv(4, 1), Norm("layer"), Flatten(), Dense(3)),
    "across": Spec(
        SHAPE,
        (Conv(3, 3), Copy("early"), Flatten(), Dense(2)),
        (Dense(108), Reshape((6, 6, 3)), Join("early", "concatenate"), Conv(1, 3), Reshape(SHAPE)),
    ),
}
each_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def started(spec: Spec) -> Model:
    """Initial weights with something in every array, so that nothing hides behind a 0."""
    model = initial_model(spec, Scaling(), 0)
    random = np.random.default_rng(1)
    moved = {
        name: array + random.uniform(0.05, 0.2, array.shape).astype(np.float32)
        for name, array in model.arrays.items()
    }
    return replace(model, arrays=moved)


def trainer_of(spec: Spec, seed: int = 0, adam: AdamSettings = WELL_CONDITIONED) -> XlaTrainer:
    return XlaTrainer(started(spec), Objective(), adam, 8, seed)


ITEMS = np.random.default_rng(2).random((40, *SHAPE), np.float32)
ORDER = np.random.default_rng(3).permutation(40)


@pytest.mark.slow
@each_spec
def test_the_same_seed_gives_the_same_bytes_and_resuming_goes_on_to_them(spec: Spec) -> None:
    whole = trainer_of(spec)
    losses = whole.train(ITEMS, ORDER)
    assert losses[-1] < losses[0] * 2
    end = state_bytes(whole.state())

    parts = trainer_of(spec)
    first = parts.train(ITEMS, ORDER[:16])
    resumed = trainer_of(spec)
    resumed.restore(parts.state())
    second = resumed.train(ITEMS, ORDER[16:])
    assert np.concatenate([first, second]).tobytes() == losses.tobytes()
    assert state_bytes(resumed.state()) == end


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dropout", "gaussian"])
def test_what_is_drawn_depends_on_the_seed_and_on_the_step(name: str) -> None:
    here, there = trainer_of(SPECS[name], 0), trainer_of(SPECS[name], 2**70)
    start = here.state()
    loss = here.train(ITEMS, ORDER[:8])
    assert there.train(ITEMS, ORDER[:8]) != pytest.approx(loss, rel=1e-4)
    here.restore(replace(start, steps=5))
    assert here.train(ITEMS, ORDER[:8]) != pytest.approx(loss, rel=1e-4)
    here.restore(start)
    assert here.train(ITEMS, ORDER[:8]) == loss


@pytest.mark.slow
@each_spec
def test_measuring_is_what_the_runner_reconstructs(spec: Spec) -> None:
    model = started(spec)
    found = XlaRunner(model).reconstruct(ITEMS)
    expected = ((found.astype(np.float64) - ITEMS) ** 2).sum()
    assert trainer_of(spec).measure(ITEMS) == pytest.approx(expected, rel=1e-5)


@each_spec
def test_runners_agree_with_numpy(spec: Spec) -> None:
    model, flow = started(spec), Flow()
    codes = apply_part(spec, "encoder", model.arrays, ITEMS, flow)
    items = apply_part(spec, "decoder", model.arrays, codes, flow)
    runner = XlaRunner(model)
    np.testing.assert_allclose(runner.encode(ITEMS), codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(runner.reconstruct(ITEMS), items, rtol=1e-4, atol=1e-5)
    if not spec.crosses:
        np.testing.assert_allclose(runner.decode(codes), items, rtol=1e-4, atol=1e-5)


def test_a_decoder_that_takes_copies_does_not_run_on_codes_alone() -> None:
    with pytest.raises(UsageError, match="codes alone are not enough"):
        XlaRunner(started(SPECS["across"])).decode(np.zeros((3, 2), np.float32))


def test_statistics_follow_the_batches_and_nothing_else() -> None:
    """A running mean keeps 0.9 of itself: Ioffe and Szegedy's moving average, as in the block."""
    decaying = replace(WELL_CONDITIONED, weight_decay=0.5)
    model, spec = started(SPECS["norm"]), SPECS["norm"]
    trained = XlaTrainer(model, Objective(), decaying, 8)
    assert spec.statistics
    batch = ITEMS[ORDER[:8]].reshape(8, -1)
    rows = batch @ model.arrays["encoder.1.weight"] + model.arrays["encoder.1.bias"]
    trained.train(ITEMS, ORDER[:8])
    state = trained.state()
    for name, seen in (("mean", rows.mean(0)), ("variance", rows.var(0))):
        full = f"encoder.2.{name}"
        expected = 0.9 * model.arrays[full] + 0.1 * seen
        np.testing.assert_allclose(state.arrays[full], expected, rtol=1e-4)
    for name in spec.statistics:
        assert not state.first_moment[name].any()
        assert not state.second_moment[name].any()
    before = state_bytes(state)
    trained.measure(ITEMS)
    assert state_bytes(trained.state()) == before


@pytest.mark.slow
def test_only_weights_decay() -> None:
    spec = SPECS["gaussian"]
    adam = AdamSettings(learning_rate=0.01, epsilon=1e-3)
    plain, decaying = (
        trainer_of(spec, adam=settings) for settings in (adam, replace(adam, weight_decay=0.5))
    )
    start = plain.state().arrays
    for each in (plain, decaying):
        each.train(ITEMS, ORDER[:8])
    left, right = plain.state().arrays, decaying.state().arrays
    for name, array in start.items():
        lost = 0.01 * 0.5 * array if name.endswith(".weight") else 0 * array
        np.testing.assert_allclose(left[name] - right[name], lost, atol=1e-6, err_msg=name)


CONVOLUTIONS: list[Block] = [
    Conv(4),
    Conv(3, 4, activation="silu"),
    Conv(3, (2, 5), 1, "valid"),
    Conv(2, 3, 2),
    Conv(2, 2, 3),
    ConvTranspose(2),
    ConvTranspose(3, 4, activation="tanh"),
    ConvTranspose(2, (2, 3), 1, "valid"),
    ConvTranspose(2, 3, 2, size=(11, 12)),
    ConvTranspose(1, 2, 2),
]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize("block", CONVOLUTIONS, ids=str)
def test_the_compiler_s_convolutions_are_those_of_the_blocks(
    block: Block, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    shape = block.output_shape(SHAPE)
    back = (Dense(36), Reshape(SHAPE))
    spec = with_native_convolutions(Spec(SHAPE, (block, Flatten()), back))
    assert has_native_convolutions(spec) == (backend == "gpu" or block.stride in (1, (1, 1)))
    arrays = block.initial_arrays(SHAPE, np.random.default_rng(0))
    expected = block.apply(arrays, ITEMS, Flow())
    found = spec.encoder[0].apply(arrays, jax.numpy.asarray(ITEMS), Flow())
    assert found.shape == (len(ITEMS), *shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_step_at_a_time_is_many_in_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SPECS["conv"]
    one_by_one = trainer_of(spec)
    losses = one_by_one.train(ITEMS, ORDER)
    monkeypatch.setattr(trainer, "scans", lambda spec: True)
    scanned = trainer_of(spec)
    np.testing.assert_allclose(scanned.train(ITEMS, ORDER), losses, rtol=1e-5)
    for name, array in scanned.state().arrays.items():
        np.testing.assert_allclose(array, one_by_one.state().arrays[name], atol=1e-5)


ENDINGS: dict[str, tuple[Block, ...]] = {
    "dense": (Dense(36, "sigmoid"), Reshape(SHAPE)),
    "activation": (Dense(36), Reshape(SHAPE), Activation("sigmoid")),
    "conv": (Dense(36), Reshape((6, 6, 1)), Conv(1, 3, activation="sigmoid"), Reshape(SHAPE)),
    "unpatch": (
        Dense(36),
        Reshape((3, 3, 4)),
        Conv(4, 1, activation="sigmoid"),
        Unpatch(2),
        Reshape(SHAPE),
    ),
    "crop": (Dense(49, "sigmoid"), Reshape((7, 7)), Crop(SHAPE)),
}


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ENDINGS.values(), ids=ENDINGS)
def test_a_saturated_mistake_is_unlearnt_whatever_the_sigmoid_is_in(
    decoder: tuple[Block, ...],
) -> None:
    """Where a sigmoid is 1 in float32 and 0 was wanted, the slope by its input is 1."""
    model = initial_model(Spec(SHAPE, (Flatten(), Dense(2)), decoder), Scaling(), 0)
    arrays = {name: np.zeros_like(array) for name, array in model.arrays.items()}
    last = [name for name in arrays if name.startswith("decoder") and name.endswith("bias")][-1]
    arrays[last] += 40
    trained = XlaTrainer(replace(model, arrays=arrays), Objective("bce"), WELL_CONDITIONED, 8)
    trained.train(np.zeros((8, *SHAPE), np.uint8), np.arange(8))
    slope = trained.state().first_moment[last] / (1 - WELL_CONDITIONED.beta1)
    np.testing.assert_allclose(slope.sum(), 1, rtol=1e-5)


def test_a_likelihood_is_needed_where_codes_are_drawn() -> None:
    with pytest.raises(UsageError, match="a likelihood, and huber"):
        XlaTrainer(started(SPECS["gaussian"]), Objective("huber"), AdamSettings(), 8)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scaling", [Scaling(1e-300, 2e-300), Scaling(1e140, 1e140)])
def test_units_that_float32_does_not_reach_are_taken_out_first(scaling: Scaling) -> None:
    model = started(SPECS["conv"])
    values = np.random.default_rng(0).random((5, *SHAPE))
    items = values * scaling.scale + scaling.offset
    codes = XlaRunner(replace(model, scaling=scaling)).encode(items)
    np.testing.assert_allclose(codes, XlaRunner(model).encode(values), rtol=1e-5, atol=1e-5)
