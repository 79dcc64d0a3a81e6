"""Missing cells of a table, filled in with what a model makes of the others in the row."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from narrows.data import table_writer
from narrows.data.sources import require_there
from narrows.data.tables import CsvOptions, SchemaDrift, TableSchema, is_table, open_like_training
from narrows.data.tables.filling import filled_column, filled_rows, filled_types, fills
from narrows.data.tables.frames.learning import training_table, with_columns
from narrows.data.tables.reading import cells_of, row_blocks
from narrows.data.tables.table_source import rows_named
from narrows.errors import DataError
from narrows.model.ranges import require_familiar_columns
from narrows.model.use import TrainedAutoencoder
from narrows.support.lazy_modules import pa
from narrows.support.number_text import count_of, listed
from narrows.support.progress import NOBODY, Listener
from narrows.tasks.outputs import Written

# Columns that are named with how many of their cells were filled in.
_MOST_NAMED = 5


@dataclass(frozen=True)
class WrittenFilled(Written):
    """A table that was written; ``filled`` missing cells were filled in, by name of the column."""

    filled: Mapping[str, int]

    def sentence(self) -> str:
        """The same for people."""
        return f"{super().sentence()}; {filled_text(self.filled)}"

    @property
    def values(self) -> dict[str, Any]:
        """The same for machines."""
        return {**super().values, "filled": dict(self.filled)}


def filled_text(filled: Mapping[str, int]) -> str:
    """How many cells of which columns were filled in, the most filled first."""
    if not filled:
        return "no cell was missing"
    most = sorted(filled.items(), key=lambda item: -item[1])
    of = listed(most, _MOST_NAMED, lambda item: f"{item[1]:,} of {item[0]!r}")
    total = count_of(sum(filled.values()), "missing cells")
    return f"filled in {total}: {of}"


def fill_frame(
    autoencoder: TrainedAutoencoder,
    frame: Any,
    drift: SchemaDrift,
    filled: Counter[str],
    *,
    check_range: bool = False,
) -> Any:
    """A data frame without missing cells: of its own kind, with its index, labels and dtypes.

    A cell that has a value keeps it, and so does every column that the model was not trained on.
    One that has none gets the model's: the reconstruction of the row, in which it stood as the
    column's mean. A category that the column's dtype lacks is added behind the others.

    Args:
        frame: a pandas or polars DataFrame, or an Arrow table, with the model's columns.
        drift: told about what training never saw.
        filled: told how many missing cells were filled in, by name of the column.
        check_range: refuse what :func:`narrows.model.ranges.require_familiar` does.

    Raises:
        DataError: the model's columns are not there, or hold what they did not in training.
        UsageError: a column is in another unit.
    """
    schema = _schema(autoencoder)
    table, form = training_table(frame, schema.names)
    schema.check_names(table.column_names, "the table", drift)
    found = np.empty((table.num_rows, schema.width), np.float32)
    for start, block in row_blocks(table):
        name = _rows_name(start, block.num_rows, is_all=block.num_rows == table.num_rows)
        found[start : start + block.num_rows] = _made(
            autoencoder, schema, block, start + 1, name, drift=drift, check_range=check_range
        )
    changed = {}
    for at, name in enumerate(table.column_names):
        if name not in schema.names or not fills(schema[name]):
            continue
        array, column = cells_of(table, name), schema[name]
        if array.null_count:
            entry = form.columns[at] if form.columns else {}
            changed[at] = filled_column(column, array, found[:, column.features], entry)
            filled[name] += array.null_count
    drift.unlearnt_gaps |= bool(changed) and not _learnt_gaps(autoencoder)
    return with_columns(frame, form, changed)


def fill_file(
    autoencoder: TrainedAutoencoder,
    source: str,
    out: str,
    *,
    all_cells: bool = False,
    check_range: bool = True,
    csv: Mapping[str, Any] | None = None,
    listener: Listener = NOBODY,
) -> Written:
    """Write a table of a file with its missing cells filled in, as :class:`Filling` does.

    Args:
        out: .csv or .parquet.
        all_cells, csv: as of :class:`Filling`.
        check_range: refuse what :func:`narrows.model.ranges.require_familiar` does.

    Raises:
        DataError: it is no table, one without the model's columns, or one whose cells are none of
            their columns' kinds.
        UsageError: a column is in another unit.
    """
    drift, count = SchemaDrift(), 0
    filling = Filling(autoencoder, source, drift, all_cells=all_cells, csv=csv)
    with (
        table_writer(out, filling.schema) as write,
        listener.track("filling", total=None, unit="rows") as advance,
    ):
        for rows in filling.rows(check_range=check_range):
            write(rows)
            count += rows.num_rows
            advance(rows.num_rows)
    listener.note_each([*filling.table.notes, *drift.lines(filling.table.where)])
    if all_cells:
        return Written(out, count, "row")
    return WrittenFilled(out, count, "row", filling.filled)


class Filling:
    """A table in a file whose missing cells are filled in as by :func:`fill_frame`.

    Columns have the types that they have in the file. Those of a CSV file have the ones of
    training, or wider ones where these do not hold every cell as it is; columns that training did
    not know are texts.

    Attributes:
        schema: names and types of the rows that come out, a pyarrow.Schema.
        table: where they come from.
        filled: how many missing cells were filled in so far, by name of the column.
    """

    def __init__(
        self,
        autoencoder: TrainedAutoencoder,
        source: Any,
        drift: SchemaDrift,
        *,
        all_cells: bool = False,
        as_trained: bool = False,
        csv: Mapping[str, Any] | None = None,
    ) -> None:
        """Open a table.

        Args:
            source: the path of a CSV or Parquet file, or an Arrow table.
            drift: told about what training never saw.
            all_cells: write what the model makes of every cell, those that have a value too.
            as_trained: whether columns get the types of training, as those of CSV do.
            csv: of a CSV file, how it is read, as ``load_data`` takes it.

        Raises:
            DataError: it is no table, or one without the model's columns.
        """
        if isinstance(source, str) and not is_table(source):
            require_there(source)
            raise DataError(
                f"{source} is no table, and the model was trained on one",
                hint="give a .csv or .parquet file with the columns of the training table",
            )
        self._autoencoder, self._all_cells, self._drift = autoencoder, all_cells, drift
        self.filled = Counter[str]()
        options = CsvOptions.of(csv or {})
        self._schema = trained = _schema(autoencoder).read_by(options)
        self.table = table = open_like_training(source, trained, options)
        trained.check_names(list(table.types), table.name, drift)
        self._types: dict[str, Any] = {}
        if table.textual or as_trained:
            self._types = filled_types(trained, table, every=all_cells)
            drift.retyped |= {
                name: (str(trained[name].given_type), str(type_))
                for name, type_ in self._types.items()
                if type_ != trained[name].given_type
            }

    @property
    def schema(self) -> Any:
        trained, types = self._schema, self.table.types
        empty = pa.table({name: pa.array([], type_) for name, type_ in types.items()})
        features = np.zeros((0, trained.width), np.float32)
        return filled_rows(trained, empty, features, types=self._types)[0].schema

    def rows(self, *, check_range: bool = False) -> Iterator:
        """The rows in order, in pyarrow.Tables.

        Args:
            check_range: refuse what :func:`narrows.model.ranges.require_familiar` does.

        Raises:
            DataError: a cell is none of its column's kind.
            UsageError: a column is in another unit.
        """
        row = 1
        blocks = (block for batch in self.table.batches() for _, block in row_blocks(batch))
        for block, after in pairwise(chain(blocks, [None])):
            name = _rows_name(row - 1, block.num_rows, is_all=row == 1 and after is None)
            with rows_named(self.table):
                made = _made(
                    self._autoencoder,
                    self._schema,
                    block,
                    row,
                    name,
                    drift=self._drift,
                    check_range=check_range,
                )
            rows, filled = filled_rows(
                self._schema,
                pa.Table.from_batches([block]),
                made,
                types=self._types,
                every=self._all_cells,
            )
            self.filled += filled
            unlearnt = bool(self.filled) and not _learnt_gaps(self._autoencoder)
            self._drift.unlearnt_gaps |= unlearnt
            yield rows
            row += block.num_rows


def _schema(autoencoder: TrainedAutoencoder) -> TableSchema:
    schema = autoencoder.trained.data.table
    assert schema is not None, "the model was trained on a table"
    return schema


def _learnt_gaps(autoencoder: TrainedAutoencoder) -> bool:
    """Whether the model was trained on rows with cells left out."""
    return (autoencoder.trained.training.noise or "").startswith("masking")


def _rows_name(first: int, count: int, *, is_all: bool) -> str:
    """What a block of rows is called."""
    return "the table" if is_all else f"rows {first:,} to {first + count - 1:,} of the table"


def _made(
    autoencoder: TrainedAutoencoder,
    schema: TableSchema,
    block: Any,
    row: int,
    name: str,
    *,
    drift: SchemaDrift,
    check_range: bool,
) -> np.ndarray:
    """What the model makes of the rows of a table or batch, read by ``schema`` and called ``name``:
    features (n, width)."""
    features = schema.encode_block(block, row, drift)
    if check_range:
        told = require_familiar_columns(schema, features, name, first=row - 1)
        drift.outside = told | drift.outside  # of one block: others would say much the same
    # a model that is told that a cell is missing would say so again
    return autoencoder.reconstruct(schema.masked(features))
