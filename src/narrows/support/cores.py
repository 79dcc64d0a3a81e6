"""How many cores there are to compute on."""

import math
import os
from pathlib import Path

from narrows.support.control_groups import control_groups, text_of

# The share of one of several processes that work side by side.
_share: float = math.inf


def share_cores(count: int) -> None:
    """Let this process use no more than ``count`` cores: others work beside it."""
    global _share
    _share = count


def usable_cores() -> int:
    """How many cores this process may use: those that it may run on, and no more than a quota of
    processor time pays for, as containers have, rounded up; nor more than its share."""
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    return max(math.ceil(min(count, quota_of_time(Path("/")), _share)), 1)


def quota_of_time(root: Path) -> float:
    """How many cores' time this process gets by its Linux control group and those above it (man 7
    cgroups, of either version); infinity where none limits it. ``root`` is where ``proc`` and
    ``sys`` are."""
    return min(map(_quota, control_groups("cpu", root)), default=math.inf)


def _quota(folder: Path) -> float:
    text = text_of(folder / "cpu.max") or " ".join(
        text_of(folder / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    )
    try:
        quota, period = (float(part) for part in text.split())
    except ValueError:  # "max", or no such file
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf
