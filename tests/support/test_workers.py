"""Processes that work beside one another: what is lost with one, and that none is left."""

import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.command_line import ENVIRONMENT
from narrows.errors import NarrowsError
from narrows.support.cores import usable_cores
from narrows.support.workers import Lost, in_processes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes")

WAITING = (
    "import os, sys\n"
    "from test_workers import wait_for_ever\n"
    "from narrows.support.workers import in_processes\n"
    "if __name__ == '__main__':\n"
    "    list(in_processes(wait_for_ever, [sys.argv[1]] * 2, 2))\n"
)


def double(task: int | str) -> tuple[int | str, int]:
    """Twice the task, and what this process may use of the machine; or its end."""
    if isinstance(task, str):
        again = Path(task)
        if again.name == "always" or not again.exists():
            again.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return 2 * task, usable_cores()


def wait_for_ever(folder: str) -> None:
    """Say which process this is, with something half written, and stay."""
    from narrows.support.temporary import temporary_folder

    with temporary_folder(Path(folder)):
        os.write(1, f"{os.getpid()}\n".encode())
        threading.Event().wait()


def end_with_words(task: int) -> int:
    """Write as Python does, and end as a compiler without memory."""
    print("Python's words", file=sys.stderr)
    os.write(2, b"LLVM ERROR: out of memory\n")
    os.abort()


@pytest.mark.slow
def test_what_a_library_says_at_the_end_of_a_lost_process_is_not_shown(
    capfd: pytest.CaptureFixture[str],
) -> None:
    found = dict(in_processes(end_with_words, [1], 1))
    assert isinstance(found[0], Lost)
    assert capfd.readouterr().err == "Python's words\n" * 2


@pytest.mark.slow
def test_what_a_lost_process_worked_on_is_done_again(tmp_path: Path) -> None:
    once, always = str(tmp_path / "once"), str(tmp_path / "always")
    tasks = [1, once, 3, always, 5, 6]
    found = dict(in_processes(double, tasks, 2))
    assert sorted(found) == [0, 1, 2, 3, 4, 5]
    assert isinstance(found.pop(3), Lost)
    doubled = {number: result[0] for number, result in found.items()}  # type: ignore[index]
    assert doubled == {0: 2, 1: once + once, 2: 6, 4: 10, 5: 12}
    cores = {result[1] for result in found.values()}  # type: ignore[index]
    assert cores == {max(usable_cores() // 2, 1)}


# Of the processes that import it only those of some numbers, counted from 0, begin.
BEGINS = """
import os, signal
from pathlib import Path

if os.getpid() != PARENT:
    begun = len(list(Path(__file__).parent.glob("begun-*")))
    Path(__file__).with_name(f"begun-{begun}").touch()
    if begun not in KEPT:
        os.kill(os.getpid(), signal.SIGKILL)

def work(task):
    return 2 * task if task else os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """A module's function, whose processes begin if their number is in a set that is given; task 0
    ends its process."""

    def made(kept: str) -> Any:
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "begins", raising=False)
        text = BEGINS.replace("KEPT", kept).replace("PARENT", str(os.getpid()))
        (tmp_path / "begins.py").write_text(text, encoding="utf-8")
        return importlib.import_module("begins").work

    return made


@pytest.mark.slow
def test_a_process_that_is_lost_before_it_begins_is_replaced(work: Callable[[str], Any]) -> None:
    assert dict(in_processes(work("{1, 2}"), [1, 2], 1)) == {0: 2, 1: 4}


@pytest.mark.slow
def test_processes_that_begin_no_more_end_it(work: Callable[[str], Any]) -> None:
    found = in_processes(work("{0}"), [5, 0, 6], 1)
    assert next(found) == (0, 10)
    with pytest.raises(NarrowsError, match="ended before it began"):
        list(found)


def test_no_task_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.support.workers._serve", None)
    assert list(in_processes(double, [], 2)) == []


@pytest.mark.slow
def test_a_script_that_cannot_be_imported_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from test_workers import double\n"
        "from narrows.support.workers import in_processes\n"
        "print(list(in_processes(double, [1, 2], 2)))\n"
    )
    done = subprocess.run(
        [sys.executable, script], env=with_tests(), capture_output=True, text=True
    )
    assert done.returncode and not done.stdout
    assert f"{NarrowsError.__name__}: a worker process ended before it began" in done.stderr


# A program whose processes do something while they begin: they import it under another name.
BEGINNING = """
import os, signal
from test_workers import double
from narrows.support.workers import in_processes

if __name__ == "__mp_main__":
    os.kill(os.getpid(), signal.SIGINT)
if __name__ == "__main__":
    print(dict(in_processes(double, [1, 2, 3], 2)).keys())
"""


@pytest.mark.slow
def test_processes_that_begin_say_nothing_of_ctrl_c(tmp_path: Path) -> None:
    """It reaches the whole group of a terminal."""
    script = tmp_path / "script.py"
    script.write_text(BEGINNING)
    done = subprocess.run(
        [sys.executable, script], env=with_tests(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


# What a library says that finds no memory for its code, and what it says else.
SHORT = """
import os
from pathlib import Path

if os.getpid() != PARENT and not Path(__file__).with_name("begun").exists():
    Path(__file__).with_name("begun").touch()
    raise ImportError(WHY) from (None if WHY else MemoryError())

def work(task):
    return 2 * task
"""


@pytest.mark.slow
@pytest.mark.parametrize("why", ["", "libblas.so: failed to map segment from shared object", "odd"])
def test_a_process_without_the_memory_to_begin_is_replaced_quietly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], why: str
) -> None:
    text = SHORT.replace("PARENT", str(os.getpid())).replace("WHY", repr(why))
    (tmp_path / "short.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "short", raising=False)
    assert dict(in_processes(importlib.import_module("short").work, [1, 2], 1)) == {0: 2, 1: 4}
    said = capfd.readouterr().err
    assert "ImportError: odd" in said if why == "odd" else said == ""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_told_to_end_leaves_nothing_half_written(
    tmp_path: Path, number: signal.Signals
) -> None:
    """As a whole group is told, by a terminal that closes or by what manages processes."""
    script = tmp_path / "script.py"
    script.write_text(WAITING)
    program = subprocess.Popen(
        [sys.executable, script, tmp_path],
        env=with_tests(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() and program.stdout.readline()
    os.killpg(program.pid, number)
    assert program.stdout.read() == ""
    program.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


@pytest.mark.slow
def test_none_is_left_when_the_program_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(WAITING)
    program = subprocess.Popen(
        [sys.executable, script, tmp_path], env=with_tests(), stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    workers = [int(program.stdout.readline()) for _ in range(2)]
    program.kill()
    # they hold the pipe too: it ends with the last of them
    assert program.stdout.read() == "" and len(set(workers)) == 2
    program.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def with_tests() -> dict[str, str]:
    folder = str(Path(__file__).parent)
    tests = str(Path(__file__).parents[1])
    return {
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join((ENVIRONMENT["PYTHONPATH"], folder, tests)),
    }
