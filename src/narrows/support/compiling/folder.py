"""Where compiled code is kept from one process to the next: the user's cache folder.

It is only a cache. What is missing is made anew, what is damaged is said and made anew, and what
cannot be written is said once.
"""

import contextlib
import hashlib
import os
import zlib
from pathlib import Path

from narrows.errors import OutputError
from narrows.support.files import atomic_file
from narrows.support.progress import warn

#: Names another folder than the user's cache folder.
VARIABLE = "NARROWS_CACHE"

#: Names, in a process that tries for another, a folder for what the cache folder does not take.
SPARE = "NARROWS_SPARE"

_said: list[str] = []
_handed_over: dict[str, bytes] = {}


def cache_folder() -> Path | None:
    """The folder ``kernels`` of the cache, which need not be there yet: below ``NARROWS_CACHE``
    where that is set, or ``NUMBA_CACHE_DIR``, or in the user's cache folder. None where there is no
    such folder, as for a user without a home.
    """
    chosen, of_numba = os.environ.get(VARIABLE), os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        folder = Path(chosen).absolute()
    elif of_numba:
        folder = Path(of_numba).absolute() / "narrows"
    else:
        from platformdirs import user_cache_path

        folder = user_cache_path("narrows")
        if not folder.is_absolute():  # "~" stands for no home, and would be made here
            return None
    return folder / "kernels"


def checksum_of(folder: Path) -> int:
    """A number of 32 bits that changes with any Python file of a folder."""
    checksum = 0
    for path in sorted(folder.glob("*.py")):
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return checksum


def keep(path: Path | None, content: bytes) -> bool:
    """Write a file of the cache, or say, once in a process, why that cannot be done.

    Returns whether it is there; ``path`` is None where there is no cache folder.
    """
    try:
        if path is None:
            raise FileNotFoundError("there is no cache folder for this user")
        with atomic_file(path) as stream:
            stream.write(content)
    except OSError as error:
        spare = os.environ.get(SPARE)
        if path is not None and spare:
            with contextlib.suppress(OSError):
                Path(spare, path.name).write_bytes(content)
            return False
        what = error.message if isinstance(error, OutputError) else str(error)
        cannot_keep(f"{what}; until {VARIABLE} names a folder that can be written to,")
        return False
    return True


def cannot_keep(what: str) -> None:
    """Say, once in a process, why compiled code is not kept."""
    if not _said:
        _said.append(what)
        warn(
            f"compiled code cannot be kept: {what} each start compiles anew, which takes seconds",
            stacklevel=2,
        )


def read(path: Path) -> bytes | None:
    """A file of the cache, or what was handed over under its name; None for neither."""
    try:
        return path.read_bytes()
    except OSError:
        return _handed_over.get(path.name)


_DIGEST = 32  # bytes of a SHA-256


def keep_code(path: Path | None, code: bytes) -> bool:
    """:func:`keep` code, behind its SHA-256."""
    return keep(path, hashlib.sha256(code).digest() + code)


def kept_code(path: Path) -> bytes | None:
    """The code that a file of the cache holds; None where there is none, and, which is said, where
    it is damaged."""
    content = read(path)
    if content is None:
        return None
    digest, code = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(code).digest() != digest:
        damaged(path, "its checksum is not that of its content")
        return None
    return code


def hand_over(spare: str | None) -> None:
    """Have this process find what another one could keep in its spare folder only."""
    for path in Path(spare).iterdir() if spare else ():
        with contextlib.suppress(OSError):
            _handed_over[path.name] = path.read_bytes()


def damaged(path: Path, what: str) -> None:
    """Say that a file of the cache is not as it was written."""
    warn(f"{path} is damaged ({what}): it is made anew, which takes seconds", stacklevel=2)
