"""What a fork leaves behind: a forked process has none of the threads that its parent started, and
what waits for them waits for ever.

Imported with narrows, so that whoever uses JAX beside it and forks is noticed.
"""

import os
import sys
import threading
from typing import Any

from narrows.errors import UsageError

# Whether XLA had started its threads in a process that this one was forked from; and now.
_left_xla = _has_xla = False
_COMPILER_LOCKS = (
    ("narrows.support.compiling.native", "LOCK"),
    ("numba.core.compiler_lock", "global_compiler_lock"),
)
# It starts a dozen threads on a machine of one processor; others that are not Python's are few.
_XLA_THREADS = 4
# Locks of compilers, while a fork waits for a compilation in another thread that it would cut off.
_held = list[Any]()


def require_xla_threads() -> None:
    """Make sure that XLA's threads are in this process, or will be; to be called before it computes
    anything.

    Raises:
        UsageError: XLA was used before this process was forked.
    """
    if _left_xla:
        raise UsageError(
            "XLA, which refines codes of convolutional decoders and runs nets of other blocks than "
            "dense and convolutional layers, was used before this process was forked, and cannot "
            "compute in it",
            hint='start workers with multiprocessing.get_context("spawn"), as joblib does, or set '
            "refine=0 where the model needs XLA for nothing else",
        )


def _xla_has_begun() -> bool:
    bridge = sys.modules.get("jax._src.xla_bridge")
    has_begun = getattr(bridge, "backends_are_initialized", None)
    return has_begun is not None and bool(has_begun())


def _before() -> None:
    global _has_xla
    _has_xla = _xla_has_begun()
    for module, name in _COMPILER_LOCKS:
        lock = getattr(sys.modules.get(module), name, None)
        if lock is not None:
            lock.acquire()
            _held.append(lock)


def _after() -> None:
    while _held:
        _held.pop().release()


def _in_child() -> None:
    global _left_xla
    _left_xla = _left_xla or _has_xla
    _after()


def _was_forked_with_xla() -> bool:
    """Whether XLA has begun and there are hardly more threads than Python's, as Linux tells: then
    this process was forked, before narrows was imported."""
    if not _xla_has_begun():
        return False
    from pathlib import Path

    tasks = Path("/proc/self/task")
    others = sum(1 for _ in tasks.iterdir()) - threading.active_count() if tasks.is_dir() else None
    return others is not None and others < _XLA_THREADS


_left_xla = _was_forked_with_xla()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
