"""Files of events, as TensorBoard itself reads them."""

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import Command, failed
from helpers.optional import optional
from narrows import Autoencoder
from narrows.errors import NarrowsWarning, OutputError, UsageError
from narrows.support.progress import unheard
from narrows.tasks.run_files import RunFiles
from narrows.training import EpochRecord
from narrows.training.event_file import epoch_event, event_file, first_events

writes = pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
accumulators = optional("tensorboard.backend.event_processing.event_accumulator")


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The steps and values of each curve."""
    found = accumulators.EventAccumulator(str(folder)).Reload()
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def history(count: int, loss: float) -> list[EpochRecord]:
    return [
        {"epoch": epoch, "loss": loss / epoch, "learning_rate": 0.5, "items_per_second": 70.0}
        for epoch in range(1, count + 1)
    ]


def write(path: Path, records: list[EpochRecord]) -> None:
    path.write_bytes(first_events() + b"".join(map(epoch_event, records)))


@writes
@pytest.mark.slow
def test_tensorboard_reads_each_epoch(tmp_path: Path) -> None:
    write(event_file(tmp_path), history(3, 12.0))
    assert read(tmp_path) == {
        "loss/training": [(1, 12.0), (2, 6.0), (3, 4.0)],
        "learning rate": [(1, 0.5), (2, 0.5), (3, 0.5)],
        "speed/items a second": [(1, 70.0), (2, 70.0), (3, 70.0)],
    }


@writes
def test_a_run_that_goes_on_replaces_what_it_had_left(tmp_path: Path) -> None:
    write(tmp_path / "events.out.tfevents.1700000000.here.1.narrows", history(3, 12.0))
    write(tmp_path / "events.out.tfevents.1700000009.here.2.narrows", history(2, 8.0))
    assert read(tmp_path)["loss/training"] == [(1, 8.0), (2, 4.0)]


def test_without_tensorboard_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(UsageError, match="package tensorboard") as found:
        event_file(tmp_path)
    assert "narrows[tensorboard]" in str(found.value.hint)


@writes
def test_a_runs_events_grow_with_its_history(tmp_path: Path) -> None:
    first = RunFiles(tmp_path / "m.nrw", tensorboard=tmp_path / "shown", note=unheard)
    for count in (1, 2, 3):
        first.keep(history(count, 12.0))
    assert [step for step, _ in read(tmp_path / "shown")["loss/training"]] == [1, 2, 3]
    lines = (tmp_path / "m/history.jsonl").read_text(encoding="utf-8").splitlines()
    assert list(map(json.loads, lines)) == history(3, 12.0)


@writes
def test_an_estimators_curves_are_its_history(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    estimator = Autoencoder(2, epochs=3, refine=0, tensorboard=tmp_path / "shown").fit(rows)
    epochs = [(record["epoch"], record["loss"]) for record in estimator.history_]
    np.testing.assert_allclose(read(tmp_path / "shown")["loss/training"], epochs, rtol=1e-6)
    estimator.save(tmp_path / "m.safetensors")
    assert Autoencoder.load(tmp_path / "m.safetensors").tensorboard is None


@writes
def test_what_cannot_be_written_is_told_and_costs_no_training(tmp_path: Path) -> None:
    (tmp_path / "shown").symlink_to("shown")
    rows = np.random.default_rng(0).normal(size=(60, 4))
    with pytest.warns(NarrowsWarning, match="shown"):
        Autoencoder(2, epochs=1, refine=0, tensorboard=tmp_path / "shown").fit(rows)


@writes
def test_a_file_in_the_place_of_a_folder_is_refused_before_the_training(
    narrows: Command, tmp_path: Path
) -> None:
    (file := tmp_path / "shown").write_bytes(b"no folder")
    rows, said = np.random.default_rng(0).normal(size=(60, 4)), f"{file} is a file, and a folder"
    with pytest.raises(OutputError, match=re.escape(said)):
        Autoencoder(2, epochs=1, refine=0, tensorboard=file).fit(rows)
    for option in ("--tensorboard", "--run-dir"):
        line = ("fit", tmp_path / "none.npy", option, file, "--out", tmp_path / "m.safetensors")
        found = narrows(*line)  # before data are read, which there are not
        failed(found, 1, said, "name a folder")
        assert found.err.startswith(f"error: {said}")
    assert file.read_bytes() == b"no folder"
