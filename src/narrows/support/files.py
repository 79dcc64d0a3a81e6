"""Atomic output: a kill at any moment leaves the old file or the new one, never half of one."""

import contextlib
import errno
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from narrows.errors import OutputError
from narrows.support.streams import beyond_standard, standard_output
from narrows.support.temporary import made_folder, temporary_folder

# What goes through a pipe or a device waits in memory up to here, then in a temporary file.
_IN_MEMORY = 64 << 20


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path`` and rename it to ``path`` when the block ends well.

    If the block raises, the temporary file is removed and ``path`` keeps what it held. A symbolic
    link stays, and the file that it leads to is replaced, which keeps its permissions. What is no
    regular file, such as ``/dev/null`` or a named pipe, and ``-``, standard output, is written
    through and never replaced: it gets everything when the block ends well, and else nothing.

    Raises:
        OutputError: the folder cannot be made, the file cannot be written, or the disk is full.
    """
    target = followed(path)
    with explained(target):
        if is_special(target):
            with _written_through(target, mode) as stream:
                yield stream
            return
        _require_replaceable(target)
        with _beside(target) as temporary:
            with _opened(temporary, mode) as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(_permissions(target, 0o666))
            temporary.replace(target)


def _opened(path: Path, mode: str) -> IO[Any]:
    """A new file that has no descriptor of a standard stream."""

    def opener(name: str, flags: int) -> int:
        return beyond_standard(os.open(name, flags, 0o666))

    encoding = None if "b" in mode else "utf-8"
    return open(path, mode, encoding=encoding, opener=opener)


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A path of the name of ``target`` in a temporary folder beside it: what cannot have this name
    fails before there is anything to lose."""
    with made_folder(target.parent), temporary_folder(target.parent) as folder:
        yield folder / target.name


@contextlib.contextmanager
def _written_through(target: Path, mode: str) -> Iterator[IO[Any]]:
    """A file that is written to a pipe, a device or standard output when the block ends well."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="narrows-") as spool:
        stream = spool if "b" in mode else io.TextIOWrapper(spool, "utf-8", write_through=True)
        yield stream
        stream.flush()
        if stream is not spool:
            stream.detach()
        spool.seek(0)
        if is_standard_output(target):
            through = standard_output().buffer
            shutil.copyfileobj(spool, through)
            through.flush()
            return
        with target.open("wb") as through:
            shutil.copyfileobj(spool, through)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` that becomes ``path`` when the block ends well.

    ``path`` must not exist yet, or be an empty folder: nothing of the user's is ever replaced. A
    symbolic link to a folder is followed.

    Raises:
        OutputError: ``path`` holds something already, or cannot be written.
    """
    target = followed(path)
    with explained(target):
        if is_standard_output(target):
            raise OutputError(
                "a folder cannot be written to standard output", hint="name a new folder"
            )
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise OutputError(
                f"{target} exists already and is not an empty folder",
                hint="name a new folder, or empty this one first",
            )
        with _beside(target) as temporary:
            temporary.mkdir()
            yield temporary
            temporary.chmod(_permissions(target, 0o777))
            try:
                temporary.replace(target)
            except (FileExistsError, PermissionError):
                if not target.is_dir():
                    raise
                target.rmdir()  # Windows puts no folder in the place of another, an empty one too
                temporary.replace(target)


def is_standard_output(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` stands for standard output: ``-``, or with a format ``-.csv``."""
    name = os.fspath(path)
    return name == "-" or (name.startswith("-.") and name[2:].isalnum())


def followed(path: str | os.PathLike[str]) -> Path:
    """What ``path`` leads to, through all its symbolic links; ``path`` itself if it is none.

    Raises:
        OutputError: its links lead in a circle, or there is no such name.
    """
    target = Path(path)
    with explained(target):
        if is_standard_output(target) or not target.is_symlink():
            return target
    found = Path(os.path.realpath(target))
    if found.is_symlink():
        raise OutputError(
            f"{target} is a symbolic link that leads back to itself", hint="choose another path"
        )
    return found


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is standard output, or something that is neither a file nor a folder: a
    device, a pipe, a socket."""
    if is_standard_output(path):
        return True
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def require_writable(path: str | os.PathLike[str]) -> None:
    """Make sure, before long work, that its result can be written to ``path``; leaves no trace.

    Raises:
        OutputError: it cannot.
    """
    target = followed(path)
    with explained(target):
        if is_special(target):
            return
        _require_replaceable(target)
        with _beside(target) as temporary:
            temporary.touch()


def _require_replaceable(target: Path) -> None:
    """Make sure that a file, if there is one, may be replaced."""
    if target.is_dir():
        raise OutputError(f"{target} is a folder", hint="name a file in it")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "it is write-protected")


def _permissions(target: Path, usual: int) -> int:
    """The permissions of what is replaced, or of any new file or folder."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except OSError:
        return usual & ~_umask()


def require_room(
    path: str | os.PathLike[str],
    size: int,
    hint: str = "ask for fewer items, free some space, or choose another disk",
) -> None:
    """Make sure, before long work, that the disk has room for a file of ``size`` bytes.

    Raises:
        OutputError: it has not.
    """
    target = followed(path)
    if is_special(target):
        return
    with explained(target):
        folder = next(each for each in target.absolute().parents if each.exists())
        free = shutil.disk_usage(folder).free
    if size > free:
        raise OutputError(
            f"{target} would take {size:,} bytes, and its disk has room for {free:,}",
            hint=hint,
        )


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def require_folder(target: Path, *, is_folder: bool = True) -> None:
    """Make sure that ``target`` can be a folder, new or there already, or else lies in one.

    Raises:
        OutputError: a file is in its place.
    """
    for each in filter(Path.is_file, (target, *target.parents) if is_folder else target.parents):
        before = "" if each == target else f"{target} cannot be written: "
        raise OutputError(
            f"{before}{each} is a file, and a folder is needed",
            hint="name a folder, new or there already",
        )


@contextlib.contextmanager
def explained(target: Path, *, is_folder: bool = False) -> Iterator[None]:
    """Turn an operating system's error about ``target`` into one that says what to do.

    Args:
        is_folder: whether ``target`` itself is wanted as a folder, as those above it always are.
    """
    try:
        yield
    except (OutputError, BrokenPipeError):
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(
                f"{target} was not written: the disk is full",
                hint=f"free some space on the disk that holds {target.parent}, or choose another",
            ) from error
        if isinstance(error, FileExistsError | NotADirectoryError):
            require_folder(target, is_folder=is_folder)
        raise OutputError(
            f"{target} cannot be written: {error.strerror or error}",
            hint="check the path and its permissions, or choose another",
        ) from error
