"""What any source of a table's rows offers."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from narrows.data.tables.cells import row_name
from narrows.errors import DataError


class TableSource(Protocol):
    """Where a table comes from.

    Attributes:
        name: what the user called it.
        types: the Arrow type of each column by name, in order.
        textual: whether every cell is a text whose type is still to be found out.
        frame: the kind of data frame it is; None for a file.
    """

    name: str
    types: dict[str, Any]
    textual: bool
    frame: str | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how it is read, all of it once it has been read."""
        ...

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Arrow record batches of all rows in order, of some columns only where they are named."""
        ...

    def frame_dtype(self, column: str) -> str | None:
        """The dtype that a column has in a pandas DataFrame."""
        ...


def row_names(source: TableSource) -> Callable[[int], str]:
    """What a row is called, the first of which is 1: of a CSV file by its line, of a table in many
    files by its place in one of them, of others by its number from 0."""
    named: Callable[[int], str] = getattr(source, "where", row_name)
    return named


@contextlib.contextmanager
def rows_named(source: TableSource) -> Iterator[None]:
    """Errors of the block that name a row of a table call it as :func:`row_names` does."""
    try:
        yield
    except DataError as error:
        if error.row is None:
            raise
        before, _, after = error.message.rpartition(f" {row_name(error.row)}")
        message = f"{before} {row_names(source)(error.row)}{after}"
        raise DataError(message, hint=error.hint) from error
