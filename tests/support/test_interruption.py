"""Ctrl-C and kills: a run that was stopped, however, ends in the bytes of one that never was."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import ENVIRONMENT, Command, contents, start

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
def narrows(narrows: Command, tmp_path: Path) -> Command:
    """Runs a command line in this process, beside a file of noise to learn."""
    items = np.random.default_rng(0).integers(0, 256, (3_000, 12, 12), np.uint8)
    np.save(tmp_path / "items.npy", items)
    return narrows


def endless_fit(folder: Path, *more: object) -> subprocess.Popen[str]:
    return start(
        "fit", folder / "items.npy", *OPTIONS, "--no-detection", "--epochs", ENDLESS,
        "--out", "m.safetensors", *more, cwd=folder,
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
    line = ("fit", folder / "items.npy", *OPTIONS, "--no-detection", "--epochs", epochs, "--out")
    code, _, err = narrows(*line, folder / "m.safetensors", "--resume")
    assert code == 0, err
    code, _, err = narrows(*line, folder / "alone.safetensors")
    assert code == 0, err
    assert (folder / "m.safetensors").read_bytes() == (folder / "alone.safetensors").read_bytes()
    for name in ("m", "alone"):
        records = [json.loads(row) for row in (folder / name / "history.jsonl").open()]
        assert [record["epoch"] for record in records] == list(range(1, epochs + 1))


@pytest.mark.slow
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


@pytest.mark.slow
def test_kills_change_nothing(narrows: Command, tmp_path: Path) -> None:
    checkpoint = tmp_path / "m" / "checkpoint.safetensors"
    for checkpoints_to_see in (1, 2):
        process = endless_fit(tmp_path, "--resume")
        for _ in range(checkpoints_to_see):
            last = version(checkpoint)
            wait_for(lambda last=last: version(checkpoint) != last, process)
        process.kill()
        process.communicate(timeout=SECONDS_TO_WAIT)
        assert not (tmp_path / "m.safetensors").exists()
    assert_ends_like_an_undisturbed_run(narrows, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "command", "count", "out"),
    [
        ("INT", "encode", 1_000_000, "out/codes.csv"),
        ("HUP", "reconstruct", 60_000, "out/pictures/"),
    ],
)
def test_a_signal_while_results_are_written_leaves_nothing(
    name: str, command: str, count: int, out: str, model_file: Path, tmp_path: Path
) -> None:
    # A file of zeros that takes no space on the disk, and many seconds to write the results of.
    shape = (count, 8, 8)
    np.lib.format.open_memmap(tmp_path / "many.npy", "w+", np.uint8, shape).flush()
    (tmp_path / "out").mkdir()
    process = start(command, model_file, "many.npy", "--out", out, cwd=tmp_path)
    wait_for(lambda: any((tmp_path / "out").iterdir()), process)
    number = getattr(signal, f"SIG{name}")
    process.send_signal(number)
    _, err = process.communicate(timeout=SECONDS_TO_WAIT)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_a_request_to_end_leaves_a_checkpoint_as_ctrl_c_does(
    narrows: Command, tmp_path: Path
) -> None:
    process = endless_fit(tmp_path)
    wait_for(lambda: epochs_done(tmp_path / "m") >= 2, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=SECONDS_TO_WAIT)
    assert process.returncode == 143
    assert err.endswith("with --resume goes on from m/checkpoint.safetensors\n")
    left = contents(tmp_path).keys()
    assert left == {"items.npy", "m", "m/checkpoint.safetensors", "m/history.jsonl"}


# What is long after the last epoch, and what of it is there when it is broken off.
STAGES = {
    "narrows.tasks.fit_plan.fit_pca": False,
    "narrows.tasks.fit_plan.place_codes": False,
    "narrows.tasks.fit_plan._density": False,
    "narrows.tasks.fit_plan.fit_detection": False,
    "narrows.tasks.run_files.save_model": False,
    "narrows.tasks.fit.evaluate": True,
    "narrows.tasks.run_files.draw_run": True,
    "narrows.tasks.fit.find_warnings": True,
}


@pytest.mark.slow
@pytest.mark.pictures
@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_after_the_last_epoch_is_obeyed(
    stage: str, narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it was not obeyed")

    monkeypatch.setattr(stage, interrupted)
    few, out = tmp_path / "few.npy", tmp_path / "m.safetensors"
    np.save(few, np.load(tmp_path / "items.npy")[:64])
    code, _, err = narrows("fit", few, *OPTIONS, "--epochs", 1, "--out", out)
    assert code == 130
    assert out.exists() == STAGES[stage]
    said = f"stopped; the model is in {out}" if STAGES[stage] else "with --resume goes on from"
    assert said in err.splitlines()[-1]


def test_a_demo_does_not_speak_of_options_that_it_lacks(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        (tmp_path / "story" / "article").mkdir()
        (tmp_path / "story" / "article" / "checkpoint.safetensors").write_bytes(b"")
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("narrows.tasks.fit.fit_plan", interrupted)
    line = ("demo", "--data", tmp_path / "items.npy", "--out", tmp_path / "story")
    code, _, err = narrows(*line)
    assert code == 130
    assert err.endswith("stopped; the same command starts at the beginning\n")
    assert "--resume" not in err


@pytest.mark.slow
def test_the_command_line_runs_in_any_thread(narrows: Command, tmp_path: Path) -> None:
    few, outcomes = tmp_path / "few.npy", []
    np.save(few, np.load(tmp_path / "items.npy")[:64])
    line = ("fit", few, *OPTIONS, "--epochs", 1, "--out", tmp_path / "m.safetensors")
    thread = threading.Thread(target=lambda: outcomes.append(narrows(*line)))
    thread.start()
    thread.join()
    assert outcomes[0].code == 0, outcomes[0].err


def program(work: str, folder: Path, **options: object) -> subprocess.Popen[str]:
    """The program with other work than a command's, in a process of its own."""
    text = (
        "import hashlib, signal, sys\n"
        "from narrows.support.interruption import obeying, unbroken\n"
        "from narrows.support.files import atomic_folder\n"
        f"def work():\n{textwrap.indent(textwrap.dedent(work), '    ')}\n"
        "sys.exit(obeying(work))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


def test_a_signal_is_obeyed_while_compiled_code_works(tmp_path: Path) -> None:
    process = program(
        """
        with atomic_folder("out") as folder:
            (folder / "a").mkdir()
            (folder / "a" / "b").write_text("b")
            print("ready", flush=True)
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)  # half an hour
        """,
        tmp_path,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=SECONDS_TO_WAIT)
    assert process.returncode == 143
    assert not err
    assert not list(tmp_path.iterdir())


def test_what_must_not_be_broken_off_is_not_and_a_second_signal_ends_it(tmp_path: Path) -> None:
    process = program(
        """
        try:
            with unbroken():
                signal.raise_signal(signal.SIGINT)
                print("unbroken", flush=True)
            print("too far", flush=True)
        except KeyboardInterrupt:
            with unbroken(), atomic_folder("out"):
                print("saving", flush=True)
                while True:
                    pass
        """,
        tmp_path,
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["unbroken\n", "saving\n"]
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while process.poll() is None:
        assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    assert process.returncode == 130
    assert not list(tmp_path.iterdir())
    process.communicate()


def test_a_signal_while_a_folder_is_taken_leaves_no_lock(tmp_path: Path) -> None:
    process = program(
        """
        import os
        from pathlib import Path
        from narrows.support import locking

        opened = os.open
        def interrupted(path, *more):
            handle = opened(path, *more)
            signal.raise_signal(signal.SIGHUP)  # the file is there, and nobody knows it yet
            return handle

        os.open = interrupted
        with locking.held_folder(Path("run"), "wait"):
            print("too far", flush=True)
        """,
        tmp_path,
    )
    assert process.communicate(timeout=SECONDS_TO_WAIT) == ("", "")
    assert process.returncode == 129
    assert not list(tmp_path.iterdir())


BROKEN_OFF = {
    "an error of a library instead of the interrupt": """
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise RuntimeError("made of it") from error
        """,
    "finalisers of what was half made": """
        class Half:
            def __del__(self):
                self.made
        hashlib.half = Half()
        half = Half()
        signal.raise_signal(signal.SIGINT)
        """,
    "a class that is made, of which Python makes another error": """
        class Part:
            def __set_name__(self, owner, name):
                signal.raise_signal(signal.SIGINT)
        try:
            class Whole:
                part = Part()
        except RuntimeError:
            print("the engine does not work", flush=True)
        with unbroken():
            print("too far", flush=True)
        """,
    "a module in C that loads, which prints what is raised beneath it": """
        from importlib.machinery import ExtensionFileLoader
        class Loader(ExtensionFileLoader):
            def create_module(self, spec):
                try:
                    signal.raise_signal(signal.SIGINT)
                except KeyboardInterrupt as error:
                    print(error, file=sys.stderr)
        Loader("module", "module.so").create_module(None)
        with unbroken():
            print("too far", flush=True)
        """,
}


@pytest.mark.slow
@pytest.mark.parametrize("work", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_what_is_broken_off_says_nothing(work: str, tmp_path: Path) -> None:
    process = program(work, tmp_path)
    out, err = process.communicate(timeout=SECONDS_TO_WAIT)
    assert (process.returncode, out, err) == (130, "", "")


def test_an_interrupt_that_is_caught_comes_again(tmp_path: Path) -> None:
    process = program(
        """
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            pass  # as in a finaliser
        with unbroken():
            print("one more step", flush=True)
        """,
        tmp_path,
    )
    out, err = process.communicate(timeout=SECONDS_TO_WAIT)
    assert (process.returncode, out, err) == (143, "", "")


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    process = program(
        """
        signal.raise_signal(signal.SIGHUP)
        return 7
        """,
        tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    process.communicate(timeout=SECONDS_TO_WAIT)
    assert process.returncode == 7


# Sends a signal, twice, when so many modules have been asked for: narrows is the first, and the
# third is what lets Ctrl-C end the process.
SENDING = """
import os, signal, sys
left = [int(os.environ["MODULES"])]
def send(event, details):
    if event == "import" and left and (details[0] == "narrows" or "narrows" in sys.modules):
        left[0] -= 1
        if left[0] <= 0:
            left.clear()
            for _ in range(2):
                os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))
sys.addaudithook(send)
"""
# As installers write it.
SCRIPT = """
import sys
from narrows.__main__ import main
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("started_by", ["module", "script"])
def test_a_signal_while_modules_are_imported_ends_it_quietly(
    started_by: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SENDING)
    (tmp_path / "narrows").write_text(SCRIPT)
    words = ["-m", "narrows"] if started_by == "module" else [str(tmp_path / "narrows")]
    places = os.pathsep.join([str(tmp_path), ENVIRONMENT["PYTHONPATH"]])
    number, codes = getattr(signal, name), set[int]()
    for modules in (4, 5, 8, 12, 15, 20, 30, 50, 90):
        done = subprocess.run(
            [sys.executable, *words, "--help"],
            env=ENVIRONMENT | {"PYTHONPATH": places, "MODULES": str(modules), "SIGNAL": name},
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_WAIT,
        )
        # a busy machine takes long to start
        said = [line for line in done.stderr.splitlines() if not line.endswith(" so far")]
        assert not said, modules
        codes.add(done.returncode)
    assert codes == {-number, 128 + number}
