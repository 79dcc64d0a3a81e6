"""XLA computes with threads, and a forked process has none of those that its parent started: what
waits for them waits for ever."""

from narrows.errors import UsageError
from narrows.support.forks import xla_was_left_behind


def require_threads() -> None:
    """Make sure that XLA's threads are in this process, or will be; to be called before anything
    computes.

    Raises:
        UsageError: XLA was used before this process was forked.
    """
    if xla_was_left_behind():
        raise UsageError(
            "XLA, which refines codes and runs nets of other blocks than dense and convolutional "
            "layers, was used before this process was forked, and cannot compute in it",
            hint='start workers with multiprocessing.get_context("spawn"), as joblib does, or set '
            "refine=0 where the model needs XLA for nothing else",
        )
