"""Both engines against float64 NumPy, and so against each other."""

import itertools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.dense_reference import ACTIVATIONS, LOSSES
from helpers.engine_cases import (
    BYTES,
    RECIPES,
    TRAINERS,
    WELL_CONDITIONED,
    Case,
    each_recipe,
    each_runner,
    each_trainer,
    use_threads,
)
from helpers.optax_reference import train_with_optax
from narrows.engine import AdamSettings, Trainer, make_runner, make_trainer
from narrows.engine.fused.runner import FusedRunner
from narrows.engine.fused.trainer import FusedTrainer
from narrows.engine.xla import XlaRunner, XlaTrainer
from narrows.nn import objectives
from narrows.nn.blocks import Dense, Flatten
from narrows.nn.model import Model, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec

EVERY_LOSS_AND_ACTIVATION = {
    f"{loss}-{activation}-{ending}": Case(activation=activation, ending=ending, loss=loss)
    for loss, activation, ending in itertools.product(LOSSES, ACTIVATIONS, ACTIVATIONS)
    if loss != "bce" or ending == "sigmoid"
}
EVERY_BATCH_SIZE = {
    f"{widths}-batches-of-{batch_size}": Case(
        (size,), widths, "relu", batch_size=batch_size, count=2 * batch_size + batch_size // 2 + 1
    )
    for size, widths in [(7, (5, 3, 5)), (33, (64, 2, 64)), (1, (3, 1, 3)), (31, (16, 32, 17))]
    for batch_size in (1, 7, 32, 33, 64, 100)
}
SHAPES_AND_SCALINGS = {
    "article": Case(
        (28, 28), (100, 20, 100), "relu", "relu", "l2", 64, 200, np.uint8, adam=AdamSettings()
    ),
    "article-in-unit-range": Case(
        (28, 28), (100, 20, 100), "relu", "sigmoid", "bce", 64, 200, np.uint8, BYTES
    ),
    "single-numbers": Case((), (3, 1, 3), batch_size=4),
    "colour": Case((5, 4, 3), (16, 4, 16), "sigmoid", "sigmoid", "l1", 9, 30, np.uint8, BYTES),
    "one-layer-each": Case((9,), (4,), batch_size=10),
    "deep": Case((20,), (17, 15, 13, 2, 14, 16), "tanh", "tanh", "huber", 40, 90),
    "more-than-one-tile": Case((70,), (130, 45, 99), "relu", batch_size=65, count=140),
    "fewer-items-than-a-batch": Case(batch_size=64, count=3),
    "huber-in-data-units": Case(loss="huber", dtype=np.uint8, scaling=BYTES),
    "float64-far-from-zero": Case(dtype=np.float64, scaling=Scaling(1e9, 0.5)),
    "float32-with-an-offset": Case(scaling=Scaling(-3.5, 20.0)),
    "absent-bytes": Case(
        (75,),
        (30, 4, 64),
        "relu",
        batch_size=40,
        count=130,
        dtype=np.uint8,
        scaling=BYTES,
        absent=0.7,
    ),
    "absent-bytes-not-at-zero": Case((75,), dtype=np.uint8, scaling=Scaling(12, 243), absent=0.6),
    "bytes-that-are-never-zero": Case((75,), dtype=np.uint8, scaling=Scaling(0.5, 255)),
    "absent-floats": Case((200,), (150, 3), scaling=Scaling(-3.5, 20.0), absent=0.9),
    "absent-one-item-a-batch": Case((75,), batch_size=1, absent=0.9),
    "nothing-present": Case((75,), absent=1.0),
    "int16": Case(dtype=np.int16, scaling=Scaling(-20_000, 40_000)),
}
FAMILY = EVERY_LOSS_AND_ACTIVATION | EVERY_BATCH_SIZE | SHAPES_AND_SCALINGS
# The compiler of XLA takes seconds for each: enough of them to see every branch.
FOR_XLA = {
    name: FAMILY[name]
    for name in (
        "l2-relu-linear", "l1-tanh-sigmoid", "huber-sigmoid-tanh", "bce-linear-sigmoid",
        "single-numbers", "article", "huber-in-data-units",
    )
}  # fmt: skip


def assert_same_loss(found: object, expected: object, values: int) -> None:
    """Equal to float32 rounding of the ``values`` numbers that it sums, which lie around 1."""
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6 * values)


def assert_learns_like_the_reference(
    case: Case, make: Callable[[Model, Objective, AdamSettings, int], Trainer]
) -> None:
    """Losses of every step, all arrays and moments after the last, and the loss over all items."""
    x, order, reference = case.network_values(), case.order(), case.reference()
    trainer = make(case.model(), case.objective, case.adam, case.batch_size)
    assert_same_loss(trainer.measure(case.items()), reference.total_loss(x), x.size)

    adam, nearby = case.adam, case.reference(rounding=1e-6)
    recipe = (case.batch_size, adam.learning_rate, adam.beta1, adam.beta2, adam.epsilon)
    expected = reference.train(x[order], *recipe)
    nearby.train(x[order], *recipe)
    losses = trainer.train(case.items(), order)
    assert losses.dtype == np.float64
    assert_same_loss(losses, expected, min(case.batch_size, case.count) * x.shape[1])

    state = trainer.state()
    assert state.steps == len(expected)
    for found, wanted, moved in (
        (state.arrays, reference.parameters, nearby.parameters),
        (state.first_moment, reference.first, nearby.first),
        (state.second_moment, reference.second, nearby.second),
    ):
        assert set(found) == set(case.model().arrays)
        for name, exact, near in zip(case.model().arrays, wanted, moved, strict=True):
            assert found[name].dtype == np.float32
            assert found[name].shape == exact.shape
            # Where sums cancel, as a code of one number may, rounding alone moves what follows.
            tolerance = 1e-5 * np.abs(exact).max() + np.abs(near - exact).max()
            np.testing.assert_allclose(found[name], exact, 1e-4, tolerance, err_msg=name)
    assert_same_loss(trainer.measure(case.items()), reference.total_loss(x), x.size)


@pytest.mark.slow
@pytest.mark.parametrize("case", FAMILY.values(), ids=FAMILY)
def test_the_fused_engine_learns_like_the_reference(case: Case) -> None:
    assert_learns_like_the_reference(case, FusedTrainer)


@pytest.mark.slow
@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize("case", FOR_XLA.values(), ids=FOR_XLA)
def test_the_xla_engine_learns_like_the_reference(case: Case) -> None:
    assert_learns_like_the_reference(case, XlaTrainer)


sizes = st.integers(1, 70)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    size=sizes,
    widths=st.lists(sizes, min_size=1, max_size=4).map(tuple),
    batch_size=st.integers(1, 130),
    batches=st.floats(0.01, 4),
    threads=st.integers(1, 3),
    together=st.booleans(),
    absent=st.sampled_from([0.0, 0.5, 0.95]),
)
def test_the_fused_engine_takes_any_widths(
    size: int,
    widths: tuple[int, ...],
    batch_size: int,
    batches: float,
    threads: int,
    together: bool,
    absent: float,
) -> None:
    count = math.ceil(batches * batch_size)
    case = Case((size,), widths, batch_size=batch_size, count=count, absent=absent)
    with pytest.MonkeyPatch.context() as patch:
        use_threads(threads, together, patch)
        assert_learns_like_the_reference(case, FusedTrainer)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        FAMILY["article-in-unit-range"],
        FAMILY["single-numbers"],
        FAMILY["float32-with-an-offset"],
        Case((9,), (33, 2, 64), "relu", count=70),
    ],
    ids=["article", "single-numbers", "float32-with-an-offset", "wide"],
)
@each_runner
def test_codes_and_reconstructions_are_those_of_the_reference(case: Case, make: type) -> None:
    runner = make(case.model())
    values = case.reference().values(case.network_values())
    code = 1 + case.widths.index(min(case.widths))
    codes = runner.encode(case.items())
    assert codes.dtype == np.float32
    assert codes.shape == (case.count, min(case.widths))
    np.testing.assert_allclose(codes, values[code], rtol=1e-4, atol=1e-5)

    items = runner.decode(values[code])
    expected = values[-1].reshape(-1, *case.item_shape) * case.scaling.scale + case.scaling.offset
    assert items.dtype == (np.float32 if case.scaling == Scaling() else np.float64)
    assert items.shape == expected.shape
    np.testing.assert_allclose(items, expected, rtol=1e-4, atol=1e-4 * case.scaling.scale)


@pytest.mark.slow
@each_recipe
@each_trainer
def test_schedules_and_decay_are_those_of_optax(make: type, case: Case) -> None:
    assert_learns_like_optax(case, make, None)


@pytest.mark.slow
@each_trainer
def test_inputs_go_in_and_items_are_compared_with(make: type) -> None:
    case = RECIPES["plain"]
    inputs = case.items() + np.random.default_rng(7).normal(0, 0.3, case.items().shape)
    assert_learns_like_optax(case, make, inputs.astype(np.float32))


def assert_learns_like_optax(case: Case, make: type, inputs: np.ndarray | None) -> None:
    expected, arrays = train_with_optax(case, inputs)
    trainer = make(case.model(), case.objective, case.adam, case.batch_size)
    losses = trainer.train(case.items(), case.order(), inputs)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for name, array in trainer.state().arrays.items():
        # where a gradient is almost 0, Adam divides its rounding by almost 0
        tolerance = 1e-3 * np.abs(arrays[name]).max()
        np.testing.assert_allclose(array, arrays[name], 1e-3, tolerance, err_msg=name)


def test_a_saturated_mistake_under_cross_entropy_teaches_alike() -> None:
    """Where the sigmoid is 1 in float32 and 0 was wanted, the slope by its input is still 1."""
    case = Case((3,), (2,), "linear", "sigmoid", "bce", batch_size=4, count=4, dtype=np.uint8)
    model = case.model()
    model.arrays["decoder.0.bias"][:] = 40
    moments = []
    for make in TRAINERS.values():
        trainer = make(model, case.objective, case.adam, case.batch_size)
        trainer.train(np.zeros((4, 3), np.uint8), np.arange(4))
        moments.append(trainer.state().first_moment["decoder.0.bias"])
    np.testing.assert_allclose(moments[0], moments[1], rtol=1e-5)


@pytest.mark.parametrize("settings", [AdamSettings(), WELL_CONDITIONED])
def test_step_sizes_correct_the_bias_of_the_moments(settings: AdamSettings) -> None:
    sizes = settings.step_sizes(3, 4)
    t = np.arange(3, 7)
    expected = settings.learning_rate * np.sqrt(1 - settings.beta2**t) / (1 - settings.beta1**t)
    assert sizes.dtype == np.float32
    np.testing.assert_allclose(sizes, expected, rtol=1e-6)


def test_adam_s_constants_are_those_of_keras() -> None:
    assert AdamSettings() == AdamSettings(learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-7)


def test_the_fused_engine_is_taken_for_dense_stacks_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    model = initial_model(preset_spec("simple", (8, 8)), Scaling(), 0)
    assert isinstance(make_trainer(model, Objective(), AdamSettings(), 8), FusedTrainer)
    assert isinstance(make_runner(model), FusedRunner)
    monkeypatch.setattr("narrows.engine.choice._has_accelerator", lambda: True)
    assert isinstance(make_trainer(model, Objective(), AdamSettings(), 8), XlaTrainer)
    assert isinstance(make_runner(model), XlaRunner)


def test_xla_takes_what_the_fused_engine_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    without_encoder = Spec((5,), (Flatten(),), (Dense(5),))
    model = initial_model(without_encoder, Scaling(), 0)
    assert isinstance(make_trainer(model, Objective(), AdamSettings(), 8), XlaTrainer)
    items = np.ones((3, 5), np.float32)
    np.testing.assert_array_equal(make_runner(model).encode(items), items)


def test_a_loss_is_one_entry_in_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a kernel of its own it is trained by XLA."""
    fourth = objectives.Loss(formula=lambda y, x, _: (y - x) ** 4, power=4, meaning="^4")
    monkeypatch.setitem(objectives.LOSSES, "l4", fourth)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    model = initial_model(preset_spec("simple", (8, 8)), Scaling(), 0)
    objective = Objective.parse("l4")
    trainer = make_trainer(model, objective, AdamSettings(), 8)
    assert isinstance(trainer, XlaTrainer) and objective.to_data_units(2.0) == 16
    items = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    found = make_runner(model).reconstruct(items)
    assert trainer.measure(items) == pytest.approx(((found - items) ** 4).sum(), rel=1e-4)


def test_xla_sums_each_row_of_a_mapped_product_right() -> None:
    """jaxlib 0.10.2 gets one row wrong: jax issue 39103, at this width and number of rows."""
    random = np.random.default_rng(0)
    x = random.standard_normal((32_769, 3)).astype(np.float32)
    weight = random.standard_normal((3, 3)).astype(np.float32)
    sums = jax.jit(jax.vmap(lambda row: jnp.sum((weight @ row) ** 2)))(x)
    np.testing.assert_allclose(sums, ((x @ weight.T) ** 2).sum(axis=1), rtol=1e-4)
