"""Training: what the history says, and that stopping never changes where a run ends."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narrows.data import Dataset
from narrows.engine import AdamSettings, Losses
from narrows.engine.fused import trainer as fused_trainer
from narrows.errors import DataError, ShapeError, TrainingError, UsageError
from narrows.model.file import save_model
from narrows.model.trained import TrainingRecord
from narrows.nn.model import Model, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.tasks.fit_plan import Fitted, fit_plan
from narrows.training import Trained, TrainingSettings, train
from narrows.training.pace import Spent

ITEMS = np.random.default_rng(0).integers(0, 256, (150, 3, 3), np.uint8)
HELD_OUT = np.random.default_rng(1).integers(0, 256, (37, 3, 3), np.uint8)
# So small a rate that training moves nothing: every loss is that of the initial model.
STANDING_STILL = AdamSettings(learning_rate=1e-30)


def small_model(items: np.ndarray = ITEMS, scaling: Scaling | None = None) -> Model:
    spec = preset_spec("simple", items.shape[1:], latent=2, hidden=(5,))
    return initial_model(spec, scaling or Scaling(), seed=3)


def reconstruct(model: Model, items: np.ndarray) -> np.ndarray:
    """``items`` through the model in float64 NumPy, in data units, as rows."""
    rows = items.reshape(len(items), -1).astype(np.float64)
    x = (rows - model.scaling.offset) / model.scaling.scale
    blocks = [
        (prefix, getattr(block, "activation", None))
        for part in ("encoder", "decoder")
        for prefix, block, _ in model.spec.placed(part)
    ]
    for prefix, activation in blocks:
        if activation is None:
            continue
        x = x @ model.arrays[f"{prefix}.weight"].astype(np.float64) + model.arrays[f"{prefix}.bias"]
        x = {"relu": lambda v: np.maximum(v, 0), "sigmoid": lambda v: 1 / (1 + np.exp(-v))}[
            activation
        ](x)
    return x * model.scaling.scale + model.scaling.offset


def mean_squared_error(model: Model, items: np.ndarray) -> float:
    return float(np.mean((reconstruct(model, items) - items.reshape(len(items), -1)) ** 2))


def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several calls of the engine an epoch, as large models need them: stops fall between."""
    monkeypatch.setattr(fused_trainer, "_OPERATIONS_PER_CALL", 6 * 16 * (9 * 5 * 2 + 5 * 2 * 2) * 3)


def after(calls: int) -> Callable[[], bool]:
    """A request to stop that comes at its ``calls``-th chance."""
    chances = count(1)
    return lambda: next(chances) >= calls


def losses(trained: Trained | Fitted) -> list[dict[str, Any]]:
    """The history without the clock."""
    clocked = Spent().told(1, 1)
    return [{k: v for k, v in record.items() if k not in clocked} for record in trained.history]


def assert_same_run(found: Trained, expected: Trained) -> None:
    assert losses(found) == losses(expected)
    assert found.epoch == expected.epoch
    assert found.model.arrays.keys() == expected.model.arrays.keys()
    for name, array in expected.model.arrays.items():
        assert found.model.arrays[name].tobytes() == array.tobytes(), name


# The history


@pytest.mark.parametrize("batch_size", [1, 16, 64, 149, 150, 1000])
def test_the_losses_are_means_over_all_values_however_the_batches_fall(batch_size: int) -> None:
    model = small_model()
    settings = TrainingSettings(epochs=2, batch_size=batch_size, adam=STANDING_STILL)
    for record in train(model, ITEMS, HELD_OUT, settings).history:
        np.testing.assert_allclose(record["loss"], mean_squared_error(model, ITEMS), rtol=1e-5)
        np.testing.assert_allclose(
            record["val_loss"], mean_squared_error(model, HELD_OUT), rtol=1e-5
        )


def test_the_loss_of_an_epoch_is_measured_before_each_step() -> None:
    model = small_model()
    one_step = TrainingSettings(epochs=2, batch_size=len(ITEMS))
    trained = train(model, ITEMS, ITEMS, one_step)
    first, second = trained.history
    np.testing.assert_allclose(first["loss"], mean_squared_error(model, ITEMS), rtol=1e-5)
    np.testing.assert_allclose(second["loss"], first["val_loss"], rtol=1e-5)
    np.testing.assert_allclose(
        second["val_loss"], mean_squared_error(trained.model, ITEMS), rtol=1e-5
    )


def test_a_batch_larger_than_the_set_is_the_set() -> None:
    whole = train(small_model(), ITEMS, None, TrainingSettings(epochs=3, batch_size=len(ITEMS)))
    larger = train(small_model(), ITEMS, None, TrainingSettings(epochs=3, batch_size=4096))
    assert_same_run(larger, whole)


def test_each_epoch_leaves_a_record() -> None:
    seen: list[int] = []
    settings = TrainingSettings(epochs=4, adam=AdamSettings(learning_rate=0.02))
    trained = train(
        small_model(), ITEMS, HELD_OUT, settings, on_epoch=lambda history: seen.append(len(history))
    )
    assert seen == [1, 2, 3, 4]
    for number, record in enumerate(trained.history, 1):
        assert list(record)[:4] == ["epoch", "loss", "learning_rate", "val_loss"]
        assert set(list(record)[4:]) == Spent().told(1, 1).keys()
        assert record["epoch"] == number
        assert record["learning_rate"] == 0.02
        assert record["seconds"] >= 0


def test_without_validation_there_is_no_validation_loss() -> None:
    trained = train(small_model(), ITEMS, None, TrainingSettings(epochs=1))
    assert "val_loss" not in trained.history[0]


def test_training_lowers_both_losses(fitted: Fitted) -> None:
    first, last = fitted.history[0], fitted.history[-1]
    assert last["loss"] < first["loss"] / 2
    assert last["val_loss"] < first["val_loss"]


LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "l2": lambda y, x: (y - x) ** 2,
    "l1": lambda y, x: np.abs(y - x),
    "huber:2.5": lambda y, x: np.where(
        np.abs(y - x) <= 2.5, (y - x) ** 2 / 2, 2.5 * np.abs(y - x) - 2.5**2 / 2
    ),
    "bce": lambda y, x: -(x / 16 * np.log(y / 16) + (1 - x / 16) * np.log(1 - y / 16)),
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_in_data_units(loss: str, dtype: type, digits: Dataset) -> None:
    items = digits.items.astype(dtype)
    training = replace(digits, items=items[:600], labels=None)
    held_out = replace(digits, items=items[600:900], labels=None)
    options = FitOptions(preset="simple", latent=4, hidden=(16,), loss=loss, epochs=2)
    plan = make_plan(training, options)
    fitted = fit_plan(training, held_out, plan)
    expected = LOSSES[loss](
        reconstruct(fitted.trained.model, held_out.items),
        held_out.items.reshape(len(held_out), -1).astype(float),
    )
    np.testing.assert_allclose(fitted.history[-1]["val_loss"], expected.mean(), rtol=1e-4)


# The items


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int64, np.float16, np.float64, np.bool])
def test_items_of_any_dtype_train_as_their_float32_values_do(dtype: type) -> None:
    items = (ITEMS % 2 if dtype is np.bool else ITEMS).astype(dtype)
    settings = TrainingSettings(epochs=2)
    as_floats = train(small_model(), items.astype(np.float32), None, settings)
    assert_same_run(train(small_model(), items, None, settings), as_floats)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_a_memory_mapped_file_trains_as_its_array_does(dtype: type, tmp_path: Path) -> None:
    items = ITEMS.astype(dtype)
    np.save(tmp_path / "items.npy", items)
    mapped = np.load(tmp_path / "items.npy", mmap_mode="r", allow_pickle=False)
    settings = TrainingSettings(epochs=2)
    expected = train(small_model(), items, items, settings)
    assert_same_run(train(small_model(), mapped, mapped, settings), expected)


def test_strided_and_fortran_ordered_items_train_as_their_copies_do() -> None:
    settings = TrainingSettings(epochs=2)
    strided = np.repeat(ITEMS, 2, axis=2)[:, :, ::2]
    expected = train(small_model(), ITEMS, None, settings)
    assert_same_run(train(small_model(), strided, None, settings), expected)
    assert_same_run(train(small_model(), np.asfortranarray(ITEMS), None, settings), expected)


@pytest.mark.parametrize("name", ["training", "validation"])
def test_items_of_another_shape_are_refused(name: str) -> None:
    wrong = np.zeros((5, 3, 4), np.uint8)
    rows = {"training": ITEMS, "validation": HELD_OUT} | {name: wrong}
    with pytest.raises(ShapeError, match=r"\(3, 4\).*\(3, 3\)"):
        train(small_model(), rows["training"], rows["validation"], TrainingSettings(epochs=1))


def test_no_items_are_refused() -> None:
    with pytest.raises(DataError, match="0 items"):
        train(small_model(), ITEMS[:0], None, TrainingSettings(epochs=1))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"patience": 0}, "patience is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"adam": AdamSettings(learning_rate=0)}, "learning rate is 0"),
        ({"adam": AdamSettings(learning_rate=float("nan"))}, "learning rate is nan"),
        ({"adam": AdamSettings(learning_rate=float("inf"))}, "learning rate is inf"),
    ],
)
def test_settings_outside_their_limits_are_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainingSettings(**setting)


# Patience


def overfitting() -> tuple[np.ndarray, np.ndarray, TrainingSettings]:
    """Few items of noise: the validation loss soon rises."""
    settings = TrainingSettings(epochs=60, batch_size=8, adam=AdamSettings(learning_rate=0.05))
    return ITEMS[:24], HELD_OUT, settings


def test_patience_stops_and_keeps_the_best_epochs_model() -> None:
    items, held_out, settings = overfitting()
    patient = train(small_model(), items, held_out, replace(settings, patience=3))
    val_losses = [record["val_loss"] for record in patient.history]
    best = int(np.argmin(val_losses)) + 1
    assert len(patient.history) == best + 3 < settings.epochs
    assert patient.epoch == best
    np.testing.assert_allclose(
        mean_squared_error(patient.model, held_out), min(val_losses), rtol=1e-5
    )
    until_best = train(small_model(), items, held_out, replace(settings, epochs=best))
    for name, array in until_best.model.arrays.items():
        np.testing.assert_array_equal(patient.model.arrays[name], array)


def test_patience_that_never_ends_keeps_the_best_epochs_model() -> None:
    items, held_out, settings = overfitting()
    patient = train(small_model(), items, held_out, replace(settings, patience=1000))
    assert len(patient.history) == settings.epochs
    assert patient.epoch < settings.epochs
    np.testing.assert_allclose(
        mean_squared_error(patient.model, held_out),
        min(record["val_loss"] for record in patient.history),
        rtol=1e-5,
    )


# Checkpoints


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [1, 2, 3, 4, 5, 7, 8, 11, 12])
@pytest.mark.parametrize("checkpoint_seconds", [0, 1000])
@pytest.mark.parametrize("patience", [None, 2])
def test_a_run_stopped_and_resumed_ends_as_if_it_never_had_been(
    stop_at: int,
    checkpoint_seconds: float,
    patience: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_slices(monkeypatch)
    path = tmp_path / "checkpoint.safetensors"
    settings = TrainingSettings(epochs=3, batch_size=16, patience=patience)
    whole = train(small_model(), ITEMS, HELD_OUT, settings)

    def go_on(resume: bool, should_stop: Callable[[], bool]) -> Trained:
        return train(
            small_model(),
            ITEMS,
            HELD_OUT,
            settings,
            checkpoint=path,
            checkpoint_seconds=checkpoint_seconds,
            resume=resume,
            should_stop=should_stop,
        )

    with pytest.raises(KeyboardInterrupt):
        go_on(resume=False, should_stop=after(stop_at))
    assert path.exists()
    assert_same_run(go_on(resume=True, should_stop=lambda: False), whole)


def test_a_run_stopped_at_every_chance_ends_as_if_it_never_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_slices(monkeypatch)
    path = tmp_path / "checkpoint.safetensors"
    settings = TrainingSettings(epochs=3, batch_size=16)
    stops = 0
    while True:
        try:
            resumed = train(
                small_model(),
                ITEMS,
                HELD_OUT,
                settings,
                checkpoint=path,
                resume=True,
                should_stop=after(2),
            )
            break
        except KeyboardInterrupt:
            stops += 1
    assert stops > 2 * settings.epochs
    assert_same_run(resumed, train(small_model(), ITEMS, HELD_OUT, settings))


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["simple", "auto"])
def test_a_stop_changes_no_byte_of_the_model_file(
    preset: str, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused_trainer, "_OPERATIONS_PER_CALL", 2e6)
    training, held_out = digits.split(0.2, seed=1)
    # images moved and damaged another way at every turn, where the preset is not the article's
    changes = {"shift": 1, "noise": "gaussian:0.1"} if preset == "auto" else {}
    options = FitOptions(preset=preset, latent=3, hidden=(12,), epochs=3, **changes)  # type: ignore[arg-type]
    plan = make_plan(training, options)
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit_plan(training, held_out, plan, checkpoint=path, should_stop=after(7))
    resumed = fit_plan(training, held_out, plan, checkpoint=path, resume=True)
    save_model(tmp_path / "resumed", resumed.trained)
    save_model(tmp_path / "whole", fit_plan(training, held_out, plan).trained)
    assert (tmp_path / "resumed").read_bytes() == (tmp_path / "whole").read_bytes()


def test_more_epochs_go_on_from_where_fewer_ended(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    short, long = TrainingSettings(epochs=2), TrainingSettings(epochs=5)
    train(small_model(), ITEMS, HELD_OUT, short, checkpoint=path)
    resumed = train(small_model(), ITEMS, HELD_OUT, long, checkpoint=path, resume=True)
    assert_same_run(resumed, train(small_model(), ITEMS, HELD_OUT, long))


def test_a_finished_run_resumes_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    settings = TrainingSettings(epochs=2, patience=5)
    whole = train(small_model(), ITEMS, HELD_OUT, settings, checkpoint=path)
    content = path.read_bytes()
    resumed = train(small_model(), ITEMS, HELD_OUT, settings, checkpoint=path, resume=True)
    assert_same_run(resumed, whole)
    assert path.read_bytes() == content


def test_nothing_to_resume_starts_at_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    settings = TrainingSettings(epochs=2)
    resumed = train(small_model(), ITEMS, None, settings, checkpoint=path, resume=True)
    assert_same_run(resumed, train(small_model(), ITEMS, None, settings))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"items": ITEMS[::-1]}, "training data"),
        ({"items": ITEMS.astype(np.int16)}, "training data"),
        ({"validation": HELD_OUT[1:]}, "validation data"),
        ({"validation": None}, "validation data"),
        ({"model": small_model(scaling=Scaling(0, 255))}, "scaling"),
        ({"settings": {"batch_size": 32}}, "batch size"),
        ({"settings": {"seed": 1}}, "seed"),
        ({"settings": {"patience": 3}}, "patience"),
        ({"settings": {"objective": Objective("l1")}}, "objective"),
        ({"settings": {"adam": AdamSettings(learning_rate=0.5)}}, "adam"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_another_runs_checkpoint_is_refused(
    changed: dict[str, Any], named: str, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    settings = TrainingSettings(epochs=1)
    train(small_model(), ITEMS, HELD_OUT, settings, checkpoint=path)
    content = path.read_bytes()
    with pytest.raises(UsageError, match=f"its {named} is ") as caught:
        train(
            changed.get("model", small_model()),
            changed.get("items", ITEMS),
            changed.get("validation", HELD_OUT),
            replace(settings, **changed.get("settings", {})),
            checkpoint=path,
            resume=True,
        )
    assert caught.value.hint
    assert path.read_bytes() == content


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    settings = TrainingSettings(epochs=1)
    train(small_model(), ITEMS, None, settings, checkpoint=path)
    wider = initial_model(preset_spec("simple", (3, 3), latent=3, hidden=(5,)), Scaling(), 3)
    told = "its spec is a net of 2 latent numbers and 131 parameters, and this one's is a net of 3 "
    with pytest.raises(UsageError, match=told):
        train(wider, ITEMS, None, settings, checkpoint=path, resume=True)
    smooth = preset_spec("simple", (3, 3), latent=2, hidden=(5,)).to_dict()
    smooth["encoder"][1]["activation"] = "tanh"
    other = initial_model(Spec.from_dict(smooth), Scaling(), 3)
    with pytest.raises(
        UsageError, match="131 parameters, of other layers, and this one's is a net"
    ):
        train(other, ITEMS, None, settings, checkpoint=path, resume=True)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    settings = TrainingSettings(epochs=1)
    train(small_model(), ITEMS, None, settings, checkpoint=path)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for position in (*range(200), *random.integers(0, len(content), 300)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be resumed from"):
            train(small_model(), ITEMS, None, settings, checkpoint=path, resume=True)


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 100, b"GIF89a" * 50])
def test_a_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be resumed from"):
        train(small_model(), ITEMS, None, TrainingSettings(epochs=1), checkpoint=path, resume=True)
    assert path.read_bytes() == content


def test_a_model_file_is_no_checkpoint(model_file: Path) -> None:
    settings = TrainingSettings(epochs=1)
    with pytest.raises(DataError, match="not a checkpoint"):
        train(small_model(), ITEMS, None, settings, checkpoint=model_file, resume=True)


# A loss that is no longer a number


EXPLOSIVE = AdamSettings(learning_rate=1e30)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_explodes_names_epoch_step_and_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    settings = TrainingSettings(epochs=3, batch_size=50, adam=EXPLOSIVE)
    with pytest.raises(TrainingError, match="epoch 1, step 2; no checkpoint") as caught:
        train(small_model(), ITEMS, None, settings, checkpoint=path)
    assert "learning rate" in str(caught.value.hint)
    assert not path.exists()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_explodes_late_names_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.safetensors"
    whole = train(small_model(), ITEMS, None, TrainingSettings(epochs=1))

    def later_rates(self: AdamSettings, first: int, count: int) -> np.ndarray:
        steps = np.arange(first, first + count)
        return np.where(steps <= 3, _step_sizes(self, first, count), 1e30).astype(np.float32)

    _step_sizes = AdamSettings.step_sizes
    monkeypatch.setattr(AdamSettings, "step_sizes", later_rates)
    settings = TrainingSettings(epochs=3)
    with pytest.raises(TrainingError, match=f"epoch 2, step 2; .*{path}"):
        train(small_model(), ITEMS, None, settings, checkpoint=path, checkpoint_seconds=0)
    monkeypatch.undo()
    resumed = train(
        small_model(), ITEMS, None, TrainingSettings(epochs=1), checkpoint=path, resume=True
    )
    assert_same_run(resumed, whole)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("validation", [None, HELD_OUT], ids=["alone", "validated"])
def test_a_model_that_is_no_longer_finite_is_never_given(validation: np.ndarray | None) -> None:
    # The only step's loss is measured before it, so nothing but the arrays shows what it did.
    settings = TrainingSettings(
        epochs=1, batch_size=len(ITEMS), adam=AdamSettings(learning_rate=1e39)
    )
    with pytest.raises(TrainingError):
        train(small_model(), ITEMS, validation, settings)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_earlier_runs_checkpoint_is_not_called_this_ones(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    train(small_model(), ITEMS, None, TrainingSettings(epochs=1), checkpoint=path)
    settings = TrainingSettings(epochs=3, adam=EXPLOSIVE)
    with pytest.raises(TrainingError, match="no checkpoint"):
        train(small_model(), ITEMS, None, settings, checkpoint=path)


# Randomness


@pytest.mark.slow
def test_the_seed_settles_every_byte(digits: Dataset, tmp_path: Path) -> None:
    def content(seed: int) -> bytes:
        plan = make_plan(
            digits, FitOptions(preset="simple", latent=3, hidden=(12,), epochs=2, seed=seed)
        )
        fitted = fit_plan(digits, None, plan)
        save_model(tmp_path / "model", fitted.trained)
        return (tmp_path / "model").read_bytes()

    assert content(7) == content(7)
    assert content(7) != content(8)


def test_each_epoch_has_an_order_of_its_own() -> None:
    orders: list[np.ndarray] = []

    class Spy(fused_trainer.FusedTrainer):
        def begin(
            self, items: np.ndarray, order: np.ndarray, inputs: np.ndarray | None = None
        ) -> Losses:
            orders.append(order)
            return super().begin(items, order, inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused_trainer, "FusedTrainer", Spy)
        train(small_model(), ITEMS, None, TrainingSettings(epochs=3))
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(len(ITEMS)))
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[1], orders[2])


def test_numpys_global_random_state_is_neither_read_nor_set() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    first = train(small_model(), ITEMS, None, TrainingSettings(epochs=1))
    after_training = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after_training, before)
    np.random.seed(2)  # noqa: NPY002
    assert_same_run(train(small_model(), ITEMS, None, TrainingSettings(epochs=1)), first)


def test_the_initial_model_and_the_items_are_left_alone() -> None:
    model, items = small_model(), ITEMS.copy()
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    train(model, items, None, TrainingSettings(epochs=1))
    np.testing.assert_array_equal(items, ITEMS)
    for name, array in arrays.items():
        np.testing.assert_array_equal(model.arrays[name], array)


def test_what_a_model_file_says_of_its_training(fitted: Fitted) -> None:
    said = fitted.trained.training
    assert said.epochs == said.epoch == len(fitted.history)
    assert said.loss == fitted.history[-1]["loss"]
    assert said.val_loss == fitted.history[-1]["val_loss"]
    assert said == TrainingRecord.from_dict(json.loads(json.dumps(said.to_dict())))
