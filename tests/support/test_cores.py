"""How many cores a process may use: those that it may run on, within its container's quota."""

import math
import os
from pathlib import Path

import pytest

from narrows.support import cores

V2 = "0::/box/inner\n"
V1 = "5:devices:/\n3:cpu,cpuacct:/box/inner\n1:name=systemd:/\n0::/\n"


def tree(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A file tree with ``proc/self/cgroup`` and files below ``sys/fs/cgroup``."""
    below = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in ({"proc/self/cgroup": groups} | below).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def old(folder: str, quota: int) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"}


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        (V2, {"box/inner/cpu.max": "150000 100000\n"}, 1.5),
        (V2, {"box/inner/cpu.max": "max 100000\n"}, math.inf),
        (V2, {"box/inner/cpu.max": "max 100000\n", "box/cpu.max": "200000 50000\n"}, 4),
        (V2, {"box/inner/cpu.max": "100000 100000\n", "box/cpu.max": "50000 100000\n"}, 0.5),
        (V2, {"cpu.max": "300000 100000\n"}, 3),  # a container that does not see its host's groups
        (V1, old("cpu,cpuacct/box/inner", 250000), 2.5),
        (V1, old("cpu,cpuacct/box/inner", -1), math.inf),
        (V1, old("cpu,cpuacct/box/inner", -1) | old("cpu,cpuacct/box", 100000), 1),
        (V1, old("cpuset/box/inner", 100000), math.inf),
        (V2, {}, math.inf),
        (V2, {"box/inner/cpu.max": "many\n"}, math.inf),
        (V2, {"box/inner/cpu.max": "100000 0\n"}, math.inf),
        ("not a line\n\n", {"cpu.max": "max\n"}, math.inf),
    ],
)
def test_the_smallest_quota_of_a_group_and_those_above(
    groups: str, files: dict[str, str], expected: float, tmp_path: Path
) -> None:
    assert cores.quota_of_time(tree(tmp_path, groups, files)) == expected


def test_no_control_groups(tmp_path: Path) -> None:
    assert cores.quota_of_time(tmp_path) == math.inf


@pytest.mark.parametrize(
    ("quota", "expected"), [(math.inf, 8), (16, 8), (8, 8), (2.5, 3), (1.0, 1), (0.1, 1)]
)
def test_a_quota_is_rounded_up(
    quota: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "quota_of_time", lambda root: quota)
    assert cores.usable_cores() == expected
