"""Proving an archive of a table against the table that it was made of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.archive.block_coder import DifferenceMeter
from narrows.archive.bounds import within
from narrows.archive.tables.archive import TableArchive
from narrows.archive.tables.cells import Cells
from narrows.archive.tables.group import same_cells
from narrows.archive.tables.layout import TableColumn
from narrows.archive.tables.sources import TypedTable
from narrows.archive.tables.text.description import Rows, Whole
from narrows.data.tables.csv_options import CsvOptions
from narrows.errors import ArchiveError, ShapeError
from narrows.support.lazy_modules import pa
from narrows.support.number_text import count_of
from narrows.support.progress import Tracker, silent


@dataclass(frozen=True)
class MeasuredTable:
    """What was found.

    Attributes:
        rows: how many rows were decoded.
        values: how many cells they have.
        largest: the largest error of each column that has a bound, in its own units; None where
            there was nothing to compare with.
        text_exact: whether the text of a CSV file is the archive's, byte for byte; None where that
            is not kept.
    """

    rows: int
    values: int
    largest: Mapping[str, float] | None = None
    text_exact: bool | None = None


def verify_table(
    archive: TableArchive,
    source: Any = None,
    *,
    csv: Mapping[str, Any] | None = None,
    track: Tracker = silent,
) -> MeasuredTable:
    """Decode everything, compare all checksums, and every cell with its original.

    Args:
        archive: an open one.
        source: what it was made of, where that is at hand: a path or a data frame.
        csv: of a CSV file, how it is read, as ``load_data`` takes it.
        track: told how far it is.

    Raises:
        ArchiveError: it is damaged, or a cell is not within its bound.
        ShapeError: ``source`` has other columns or another number of rows.
    """
    rows, columns = len(archive), archive.layout.columns
    options = CsvOptions.of(csv or {})
    if source is None:
        batches = archive.verified_batches(track=track)
        for _ in archive.text_pieces(batches, max_bytes=math.inf) if _exact(archive) else batches:
            pass
        return MeasuredTable(rows, rows * len(columns))
    numbers = [column.name for column in columns if column.kept.storage.numeric]
    table = TypedTable(source, numbers=numbers, options=options, track=track)
    _check_columns(archive, table)
    archive.check_categories(table.categories)
    _check_form(archive, table)
    meters = [DifferenceMeter() for _ in columns]
    originals = Rows(table.groups(), lambda some: pa.concat_tables(some).unify_dictionaries())
    place = 0
    for group in archive.verified_groups(track=track):
        count = len(group[0].present)
        taken = originals.take(count)
        if taken is None:
            raise _other_rows(archive, table)
        given = table.cells(taken)
        for column, ours, cells, meter in zip(columns, given, group, meters, strict=True):
            if not same_cells(column.kept, ours, cells):
                raise _differs(archive, table, column, ours, cells, place=place)
            if column.bound:
                meter.add(ours.values, cells.values)
        place += count
    if originals.take(1) is not None:
        raise _other_rows(archive, table)
    largest = {
        column.name: column.in_own_units(meter.largest)
        for column, meter in zip(columns, meters, strict=True)
        if column.bound
    }
    return MeasuredTable(rows, rows * len(columns), largest, _text_is_same(archive, table))


def _exact(archive: TableArchive) -> Whole | None:
    """What makes the text of a CSV file exact; None where it is not kept so."""
    return None if archive.manner is None else archive.manner.whole


def _text_is_same(archive: TableArchive, table: TypedTable) -> bool | None:
    """Whether a CSV file has the bytes that the archive says; None where it says none."""
    exact = _exact(archive)
    if exact is None:
        return None
    digest = table.spelled.raw.digest if table.spelled is not None else ""
    if table.path is not None and digest != exact.sha256:
        raise ArchiveError(
            f"{archive.name} holds the values of {table.name}, and another text: numbers, quotes "
            "or lines are written otherwise",
            hint="give the file that it was made of",
        )
    for _ in archive.text_pieces(archive.batches(), max_bytes=math.inf):
        pass
    return None if table.path is None else True


def _check_columns(archive: TableArchive, table: TypedTable) -> None:
    ours = {column.name: str(column.kept.storage.type) for column in archive.layout.columns}
    theirs = {name: str(type_) for name, type_ in table.types.items()}
    if list(ours.items()) == list(theirs.items()):
        return
    several = zip([*ours.items(), None], [*theirs.items(), None], strict=False)
    first, other = next((a, b) for a, b in several if a != b)
    raise ShapeError(
        f"{archive.name} holds {_told(first)} where {table.name} has {_told(other)}",
        hint=f"give the table that it was made of{_alike(table)}",
    )


def _check_form(archive: TableArchive, table: TypedTable) -> None:
    """Compare what makes data frames of the columns: dtypes, labels, the index."""
    ours, theirs = archive.layout.form, table.form
    if ours is None or theirs is None or ours == theirs:
        return
    parts = (
        ("library", "kind of table"),
        ("shape", "kind of table"),
        ("index", "index"),
        ("labels", "labels of its columns"),
        ("columns", "dtypes"),
        ("more", "name or shape"),
    )
    what = next(text for key, text in parts if getattr(ours, key) != getattr(theirs, key))
    raise ShapeError(
        f"{archive.name} and {table.name} differ in the {what}",
        hint="give the table that it was made of",
    )


def _told(column: tuple[str, str] | None) -> str:
    return "no more columns" if column is None else f"the column {column[0]!r} of {column[1]}"


def _other_rows(archive: TableArchive, table: TypedTable) -> ShapeError:
    return ShapeError(
        f"{archive.name} holds {count_of(len(archive), 'rows')}, and {table.name} not as many",
        hint="give the table that it was made of",
    )


def _differs(
    archive: TableArchive,
    table: TypedTable,
    column: TableColumn,
    ours: Cells,
    theirs: Cells,
    *,
    place: int,
) -> ArchiveError:
    row, was, is_ = _first_difference(column, ours, theirs)
    allowed = f"within {column.bound:g} of it" if column.bound else "the same"
    return ArchiveError(
        f"{archive.name} gives {is_} in row {place + row} of column {column.name!r}, where the "
        f"data have {was}, and must be {allowed}",
        hint=f"give the data that it was made of{_alike(table)}",
    )


def _alike(table: TypedTable) -> str:
    """How a CSV file must be read to be what an archive was made of, as the end of a hint."""
    return "" if table.path is None else ", read with the options that it was compressed with"


def _first_difference(column: TableColumn, ours: Cells, theirs: Cells) -> tuple[int, str, str]:
    """The row, from 0, of the first cell that is not what it must be, and both of its values."""
    if not np.array_equal(ours.present, theirs.present):
        row = int(np.argmin(ours.present == theirs.present))
        told = {True: "a value", False: "nothing"}
        return row, told[bool(ours.present[row])], told[bool(theirs.present[row])]
    kept = within(ours.values, theirs.values, column.kept.bound)
    shown = [cells.values.tolist() for cells in (ours, theirs)]
    if column.kept.storage.textual:
        shown = [
            column.kept.storage.array(cells).drop_null().to_pylist() for cells in (ours, theirs)
        ]
        kept = np.array([a == b for a, b in zip(*shown, strict=True)])
    at = int(np.argmin(kept))
    return int(np.flatnonzero(ours.present)[at]), repr(shown[0][at]), repr(shown[1][at])
