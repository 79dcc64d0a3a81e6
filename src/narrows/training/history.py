"""What happened in each epoch, in memory and as a file of JSON lines."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from narrows.errors import OutputError
from narrows.files import atomic_file


class EpochRecord(TypedDict, total=False):
    """One epoch; losses are means over values, in data units.

    ``val_loss`` is there only if there is a validation set.
    """

    epoch: int
    loss: float
    val_loss: float
    learning_rate: float
    seconds: float


History = list[EpochRecord]


def write_history(path: Path, history: Sequence[EpochRecord]) -> None:
    """Write every epoch so far, one JSON object a line, all at once."""
    with atomic_file(path, "w") as file:
        file.writelines(json.dumps(record) + "\n" for record in history)


def best_epoch(history: Sequence[EpochRecord]) -> int:
    """The number of the epoch with the lowest validation loss, or the last without one."""
    if not history or "val_loss" not in history[-1]:
        return len(history)
    return min(history, key=lambda record: record["val_loss"])["epoch"]


def append_record(path: Path, record: EpochRecord) -> None:
    """Add one epoch to a file that :func:`write_history` wrote."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
