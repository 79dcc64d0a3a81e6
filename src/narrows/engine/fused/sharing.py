"""Who computes what of a step: crews of threads, each thread's share, and who takes more of it.

A core may be slower than another, or be taken away for a moment. So what a thread owns is cut in
pieces. Each begins with its own, which its caches hold, and then takes what others have not begun.
To claim a piece is to count one up; nobody sets a counter back: of each phase the number of pieces
is known, and every thread counts one too far, so each knows where the next phase begins.
"""

from typing import NamedTuple

from narrows.engine.fused.machine import barrier, claim, inner, wait_for
from narrows.engine.fused.structure import APART, CONTROL_SIZE, Stack


class Worker(NamedTuple):
    """One of a crew of threads, which takes the same items along.

    Each of them computes its own part of every layer's values, and waits for the others after the
    layer. A crew of one has its items to itself.
    """

    thread: int
    crew: int
    part: int  # of the crew's, from 0 on
    parts: int
    counters: int  # which of those of pieces begin what this crew claims


@inner
def worker_of(thread: int, parts: int) -> Worker:
    """Thread number ``thread``, where crews are of ``parts``."""
    return Worker(thread, thread // parts, thread % parts, parts, 0)


@inner
def crew_of_all(s: Stack, threads: int, thread: int) -> Worker:
    """The same thread, as one of all, who share the weights."""
    return Worker(thread, 0, thread, threads, len(s.task_bounds) - 1)


@inner
def begin_to_claim(s: Stack, thread: int) -> None:
    """Forget what an earlier call claimed, which had counters of its own."""
    for number in range(2 * (len(s.task_bounds) - 1)):
        s.claimed[thread, number] = 0


@inner
def next_piece(s: Stack, worker: Worker, owner: int, pieces: int, last: int) -> int:
    """The next of an owner's ``pieces`` that nobody of the crew has taken, the ``last`` having been
    the worker's, or -1 before its first; -1 where all are taken."""
    if worker.parts == 1:
        return last + 1 if last + 1 < pieces else -1
    number, claimed = worker.counters + owner, s.claimed[worker.thread]
    each = claim(s.control, CONTROL_SIZE + number * APART) - claimed[number]
    if each < pieces:
        return each
    claimed[number] += pieces + worker.parts
    return -1


@inner
def share_of(size: int, unit: int, part: int, parts: int) -> tuple[int, int]:
    """A part's first of ``size`` values, a multiple of ``unit``, and the end of its values."""
    units = -(-size // unit)
    first, end = units * part // parts, units * (part + 1) // parts
    return min(first * unit, size), min(end * unit, size)


@inner
def wait_for_crew(s: Stack, worker: Worker) -> None:
    """Wait until the crew, which is then all threads, has come as far; what they wrote is there,
    unless the work was stopped."""
    if worker.parts > 1:
        barrier(s.control, worker.parts)


@inner
def layer_done(s: Stack, layer: int) -> None:
    """Tell that a thread has left a layer for this step."""
    claim(s.control, _layer_place(s, layer))


@inner
def wait_for_layer(s: Stack, layer: int, times: int) -> None:
    """Wait until that was told so many times, or the work was stopped."""
    wait_for(s.control, _layer_place(s, layer), times)


@inner
def _layer_place(s: Stack, layer: int) -> int:
    return CONTROL_SIZE + (2 * (len(s.task_bounds) - 1) + layer) * APART
