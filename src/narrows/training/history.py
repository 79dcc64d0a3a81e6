"""What happened in each epoch, in memory and as lines of JSON."""

import contextlib
import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from narrows.support.files import explained


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
