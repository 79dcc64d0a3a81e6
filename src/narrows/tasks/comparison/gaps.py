"""Whether a cell is missing, where its feature does not tell: in a column that had no missing cell
in training, the mean stands for one, and is that of a cell which holds the mean too."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from narrows.data.tables import Column, CsvOptions, SchemaDrift, TableSchema
from narrows.data.tables.cells import in_python
from narrows.data.tables.encoding import cells_to_numbers
from narrows.data.tables.reading import cells_of, row_blocks
from narrows.support.progress import Tracker
from narrows.tasks.comparison.parts import Origin
from narrows.tasks.loading import opened_table


def cells_that_features_hide(
    table: TableSchema, features: np.ndarray, rows: np.ndarray, origin: Origin, track: Tracker
) -> dict[str, dict[int, Any]]:
    """The cells of some rows whose features are those of the mean, by column and by place in
    ``rows``: as the source has them, None where they are missing.

    Args:
        table: made the features, (n, width).
        rows: where the rows are in their source, int (n,).
        origin: that source, a path or a data frame.

    Raises:
        DataError: it cannot be read any more.
    """
    hidden = {
        column.name: features[:, column.start] == 0
        for column in table.learnt
        if column.is_number and not column.missing
    }
    hidden = {name: of_mean for name, of_mean in hidden.items() if of_mean.any()}
    if not hidden:
        return {}
    as_read = table.read_by(CsvOptions.of(origin.csv))
    columns = [as_read[name] for name in hidden]
    held = _numbers(columns, rows, table, origin, track)
    return {
        column.name: {
            int(place): _cell(column, float(numbers[place]))
            for place in np.flatnonzero(hidden[column.name])
        }
        for column, numbers in zip(columns, held, strict=True)
    }


def _cell(column: Column, number: float) -> Any:
    """A number as a cell of its column, None for NaN; as it is where the type holds no such one."""
    cell = in_python(column.as_cells(np.array([number])))[0]
    is_cut = column.kind in ("numeric", "integer") and cell is not None and float(cell) != number
    return number if is_cut else cell


def _numbers(
    columns: Sequence[Column],
    rows: np.ndarray,
    table: TableSchema,
    origin: Origin,
    track: Tracker,
) -> np.ndarray:
    """What some columns hold in some rows of a source, float64 (columns, n), NaN where missing."""
    found, start, drift = np.full((len(columns), len(rows)), np.nan), 0, SchemaDrift()
    with (
        opened_table(origin.source, table, origin.csv) as source,
        track(f"reading {source.name}", total=None, unit="rows") as advance,
    ):
        for batch in source.batches([column.name for column in columns]):
            for _, block in row_blocks(batch):
                there = (rows >= start) & (rows < start + block.num_rows)
                for place, column in enumerate(columns if there.any() else ()):
                    cells = cells_of(block, column.name)
                    numbers = cells_to_numbers(column, cells, start + 1, drift)
                    found[place, there] = numbers[rows[there] - start]
                start += block.num_rows
                advance(block.num_rows)
            if start > rows.max():
                break
    return found
