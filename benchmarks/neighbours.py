"""Other programs that compute while something is measured, put there on purpose.

    python benchmarks/neighbours.py SECONDS

is one of them: from the first byte on its standard input it computes for so many seconds, sleeps as
long, and so on; ``inf`` is an endless loop. It ends with the process that started it.
"""

import contextlib
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Self

#: Names the file descriptor to which a contestant writes a byte at the end of each epoch.
EPOCH_ENDS = "EPOCH_ENDS"
_EPOCH, _PROCESS = b"e", b"p"


@dataclass(frozen=True)
class State:
    """What runs beside a contestant.

    Attributes:
        name: what tables call it.
        processes: how many there are.
        seconds: each computes for so long, then sleeps as long.
        epochs: they compute from the start of the first to the end of the second, counted from 1;
            None for all the time.
    """

    name: str
    processes: int = 0
    seconds: float = math.inf
    epochs: tuple[int, int] | None = None


QUIET = State("nothing of ours")
BUSY = (
    State("0.1 s of work, 0.1 s of sleep", 1, 0.1),
    State("1 s of work, 1 s of sleep", 1, 1.0),
    State("two endless loops", 2),
    State("two endless loops in epochs 3 to 6", 2, epochs=(3, 6)),
)


class _Neighbours:
    """Processes that wait for the word, and are gone at the end, however it comes."""

    def __init__(self, state: State) -> None:
        command = [sys.executable, "-I", "-S", __file__, str(state.seconds)]
        self._processes: list[subprocess.Popen[bytes]] = []
        for _ in range(state.processes):
            # Ctrl-C is for the benchmark, which ends them; a session of their own would weigh
            # otherwise where the system shares its cores among sessions
            process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)
            self._processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def start(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(b"!")
            process.stdin.flush()

    def end(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        self._processes = []


@contextlib.contextmanager
def beside(state: State) -> Iterator[int]:
    """Have ``state`` while a contestant runs: the file descriptor that it must be given, and find
    in the variable :data:`EPOCH_ENDS`."""
    reader, writer = os.pipe()
    with _Neighbours(state) as neighbours:
        follower = threading.Thread(target=_follow, args=(reader, neighbours, state.epochs))
        if state.epochs is None:
            neighbours.start()
        follower.start()
        try:
            yield writer
        finally:
            # what the contestant started may hold the pipe open: its end tells nothing
            os.write(writer, _PROCESS)
            follower.join()
            os.close(writer)
            os.close(reader)


def _follow(reader: int, neighbours: _Neighbours, epochs: tuple[int, int] | None) -> None:
    """Start and end the neighbours as the contestant's epochs end."""
    first, last = epochs or (None, None)
    for ended in count(1):
        if os.read(reader, 1) == _PROCESS:
            return
        if ended + 1 == first:
            neighbours.start()
        if ended == last:
            neighbours.end()


def tell_epoch_end() -> None:
    """Tell the benchmark, if it listens, that an epoch has ended here."""
    if writer := os.environ.get(EPOCH_ENDS):
        os.write(int(writer), _EPOCH)


def _compute(seconds: float) -> None:
    parent = os.getppid()
    if not sys.stdin.buffer.read(1):
        return
    while True:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(10_000))
            if os.getppid() != parent:
                return
        time.sleep(seconds)


if __name__ == "__main__":
    _compute(float(sys.argv[1]))
