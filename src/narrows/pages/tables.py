"""Tables of a page, which show rounded numbers and give the whole ones as CSV."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from narrows.support.number_text import three_digits

Cell = str | int | float | None

_MOST_ROWS = 14
# So many columns a phone shows side by side; of more, each row stands there as lines.
_SIDE_BY_SIDE = 4
# Digits that the longest number of a column may have for all to have as many decimals.
_MOST_DIGITS = 6
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)


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

    @property
    def is_stacked(self) -> bool:
        """Whether a phone shows each row as lines of a heading and a cell."""
        return len(self.columns) > _SIDE_BY_SIDE

    def is_text(self, column: int) -> bool:
        """Whether a column holds texts, which stand to the left: the first one, or one of texts."""
        cells = [row[column] for row in self.rows if row[column] is not None]
        return column == 0 or (bool(cells) and all(isinstance(cell, str) for cell in cells))

    def shown(self) -> list[list[tuple[str, Markup]]]:
        """The rows as people read them: of each cell its text, and the attributes that hold what
        the text does not: a number in full, a gap, the decimals that others below it have."""
        texts = self.texts()
        return [
            [
                (texts[number][at], self._attributes(cell, number, texts[number], at))
                for number, cell in enumerate(row)
            ]
            for at, row in enumerate(self.rows)
        ]

    def texts(self) -> list[list[str]]:
        """What people read in the cells of each column."""
        return [_texts([row[number] for row in self.rows]) for number in range(len(self.columns))]

    def _attributes(self, cell: Cell, number: int, texts: Sequence[str], at: int) -> Markup:
        held = Markup("")
        if not isinstance(cell, str):
            held += Markup(' data-value="{}"').format("" if cell is None else repr(cell))
        if isinstance(cell, int | float) and not self.is_text(number):
            most = max(len(_decimals(text)) for text in texts)
            lacking = "." * (not _decimals(texts[at])) + "0" * (most - len(_decimals(texts[at])))
            held += Markup(' data-pad="{}"').format(lacking) if most and lacking else ""
        if self.is_stacked and number:
            held += Markup(' data-name="{}"').format(self.columns[number])
        return held


def _texts(cells: Sequence[Cell]) -> list[str]:
    """The cells of a column: whole numbers, and three significant digits of the smallest of others,
    with as many decimals in all where none becomes long by that. A 0 is one that is exact."""
    floats = [cell for cell in cells if isinstance(cell, float) and cell]
    decimals = max((len(_decimals(three_digits(cell))) for cell in floats), default=0)
    longest = max((len(f"{abs(cell):.0f}") for cell in floats), default=0)
    even = decimals if longest + decimals <= _MOST_DIGITS else None
    return [_text(cell, even) for cell in cells]


def _text(cell: Cell, decimals: int | None) -> str:
    if not isinstance(cell, float):
        return "–" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"
    return f"{cell:,.{decimals}f}" if cell and decimals is not None else three_digits(cell)


def _decimals(text: str) -> str:
    """The digits behind a number's point; none of one with an exponent."""
    return text.partition(".")[2] if "e" not in text else ""


def even_decimals(texts: Sequence[str | None]) -> list[str | None]:
    """Numbers that belong together with as many decimals each; other texts as they are.

    >>> even_decimals(["-118", "-118.06", None]), even_decimals(["1", "0.5", "cat"])
    (['-118.00', '-118.06', None], ['1', '0.5', 'cat'])
    """
    there = [text for text in texts if text is not None]
    if not all(_NUMBER.fullmatch(text) for text in there):
        return list(texts)
    most = max((len(_decimals(text)) for text in there), default=0)
    return [
        text
        if text is None or len(_decimals(text)) == most
        else text.partition(".")[0] + "." + _decimals(text).ljust(most, "0")
        for text in texts
    ]
