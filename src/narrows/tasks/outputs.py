"""What a job makes sure of before it writes anything, and what it says when it has."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.errors import NarrowsError, UsageError
from narrows.support.files import is_standard_output, require_writable
from narrows.support.number_text import count_of
from narrows.support.outputs import require_apart
from narrows.support.streams import is_terminal

if TYPE_CHECKING:
    from narrows.model.use import TrainedAutoencoder

#: What messages call the folder of a run's history, checkpoint and pictures.
RUN_FOLDER = "the run folder"

# What people can read; anything else would do strange things to a terminal.
_READABLE = (".csv",)


@dataclass(frozen=True)
class Written:
    """What a job wrote: ``count`` of ``what`` (item, code, row), to ``out``."""

    out: str
    count: int
    what: str

    def sentence(self) -> str:
        """The same for people."""
        return f"wrote {count_of(self.count, f'{self.what}s')} to {shown(self.out)}"

    @property
    def values(self) -> dict[str, Any]:
        """The same for machines."""
        return {"out": self.out, "count": self.count}


def check_outputs(
    sources: Mapping[str, Any],
    outputs: Mapping[str, Any],
    *,
    models: Mapping[str, Any] | None = None,
    json: bool = False,
    only_files: bool = False,
) -> None:
    """Make sure that no output is an input or another output, that each can be written where it is
    to be, and that standard output has one use.

    Args:
        sources: data that is read, as DATA names it, by what the command line calls it.
        outputs: what is written, by its option.
        models: other files that are read.
        json: whether the result goes to standard output too.
        only_files: whether no output but the run folder may be a folder.

    Raises:
        UsageError: something would be written over, or standard output is asked for too much.
        OutputError: an output cannot have its name, or cannot be written there.
    """
    read = {name: list(_files(source)) for name, source in sources.items()}
    require_apart({**read, **(models or {})}, outputs)
    through = [
        name for name, path in outputs.items() if path is not None and is_standard_output(path)
    ]
    if len(through) > 1 or (through and json):
        both = f"{through[0]} and {'--json' if json else through[1]}"
        raise UsageError(
            f"{both} would both go to standard output", hint="write one of them to a file"
        )
    for name in through:
        if Path(outputs[name]).suffix not in _READABLE and is_terminal(sys.stdout):
            raise UsageError(
                f"{name} {shown(outputs[name])} would write binary data to the terminal",
                hint="send it on with a pipe or >, or name a file",
            )
    for name, path in outputs.items():
        may_be_folder = name == RUN_FOLDER or not only_files
        if path is not None and not (may_be_folder and _is_folder(name, path)):
            require_writable(path)


def _is_folder(name: str, path: str | os.PathLike[str]) -> bool:
    """Whether an output is a folder that there is already."""
    as_folder = name == RUN_FOLDER or os.fspath(path).endswith(("/", os.sep))
    return Path(path).is_dir() and (as_folder or not Path(path).suffix)


def _files(source: Any) -> Iterator[Any]:
    """The files and folders that DATA names, as far as there are any."""
    if source is None:
        return
    from narrows.data.mnist import mnist_files
    from narrows.data.parts import is_pattern, part_files
    from narrows.data.sources import BUILT_IN

    text = os.fspath(source)
    if is_pattern(text):
        yield from part_files(text).files
        return
    if text in BUILT_IN:
        if text.startswith("mnist"):
            yield from mnist_files()
        return
    # file.npz:key, and DATA:A,B
    while not os.path.lexists(text) and ":" in text:
        text = text.rpartition(":")[0]
        if text in BUILT_IN:
            yield from _files(text)
            return
    yield text


@contextlib.contextmanager
def still_there(
    *paths: str | os.PathLike[str] | Callable[[], Path | None] | None,
) -> Iterator[None]:
    """An error in the block says what was written before it, or by now as a function says."""
    try:
        yield
    except NarrowsError as error:
        known = [path() if callable(path) else path for path in paths]
        written = [shown(path) for path in known if path is not None]
        if written:
            verb = "was" if len(written) == 1 else "were"
            error.message += f"; {' and '.join(written)} {verb} written before"
        raise


def to_standard_output(out: str | os.PathLike[str], format: str | None, usual: str) -> str:
    """``out``; where it is ``-``, with the format that is asked for, or else the usual one.

    Raises:
        UsageError: a format is asked for, and the name of a file says it already.
    """
    name = os.fspath(out)
    if not is_standard_output(name):
        if format is not None:
            raise UsageError(
                f"--format {format} is for standard output, and {name} says its format",
                hint="leave --format out, or write --out -",
            )
        return name
    return f"-.{format or usual}" if name == "-" else name


def usual_format(autoencoder: "TrainedAutoencoder") -> str:
    """The format that items of a model have on standard output."""
    return "npy" if autoencoder.trained.data.table is None else "csv"


def shown(out: str | os.PathLike[str]) -> str:
    """What messages call an output."""
    return "standard output" if is_standard_output(out) else os.fspath(out)
