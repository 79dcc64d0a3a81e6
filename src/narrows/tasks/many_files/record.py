"""What a folder of results says of the job that makes them and of each result, so that a later run
goes on with the same one, and knows what is not of its files any more."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narrows.data.parts import names_below
from narrows.errors import OutputError, UsageError
from narrows.support.files import atomic_file
from narrows.support.temporary import LOCK
from narrows.tasks.many_files.places import has_time

#: The file in the folder; names that begin like this are no data.
RECORD = "_narrows.json"

_RESULTS = "results"


@dataclass(frozen=True)
class Earlier:
    """What earlier runs made in a folder of results.

    Attributes:
        removed: results that were of what their files held before, and are not there any more.
        others: names of those whose files are not among DATA.
    """

    removed: frozenset[Path] = frozenset()
    others: tuple[str, ...] = ()


def begin_record(
    out: Path, settings: dict[str, Any], planned: Mapping[Path, int], index: Path | None
) -> Earlier:
    """Write what job makes which results of a folder, or make sure that it is the same one; results
    that are not of their files any more are removed, if the record has them.

    Args:
        planned: the time that each result will have, by which it is known.
        index: the one of them that is made anew whenever all others are there.

    Raises:
        UsageError: it is another job.
        OutputError: the folder holds something else.
    """
    path = out / RECORD
    known = dict[str, int]()
    if not path.exists():
        if any(each.name != LOCK for each in out.iterdir()):
            raise OutputError(
                f"{out} exists already and is not an empty folder, nor one that such a run began",
                hint="name a new folder, or empty this one first",
            )
    elif any(Path(name).name not in (RECORD, LOCK) for name in names_below(str(out))):
        known = _known(path, settings)
    ours = {name: time for name, time in known.items() if has_time(out / name, time)}
    removed = frozenset(
        result
        for result, time in planned.items()
        if _name(result, out) in ours
        and (result == index or not has_time(result, time))
        and result.is_file()
        and not result.is_symlink()
    )
    for result in removed:  # before the record says another time of them
        result.unlink()
    results = {_name(result, out): time for result, time in planned.items()}
    others = {name: time for name, time in ours.items() if name not in results}
    text = json.dumps(settings | {_RESULTS: others | results}, indent=1) + "\n"
    if not path.exists() or path.read_bytes() != text.encode():
        with atomic_file(path, "w") as file:
            file.write(text)
    return Earlier(removed, tuple(others))


def _name(result: Path, out: Path) -> str:
    return result.relative_to(out).as_posix()


def _known(path: Path, settings: dict[str, Any]) -> dict[str, int]:
    """The results that a record has, of the same job."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if not isinstance(before, dict):
        raise OutputError(
            f"{path} is damaged, and does not say what made the results beside it",
            hint="name a new folder",
        )
    results = before.pop(_RESULTS, None)
    names = [*settings, *(name for name in before if name not in settings)]
    other = [name for name in names if before.get(name) != settings.get(name)]
    if other:
        named = ", ".join("model" if name == "digest" else name for name in other)
        raise UsageError(
            f"{path.parent} holds results that were made in another way: {named} "
            f"differ{'s' if len(other) == 1 else ''}",
            hint="name a new folder, or ask for the same as before to go on",
        )
    found = results if isinstance(results, dict) else {}
    return {name: time for name, time in found.items() if isinstance(time, int)}
