"""What a folder of results says of the job that makes them and of each result, so that a later run
goes on with the same one, and knows what is not of its files any more."""

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narrows.errors import OutputError, UsageError
from narrows.support.files import atomic_file
from narrows.support.temporary import LOCK, is_temporary
from narrows.tasks.many_files.places import has_time

#: The file in the folder; names that begin like this are no data.
RECORD = "_narrows.json"

# What it has of results: those that are there, and those that a run is about to make, of which it
# leaves some where it is killed. Both by their names, with the time by which each is known.
_RESULTS, _BEGUN = "results", "begun"


@dataclass(frozen=True)
class Record:
    """What a folder of results is of.

    Attributes:
        out: the folder.
        settings: all that results depend on beside their files.
        known: the names of results that earlier runs made, with the time by which each is known.
    """

    out: Path
    settings: dict[str, Any]
    known: dict[str, int]

    def others(self, results: Iterable[Path]) -> list[str]:
        """The names of known results that are none of these."""
        return sorted(self.known.keys() - {self._name(each) for each in results})

    def remove(self, results: Iterable[Path]) -> list[Path]:
        """Remove those that are known and as they were, where they can be; which these are."""
        removed = list[Path]()
        for each in results:
            time = self.known.get(self._name(each))
            is_own = time is not None and has_time(each, time)
            if is_own and each.is_file() and not each.is_symlink():
                with contextlib.suppress(OSError):
                    each.unlink(missing_ok=True)
                    removed.append(each)
        return removed

    def begin(self, results: Mapping[Path, int]) -> None:
        """Write down what is known, and the results with their times that are to be made."""
        self._write(self.known, {self._name(path): time for path, time in results.items()})

    def end(self, results: Mapping[Path, int]) -> None:
        """Write down what is known and these results with their times, as far as they are there."""
        known = {self.out / name: time for name, time in self.known.items()}
        every = (*known.items(), *results.items())  # of one that was to be removed, the time it has
        self._write({self._name(path): time for path, time in every if has_time(path, time)}, {})

    def _write(self, there: dict[str, int], begun: dict[str, int]) -> None:
        # in an order that does not tell which of them an earlier run made
        found = {
            name: dict(sorted(of.items())) for name, of in ((_RESULTS, there), (_BEGUN, begun))
        }
        content = self.settings | found
        with atomic_file(self.out / RECORD, "w") as file:
            file.write(json.dumps(content, indent=1) + "\n")

    def _name(self, result: Path) -> str:
        return result.relative_to(self.out).as_posix()


def begin_record(out: Path, settings: dict[str, Any], results: Mapping[Path, int]) -> Record:
    """Make sure that a folder has no results of another job, and write down what job makes these
    there.

    Raises:
        UsageError: it is another job.
        OutputError: the folder holds something else.
    """
    is_new = all(map(_is_nothing, out.iterdir()))
    record = Record(out, settings, {} if is_new else _known(out / RECORD, settings))
    record.begin(results)  # before there is one: another job must not take it for its own
    return record


def _is_nothing(path: Path) -> bool:
    """Whether there is no result: what a run leaves that was killed before it had one."""
    if path.name in (RECORD, LOCK) or is_temporary(path):
        return True
    return path.is_dir() and not path.is_symlink() and all(map(_is_nothing, path.iterdir()))


def _known(path: Path, settings: dict[str, Any]) -> dict[str, int]:
    """The results that a record has, of the same job, as far as they are there."""
    if not path.exists():
        raise OutputError(
            f"{path.parent} exists already and is not an empty folder, nor one that such a run "
            "began",
            hint="name a new folder, or empty this one first",
        )
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = None
    if not isinstance(before, dict):
        raise OutputError(
            f"{path} is damaged, and does not say what made the results beside it",
            hint="name a new folder",
        )
    found = [before.pop(name, None) for name in (_RESULTS, _BEGUN)]
    names = [*settings, *(name for name in before if name not in settings)]
    other = [name for name in names if before.get(name) != settings.get(name)]
    if other:
        named = ", ".join("model" if name == "digest" else name for name in other)
        raise UsageError(
            f"{path.parent} holds results that were made in another way: {named} "
            f"differ{'s' if len(other) == 1 else ''}",
            hint="name a new folder, or ask for the same as before to go on",
        )
    every = [pair for each in found if isinstance(each, dict) for pair in each.items()]
    return {name: time for name, time in every if _is_there(path.parent, name, time)}


def _is_there(out: Path, name: str, time: Any) -> bool:
    """Whether a result of this name is in the folder, with this time, whoever wrote them."""
    path = Path(name)
    is_below = "\0" not in name and not path.is_absolute() and ".." not in path.parts
    return is_below and isinstance(time, int) and has_time(out / path, time)
