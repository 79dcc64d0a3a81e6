"""What an archive of a table costs, column by column."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from narrows.archive.tables.text.description import CsvText


@dataclass(frozen=True, kw_only=True)
class ColumnSize:
    """Where a column's bytes are.

    Attributes:
        name: the column's.
        type: its Arrow type, as text.
        bound: the largest error that was allowed, 0 for exact.
        methods: how its values are coded, and how many groups of rows so.
        size: its bytes in all groups, with its share of what columns take together.
        largest_error: as measured; None where it is not known any more.
    """

    name: str
    type: str
    bound: float
    methods: Mapping[str, int]
    size: int
    largest_error: float | None = None


@dataclass(frozen=True, kw_only=True)
class TableSizeBreakdown:
    """Where the bytes of an archive are.

    Attributes:
        rows: how many the table has.
        groups: how many groups of rows.
        sizes: bytes by part, ``header`` first; together they are the file.
        columns: each column's share.
        notes: what a user should know of how the table was read.
        seconds: for everything; None where it is not known any more.
        seconds_back: for decoding all groups.
        text_exact: of a CSV file, whether its text comes back byte for byte; None for other tables.
        text_reason: why it does not, in half a sentence.
    """

    rows: int
    groups: int
    sizes: Mapping[str, int]
    columns: tuple[ColumnSize, ...]
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    seconds_back: float | None = None
    text_exact: bool | None = None
    text_reason: str = ""

    def with_text(self, text: CsvText) -> "TableSizeBreakdown":
        """The same of a CSV file's archive."""
        return replace(self, text_exact=text.whole is not None, text_reason=text.reason)

    @property
    def total(self) -> int:
        """Bytes of the whole archive."""
        return sum(self.sizes.values())
