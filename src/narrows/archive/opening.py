"""From data to an archive and back, whatever kind of data it is.

The header of an archive says its ``kind``, and for each there is a class that reads it; the
container and the pipelines below are the same.
"""

import io
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import IO, Any, Unpack

import numpy as np

from narrows.archive.archive import Archive
from narrows.archive.arrays import array_of
from narrows.archive.codes.shared import KIND as MODEL
from narrows.archive.codes.shared import SharedModel
from narrows.archive.codes.writing import KIND as CODES
from narrows.archive.container import Container
from narrows.archive.methods import EFFORTS, Effort
from narrows.archive.tables.archive import TableArchive
from narrows.archive.tables.writing import write_table
from narrows.archive.validation import field
from narrows.archive.writing import write_archive
from narrows.data.array_inputs import dense
from narrows.data.dataset import Dataset
from narrows.data.image_files import ImageFiles
from narrows.data.image_folder import are_pillow_images, images_as_dataset, is_pillow_image
from narrows.data.image_options import ImageOptions
from narrows.data.sources import is_table_source, load_data, require_folder
from narrows.data.tables import CsvKeywords, CsvOptions
from narrows.data.tables.frames import library_of
from narrows.errors import ArchiveError
from narrows.support import arguments
from narrows.support.inputs import cannot_be_read
from narrows.support.progress import Tracker, silent, warn
from narrows.support.spelling import spelt

_KINDS: dict[str, type[Archive] | type[TableArchive]] = {
    "array": Archive,
    CODES: Archive,
    "table": TableArchive,
    "frame": TableArchive,
}


#: A model file of archives of codes: read already, its bytes, or its path.
ModelLike = SharedModel | bytes | str | os.PathLike[str]


def compress(
    X: Any,
    max_error: Any = None,
    *,
    effort: Effort = "normal",
    grey: bool = False,
    resize: Any = None,
    skip_damaged: bool = False,
    track: Tracker = silent,
    **csv: Unpack[CsvKeywords],
) -> bytes:
    """An array or a table as the bytes of an archive.

    >>> blob = compress(np.arange(10_000))
    >>> len(blob) < 400, np.array_equal(decompress(blob), np.arange(10_000))
    (True, True)

    Args:
        X: truth values, integers, or floats of up to 64 bits, in any shape, also in a masked array;
            or a pandas or polars DataFrame or Series, a pandas Index, an Arrow table or array; or a
            Pillow image or a list of them, of which the values in their files count; or the name or
            path of data, as ``narrows compress`` takes them: a folder of images with the names of
            its files, a CSV file with its text; or what ``load_data(folder, as_is=True)`` gives.
        max_error: no value comes back further from what it was: a number in the data's own units,
            or ``"1%"`` of the range of the finite values. 0 or None is lossless, to the last bit.
            Truth values, NaN and infinity are always exact. For tables see
            :func:`narrows.archive.write_table`.
        effort: how much is tried: ``fast``, ``normal`` or ``best``.
        grey: of a folder of images, as :func:`narrows.load_data` takes it.
        resize: likewise.
        skip_damaged: likewise.
        track: told how far it is.
        csv: of a CSV file, ``missing``, ``header``, ``skip_rows``, ``encoding`` and ``delimiter``,
            as :func:`narrows.load_data` takes them; ``decimal`` and ``thousands`` are refused.

    Raises:
        UsageError: ``max_error`` or ``effort`` cannot be meant; or something is said of a CSV file
            or a folder of images, and X is none.
        DataError: there are no such data, or values that an archive does not hold.
    """
    arguments.one_of("effort", effort, EFFORTS)
    arguments.tracker("track", track)
    said, out = CsvOptions.of(csv), io.BytesIO()
    said.require_as_written()
    images = {"grey": grey, "resize": resize, "skip_damaged": skip_damaged}
    X, notes = dense(X), list[str]()
    if isinstance(X, str | os.PathLike) and not is_table_source(X):
        X = load_data(X, as_is=True, **images, track=track, **csv)
        notes += X.notes
    else:
        require_folder("X", ImageOptions.of(**images))
    X, files = _values(X, notes)
    _warn(notes)
    if isinstance(X, str | os.PathLike) or library_of(X) is not None:
        breakdown = write_table(out, X, max_error=max_error, effort=effort, csv=csv, track=track)
        _warn(breakdown.notes)
    else:
        said.require_none("an array")
        options: dict[str, Any] = {"max_error": max_error, "effort": effort, "track": track}
        write_archive(out, array_of(X), files=files, **options)
    return out.getvalue()


def _warn(notes: Iterable[str]) -> None:
    """What a user should know of how data were read, as warnings where ``compress`` is called."""
    for note in notes:
        warn(note, stacklevel=3)


def _values(X: Any, notes: list[str]) -> tuple[Any, ImageFiles | None]:
    """The items of a data set, with the files that they came from; the pixels of images; anything
    else as it is."""
    if isinstance(X, Dataset) and X.table is None:
        return X.items, X.files
    return _pixels(X, notes) if are_pillow_images(X) else X, None


def _pixels(images: Any, notes: list[str]) -> np.ndarray:
    """The values of a Pillow image, (height, width) or (height, width, channels), or of a list of
    them, with an axis in front that counts them; what is to be said of them joins the notes."""
    data = images_as_dataset(images, exact=True)
    notes += data.notes
    return data.items[0] if is_pillow_image(images) and len(data) == 1 else data.items


def decompress(
    blob: bytes,
    *,
    max_bytes: float | None = None,
    model: ModelLike | None = None,
    track: Tracker = silent,
) -> Any:
    """What :func:`compress` was given: an array of the same shape, dtype and byte order, or the
    same kind of table with the same columns, dtypes and index.

    Args:
        blob: the bytes of an archive, from wherever.
        max_bytes: the most that the values may take; checked before an array is allocated, and
            while a table is read. None allows 256 MiB, and of larger archives 256 times their size:
            a small one can hold a lot, if it is of equal values. ``math.inf`` allows all.
        model: of an archive of codes, what it was written with, if that is not in the archive.
        track: told how far it is.

    Raises:
        ArchiveError: not an archive, damaged, from a newer version, of more than ``max_bytes``, or
            written with a model that is not ``model``.
    """
    arguments.tracker("track", track)
    most = arguments.number("max_bytes", max_bytes, optional=True)
    if most is not None and not most >= 0:
        raise arguments.refused("max_bytes", max_bytes, "a number from 0 on, or None")
    if not isinstance(blob, bytes | bytearray | memoryview):
        raise arguments.refused(
            "blob",
            blob,
            "the bytes of an archive",
            "open_archive, of narrows.archive, takes a path",
        )
    with opened(io.BytesIO(blob), "the archive", model=model) as archive:
        return archive.read(max_bytes=max_bytes, track=track)


def open_archive(
    path: str | os.PathLike[str],
    *,
    damaged_too: bool = False,
    model: ModelLike | None = None,
) -> Archive | TableArchive:
    """Open an archive file; use it in a ``with`` block. Threads and processes may share it.

    Args:
        path: the file.
        damaged_too: open one that is cut short, for what can still be read of it.
        model: of an archive of codes, what it was written with, if that is not in the archive.

    Raises:
        ArchiveError: there is no such file, it cannot be read, it is no archive, or was written
            with another model.
    """
    name = arguments.path("path", path)
    try:
        stream = Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        raise cannot_be_read(name, error, ArchiveError) from error
    try:
        given = None if model is None else SharedModel.of(model)
        archive = opened(stream, name, damaged_too=damaged_too, model=given)
        where = Path(path).absolute()
        archive.again = partial(_open_again, where, damaged_too, given, archive.digest)
        return archive
    except BaseException:
        stream.close()
        raise


def _open_again(
    path: Path, damaged_too: bool, model: SharedModel | None, digest: str
) -> Archive | TableArchive:
    """Open an archive in another process, if it holds what it held."""
    archive = open_archive(path, damaged_too=damaged_too, model=model)
    if archive.digest != digest:
        archive.close()
        raise ArchiveError(
            f"{path} holds other values than when it was handed to this process",
            hint="open it again",
        )
    return archive


def opened(
    stream: IO[bytes],
    name: str,
    *,
    damaged_too: bool = False,
    model: ModelLike | None = None,
) -> Archive | TableArchive:
    """The archive in ``stream``, which must be seekable.

    Raises:
        ArchiveError: not an archive, damaged, from a newer version, or written with another model.
    """
    container = Container(stream, name, cut_short=damaged_too)
    if model is not None:
        given = SharedModel.of(model)
        container.lend(given.container, given.digest)
    kind = field(field(container.header, "data", dict, name), "kind", str, name)
    if kind == MODEL:
        raise ArchiveError(
            f"{name} is a model, and holds no data",
            hint=f"give an archive, and this with {spelt('model')}",
        )
    if kind not in _KINDS:
        raise ArchiveError(
            f"{name} holds data of the kind {kind[:40]!r}, which this narrows does not read",
            hint="update narrows",
        )
    return _KINDS[kind](container)
