"""Atomic output: a kill at any moment leaves the old file or the new one, never half of one."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from narrows.errors import OutputError


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path`` and rename it to ``path`` when the block ends well.

    If the block raises, the temporary file is removed and ``path`` keeps what it held.

    Raises:
        OutputError: the folder cannot be made, the file cannot be written, or the disk is full.
    """
    target = Path(path)
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` that becomes ``path`` when the block ends well.

    ``path`` must not exist yet, or be an empty folder: nothing of the user's is ever replaced.

    Raises:
        OutputError: ``path`` holds something already, or cannot be written.
    """
    target = Path(path)
    with _explained(target):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise OutputError(
                f"{target} exists already and is not an empty folder",
                hint="name a new folder, or empty this one first",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Make sure, before long work, that its result can be written to ``path``; leaves no trace.

    Raises:
        OutputError: it cannot.
    """
    target = Path(path)
    missing = [folder for folder in target.parents if not folder.exists()]
    with _explained(target):
        if target.is_dir():
            raise OutputError(f"{target} is a folder", hint="name a file in it")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=target.parent):
                pass
        finally:
            for folder in missing:
                with contextlib.suppress(OSError):
                    folder.rmdir()


def require_room(path: str | os.PathLike[str], size: int) -> None:
    """Make sure, before long work, that the disk has room for a file of ``size`` bytes.

    Raises:
        OutputError: it has not.
    """
    target = Path(path)
    with _explained(target):
        folder = next(each for each in target.absolute().parents if each.exists())
        free = shutil.disk_usage(folder).free
    if size > free:
        raise OutputError(
            f"{target} would take {size:,} bytes, and its disk has room for {free:,}",
            hint="ask for fewer items, free some space, or choose another disk",
        )


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn an operating system's error about ``target`` into one that says what to do."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(
                f"{target} was not written: the disk is full",
                hint=f"free some space on the disk that holds {target.parent}, or choose another",
            ) from error
        raise OutputError(
            f"{target} cannot be written: {error.strerror or error}",
            hint="check the path and its permissions, or choose another",
        ) from error
