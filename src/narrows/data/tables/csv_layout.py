"""What the first lines of a CSV file say of it: delimiter, names, and what stands above them."""

import csv
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

#: What stands between cells, where nobody says it; a blank stands for any number of them.
DELIMITERS = ",;\t|"
# Numbers that name columns count pixels or years: they do not leap.
_WIDEST_STEP = 100
_YEARS = range(1500, 2201)
# Lines above the names that are passed over, at most.
_MOST_TITLES = 50
_COMMENTS = ("#", "%", "//")


@dataclass(frozen=True)
class Row:
    """A row of the first lines of a file.

    Attributes:
        start: lines of the file before it.
        stop: lines up to its end.
        cells: without the blanks around them.
        first: its first line, as it is.
    """

    start: int
    stop: int
    cells: tuple[str, ...]
    first: str

    @property
    def blank(self) -> bool:
        return not any(self.cells)


def rows_of(lines: Sequence[str], delimiter: str) -> list[Row]:
    """The rows that some lines are; the last one may be cut."""
    rows = []
    if delimiter == " ":
        split = (line.replace("\t", " ").strip() for line in lines)
        reader = csv.reader(split, delimiter=" ", skipinitialspace=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    start = 0
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            rows.append(Row(start, reader.line_num, stripped, lines[start]))
            start = reader.line_num
    except csv.Error:
        pass  # such as a cell that is too long: what is there has to do
    return rows


def find_delimiter(lines: Sequence[str]) -> str:
    """What stands between cells: what makes as many of them in most rows, quotes respected."""
    best, delimiter = (0.0, 0.0, 0), ","
    rivals = all(any(sign in line for line in lines[:50]) for sign in ";,")
    for candidate in DELIMITERS:
        if not any(candidate in line for line in lines):
            continue
        rows = [row for row in rows_of(lines, candidate) if not row.blank]
        counts = Counter(len(row.cells) for row in rows)
        counts.pop(1, None)
        if not counts:
            continue
        width, alike = counts.most_common(1)[0]
        # a decimal comma makes cells too, of which the names know nothing
        numbers = _share_of_numbers(rows, width) if rivals else 0.0
        found = (round(alike / len(rows), 1), numbers, width)
        if found > best:
            best, delimiter = found, candidate
    if best[0] < 0.5 and lines:
        present = [each for each in DELIMITERS if each in lines[0]]
        delimiter = max(present, key=lines[0].count) if present else delimiter
        if not present and _is_spaced(lines):
            return " "
    return delimiter


def _share_of_numbers(rows: Sequence[Row], width: int) -> float:
    """The share of rows without a cell that is a number with a decimal comma cut in two."""
    alike = [row.cells for row in rows if len(row.cells) == width][:100]
    decimal = sum(any(_decimal_comma(cell) for cell in cells) for cells in alike)
    return round(decimal / max(len(alike), 1), 1)


def _decimal_comma(cell: str) -> bool:
    whole, comma, decimals = cell.lstrip("+-").partition(",")
    return bool(comma) and whole.isdecimal() and decimals.isdecimal()


def _is_spaced(lines: Sequence[str]) -> bool:
    counts = {len(line.split()) for line in lines[:200] if line.strip()}
    if counts and min(counts) > 1 and len(counts) == 1 and len(lines) > 1:
        # a text with spaces is one column of texts: most words of a table's rows are numbers
        words = [word for line in lines[:200] for word in line.split()]
        numbers = sum(parsed_number(word) is not None or word == "?" for word in words)
        return numbers > 0.5 * len(words)
    return False


def width_of(rows: Sequence[Row]) -> int:
    """How many cells most rows have."""
    counts = Counter(len(row.cells) for row in rows if not row.blank)
    return counts.most_common(1)[0][0] if counts else 0


def title_rows(rows: Sequence[Row], width: int) -> int:
    """How many rows stand above the names: titles, comments and blank lines."""
    for index, row in enumerate(rows[:_MOST_TITLES]):
        if row.blank or row.first.startswith(_COMMENTS):
            continue
        filled = sum(1 for cell in row.cells if cell)
        following = [each for each in rows[index + 1 :] if not each.blank][:3]
        cut = len(row.cells) != width or (filled == 1 and row.cells[0] != "")
        fits = len(following) >= 2 and all(len(each.cells) == width for each in following[1:])
        short = filled == 1 or (filled < width / 2 and filled < 4)
        if cut and short and width > 1 and (fits or filled == 1) and len(following) >= 2:
            continue
        return index
    return 0


def commented_names(rows: Sequence[Row], titles: int, width: int) -> tuple[str, ...] | None:
    """The names that a line such as ``# a, b`` holds just above a first row of numbers."""
    above = [row for row in rows[:titles] if not row.blank]
    numbers = any(parsed_number(cell) is not None for cell in rows[titles].cells)
    if not above or width < 2 or not numbers:
        return None
    last = above[-1]
    cells = (last.cells[0].lstrip("#%/ \t"), *last.cells[1:])
    if last.first.startswith(_COMMENTS) and cells[0] == "":
        cells = cells[1:]
    is_names = len(cells) == width and all(cells) and len(set(cells)) == width
    return cells if is_names and all(parsed_number(cell) is None for cell in cells) else None


def looks_like_names(rows: Sequence[Row], cells: tuple[str, ...]) -> bool:
    """Whether a first row may hold names: no numbers but such as count pixels or years, and no
    texts that come again below."""
    numbers = [value for cell in cells if (value := parsed_number(cell)) is not None]
    if any(map(_decimal_comma, cells)) or (numbers and not _name_columns(numbers, len(cells))):
        return False
    below = [row.cells for row in rows[1:] if len(row.cells) == len(cells)]
    texts = [index for index, cell in enumerate(cells) if cell and parsed_number(cell) is None]
    again = [index for index in texts if sum(row[index] == cells[index] for row in below) > 0]
    return not (len(below) >= 2 and texts and len(again) > len(texts) / 2)


def _name_columns(numbers: Sequence[float], count: int) -> bool:
    """Whether numbers are whole, and in steps of equal size as in ``0,1,2``, or years."""
    if any(value < 0 or value != int(value) for value in numbers):
        return False
    if len(numbers) == 1:
        return numbers[0] == 0 or count > 1
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    if all(value in _YEARS for value in numbers):
        return min(steps) > 0 or max(steps) < 0
    return len(set(steps)) == 1 and 0 < steps[0] <= _WIDEST_STEP


def parsed_number(cell: str) -> float | None:
    """The number that a cell is, None if it is none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
