"""Work on many things at once in processes of this machine, which a lost process does not end.

Processes are spawned: what they do is sent to them by name, and a script that starts them must be
one that can be imported, as :mod:`multiprocessing` says. They end with the process that started
them, however that ends, and leave nothing half written. Ctrl-C is its business, not theirs.

``concurrent.futures`` does not say what a lost process worked on, and ends all the others.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn, TypeVar

from narrows.errors import NarrowsError
from narrows.support import memory
from narrows.support.cores import share_cores, usable_cores
from narrows.support.interruption import woken_by_signals
from narrows.support.temporary import remove_temporaries

Task = TypeVar("Task")
Result = TypeVar("Result")

# How often a task is begun where its process is lost: once more, for it may be no fault of its.
_TRIES = 2


class Lost:
    """In a result's place: each process that worked on it was lost."""


def in_processes(
    function: Callable[[Task], Result], tasks: Sequence[Task], count: int
) -> Generator[tuple[int, Result | Lost], None, None]:
    """The number of each task and what ``function`` gives of it, in the order in which they are
    done. What a lost process worked on is done again by another one.

    Args:
        function: of a module, as are the types of tasks and results; it raises nothing.
        count: how many processes, at least 1.

    Raises:
        NarrowsError: processes cannot be started.
    """
    left, losses, lost_starts = deque(range(len(tasks))), Counter[int](), 0
    # what each process works on; None while it starts
    working = dict[Connection, int | None]()
    with _crew(function, min(count, len(tasks))) as start:
        while left or any(number is not None for number in working.values()):
            starting = sum(number is None for number in working.values())
            if lost_starts <= count:
                for _ in range(min(count - len(working), len(left) - starting)):
                    working[start()] = None
            elif not working:  # those that had begun do all that they can
                raise _cannot_start()
            for worker in wait(list(working)):
                assert isinstance(worker, Connection)
                number = working.pop(worker)
                try:
                    result = worker.recv()
                except (EOFError, OSError):
                    if number is None:
                        lost_starts += 1
                        continue
                    losses[number] += 1
                    if losses[number] < _TRIES:
                        left.appendleft(number)
                    else:
                        yield number, Lost()
                    continue
                lost_starts = 0
                if left:
                    working[worker] = following = left.popleft()
                    with contextlib.suppress(OSError):  # it was lost, as the next wait finds
                        worker.send(tasks[following])
                if number is not None:
                    yield number, result


def _cannot_start() -> NarrowsError:
    return NarrowsError(
        "a worker process ended before it began, and so did those in its place",
        hint="free some memory, or take fewer workers; a script of your own has to call it under "
        'if __name__ == "__main__":',
    )


@contextlib.contextmanager
def _crew(function: Callable[[Any], Any], count: int) -> Iterator[Callable[[], Connection]]:
    """Gives what starts one more process, and has the end of its pipe. All end with the block, at
    once where it does not end well."""
    context = multiprocessing.get_context("spawn")
    until, held = context.Pipe(duplex=False)
    cores = max(usable_cores() // max(count, 1), 1)
    connections = list[Connection]()

    def start() -> Connection:
        here, there = context.Pipe()
        connections.append(here)
        here.send(function)  # not with its start, of whose errors Python prints tracebacks
        process = context.Process(target=_serve, args=(there, until, cores))
        with there, _without_interrupts():  # which a new process inherits
            process.start()
        return here

    with until, held:  # whose end is noticed in the processes
        try:
            yield start
        finally:
            for connection in connections:
                connection.close()
            multiprocessing.active_children()  # takes notice of the lost: they are dead then


def _serve(tasks: Connection, until: Connection, cores: int) -> None:
    """What a process does: tasks, as long as there are any and memory for them."""
    try:
        _begin(until, cores)
        function = tasks.recv()  # which imports most of what it needs
        with contextlib.suppress(EOFError, OSError):
            tasks.send(None)  # it has begun
            while True:
                tasks.send(function(tasks.recv()))
    except Exception as error:
        if memory.explained(error, "") is None:
            raise
        _end()  # it is lost, which is told where nobody takes its place


def _begin(until: Connection, cores: int) -> None:
    """Let signals and the end of the program end this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = woken_by_signals()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _is_heard)
    share_cores(cores)
    _quiet_libraries()
    threading.Thread(target=_watch, args=(until, told), daemon=True).start()


def _quiet_libraries() -> None:
    """Let only Python write errors: what a compiler without memory says before it ends its process
    is of no use beside what is said of the lost process."""
    if sys.stderr is None:  # as in a program without a console
        return
    with contextlib.suppress(OSError):
        sys.stderr.flush()
        kept = os.dup(2)
        sys.stderr = os.fdopen(kept, "w", 1, sys.stderr.encoding, sys.stderr.errors)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _is_heard(number: int, frame: Any) -> None:
    """A signal came, which the watching thread is told of."""


def _watch(until: Connection, told: socket.socket) -> None:
    """End this process, whatever it does, when nobody waits for it any more, or a signal says so,
    as to the whole group of its program."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel, until, told])
    _end()


def _end() -> NoReturn:
    remove_temporaries()
    os._exit(1)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C waiting, where it can be."""
    change: Any = getattr(signal, "pthread_sigmask", None)
    if change is None:
        yield
        return
    # Python starts it with the first process otherwise, and older ones then let Ctrl-C through
    resource_tracker.ensure_running()
    before = change(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        change(signal.SIG_SETMASK, before)
