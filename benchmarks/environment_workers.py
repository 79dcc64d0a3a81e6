"""What happens to commands that several processes share: workers of many files, and of a training.

The judge is that of the other cases: bytes of an undisturbed run, exit codes, what is left.
"""

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from environment_counts import CODE, HANG, LOST, failed_badly, files_in, has_its_format, said_badly
from environment_trials import LIMIT, Ended, Trial, slowness

Random = np.random.Generator

# A process that is missing is found after 20 s, and the others have 10 s more to end.
_NOTICED = 30.0
_TICK = 0.05


def _workers(pid: int) -> list[int]:
    """The workers of a command, without what Python keeps beside them."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return [int(each) for each in children if b"spawn_main" in _line(int(each))]
    return []


def _line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _disturbed(trial: Trial, random: Random, harm: Callable[[int, list[int]], None]) -> Ended:
    """Harm a command, told its number and its workers', once it has them and some results: their
    time is none of its processor time, so that a moment is one of their results."""
    process, moment = trial.start(), list[float]()
    results, delay = int(random.integers(0, 6)), float(random.uniform(0, 0.2))
    harmed = list[float]()

    def meanwhile() -> None:
        workers, now = _workers(process.pid), time.monotonic()
        done = len(list((trial.out / trial.command.out).glob("*.npy"))) >= results
        if workers and done and not moment:
            moment.append(now + delay)
        if workers and moment and now >= moment[0] and not harmed:
            harm(process.pid, workers)
            harmed.append(now)

    ended = trial.watch(process, meanwhile=meanwhile)
    after = time.monotonic() - harmed[0] if harmed else 0.0
    return replace(ended, happened=bool(harmed), after=after)


def to_worker(harm: Callable[[int, Random], None]) -> Callable[[Trial, Random], Ended]:
    """Harm one worker: the others go on, and the same command does what is missing."""

    def run(trial: Trial, random: Random) -> Ended:
        ended = _disturbed(
            trial, random, lambda pid, workers: harm(int(random.choice(workers)), random)
        )
        _judge_files(trial, ended)
        _judge_again(trial)
        return ended

    return run


def kill(pid: int, random: Random) -> None:
    """End a process as the system does where memory ends."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def starve(pid: int, random: Random) -> None:
    """Leave a process next to no more memory than it has."""
    with contextlib.suppress(OSError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + int(random.uniform(0, 64 << 20))
        resource.prlimit(pid, resource.RLIMIT_AS, (most, most))


def stopped(number: signal.Signals, group: bool) -> Callable[[Trial, Random], Ended]:
    """Send a signal to a command with workers, or to all of its group."""

    def run(trial: Trial, random: Random) -> Ended:
        send = os.killpg if group else os.kill
        ended = _disturbed(trial, random, lambda pid, workers: send(pid, number))
        if ended.happened:
            trial.must_be(ended, 0, 128 + number, -number)
            if ended.after > LIMIT * slowness():
                trial.faults.append((HANG, f"still there {ended.after:.0f} s on"))
        trial.judge_unbroken()
        trial.faults += trial.rest(ended)
        _judge_again(trial)
        return ended

    return run


def _judge_files(trial: Trial, ended: Ended) -> None:
    """All files are there, or those that are not are told."""
    if ended.code == 0:
        trial.judge_complete()
    else:
        trial.judge_unbroken()
        trial.faults += failed_badly(ended.code, ended.said)
    trial.faults += [*ended.faults, *said_badly(ended.said)]


def _judge_again(trial: Trial) -> None:
    """The same command again does what is missing."""
    ended = trial.watch()
    trial.must_be(ended, 0)
    trial.judge_complete()
    trial.faults += trial.rest(ended)


# Several processes of one training


def _together(trial: Trial, count: int, *more: str) -> list[subprocess.Popen[bytes]]:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        group = ("--coordinator", f"127.0.0.1:{some.getsockname()[1]}", "--processes", str(count))
    words = trial.command.words(*group, *more, "--process")
    return [
        subprocess.Popen(
            [*words, str(index)],
            cwd=trial.folder,
            env={**os.environ, **trial.environment, "JAX_PLATFORMS": "cpu"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        for index in range(count)
    ]


def _ends(
    trial: Trial, processes: Sequence[subprocess.Popen[bytes]], seconds: float
) -> list[tuple[int, str]]:
    """The exit code of each and what it said, within so many seconds."""
    until, found = time.monotonic() + seconds, []
    for each in processes:
        try:
            said = each.communicate(timeout=max(until - time.monotonic(), 1))[1]
        except subprocess.TimeoutExpired:
            trial.faults.append((HANG, f"still there after {seconds:.0f} s"))
            each.kill()
            said = each.communicate()[1]
        found.append((each.returncode, said.decode("utf-8", "replace")))
    return found


def one_of_two(number: signal.Signals) -> Callable[[Trial, Random], Ended]:
    """One of two processes that train together is lost; one, two or three go on."""

    def run(trial: Trial, random: Random) -> Ended:
        checkpoint = trial.out / Path(trial.command.out).stem / "checkpoint.safetensors"
        history = checkpoint.with_name("history.jsonl")
        both, lost = _together(trial, 2, "--epochs", "1000000"), int(random.integers(2))
        until = time.monotonic() + 240
        while not checkpoint.exists() and time.monotonic() < until:
            time.sleep(_TICK)
        time.sleep(float(random.uniform(0, 2)))
        begun = time.monotonic()
        both[lost].send_signal(number)
        ends = _ends(trial, both, _NOTICED * slowness())
        after = time.monotonic() - begun
        code, said = ends[lost]
        if code != (-number if number == signal.SIGKILL else 128 + number):
            trial.faults.append((CODE, f"the lost one ended with {code}"))
        code, said = ends[1 - lost]
        # JAX aborts where process 0 is gone
        if code not in ((1, -signal.SIGABRT) if lost == 0 else (1,)):
            trial.faults.append((CODE, f"the other one ended with {code}"))
        if f"error: process {lost}" not in said or "--resume" not in said:
            trial.faults.append((CODE, f"the other one did not say who is missing: {said[-200:]}"))
        trial.faults += said_badly(said)
        epochs = len(history.read_bytes().splitlines()) if history.exists() else 0
        for count in (3, 1, 2):
            epochs += 2
            ends = _ends(trial, _together(trial, count, "--epochs", str(epochs), "--resume"), 300)
            _judge_resumed(trial, ends, history, epochs)
        return Ended(code, said, "", 0.0, True, after)

    return run


def _judge_resumed(
    trial: Trial, ends: Sequence[tuple[int, str]], history: Path, epochs: int
) -> None:
    for code, said in ends:
        if code != 0:
            last = said.strip().splitlines()[-2:]
            trial.faults.append((CODE, f"{len(ends)} went on, and one ended with {code}: {last}"))
    lines = history.read_bytes() if history.exists() else b""
    if lines.count(b"\n") != epochs or not has_its_format(history.name, lines):
        trial.faults.append((LOST, f"{len(ends)} went on: the history has not {epochs} epochs"))


# Damage


def flipped(trial: Trial, random: Random) -> None:
    """Change several bytes of a checkpoint at random, half of the times of its header."""
    path = trial.out / Path(trial.command.out).stem / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    size = header if random.random() < 0.5 else len(content)
    for place in random.choice(size, int(random.integers(1, 6)), replace=False):
        content[place] ^= int(random.integers(1, 256))
    path.write_bytes(content)


def damaged_checkpoint(trial: Trial, random: Random) -> Ended:
    """A sentence, and every file as it was."""
    shutil.copytree(trial.place.before, trial.out, dirs_exist_ok=True)
    flipped(trial, random)
    trial.earlier = files_in(trial.out)
    ended = trial.watch(trial.start("--resume"))
    trial.must_be(ended, 1)
    if files_in(trial.out) != trial.earlier:
        trial.faults.append((LOST, "it wrote something"))
    if "cannot be resumed from: " not in ended.said:
        trial.faults.append((CODE, "it did not say why"))
    trial.faults += trial.rest(ended)
    return ended
