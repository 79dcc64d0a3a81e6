"""What happened in each epoch, in memory and as lines of JSON."""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

from narrows.errors import OutputError
from narrows.support.files import atomic_file, explained
from narrows.support.log import as_json, tell
from narrows.support.progress import Note


class EpochRecord(TypedDict, total=False):
    """One epoch; losses are means over values, in data units.

    ``val_loss`` is there only if there is a validation set. ``seconds`` are all of the epoch's, the
    others what :class:`narrows.training.pace.Spent` says. Items and bytes a second are those of
    training: of the time waiting and computing. ``peak_memory`` is the most that this process held
    so far, in bytes, where the system tells it.
    """

    epoch: int
    loss: float
    val_loss: float
    learning_rate: float
    seconds: float
    waiting_seconds: float
    computing_seconds: float
    validating_seconds: float
    items_per_second: float
    bytes_per_second: float
    peak_memory: int


History = list[EpochRecord]


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """The number of the epoch with the lowest validation loss, or the last without one."""
    if not history or "val_loss" not in history[-1]:
        return len(history)
    return min(history, key=lambda record: record["val_loss"])["epoch"]


def history_line(record: EpochRecord) -> bytes:
    """One epoch as a JSON object, on a line of its own."""
    return f"{json.dumps(record)}\n".encode()


def append_whole(path: Path, content: bytes) -> None:
    """Add to a file, all or nothing.

    Raises:
        OutputError: it cannot be written.
    """
    with explained(path), path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(size)
            raise


class HistoryFile:
    """A file that is kept up to date with a history. What it lacks, because it cannot be written,
    costs no run: it is written when it can be.

    Args:
        path: the file.
        note: told once that it cannot be written.
        made: gives what it holds of an epoch.
        first: gives what it begins with.
    """

    def __init__(
        self,
        path: Path,
        note: Note,
        made: Callable[[EpochRecord], bytes],
        first: Callable[[], bytes] = bytes,
    ) -> None:
        self.path, self.note, self.written, self.said = path, note, 0, False
        self.made, self.first = made, first

    def keep(self, history: History) -> None:
        """Write what is new of ``history``."""
        error = self._error(history)
        if error is not None and not self.said:
            self.said = True
            self.note(f"{error}; training goes on, and writes it when it can")

    def missing(self, history: History) -> dict[str, str]:
        """What to say of the file at the end, by its name, if it does not hold all of ``history``;
        nothing if it does."""
        error = self._error(history) if self.written < len(history) else None
        return {} if error is None else {self.path.name: error}

    def _error(self, history: History) -> str | None:
        try:
            if self.written and self.written == len(history) - 1:
                append_whole(self.path, self.made(history[-1]))
            else:  # an earlier run's, or what a resumed one had done, or what could not be written
                with atomic_file(self.path) as file:
                    file.write(self.first())
                    file.writelines(map(self.made, history))
        except OutputError as error:
            return error.message
        self.written = len(history)
        return None


def keep_all(files: Sequence[HistoryFile], history: History) -> None:
    """Write what is new of a history into each of some files, and tell programs of its last epoch;
    people have the progress bar."""
    for each in files:
        each.keep(history)
    if as_json():
        tell("epoch", **history[-1])
