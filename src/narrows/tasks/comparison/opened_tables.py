"""Tables that are read once more, for what their features do not tell."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from narrows.data.sources import read_errors_explained
from narrows.data.tables import CsvOptions, TableSchema, is_frame, open_like_training, open_table
from narrows.data.tables.table_source import TableSource, rows_named


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
