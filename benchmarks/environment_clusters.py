"""What happens to a Dask cluster that works on many files: the cable between its machines is
pulled out, and nobody says goodbye.

The judge is that of the other cases: bytes of an undisturbed run, exit codes, what is left.
"""

import contextlib
import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from environment_counts import CODE
from environment_machines import Network, network
from environment_trials import Ended, Trial, slowness
from environment_workers import disturbed, judge_again, judge_files

Random = np.random.Generator

# Dask takes a connection for lost after 30 s, and asks for as long whether it comes back.
_GIVEN_UP = 60.0
_BEGUN = 60.0
_TICK = 0.1
_HERE, _FAR = 0, 1


class _Cluster:
    """A scheduler, and workers in the one place and the other of a network.

    Args:
        held: where what ends them goes.
    """

    def __init__(self, trial: Trial, made: Network, held: contextlib.ExitStack) -> None:
        self._trial, self._made, self._held = trial, made, held
        self._own = trial.folder / "cluster"
        self._own.mkdir()
        self._said, self.workers = list[Path](), list[int]()
        found = self._own / "scheduler.json"
        self._start(
            _HERE, "scheduler", "--host", made.address, "--port", "0", f"--scheduler-file={found}"
        )
        _until(found.exists)
        self.address = json.loads(found.read_text(encoding="utf-8"))["address"]

    def _start(self, place: int, what: str, *more: str) -> int:
        said = self._own / f"said-{len(self._said)}"
        line = [sys.executable, "-m", f"distributed.cli.dask_{what}", *more, "--no-dashboard"]
        with said.open("wb") as file:
            process = subprocess.Popen(
                [*self._made.starts[place], *line],
                cwd=self._own,
                env={**os.environ, **self._trial.environment, "TMPDIR": str(self._own)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                start_new_session=True,
            )
        self._held.callback(process.wait)
        self._held.callback(_end_all, process.pid)
        self._said.append(said)
        return process.pid

    def add_worker(self, place: int, nanny: bool) -> None:
        """Start one more, with a process beside it that starts it again, or without."""
        kind = "--nanny" if nanny else "--no-nanny"
        folder = f"--local-directory={self._own}"
        self.workers.append(
            self._start(place, "worker", self.address, "--nthreads", "1", kind, folder)
        )

    def wait_for_workers(self) -> None:
        """Wait until the scheduler knows all of them."""
        _until(lambda: self._said[0].read_bytes().count(b"Register worker") >= len(self.workers))


def _until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + _BEGUN * slowness()
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError("the Dask cluster did not begin")
        time.sleep(_TICK)


def _end_all(group: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)


@contextlib.contextmanager
def _cluster(trial: Trial) -> Iterator[tuple[_Cluster, Network]]:
    with network(trial.folder) as made, contextlib.ExitStack() as held:
        cluster = _Cluster(trial, made, held)
        words = trial.command.arguments
        own = words[: words.index("--workers")]
        trial.command = dataclasses.replace(
            trial.command, arguments=(*own, "--dask", cluster.address)
        )
        known = trial.reference
        trial.expected = dataclasses.replace(known, seconds=known.seconds + _GIVEN_UP)
        yield cluster, made


@contextlib.contextmanager
def _pulled(
    made: Network, back: float | None, then: Callable[[], None]
) -> Iterator[Callable[..., None]]:
    """What pulls the cable out of the far place, where it comes back after so many seconds, or
    not before the end; and what happens then."""
    timers = list[threading.Timer]()

    def come_back() -> None:
        made.set_cable(_FAR, "up")
        then()

    def pull(*_: object) -> None:
        made.set_cable(_FAR, "down")
        if back is not None:
            timers.append(threading.Timer(back, come_back))
            timers[0].start()

    try:
        yield pull
    finally:
        for timer in timers:
            timer.cancel()
            timer.join()


def cut_off(workers: tuple[int, ...], command: int) -> Callable[[Trial, Random], Ended]:
    """Pull the cable between the scheduler and the far place, for good or for a while.

    Args:
        workers: the place of each. Where all are far, another one comes near after a while.
        command: the place of the command. Where it is far, it may end with a sentence; else it
            does all.
    """

    def run(trial: Trial, random: Random) -> Ended:
        nanny, for_good = bool(random.random() < 0.5), bool(random.random() < 0.5)
        all_far = command == _HERE and _HERE not in workers
        back = None if for_good and not all_far else float(random.uniform(1, _GIVEN_UP))
        with _cluster(trial) as (cluster, made):
            for place in workers:
                cluster.add_worker(place, nanny)
            cluster.wait_for_workers()
            start = f'exec {shlex.join(made.starts[command])} "$@"'
            then = (lambda: cluster.add_worker(_HERE, nanny)) if all_far else (lambda: None)
            with _pulled(made, back, then) as pull:
                ended = disturbed(
                    trial, random, pull, trial.start(shell=start), lambda _: cluster.workers
                )
            _judge(trial, ended, command == _FAR)
            made.set_cable(_FAR, "up")
            if for_good and _HERE not in workers:
                cluster.add_worker(_HERE, nanny)
            judge_again(trial, trial.start(shell=start))
            return ended

    return run


def _judge(trial: Trial, ended: Ended, alone: bool) -> None:
    """All is there; or, of a command that is cut off itself, it says so."""
    judge_files(trial, ended)
    trial.must_be(ended, *((0, 1) if alone else (0,)))
    tells = any(words in ended.said for words in ("answers no more", "no Dask scheduler answers"))
    if ended.code == 1 and not (tells and "hint:" in ended.said):
        trial.faults.append((CODE, f"it did not say who is lost: {ended.said[-200:]}"))
