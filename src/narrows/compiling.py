"""Functions that Numba compiles, and keeps on disk from one process to the next."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def compiled(njit: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` compiled by ``numba.njit`` at its first call, without Python's lock while it
    runs.

    Numba looks at the date of the function's file alone to see whether what it kept is stale. What
    a function captures is part of its key too: let it capture :func:`checksum_of`.
    """
    try:
        result: Callable[..., Any] = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # nowhere to write to: a read-only installation, and no home
        result = njit(nogil=True)(function)
    return result


def checksum_of(folder: Path) -> int:
    """A number above 0 that changes with any Python file of a folder."""
    checksum = 0
    for path in sorted(folder.glob("*.py")):
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return checksum | 1
