"""XLA computes with threads, and a forked process has none of those that its parent started: what
waits for them waits for ever."""

import os

from narrows.errors import UsageError

# The process in which XLA was first used; a fork has its parent's number here.
_started_in: int | None = None


def require_threads() -> None:
    """Make sure that XLA's threads are in this process; to be called before anything computes.

    Raises:
        UsageError: XLA was used before this process was forked.
    """
    global _started_in
    if _started_in is None:
        _started_in = os.getpid()
    elif _started_in != os.getpid():
        raise UsageError(
            "XLA, which refines codes and runs nets of other blocks than dense and convolutional "
            "layers, was used before this process was forked, and cannot compute in it",
            hint='start workers with multiprocessing.get_context("spawn"), as joblib does, or set '
            "refine=0 where the model needs XLA for nothing else",
        )
