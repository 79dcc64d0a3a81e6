"""How many threads BLAS computes on: one where many small products or a decomposition are computed,
and threads of ours where there is enough for several.

Threads of BLAS wait for one another many times in every decomposition. Where another process takes
one of their cores for a moment, all wait: the eigenvalues of a 784 x 784 matrix take 7 seconds
on two cores with a busy neighbour, and 0.13 on one. Threads that each have a large part to
themselves wait once.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from narrows.support.ahead import in_order
from narrows.support.cores import usable_cores

Part = TypeVar("Part")
Result = TypeVar("Result")
# The number is one for the whole process: the first to come saves it, and the last to leave puts it
# back. How often each thread is inside, and of each library what belongs to it and its number.
_lock = threading.Lock()
_inside: dict[int, int] = {}
_before: dict[str, tuple[Any, int]] = {}


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """A context, and a decorator, in which BLAS computes on one thread, in the whole process. What
    is imported inside may bring a BLAS of its own, and is imported before.

    Contexts may lie in one another, and several threads may be in theirs: BLAS has as many threads
    as before when the last one is left. A number that somebody else set meanwhile stays.
    """
    me = threading.get_ident()
    # to look for them takes milliseconds: who is inside already does not
    libraries = [] if me in _inside else _libraries()
    with _lock:
        for library in libraries:
            if library.filepath not in _before:
                _before[library.filepath] = library, library.num_threads
            library.set_num_threads(1)
        _inside[me] = _inside.get(me, 0) + 1
    try:
        yield
    finally:
        with _lock:
            _inside[me] = _inside.get(me, 1) - 1
            _forget(each for each, depth in list(_inside.items()) if not depth)


def _libraries() -> list[Any]:
    """BLAS, as often as it has been loaded: NumPy and SciPy bring one each."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _forget(threads: Iterable[int]) -> None:
    """Threads are inside no longer; where none is left, the numbers are as before."""
    for thread in threads:
        del _inside[thread]
    if not _inside:
        for library, threads_before in _before.values():
            if library.num_threads == 1:
                library.set_num_threads(threads_before)
        _before.clear()


def _in_child() -> None:
    """After a fork: the other threads, and a lock that one of them may have held, are not there."""
    global _lock
    _lock = threading.Lock()
    _forget(set(_inside) - {threading.get_ident()})


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def side_by_side(
    work: Callable[[Part], Result], parts: Iterable[Part], most: int | None = None
) -> Iterator[Result]:
    """What ``work`` makes of each part, in their order: as many at a time as there are cores, each
    in a thread of its own in which BLAS has one.

    Args:
        work: a function that spends its time in NumPy, which lets other threads compute.
        parts: any number; no more are taken than are worked on and wait to be.
        most: threads, where each takes much memory.
    """
    cores = usable_cores()
    count = min(cores, most or cores)
    with one_blas_thread():
        yield from in_order(work, parts, count, lambda: count + 1)
