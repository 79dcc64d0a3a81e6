"""What a table takes: as text and columns by general compressors, and as our archives."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO, Any

import numpy as np

from narrows.archive import write_table
from narrows.archive.opening import opened
from narrows.archive.tables.archive import TableArchive
from narrows.archive.tables.size_breakdown import TableSizeBreakdown
from narrows.baselines.table_codecs import (
    TableCodecPoint,
    TableCodecResult,
    first_rows,
    measure_table_codecs,
    relative_error,
)
from narrows.data.tables import CsvOptions, open_table
from narrows.report.comparison.result import ArchiveRow, BytesPoint
from narrows.support.lazy_modules import pa
from narrows.support.number_text import listed
from narrows.support.progress import Listener
from narrows.tasks.comparison.archives import LOSSLESS, Stored, archive_points, model_points
from narrows.tasks.comparison.candidates import Candidate

#: The largest errors of bounded archives, as shares of each column's range.
TABLE_BOUNDS = ("1%", "5%")
# Cells that are archived: some ten seconds of one core an archive.
_MOST_CELLS = 1 << 17


def stored_tables(
    source: str | os.PathLike[str],
    candidates: Sequence[Candidate],
    bounds: Sequence[str] | None,
    *,
    csv: Mapping[str, Any],
    listener: Listener,
) -> Stored:
    """General compressors and archives, of the first rows of a table.

    Args:
        bounds: the largest errors of bounded archives; None for the usual ones.
    """
    source, count, left_out = _learnt(source, csv)
    found = measure_table_codecs(source, csv=csv, most_cells=_MOST_CELLS, track=listener.track)
    found = replace(found, of=count or found.of)
    points = [_codec_point(each, found) for each in found.points]
    whole = found.rows == found.of
    given: Any = source if whole else first_rows(source, found.rows, csv)
    own: dict[str, Any] = {"csv": csv} if whole else {}
    rows = []
    for bound in (None, *(TABLE_BOUNDS if bounds is None else bounds)):
        # where an error is allowed, cells are numbers however they are written
        before = None if bound is None else first_rows(source, found.rows, csv, bound)
        with tempfile.TemporaryFile() as file:
            written = write_table(file, given, max_error=bound, track=listener.track, **own)
            rows.append(_archived(file, bound, before, written, found))
    points += [point for row in rows for point in archive_points(row, found.rows, None)]
    points += [point for each in candidates for point in model_points(each, found.rows)]
    raw = next(each.size for each in found.points if each.method == "CSV")
    return Stored(
        points=tuple(points),
        rows=tuple(rows),
        count=found.rows,
        raw_bytes=raw,
        notes=(*_notes(found), *left_out),
    )


def _learnt(source: Any, csv: Mapping[str, Any]) -> tuple[Any, int | None, tuple[str, ...]]:
    """A table as it is, or, where it has columns of types that are not learnt, which archives and
    CSV need not hold either: enough of its first rows without these, how many rows there are, and
    what to say of it."""
    table = open_table(source, options=CsvOptions.of(csv))
    if not table.ignored:
        return source, None, ()
    names = [name for name in table.types if name not in table.ignored]
    most, count = max(_MOST_CELLS // len(names), 1), 0
    pieces = list[Any]()
    for batch in table.batches(names):
        if not pieces or count < most:  # a slice of no rows would keep its whole batch
            pieces.append(pa.Table.from_batches([batch.slice(0, most - count)]))
        count += batch.num_rows
    left_out = listed([name for name in table.types if name in table.ignored], 10, repr)
    note = f"columns of types that are not learnt are left out: {left_out}"
    return pa.concat_tables(pieces).unify_dictionaries(), count, (note,)


def _notes(found: TableCodecResult) -> Iterator[str]:
    which = "all" if found.rows == found.of else f"the first {found.rows:,} of"
    yield f"bytes are those of {which} {found.of:,} rows"
    yield "of quantised columns the error is relative to each column's variance, on average"
    yield from (f"{name} is left out: {why}" for name, why in found.left_out)


def _codec_point(point: TableCodecPoint, found: TableCodecResult) -> BytesPoint:
    largest = None if point.errors else 0.0
    return BytesPoint(
        name=point.method,
        kind="codec",
        setting=LOSSLESS if point.bound is None else f"within {point.bound} of the range",
        layout="file",
        item_bytes=point.row_bytes,
        error=point.relative_error,
        largest=largest,
    )


def _archived(
    file: IO[bytes],
    bound: str | None,
    before: Any,
    written: TableSizeBreakdown,
    found: TableCodecResult,
) -> ArchiveRow:
    """An archive that was written, opened again.

    Args:
        before: its rows with numbers where an error is allowed; None where none is.
    """
    file.seek(0)
    name = LOSSLESS if bound is None else f"within {bound} of the range"
    with opened(file, name) as archive:
        assert isinstance(archive, TableArchive)
        error = 0.0 if before is None else _relative_error(before, archive, written)
        return _row(name, archive.size_breakdown, written, found, error)


def _row(
    name: str,
    said: TableSizeBreakdown,
    written: TableSizeBreakdown,
    found: TableCodecResult,
    error: float,
) -> ArchiveRow:
    exact = [each for each in found.points if each.bound is None and each.method != "CSV"]
    classical = min(exact, key=lambda each: each.size, default=None) if error == 0 else None
    return ArchiveRow(
        name=name,
        total=said.total,
        item_bytes=said.total / max(found.rows, 1),
        parts=dict(said.sizes),
        classical="" if classical is None else f"{classical.method}: {classical.size:,} bytes",
        classical_bytes=None if classical is None else classical.size,
        largest=None if error else 0.0,
        error=error,
        seconds=written.seconds,
        seconds_back=written.seconds_back,
    )


def _relative_error(before: Any, archive: TableArchive, written: TableSizeBreakdown) -> float:
    """The mean over columns of numbers of their squared error over their variance."""
    after = archive.items(0, before.num_rows)
    shares = []
    for column in written.columns:
        if not column.bound:
            continue
        share = relative_error(_numbers(before, column.name), _numbers(after, column.name))
        if share is not None:
            shares.append(share)
    return float(np.mean(shares)) if shares else 0.0


def _numbers(table: Any, name: str) -> np.ndarray:
    column = table.column(name).cast("float64", safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)
