"""Data that a job takes as they are, whatever is in them: arrays, images, files of tables."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from narrows.data import Dataset, load_data
from narrows.data.read_options import ReadOptions
from narrows.data.sources import read_errors_explained
from narrows.data.tables import (
    CsvOptions,
    TableSchema,
    is_frame,
    is_table,
    open_like_training,
    open_table,
)
from narrows.data.tables.table_source import TableSource, rows_named
from narrows.errors import DataError
from narrows.support.progress import NOBODY, Listener


def load_array(
    source: str,
    reading: ReadOptions | None = None,
    *,
    upright: bool = False,
    listener: Listener = NOBODY,
) -> Dataset:
    """The array that a source holds, whatever is in it; of images the values of their files.

    Args:
        source: what the user named.
        reading: what becomes of images, and what is said of a CSV file, which the source is not.
        upright: images as a model takes them: turned as their EXIF data say, in grey or RGB.

    Raises:
        DataError: it is a table, or cannot be read.
        UsageError: there are options, and the source is no folder of images, or no CSV file.
    """
    _require_array(source)
    as_is = not (upright and Path(source).is_dir())
    said = (reading or ReadOptions()).keywords
    data = load_data(source, as_is=as_is, track=listener.track, **said)
    listener.note_each(data.notes)
    return data


def _require_array(source: str) -> None:
    """Make sure that a source is no table."""
    if is_table(source):
        raise DataError(
            f"{source} is a table, and codes are made of arrays",
            hint="leave out --codes-only, or save its columns of numbers with np.save",
        )


@contextlib.contextmanager
def opened_table(
    source: Any, schema: TableSchema | None, csv: Mapping[str, Any]
) -> Iterator[TableSource]:
    """A table with all of its columns, read as its features were.

    Args:
        source: a path or a data frame.
        schema: what its features were made by; None for what the table itself says.
        csv: what the user says of how a CSV file is read.

    Raises:
        DataError: it cannot be read.
    """
    options = CsvOptions.of(csv)
    if is_frame(source):  # of which a schema would leave columns out
        table = open_table(source, options=options)
        with rows_named(table):
            yield table
        return
    with read_errors_explained(str(source)):
        table = (
            open_table(source, options=options)
            if schema is None
            else open_like_training(source, schema, options)
        )
        with rows_named(table):
            yield table
