"""From a table to an archive: group by group, each decoded again and compared before it counts."""

import contextlib
import hashlib
import math
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import IO, Any

from narrows.archive.block_coder import DifferenceMeter
from narrows.archive.blocks import BlockWriter
from narrows.archive.container import Part, header_text, write_container
from narrows.archive.error_bounds import ErrorBound, ErrorBounds
from narrows.archive.methods import EFFORTS, Effort
from narrows.archive.tables.cells import Cells, Storage
from narrows.archive.tables.group import LARGEST, bytes_of, digest_pieces
from narrows.archive.tables.grouping import encode_group
from narrows.archive.tables.layout import TableColumn, TableLayout
from narrows.archive.tables.size_breakdown import TableSizeBreakdown
from narrows.archive.tables.sources import Range, TypedTable
from narrows.archive.tables.text.description import PART as LINES
from narrows.archive.tables.text.description import (
    Comparison,
    CsvText,
    description,
    is_kept,
    to_header,
)
from narrows.data.tables.csv_options import CsvOptions
from narrows.errors import DataError, UsageError
from narrows.support import arguments
from narrows.support.lazy_modules import pa
from narrows.support.number_text import listed, readable
from narrows.support.outputs import require_other_file
from narrows.support.progress import Advance, Tracker, silent

# Values of a table whose columns are tried together: up to a minute of one core for each million.
_TOGETHER_UP_TO: dict[Effort, float] = {"fast": 0, "normal": 1 << 22, "best": math.inf}
# Columns whose range few wild values make that are told of.
_MOST_STRETCHED = 5
# Columns of identifiers that are named.
_MOST_NAMED = 5


def write_table(
    out: IO[bytes],
    source: Any,
    *,
    max_error: Any = None,
    effort: Effort = "normal",
    csv: Mapping[str, Any] | None = None,
    track: Tracker = silent,
) -> TableSizeBreakdown:
    """Write a table as an archive.

    Args:
        out: takes bytes, from where it stands.
        source: the path of a CSV or Parquet file, or a pandas, polars or Arrow table.
        max_error: no number comes back further from what it was: a number for all columns of floats
            and decimals, ``1%`` of its range for each column of numbers, integers included,
            ``price=0.5`` or ``price=1%`` for one column, several of these, or a mapping. All else
            is exact: identifiers, which are to be named too, texts, dates, categories, missing
            cells, NaN and infinity.
        effort: how much is tried.
        csv: of a CSV file, how it is read, as ``load_data`` takes it.
        track: told how far it is.

    Raises:
        UsageError: ``max_error`` or ``effort`` cannot be meant.
        DataError: the table is damaged, or has columns that narrows does not know.
        OSError: it cannot be read.
    """
    arguments.one_of("effort", effort, EFFORTS)
    begun = time.perf_counter()
    if isinstance(source, str | os.PathLike):
        require_other_file(out, source, str(source)[:200])
    error_bounds = ErrorBounds.of(max_error)
    options = CsvOptions.of(csv or {})
    table = TypedTable(source, numbers=error_bounds, options=options, track=track)
    bounds, notes = column_bounds(table, error_bounds)
    columns = [
        TableColumn.of(name, type_, bounds[name], table.dtypes.get(name))
        for name, type_ in table.types.items()
    ]
    text = None if table.spelled is None else description(table.spelled, bounds)
    irregular = table.irregular
    if text is not None and not is_kept(text):
        text, irregular = None, "its encoding, line ends or missing cells are too unusual"
    with contextlib.closing(BlockWriter()) as coded:
        writer = _Writer(columns, table, effort, coded, text)
        with track(f"compressing {table.name}", total=table.rows, unit="rows") as advance:
            for group in table.groups():
                writer.add(group, advance)
        breakdown = writer.finish(out)
    if irregular:
        breakdown = replace(breakdown, text_exact=False, text_reason=irregular)
    return replace(breakdown, notes=(*table.notes, *notes), seconds=time.perf_counter() - begun)


def column_bounds(
    table: TypedTable, error_bounds: ErrorBounds
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The largest error of each column, in its own units, and what to say of ranges that few wild
    values make, and of identifiers, which are kept exact.

    Raises:
        UsageError: one is asked of a column that there is not, or that holds no numbers.
    """
    for name in error_bounds.named:
        if name not in table.types:
            raise UsageError(
                f"{table.name} has no column {name!r}, of which a largest error is asked",
                hint=f"its columns are {', '.join(list(table.types)[:20])}",
            )
        if error_bounds.named[name].amount and not _has_error(name, table):
            raise UsageError(
                f"a largest error is asked of {name!r}, which is of type {table.types[name]}",
                hint="ask it of integers, floats, and decimals of up to 18 digits; all others come "
                "back exactly",
            )
    asked = {name: _asked(name, table, error_bounds) for name in table.types}
    # an error of a table of one column is asked of that, whatever it holds
    alone = len(asked.keys() - table.exact) == 1
    general = set() if alone else asked.keys() - error_bounds.named.keys()
    measured = [name for name, each in asked.items() if each.amount]
    ranges = table.ranges([name for name in measured if asked[name].of_range or name in general])
    bounds, notes, naming = dict.fromkeys(asked, 0.0), list[str](), list[str]()
    for name in measured:
        found, storage = ranges.get(name, Range()), table.storages[name]
        bound = _in_units(asked[name], found.ends, storage)
        if not bound:
            continue
        if name in general and found.identifies(name):
            naming.append(name)
            continue
        bounds[name] = bound
        if asked[name].of_range and len(notes) < _MOST_STRETCHED:
            notes += _stretched(name, found, storage, error_bounds)
    if naming:
        notes.append(_kept_exact(naming, error_bounds))
    unbound = [
        name
        for name in asked.keys() - error_bounds.named.keys() - table.exact
        if pa.types.is_decimal(table.types[name]) and not _has_error(name, table)
    ]
    if unbound and error_bounds.general.amount:
        shown = listed(sorted(unbound), _MOST_NAMED, repr)
        notes.append(f"kept exact, as decimals of more than 18 digits: {shown}")
    return bounds, tuple(notes)


def _stretched(
    name: str, found: Range, storage: Storage, error_bounds: ErrorBounds
) -> Iterator[str]:
    """What to say of a range that few wild values make, where they do."""
    usual, asked = found.usual(), error_bounds.named.get(name, error_bounds.general)
    if usual is None:
        return
    values = ", ".join(f"{value:.10g}" for value in usual.wild)
    lowest, highest = usual.ends
    least = f"{_in_units(asked, usual.ends, storage):.3g}"
    bound = readable(_in_units(asked, found.ends, storage))
    yield (
        f"column {name!r} is kept within {bound}, {asked} of its range, which few wild values make "
        f"({values}); the others lie from {float(lowest):.10g} to {float(highest):.10g}, and "
        f"{asked} of that is {least}: {error_bounds.spelt_with(name, least)}"
    )


def _kept_exact(names: Sequence[str], error_bounds: ErrorBounds) -> str:
    """What to say of identifiers, of which no error is allowed where it is not asked of them."""
    shown, asked = listed(names, _MOST_NAMED, repr), str(error_bounds.general)
    return (
        f"kept exact, as identifiers of which different ones could become the same within {asked}: "
        f"{shown}; {error_bounds.spelt_with(names[0], asked)} allows it in {names[0]!r}"
    )


def _in_units(asked: ErrorBound, ends: tuple[Fraction, Fraction], storage: Storage) -> float:
    """A largest error of a column of this range."""
    bound = asked.in_units(*ends)
    whole = storage.dtype.kind in "iu" and not storage.scale
    return float(int(bound)) if whole else bound


def _has_error(name: str, table: TypedTable) -> bool:
    """Whether a largest error can be asked of a column."""
    return table.storages[name].numeric and name not in table.exact


def _asked(name: str, table: TypedTable, error_bounds: ErrorBounds) -> ErrorBound:
    general, storage = error_bounds.general, table.storages[name]
    if name in error_bounds.named:
        return error_bounds.named[name]
    integer = pa.types.is_integer(storage.type)
    if not _has_error(name, table) or (integer and not general.of_range):
        return ErrorBound.parse(0)
    return general


class _Writer:
    """Codes groups of rows one after the other."""

    def __init__(
        self,
        columns: list[TableColumn],
        table: TypedTable,
        effort: Effort,
        coded: BlockWriter,
        text: CsvText | None,
    ) -> None:
        self._columns, self._table, self._effort, self._coded = columns, table, effort, coded
        self._together = table.rows * len(columns) <= _TOGETHER_UP_TO[effort]
        self._digest = hashlib.sha256()
        self._rows, self._seconds_back = 0, 0.0
        self._sizes = [0] * len(columns)
        self._meters = [DifferenceMeter() for _ in columns]
        self._methods = [Counter[str]() for _ in columns]
        self._text = text
        self._comparison: Comparison | None = None
        if text is not None and table.spelled is not None:
            if any(column.bound for column in columns):
                reason = "some of its values are kept within a largest error"
                self._text = replace(text, reason=reason)
            else:
                self._comparison = Comparison(text, table.spelled)
        header_text(self._header(text))  # which may be too long before there are any rows

    def add(self, group: Any, advance: Advance) -> None:
        """Code one more group, an Arrow table, and tell ``advance`` its rows bit by bit.

        Raises:
            DataError: a row is larger than a group may be.
        """
        rows = group.num_rows
        cells = self._cells(group)
        if cells is None:
            for half in (group.slice(0, rows // 2), group.slice(rows // 2)):
                self.add(half, advance)
            return
        # columns alone are about half of the work where they are tried together as well
        step = rows / max(len(self._columns), 1) / (2 if self._together else 1)
        if self._comparison is not None:
            self._comparison.add(group)
        kept = [column.kept for column in self._columns]
        encoded = encode_group(kept, cells, self._effort, self._together, lambda: advance(step))
        advance(rows - step * len(self._columns))
        self._seconds_back += encoded.seconds_back
        for number, (ours, theirs) in enumerate(zip(cells, encoded.cells, strict=True)):
            self._sizes[number] += encoded.sizes[number]
            if kept[number].bound:
                self._meters[number].add(ours.values, theirs.values)
            for piece in digest_pieces(theirs):
                self._digest.update(piece)
            if (pipeline := encoded.pipelines[number]) is not None:
                self._methods[number][pipeline.name] += 1
        self._coded.append(encoded.content, rows)
        self._rows += rows

    def _cells(self, group: Any) -> list[Cells] | None:
        """The cells of a group; None where they are too many for one whose rows can be parted."""
        try:
            cells = list(self._table.cells(group))
            size = sum(map(bytes_of, cells))
            if size <= LARGEST:
                return cells
            raise DataError(
                f"a row of {self._table.name} takes {size:,} bytes",
                hint=f"at most {LARGEST:,} bytes are compressed at once: cut its texts, or "
                "compress some of its columns by themselves",
            )
        except DataError:
            if group.num_rows > 1:
                return None
            raise

    def finish(self, out: IO[bytes]) -> TableSizeBreakdown:
        """Write the archive."""
        parts = []
        for number, column in enumerate(self._columns):
            changes: dict[str, Any] = {"size": self._sizes[number]}
            if column.categories is not None:
                part, changes["category_count"] = self._category_part(column, number)
                parts.append(part)
            self._columns[number] = replace(column, **changes)
        text = self._text if self._comparison is None else self._comparison.result()
        if text is not None and text.whole is not None and text.whole.lines:
            parts.append(Part.of(LINES, text.whole.part()))
        sizes = write_container(out, self._header(text), [*parts, *self._coded.parts()])
        column_sizes = [
            column.size_breakdown(methods, column.in_own_units(meter.largest))
            for column, methods, meter in zip(
                self._columns, self._methods, self._meters, strict=True
            )
        ]
        breakdown = TableSizeBreakdown(
            rows=self._rows,
            groups=len(self._coded),
            sizes=sizes,
            columns=tuple(column_sizes),
            seconds_back=self._seconds_back,
        )
        return breakdown if text is None else breakdown.with_text(text)

    def _header(self, text: CsvText | None) -> dict[str, Any]:
        table = self._table
        layout = TableLayout(tuple(self._columns), self._rows, table.frame, table.form)
        data = {"kind": "table" if table.simple else "frame", **layout.to_header()}
        if text is not None:
            data["csv"] = to_header(text)
        return {"data": data, "sha256": self._digest.hexdigest()}

    def _category_part(self, column: TableColumn, number: int) -> tuple[Part, int]:
        kept = column.categories
        assert kept is not None
        categories = self._table.categories[column.name].cast(kept.storage.type)
        count = len(categories)
        content = b""
        if count:
            cells = kept.storage.cells(categories)
            content = encode_group([kept], [cells], self._effort, False).content
        return Part.of(f"categories{number}", content), count
