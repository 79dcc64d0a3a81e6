"""``fit`` as a task: what it does from plain arguments, and that all faces show the same of it."""

from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import Command, done
from narrows import Autoencoder, NarrowsWarning
from narrows.data import Dataset
from narrows.model.file import load_model
from narrows.planning.options import FitOptions
from narrows.tasks.fit import FitResult, fit
from narrows.tasks.run_files import NAMES, RunFiles

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(60, 6)) @ RANDOM.normal(size=(6, 6))
GIVEN = {"latent": 2, "epochs": 2, "refine": 0}


def fitted(files: RunFiles | None = None, **more: object) -> FitResult:
    data = Dataset("rows", ROWS)
    return fit(data, None, FitOptions(**GIVEN), given=GIVEN, files=files, **more)  # type: ignore[arg-type]


def test_what_is_known_is_told_as_soon_as_it_is_known() -> None:
    told: list[str] = []
    result = fitted(note=told.append)
    assert told[0] == "learning 60 items of 6 from rows"
    before, after = told[1 : 1 + len(result.choices)], told[1 + len(result.choices) :]
    assert [line.strip() for line in before] == list(result.choices)
    assert after == list(result.findings)
    assert result.evaluation is None and not result.not_written
    assert result.trained.parameters["values"] == GIVEN
    assert result.trained.detection == {}


@pytest.mark.slow
@pytest.mark.pictures
def test_a_run_with_files_leaves_them_and_is_evaluated(tmp_path: Path) -> None:
    told: list[str] = []
    files = RunFiles(tmp_path / "m.safetensors", tmp_path / "m", note=told.append)
    assert files.last_words() == "stopped; the same command starts at the beginning"
    result = fitted(files)
    assert {path.name for path in (tmp_path / "m").iterdir()} == set(NAMES)
    assert told == [f"wrote the model to {files.model}"]
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
