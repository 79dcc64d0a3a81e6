"""How many cores there are to compute on."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

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
    quotas = [math.inf]
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers or "cpu" in controllers.split(","):  # version 2 names none
            mounted = root / "sys/fs/cgroup" / controllers
            quotas += [_quota(folder) for folder in _folders(mounted, path)]
    return min(quotas)


def _folders(mounted: Path, path: str) -> Iterator[Path]:
    """A group's folder and those above it. Where a container does not see its host's, its own is
    the topmost one."""
    folder = mounted / path.lstrip("/")
    yield folder
    while folder != mounted and folder != folder.parent:
        folder = folder.parent
        yield folder


def _quota(folder: Path) -> float:
    text = _text(folder / "cpu.max") or " ".join(
        _text(folder / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    )
    try:
        quota, period = (float(part) for part in text.split())
    except ValueError:  # "max", or no such file
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
