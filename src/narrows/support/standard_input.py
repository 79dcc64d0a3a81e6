"""Standard input as a file: what comes through it is kept under the suffix of what it is."""

import atexit
import contextlib
import os
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from narrows.errors import DataError
from narrows.support.progress import going_on
from narrows.support.temporary import temporary_folder

#: What messages call it.
NAME = "standard input"

_HEAD = 512
# First bytes that say what kind of file follows; a packed file is told by what is packed.
_KINDS = (
    (b"\x93NUMPY", ".npy"),
    (b"PK\x03\x04", ".npz"),
    (b"PK\x05\x06", ".npz"),
    (b"PAR1", ".parquet"),
    (b"\x89NRW", ".nrw"),
    (b"\x00\x00", ".idx"),
)


def received(source: Any) -> Any:
    """``source``; where it is ``-``, a file with all that came through standard input.

    Raises:
        DataError: nothing came.
    """
    if source is None or os.fspath(source) != "-":
        return source
    return type(source)(_received())


def renamed(text: str) -> str:
    """A message that speaks of standard input where it spoke of the file that this became."""
    return text.replace(str(_received()), NAME) if _received.cache_info().currsize else text


@cache
def _received() -> Path:
    kept = contextlib.ExitStack()
    atexit.register(kept.close)
    path = kept.enter_context(temporary_folder()) / "standard-input"
    with going_on(f"waiting for {NAME}"), path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not path.stat().st_size:
        raise DataError(
            "nothing came through standard input", hint="send data through it, or name a file"
        )
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return path.rename(path.with_suffix(_suffix(head, path)))


def _suffix(head: bytes, path: Path) -> str:
    import zlib

    if head.startswith(b"\x1f\x8b"):
        with contextlib.suppress(zlib.error):
            unpacked = zlib.decompressobj(31).decompress(head, _HEAD)
            return _plain_suffix(unpacked) + ".gz"
    return _plain_suffix(head)


def _plain_suffix(head: bytes) -> str:
    return next((suffix for magic, suffix in _KINDS if head.startswith(magic)), ".csv")
