"""Who computes what of a step: crews of threads, and each thread's share."""

from typing import NamedTuple

from narrows.engine.fused.machine import barrier, inner
from narrows.engine.fused.structure import Stack


class Worker(NamedTuple):
    """One of a crew of threads, which takes the same items along.

    Each of them computes its own part of every layer's values, and waits for the others after the
    layer. A crew of one has its items to itself.
    """

    thread: int
    crew: int
    part: int  # of the crew's, from 0 on
    parts: int


@inner
def worker_of(thread: int, parts: int) -> Worker:
    """Thread number ``thread``, where crews are of ``parts``."""
    return Worker(thread, thread // parts, thread % parts, parts)


@inner
def share_of(size: int, unit: int, worker: Worker) -> tuple[int, int]:
    """A worker's first of ``size`` values, a multiple of ``unit``, and the end of its values."""
    units = -(-size // unit)
    first, end = units * worker.part // worker.parts, units * (worker.part + 1) // worker.parts
    return min(first * unit, size), min(end * unit, size)


@inner
def wait_for_crew(s: Stack, worker: Worker) -> None:
    """Wait until the crew, which is then all threads, has come as far; what they wrote is there,
    unless the work was stopped."""
    if worker.parts > 1:
        barrier(s.control, worker.parts)
