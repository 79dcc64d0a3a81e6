"""A pulse: while long work is under way a thread looks now and then whether something is to be said
of it, for work that compiles, loads or waits does not come to tell.

The thread is there as long as there is work that it looks after, and looks at the innermost alone.
A forked process has none until it begins work of its own.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

_LOOK_SECONDS = 0.25


class _State:
    clock: Callable[[], float] = time.monotonic
    heard_at = clock()
    ended = threading.Event()


_looks: list[Callable[[], None]] = []
_lock = threading.RLock()


def now() -> float:
    """Seconds of the clock by which all that is told is timed."""
    return _State.clock()


def heard() -> None:
    """To be called where something was said."""
    _State.heard_at = now()


def silence() -> float:
    """Seconds since something was said, or since the work that is looked after began."""
    return now() - _State.heard_at


@contextlib.contextmanager
def looked_after(look: Callable[[], None]) -> Iterator[None]:
    """In the block ``look`` is called a few times a second, by another thread, except where work
    inside it is looked after; whatever it raises is lost."""
    with _lock:
        _looks.append(look)
        if len(_looks) == 1:
            heard()
            _start()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # it was begun before a fork
            _looks.remove(look)
        with _lock:  # nothing more is said of it
            if not _looks:
                _State.ended.set()


@contextlib.contextmanager
def resting() -> Iterator[None]:
    """A block in which there is nothing to tell, however long it takes: a server waits."""
    with looked_after(lambda: None):
        yield


def beat() -> None:
    """Look once."""
    with _lock:
        for look in _looks[-1:]:
            with contextlib.suppress(Exception):
                look()


def _start() -> None:
    _State.ended = threading.Event()
    with contextlib.suppress(RuntimeError):  # there can be no more threads
        threading.Thread(
            target=_go_on, args=(_State.ended,), name="narrows-pulse", daemon=True
        ).start()


def _go_on(ended: threading.Event) -> None:
    while not ended.wait(_LOOK_SECONDS):
        beat()


def _in_child() -> None:
    _looks.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):
    # nothing is half said in a forked process
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_in_child
    )
