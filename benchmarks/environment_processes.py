"""What happens to processes that train one model together.

The judge is that of the other cases: exit codes, what is said, the run's history, what is left.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from environment_counts import (
    CODE,
    HANG,
    LOST,
    has_its_format,
    left_over,
    left_temporary,
    said_badly,
)
from environment_machines import clock, jump, network
from environment_trials import Ended, Trial, end_the_rest, slowness

Random = np.random.Generator

# A process that is missing is found after 20 s, and the others have 15 s more to end.
_NOTICED = 35.0
_SILENCE = 25.0
_LAST_WORDS = 10.0
# Before they have joined, within a minute; they do within so many seconds, and compile after it.
_MINUTE, _JOINING, _COMPILING = 60.0, 3.0, 5.0
# JAX compiles, and processes join, within so many seconds on a quiet machine.
_BEGUN = 120.0
_TICK = 0.05
_JOINED = "is connected to"
# Compiling is half of what a short training takes, and is done once for all trials.
_ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


class _Together:
    """Processes that train one model, and what they say.

    Args:
        more: options of all.
        starts: words before the command of each.
        environments: of each, on top of the trial's.
        host: where process 0 listens.
    """

    def __init__(
        self,
        trial: Trial,
        count: int,
        *more: str,
        starts: Sequence[Sequence[str]] = (),
        environments: Sequence[dict[str, str]] = (),
        host: str = "127.0.0.1",
    ) -> None:
        self.trial, self.processes = trial, list[subprocess.Popen[bytes]]()
        self._said = [trial.folder / f"said-{time.monotonic_ns()}-{n}" for n in range(count)]
        self.begun = time.monotonic()
        with socket.socket() as some:
            some.bind(("127.0.0.1", 0))
            address = f"{host}:{some.getsockname()[1]}"
        words = trial.command.words("--coordinator", address, "--processes", str(count), *more)
        kept = {"JAX_COMPILATION_CACHE_DIR": str(trial.place.scratch / "compiled")}
        for index in range(count):
            own = environments[index] if environments else {}
            with self._said[index].open("wb") as said:
                process = subprocess.Popen(
                    [*(starts[index] if starts else ()), *words, "--process", str(index)],
                    cwd=trial.folder,
                    env={**os.environ, **trial.environment, **_ENVIRONMENT, **kept, **own},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    start_new_session=True,
                )
            self.processes.append(process)

    @property
    def run(self) -> Path:
        return self.trial.out / Path(self.trial.command.out).stem

    def said(self, index: int) -> str:
        return self._said[index].read_bytes().decode("utf-8", "replace")

    def epochs(self) -> int:
        """How many lines the history has."""
        history = self.run / "history.jsonl"
        return history.read_bytes().count(b"\n") if history.exists() else 0

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Wait for something, as long as all are there; gives whether it came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until() and self.all_there():
            time.sleep(_TICK)
        return until()

    def all_there(self) -> bool:
        return all(each.poll() is None for each in self.processes)

    def wait_for_moment(self, random: Random) -> None:
        """Half of the times soon after they have joined, half after the first checkpoint."""
        numbers, early = range(len(self.processes)), bool(random.random() < 0.5)
        checkpoint, limit = self.run / "checkpoint.safetensors", _BEGUN * slowness()
        came = self.wait(lambda: all(_JOINED in self.said(n) for n in numbers), limit)
        if not early:
            came = self.wait(checkpoint.exists, limit) and came
        if not came:
            self.trial.faults.append((HANG, f"they did not begin: {self.said(0)[-200:]}"))
        time.sleep(float(random.uniform(0, 8 if early else 2)))

    def send(self, number: signal.Signals) -> None:
        for each in self.processes:
            each.send_signal(number)

    def ends(self, seconds: float) -> list[tuple[int, str]]:
        """The exit code of each and what it said, within so many seconds."""
        until = time.monotonic() + seconds
        for index, each in enumerate(self.processes):
            try:
                each.wait(max(until - time.monotonic(), 1))
            except subprocess.TimeoutExpired:
                told = f"process {index} is still there after {seconds:.0f} s"
                self.trial.faults.append((HANG, told))
                each.kill()
                each.wait()
            # where JAX ends one, another process says the last words in its place
            self.trial.faults += end_the_rest(each.pid, _LAST_WORDS * slowness())
        for index in range(len(self.processes)):
            self.trial.faults += said_badly(self.said(index))
        return [(each.returncode, self.said(n)) for n, each in enumerate(self.processes)]

    def must_say(self, index: int, said: str, *codes: int, hint: str = "--resume") -> None:
        """Count a process that did not end with one of these codes, a sentence that begins so, and
        how to go on."""
        code, text = self.processes[index].returncode, self.said(index)
        if code not in codes:
            told = f"process {index} ended with {code}, not {codes}: {text[-200:]}"
            self.trial.faults.append((CODE, told))
        elif said not in text or hint not in text:
            told = f"process {index} did not say {said!r} and how to go on: {text[-200:]}"
            self.trial.faults.append((CODE, told))


_LONG = ("--epochs", "1000000")


@contextlib.contextmanager
def _two(
    trial: Trial,
    random: Random,
    *,
    starts: Sequence[Sequence[str]] = (),
    environments: Sequence[dict[str, str]] = (),
    host: str = "127.0.0.1",
    joined: bool = True,
) -> Iterator[_Together]:
    """Two processes at a moment of their training, or just begun, which one, two or three go on
    with after the block."""
    both = _Together(trial, 2, *_LONG, starts=starts, environments=environments, host=host)
    try:
        if joined:
            both.wait_for_moment(random)
        yield both
    finally:
        for each in both.processes:
            each.kill()
            each.wait()
    epochs, count = both.epochs() + 2, int(random.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
    after = _Together(trial, count, "--epochs", str(epochs), "--resume")
    for code, said in after.ends(300 * slowness()):
        if code != 0:
            told = f"{count} went on, and one ended with {code}: {said.strip().splitlines()[-2:]}"
            trial.faults.append((CODE, told))
    history = after.run / "history.jsonl"
    if after.epochs() != epochs or not has_its_format(history.name, history.read_bytes()):
        told = f"{count} went on: the history has {after.epochs()} epochs and not {epochs}"
        trial.faults.append((LOST, told))
    trial.faults += left_over(trial.out)
    trial.faults += left_temporary(trial.folder / "tmp")


def _ended(both: _Together, index: int, since: float) -> Ended:
    code = both.processes[index].returncode
    return Ended(code, both.said(index), "", 0.0, True, time.monotonic() - since)


def one_of_two(number: signal.Signals) -> Callable[[Trial, Random], Ended]:
    """One of two processes is lost: the other says who is missing."""

    def run(trial: Trial, random: Random) -> Ended:
        lost = int(random.integers(2))
        with _two(trial, random) as both:
            begun = time.monotonic()
            both.processes[lost].send_signal(number)
            code, _ = both.ends(_NOTICED * slowness())[lost]
            if code != (-number if number == signal.SIGKILL else 128 + number):
                trial.faults.append((CODE, f"the lost one ended with {code}"))
            # JAX aborts where process 0 is gone at once
            aborts = lost == 0 and number == signal.SIGKILL
            codes = (1, -signal.SIGABRT) if aborts else (1,)
            both.must_say(1 - lost, f"error: process {lost}", *codes)
            return _ended(both, 1 - lost, begun)

    return run


def lost_on_the_way(trial: Trial, random: Random) -> Ended:
    """One of two processes is killed before they have joined, or then before the first epoch has
    ended, while they compile: the other says who is missing."""
    lost = int(random.integers(2))
    with _two(trial, random, joined=False) as both:
        share = float(random.random())
        if random.random() < 0.5:
            both.wait(lambda: all(_JOINED in both.said(n) for n in range(2)), _BEGUN * slowness())
            both.wait(lambda: both.epochs() > 0, share * _COMPILING * slowness())
        else:
            joined = share * _JOINING * slowness()
            both.wait(lambda: any(_JOINED in both.said(n) for n in range(2)), joined)
        begun = time.monotonic()
        both.processes[lost].send_signal(signal.SIGKILL)
        both.ends(_MINUTE + _NOTICED * slowness())
        if time.monotonic() - begun > _MINUTE + _JOINING * slowness():  # to begin waiting
            trial.faults.append((HANG, f"it took {time.monotonic() - begun:.0f} s to end"))
        codes = (1, -signal.SIGABRT) if lost == 0 else (1,)
        both.must_say(1 - lost, f"error: process {lost}", *codes, hint="hint: start all")
        return _ended(both, 1 - lost, begun)


def cut_apart(trial: Trial, random: Random) -> Ended:
    """The cable between two machines is pulled out: for good, and each says that the other is
    missing; or for a while, and they go on, or say so."""
    side, back = int(random.integers(2)), bool(random.random() < 0.5)
    with (
        network(trial.folder) as made,
        _two(trial, random, starts=made.starts, host=made.address) as both,
    ):
        begun = time.monotonic()
        made.set_cable(side, "down")
        if back:
            both.wait(lambda: False, float(random.uniform(1, 15)))
            made.set_cable(side, "up")
            epochs = both.epochs()
            if both.wait(lambda: both.epochs() >= epochs + 3, 2 * _NOTICED * slowness()):
                _judge_interrupted(both)
                return _ended(both, 0, begun)
        both.ends(_NOTICED * slowness())
        both.must_say(0, "error: process 1", 1)
        both.must_say(1, "error: process 0", 1, -signal.SIGABRT)
        return _ended(both, 0, begun)


def clock_of_two(trial: Trial, random: Random) -> Ended:
    """The time of day jumps under one of two processes, or under both: they go on; where that of
    process 0 jumps back, they may end and say so."""
    clocks = [clock(trial, f"clock-{index}") for index in range(2)]
    of = [[0], [1], [0, 1]][int(random.integers(3))]
    with _two(trial, random, environments=[environment for _, environment in clocks]) as both:
        begun = time.monotonic()
        state, seconds = random.bit_generator.state, 0.0
        for index in of:
            random.bit_generator.state = state  # both by as much
            seconds = jump(clocks[index][0], random)
        both.wait(lambda: False, _SILENCE)  # in which what takes it for silence ends
        epochs = both.epochs()
        if both.wait(lambda: both.epochs() >= epochs + 3, _NOTICED * slowness()):
            _judge_interrupted(both)
        elif 0 in of and seconds < 0:
            both.ends(_NOTICED * slowness())
            both.must_say(0, "the time of day jumped back by ", -signal.SIGABRT)
            both.must_say(1, "error: ", 1, -signal.SIGABRT)
        else:
            told = (
                f"{'all stood still' if both.all_there() else 'one ended'}: {both.said(0)[-200:]}"
            )
            trial.faults.append((CODE, told))
        return _ended(both, 0, begun)


def _judge_interrupted(both: _Together) -> None:
    """Processes that go on end with Ctrl-C, or because the other one was told to."""
    both.send(signal.SIGINT)
    for code, said in both.ends(_NOTICED * slowness()):
        if code not in (128 + signal.SIGINT, 1, -signal.SIGABRT):
            both.trial.faults.append((CODE, f"told to end, it ended with {code}: {said[-200:]}"))
