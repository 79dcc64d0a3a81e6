"""Tables as plain text, for terminals of any colour and width."""

import unicodedata
from collections.abc import Collection, Sequence
from html import escape

# So that the lines of a table stay within 100 characters.
_LONGEST = 28


class ShownAsText:
    """A result that notebooks show as terminals do, in its tables."""

    def text(self) -> str:
        """For people."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return f"<pre style='line-height: 1.3; overflow-x: auto'>{escape(self.text())}</pre>"


def cell_text(text: str, longest: int = _LONGEST) -> str:
    """A text from elsewhere, such as a column's name, as a cell: without line ends or anything else
    that moves a cursor, and cut where it is longer than ``longest`` letters."""
    plain = "".join(letter if letter.isprintable() else "·" for letter in text)
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def table_text(title: str, rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Rows of cells, the first of them the header, in aligned columns between rules.

    Args:
        title: stands above.
        rows: as many cells each.
        left: the numbers of the columns that are aligned to the left; the others are to the right.
    """
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            _padded(cell, width, number in left)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "─" * max(map(_width, lines))
    return "\n".join([title, rule, lines[0], rule, *lines[1:], rule])


def _padded(cell: str, width: int, left: bool) -> str:
    blanks = " " * (width - _width(cell))
    return cell + blanks if left else blanks + cell


def _width(text: str) -> int:
    """How many places a terminal gives a text: two for each wide letter, none for an accent."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )
