"""From a table to a Dataset of features, in memory that does not grow with the table.

A table is read twice: once for what its columns are, once for its features. Many features go to a
temporary file, which is mapped into memory.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from narrows.data.dataset import Dataset
from narrows.data.storage import concatenated
from narrows.data.tables.columns import Column
from narrows.data.tables.csv_options import CsvOptions
from narrows.data.tables.drift import SchemaDrift
from narrows.data.tables.reading import is_csv, open_table, row_blocks
from narrows.data.tables.scanning import scan
from narrows.data.tables.schema import TableSchema
from narrows.data.tables.table_source import TableSource, rows_named
from narrows.errors import DataError
from narrows.support.progress import Tracker, silent


def load_table(
    source: Any,
    *,
    types: Mapping[str, str] | None = None,
    schema: TableSchema | None = None,
    options: CsvOptions | None = None,
    track: Tracker = silent,
) -> Dataset:
    """The features of a table: items float32 (n, schema.width).

    Args:
        source: the path of a CSV or Parquet file, a folder or a pattern of several, or a pandas or
            polars DataFrame.
        types: kinds of columns that the user declares, in place of what is found.
        schema: what a model was trained with, to encode the table in the same way.
        options: what the user says of how a CSV file is read.

    Raises:
        DataError: the table is damaged, has no rows, nothing that varies, or does not fit the
            schema.
        UsageError: ``types`` names a column or a kind that there is not.
        OSError: the file cannot be read.
    """
    if schema is not None:
        return _encoded(open_like_training(source, schema, options), schema, options, track)
    table = open_table(source, options=options)
    with rows_named(table):
        columns, count, notes = scan(table, types, track=track)
    schema = TableSchema.of(columns, table.frame, table.frame_form)
    if options is not None and options.to_json():
        schema = replace(schema, csv=options)
    if not schema.learnt:
        raise DataError(
            f"every column of {table.name} is constant, or all different texts, so there is "
            "nothing to learn",
            hint="give columns that vary, or declare one of them categorical",
        )
    duplicates = _Duplicates(schema)
    blocks = _blocks(table, schema, SchemaDrift(), track, count)
    items = concatenated(map(duplicates.look, blocks), (schema.width,), np.dtype(np.float32))
    return Dataset(
        table.name,
        items,
        table=duplicates.named(),
        notes=(*table.notes, *notes),
        places=table.places,
    )


def open_like_training(
    source: Any, schema: TableSchema, options: CsvOptions | None = None
) -> TableSource:
    """A table that a model reads which was trained on another one: what the user said of how that
    was to be read holds here too, where nothing else is said.

    Where the file's lines stand otherwise than those of training did, it is read as it looks.
    """
    kept = schema.csv
    if kept is None or not is_csv(source):
        return open_table(source, schema.names, options)
    options, problem = options or CsvOptions(), None
    for each in (kept, kept.of_cells):
        try:
            table = open_table(source, schema.names, options.over(each))
        except DataError as error:
            problem = problem or error
            continue
        if all(column.name in table.types for column in schema.learnt):
            return table
    if problem is not None:
        raise problem
    return open_table(source, schema.names, options.over(kept))


def _encoded(
    table: TableSource, schema: TableSchema, options: CsvOptions | None, track: Tracker
) -> Dataset:
    drift = SchemaDrift()
    schema.check_names(list(table.types), table.name, drift)
    blocks = _blocks(table, schema.read_by(options), drift, track, None)
    with rows_named(table):
        items = concatenated(blocks, (schema.width,), np.dtype(np.float32))
    if not len(items):
        raise DataError(f"{table.name} has no rows", hint="give at least one row")
    return Dataset(
        table.name,
        items,
        table=schema,
        notes=(*table.notes, *drift.lines(table.where)),
        places=table.places,
    )


def _blocks(
    table: TableSource,
    schema: TableSchema,
    drift: SchemaDrift,
    track: Tracker,
    count: int | None,
) -> Iterator[np.ndarray]:
    """The table's features, some rows at a time."""
    row = 1
    with track(f"reading {table.name}", total=count, unit="rows") as advance:
        for batch in table.batches([column.name for column in schema.learnt]):
            for _, block in row_blocks(batch):
                yield schema.encode_block(block, row, drift)
                row += block.num_rows
                advance(block.num_rows)


class _Duplicates:
    """Finds columns that repeat an earlier one exactly, while the features go by.

    Only columns of the same statistics can: they are compared row by row.
    """

    def __init__(self, schema: TableSchema) -> None:
        self._schema = schema
        alike: dict[Column, list[Column]] = defaultdict(list)
        for column in schema.learnt:
            alike[replace(column, name="", start=0, frame_dtype=None)].append(column)
        self._pairs = [(first, other) for first, *others in alike.values() for other in others]

    def look(self, features: np.ndarray) -> np.ndarray:
        """``features`` as they are, after comparing what may be the same."""
        self._pairs = [
            (first, other)
            for first, other in self._pairs
            if np.array_equal(features[:, first.features], features[:, other.features])
        ]
        return features

    def named(self) -> TableSchema:
        """The schema, with what repeats what."""
        same = {other.name: first.name for first, other in self._pairs}
        columns = [
            replace(column, same_as=same.get(column.name)) for column in self._schema.columns
        ]
        return replace(self._schema, columns=tuple(columns))
