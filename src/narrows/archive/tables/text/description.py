"""What an archive says of the text of a CSV file, and the text that it makes of cells."""

import json
import lzma
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from narrows.archive.tables.text.file import SpelledCsv
from narrows.archive.tables.text.spelling import MOST_DECIMALS, Spelling, is_spelled
from narrows.archive.validation import damaged, whole_number
from narrows.archive.validation import field as entry_of
from narrows.support.lazy_modules import pa, pc

#: The part that holds lines which are written otherwise than the rest.
PART = "lines"
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp1252", "latin-1")
_ENDS = ("\n", "\r\n", "\r")
_MOST_HEAD, _MOST_TAIL = 1 << 20, 1 << 16
# Lines that are kept as they stand may be so much of a file, so many letters, and so many bytes of
# JSON: beyond, its values alone are kept.
_MOST_KEPT, _ALWAYS_KEPT, _MOST_LETTERS, _MOST_JSON = 0.05, 1 << 12, 1 << 26, 1 << 28
_DIGITS, _LONGEST_CELL = 6, 64


@dataclass(frozen=True)
class Whole:
    """What makes the text exact.

    Attributes:
        sha256: of all bytes of the file; unpacked, where it was packed.
        size: how many there are.
        tail: empty lines behind the last row.
        lines: rows, by number, that are written otherwise than the rest, line ends included.
    """

    sha256: str
    size: int
    tail: str = ""
    lines: Mapping[int, str] = field(default_factory=dict)

    def json(self) -> bytes:
        """The lines as JSON."""
        before, entries = 0, []
        for row, text in self.lines.items():
            entries.append([row - before, text])
            before = row
        text = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass")

    def part(self) -> bytes:
        """The lines as they are kept."""
        return lzma.compress(self.json(), preset=6)


@dataclass(frozen=True, kw_only=True)
class CsvText:
    """How the rows of a table become the text of the CSV file that they came from.

    Attributes:
        encoding: one of ENCODINGS.
        delimiter: what stands between cells.
        end: how a line ends.
        head: what stands above the first row, a byte order mark included.
        spellings: how each column is written.
        whole: what makes the text exact; None where only the values are.
        reason: why it is None, in half a sentence.
    """

    encoding: str
    delimiter: str
    end: str
    head: str
    spellings: tuple[Spelling, ...]
    whole: Whole | None = None
    reason: str = ""

    def beginning(self) -> bytes:
        """What stands above the first row."""
        return self.head.encode(self.encoding)

    def rows(self, table: Any, first: int) -> bytes:
        """Rows, the first of which has the number ``first``, as text."""
        lines = self.lines(table).to_pylist()
        if self.whole is not None and self.whole.lines:
            for place in range(len(lines)):
                lines[place] = self.whole.lines.get(first + place, lines[place])
        return "".join(lines).encode(self.encoding)

    def ending(self) -> bytes:
        """What stands behind the last row."""
        return self.whole.tail.encode(self.encoding) if self.whole is not None else b""

    def lines(self, table: Any) -> Any:
        """Each row of an Arrow table with its line end, as the columns' spellings have it."""
        cells = [
            spelling.texts(column.combine_chunks(), self.delimiter)
            for spelling, column in zip(self.spellings, table.columns, strict=True)
        ]
        text = pa.large_string()
        joined = pc.binary_join_element_wise(*cells, pa.scalar(self.delimiter, text))
        return pc.binary_join_element_wise(joined, pa.scalar(self.end, text), pa.scalar("", text))


class Rows:
    """Rows that come in pieces, taken any number at a time.

    Args:
        pieces: Arrow tables, or arrays.
        joined: makes one of several.
    """

    def __init__(self, pieces: Iterator[Any], joined: Callable[[list[Any]], Any]) -> None:
        self.rest, self._joined = pieces, joined
        self._waiting = list[Any]()

    def take(self, count: int) -> Any:
        """The next ``count`` rows; None if there are not so many."""
        while sum(map(len, self._waiting)) < count:
            piece = next(self.rest, None)
            if piece is None:
                return None
            self._waiting.append(piece)
        joined = self._joined(self._waiting)
        self._waiting = [joined.slice(count)]
        return joined.slice(0, count)


class Comparison:
    """Compares the text that is made of a file's rows with the file, group by group."""

    def __init__(self, text: CsvText, source: SpelledCsv) -> None:
        self._text, self._source = text, source
        self._rows = Rows((rows.lines for rows in source.raw_rows()), pa.concat_arrays)
        self._row, self._letters, self._lines = 0, 0, dict[int, str]()
        self._others = 0

    def add(self, group: Any) -> None:
        """Compare the next rows, an Arrow table."""
        made, lines = self._text.lines(group), self._rows.take(group.num_rows)
        for place in pc.indices_nonzero(pc.not_equal(made, lines)).to_pylist():
            line = lines[place].as_py()
            self._letters += len(line)
            self._others += 1
            if self._letters <= _MOST_LETTERS:
                self._lines[self._row + place] = line
        self._row += group.num_rows

    def result(self) -> CsvText:
        """The description, exact where the text can be made again at little cost."""
        raw = self._source.raw
        for lines in self._rows.rest:  # to the end, for the file's digest
            assert not len(lines)
        if len(raw.tail) > _MOST_TAIL:
            return replace(self._text, reason="there are too many empty lines below its rows")
        whole = Whole(raw.digest, raw.size, raw.tail, self._lines)
        most = min(max(_MOST_KEPT * raw.size, _ALWAYS_KEPT), _MOST_LETTERS)
        if self._letters > most or len(whole.json()) > _MOST_JSON:
            share = self._others / max(self._row, 1)
            reason = f"{share:.0%} of its lines are not written as the others are"
            return replace(self._text, reason=reason)
        return replace(self._text, whole=whole)


def description(source: SpelledCsv, bounds: Mapping[str, float]) -> CsvText:
    """How a CSV file is written, of whose columns some are kept within a bound."""
    spellings = [
        # values that are not those of the file get all their digits, or might be beyond the bound
        replace(spelling, form={"whole": False}) if bounds[name] and spelling.form else spelling
        for name, spelling in source.spellings.items()
    ]
    raw, dialect = source.raw, source.dialect
    return CsvText(
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
        end=raw.end,
        head=raw.head,
        spellings=tuple(spellings),
    )


def is_kept(text: CsvText) -> bool:
    """Whether a text is written in a way that archives keep: what is written is read again."""
    end = text.end.lstrip(" \t") in _ENDS and len(text.end) <= _LONGEST_CELL
    missing = all(len(spelling.missing) <= _LONGEST_CELL for spelling in text.spellings)
    known = text.encoding in ENCODINGS and len(text.delimiter) == 1
    return known and end and missing and len(text.head) <= _MOST_HEAD


def to_header(text: CsvText) -> dict[str, Any]:
    """What a header says of it."""
    header: dict[str, Any] = {
        "encoding": text.encoding,
        "delimiter": text.delimiter,
        "end": text.end,
        "head": text.head,
        "columns": [_spelling_to_header(spelling) for spelling in text.spellings],
    }
    if text.whole is None:
        return {**header, "reason": text.reason}
    whole = text.whole
    return {
        **header,
        "sha256": whole.sha256,
        "bytes": whole.size,
        "tail": whole.tail,
        "lines": len(whole.lines),
    }


def _spelling_to_header(spelling: Spelling) -> dict[str, Any]:
    entry: dict[str, Any] = {"missing": spelling.missing}
    if spelling.before:
        entry["before"] = spelling.before
    if spelling.quoted:
        entry["quoted"] = True
    if spelling.form:
        entry["form"] = dict(spelling.form)
    return entry


def from_header(entry: Any, types: Sequence[Any], name: str) -> CsvText:
    """What a header, which may be a stranger's, says of a CSV file: all but its lines, which
    :func:`with_lines` reads.

    Args:
        types: of the table's columns.
        name: the archive, for messages.

    Raises:
        ArchiveError: it says what cannot be.
    """
    if not isinstance(entry, dict):
        raise damaged(name, "its header does not say how its text is written")
    encoding, delimiter, end = (
        entry_of(entry, key, str, name) for key in ("encoding", "delimiter", "end")
    )
    head = entry_of(entry, "head", str, name)
    entries = entry_of(entry, "columns", list, name)
    if len(entries) != len(types) or not all(map(is_spelled, types)):
        raise damaged(name, "its header says how other columns are written")
    spellings = tuple(_spelling_from_header(each, name) for each in entries)
    text = CsvText(encoding=encoding, delimiter=delimiter, end=end, head=head, spellings=spellings)
    if not is_kept(text):
        raise damaged(name, "its header does not say how its text is written")
    if "sha256" not in entry:
        return replace(text, reason=entry_of(entry, "reason", str, name)[:200])
    tail, sha256 = entry_of(entry, "tail", str, name), entry_of(entry, "sha256", str, name)
    size = whole_number(entry.get("bytes"), 0, 1 << 62, "the length of its text", name)
    if len(tail) > _MOST_TAIL:
        raise damaged(name, "its header has too much text")
    return replace(text, whole=Whole(sha256, size, tail))


def with_lines(
    text: CsvText, entry: Mapping[str, Any], *, rows: int, part: bytes, most: float, name: str
) -> CsvText:
    """The same with the lines that are written otherwise than the rest.

    Args:
        entry: what the header says, which was ``text``.
        rows: how many the table has.
        part: the bytes of the part PART; none where there is no such part.
        most: how many bytes of JSON are read.
        name: the archive, for messages.

    Raises:
        ArchiveError: there are no such lines.
    """
    if text.whole is None:
        return text
    count = whole_number(entry.get("lines"), 0, rows, "a number of lines", name)
    lines = _lines_of(part, count, rows, int(min(most, _MOST_JSON)), name) if count else {}
    return replace(text, whole=replace(text.whole, lines=lines))


def _lines_of(part: bytes, count: int, rows: int, most: int, name: str) -> dict[int, str]:
    entries: Any = None
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 28)
    try:
        content = unpacker.decompress(part, most)
        entries = json.loads(content.decode("utf-8", "surrogatepass")) if unpacker.eof else None
    except (lzma.LZMAError, ValueError, RecursionError) as error:
        raise damaged(name, f"its lines cannot be unpacked: {error}") from error
    if not isinstance(entries, list) or len(entries) != count:
        raise damaged(name, "its lines are not as many as it says")
    lines, row = dict[int, str](), 0
    for place, each in enumerate(entries):
        if not (isinstance(each, list) and len(each) == 2 and isinstance(each[1], str)):
            raise damaged(name, "its lines are none")
        row += whole_number(each[0], min(place, 1), rows, "the number of a line", name)
        if row >= rows:
            raise damaged(name, "it has lines of rows that there are not")
        lines[row] = each[1]
    return lines


def _spelling_from_header(entry: Any, name: str) -> Spelling:
    if not isinstance(entry, dict):
        raise damaged(name, "its header does not say how a column is written")
    missing, before = entry_of(entry, "missing", str, name), entry.get("before", "")
    form, quoted = entry.get("form", {}), entry.get("quoted", False)
    good = before in ("", " ") and isinstance(quoted, bool)
    if not good or not isinstance(form, dict) or not _is_form(form):
        raise damaged(name, "its header does not say how a column is written")
    return Spelling(before, quoted, missing, form or None)


def _is_form(form: Mapping[str, Any]) -> bool:
    """Whether values can be written so."""
    words = form.get("words", ["", ""])
    numbers = ((form.get("decimals", 0), 0, MOST_DECIMALS), (form.get("digits", 0), -1, _DIGITS))
    return (
        set(form) <= {"words", "decimals", "whole", "separator", "digits", "zone"}
        and isinstance(words, list)
        and len(words) == 2
        and all(isinstance(word, str) and len(word) <= _LONGEST_CELL for word in words)
        and all(type(number) is int and low <= number <= high for number, low, high in numbers)
        and form.get("whole", False) in (True, False)
        and form.get("separator", "T") in ("T", " ")
        and form.get("zone", "") in ("", "Z", "+00:00")
    )
