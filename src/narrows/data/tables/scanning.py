"""What every column of a table is, and its statistics, from all of its rows but few at a time.

A column of texts is tried as each kind in turn, from narrow to wide: true and false, whole numbers,
numbers, dates, texts. Where a cell far down does not fit, the column alone is read again as the
next kind that does.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.arrow_types import is_text, kind_of, number_dtype
from narrows.data.tables.cell_formats import CellFormat, arrow_type, guess_formats
from narrows.data.tables.columns import (
    KINDS,
    MAX_REST,
    MAX_TEXT,
    MAX_VALUE,
    Column,
    class_statistics,
    number_statistics,
    shortened,
)
from narrows.data.tables.csv_options import CsvOptions
from narrows.data.tables.identifiers import IdentifierFinder
from narrows.data.tables.missing import without_missing_words
from narrows.data.tables.reading import cells_of
from narrows.data.tables.resolution import ResolutionFinder
from narrows.data.tables.schema import MAX_COLUMNS
from narrows.data.tables.statistics import MOST_LETTERS, Moments, TextCounts
from narrows.data.tables.table_source import TableSource
from narrows.data.tables.text_cells import (
    are_truth_words,
    candidate_types,
    counted,
    numbers_of,
    parse_cells,
    parse_valid,
)
from narrows.data.tables.wild import WildFinder, WildNote
from narrows.errors import DataError, UsageError
from narrows.support.lazy_modules import pa, pc
from narrows.support.number_text import count_of, share
from narrows.support.progress import Tracker, silent
from narrows.support.spelling import spelt

# Columns of wild values that are named.
_MOST_WILD_COLUMNS = 5
# Classes that a type declares, of which all are kept.
_MOST_LEVELS = 1000


@dataclass(frozen=True)
class _Option:
    """A kind that a column may be, and the Arrow type that its cells then have."""

    kind: str
    type: Any
    cell_format: CellFormat | None = None


def scan(
    source: TableSource,
    types: Mapping[str, str] | None = None,
    *,
    track: Tracker = silent,
) -> tuple[list[Column], int, list[str]]:
    """The columns of a table, without their places among the features, the number of its rows, and
    what a user should know of how its columns are taken, in sentences.

    Args:
        types: kinds that the user declares, by name of the column.

    Raises:
        UsageError: a declared column or kind that there is not.
        DataError: no rows, a cell that is not of the declared kind, or an infinite number.
    """
    types = dict(types or {})
    _check_types(types, source)
    _check_names(source)
    kinds = {**dict.fromkeys(source.ignored, "ignored"), **types}
    scans = {
        name: _ColumnScan(
            name, _options(type_, kinds.get(name), source), types.get(name), _Reading.of(source)
        )
        for name, type_ in source.types.items()
    }
    count, waiting = 0, list(scans)
    while waiting:
        row = 1
        with track(f"looking at {source.name}", total=None, unit="rows") as advance:
            for batch in source.batches(waiting):
                fed = {name: cells_of(batch, name) for name in waiting}
                plain = [name for name in waiting if scans[name].takes_numbers(fed[name])]
                fed |= numbers_of({name: fed[name] for name in plain})
                for name in waiting:
                    scans[name].feed(fed[name], row)
                row += batch.num_rows
                advance(batch.num_rows)
        count = row - 1
        waiting = [name for name in waiting if scans[name].starts_again()]
    if count == 0:
        raise DataError(
            f"{source.name} has {count_of(len(scans), 'columns')} and no rows",
            hint="give at least one row",
        )
    dtypes = source.dtypes
    columns = [each.column(count, dtypes.get(name)) for name, each in scans.items()]
    if not any(column.width for column in columns):  # identifiers are better than nothing
        columns = [
            each.column(count, dtypes.get(name), identifiers=False) for name, each in scans.items()
        ]
    notes = [note for each in scans.values() for note in each.notes]
    wild = {name: text for name, each in scans.items() if (text := each.wild_values())}
    return columns, count, [*notes, *_wild_notes(wild)]


def _wild_notes(wild: Mapping[str, str]) -> Iterator[str]:
    """What to say of columns whose spread few values make, those of each in words, by name."""
    if not wild:
        return
    shown = "; ".join(
        f"{name!r} ({text})" for name, text in list(wild.items())[:_MOST_WILD_COLUMNS]
    )
    more = "; ..." if len(wild) > _MOST_WILD_COLUMNS else ""
    yield WildNote(
        f"few wild values make nearly all of the spread of {count_of(len(wild), 'columns')}: "
        f"{shown}{more}. A model learns little else there, and fills missing cells badly: if they "
        "are errors, correct them or leave their cells empty"
    )


def _check_names(source: TableSource) -> None:
    """Refuse names that a model file would not hold."""
    if len(source.types) > MAX_COLUMNS:
        raise DataError(
            f"{source.name} has {len(source.types):,} columns, and {MAX_COLUMNS:,} is the limit",
            hint="leave columns out",
        )
    for name in source.types:
        if len(name) > MAX_TEXT:
            raise DataError(
                f"{source.name} has a column whose name, {shortened(name)!r}, is longer than "
                f"{MAX_TEXT:,} letters",
                hint="give it a shorter name",
            )


def _check_types(types: Mapping[str, str], source: TableSource) -> None:
    for name, kind in types.items():
        if name not in source.types:
            near = difflib.get_close_matches(name, source.types, n=1)
            raise UsageError(
                f"{source.name} has no column {name!r}",
                hint=f"did you mean {near[0]}?"
                if near
                else f"its columns are {', '.join(list(source.types)[:20])}",
            )
        if kind not in KINDS:
            raise UsageError(
                f"{kind!r} for column {name!r} is no type", hint=f"give one of {', '.join(KINDS)}"
            )


def _options(type_: Any, declared: str | None, source: TableSource) -> list[_Option]:
    if declared == "ignored":
        return [_Option("ignored", type_)]
    if declared not in (None, "categorical") and pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if not (source.textual or (declared and is_text(type_))):
        kind = kind_of(type_)
        assert kind is not None  # the source refused all others
        only = _Option(declared or kind, type_)
        return [*_dates_as_texts(), only] if is_text(type_) else [only]
    options = [_Option(str(kind_of(each)), each) for each in candidate_types()]
    options.append(_Option("categorical", type_))
    return [option for option in options if declared in (None, option.kind)]


def _dates_as_texts() -> Iterator[_Option]:
    """What texts may be where the source has types of its own: dates, of which each comes back as
    it was written."""
    for type_ in (pa.date32(), pa.timestamp("s"), pa.timestamp("us")):
        yield _Option("date", type_)
    for name in ("time", "duration", "duration ns"):
        yield from _of_format(CellFormat(date=name))


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What a source says of how its cells are written.

    Attributes:
        stated: what the user said stands before decimals and between thousands.
        decimal_first: whether a comma is likelier before decimals than between thousands.
        textual: whether all columns are texts.
        where: the place of a row, in words.
    """

    stated: tuple[str | None, str | None]
    decimal_first: bool
    textual: bool
    where: Callable[[int], str]

    @classmethod
    def of(cls, source: TableSource) -> "_Reading":
        dialect, options = source.dialect, source.options
        return cls(
            stated=(options.decimal, options.thousands),
            decimal_first=dialect is not None and dialect.delimiter in ";\t",
            textual=source.textual,
            where=source.where,
        )


def _of_format(cell_format: CellFormat) -> list[_Option]:
    kinds = ("date",) if cell_format.date else ("integer", "numeric")
    return [_Option(kind, arrow_type(cell_format, kind), cell_format) for kind in kinds]


# 1.5 is a number, and 1.5.2024 a day
_DATE = r"^\d{1,4}([-/:]\d{1,2}([-/.:]\d{1,4}|$)|\.\d{1,2}\.\d{1,4})"
_NUMBER_OR_DATE = (
    r"^[^0-9A-Za-z]{0,4}\d[\d.,' ]*([eE][+-]?\d+)? ?[^0-9A-Za-z]{0,3}$"
    r"|^\d{1,4}[-/.:]\d{1,2}([-/.:]\d{1,4})?([ T]\d.*)?$"
)
# A number that is not whole.
_PART = re.compile(r"-?\d+\.\d")
# Cells that are looked at to guess how a column is written, and different ones that are tried.
_LOOKED_AT, _TRIED, _FIRST_TRIED = 500, 20, 8
# Different cells among numbers or dates, and their share, up to which they are told of.
_MOST_INVALID, _FEW_INVALID = 50, 0.2


class _ColumnScan:
    """Takes a column's cells in order and finds out what it is."""

    def __init__(
        self, name: str, options: Sequence[_Option], declared: str | None, reading: _Reading
    ) -> None:
        self._name, self._options = name, list(options)
        self._declared, self._kind, self._reading = declared is not None, declared, reading
        self._guessed = False
        self._source_type = options[-1].type
        self._stale = False
        self._levels: dict[str, None] = {}
        self.notes: list[str] = []
        self._reset()

    def _reset(self) -> None:
        self._missing = self._present = 0
        self._moments, self._counts = Moments(), TextCounts()
        self._wild = WildFinder(1)
        self._value: str | None = None
        self._resolution, self._names_rows = ResolutionFinder(), IdentifierFinder()
        self._first: Any = None
        self._differ = False
        self._step = 0
        self._missing_words, self._invalid = Counter[str](), Counter[str]()
        self._invalid_row = 0
        self._rivals: list[CellFormat] | None = None

    @property
    def _option(self) -> _Option:
        return self._options[0]

    def starts_again(self) -> bool:
        """Whether all rows are needed once more, for the next kind; resets what was counted."""
        stale, self._stale = self._stale, False
        if self._missing_words and not self._present and not self._declared:
            # nothing but such as "-": that is a text like others
            self._options, stale = self._options[-1:], True
        if stale:
            self._reset()
        return stale

    def takes_numbers(self, array: Any) -> bool:
        """Whether texts, if they are plain numbers, may be fed as such: as nothing narrower."""
        option, number, reading = self._option, pa.float64(), self._reading
        known = self._stale or self._declared or any(reading.stated) or option.cell_format
        if known or not (reading.textual and is_text(array.type)):
            return False
        if self._present or option.type == number:
            return bool(option.type == number)
        first = array.drop_null()[:1].to_pylist()
        kinds = [each.type for each in self._options]
        return number in kinds and any(_PART.match(text) for text in first)

    def feed(self, array: Any, row: int) -> None:
        """The next cells, the first of which is in row ``row``."""
        if self._stale or self._option.kind == "ignored":
            return
        if self._option.kind != "categorical":
            array = cells.without_dictionary(array)
            if is_text(array.type):
                array = array.cast(pa.string())  # whose functions take one type of texts alone
            elif self._reading.textual:  # plain numbers, see :meth:`takes_numbers`
                while self._option.type != array.type:
                    self._options.pop(0)
        present = len(array) - array.null_count
        while present:
            # where a plain kind fits, nobody asks how else the cells may be written
            early = self._declared or any(self._reading.stated)
            may_guess = early or self._option.kind == "categorical"
            if may_guess and not self._guessed and is_text(array.type):
                self._guess_format(array)
            if self._option.kind == "categorical" and self._missing_words:
                self._stale = True  # among texts these are texts, and were counted as missing
                return
            if (converted := self._converted(array, row)) is not None:
                break
            before = self._options.pop(0)
            # What was counted as whole numbers counts as numbers too.
            wider = before.kind == "integer" and self._option.kind == "numeric"
            wider &= before.cell_format == self._option.cell_format
            if self._present and not wider:
                self._stale = True
                return
        if present:
            present = len(converted) - converted.null_count
        self._missing += len(array) - present
        self._present += present
        if present:
            self._count(converted, row)

    def _converted(self, array: Any, row: int) -> Any:
        """The cells as the current kind, None if there is a wider one and they need it."""
        option = self._option
        if option.kind == "categorical" or not is_text(array.type):
            return array  # what is wrong with it will be said by what reads it
        if len(self._options) == 1:
            return self._declared_cells(array, row)
        if self._comes_back:  # a few rule most kinds out, for a hundredth of what all texts cost
            few, _ = without_missing_words(array[:_FIRST_TRIED])
            if self._read(few, option) is None:
                return None
        parsed = self._read(array, option)
        if parsed is not None:
            self._compare_rivals(array)
            return parsed
        known, words = without_missing_words(array)
        parsed = self._read(known, option) if words else None
        if parsed is not None:
            self._missing_words += words
            self._compare_rivals(known)
        return parsed

    def _compare_rivals(self, array: Any) -> None:
        """Keep another format that all cells so far fit too, and then mean something else."""
        own = self._option.cell_format
        if own is None:
            return
        if self._rivals is None:
            # the likeliest first
            others = dict.fromkeys(each.cell_format for each in self._options[1:])
            self._rivals = [
                each
                for each in others
                if each and each.describe() != own.describe() and bool(each.date) == bool(own.date)
            ]
        self._rivals = [
            rival
            for rival in self._rivals
            if (other := parse_cells(array, arrow_type(rival, "numeric"), rival)) is not None
            and not other.equals(parse_cells(array, arrow_type(own, "numeric"), own))
        ][:1]

    def _read(self, array: Any, option: _Option) -> Any:
        """Texts as cells of a kind, None if some are none of it."""
        if pa.types.is_boolean(option.type) and not self._declared and not are_truth_words(array):
            return None
        parsed = parse_cells(array, option.type, option.cell_format)
        lossy = (
            parsed is not None and self._comes_back and not cells.to_written(parsed).equals(array)
        )
        return None if lossy else parsed

    @property
    def _comes_back(self) -> bool:
        """Whether its texts are to come back as they were written, whatever they are read as."""
        typed = not (self._reading.textual or self._declared)
        return typed and is_text(self._source_type)

    def _declared_cells(self, array: Any, row: int) -> Any:
        """Texts as cells of the only kind that is left, those that are none missing."""
        option = self._option
        known, words = without_missing_words(array)
        parsed, wrong = parse_valid(known, partial(self._read, option=option))
        self._missing_words += words
        if wrong and not self._invalid:
            self._invalid_row = row + wrong[0]
        self._invalid.update(known.take(pa.array(wrong, pa.int64())).to_pylist())
        return parsed

    def _guess_format(self, array: Any) -> None:
        """Put how the cells may be written among what they may be; of a declared kind, settle for
        what most of them are."""
        self._guessed = True
        if not (self._reading.textual or self._declared):
            return
        if self._kind not in (None, "numeric", "integer", "date"):
            return
        known = without_missing_words(array)[0].drop_null()[:_LOOKED_AT]
        stated = self._reading.stated
        comma = self._reading.decimal_first
        if self._declared:
            texts = known.unique()[:_TRIED]
            each = (guess_formats(texts[at : at + 1], comma, stated) for at in range(len(texts)))
            found = list(dict.fromkeys(cell_format for some in each for cell_format in some))
        else:
            found = guess_formats(known, comma, stated) if len(known) else []
        new = [option for cell_format in found for option in _of_format(cell_format)]
        new = [option for option in new if self._kind in (None, option.kind)]
        if any(stated):
            self._options = [each for each in self._options if each.kind != "numeric"]
            first = [each for each in self._options if each.kind in ("boolean", "integer")]
            rest = [each for each in self._options if each.kind not in ("boolean", "integer")]
            self._options = [*first, *new, *rest]
            if not self._options:  # numbers, it is declared, of which none is written as was said
                said = CsvOptions(decimal=stated[0], thousands=stated[1])
                self._options = _of_format(CellFormat().written_by(said))[-1:]
        elif self._declared:
            self._options += new
        else:
            self._options[-1:-1] = new
        if self._declared and len(self._options) > 1:
            readers = [partial(self._read, option=option) for option in self._options]
            strange = [len(parse_valid(known, reads)[1]) for reads in readers]
            if min(strange):  # some are none of any: the kind that most are
                self._options = [self._options[strange.index(min(strange))]]

    def _count(self, array: Any, row: int) -> None:
        option = self._option
        if option.kind == "categorical":
            if pa.types.is_dictionary(array.type) and len(self._levels) <= _MOST_LEVELS:
                self._levels.update(dict.fromkeys(cells.to_texts(array.dictionary).to_pylist()))
            texts = cells.to_texts(array)
            self._counts.add(texts)
            if self._reading.textual and not self._declared:
                self._look_for_invalid(texts, row)
            if self._value is None:
                self._value = texts.drop_null()[0].as_py()
            return
        self._look_for_others(array)
        numbers = cells.to_numbers(array, self._name, option.kind, str(option.type), row)
        here = np.flatnonzero(~np.isnan(numbers))
        present = numbers[here]
        self._moments.add(present)
        self._wild.add(present, here + float(row))
        if option.kind in ("integer", "numeric"):
            floats = pa.types.is_floating(option.type)
            self._resolution.add(present, number_dtype(option.type) if floats else present.dtype)
            exact = pa.types.is_integer(array.type)  # beyond 2^53 float64 is not
            some = array.drop_null().to_numpy(zero_copy_only=False) if exact else present
            self._names_rows.add(some)
        self._step = math.gcd(self._step, cells.coarsest_step(present, option.type))
        if self._value is None:
            first = cells.from_numbers(present[:1], option.type)
            written = cells.to_written if self._comes_back else cells.to_texts
            self._value = written(first)[0].as_py()

    def column(self, count: int, frame_dtype: str | None, *, identifiers: bool = True) -> Column:
        """What the column is, after all ``count`` rows; with ``identifiers``, numbers that name
        rows are ignored."""
        self.notes.clear()
        kind, type_ = self._option.kind, self._option.type
        plain = Column(
            self._name,
            kind,
            str(type_),
            levels=self._declared_classes(),
            frame_dtype=frame_dtype,
            cell_format=self._option.cell_format,
            invalid=bool(self._invalid) and kind != "categorical",
            text=str(self._source_type) if kind == "date" and self._comes_back else None,
        )
        self._check_invalid()
        self.notes += self._cell_notes()
        if kind == "ignored":
            return replace(plain, declared=self._declared)
        if self._present == 0:
            return replace(plain, kind="constant", dtype=str(self._source_type), text=None)
        if not self._missing and self._is_one_value():
            return self._of_one_value(plain)
        if kind != "categorical":
            found = self._of_numbers(plain, count)
            may_name = identifiers and not self._declared and kind in ("integer", "numeric")
            return (
                self._of_names(found) if may_name and self._names_rows.found(self._name) else found
            )
        if not self._declared and self._counts.says_nothing(is_text(type_)):
            return replace(plain, kind="ignored")
        return self._of_classes(plain, count)

    def wild_values(self) -> str:
        """The few values that make the column's spread, with their rows, in words; empty where
        there are none, or all others are alike."""
        (values, rows), others, _ = self._wild.wild()
        if self._option.kind not in ("integer", "numeric", "date") or not len(values):
            return ""
        if not others.spread or self._names_rows.found(self._name):
            return ""
        ends = np.array([others.lowest, others.highest])
        low, high, *wild = self._texts(np.concatenate([ends, values]))
        places = map(self._reading.where, rows.astype(int).tolist())
        named = ", ".join(f"{text} in {at}" for text, at in zip(wild, places, strict=True))
        return f"{named}; the others lie from {low} to {high}"

    def _texts(self, numbers: np.ndarray) -> list[str]:
        """Numbers as a person reads them, dates as dates."""
        if self._option.kind != "date":
            return [f"{number:.10g}" for number in numbers]
        dates = cells.from_numbers(numbers, self._option.type)
        return [cells.displayed(dates, at) for at in range(len(numbers))]

    def _look_for_invalid(self, texts: Any, row: int) -> None:
        """Count the cells that are neither numbers nor dates in a column of texts."""
        known, _ = without_missing_words(texts)
        like = pc.fill_null(pc.match_substring_regex(known, _NUMBER_OR_DATE), True)
        wrong = pc.invert(like)
        if pc.any(wrong).as_py():
            if not self._invalid:
                self._invalid_row = row + pc.index(wrong, pa.scalar(True)).as_py()
            if len(self._invalid) <= _MOST_INVALID:
                self._invalid += Counter(cells.text_counts(known.filter(wrong)))

    def _check_invalid(self) -> None:
        """Refuse a declared column of which most cells are of another kind."""
        kind = self._option.kind
        if kind == "categorical" or self._invalid.total() <= self._present:
            return
        text = next(iter(self._invalid))
        raise cells.not_of_kind(self._name, kind, text, self._invalid_row)

    def _cell_notes(self) -> Iterator[str]:
        """What was assumed of how the cells are written."""
        option, name = self._option, self._name
        if option.kind != "categorical":
            if option.cell_format is not None:
                yield from self._format_notes(option.cell_format)
            if self._missing_words:
                total = self._missing_words.total()
                yield (
                    f"column {name!r}: {count_of(total, 'cells')} taken for missing: "
                    f"{counted(self._missing_words)}"
                )
            if self._invalid:
                total = self._invalid.total()
                yield (
                    f"column {name!r} was declared {option.kind}: {total:,} "
                    f"cell{'s that are' if total > 1 else ' that is'} none, "
                    f"the first in {self._reading.where(self._invalid_row)}, taken for missing: "
                    f"{counted(self._invalid)}"
                )
            return
        total, invalid = self._counts.total, self._invalid.total()
        if invalid and len(self._invalid) <= _MOST_INVALID and invalid < _FEW_INVALID * total:
            text = next(iter(self._invalid))
            kind = "date" if self._value and re.match(_DATE, self._value) else "numeric"
            yield (
                f"column {name!r} is taken for texts, as "
                f"{self._reading.where(self._invalid_row)} holds "
                f"{text[:40]!r}; {share((total - invalid) / total)} of its cells look like "
                f"{'dates' if kind == 'date' else 'numbers'} (others: {counted(self._invalid)}): "
                f"{spelt('types', {name: kind})} reads them so, and takes the others for missing"
            )

    def _format_notes(self, cell_format: CellFormat) -> Iterator[str]:
        again = "" if cell_format.date else "; given back as plain numbers"
        yield f"column {self._name!r} is read as {cell_format.describe()}{again}"
        for rival in self._rivals or []:
            yield (
                f"column {self._name!r} could as well be {rival.describe()}: all of its cells fit "
                + (
                    "both"
                    if cell_format.date
                    else f"both; {spelt('decimal')} and {spelt('thousands')} say which"
                )
            )

    def _declared_classes(self) -> tuple[str, ...]:
        """The classes that the column's type declares, where a model file holds as many."""
        levels = tuple(level for level in self._levels if level is not None)
        letters = max(map(len, levels), default=0), sum(map(len, levels))
        if len(levels) <= _MOST_LEVELS and letters[0] <= MAX_TEXT and letters[1] <= MOST_LETTERS:
            return levels
        self.notes.append(
            f"column {self._name!r} declares {len(levels):,} classes of {letters[1]:,} letters, "
            f"more than a model file keeps: only those that it has learnt come back"
        )
        return ()

    def _of_one_value(self, plain: Column) -> Column:
        value = self._value
        plain = replace(plain, dtype=plain.text or plain.dtype, text=None)
        if value is None or len(value) <= MAX_VALUE:
            return replace(plain, kind="constant", value=value)
        self.notes.append(
            f"column {self._name!r} always has the same text of {len(value):,} letters, and a "
            f"model file keeps up to {MAX_VALUE:,}: ignored, and decoded as missing"
        )
        return replace(plain, kind="ignored")

    def _of_numbers(self, plain: Column, count: int) -> Column:
        moments = self._moments
        share = self._missing / count if self._missing else None
        return replace(
            plain,
            missing=share is not None,
            lowest=moments.lowest,
            highest=moments.highest,
            step=self._step,
            resolution=self._resolution.found(),
            **number_statistics(moments.mean, moments.spread, share),
        )

    def _of_names(self, found: Column) -> Column:
        """Numbers that name rows: nothing is learnt from them."""
        self.notes.append(
            f"column {self._name!r} has another whole number in every row and is taken for an "
            "identifier: nothing is learnt from it (declare its type, such as "
            f"{self._name}=integer, to learn it as an amount)"
        )
        return replace(
            found,
            kind="ignored",
            missing=False,
            centre=(),
            scale=(),
            resolution=None,
            identifier=True,
        )

    def _of_classes(self, plain: Column, count: int) -> Column:
        kept = self._counts.kept()
        others, letters = dict[str, int](), 0
        for text, times in self._counts.ordered():
            if text not in kept and letters + len(text) <= MOST_LETTERS:
                others[text] = times
                letters += len(text)
        others = dict(list(others.items())[:MAX_REST])
        rest = self._counts.total - sum(kept.values())
        sizes = [*kept.values(), *(size for size in (rest, self._missing) if size)]
        return replace(
            plain,
            missing=self._missing > 0,
            categories=tuple(kept),
            other=rest > 0,
            rest=tuple(others),
            rest_counts=tuple(others.values()),
            **class_statistics(np.array(sizes) / count),
        )

    def _is_one_value(self) -> bool:
        if self._option.kind == "categorical":
            return len(self._counts.counts) == 1 and not self._counts.forgotten
        return not self._differ

    def _look_for_others(self, array: Any) -> None:
        """Whether cells differ, also where float64 would not tell them apart."""
        if self._differ:
            return
        if pa.types.is_float16(array.type):  # which Arrow does not compare
            array = array.cast(pa.float32())
        if self._first is None:
            self._first = array.drop_null()[0]
        self._differ = bool(pc.any(pc.not_equal(array, self._first)).as_py())
