"""What happens to the workers of commands on many files, and to checkpoints.

The judge is that of the other cases: bytes of an undisturbed run, exit codes, what is left.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from environment_counts import CODE, HANG, LOST, failed_badly, files_in, said_badly
from environment_trials import LIMIT, Ended, Trial, slowness

Random = np.random.Generator


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


def disturbed(
    trial: Trial,
    random: Random,
    harm: Callable[[int, list[int]], None],
    process: subprocess.Popen[bytes] | None = None,
    workers_of: Callable[[int], list[int]] = _workers,
) -> Ended:
    """Harm a command, told its number and its workers', once it has them and some results: their
    time is none of its processor time, so that a moment is one of their results."""
    process, moment = process or trial.start(), list[float]()
    results, delay = int(random.integers(0, 6)), float(random.uniform(0, 0.2))
    harmed = list[float]()

    def meanwhile() -> None:
        workers, now = workers_of(process.pid), time.monotonic()
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
        ended = disturbed(
            trial, random, lambda pid, workers: harm(int(random.choice(workers)), random)
        )
        judge_files(trial, ended)
        judge_again(trial)
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
        ended = disturbed(trial, random, lambda pid, workers: send(pid, number))
        if ended.happened:
            trial.must_be(ended, 0, 128 + number, -number)
            if ended.after > LIMIT * slowness():
                trial.faults.append((HANG, f"still there {ended.after:.0f} s on"))
        trial.judge_unbroken()
        trial.faults += trial.rest(ended)
        judge_again(trial)
        return ended

    return run


def judge_files(trial: Trial, ended: Ended) -> None:
    """All files are there, or those that are not are told."""
    if ended.code == 0:
        trial.judge_complete()
    else:
        trial.judge_unbroken()
        trial.faults += failed_badly(ended.code, ended.said)
    trial.faults += [*ended.faults, *said_badly(ended.said)]


def judge_again(trial: Trial, process: subprocess.Popen[bytes] | None = None) -> None:
    """The same command again does what is missing."""
    ended = trial.watch(process)
    trial.must_be(ended, 0)
    trial.judge_complete()
    trial.faults += trial.rest(ended)


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
