"""What is half written: under a name of its own, until it takes its place or is removed.

The name says whose it is: ``.narrows-HOST-PROCESS-RANDOM``. What a process leaves that is killed is
removed by the next one that writes to the same folder; a lock, which ends with the process that
holds it, tells the dead from the living.
"""

import atexit
import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

#: The file of whoever holds a folder (:mod:`narrows.support.locking`).
LOCK = ".narrows-lock"

_NAME = re.compile(r"\.narrows-(?P<host>[0-9a-f]{8})-(?P<process>[1-9][0-9]*)-[0-9a-f]{12}")
# From a file's making to its lock is next to no time.
_LOCKED_SECONDS = 5.0
# Where there is text in the file of a lock, Windows would keep others from reading it.
_LOCKED_BYTE = 1 << 30
# One process may still write to a folder that another thread of it removes.
_TRIES = 3

# Everything of this process that is not in its place yet, how it is removed, and which process made
# it: a fork's child has its parent's, and leaves them alone.
_made: dict[Path, tuple[int, Callable[[Path], None]]] = {}


@contextlib.contextmanager
def temporary_folder(folder: Path | None = None) -> Iterator[Path]:
    """A new folder in ``folder``, None for where the system keeps such; removed at the end of the
    block with all that is in it. What is to stay is moved out of it."""
    folder = Path(tempfile.gettempdir()) if folder is None else folder
    remove_left_overs(folder)
    path = folder / f".narrows-{_host():08x}-{os.getpid()}-{os.urandom(6).hex()}"
    with removed_at_end(path):
        path.mkdir(0o700)
        with _locked(path):
            yield path


def is_temporary(path: Path) -> bool:
    """Whether a file or folder lies in a :func:`temporary_folder`."""
    return any(_NAME.fullmatch(part) for part in path.parts)


@contextlib.contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make ``folder`` and those above it; of these, what is empty is removed at the end."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    with contextlib.ExitStack() as stack:
        for each in reversed(missing):
            stack.enter_context(removed_at_end(each, _remove_if_empty))
        folder.mkdir(parents=True, exist_ok=True)
        yield


@contextlib.contextmanager
def removed_at_end(path: Path, remove: Callable[[Path], None] | None = None) -> Iterator[None]:
    """Remove ``path``, file or folder, at the end of the block or of the process."""
    remove = _remove if remove is None else remove
    _remove_at_exit()
    _made[path] = os.getpid(), remove  # before it is there: an interrupt may come in between
    try:
        yield
    finally:
        remove(path)
        _made.pop(path, None)


def remove_temporaries() -> None:
    """Remove all that is half written by this process."""
    for path, (process, remove) in reversed(list(_made.items())):
        if process == os.getpid():
            remove(path)


@cache
def _remove_at_exit() -> None:
    atexit.register(remove_temporaries)


def remove_left_overs(folder: Path) -> None:
    """Remove from ``folder`` what dead processes of this machine left half written, and the lock of
    one that held it."""
    try:
        with os.scandir(folder) as entries:
            found = [(Path(entry.path), _NAME.fullmatch(entry.name)) for entry in entries]
    except OSError:
        return
    for path, name in found:
        if path in _made or path.is_symlink():
            continue
        process: int | None
        if path.name == LOCK:
            process, host = holder_of(path)
            is_ours = host == host_name()
        elif name is not None:
            process, is_ours = int(name["process"]), int(name["host"], 16) == _host()
        else:
            continue
        if is_ours and process is not None:
            with contextlib.suppress(OSError):
                _remove_of_dead(path, process)


def _remove_of_dead(path: Path, process: int) -> None:
    """Remove ``path`` if ``process``, which made it, is dead."""
    ended = not is_alive(process)
    if not _has_locks():
        if ended:
            _remove(path)
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        is_locked = take_lock(handle)
        if is_locked is False:
            return
        # another process may have its number now
        is_old = is_locked and time.time() - path.stat().st_mtime > _LOCKED_SECONDS
        if ended or is_old:
            _remove(path)
    finally:
        os.close(handle)


def take_lock(handle: int) -> bool | None:
    """Whether the lock of an open file was to be had, at once; None where its disk knows none."""
    try:
        if _has_locks():
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError as error:
        is_held = error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
        return False if is_held else None
    return True


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of ``path``, where there are locks, as long as this process lives."""
    if not _has_locks():
        yield
        return
    import fcntl

    handle = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # this disk knows no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _has_locks() -> bool:
    return os.name == "posix"


def is_alive(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    if os.name == "nt":
        return _is_alive_on_windows(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _is_alive_on_windows(process: int) -> bool:
    import ctypes

    limited, still_active = 0x1000, 259
    windows = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    windows.OpenProcess.restype = ctypes.c_void_p
    handle = windows.OpenProcess(limited, False, process)
    if not handle:
        return bool(ctypes.get_last_error() == 5)  # type: ignore[attr-defined] # somebody else's
    code = ctypes.c_ulong()
    windows.GetExitCodeProcess(ctypes.c_void_p(handle), ctypes.byref(code))
    windows.CloseHandle(ctypes.c_void_p(handle))
    return code.value == still_active


def holder_of(lock: Path) -> tuple[int | None, str | None]:
    """The process and the machine that a lock's file names; None for what it does not say."""
    try:
        said = json.loads(lock.read_bytes())
        return int(said["process"]), str(said["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, None


def host_name() -> str:
    """What this machine is called."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


@cache
def _host() -> int:
    return zlib.crc32(host_name().encode(errors="surrogateescape"))


def _remove(path: Path) -> None:
    for _ in range(_TRIES):
        try:
            if not path.is_dir() or path.is_symlink():
                path.unlink(missing_ok=True)
                return
        except OSError:
            return
        shutil.rmtree(path, ignore_errors=True)


def _remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.rmdir()
