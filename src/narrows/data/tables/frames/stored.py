"""A data frame as a source of tables that are archived: nothing of it is left out or changed."""

from collections.abc import Iterator, Sequence
from typing import Any

from narrows.data.tables.frames import frame_to_arrow
from narrows.data.tables.table_source import TableSource
from narrows.errors import DataError
from narrows.support.lazy_modules import pa

_BATCH_ROWS = 1 << 15


class ArrowSource(TableSource):
    """An Arrow table in batches."""

    name = "the table"

    def __init__(self, table: Any) -> None:
        self._table = table

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        table = self._table if columns is None else self._table.select(list(columns))
        # Arrow makes no batch of no rows, which has the categories all the same.
        yield from table.to_batches(_BATCH_ROWS) or [_no_rows(table)]


def _no_rows(table: Any) -> Any:
    """A table of no rows as a batch."""
    # the chunks, if there are any, have dictionaries; put together they would lose them
    arrays = [
        column.chunk(0) if column.num_chunks else column.combine_chunks()
        for column in table.columns
    ]
    return pa.record_batch(arrays, schema=table.schema)


class StoredFrame(ArrowSource):
    """What :func:`narrows.data.tables.frames.frame_to_arrow` makes of a data frame, in batches.

    Attributes:
        exact: columns of which no error may be asked, whatever their type.
    """

    def __init__(self, frame: Any) -> None:
        table, form = frame_to_arrow(frame)
        super().__init__(table)
        if not table.num_columns:
            raise DataError(f"{self.name} has no columns", hint="give a table with at least one")
        self.types = {each.name: each.type for each in table.schema}
        self.frame, self.frame_form = form.library, form
        names, count = list(self.types), form.index_columns
        index, columns = names[:count], names[count:]
        if form.library == "pandas" and form.shape == "frame":
            self.dtypes = dict(zip(columns, map(str, frame.dtypes), strict=True))
        entries = zip(columns, form.columns, strict=False)
        self.exact = frozenset(index) | {
            name for name, entry in entries if entry.get("kind") == "periods"
        }
