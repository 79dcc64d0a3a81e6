"""What any source of a table's rows offers."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from narrows.data.tables.cells import row_name
from narrows.data.tables.csv_dialect import CsvDialect
from narrows.data.tables.csv_options import CsvOptions
from narrows.data.tables.frames.form import Form
from narrows.errors import DataError


class TableSource(ABC):
    """Where a table comes from.

    Attributes:
        name: what the user called it.
        types: the Arrow type of each column by name, in order.
        textual: whether every cell is a text whose type is still to be found out.
        ignored: columns of types that are not learnt.
        notes: what a user should know of how it is read, all of it once it has been read.
        frame: the kind of data frame it is; None for a file.
        frame_form: what makes such a frame of the columns again.
        dtypes: those of the columns of a pandas DataFrame.
        options, dialect: what the user says of a CSV file, and how it is read.
    """

    name: str
    types: dict[str, Any]
    textual: bool = False
    ignored: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    frame: str | None = None
    frame_form: Form | None = None
    dtypes: Mapping[str, str] = MappingProxyType({})
    options: CsvOptions = CsvOptions()
    dialect: CsvDialect | None = None

    @abstractmethod
    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Arrow record batches of all rows in order, of some columns only where they are named."""

    @property
    def places(self) -> Any:
        """Where the rows of several files lie, once all have been read; None for one source."""
        return None

    def where(self, row: int) -> str:
        """What row ``row`` is called, the first of which is 1: of a CSV file by its line, of a
        table in many files by its place in one of them, of others by its number from 0."""
        return row_name(row)


@contextlib.contextmanager
def rows_named(source: TableSource) -> Iterator[None]:
    """Errors of the block that name a row of a table call it as :meth:`TableSource.where` does."""
    try:
        yield
    except DataError as error:
        if error.row is None:
            raise
        before, _, after = error.message.rpartition(f" {row_name(error.row)}")
        message = f"{before} {source.where(error.row)}{after}"
        raise DataError(message, hint=error.hint) from error
