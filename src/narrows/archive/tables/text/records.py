"""Rows of a CSV file as they stand there: the exact text of each cell and of each row."""

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from narrows.data.tables.csv_bytes import open_bytes
from narrows.data.tables.reading import CsvTable
from narrows.support.lazy_modules import pa, pc

# Bytes that are read at a time, and the most that one row, or an unclosed quote, may take.
_READ, _LONGEST = 4 << 20, 64 << 20
_ENDS = ("\n", "\r\n", "\r")


class IrregularText(Exception):
    """The file is not made of rows of as many cells each; the message says why."""


@dataclass(frozen=True)
class RawRows:
    """Some rows in order.

    Attributes:
        cells: of each column the texts as they stand there, quotes included: Arrow strings (n,).
        lines: of each row its whole text, line end included, and empty lines before it.
    """

    cells: list[Any]
    lines: Any


class RawCsv:
    """A CSV file, read from its first byte to its last as often as wanted.

    Attributes:
        head: what stands above the first row: names and empty lines.
        end: how the first line ends.
        tail: empty lines behind the last row; known once all rows have been read.
        digest: the SHA-256 of all bytes, and ``size`` their number; known then too.
    """

    def __init__(self, table: CsvTable) -> None:
        self._path, self._dialect, self._file = table.path, table.dialect, table.file
        self._token = _token(self._dialect.delimiter)
        self.head, self.end, self.tail = "", "\n", ""
        self.digest, self.size = "", 0

    def rows(self) -> Iterator[RawRows]:
        """All rows, some megabytes at a time.

        Raises:
            IrregularText: rows differ in their number of cells, or quotes are out of place.
            OSError: the file cannot be read.
        """
        text, first, lead = "", True, ""
        for piece, last in self._decoded():
            text += piece
            if first:
                start = self._head(text, last)
                if start is None:
                    continue
                self.head, text, first = text[:start], text[start:], False
            found, text = self._tokens(text, last)
            rows, lead = self._split(found, lead)
            if rows is not None:
                yield rows
        self.tail = lead

    def _decoded(self) -> Iterator[tuple[str, bool]]:
        """The file's text in pieces, and whether it is the last of them."""
        decoder = codecs.getincrementaldecoder(self._dialect.encoding)()
        hashed, size = hashlib.sha256(), 0
        try:
            with self._file.reading(), open_bytes(self._path) as stream:
                while content := stream.read(_READ):
                    hashed.update(content)
                    size += len(content)
                    yield decoder.decode(content), False
            yield decoder.decode(b"", True), True
        except UnicodeDecodeError as error:
            raise IrregularText("it is not all in one encoding") from error
        self.digest, self.size = hashed.hexdigest(), size

    def _head(self, text: str, last: bool) -> int | None:
        """Where the first row begins; None if more text is needed to tell."""
        place, cells = int(text.startswith("\ufeff")), list[str]()
        for _ in range(self._dialect.blank + self._dialect.header):
            cells, end = [], self._dialect.delimiter
            while self._parts(end):
                match = self._token.match(text, place)
                assert match is not None
                cell, end = match.groups()
                cells.append(cell)
                place = match.end()
            if not last and place >= len(text) - 1:
                _require_short(text)
                return None
            self.end = end or "\n"
        names = tuple(_content(cell) for cell in cells)
        if self._dialect.header and names != self._dialect.written:
            raise IrregularText("its first lines are more than names")
        if not self._dialect.header:
            blanks = "[ \t]*" if self._dialect.delimiter == " " else ""
            match = re.search(rf"{blanks}(?:\r\n|\n|\r)", text)
            self.end = match[0] if match else "\n"
        return place

    def _parts(self, end: str) -> bool:
        """Whether what ends a cell is followed by another one in the same row."""
        delimiter = self._dialect.delimiter
        return end == delimiter or (delimiter == " " and end != "" and not end.strip(" \t"))

    def _tokens(self, text: str, last: bool) -> tuple[list[tuple[str, str]], str]:
        """Cells of whole rows with what ends each, and the text that is left."""
        found = self._token.findall(text)
        if last:
            # behind the last line end, or the last cell, the pattern finds one more empty cell
            if found[-1] == ("", "") and (len(found) < 2 or not self._parts(found[-2][1])):
                found.pop()
            return found, ""
        keep = len(found) - 1
        if found and found[-2:-1] and found[-2][1] == "\r":
            keep -= 1  # a line feed may follow
        if '"' in text:
            keep = min(keep, _first_open(found))
        while keep and not _is_end(found[keep - 1][1]):
            keep -= 1
        used = sum(len(cell) + len(end) for cell, end in found[:keep])
        if not keep:
            _require_short(text)
        return found[:keep], text[used:]

    def _split(self, found: list[tuple[str, str]], lead: str) -> tuple[RawRows | None, str]:
        """Tokens as rows, and the empty lines behind the last of them."""
        count = len(self._dialect.names)
        if count > 1:
            found, before, lead = _without_empty_lines(found, lead)
        else:
            before = {}
        if not found:
            return None, lead
        cells, ends = map(list, zip(*found, strict=True))
        part = [all(map(self._parts, set(ends[column::count]))) for column in range(count)]
        last = any(map(self._parts, set(ends[count - 1 :: count])))
        if len(found) % count or not all(part[:-1]) or last:
            raise IrregularText("its rows differ in their number of cells")
        columns = [pa.array(cells[column::count], pa.string()) for column in range(count)]
        texts = [cell + end for cell, end in found]
        lines = ["".join(texts[at : at + count]) for at in range(0, len(texts), count)]
        for row, empty in before.items():
            lines[row] = empty + lines[row]
        for column in columns:
            _require_regular(column)
        return RawRows(columns, pa.array(lines, pa.large_string())), lead


def _token(delimiter: str) -> re.Pattern[str]:
    """A cell, and what ends it. A quoted cell may have line ends in it; what follows its quotes
    makes it one that is not. Where blanks part cells, those before a line end belong to that."""
    if delimiter == " ":
        cell = r'"[^"]*(?:""[^"]*)*"|[^ \t\r\n]*'
        return re.compile(rf"({cell})([ \t]*(?:\r\n|\n|\r)|[ \t]+|\Z)")
    blanks = " *" if delimiter == "\t" else "[ \t]*"
    delimiter = re.escape(delimiter)
    cell = rf'{blanks}"[^"]*(?:""[^"]*)*"{blanks}|[^{delimiter}\r\n]*'
    return re.compile(rf"({cell})({delimiter}|\r\n|\n|\r|\Z)")


def _is_end(end: str) -> bool:
    """Whether what ends a cell ends its line."""
    return end.lstrip(" \t") in _ENDS


def _without_empty_lines(
    found: list[tuple[str, str]], lead: str
) -> tuple[list[tuple[str, str]], dict[int, str], str]:
    """Tokens of rows, the empty lines before some of them, and those behind the last."""
    if not lead and not any(("", end) in found for end in _ENDS):
        return found, {}, ""
    kept, before, row, starts = [], dict[int, str](), 0, True
    for token in found:
        if starts and token[0] == "" and _is_end(token[1]):
            lead += token[1]
            continue
        if starts and lead:
            before[row], lead = lead, ""
        kept.append(token)
        starts = _is_end(token[1])
        row += starts
    return kept, before, lead


def _first_open(found: list[tuple[str, str]]) -> int:
    """The number of the first cell whose quotes are not closed."""
    for number, (cell, _) in enumerate(found):
        if '"' in cell and cell.lstrip(" \t").startswith('"') and cell.count('"') % 2:
            return number
    return len(found)


def _require_short(text: str) -> None:
    if len(text) > _LONGEST:
        raise IrregularText("a row of it is very long, or a quote in it is never closed")


def _require_regular(cells: Any) -> None:
    """Make sure that cells that begin with a quote are quoted whole."""
    begins = pc.match_substring_regex(cells, r'^[ \t]*"')
    if pc.any(begins).as_py():
        quoted = cells.filter(begins)
        whole = r'^[ \t]*"[^"]*(?:""[^"]*)*"[ \t]*$'
        if not pc.all(pc.match_substring_regex(quoted, whole)).as_py():
            raise IrregularText("quotes in it are out of place")


def _content(cell: str) -> str:
    """A name without its quotes and the blanks around it."""
    cell = cell.strip(" \t")
    if cell.startswith('"'):
        cell = cell[1:-1].replace('""', '"')
    return cell.strip(" \t")
