"""Threads that run one kernel together, none of which computes when the call ends, however it does.

In the kernels threads wait for one another, so that one that does not arrive would leave the others
waiting for ever. So all that can fail early, compiling and loading the kernel, comes before the
first thread; the caller computes nothing itself but watches them; and where one of them ends before
its work does, or the caller is interrupted, the rest are stopped.

A thread that has done its part waits a moment for another: on a busy machine it takes as long to
start one as to train for tens of steps. A fork does not take them along: who has none starts some.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from narrows.engine.fused.machine import ask_to_end, stop
from narrows.engine.fused.structure import APART, CONTROL_SIZE, MADE, Stack
from narrows.errors import NarrowsError
from narrows.support.compiling.kinds import addressed


class Pace(NamedTuple):
    """The fewest steps that are to be made in so many seconds."""

    seconds: float
    steps: int


NO_PACE = Pace(math.inf, 0)
# How often to look whether all threads are still there.
_LOOK_SECONDS = 0.1
# How long a thread waits for more to do.
_IDLE_SECONDS = 1.0


def run_in_threads(
    kernel: Any,
    stack: Stack,
    arguments: Sequence[Any],
    threads: int,
    pace: Pace = NO_PACE,
) -> tuple[int, float]:
    """Call ``kernel`` with a stack, ``arguments``, how many threads there are, and a thread's
    number, in each of so many threads at once. Where they are several, and slower than ``pace``,
    they are asked to end. Returns how many steps were made, and how many seconds they computed.

    Raises:
        NarrowsError: the system starts no further thread.
        Exception: what a thread raised, or came while they worked; what they wrote is then
            unfinished.
    """
    # of its own: whom an earlier call stopped stays stopped
    control = new_control(stack)
    held = addressed(stack._replace(control=control))
    kernel.prepare((held, *arguments, threads, 0))
    if threads == 1:
        start = time.perf_counter()
        kernel(held, *arguments, 1, 0)
        return int(control[MADE]), time.perf_counter() - start
    parts = [_Part(kernel, (held, *arguments, threads, number)) for number in range(threads)]
    helpers: list[_Helper] = []
    try:
        for part in parts:
            _hand_out(part, helpers)
        _watch(parts, helpers, control, pace)
    finally:
        if all(part.is_done for part in parts):
            _IDLE.extend(helpers)
        else:
            _end(helpers, control)
    failures = [part.error for part in parts if part.error is not None]
    if not all(part.is_done for part in parts):
        raise failures[0] if failures else RuntimeError("a thread of the engine ended early")
    begun, ended = max(part.begun for part in parts), max(part.ended for part in parts)
    return int(control[MADE]), ended - begun


class _Part:
    """One thread's part of a call."""

    def __init__(self, kernel: Any, arguments: tuple[Any, ...]) -> None:
        self._kernel, self._arguments = kernel, arguments
        self.error: BaseException | None = None
        self.begun = self.ended = 0.0
        self.is_done = self.has_ended = False
        self.end = threading.Lock()
        self.end.acquire()

    def work(self) -> None:
        try:
            self.begun = time.perf_counter()
            self._kernel(*self._arguments)
            self.ended = time.perf_counter()
            self.is_done = True
        except BaseException as error:
            self.error = error
        finally:
            self.has_ended = True
            self.end.release()


class _Helper:
    """A thread that does what it is given, until there was nothing for a moment."""

    def __init__(self) -> None:
        self._lock, self._waiting = threading.Lock(), threading.Lock()
        self._waiting.acquire()
        self._work: Callable[[], None] | None = None
        self._has_ended = self._is_dismissed = False
        self.thread = threading.Thread(target=self._live, name="narrows", daemon=True)
        self.thread.start()

    def give(self, work: Callable[[], None]) -> bool:
        """Have it do some work; False where it has ended."""
        if not self.thread.is_alive():  # after a fork its lock may be closed for ever
            return False
        with self._lock:
            if self._has_ended:
                return False
            self._work = work
            self._wake()
        return True

    def dismiss(self) -> None:
        """Have it end after what it does now."""
        self._is_dismissed = True
        with self._lock:
            self._wake()

    def _wake(self) -> None:
        if self._waiting.locked():
            self._waiting.release()

    def _live(self) -> None:
        while True:
            self._waiting.acquire(timeout=_IDLE_SECONDS)
            with self._lock:
                work, self._work = self._work, None
                if work is None or self._is_dismissed:
                    self._has_ended = True
                    return
            work()


# Those that have nothing to do. Taking from a list and putting back are one step each, so no lock
# is needed, which a fork could leave closed for ever.
_IDLE = list[_Helper]()


def new_control(stack: Stack) -> np.ndarray:
    """What the threads of one call tell one another."""
    counters = 2 * (len(stack.task_bounds) - 1) + len(stack.width)
    return np.zeros(CONTROL_SIZE + counters * APART, np.int64)


def startable(count: int) -> int:
    """How many of ``count`` threads the system starts beside one another, at least 1: the one that
    asks. The result does not depend on it."""
    if count == 1 or count in _STARTED:
        return count
    end, started = threading.Event(), list[threading.Thread]()
    try:
        for _ in range(count):
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            started.append(thread)
        _STARTED.add(count)
    except RuntimeError:
        pass
    finally:
        end.set()
        for thread in started:
            thread.join()
    return max(len(started), 1)


# Numbers of threads that were started.
_STARTED = set[int]()


def _hand_out(part: _Part, helpers: list[_Helper]) -> None:
    """Have a helper do its part, and add it to the others."""
    while True:
        try:
            helpers.append(_IDLE.pop() if _IDLE else _Helper())
        except IndexError:  # another call was quicker
            continue
        except RuntimeError as error:
            raise NarrowsError(
                f"the system starts no further thread ({error}), and one for each processor is "
                "needed",
                hint="raise the limit of processes (ulimit -u, or the container's), or let narrows "
                "use fewer processors: taskset -c 0 narrows ...",
            ) from error
        if helpers[-1].give(part.work):
            return
        helpers.pop()


def _watch(
    parts: Sequence[_Part], helpers: Sequence[_Helper], control: np.ndarray, pace: Pace
) -> None:
    """Return when all parts have ended. Where they are too slow ask for it, and where one ended
    before its work did, stop the others."""
    pairs = list(zip(parts, helpers, strict=True))
    made, look = 0, time.monotonic() + pace.seconds
    for part, helper in pairs:
        while not part.end.acquire(timeout=min(max(look - time.monotonic(), 0), _LOOK_SECONDS)):
            if time.monotonic() >= look:
                before, made = made, int(control[MADE])
                look = time.monotonic() + pace.seconds
                if made - before < pace.steps:
                    ask_to_end(control)
            if any(_is_lost(*pair) for pair in pairs):
                stop(control)
            if not helper.thread.is_alive():
                break


def _is_lost(part: _Part, helper: _Helper) -> bool:
    return not part.is_done and (part.has_ended or not helper.thread.is_alive())


def _end(helpers: Sequence[_Helper], control: np.ndarray) -> None:
    """Have all helpers end, whatever comes meanwhile; it is raised afterwards."""
    came: BaseException | None = None
    while alive := [helper for helper in helpers if helper.thread.is_alive()]:
        try:
            stop(control)
            alive[0].dismiss()
            alive[0].thread.join()
        except BaseException as error:
            came = error
    if came is not None:
        raise came
