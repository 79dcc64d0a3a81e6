"""Tables of a page, which show rounded numbers and give the whole ones as CSV."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from narrows.support.number_text import three_digits

Cell = str | int | float | None

_MOST_ROWS = 14


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a name for each row in its first column.

    Attributes:
        name: its CSV file's name, and behind ``table-`` its id in the page: letters, digits and
            hyphens.
        title: what it holds, with the unit.
        columns: their headings.
        rows: as many cells each; None is a gap.
        ours: the numbers of the rows to mark.
        source: what data and which version the figures come from, where the title does not say.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    ours: Collection[int] = ()
    source: str = ""

    @property
    def is_long(self) -> bool:
        """Whether a page had better fold it away."""
        return len(self.rows) > _MOST_ROWS

    def without_gaps(self) -> "Table":
        """The same without the columns that have nothing in them."""
        kept = [
            number
            for number in range(len(self.columns))
            if any(row[number] is not None for row in self.rows)
        ]
        return replace(
            self,
            columns=[self.columns[number] for number in kept],
            rows=[[row[number] for number in kept] for row in self.rows],
        )

    def is_text(self, column: int) -> bool:
        """Whether a column holds texts, which stand to the left: the first one, or one of texts."""
        cells = [row[column] for row in self.rows if row[column] is not None]
        return column == 0 or (bool(cells) and all(isinstance(cell, str) for cell in cells))

    def shown(self, cell: Cell) -> str:
        """A cell as people read it: whole numbers, and three significant digits of others."""
        if isinstance(cell, float):
            return three_digits(cell)
        return "–" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"

    def raw(self, cell: Cell) -> Markup:
        """The attribute that holds what a cell's text does not: a number in full, a gap."""
        if isinstance(cell, str):
            return Markup("")
        return Markup(' data-value="{}"').format("" if cell is None else repr(cell))
