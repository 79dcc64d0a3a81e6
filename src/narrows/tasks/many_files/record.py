"""What a folder of results says of the job that makes them, so that a later run goes on with the
same one."""

import json
from pathlib import Path
from typing import Any

from narrows.errors import OutputError, UsageError
from narrows.support.files import atomic_file
from narrows.support.temporary import LOCK

#: The file in the folder; names that begin like this are no data.
RECORD = "_narrows.json"


def begin_record(out: Path, settings: dict[str, Any]) -> None:
    """Write what job makes the results of a folder, or make sure that it is the same one.

    Raises:
        UsageError: it is another one.
        OutputError: the folder holds something else.
    """
    path = out / RECORD
    if path.exists():
        _require_same(path, settings)
        return
    if any(each.name != LOCK for each in out.iterdir()):
        raise OutputError(
            f"{out} exists already and is not an empty folder, nor one that such a run began",
            hint="name a new folder, or empty this one first",
        )
    with atomic_file(path, "w") as file:
        file.write(json.dumps(settings, indent=1) + "\n")


def _require_same(path: Path, settings: dict[str, Any]) -> None:
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if not isinstance(before, dict):
        raise OutputError(
            f"{path} is damaged, and does not say what made the results beside it",
            hint="name a new folder",
        )
    names = [*settings, *(name for name in before if name not in settings)]
    other = [name for name in names if before.get(name) != settings.get(name)]
    if other:
        named = ", ".join("model" if name == "digest" else name for name in other)
        raise UsageError(
            f"{path.parent} holds results that were made in another way: {named} "
            f"differ{'s' if len(other) == 1 else ''}",
            hint="name a new folder, or ask for the same as before to go on",
        )
