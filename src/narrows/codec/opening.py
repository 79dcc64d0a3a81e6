"""From data to an archive and back, whatever kind of data it is.

The header of an archive says its ``kind``, and for each there is a class that reads it; the
container and the pipelines below are the same.
"""

import io
import os
from pathlib import Path
from typing import IO, Any

import numpy as np

from narrows.codec.archive import Archive
from narrows.codec.container import Container
from narrows.codec.damage import field
from narrows.codec.methods import Effort
from narrows.codec.tables.archive import TableArchive
from narrows.codec.tables.writing import write_table
from narrows.codec.writing import write_archive
from narrows.data.tables import is_frame
from narrows.errors import ArchiveError
from narrows.progress import Tracker, silent

_KINDS: dict[str, type[Archive] | type[TableArchive]] = {
    "array": Archive,
    "codes": Archive,
    "table": TableArchive,
}


def compress(
    X: Any, max_error: Any = None, *, effort: Effort = "normal", track: Tracker = silent
) -> bytes:
    """An array or a table as the bytes of an archive.

    >>> blob = compress(np.arange(10_000))
    >>> len(blob) < 400, np.array_equal(decompress(blob), np.arange(10_000))
    (True, True)

    Args:
        X: truth values, integers, or floats of up to 64 bits, in any shape; or a pandas, polars or
            Arrow table.
        max_error: no value comes back further from what it was: a number in the data's own units,
            or ``"1%"`` of the range of the finite values. 0 or None is lossless, to the last bit.
            Truth values, NaN and infinity are always exact. For tables see
            :func:`narrows.codec.write_table`.
        effort: how much is tried: ``fast``, ``normal`` or ``best``.
        track: told how far it is.

    Raises:
        UsageError: ``max_error`` or ``effort`` cannot be meant.
        DataError: values that an archive does not hold.
    """
    out = io.BytesIO()
    if is_frame(X):
        write_table(out, X, max_error=max_error, effort=effort, track=track)
    else:
        write_archive(out, np.asarray(X), max_error=max_error, effort=effort, track=track)
    return out.getvalue()


def decompress(blob: bytes, *, max_bytes: int | None = None, track: Tracker = silent) -> Any:
    """What :func:`compress` was given: an array of the same shape, dtype and byte order, or the
    same kind of table with the same columns.

    Args:
        blob: the bytes of an archive, from wherever.
        max_bytes: the most that the values may take; checked before an array is allocated, and
            while a table is read. A small archive can hold a lot, if it is of equal values.
        track: told how far it is.

    Raises:
        ArchiveError: not an archive, damaged, from a newer version, or of more than ``max_bytes``.
    """
    with opened(io.BytesIO(blob), "the archive") as archive:
        return archive.read(max_bytes=max_bytes, track=track)


def open_archive(
    path: str | os.PathLike[str], *, damaged_too: bool = False
) -> Archive | TableArchive:
    """Open an archive file; use it in a ``with`` block.

    Args:
        path: the file.
        damaged_too: open one that is cut short, for what can still be read of it.

    Raises:
        ArchiveError: there is no such file, it cannot be read, or it is no archive.
    """
    name = os.fspath(path)
    try:
        stream = Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        raise ArchiveError(
            f"{name} cannot be read: {error.strerror or error}",
            hint="check the path and its permissions",
        ) from error
    try:
        return opened(stream, name, damaged_too=damaged_too)
    except BaseException:
        stream.close()
        raise


def opened(stream: IO[bytes], name: str, *, damaged_too: bool = False) -> Archive | TableArchive:
    """The archive in ``stream``, which must be seekable.

    Raises:
        ArchiveError: not an archive, damaged, or from a newer version.
    """
    container = Container(stream, name, cut_short=damaged_too)
    kind = field(field(container.header, "data", dict, name), "kind", str, name)
    if kind not in _KINDS:
        raise ArchiveError(
            f"{name} holds data of the kind {kind[:40]!r}, which this narrows does not read",
            hint="update narrows",
        )
    return _KINDS[kind].of(container)
