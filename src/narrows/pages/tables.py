"""Tables of a page, which show rounded numbers and give the whole ones as CSV."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from narrows.support.number_text import fixed, three_digits

Cell = str | int | float | None

_MOST_ROWS = 14
# So many columns a phone shows side by side; of more, each row stands there as lines.
_SIDE_BY_SIDE = 4
# Digits that the longest number of a column may have for all to have as many decimals.
_MOST_DIGITS = 6
# Numbers below it have an exponent there.
_SMALL = 1e-4
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
        decimals: of columns of one measure, such as R², how many all of their numbers have.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    ours: Collection[int] = ()
    decimals: Mapping[str, int] = field(default_factory=dict)

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
        return [
            _texts([row[number] for row in self.rows], self.decimals.get(name))
            for number, name in enumerate(self.columns)
        ]

    def _attributes(self, cell: Cell, number: int, texts: Sequence[str], at: int) -> Markup:
        held = Markup("")
        if not isinstance(cell, str):
            held += Markup(' data-value="{}"').format("" if cell is None else repr(cell))
        if isinstance(cell, int | float) and not self.is_text(number):
            longest = max(map(_from_point, texts), key=len)
            lacking = re.sub(r"\d", "0", longest[len(_from_point(texts[at])) :])
            held += Markup(' data-pad="{}"').format(lacking) if lacking else ""
        if self.is_stacked and number:
            held += Markup(' data-name="{}"').format(self.columns[number])
        return held


def _texts(cells: Sequence[Cell], decimals: int | None) -> list[str]:
    """The cells of a column: whole numbers, and of others as many decimals as are asked for; else
    three significant digits of the smallest, with as many decimals in all where none becomes long
    by that. A 0 is then one that is exact."""
    if decimals is not None:
        return [_text(cell, decimals) for cell in cells]
    floats = [cell for cell in cells if isinstance(cell, float) and cell]
    most = max((len(_from_point(_three_digits(cell))) - 1 for cell in floats), default=0)
    longest = max((len(f"{abs(cell):.0f}") for cell in floats), default=0)
    even = max(most, 0) if longest + most <= _MOST_DIGITS else None
    return [_text(cell, even if cell else None) for cell in cells]


def _text(cell: Cell, decimals: int | None) -> str:
    if not isinstance(cell, float):
        return "–" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"
    return _three_digits(cell) if decimals is None else fixed(cell, decimals)


def _three_digits(value: float) -> str:
    """A number with three significant digits, as short as it can be: with an exponent where many
    zeros would come first."""
    return f"{value:.2e}" if 0 < abs(value) < _SMALL else three_digits(value)


def _from_point(text: str) -> str:
    """What stands from a number's point on, which is below that of the numbers above it."""
    return "".join(text.partition(".")[1:])


def is_plain_number(text: str) -> bool:
    """Whether a text is a number of digits and perhaps decimals, without an exponent."""
    return _NUMBER.fullmatch(text) is not None


def even_decimals(texts: Sequence[str | None]) -> list[str | None]:
    """Numbers that belong together with as many decimals each; other texts as they are.

    >>> even_decimals(["-118", "-118.06", None]), even_decimals(["1", "0.5", "cat"])
    (['-118.00', '-118.06', None], ['1', '0.5', 'cat'])
    """
    there = [text for text in texts if text is not None]
    if not all(map(is_plain_number, there)):
        return list(texts)
    most = max((len(_from_point(text)) for text in there), default=0)
    return [
        text
        if text is None or len(_from_point(text)) == most
        else text.partition(".")[0] + (_from_point(text) or ".").ljust(most, "0")
        for text in texts
    ]
