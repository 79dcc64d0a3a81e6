"""Missing cells of a table, filled in with what a model makes of the others in the row."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from narrows.data.tables import (
    CsvOptions,
    TableSchema,
    Unfamiliar,
    as_arrow,
    is_table,
    open_later,
)
from narrows.data.tables.filling import filled_column, fills
from narrows.data.tables.frames.learning import learnable, with_columns
from narrows.data.tables.reading import TableSource, cells_of
from narrows.errors import DataError
from narrows.ranges import require_familiar
from narrows.running import Codec

# Rows that are columns in memory at a time.
_BLOCK_ROWS = 1 << 13


def fill_frame(
    codec: Codec, frame: Any, unfamiliar: Unfamiliar, *, check_range: bool = False
) -> Any:
    """A data frame without missing cells: of its own kind, with its index, labels and dtypes.

    A cell that has a value keeps it, and so does every column that the model was not trained on.
    One that has none gets the model's: the reconstruction of the row, in which it stood as the
    column's mean. A category that the column's dtype lacks is added behind the others.

    Args:
        frame: a pandas or polars DataFrame, or an Arrow table, with the model's columns.
        unfamiliar: told about what training never saw.
        check_range: refuse what :func:`narrows.ranges.require_familiar` does.

    Raises:
        DataError: the model's columns are not there, or hold what they did not in training.
        UsageError: a column is in another unit.
    """
    schema = _schema(codec)
    table, form = learnable(frame, schema.names)
    schema.check_names(table.column_names, "the table", unfamiliar)
    found = np.empty((table.num_rows, schema.width), np.float32)
    for start in range(0, table.num_rows, _BLOCK_ROWS):
        block = table.slice(start, _BLOCK_ROWS)
        found[start : start + block.num_rows] = _made(
            codec, block, start + 1, unfamiliar, check_range
        )
    changed = {}
    for at, name in enumerate(table.column_names):
        if name not in schema.names or not fills(schema[name]):
            continue
        array, column = cells_of(table, name), schema[name]
        if array.null_count:
            entry = form.columns[at] if form.columns else {}
            changed[at] = filled_column(column, array, found[:, column.features], entry)
    return with_columns(frame, form, changed)


def fill(
    codec: Codec,
    source: Any,
    unfamiliar: Unfamiliar,
    *,
    all_cells: bool = False,
    as_trained: bool = False,
    check_range: bool = False,
    csv: Mapping[str, Any] | None = None,
) -> Iterator:
    """The rows of a table in a file without missing cells, in pyarrow.Tables with all its columns.

    Cells are filled in as by :func:`fill_frame`. Columns have the types that they have in the
    file; of a CSV file, those that they had in training, and others are texts.

    Args:
        source: the path of a CSV or Parquet file, or an Arrow table.
        unfamiliar: told about what training never saw.
        all_cells: write what the model makes of every cell, those that have a value too.
        csv: of a CSV file, how it is read, as ``load_data`` takes it.
        as_trained: whether columns get the types that they had in training, as those of CSV do.
        check_range: refuse what :func:`narrows.ranges.require_familiar` does.

    Raises:
        DataError: it is no table, or one without the model's columns.
        UsageError: a column is in another unit.
    """
    schema, table = _schema(codec), open_to_fill(source, _schema(codec), csv)
    schema.check_names(list(table.types), table.name, unfamiliar)
    row = 1
    for batch in table.batches():
        for start in range(0, batch.num_rows, _BLOCK_ROWS):
            block = batch.slice(start, _BLOCK_ROWS)
            made = _made(codec, block, row, unfamiliar, check_range)
            textual = table.textual or as_trained
            yield schema.completed(as_arrow(block), made, textual=textual, every=all_cells)
            row += block.num_rows


def open_to_fill(
    source: Any, schema: TableSchema, csv: Mapping[str, Any] | None = None
) -> TableSource:
    """A table whose cells are to be filled in.

    Raises:
        DataError: it is none.
    """
    if isinstance(source, str) and not is_table(source):
        raise DataError(
            f"{source} is no table, and the model was trained on one",
            hint="give a .csv or .parquet file with the columns of the training table",
        )
    return open_later(source, schema, CsvOptions.of(csv or {}))


def filled_schema(codec: Codec, source: Any, csv: Mapping[str, Any] | None = None) -> Any:
    """The names and types of the tables that :func:`fill` gives: a pyarrow.Schema."""
    import pyarrow as pa

    schema, table = _schema(codec), open_to_fill(source, _schema(codec), csv)
    empty = pa.table({name: pa.array([], type_) for name, type_ in table.types.items()})
    features = np.zeros((0, schema.width), np.float32)
    return schema.completed(empty, features, textual=table.textual).schema


def _schema(codec: Codec) -> TableSchema:
    schema = codec.trained.data.table
    assert schema is not None, "the model was trained on a table"
    return schema


def _made(
    codec: Codec, block: Any, row: int, unfamiliar: Unfamiliar, check_range: bool
) -> np.ndarray:
    """What the model makes of the rows of a table or batch: features (n, width)."""
    schema = _schema(codec)
    features = schema.encode_block(block, row, unfamiliar)
    if check_range:
        require_familiar(codec.trained, features, "the table")
    # a model that is told that a cell is missing would say so again
    return codec.reconstruct(schema.masked(features))
