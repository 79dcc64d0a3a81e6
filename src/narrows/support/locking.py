"""Folders that belong to one process at a time.

A file in the folder says whose it is. Its lock ends with the process, however that ends.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from narrows.errors import OutputError
from narrows.support.files import explained
from narrows.support.interruption import unbroken
from narrows.support.temporary import (
    LOCK,
    holder_of,
    host_name,
    is_alive,
    made_folder,
    removed_at_end,
    take_lock,
)

_TRIES, _PAUSE_SECONDS = 20, 0.01


@contextlib.contextmanager
def held_folder(folder: Path, hint: str) -> Iterator[None]:
    """Hold ``folder``, which is made if it is not there, for this process alone.

    Args:
        hint: what to do where another one holds it.

    Raises:
        OutputError: another one does, or it cannot be written to.
    """
    path = folder / LOCK
    with contextlib.ExitStack() as held:
        with explained(folder, is_folder=True):
            held.enter_context(made_folder(folder))
            with unbroken():  # from the file's making until it is known what is to be removed
                handle = _taken(path)
                if isinstance(handle, str):
                    raise OutputError(f"{folder} is in use by {handle}", hint=hint)
                held.callback(_closed, handle, path)
                held.enter_context(removed_at_end(path))
            text = json.dumps({"process": os.getpid(), "host": host_name()})
            os.lseek(handle, 0, os.SEEK_SET)
            os.ftruncate(handle, 0)
            os.write(handle, text.encode())
        yield


def _closed(handle: int, path: Path) -> None:
    os.close(handle)
    if os.name == "nt":  # which removes no open file
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _taken(path: Path) -> int | str:
    """The file, open and locked; or who has it, as messages say it."""
    holder = "another process"
    for _ in range(_TRIES):
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOINHERIT", 0)
        handle = os.open(path, flags, 0o666)
        try:
            # whoever held it may have removed it before this lock was had
            if _lock(handle, path) and _is_same(handle, path):
                kept, handle = handle, -1
                return kept
        finally:
            if handle >= 0:
                os.close(handle)
        process, host = holder_of(path)
        if process is not None:
            holder = f"process {process} on {host}"
            if host != host_name() or is_alive(process):
                return holder
        time.sleep(_PAUSE_SECONDS)  # it is being taken, or looked at
    return holder


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.name == "nt" or os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _lock(handle: int, path: Path) -> bool:
    """Whether the lock was to be had, or there is none and nobody says that he holds the folder."""
    found = take_lock(handle)
    return not _is_held_elsewhere(path) if found is None else found


def _is_held_elsewhere(path: Path) -> bool:
    """Whether another process says that it holds the folder, on a disk that knows no locks."""
    process, host = holder_of(path)
    if host is None or (host == host_name() and process == os.getpid()):
        return False
    return host != host_name() or (process is not None and is_alive(process))
