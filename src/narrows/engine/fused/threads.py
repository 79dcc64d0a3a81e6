"""Threads that run one kernel together, none of which is left when the call ends, however it does.

In the kernels threads wait for one another, so that one that does not arrive would leave the others
waiting for ever. So all that can fail early, compiling and loading the kernel, comes before the
first thread; the caller computes nothing itself but watches them; and where one of them ends before
its work does, or the caller is interrupted, the rest are stopped.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import typeof

from narrows.engine.fused.machine import stop
from narrows.engine.fused.structure import Stack
from narrows.errors import NarrowsError

# How often to look whether all threads are still there.
_LOOK_SECONDS = 0.1


def run_in_threads(kernel: Any, stack: Stack, arguments: Sequence[Any], threads: int) -> None:
    """Call ``kernel`` with a stack, ``arguments``, how many threads there are, and a thread's
    number, in each of so many threads at once.

    Raises:
        NarrowsError: the system starts no further thread.
        Exception: what a thread raised, or came while they worked; what they wrote is then
            unfinished.
    """
    # a counter of its own: whom an earlier call stopped stays stopped
    stack = stack._replace(counter=np.zeros(1, np.int64))
    _prepare(kernel, (stack, *arguments, threads, 0))
    if threads == 1:
        kernel(stack, *arguments, 1, 0)
        return
    finished = [False] * threads
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            kernel(stack, *arguments, threads, number)
            finished[number] = True
        except BaseException as error:
            failures.append(error)

    workers = [
        threading.Thread(target=work, args=(number,), name=f"narrows-{number}", daemon=True)
        for number in range(threads)
    ]
    try:
        _start(workers)
        for worker in workers:
            while worker.is_alive():
                worker.join(_LOOK_SECONDS)
                ended = [not each.is_alive() for each in workers]
                if any(e and not f for e, f in zip(ended, finished, strict=True)):
                    stop(stack.counter)
    finally:
        _end(workers, stack.counter)
    if not all(finished):
        raise failures[0] if failures else RuntimeError("a thread of the engine ended early")


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


def _prepare(kernel: Any, arguments: Sequence[Any]) -> None:
    """Compile a kernel for such arguments, or load what was compiled before."""
    signature = tuple(typeof(argument) for argument in arguments)
    if signature not in kernel.overloads:
        kernel.compile(signature)


def _start(workers: Sequence[threading.Thread]) -> None:
    for worker in workers:
        try:
            worker.start()
        except RuntimeError as error:
            raise NarrowsError(
                f"the system starts no further thread ({error}), and {len(workers)} are needed, "
                "one for each processor",
                hint="raise the limit of processes (ulimit -u, or the container's), or let narrows "
                "use fewer processors: taskset -c 0 narrows ...",
            ) from error


def _end(workers: Sequence[threading.Thread], counter: np.ndarray) -> None:
    """Have all workers end that have not, whatever comes meanwhile; it is raised afterwards."""
    came: BaseException | None = None
    while alive := [worker for worker in workers if worker.is_alive()]:
        try:
            stop(counter)
            alive[0].join()
        except BaseException as error:
            came = error
    if came is not None:
        raise came
