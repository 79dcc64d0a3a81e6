"""A CSV file as a table of typed columns, and how each of them is written."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from narrows.archive.tables.text.records import RawCsv, RawRows
from narrows.archive.tables.text.spelling import Spelling, form_of
from narrows.archive.tables.text.types import TypeFinder, typed
from narrows.data.tables.csv_dialect import CsvDialect
from narrows.data.tables.missing import MISSING_CELLS, is_missing_text, without_cells
from narrows.data.tables.reading import CsvTable
from narrows.data.tables.table_source import TableSource
from narrows.support.lazy_modules import pa, pc
from narrows.support.progress import Tracker, silent

# Raw rows of a file of up to so many bytes, unpacked, are kept from one reading to the next.
_KEPT = 32 << 20
# Of more cells that are written otherwise, a column is one of texts, which are what they are.
_MOST_OTHERS = 0.02
# Texts from which the form of a column's values is taken.
_LOOKED_AT = 2000


class SpelledCsv(TableSource):
    """A CSV file that is made of rows of as many cells each, which are typed already.

    Attributes:
        raw: the file's rows as they stand there.
        spellings: how each column is written, by its name.
    """

    dialect: CsvDialect

    def __init__(
        self, table: CsvTable, numbers: Container[str] = (), track: Tracker = silent
    ) -> None:
        """Read the file to find out what its columns hold.

        Args:
            table: what was found of it before.
            numbers: columns that hold numbers where they can, however these are written.

        Raises:
            IrregularText: it is not made of such rows.
            DataError: it changed while it was read.
            OSError: it cannot be read.
        """
        self.name, self.notes, self.dialect = table.name, table.notes, table.dialect
        self.raw = RawCsv(table)
        self._kept: list[RawRows] | None = []
        size = 0
        self._missing = table.options.missing
        scans = [_Scan(said=self._missing) for _ in self.dialect.names]
        with track(f"looking at {self.name}", total=None, unit="rows") as advance:
            for rows in self.raw.rows():
                size += rows.lines.nbytes
                if size > _KEPT:
                    self._kept = None
                elif self._kept is not None:
                    self._kept.append(rows)
                for scan, cells in zip(scans, rows.cells, strict=True):
                    scan.feed(cells)
                advance(len(rows.lines))
        self._columns = [scan.column() for scan in scans]
        self._settle(numbers)
        named = dict(zip(self.dialect.names, self._columns, strict=True))
        self.types = {name: column.type for name, column in named.items()}
        self.spellings = {name: column.spelling for name, column in named.items()}

    def raw_rows(self) -> Iterator[RawRows]:
        """All rows as they stand there, in order."""
        yield from self.raw.rows() if self._kept is None else self._kept

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        wanted = list(self.types if columns is None else columns)
        places = [self.dialect.names.index(name) for name in wanted]
        for rows in self.raw_rows():
            arrays = [self._columns[place].cells(rows.cells[place]) for place in places]
            yield pa.record_batch(arrays, names=wanted)

    def _settle(self, numbers: Container[str]) -> None:
        """Make texts of columns of which too much is written in another way than the rest, but for
        those that are to be ``numbers``."""
        others, total = [0] * len(self._columns), 0
        delimiter = self.dialect.delimiter
        for rows in self.raw_rows():
            total += len(rows.lines)
            for number, (column, cells) in enumerate(zip(self._columns, rows.cells, strict=True)):
                made = column.spelling.texts(column.cells(cells), delimiter)
                unlike = pc.not_equal(made, cells.cast(made.type))
                if self._missing:  # as which they are wanted, however each of them is written
                    unlike = pc.and_(unlike, pc.invert(_says_missing(cells, self._missing)))
                differ = pc.sum(unlike).as_py()
                others[number] += differ or 0
        for number, (name, count) in enumerate(zip(self.dialect.names, others, strict=True)):
            type_ = self._columns[number].type
            number_ = pa.types.is_integer(type_) or pa.types.is_floating(type_)
            if count > max(_MOST_OTHERS * total, 1) and not (number_ and name in numbers):
                self._columns[number] = self._columns[number].as_text(self._missing)


@dataclass(frozen=True)
class _Column:
    """How raw cells become typed ones, and back.

    Attributes:
        type: the Arrow type.
        spelling: how the cells are written.
        missing: what missing cells are, as they stand there.
    """

    type: Any
    spelling: Spelling
    missing: frozenset[str]

    def cells(self, raw: Any) -> Any:
        """The typed cells of raw ones."""
        if before := self.spelling.before:
            raw = pc.replace_substring_regex(raw, f"^{before}", "")
        absent = pc.is_in(raw, pa.array(sorted(self.missing), raw.type))
        texts = without_cells(_unquoted(raw), absent)
        return texts if self.type == pa.string() else typed(texts, self.type)

    def as_text(self, said: tuple[str, ...]) -> "_Column":
        """The column as one of texts, each as it stands there but for its quotes; of several ways
        to leave a cell out, the others are texts too, but for those that were ``said`` to be."""
        spelling = Spelling(
            self.spelling.before, self.spelling.quoted, self.spelling.missing.strip('"')
        )
        written = pa.array(sorted(self.missing), pa.string())
        wanted = written.filter(_says_missing(written, said)).to_pylist()
        return _Column(pa.string(), spelling, frozenset({spelling.missing, *wanted}))


@dataclass(kw_only=True)
class _Scan:
    """Takes a column's raw cells and finds out what they are."""

    said: tuple[str, ...] = ()
    types: TypeFinder = field(default_factory=TypeFinder)
    count: int = 0
    blanks: int = 0
    quoted: int = 0
    empty_quotes: int = 0
    present: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def feed(self, raw: Any) -> None:
        """The next cells."""
        self.count += len(raw)
        self.blanks += pc.sum(pc.starts_with(raw, " ")).as_py() or 0
        trimmed = pc.utf8_trim(raw, " \t")
        quoted = pc.starts_with(trimmed, '"')
        empty = pc.equal(trimmed, '""')
        absent = pc.is_in(trimmed, pa.array(MISSING_CELLS, trimmed.type))
        if self.said:
            absent = pc.or_(absent, _says_missing(raw, self.said))
        self.quoted += pc.sum(pc.and_not(quoted, empty)).as_py() or 0
        self.empty_quotes += pc.sum(empty).as_py() or 0
        for entry in pc.value_counts(pc.filter(raw, absent)).to_pylist():
            self.missing[entry["values"]] += entry["counts"]
        values = pc.filter(raw, pc.invert(pc.or_(absent, empty)))
        self.present += len(values)
        texts = pc.utf8_trim(_unquoted(values), " \t")
        self.types.add(texts)
        if len(self.texts) < _LOOKED_AT:
            self.texts += texts[:_LOOKED_AT].to_pylist()

    def column(self) -> _Column:
        """What the column is, after all cells."""
        before = " " if 2 * self.blanks > self.count else ""
        type_ = self.types.found
        missing = Counter[str]()
        for text, count in self.missing.items():
            missing[text.removeprefix(before)] += count
        quoted = 2 * self.quoted > self.present
        if type_ != pa.string() and self.empty_quotes:
            missing['""'] += self.empty_quotes
        written = missing.most_common(1)[0][0] if missing else ""
        form = form_of(self.texts, type_) if type_ != pa.string() else None
        return _Column(type_, Spelling(before, quoted, written, form), frozenset(missing))


def _says_missing(raw: Any, said: tuple[str, ...]) -> Any:
    """Which raw cells are one of the texts that were said to stand for missing values."""
    trimmed = pc.utf8_trim(raw, " \t")
    return is_missing_text(said, trimmed, _unquoted(trimmed))


def _unquoted(raw: Any) -> Any:
    """Raw cells without their quotes; those that have none are as they were."""
    quoted = pc.match_substring_regex(raw, r'^[ \t]*"')
    if not pc.any(quoted).as_py():
        return raw
    inner = pc.utf8_slice_codeunits(pc.utf8_trim(raw, " \t"), 1, -1)
    return pc.if_else(quoted, pc.replace_substring(inner, '""', '"'), raw)
