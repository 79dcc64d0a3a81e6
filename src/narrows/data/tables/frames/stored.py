"""A data frame as a source of tables that are archived: nothing of it is left out or changed."""

from collections.abc import Iterator, Sequence
from typing import Any

from narrows.data.tables.frames import frame_to_arrow
from narrows.errors import DataError

_BATCH_ROWS = 1 << 15


class StoredFrame:
    """What :func:`narrows.data.tables.frames.frame_to_arrow` makes of a data frame, in batches.

    Attributes:
        name, types, textual, frame, notes: as of :class:`narrows.data.tables.reading.TableSource`.
        form: what the Arrow table does not say.
        exact: columns of which no error may be asked, whatever their type.
    """

    textual = False
    notes: tuple[str, ...] = ()

    def __init__(self, frame: Any, name: str = "the table") -> None:
        self.name = name
        self._table, self.form = frame_to_arrow(frame)
        if not self._table.num_columns:
            raise DataError(f"{name} has no columns", hint="give a table with at least one")
        self.types: dict[str, Any] = {each.name: each.type for each in self._table.schema}
        self.frame: str | None = self.form.library
        count = self.form.index_columns
        dtypes = [""] * len(self.types)
        if self.form.library == "pandas" and self.form.shape == "frame":
            dtypes = [*dtypes[:count], *map(str, frame.dtypes)]
        self._dtypes = dict(zip(self.types, dtypes, strict=True))
        entries = dict(zip(list(self.types)[count:], self.form.columns, strict=False))
        self.exact = frozenset(list(self.types)[:count]) | {
            name for name, entry in entries.items() if entry.get("kind") == "periods"
        }

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Arrow record batches of all rows in order, of some columns only where they are named."""
        from narrows.data.tables.reading import no_rows

        table = self._table if columns is None else self._table.select(list(columns))
        # Arrow makes no batch of no rows, which has the categories all the same.
        yield from table.to_batches(_BATCH_ROWS) or [no_rows(table)]

    def frame_dtype(self, column: str) -> str | None:
        """The dtype that a column has in a pandas DataFrame."""
        return self._dtypes[column] or None
