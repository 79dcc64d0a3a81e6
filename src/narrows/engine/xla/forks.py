"""XLA computes with threads, and a forked process has none of those that its parent started: what
waits for them waits for ever."""

import os
import sys

from narrows.errors import UsageError

# The process in which XLA was first used; a fork has its parent's number here.
_started_in: int | None = None


def _note_use() -> None:
    """Before a fork: whoever uses JAX beside us may have started XLA."""
    global _started_in
    bridge = sys.modules.get("jax._src.xla_bridge")
    has_begun = getattr(bridge, "backends_are_initialized", None)
    if _started_in is None and has_begun is not None and has_begun():
        _started_in = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_note_use)


def require_threads(*, later: bool = False) -> None:
    """Make sure that XLA's threads are in this process; to be called before anything computes.
    ``later`` is for work that will need them only at its end, and might not start them.

    Raises:
        UsageError: XLA was used before this process was forked.
    """
    global _started_in
    if _started_in is None:
        _started_in = None if later else os.getpid()
    elif _started_in != os.getpid():
        raise UsageError(
            "XLA, which refines codes and runs nets of other blocks than dense and convolutional "
            "layers, was used before this process was forked, and cannot compute in it",
            hint='start workers with multiprocessing.get_context("spawn"), as joblib does, or set '
            "refine=0 where the model needs XLA for nothing else",
        )
