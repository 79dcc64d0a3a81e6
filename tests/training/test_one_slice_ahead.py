"""The next slice is read while an engine computes the one before, and no more than that; what
comes out, and what a stop or a failure leaves behind, is as if each were waited for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narrows import engine
from narrows.engine.interface import AdamSettings, Losses
from narrows.engine.xla import XlaTrainer
from narrows.engine.xla import trainer as trainers
from narrows.errors import DataError
from narrows.nn.model import Model, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.training import Trained, TrainingSettings, train
from narrows.training.augmentation import Varied

ITEMS = np.random.default_rng(0).random((150, 9), np.float32)
BATCH = 16
SLICES = 4  # an epoch's: of 3, 3, 3 and 1 steps, the last of them short
SETTINGS = TrainingSettings(epochs=2, batch_size=BATCH)
#: Told what happens: ("read" | "begun" | "waited", number of the slice).
Happening = Callable[[str, int], None]


@pytest.fixture
def in_file(tmp_path: Path) -> np.ndarray:
    np.save(tmp_path / "items.npy", ITEMS)
    return np.load(tmp_path / "items.npy", mmap_mode="r")


def model() -> Model:
    return initial_model(preset_spec("simple", (9,), latent=2, hidden=(5,)), Scaling(), 3)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Happening], None]:
    """Has XLA train, three steps a slice, and tells of each slice."""
    monkeypatch.setenv("NARROWS_ENGINE", "xla")
    monkeypatch.setattr(trainers, "_steps_per_call", lambda spec, batch_size: 3)
    read = Varied.slice

    def set_up(happens: Happening) -> None:
        numbers = {"read": 0, "begun": 0}

        def next_one(what: str) -> int:
            numbers[what] += 1
            happens(what, numbers[what] - 1)
            return numbers[what] - 1

        class Watched(XlaTrainer):
            def begin(self, *slice: Any) -> Losses:
                number, losses = next_one("begun"), super().begin(*slice)

                def waited() -> np.ndarray:
                    happens("waited", number)
                    return losses()

                return waited

        def watched_read(self: Varied, *which: Any) -> Any:
            next_one("read")
            return read(self, *which)

        monkeypatch.setattr(engine, "XlaTrainer", Watched)
        monkeypatch.setattr(Varied, "slice", watched_read)

    return set_up


def nothing(what: str, number: int) -> None:
    pass


def assert_same_run(found: Trained, expected: Trained) -> None:
    for key in ("loss", "val_loss"):
        assert [e[key] for e in found.history] == [e[key] for e in expected.history]
    for name, array in expected.model.arrays.items():
        assert found.model.arrays[name].tobytes() == array.tobytes(), name


def test_a_slice_is_begun_before_the_losses_of_the_one_before_are_waited_for(
    watch: Callable[[Happening], None], in_file: np.ndarray
) -> None:
    seen: list[tuple[str, int]] = []
    watch(lambda *what: seen.append(what))
    train(model(), in_file, None, SETTINGS)
    expected = []
    for first in (0, SLICES):  # of an epoch
        expected += [("begun", first)]
        for k in range(first + 1, first + SLICES):
            expected += [("begun", k), ("waited", k - 1)]
        expected += [("waited", first + SLICES - 1)]
    assert [each for each in seen if each[0] != "read"] == expected
    for k in range(2 * SLICES):
        read = seen.index(("read", k))
        assert read < seen.index(("begun", k))
        if k % SLICES > 1:  # no more than one ahead
            assert read > seen.index(("begun", k - 2))
        elif k >= SLICES:  # and of an epoch that has begun
            assert read > seen.index(("waited", k - k % SLICES - 1))


def test_a_file_trains_as_what_is_in_memory_step_after_step(
    watch: Callable[[Happening], None], in_file: np.ndarray
) -> None:
    watch(nothing)
    alone = XlaTrainer(model(), SETTINGS.objective, SETTINGS.adam_for(150, BATCH), BATCH)
    trained = train(model(), in_file, ITEMS[:40], SETTINGS)
    assert_same_run(train(model(), ITEMS, ITEMS[:40], SETTINGS), trained)
    from narrows.training.shuffling import EpochOrder

    for record in trained.history:
        order = EpochOrder(150, ITEMS[:1].nbytes, SETTINGS.seed, record["epoch"])[0:150]
        steps = [alone.train(ITEMS, order[i : i + BATCH]) for i in range(0, 150, BATCH)]
        assert np.concatenate(steps).sum() / ITEMS.size == pytest.approx(record["loss"], rel=1e-5)
    for name, array in alone.state().arrays.items():
        np.testing.assert_allclose(trained.model.arrays[name], array, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("error", [DataError("cut"), KeyboardInterrupt()], ids=["error", "stop"])
@pytest.mark.parametrize("what", ["read", "begun", "waited"])
@pytest.mark.parametrize("checkpoint_seconds", [0, 1000])
def test_what_breaks_off_in_between_leaves_a_checkpoint_to_go_on_from(
    error: BaseException,
    what: str,
    checkpoint_seconds: float,
    watch: Callable[[Happening], None],
    in_file: np.ndarray,
    tmp_path: Path,
) -> None:
    def run(resume: bool) -> Trained:
        return train(
            model(),
            in_file,
            ITEMS[:40],
            SETTINGS,
            checkpoint=tmp_path / "checkpoint",
            checkpoint_seconds=checkpoint_seconds,
            resume=resume,
        )

    def breaks(happening: str, number: int) -> None:
        if (happening, number) == (what, SLICES + 2):
            raise error

    watch(breaks)
    with pytest.raises(type(error)):
        run(resume=False)
    assert (tmp_path / "checkpoint").exists() == (checkpoint_seconds == 0)
    watch(nothing)
    assert_same_run(run(resume=True), train(model(), in_file, ITEMS[:40], SETTINGS))


@pytest.mark.parametrize("chance", range(2, 2 * SLICES + 1))
def test_a_stop_takes_the_slice_under_way_along(
    chance: int, watch: Callable[[Happening], None], in_file: np.ndarray, tmp_path: Path
) -> None:
    watch(nothing)
    chances = iter(range(1, 100))
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train(
            model(),
            in_file,
            ITEMS[:40],
            SETTINGS,
            checkpoint=path,
            should_stop=lambda: next(chances) == chance,
        )
    left: list[tuple[str, int]] = []
    watch(lambda *what: left.append(what))
    resumed = train(model(), in_file, ITEMS[:40], SETTINGS, checkpoint=path, resume=True)
    assert left[-1] == ("waited", 2 * SLICES - chance)
    assert_same_run(resumed, train(model(), in_file, ITEMS[:40], SETTINGS))


@pytest.mark.parametrize("scans", [True, False], ids=["scan", "steps"])
def test_nothing_is_waited_for_before_it_is_asked_for(
    scans: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    class Seen:
        def __init__(self, losses: Any) -> None:
            self.losses = losses

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
            asked.append(self)
            return np.asarray(self.losses, dtype)

        def __float__(self) -> float:
            return float(self.__array__())

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            carry, losses = function(*arguments)
            return carry, Seen(losses)

        return call

    compiled = trainers._compiled

    def watched_functions(*key: Any) -> Any:
        made = compiled(*key)
        return made._replace(scan=watched(made.scan), step=watched(made.step))

    monkeypatch.setattr(trainers, "scans", lambda spec: scans)
    order, again = np.random.default_rng(1).permutation(150), np.arange(150)
    plain = XlaTrainer(model(), Objective(), AdamSettings(), BATCH)
    expected = [plain.train(ITEMS, each) for each in (order, again)]
    monkeypatch.setattr(trainers, "_compiled", watched_functions)
    lazy = XlaTrainer(model(), Objective(), AdamSettings(), BATCH)
    given = ITEMS.copy()
    first = lazy.begin(given, order)
    given[:] = np.nan  # begun steps need it no longer
    second = lazy.begin(ITEMS, again)
    assert not asked
    found = [first(), second()]
    assert asked
    for losses, wanted in zip(found, expected, strict=True):
        assert losses.dtype == np.float64
        np.testing.assert_array_equal(losses, wanted)
    for name, array in plain.state().arrays.items():
        np.testing.assert_array_equal(lazy.state().arrays[name], array)
