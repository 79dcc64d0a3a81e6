"""The Linux control groups that this process is in, which bound what it gets (man 7 cgroups, of
either version)."""

from collections.abc import Iterator
from pathlib import Path


def control_groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of the groups whose ``controller``, such as ``memory``, bounds this process, and
    of those above them. Where a container does not see its host's, its own is the topmost one.
    ``root`` is where ``proc`` and ``sys`` are."""
    for line in text_of(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):  # version 2 names none
            continue
        mounted = root / "sys/fs/cgroup" / controllers
        place = mounted / path.strip("/")
        yield from (each for each in (place, *place.parents) if each.is_relative_to(mounted))


def text_of(path: Path) -> str:
    """What a file of the system says; nothing where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
