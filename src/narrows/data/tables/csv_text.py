"""What a CSV file is like before it is read, and what is wrong with it after reading failed."""

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from narrows.errors import DataError

#: Cells that are missing values, without the spaces around them.
NULLS = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "#N/A", "?")
_DELIMITERS = ",;\t|"
# Numbers that name columns count pixels or years: they do not leap.
_WIDEST_STEP = 100
# A file whose first row is longer than this is no table.
_LONGEST_ROW = 16 << 20


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is to be read.

    Attributes:
        delimiter: what stands between cells: the one of , ; | and tab that its first line has most.
        names: of its columns.
        header: whether the first row holds them; without one they are ``column_1`` and so on.
        blank: empty lines before the first row.
        encoding: of its text; a byte order mark is text.
    """

    delimiter: str
    names: tuple[str, ...]
    header: bool
    blank: int
    encoding: str = "utf-8"

    @property
    def written(self) -> tuple[str, ...]:
        """The names as they stand in the file."""
        return self.names


def examine(path: Path) -> CsvFormat:
    """Look at the first row of a CSV file.

    The first row holds names, unless it holds numbers that are no plausible ones (see
    :func:`_is_header`): then it is data, as in many files of the UCI repository.

    Raises:
        DataError: the file is empty or not UTF-8, or two columns have one name.
        OSError: it cannot be read.
    """
    try:
        with open_text(path) as lines:
            return _examine(lines, path)
    except UnicodeDecodeError as error:
        raise bad_encoding(path) from error
    except (EOFError, zlib.error, csv.Error) as error:
        raise DataError(
            f"{path} is damaged, or not CSV: {error}", hint="get the file again"
        ) from error


def _examine(lines: IO[str], path: Path) -> CsvFormat:
    blank = 0
    first = lines.readline(_LONGEST_ROW)
    while first and not first.strip("\r\n"):
        blank += 1
        first = lines.readline(_LONGEST_ROW)
    if not first:
        raise DataError(f"{path} is empty", hint="give a table with a row of names and rows")
    if "\0" in first:
        raise bad_encoding(path)
    delimiter = max(_DELIMITERS, key=first.count)
    row = next(csv.reader(itertools.chain([first], lines), delimiter=delimiter))
    cells = tuple(cell.strip(" \t") for cell in row)
    if not _is_header(cells):
        return CsvFormat(
            delimiter, tuple(f"column_{i + 1}" for i in range(len(cells))), False, blank
        )
    check_names(cells, str(path))
    return CsvFormat(delimiter, cells, True, blank)


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
                hint="give each column a name of its own, in the first line",
            )


def _is_header(cells: tuple[str, ...]) -> bool:
    """Whether a row may hold names: no numbers, or whole ones in steps of equal size, as in
    ``0,1,2`` or ``country,1990,2000,2010``."""
    numbers = [value for cell in cells if (value := _number(cell)) is not None]
    if not numbers:
        return True
    if any(number < 0 or number != int(number) for number in numbers):
        return False
    if len(numbers) == 1:
        return len(cells) > 1 or numbers == [0]
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    return len(steps) == 1 and 0 < min(steps) <= _WIDEST_STEP


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def open_text(path: Path) -> IO[str]:
    """The file's lines as text, unpacked if its name ends in .gz; a byte order mark is left out."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="")


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked if its name ends in .gz."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]
    return path.open("rb")


def explain(path: Path, form: CsvFormat, error: Exception) -> DataError:
    """What a user can do something about, where pyarrow could not read a file."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    try:
        if "UTF8" in reason:
            return bad_encoding(path)
        for line, count in _rows(path, form.delimiter):
            if count != len(form.names):
                return DataError(
                    f"{path} has {count} cell{'s' if count != 1 else ''} in line {line:,}, and "
                    f"{len(form.names)} in its first row",
                    hint="give every line as many cells; a cell that contains "
                    f"{form.delimiter!r} must stand in double quotes",
                )
    except UnicodeDecodeError:
        return bad_encoding(path)
    except (OSError, EOFError, zlib.error, csv.Error):
        pass
    return DataError(
        f"{path} cannot be read as CSV: {reason[:300]}",
        hint="the file may be damaged, or a double quote in it may never be closed",
    )


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, int]]:
    """The line, counted from 1, on which each row begins, and its number of cells."""
    with open_text(path) as lines:
        reader = csv.reader(lines, delimiter=delimiter)
        line = 1
        for row in reader:
            if row:
                yield line, len(row)
            line = reader.line_num + 1


def bad_encoding(path: Path) -> DataError:
    """Where a file stops being UTF-8."""
    place = ""
    with open_bytes(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode("utf-8")
                wrong = line.find(b"\0")
            except UnicodeDecodeError as error:
                wrong = error.start
            if wrong >= 0:
                place = f": byte {wrong + 1} of line {number:,} is 0x{line[wrong]:02x}"
                break
    return DataError(
        f"{path} is not text in UTF-8{place}",
        hint="save it again as UTF-8, for example with: iconv -f LATIN1 -t UTF-8 old.csv > new.csv",
    )
