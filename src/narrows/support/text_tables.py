"""Tables of texts: plain, for terminals of any colour and width, and as HTML, for notebooks."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

# So that the lines of a table stay within 100 characters.
_LONGEST = 28


# Colours are the notebook's own, whether it is light or dark.
_LOOK = """
.narrows-result { overflow-x: auto; line-height: 1.35; }
.narrows-result table {
  border-collapse: collapse; margin: 0.5em 0; font-variant-numeric: tabular-nums;
}
.narrows-result caption {
  caption-side: top; padding: 0.3em 0; color: inherit; font-weight: 600; text-align: left;
}
.narrows-result th, .narrows-result td {
  border: 0; padding: 0.2em 0.7em; color: inherit; background: none; font-weight: 400;
  text-align: right; white-space: nowrap;
}
.narrows-result thead th { border-bottom: 1px solid; font-weight: 600; vertical-align: bottom; }
.narrows-result tbody th { font-weight: 600; }
.narrows-result .text { text-align: left; }
.narrows-result p { margin: 0.3em 0; white-space: pre-line; }
"""


@dataclass(frozen=True)
class TextTable:
    """Rows of cells under a title.

    Attributes:
        title: stands above; empty for none.
        rows: as many cells each, the first of them the header.
        left: the numbers of the columns that are aligned to the left; the others are to the right.
    """

    title: str
    rows: Sequence[Sequence[str]]
    left: Collection[int] = (0,)

    def text(self) -> str:
        """In aligned columns between rules."""
        widths = [max(map(_width, column)) for column in zip(*self.rows, strict=True)]
        lines = [
            "  ".join(
                _padded(cell, width, number in self.left)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in self.rows
        ]
        rule = "─" * max(map(_width, lines))
        return "\n".join([self.title, rule, lines[0], rule, *lines[1:], rule])

    def html(self) -> str:
        """As a table element, whose first column has the names of the rows."""
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        header, *lines = self.rows
        body = [self._cell(0, row[0], "row") + self._cells(row[1:], 1) for row in lines]
        return (
            f"<table>{caption}<thead><tr>{self._cells(header, 0, 'col')}</tr></thead>"
            f"<tbody>{''.join(f'<tr>{line}</tr>' for line in body)}</tbody></table>"
        )

    def _cells(self, texts: Sequence[str], first: int, scope: str = "") -> str:
        return "".join(self._cell(number, text, scope) for number, text in enumerate(texts, first))

    def _cell(self, number: int, text: str, scope: str = "") -> str:
        kind = " class='text'" if number in self.left else ""
        element, scoped = ("th", f" scope='{scope}'") if scope else ("td", "")
        return f"<{element}{kind}{scoped}>{escape(text)}</{element}>"


#: What a result says: tables and lines of text; an empty text parts what stands before it from
#: what comes behind.
Told = Sequence[TextTable | str]


def told_text(told: Told) -> str:
    """Tables and lines for a terminal."""
    return "\n".join(each if isinstance(each, str) else each.text() for each in told)


def told_html(told: Told) -> str:
    """The same for a notebook."""
    parts = [
        f"<p>{escape(each)}</p>" if isinstance(each, str) else each.html() for each in told if each
    ]
    return f"<div class='narrows-result'><style>{_LOOK}</style>{''.join(parts)}</div>"


class Shown:
    """A result that terminals and notebooks show in its tables."""

    def told(self) -> Told:
        """Its tables, and what is said beside them."""
        raise NotImplementedError

    def text(self) -> str:
        """For people."""
        return told_text(self.told())

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return told_html(self.told())


def cell_text(text: str, longest: int = _LONGEST) -> str:
    """A text from elsewhere, such as a column's name, as a cell: without line ends or anything else
    that moves a cursor, and cut where it is longer than ``longest`` letters."""
    return cut_to("".join(letter if letter.isprintable() else "·" for letter in text), longest)


def cut_to(text: str, longest: int) -> str:
    """At most so many letters of a text, of which the last says that there were more."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _padded(cell: str, width: int, left: bool) -> str:
    blanks = " " * (width - _width(cell))
    return cell + blanks if left else blanks + cell


def _width(text: str) -> int:
    """How many places a terminal gives a text: two for each wide letter, none for an accent."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )
