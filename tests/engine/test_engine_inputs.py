"""Whatever holds the items, and however many: the same values. What is no number shows."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.dense_reference import LOSSES
from helpers.engine_cases import (
    ANY_CASE,
    AS_IT_IS,
    RUNNERS,
    TRAINERS,
    Case,
    each_runner,
    each_trainer,
    state_bytes,
)
from narrows.engine import Trainer, TrainingState
from narrows.engine.fused import stack
from narrows.engine.xla import transfer
from narrows.nn.scaling import Scaling


def in_many_forms(values: np.ndarray, folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Whole numbers from 0 to 100 as every kind of array that a source may give."""
    for dtype in (np.uint8, np.int16, np.int64, np.float16, np.float32, np.float64):
        yield np.dtype(dtype).name, values.astype(dtype)
    yield "big-endian", values.astype(">f4")
    for dtype in (np.uint8, np.float32, np.float64):
        name = np.dtype(dtype).name
        np.save(folder / f"{name}.npy", values.astype(dtype))
        yield f"mapped {name}", np.load(folder / f"{name}.npy", mmap_mode="r")
        # as every table of pandas is
        yield f"columns first {name}", np.asfortranarray(values.astype(dtype))
        yield f"every other {name}", np.repeat(values.astype(dtype), 2, axis=0)[::2]
        read_only = values.astype(dtype)
        read_only.flags.writeable = False
        yield f"read-only {name}", read_only


@pytest.mark.slow
@each_trainer
@pytest.mark.parametrize("scaling", [AS_IT_IS, Scaling(12, 80)], ids=["as it is", "scaled"])
def test_what_holds_the_items_does_not_matter(make: type, scaling: Scaling, tmp_path: Path) -> None:
    case = Case((5, 3), (6, 2, 6), batch_size=8, count=20, scaling=scaling)
    values = np.random.default_rng(0).integers(0, 101, (20, 5, 3))
    trainer = make(case.model(), case.objective, case.adam, case.batch_size)
    start = trainer.state()
    expected_losses = trainer.train(values.astype(np.float64), case.order())
    expected = trainer.state().arrays
    expected_measure = trainer.measure(values.astype(np.float64))
    for name, items in in_many_forms(values, tmp_path):
        trainer.restore(start)
        losses = trainer.train(items, case.order())
        np.testing.assert_allclose(losses, expected_losses, rtol=1e-5, err_msg=name)
        for key, array in trainer.state().arrays.items():
            np.testing.assert_allclose(array, expected[key], atol=1e-5, err_msg=name)
        assert trainer.measure(items) == pytest.approx(expected_measure, rel=1e-5), name


@pytest.mark.parametrize("loss", ["l2", "l1", "huber", "bce"])
@each_trainer
def test_what_goes_in_may_be_other_than_what_is_measured(make: type, loss: str) -> None:
    case = Case((5, 3), (6, 2, 6), "sigmoid", "sigmoid", loss, scaling=Scaling(0, 100))
    values = np.random.default_rng(0).integers(0, 101, (2, 300, 5, 3)).astype(np.uint8)
    items, inputs = values
    model = case.model()
    found = RUNNERS["xla"](model).reconstruct(inputs).astype(np.float64) / 100
    objective = case.objective.in_model_units(100)
    trainer = make(model, case.objective, case.adam, case.batch_size)
    wanted = objective.elementwise(found, items / 100).sum()
    assert trainer.measure(items, inputs) == pytest.approx(wanted, rel=1e-4)
    assert trainer.measure(items, items) == pytest.approx(trainer.measure(items), rel=1e-5)


@each_runner
def test_what_holds_the_items_does_not_change_their_codes(make: type, tmp_path: Path) -> None:
    case = Case((5, 3), (6, 2, 6), "sigmoid", scaling=Scaling(12, 80))
    values = np.random.default_rng(0).integers(0, 101, (20, 5, 3))
    runner = make(case.model())
    expected = runner.encode(values.astype(np.float64))
    for name, items in in_many_forms(values, tmp_path):
        np.testing.assert_allclose(runner.encode(items), expected, atol=1e-6, err_msg=name)


@each_runner
@pytest.mark.parametrize("scaling", [Scaling(1e300, 1e300), Scaling(-1e39, 1e38)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_offset_may_be_no_float32(make: type, scaling: Scaling, dtype: type) -> None:
    """Of one item, and of many, which go through the fused engine another way."""
    case = Case((5, 3), (6, 2, 6), "sigmoid", scaling=scaling)
    items = np.random.default_rng(0).integers(0, 101, (20, 5, 3)).astype(dtype)
    runner = make(case.model())
    expected = runner.encode(items.astype(np.float64))
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(runner.encode(items), expected, atol=1e-6)
    np.testing.assert_allclose(runner.encode(items[:1]), expected[:1], atol=1e-6)


@each_trainer
def test_measuring_and_training_on_nothing_change_nothing(make: type) -> None:
    case = ANY_CASE
    trainer = make(case.model(), case.objective, case.adam, case.batch_size)
    before = state_bytes(trainer.state())
    trainer.measure(case.items())
    assert trainer.train(case.items(), np.zeros(0, np.int64)).shape == (0,)
    assert state_bytes(trainer.state()) == before
    assert trainer.state().steps == 0


@each_trainer
def test_no_items_have_no_loss(make: type) -> None:
    case = ANY_CASE
    trainer = make(case.model(), case.objective, case.adam, case.batch_size)
    loss = trainer.measure(case.items()[:0])
    assert isinstance(loss, float)
    assert loss == 0


@each_runner
def test_no_items_give_no_codes(make: type) -> None:
    runner = make(Case((5, 4, 3), (16, 4, 16)).model())
    assert runner.encode(np.zeros((0, 5, 4, 3), np.uint8)).shape == (0, 4)
    assert runner.decode(np.zeros((0, 4), np.float32)).shape == (0, 5, 4, 3)


def test_how_many_items_go_through_at_once_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case((5, 3), (6, 2, 6), count=70, dtype=np.float64)
    model, items = case.model(), case.items()
    codes = RUNNERS["fused"](model).encode(items)
    losses = [
        make(model, case.objective, case.adam, 7).measure(items) for make in TRAINERS.values()
    ]
    monkeypatch.setattr(stack, "_CHUNK_VALUES", 15 * 33)
    monkeypatch.setattr(transfer, "RUN_BATCH", 33)
    for make in RUNNERS.values():
        np.testing.assert_allclose(make(model).encode(items), codes, atol=1e-6)
    for make, loss in zip(TRAINERS.values(), losses, strict=True):
        assert make(model, case.objective, case.adam, 7).measure(items) == pytest.approx(loss)


@pytest.fixture(scope="module", params=itertools.product(TRAINERS, LOSSES), ids="-".join)
def fragile(request: pytest.FixtureRequest) -> tuple[Trainer, TrainingState, Case]:
    """A trainer, the state to put it back to, and what it was made from."""
    engine, loss = request.param
    case = Case(activation="relu", ending="sigmoid", loss=loss, batch_size=10, count=25)
    trainer = TRAINERS[engine](case.model(), case.objective, case.adam, case.batch_size)
    return trainer, trainer.state(), case


@pytest.mark.slow
def test_a_nan_in_any_array_shows_in_the_loss(
    fragile: tuple[Trainer, TrainingState, Case],
) -> None:
    trainer, start, case = fragile
    for name, array in start.arrays.items():
        broken = array.copy()
        broken.flat[-1] = np.nan
        trainer.restore(replace(start, arrays={**start.arrays, name: broken}))
        assert not np.isfinite(trainer.measure(case.items())), name
        assert not np.isfinite(trainer.train(case.items(), case.order())).any(), name


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_input_that_is_no_number_shows_in_its_own_step(
    fragile: tuple[Trainer, TrainingState, Case], value: float, dtype: type
) -> None:
    trainer, start, case = fragile
    items = case.items().astype(dtype)
    items[-1, 3] = value
    trainer.restore(start)
    assert not np.isfinite(trainer.measure(items))
    losses = trainer.train(items, np.arange(case.count))
    assert list(np.isfinite(losses)) == [True, True, False]
