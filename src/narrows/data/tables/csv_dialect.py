"""What a CSV file is like before it is read, and what is wrong with it after reading failed."""

import codecs
import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from narrows.data.tables import csv_layout as layout
from narrows.data.tables.csv_bytes import DAMAGE, bad_encoding, find_encoding, open_text, pieces_of
from narrows.data.tables.csv_options import CsvOptions
from narrows.errors import DataError
from narrows.support.number_text import count_of
from narrows.support.spelling import spelt

# Lines and letters that are looked at, and the longest line.
_LINES, _LETTERS, _LONGEST_ROW = 500, 1 << 20, 16 << 20


@dataclass(frozen=True, kw_only=True)
class CsvDialect:
    """How a CSV file is to be read.

    Attributes:
        delimiter: what stands between cells; " " is any number of blanks.
        names: of its columns.
        header: whether a row holds them; without one they are ``column_1`` and so on.
        skipped: lines above the first row of values: blank ones, titles, and the names.
        blank: rows above the names, or above the first row: blank lines and titles.
        encoding: of its text; a byte order mark is text.
        written: the names as they stand in the file; none without a header.
        loose: whether blanks stand before quotes, which then are quotes all the same.
        notes: what was found out that a user may not expect.
    """

    delimiter: str
    names: tuple[str, ...]
    header: bool
    skipped: int
    blank: int = 0
    encoding: str = "utf-8"
    written: tuple[str, ...] = ()
    loose: bool = False
    notes: tuple[str, ...] = ()

    @property
    def rewritten(self) -> bool:
        """Whether rows are split here, as nothing else splits such."""
        return self.loose or self.delimiter == " "


def examine(path: Path, options: CsvOptions | None = None) -> CsvDialect:
    """Look at the first lines of a CSV file, and at its encoding.

    The first row holds names, unless it holds numbers that are no plausible ones or texts that come
    again below: then it is data, as in many files of the UCI repository.

    Args:
        options: what the user says of it.

    Raises:
        DataError: the file is empty or no text, or two columns have one name.
        OSError: it cannot be read.
    """
    options = options or CsvOptions()
    try:
        encoding = options.encoding or find_encoding(path)
        encoding = _usual_name(encoding)
        with open_text(path, encoding) as file:
            dialect = _examine(file, path, options)
    except UnicodeError as error:
        if options.encoding and options.encoding.lower() not in ("utf-8", "utf8"):
            raise DataError(
                f"{path} is not text in {options.encoding}: {error}"[:300],
                hint="give another encoding, or leave it out",
            ) from error
        raise bad_encoding(path) from error
    except (OSError, csv.Error, *DAMAGE) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise DataError(
            f"{path} is damaged, or not CSV: {error}", hint="get the file again"
        ) from error
    dialect = replace(dialect, encoding=encoding)
    if options.encoding or encoding.startswith("utf-8"):
        return dialect
    note = f"{path} is no UTF-8, and read as {encoding}; {spelt('encoding')} says what it is"
    return replace(dialect, notes=(note, *dialect.notes))


def _usual_name(encoding: str) -> str:
    """The name of a codec under which the rest of narrows knows it."""
    usual = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
    name = codecs.lookup(encoding).name
    return {**usual, "iso8859-1": "latin-1"}.get(name, name)


def _first_lines(file: IO[str]) -> list[str]:
    lines: list[str] = []
    letters = 0
    while len(lines) < _LINES and letters < _LETTERS:
        line = file.readline(_LONGEST_ROW)
        if not line:
            break
        lines.append(line)
        letters += len(line)
    return lines


def _examine(file: IO[str], path: Path, options: CsvOptions) -> CsvDialect:
    lines = _first_lines(file)
    if any("\0" in line for line in lines):
        raise bad_encoding(path)
    skip = options.skip_rows or 0
    blank = sum(1 for _ in itertools.takewhile(lambda line: not line.strip("\r\n"), lines[skip:]))
    if len(lines) <= skip + blank:
        raise DataError(
            f"{path} is empty" if not skip else f"{path} has no lines behind the {skip:,} skipped",
            hint="give a table with a row of names and rows",
        )
    skip += blank
    notes: list[str] = []
    delimiter = options.delimiter
    if lines[skip].strip().lower().startswith("sep=") and len(lines[skip].strip()) == 5:
        delimiter = delimiter or lines[skip].strip()[4]
        skip += 1
    shown = [line for line in lines[skip:] if not line.startswith("#")] or lines[skip:]
    delimiter = delimiter or layout.find_delimiter(shown)
    rows = layout.rows_of(lines[skip:], delimiter)
    width = layout.width_of(rows)
    titles = 0 if options.skip_rows is not None else layout.title_rows(rows, width)
    names = None if options.header is False else layout.commented_names(rows, titles, width)
    rows, above = rows[titles:], rows[:titles]
    if above and names is None and any(not row.blank for row in above):
        first = next(row.first.strip() for row in above if not row.blank)
        notes.append(
            f"left out what stands above the table in {path}: "
            f"{count_of(rows[0].start, 'lines')}, the first of them {first[:60]!r}; "
            f"{spelt('skip_rows')} says how many"
        )
    skipped, written, header = rows[0].start, tuple[str, ...](), names is not None
    if names is None:
        cells, width = _fitting(rows)
        header = layout.looks_like_names(rows, cells) if options.header is None else options.header
        names = _named(cells) if header else tuple(f"column_{i + 1}" for i in range(width))
        if header:
            written, skipped = rows[0].cells, rows[0].stop
    if not header and options.header is None:
        notes.append(
            f"the first line of {path} is taken for data, as it holds what are no names: its "
            f"columns are called column_1 to column_{len(names)}; {spelt('header', True)} says "
            "that it holds names"
        )
    check_names(names, str(path))
    return CsvDialect(
        delimiter=delimiter,
        names=names,
        header=header,
        skipped=skip + skipped,
        blank=skip + titles,
        written=written,
        loose=_is_loose(lines[skip:], delimiter),
        notes=tuple(notes),
    )


def _fitting(rows: list[layout.Row]) -> tuple[tuple[str, ...], int]:
    """The cells of the first row, as many as the rows below have where it has more or fewer of
    nothing: a delimiter at the end of its line, or of theirs."""
    cells = rows[0].cells
    below = [row.cells for row in rows[1:] if not row.blank]
    counts = {len(row) for row in below}
    if len(counts) == 1:
        width = counts.pop()
        if width < len(cells) and not any(cells[width:]):
            return cells[:width], width
        if width == len(cells) + 1 and not any(row[-1] for row in below):
            return (*cells, ""), width
    return cells, len(cells)


def _named(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Names, with some for columns that have none: an only one in front may be without."""
    nameless = [index for index, cell in enumerate(cells) if not cell]
    if nameless in ([], [0]):
        return cells
    taken, names = set(cells), []
    for index, cell in enumerate(cells):
        name = cell or f"column_{index + 1}"
        while not cell and name in taken:
            name += "_"
        names.append(name)
    return tuple(names)


def _is_loose(lines: list[str], delimiter: str) -> bool:
    """Whether a quote that opens a cell stands behind a blank somewhere."""
    if delimiter in " \t":
        return False
    marks = (f'{delimiter} "', f'{delimiter}\t"', f'{delimiter}  "')
    if not any(mark in line for line in lines for mark in marks):
        return False
    strict = csv.reader(lines, delimiter=delimiter)
    return any(cell.lstrip(" \t").startswith('"') for row in strict for cell in row)


def check_names(names: tuple[str, ...], source: str) -> None:
    """Refuse two columns of one name.

    Raises:
        DataError: there are such.
    """
    twice = {name: names.count(name) for name in names} if len(set(names)) < len(names) else {}
    for name, count in twice.items():
        if count > 1:
            raise DataError(
                f"{source} has {count} columns with the name {name!r}",
                hint="give each column a name of its own, in the first line; or say "
                f"{spelt('header', False)}, if it holds none",
            )


def body(file: IO[str], dialect: CsvDialect) -> Iterator[str]:
    """The text below the names, in pieces; rewritten with commas where nothing else splits it."""
    _skip(file, dialect)
    return _rewritten(file, dialect) if dialect.rewritten else pieces_of(file)


def _skip(file: IO[str], dialect: CsvDialect) -> None:
    for _ in range(dialect.skipped):
        file.readline()


def _rewritten(file: IO[str], dialect: CsvDialect) -> Iterator[str]:
    reader = _reader(file, dialect)
    while rows := list(itertools.islice(reader, 4096)):
        yield "".join(",".join(map(_quoted, row)) + "\n" for row in rows)


def _quoted(cell: str) -> str:
    if any(letter in cell for letter in ',"\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _reader(lines: IO[str], dialect: CsvDialect) -> Any:
    if dialect.delimiter == " ":
        split = (line.replace("\t", " ").strip() + "\n" for line in lines)
        return csv.reader(split, delimiter=" ", skipinitialspace=True)
    return csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.loose)


def without_end(pieces: Iterator[str], delimiter: str, dropped: list[int]) -> Iterator[str]:
    """The same text without lines at its end that hold nothing but delimiters and blanks.

    Args:
        dropped: is given how many of them had any.
    """
    nothing = f"{delimiter} \t\r\n"
    held = ""
    for piece in pieces:
        text = held + piece
        kept = text.rstrip(nothing)
        # what follows the last value on its own line belongs to it
        held = text[len(kept) :]
        if kept:
            yield kept
    ends = [held.find(end) for end in "\r\n" if end in held]
    first = min(ends, default=len(held))
    yield held[: first + 1]
    dropped.append(sum(1 for line in held[first:].splitlines() if line))


def explain(path: Path, dialect: CsvDialect, error: Exception) -> DataError:
    """What a user can do something about, where pyarrow could not read a file."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    try:
        if "UTF8" in reason:
            return bad_encoding(path)
        for line, row in _rows(path, dialect):
            count = len(row)
            if any(cell.strip() for cell in row) and count != len(dialect.names):
                return DataError(
                    f"{path} has {count_of(count, 'cells')} in line {line:,}, and "
                    f"{len(dialect.names)} in its first row",
                    hint="give every line as many cells; a cell that contains "
                    f"{dialect.delimiter!r} must stand in double quotes; if the line is no part of "
                    f"the table, or the delimiter another one, say so with {spelt('skip_rows')}, "
                    f"{spelt('header', True)} or {spelt('delimiter')}",
                )
    except UnicodeError:
        return bad_encoding(path)
    except (OSError, csv.Error, *DAMAGE):
        pass
    return DataError(
        f"{path} cannot be read as CSV: {reason[:300]}",
        hint="the file may be damaged, or a double quote in it may never be closed",
    )


def _rows(path: Path, dialect: CsvDialect) -> Iterator[tuple[int, list[str]]]:
    """The rows of values, and the line, counted from 1, on which each begins."""
    with open_text(path, dialect.encoding) as lines:
        _skip(lines, dialect)
        reader = _reader(lines, dialect)
        line = dialect.skipped + 1
        for row in reader:
            yield line, row
            line = dialect.skipped + reader.line_num + 1


def line_of_row(path: Path, dialect: CsvDialect, row: int) -> int | None:
    """The line, counted from 1, on which row ``row`` of values (the first is 1) begins."""
    try:
        rows = (line for line, cells in _rows(path, dialect) if cells or len(dialect.names) == 1)
        return next(itertools.islice(rows, row - 1, None), None)
    except (OSError, UnicodeError, csv.Error, *DAMAGE):
        return None
