"""Ctrl-C and kills: a run that was stopped, however, ends in the bytes of one that never was."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from command_line import Command, command, contents, start

SECONDS_TO_WAIT = 60
ENDLESS = 1_000_000
OPTIONS = (
    "--preset",
    "simple",
    "--latent",
    3,
    "--hidden",
    "16",
    "--batch-size",
    4,
    "--checkpoint-seconds",
    0,
)


@pytest.fixture
def narrows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Runs a command line in this process, beside a file of noise to learn."""
    items = np.random.default_rng(0).integers(0, 256, (3_000, 12, 12), np.uint8)
    np.save(tmp_path / "items.npy", items)
    return command(capsys)


def endless_fit(folder: Path, *more: object) -> subprocess.Popen[str]:
    return start(
        "fit", folder / "items.npy", *OPTIONS, "--epochs", ENDLESS, "--out", "m.safetensors",
        *more, cwd=folder,
    )  # fmt: skip


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def version(path: Path) -> int:
    """A number that changes whenever the file is replaced; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def epochs_done(run_folder: Path) -> int:
    history = run_folder / "history.jsonl"
    # The last line may be cut where the run was killed.
    return history.read_text().count("\n") if history.exists() else 0


def assert_ends_like_an_undisturbed_run(narrows: Command, folder: Path) -> None:
    """Finish the run in ``folder`` two epochs later, and compare with one that was left alone."""
    epochs = epochs_done(folder / "m") + 2
    line = ("fit", folder / "items.npy", *OPTIONS, "--epochs", epochs, "--out")
    code, _, err = narrows(*line, folder / "m.safetensors", "--resume")
    assert code == 0, err
    code, _, err = narrows(*line, folder / "alone.safetensors")
    assert code == 0, err
    assert (folder / "m.safetensors").read_bytes() == (folder / "alone.safetensors").read_bytes()
    for name in ("m", "alone"):
        records = [json.loads(row) for row in (folder / name / "history.jsonl").open()]
        assert [record["epoch"] for record in records] == list(range(1, epochs + 1))


def test_ctrl_c_leaves_a_checkpoint_to_resume_from(narrows: Command, tmp_path: Path) -> None:
    process = endless_fit(tmp_path)
    wait_for(lambda: epochs_done(tmp_path / "m") >= 2, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS_TO_WAIT)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert err.endswith("with --resume goes on from m/checkpoint.safetensors\n")
    left = contents(tmp_path).keys()
    assert left == {"items.npy", "m", "m/checkpoint.safetensors", "m/history.jsonl"}
    assert_ends_like_an_undisturbed_run(narrows, tmp_path)


def test_kills_change_nothing(narrows: Command, tmp_path: Path) -> None:
    checkpoint = tmp_path / "m" / "checkpoint.safetensors"
    for checkpoints_to_see in (1, 3, 2):
        process = endless_fit(tmp_path, "--resume")
        for _ in range(checkpoints_to_see):
            last = version(checkpoint)
            wait_for(lambda last=last: version(checkpoint) != last, process)
        process.kill()
        process.communicate(timeout=SECONDS_TO_WAIT)
        assert not (tmp_path / "m.safetensors").exists()
    assert_ends_like_an_undisturbed_run(narrows, tmp_path)


def test_ctrl_c_while_results_are_written_leaves_nothing(
    narrows: Command, model_file: Path, tmp_path: Path
) -> None:
    # A file of zeros that takes no space on the disk, and minutes to encode as text.
    shape = (3_000_000, 8, 8)
    np.lib.format.open_memmap(tmp_path / "many.npy", "w+", np.uint8, shape).flush()
    (tmp_path / "out").mkdir()
    line = ("encode", model_file, "many.npy", "--out", "out/codes.csv")
    process = start(*line, cwd=tmp_path)
    wait_for(lambda: any((tmp_path / "out").iterdir()), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS_TO_WAIT)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert list((tmp_path / "out").iterdir()) == []
