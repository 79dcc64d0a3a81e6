"""Histories as TensorBoard reads them: files of events, without TensorFlow.

A file is a row of records (TFRecord): a length and its checksum, an event and its checksum. An
event is a message of Protocol Buffers. The package ``tensorboard`` has both.
"""

import io
import os
import socket
import time
from pathlib import Path
from typing import Any

from narrows.errors import UsageError
from narrows.support.files import require_folder
from narrows.support.progress import Note
from narrows.training.history import EpochRecord, HistoryFile

# What TensorBoard calls each number; those before a slash share a section of its page.
_TAGS = {
    "loss": "loss/training",
    "val_loss": "loss/validation",
    "learning_rate": "learning rate",
    "seconds": "seconds/whole epoch",
    "waiting_seconds": "seconds/waiting for data",
    "computing_seconds": "seconds/computing",
    "validating_seconds": "seconds/validating",
    "items_per_second": "speed/items a second",
    "bytes_per_second": "speed/bytes a second",
    "peak_memory": "memory/bytes at most",
}


def event_file(folder: Path) -> Path:
    """A new file of events in ``folder``, which is not written yet: TensorBoard finds it by its
    name, and takes the time in it for the order of the files.

    Raises:
        UsageError: tensorboard is not installed.
    """
    _events()
    made = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
    return folder / f"events.out.tfevents.{made}.narrows"


def event_history(folder: Path, note: Note) -> HistoryFile:
    """:func:`event_file` as it is kept up to date.

    Raises:
        UsageError: as there.
        OutputError: ``folder`` is a file.
    """
    require_folder(folder)
    return HistoryFile(event_file(folder), note, epoch_event, first_events)


def first_events() -> bytes:
    """What a file begins with: its version, and that all earlier files of a folder, as those of a
    run that was stopped, are over."""
    made = _events()
    log = made.SessionLog(status=made.SessionLog.START)
    return _record(made.Event(wall_time=time.time(), file_version="brain.Event:2")) + _record(
        made.Event(wall_time=time.time(), step=1, session_log=log)
    )


def epoch_event(record: EpochRecord) -> bytes:
    """What a file says of an epoch."""
    made = _events()
    from tensorboard.compat.proto.summary_pb2 import Summary

    numbers: dict[str, Any] = {**record}
    values = [
        Summary.Value(tag=tag, simple_value=numbers[name])
        for name, tag in _TAGS.items()
        if name in numbers
    ]
    return _record(
        made.Event(wall_time=time.time(), step=record["epoch"], summary=Summary(value=values))
    )


def _record(event: Any) -> bytes:
    from tensorboard.summary.writer.record_writer import RecordWriter

    made = io.BytesIO()
    RecordWriter(made).write(event.SerializeToString())
    return made.getvalue()


def _events() -> Any:
    """The module of events."""
    try:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer import record_writer  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"TensorBoard's files need the package tensorboard, which cannot be used: {error}",
            hint='python -m pip install "narrows[tensorboard]"',
        ) from error
    return event_pb2
