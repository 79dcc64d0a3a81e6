"""Missing cells of a table, filled in with what a model makes of the others in the row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from narrows.data.tables import TableSchema, Unfamiliar, as_arrow, is_table_path, open_table
from narrows.errors import DataError
from narrows.running import Codec

# Rows that are columns in memory at a time.
_BLOCK_ROWS = 1 << 13


def fill(codec: Codec, source: Any, unfamiliar: Unfamiliar, *, all_cells: bool = False) -> Iterator:
    """The rows of a table without missing cells, in pyarrow.Tables of the training table's types.

    A cell that has a value keeps it. One that has none gets the model's: the reconstruction of the
    row, in which it stood as the column's mean. A model that was trained with ``--noise masking``
    has learnt to do that. Only a column of which training saw no value stays empty.

    Args:
        source: the path of a CSV or Parquet file, or a data frame.
        unfamiliar: told about what training never saw.
        all_cells: write what the model makes of every cell, those that have a value too.

    Raises:
        DataError: it is no table, or one without the model's columns.
    """
    schema = codec.trained.data.table
    assert schema is not None, "the model was trained on a table"
    if isinstance(source, str) and not (is_table_path(source) and Path(source).is_file()):
        raise DataError(
            f"{source} is no table, and the model was trained on one",
            hint="give a .csv or .parquet file with the columns of the training table",
        )
    table = open_table(source)
    schema.check_names(list(table.types), table.name, unfamiliar)
    names = [name for name in schema.names if name in table.types]
    row = 1
    for batch in table.batches(names):
        for start in range(0, batch.num_rows, _BLOCK_ROWS):
            block = batch.slice(start, _BLOCK_ROWS)
            # a model that is told that a cell is missing would say so again
            features = schema.masked(schema.encode_block(block, row, unfamiliar))
            found = codec.reconstruct(features)
            rows = as_arrow(block)
            yield schema.completed(_emptied(rows, schema) if all_cells else rows, found)
            row += block.num_rows


def _emptied(rows: Any, schema: TableSchema) -> Any:
    """The rows without the cells that the model knows."""
    import pyarrow as pa

    learnt = {column.name for column in schema.learnt}
    for index, name in enumerate(rows.column_names):
        if name in learnt:
            empty = pa.nulls(rows.num_rows, rows.schema.field(name).type)
            rows = rows.set_column(index, name, empty)
    return rows
