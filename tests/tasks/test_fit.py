"""``fit`` as a task: what it does from plain arguments, and that all faces show the same of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from helpers.command_line import Command, done
from narrows import Autoencoder, NarrowsWarning
from narrows.data import Dataset, load_data
from narrows.model.file import load_model
from narrows.planning.options import FitOptions
from narrows.support import chunks
from narrows.support.progress import Advance, Listener
from narrows.tasks.fit import FitRequest, FitResult, fit
from narrows.tasks.run_files import NAMES, NO_FILES, FitFiles, RunFiles

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(60, 6)) @ RANDOM.normal(size=(6, 6))
GIVEN = {"latent": 2, "epochs": 2, "refine": 0}


def fitted(files: FitFiles = NO_FILES, **more: object) -> FitResult:
    data = Dataset("rows", ROWS)
    request = FitRequest(options=FitOptions(**GIVEN), given=GIVEN)  # type: ignore[arg-type]
    return fit(data, None, request, files=files, **more)  # type: ignore[arg-type]


def test_what_is_known_is_told_as_soon_as_it_is_known() -> None:
    told: list[str] = []
    result = fitted(listener=Listener(note=told.append))
    assert told[0] == "learning 60 items of 6 from rows"
    before, after = told[1 : 1 + len(result.choices)], told[1 + len(result.choices) :]
    assert [line.strip() for line in before] == list(result.choices)
    assert after == list(result.findings)
    assert result.evaluation is None and not result.not_written
    assert result.trained.parameters["values"] == GIVEN
    assert result.trained.detection == {}


def test_that_rows_are_few_for_a_code_is_told_once_and_before_the_training() -> None:
    told: list[str] = []
    data, given = Dataset("rows", ROWS[:20]), {**GIVEN, "latent": 4}

    @contextmanager
    def track(label: str, **_: object) -> Iterator[Advance]:
        told.append(label)
        yield lambda *_: None

    request = FitRequest(options=FitOptions(**given), given=given)
    result = fit(data, None, request, listener=Listener(track=track, note=told.append))
    (caution,) = [str(each) for each in result.cautions if each.kind == "few-rows"]
    assert told.count(caution) == 1 and told.index(caution) < told.index("training")
    assert caution in result.findings


class Counted(np.memmap):
    """An array that counts the rows that were taken of it."""

    taken = 0

    def __getitem__(self, places: Any) -> Any:
        found = np.asarray(super().__getitem__(places))
        Counted.taken += len(found) if found.ndim == self.ndim else 1
        return found


@pytest.mark.slow
@pytest.mark.parametrize("refine", [0, 1])
def test_after_training_some_of_very_many_items_are_looked_at(
    refine: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MOST_MEASURED", 400)
    monkeypatch.setattr(chunks, "MOST_SAMPLED", 300)
    mixed = np.random.default_rng(1).normal(size=(50_000, 6)).astype(np.float32) @ ROWS[:6]
    np.save(tmp_path / "rows.npy", mixed)
    items = np.load(tmp_path / "rows.npy", mmap_mode="r").view(Counted)
    given = {"latent": 2, "epochs": 1, "refine": refine, "preset": "dense"}
    taken = list[int]()

    def on_epoch(*_: object) -> None:
        taken.append(Counted.taken)

    told = list[str]()
    files = RunFiles(tmp_path / "m.safetensors", tmp_path / "m", note=told.append)
    monkeypatch.setattr(files, "keep", on_epoch)
    data = Dataset("rows", items)
    request = FitRequest(options=FitOptions(**given), given=given)  # type: ignore[arg-type]
    result = fit(data, None, request, files=files)
    # PCA and the ranges of columns pass over all of them; how codes lie is learnt from 20,000,
    # and 400 are measured
    assert Counted.taken - taken[-1] < 3 * len(items)
    assert any("400 of the 50,000 items or fewer" in line for line in result.findings)
    assert result.evaluation is not None
    measured = 300 if refine else 400
    assert (result.evaluation.count, result.evaluation.total) == (measured, 50_000)
    assert f"{measured} of 50,000 items" in str(result.evaluation.told())


@pytest.mark.slow
@pytest.mark.pictures
@pytest.mark.slow
def test_a_row_far_from_all_others_does_not_judge_the_training(tmp_path: Path) -> None:
    """Held out, one number in another unit outweighs all else: fit ends as if the row was not
    there. In training it is one of many."""
    random = np.random.default_rng(2)
    width = random.uniform(1, 5, 300)
    columns = {"width": width, "area": width**2, "cost": random.uniform(20, 80, 300)}
    errors, told = {}, {}
    for cost in (50.0, 99999.0):
        columns["cost"][7] = cost
        data = load_data(pa.table(columns))
        held_out = [place for place in range(300) if place % 10 == 7]
        training = np.setdiff1d(np.arange(300), held_out)
        result = fit(
            data.rows(training),
            data.rows(np.array(held_out)),
            FitRequest(options=FitOptions(latent=2, epochs=20, seed=3)),
            files=RunFiles(tmp_path / f"{cost}.safetensors", note=lambda line: None),
        )
        assert result.evaluation is not None
        errors[cost] = result.history[-1]["val_loss"]
        told[cost] = [line for line in result.choices if line.startswith("left out: 1 held-out")]
        assert result.evaluation.total == 30 - len(told[cost])
    assert not told[50.0] and len(told[99999.0]) == 1
    assert errors[99999.0] < 10 * errors[50.0]


def test_a_run_with_files_leaves_them_and_is_evaluated(tmp_path: Path) -> None:
    told: list[str] = []
    files = RunFiles(tmp_path / "m.safetensors", tmp_path / "m", note=told.append)
    assert files.last_words() == "stopped; the same command starts at the beginning"
    result = fitted(files)
    assert {path.name for path in (tmp_path / "m").iterdir()} == set(NAMES)
    assert told == [
        f"wrote the model to {files.model}",
        f"its history and pictures are in {files.folder}",
    ]
    assert result.evaluation is not None and result.evaluation.count == len(ROWS)
    written = load_model(files.model)
    assert written.parameters == result.trained.parameters
    for name, array in result.trained.model.arrays.items():
        np.testing.assert_array_equal(written.model.arrays[name], array)
    assert files.last_words().startswith(f"stopped; the model is in {files.model}")


def test_the_program_and_the_estimator_say_and_train_the_same(
    narrows: Command, tmp_path: Path
) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    line = ["--latent", 2, "--epochs", 2, "--refine", 0, "--no-detection"]
    model = tmp_path / "m.safetensors"
    shown = done(narrows("fit", tmp_path / "rows.npy", *line, "--out", model)).err
    with pytest.warns(NarrowsWarning) as seen:
        estimator = Autoencoder(**GIVEN).fit(ROWS)
    warned = [str(each.message) for each in seen]
    choices = [note for note in estimator.notes_ if note not in warned]
    assert choices and all(f"  {note}\n" in shown for note in choices)
    assert {line.partition(":")[0] for line in warned} <= {
        line.partition(":")[0] for line in shown.splitlines()
    }
    for name, array in load_model(model).model.arrays.items():
        np.testing.assert_array_equal(estimator.model_.model.arrays[name], array)
