"""Two runs in one run folder, and what is tried before a run begins."""

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import ENVIRONMENT, Command, command, contents, failed
from narrows.errors import OutputError
from narrows.support.files import require_writable
from narrows.support.locking import held_folder
from narrows.support.temporary import LOCK, host_name
from narrows.tasks.outputs import check_outputs

PROGRAM = (
    "import os, signal\n"
    "from pathlib import Path\n"
    "from narrows.support.locking import held_folder\n"
    "with held_folder(Path('m'), 'wait'):\n"
    "    print('ready', flush=True)\n"
    "    {then}\n"
)
SMALL = ("--preset", "simple", "--latent", 2, "--epochs", 1)


@pytest.fixture
def narrows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs a command line in this process, in a folder with something to learn."""
    monkeypatch.chdir(tmp_path)
    np.save("items.npy", np.random.default_rng(0).integers(0, 256, (64, 6, 6), np.uint8))
    return command(capsys)


def holding(then: str, folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the folder ``m``."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(then=then)],
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_a_folder_of_a_living_process_is_refused(narrows: Command, tmp_path: Path) -> None:
    process = holding("input()", tmp_path)
    told = f"m is in use by process {process.pid} on {host_name()}"
    fit = ("fit", "items.npy", *SMALL, "--out", "m.safetensors")
    for line in (fit, (*fit, "--resume"), ("demo", "--data", "items.npy", "--out", "m")):
        failed(narrows(*line), 1, told)
    assert contents(tmp_path).keys() == {"items.npy", "m", f"m/{LOCK}"}
    process.communicate("\n")
    assert contents(tmp_path).keys() == {"items.npy"}
    assert narrows(*fit).code == 0
    assert not (tmp_path / "m" / LOCK).exists()


def test_a_folder_of_a_dead_process_is_free(tmp_path: Path) -> None:
    holding("os.kill(os.getpid(), signal.SIGKILL)", tmp_path).communicate()
    said = json.loads((tmp_path / "m" / LOCK).read_text())
    assert said["host"] == host_name()
    # whatever has its number now
    (tmp_path / "m" / LOCK).write_text(json.dumps({**said, "process": os.getppid()}))
    with held_folder(tmp_path / "m", "wait"):
        assert json.loads((tmp_path / "m" / LOCK).read_text())["process"] == os.getpid()
    assert contents(tmp_path).keys() == {"m"}


def test_others_remove_the_lock_of_the_dead_alone(tmp_path: Path) -> None:
    lock = tmp_path / "m" / LOCK
    with held_folder(tmp_path / "m", "wait"):
        os.utime(lock, (0, 0))
        require_writable(tmp_path / "m" / "a")
        assert lock.exists()
    holding("os.kill(os.getpid(), signal.SIGKILL)", tmp_path).communicate()
    require_writable(tmp_path / "m" / "a")
    assert not lock.exists()


def test_a_folder_is_held_once_in_a_process(tmp_path: Path) -> None:
    with (
        held_folder(tmp_path / "m", "wait"),
        pytest.raises(OutputError, match=f"in use by process {os.getpid()} on ") as caught,
        held_folder(tmp_path / "m", "wait"),
    ):
        pytest.fail("the block must not start")
    assert caught.value.hint == "wait"


@pytest.mark.parametrize(
    "name",
    ["checkpoint.safetensors", "history.jsonl", "loss.png", "reconstructions.png", "codes.png"],
)
def test_what_a_run_ends_with_is_tried_before_it_begins(
    name: str, narrows: Command, tmp_path: Path
) -> None:
    (tmp_path / "m" / name).mkdir(parents=True)
    failed(narrows("fit", "items.npy", *SMALL, "--out", "m.safetensors"), 1, f"m/{name} is a")
    assert contents(tmp_path).keys() == {"items.npy", "m", f"m/{name}"}


# 36 -> 16 -> 2 and back, with biases
WEIGHTS = 4 * (2 * (36 * 16 + 16 * 2) + 16 + 2 + 16 + 36)


@pytest.mark.parametrize(
    ("free", "name", "taken"),
    [
        # with both moments and the best; the new beside the old
        (20_000, "m/checkpoint.safetensors", 2 * 4 * WEIGHTS),
        # with two principal components, and a forest that detects
        (100_000, "m.safetensors", WEIGHTS + 4 * 2 * 36 + 3 * 4 * 200 * 256),
    ],
)
def test_room_for_a_run_is_asked_for_before_it_begins(
    free: int,
    name: str,
    taken: int,
    narrows: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = namedtuple("usage", ("total", "used", "free"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - free, free))
    line = ("fit", "items.npy", "--latent", 2, "--preset", "dense", "--hidden", "16", "--patience")
    outcome = narrows(*line, 3, "--epochs", 1, "--out", "m.safetensors")
    told = f"would take {taken:,} bytes, and its disk has room for {free:,}"
    failed(outcome, 1, name, told)
    assert contents(tmp_path).keys() == {"items.npy"}


@pytest.mark.parametrize("name", ["a" * 256, "a" * 244 + ".safetensors", "items.npy/a"])
def test_names_are_tried_before_any_work(name: str, narrows: Command, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        check_outputs({}, {"--out": tmp_path / name})
    assert contents(tmp_path).keys() == {"items.npy"}


@pytest.mark.slow
def test_a_model_has_as_long_a_name_as_the_disk_takes(narrows: Command, tmp_path: Path) -> None:
    name = "a" * 243 + ".safetensors"
    assert narrows("fit", "items.npy", *SMALL, "--out", name).code == 0
    assert (tmp_path / name).exists()
