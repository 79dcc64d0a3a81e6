"""Data that lie in many files: a folder, also with folders in it, or a pattern such as
``part-*.parquet``."""

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from narrows.support.number_text import listed

#: What to do where many files are a data set each.
EACH_BY_ITSELF = (
    "give one of them; narrows encode, reconstruct, denoise, detect and compress do each by itself "
    "with --workers N and a folder as --out"
)


@dataclass(frozen=True)
class Parts:
    """The files that hold the parts of one data set.

    Attributes:
        source: the folder or the pattern, as the user gave it.
        files: their paths, in natural order: ``part-2`` comes before ``part-10``.
        passed_over: names of hidden files and of those that begin with ``_``, such as
            ``_SUCCESS``, which hold no rows.
    """

    source: str
    files: tuple[Path, ...]
    passed_over: tuple[str, ...] = ()

    def note(self) -> str:
        """What was passed over, in a sentence; empty where nothing was."""
        count = len(self.passed_over)
        if not count:
            return ""
        files = "file that holds" if count == 1 else "files that hold"
        return f"passed over {count:,} {files} no rows: {listed(self.passed_over)}"

    @property
    def base(self) -> Path:
        """The folder, or what a pattern has before its first folder with a ``*`` and the like."""
        path = Path(self.source)
        if not is_pattern(self.source):
            return path
        for above in reversed(path.parents):
            if glob.has_magic(str(above)):
                return above.parent
        return path.parent

    def named(self) -> tuple[str, ...]:
        """The files as they are called within a folder, ``year=2024/part-0.csv``; those of a
        pattern by their paths."""
        folder = Path(self.source)
        if not folder.is_dir():
            return tuple(path.as_posix() for path in self.files)
        return tuple(path.relative_to(folder).as_posix() for path in self.files)


def is_pattern(source: str | os.PathLike[str]) -> bool:
    """Whether a name stands for all files that match it: it has ``*``, ``?`` or ``[``, and there is
    no file or folder of this very name."""
    text = os.fspath(source)
    return glob.has_magic(text) and not os.path.lexists(text)


def part_files(source: str | os.PathLike[str]) -> Parts:
    """The files of a folder and of all folders in it, those that match a pattern, or one file.

    Of a pattern, folders that match stand for the files in them, and ``**`` for any folders.

    Raises:
        OSError: a folder cannot be read.
    """
    text = os.fspath(source)
    found: list[str] = []
    for name in glob.glob(text, recursive=True) if is_pattern(text) else [text]:  # noqa: PTH207
        found += names_below(name) if os.path.isdir(name) else [name]  # noqa: PTH112
    files, passed_over = list[str](), list[str]()
    for name in dict.fromkeys(found):
        if os.path.lexists(name):
            (passed_over if Path(name).name.startswith((".", "_")) else files).append(name)
    if os.path.isfile(text):  # noqa: PTH113 - a file that is named is meant
        files, passed_over = [text], []
    files.sort(key=natural)
    return Parts(text, tuple(map(Path, files)), tuple(sorted(Path(p).name for p in passed_over)))


def names_below(folder: str) -> Iterator[str]:
    """The paths of the files in a folder, but for those of hidden folders and of such as
    ``_delta_log``."""

    def refused(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=refused, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (os.path.join(place, name) for name in names)  # noqa: PTH118 - of very many


def natural(name: str) -> list[tuple[int, int, str]]:
    """What names are sorted by, so that numbers in them count as such."""
    pieces = re.split(r"(\d+)", name)
    return [
        (0, int(piece), piece) if place % 2 else (1, 0, piece) for place, piece in enumerate(pieces)
    ]
