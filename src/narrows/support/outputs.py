"""What is read is never written over: outputs are kept apart from inputs, whatever they are called.

Files are told apart by what they are, not by their names: a symbolic link, a hard link, ``./x`` and
``X`` where the file system knows no capitals are all the same file.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from narrows.errors import UsageError
from narrows.support.files import followed, is_special, is_standard_output

#: A path, or a list of them, by what the user calls it; None and what there is not are passed over.
Paths = Mapping[str, Any]


def require_apart(inputs: Paths, outputs: Paths) -> None:
    """Make sure, before anything is written, that no output is an input, or another output.

    Args:
        inputs: paths of files and folders that are read, by what the user calls them: ``DATA``.
        outputs: paths that are going to be written.

    Raises:
        UsageError: one of them would be written over.
    """
    written = [(name, path) for name, path in _paths(outputs) if not is_special(followed(path))]
    read = [(name, path) for name, path in _paths(inputs) if path.exists() and not is_special(path)]
    for name, out in written:
        for known_as, path in read:
            if _writes_over(out, path):
                raise UsageError(
                    f"{name} {out} would write over {known_as} {path}",
                    hint="choose another name: what is read stays as it is",
                )
    for place, (name, out) in enumerate(written):
        for other, path in written[:place]:
            if _same(out, path) or os.path.realpath(out) == os.path.realpath(path):
                raise UsageError(
                    f"{name} and {other} are both {out}", hint="give them different names"
                )


def require_other_file(out: IO[bytes], source: Any, name: str) -> None:
    """Make sure that an open file is not the one that an array is mapped from, or that is read.

    Raises:
        UsageError: it is.
    """
    while source is not None and not isinstance(source, str | os.PathLike):
        source = getattr(source, "filename", None) or getattr(source, "base", None)
    if source is None:
        return
    try:
        same = os.path.samestat(os.fstat(out.fileno()), Path(source).stat())
    except (OSError, ValueError, AttributeError):
        return
    if same:
        raise UsageError(
            f"{name} would be written over: it is in the file that is to hold the result",
            hint="write to another file",
        )


def _paths(named: Paths) -> Iterator[tuple[str, Path]]:
    for name, value in named.items():
        for path in value if isinstance(value, list) else [value]:
            if path is not None and not is_standard_output(path):
                yield name, Path(path)


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False


def _writes_over(out: Path, path: Path) -> bool:
    """Whether writing ``out`` changes a file or a folder that is read."""
    if _same(out, path):
        return True
    if not path.is_dir() or not out.is_file():
        return False
    return any(_same(out, each) for each in _read_from(path, out.suffix.lower()))


def _read_from(folder: Path, suffix: str) -> Iterable[Path]:
    """The files of a folder that are read as its items: several of one kind, or images."""
    found = [
        Path(where, name)
        for where, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() == suffix
    ]
    return found if len(found) > 1 or suffix in _IMAGES else []


_IMAGES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp"),
    *(".jp2", ".pgm", ".ppm"),
)
