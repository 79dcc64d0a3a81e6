"""Items go to files: streamed batch by batch, in bounded memory, all of them or nothing.

=====================  =======================================================
``.npy``               an array of shape (count, \\*item_shape)
``.npz``               the same, packed, under the name ``items``
``.csv`` ``.parquet``  a table: a row an item, a column a value
no suffix, or a /      a folder of PNG images, numbered from 0
=====================  =======================================================
"""

import contextlib
import functools
import io
import itertools
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from narrows.data.image_files import (
    FILE_COLUMN,
    refused_by_windows,
    require_one_file_each,
    shown_name,
    written_name,
)
from narrows.data.image_writing import write_image
from narrows.data.tables import TableSchema
from narrows.data.tables.arrow_types import is_binary
from narrows.data.tables.cells import to_written
from narrows.errors import OutputError, UsageError
from narrows.support.files import atomic_file, atomic_folder, require_room
from narrows.support.lazy_modules import pa
from narrows.support.shapes import is_picture_shape
from narrows.support.streams import file_name

_WriteBatch = Callable[[np.ndarray], None]


@dataclass(frozen=True, kw_only=True)
class _Items:
    """What a file is going to hold."""

    count: int
    shape: tuple[int, ...]
    dtype: np.dtype
    columns: Sequence[str] | None
    files: Sequence[str] | None = None


class ItemWriter:
    """Takes the items of one file in order, any number at a time."""

    def __init__(self, items: _Items, write_batch: _WriteBatch) -> None:
        self._items = items
        self._write_batch = write_batch
        self._written = 0

    def write(self, batch: np.ndarray) -> None:
        """Append ``batch``, of shape (m, \\*item_shape) and the writer's dtype.

        Raises:
            ValueError: another shape or dtype, or more items than announced.
        """
        batch = np.ascontiguousarray(batch)
        items = self._items
        if batch.shape[1:] != items.shape or batch.dtype != items.dtype:
            raise ValueError(
                f"a batch of {batch.dtype} items {batch.shape[1:]} was given to a writer of "
                f"{items.dtype} items {items.shape}"
            )
        written = self._written + len(batch)
        if written > items.count:
            raise ValueError(f"{written} items were written of {items.count} announced")
        self._write_batch(batch)
        self._written = written

    def _check_complete(self) -> None:
        if self._written < self._items.count:
            raise ValueError(f"{self._written} items were written of {self._items.count} announced")


@contextlib.contextmanager
def item_writer(
    path: str | os.PathLike[str],
    count: int,
    item_shape: tuple[int, ...],
    dtype: np.dtype | type | str,
    *,
    columns: Sequence[str] | None = None,
    files: Sequence[str] | None = None,
) -> Iterator[ItemWriter]:
    """Write ``count`` items to ``path``, of the kind that its suffix names.

    The file appears when the block ends, and only if all items were written. In a table, an item
    is a row: ``columns`` names its values, which otherwise are ``x0``, ``x1`` and so on.

    Args:
        path: the file, or the folder for images, which must not hold anything yet.
        count: how many items will be written.
        item_shape: the shape of one item. Tables take (values,); images (height, width) or
            (height, width, channels) with 1, 3 or 4 channels.
        dtype: the dtype of the items. Images take uint8, or uint16 for grey.
        columns: names of the values of an item, for tables.
        files: the file that each item came from: a column ``file`` of tables, the names of images
            in a folder. Arrays do not keep them.

    Raises:
        UsageError: the suffix names no kind that narrows writes, or one that cannot hold the items.
        OutputError: the file cannot be written.
        ValueError: the block wrote fewer or more items than announced.

    Example:
        >>> with item_writer("codes.npy", 2, (3,), "float32") as writer:
        ...     writer.write(np.zeros((2, 3), "float32"))
    """
    items = _Items(
        count=count,
        shape=tuple(item_shape),
        dtype=np.dtype(dtype),
        columns=columns,
        files=files,
    )
    with _opener(path)(Path(path), items) as write_batch:
        writer = ItemWriter(items, write_batch)
        yield writer
        writer._check_complete()


@contextlib.contextmanager
def row_writer(path: str | os.PathLike[str], table: TableSchema) -> Iterator[_WriteBatch]:
    """Write the rows of a table to a .csv or .parquet file, as the columns they came from.

    The file appears when the block ends. Gives a function that takes features (n, table.width) of
    the next rows.

    Raises:
        UsageError: the suffix names no kind of file that holds a table.
        OutputError: the file cannot be written.
    """
    with table_writer(path, table.arrow_schema()) as write_rows:
        yield lambda features: write_rows(table.decode(features))


@contextlib.contextmanager
def table_writer(path: str | os.PathLike[str], schema: Any) -> Iterator[Callable[[Any], None]]:
    """Write Arrow tables of one schema, one after the other, to a .csv or .parquet file.

    The file appears when the block ends. Gives a function that takes the next rows.

    Raises:
        UsageError: the suffix names no kind of file that holds a table.
        OutputError: the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise UsageError(
            f"{path} cannot hold a table's columns", hint="end the name in .csv or .parquet"
        )
    is_csv = suffix == ".csv"
    if is_csv:
        from pyarrow import csv as library
    else:
        from pyarrow import parquet as library

    prepared = _for_csv if is_csv else _for_parquet
    writer_class = library.CSVWriter if is_csv else library.ParquetWriter
    written = prepared(schema.empty_table()).schema
    with atomic_file(path) as stream, writer_class(stream, written) as writer:
        yield lambda rows: writer.write_table(prepared(rows))


def _for_parquet(rows: Any) -> Any:
    """An Arrow table whose columns have types that a Parquet file can hold."""
    for index, field in enumerate(rows.schema):
        if not _parquet_holds(field.type):
            rows = rows.set_column(index, field.name, _without_views(rows.column(index)))
    return rows


@functools.cache
def _parquet_holds(type_: Any) -> bool:
    """Whether a Parquet file can hold a type: older versions of Arrow write no views."""
    from pyarrow.parquet import ParquetWriter

    try:
        ParquetWriter(io.BytesIO(), pa.schema([pa.field("x", type_)])).close()
    except pa.ArrowNotImplementedError:
        return False
    # of categories in views no version writes the rows
    return not (pa.types.is_dictionary(type_) and str(type_.value_type).endswith("_view"))


def _for_csv(rows: Any) -> Any:
    """An Arrow table whose columns have types that a CSV file can say."""
    types = pa.types
    for index, field in enumerate(rows.schema):
        wanted = field.type
        if types.is_dictionary(wanted):
            wanted = wanted.value_type
        if types.is_null(wanted):
            wanted = pa.string()
        elif types.is_duration(wanted):
            texts = [to_written(chunk) for chunk in rows.column(index).chunks]
            rows = rows.set_column(index, field.name, pa.chunked_array(texts, pa.string()))
            continue
        elif types.is_float16(wanted):
            wanted = pa.float32()
        elif is_binary(wanted) or str(wanted) == "string_view":
            wanted = pa.large_string()
        if wanted != field.type:
            rows = rows.set_column(index, field.name, _as_text(rows.column(index), wanted, field))
    return rows


def _as_text(column: Any, wanted: Any, field: Any) -> Any:
    try:
        column = _without_views(column)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return column.cast(wanted)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"column {field.name!r} is of type {field.type} and holds bytes that are no UTF-8, "
            "which a CSV file cannot hold",
            hint="end the name in .parquet",
        ) from error


def _without_views(column: Any) -> Any:
    """A column whose texts, or categories, lie where Arrow can cast and write them."""
    type_ = column.type
    is_dictionary = pa.types.is_dictionary(type_)
    inner = type_.value_type if is_dictionary else type_
    if not str(inner).endswith("_view"):
        return column
    plain = pa.large_binary() if is_binary(inner) else pa.large_string()
    if not is_dictionary:
        return column.cast(plain)
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices, chunk.dictionary.cast(plain), ordered=type_.ordered
        )
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, pa.dictionary(type_.index_type, plain, type_.ordered))


def _opener(
    path: str | os.PathLike[str],
) -> Callable[[Path, _Items], AbstractContextManager[_WriteBatch]]:
    suffix = Path(path).suffix.lower()
    if not suffix or os.fspath(path).endswith(("/", os.sep)):
        return _png_folder
    kinds = {".npy": _npy, ".npz": _npz, ".csv": _table, ".parquet": _table}
    if suffix not in kinds:
        raise UsageError(
            f"{path} ends in {suffix}, which is not a kind of file that narrows writes",
            hint=f"end the name in {', '.join(kinds)}, or in / for a folder of PNG images",
        )
    return kinds[suffix]


@contextlib.contextmanager
def _npy(path: Path, items: _Items) -> Iterator[_WriteBatch]:
    require_room(path, math.prod((items.count, *items.shape)) * items.dtype.itemsize)
    with atomic_file(path) as stream:
        _write_npy_header(stream, items)
        yield lambda batch: _write_values(stream, batch)


@contextlib.contextmanager
def _npz(path: Path, items: _Items) -> Iterator[_WriteBatch]:
    # A ZipInfo made by hand has the same date every time, so the same items give the same bytes.
    member = zipfile.ZipInfo("items.npy")
    member.compress_type = zipfile.ZIP_DEFLATED
    with (
        atomic_file(path) as file,
        zipfile.ZipFile(file, "w") as archive,
        archive.open(member, "w", force_zip64=True) as stream,
    ):
        _write_npy_header(stream, items)
        yield lambda batch: _write_values(stream, batch)


def _write_npy_header(stream: IO[bytes], items: _Items) -> None:
    np.lib.format.write_array_header_1_0(
        stream,
        {
            "descr": np.lib.format.dtype_to_descr(items.dtype),
            "fortran_order": False,
            "shape": (items.count, *items.shape),
        },
    )


def _write_values(stream: IO[bytes], batch: np.ndarray) -> None:
    stream.write(batch.data)


@contextlib.contextmanager
def _table(path: Path, items: _Items) -> Iterator[_WriteBatch]:
    if len(items.shape) != 1:
        raise UsageError(
            f"{path} is a table, and items of shape {items.shape} are not rows",
            hint="write them to .npy or .npz",
        )
    names = items.columns or [f"x{index}" for index in range(items.shape[0])]
    if len(names) != items.shape[0]:
        raise ValueError(f"{len(names)} column names were given for {items.shape[0]} values")
    value_type = pa.from_numpy_dtype(items.dtype)
    of_files = [] if items.files is None else [(FILE_COLUMN, pa.string())]
    schema = pa.schema([*of_files, *((name, value_type) for name in names)])
    written = 0

    def write_batch(batch: np.ndarray) -> None:
        nonlocal written
        columns = [pa.array(column) for column in batch.T]
        if items.files is not None:
            some = items.files[written : written + len(batch)]
            columns.insert(0, pa.array(map(shown_name, some), pa.string()))
        written += len(batch)
        write_rows(pa.table(columns, schema=schema))

    with table_writer(path, schema) as write_rows:
        yield write_batch


_ON_WINDOWS = os.name == "nt"


@contextlib.contextmanager
def named_image_writer(
    path: str | os.PathLike[str], names: Sequence[str], *, colours: str | None = None
) -> Iterator[Callable[..., None]]:
    """Write images, which may differ in size, to a folder under names of their own.

    The folder appears when the block ends. Gives a function that takes one of ``names``, its
    image, and how that is to be turned to be seen (``orientation``). What was a .png, .tif or .bmp
    keeps its name; other kinds, which would lose something again, get .png for their suffix.

    Args:
        path: the folder, which must not hold anything yet.
        names: of all images, with the folders that they lie in, to find two that would become one
            before any work is done.
        colours: what the images' channels are, where they are neither grey nor RGB.

    Raises:
        UsageError: two names would become one; an image is none that such a file holds.
        OutputError: the folder cannot be written.
    """
    require_one_file_each(names, colours)
    files = {name: written_name(name, colours) for name in names}
    odd = next(filter(refused_by_windows, files.values()), None) if _ON_WINDOWS else None
    if odd is not None:
        raise UsageError(
            f"Windows has no file of the name {odd}",
            hint="write the items to .npy, or decompress them on another system",
        )
    with atomic_folder(path) as folder:

        def write(name: str, pixels: np.ndarray, orientation: int = 1) -> None:
            target = folder / file_name(files[name])
            if target.exists():  # of another name, which this disk takes for the same
                raise OutputError(
                    f"{Path(path) / files[name]} cannot be written: the disk takes another of the "
                    "names for the same",
                    hint="choose a disk that tells capitals from small letters, or write to .npy",
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            write_image(target, pixels, orientation=orientation, colours=colours)

        yield write


@contextlib.contextmanager
def _png_folder(path: Path, items: _Items) -> Iterator[_WriteBatch]:
    is_pixels = items.dtype.name in ("uint8", "uint16")
    if not is_pixels or not is_picture_shape(items.shape):
        raise UsageError(
            f"{path} is to be a folder of images, and {items.dtype.name} items of shape "
            f"{items.shape} are none",
            hint="images are uint8 or uint16, of shape (height, width[, 1, 3 or 4]); "
            "write others to .npy or .npz",
        )
    digits = max(6, len(str(items.count - 1)))
    numbered = (f"{number:0{digits}}.png" for number in itertools.count())
    names = numbered if items.files is None else iter(items.files)

    def write_batch(batch: np.ndarray) -> None:
        for pixels in batch:
            write(next(names), pixels)

    write: Callable[..., None]
    if items.files is not None:
        with named_image_writer(path, items.files) as write:
            yield write_batch
        return
    with atomic_folder(path) as folder:
        write = lambda name, pixels: write_image(folder / name, pixels)  # noqa: E731
        yield write_batch
