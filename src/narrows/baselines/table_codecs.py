"""What general compressors make of a table: bytes, and the error where values are rounded.

==================  =================================================================
CSV                 the file's own bytes, unpacked, or what Arrow writes of the table
CSV + gzip, ...     the same with gzip -9, bzip2 -9, xz -9e, and Zstandard at 22
Parquet + zstd      Arrow's Parquet with Zstandard at 19
quantise + xz       each column of numbers to steps within a largest error, everything
                    else exact, and xz -9e of the smallest whole numbers that hold the
                    steps: column after column, or row after row, whichever is smaller
==================  =================================================================

All of it is made in memory, and decoded and compared. Of ``quantise + xz`` the names and types of
the columns are not counted, as a program that reads it would know them.
"""

import gzip
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from narrows.archive.bounds import AS_THEY_ARE, Grid, Quantiser, Steps, within
from narrows.archive.error_bounds import ErrorBounds
from narrows.archive.holding import bytes_in_memory
from narrows.archive.methods import METHODS, Stored
from narrows.archive.methods.compressors import ByteMethod
from narrows.archive.pipeline import Pipeline
from narrows.archive.tables.cells import Cells
from narrows.archive.tables.group import Kept
from narrows.archive.tables.layout import TableColumn
from narrows.archive.tables.sources import TypedTable
from narrows.archive.tables.writing import column_bounds
from narrows.data.tables.csv_bytes import open_bytes
from narrows.data.tables.csv_options import CsvOptions
from narrows.errors import DataError
from narrows.support.lazy_modules import pa
from narrows.support.progress import Tracker, silent

#: Largest errors that tables are quantised to where nobody says, of each column's range.
BOUNDS = ("0.5%", "1%", "5%", "10%")
# Cells of the rows that are measured: xz takes some ten seconds of them.
_MOST_CELLS, _MOST_BYTES = 1 << 20, 32 << 20
_PARQUET_LEVEL = 19


@dataclass(frozen=True, kw_only=True)
class TableCodecPoint:
    """A way of keeping a table.

    Attributes:
        method: its name.
        bound: the largest error of a number, such as ``1%`` of its column's range; None where
            everything is exact.
        size: bytes.
        row_bytes: bytes a row.
        errors: of a bound, the :func:`relative_error` of each column of numbers that may change;
            None of those that do not vary.
    """

    method: str
    bound: str | None
    size: int
    row_bytes: float
    errors: tuple[float | None, ...] = ()

    @property
    def relative_error(self) -> float:
        """The mean over the columns of numbers of their mean squared error over their variance, the
        unit of a model's features; 0 where nothing is lost."""
        known = [each for each in self.errors if each is not None]
        return float(np.mean(known)) if known else 0.0


@dataclass(frozen=True, kw_only=True)
class TableCodecResult:
    """What general compressors make of a table.

    Attributes:
        points: the ways, exact ones first.
        left_out: what is not installed, and how to install it.
        rows: the first so many rows are measured.
        of: rows that the table has.
    """

    points: tuple[TableCodecPoint, ...]
    left_out: tuple[tuple[str, str], ...]
    rows: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """A table within largest errors: bytes column after column and row after row; the errors of a
    :class:`TableCodecPoint`."""

    by_columns: int
    by_rows: int
    errors: tuple[float | None, ...]

    @property
    def size(self) -> int:
        """The smaller."""
        return min(self.by_columns, self.by_rows)


def measure_table_codecs(
    source: Any,
    bounds: Sequence[str] = BOUNDS,
    *,
    csv: Mapping[str, Any] | None = None,
    most_cells: int = _MOST_CELLS,
    track: Tracker = silent,
) -> TableCodecResult:
    """Bytes of a table by general compressors, exact and within largest errors.

    Args:
        source: the path of a CSV or Parquet file, or a pandas, polars or Arrow table.
        bounds: largest errors, each as ``compress`` takes them.
        csv: of a CSV file, how it is read, as ``load_data`` takes it.
        most_cells: of a table of more cells, the first rows are measured.
        track: told how far it is.

    Raises:
        UsageError: a bound that cannot be meant.
        DataError: the table is damaged, empty, or has columns that narrows does not know.
        OSError: it cannot be read.
    """
    options = CsvOptions.of(csv or {})
    typed = TypedTable(source, options=options, track=track)
    if not typed.rows:
        raise DataError(f"{typed.name} has no rows to measure", hint="give a table with some")
    table = _sample(typed, most_cells)
    # Where an error is allowed, cells are numbers however they are written.
    rounded = TypedTable(source, options=options, numbers=ErrorBounds.of(bounds[:1]), track=track)
    own = typed.path if table.num_rows == typed.rows else None
    points: list[TableCodecPoint] = []
    left_out: list[tuple[str, str]] = []
    ways = chain(_exact(_csv_bytes(own, table), table), _bounded(rounded, table.num_rows, bounds))
    total = 2 + len(_COMPRESSORS) + len(bounds)
    with track("measuring table formats", total=total, unit="ways") as advance:
        for method, bound, size, errors in ways:
            if size is None:
                left_out.append((method, f"it is not installed: {METHODS['zstd'].needs}"))
            else:
                point = TableCodecPoint(
                    method=method,
                    bound=bound,
                    size=size,
                    row_bytes=size / max(table.num_rows, 1),
                    errors=errors,
                )
                points.append(point)
            advance(1)
    return TableCodecResult(
        points=tuple(points),
        left_out=tuple(left_out),
        rows=table.num_rows,
        of=typed.rows,
    )


# A way of keeping a table: its name, the largest error, bytes or None where it is not installed,
# and the errors of columns.
_Way = tuple[str, str | None, int | None, tuple[float | None, ...]]


def _exact(text: bytes, table: Any) -> Iterator[_Way]:
    yield "CSV", None, len(text), ()
    for name, compressor in _COMPRESSORS.items():
        yield name, None, compressor(text), ()
    yield "Parquet + zstd", None, _parquet_size(table), ()


def _bounded(rounded: TypedTable, rows: int, bounds: Sequence[str]) -> Iterator[_Way]:
    for bound in bounds:
        limits, _ = column_bounds(rounded, ErrorBounds.of(bound))
        quantised = quantise(rounded, _leading_rows(rounded, rows), limits)
        yield "quantise + xz", bound, quantised.size, quantised.errors


def _sample(typed: TypedTable, most_cells: int) -> Any:
    """The first rows, as many as are measured, as one Arrow table."""
    rows = min(typed.rows, max(most_cells // max(len(typed.types), 1), 1))
    table = _leading_rows(typed, rows)
    size = bytes_in_memory(table)
    return table.slice(0, max(rows * _MOST_BYTES // size, 1)) if size > _MOST_BYTES else table


def first_rows(
    source: Any, count: int, csv: Mapping[str, Any] | None = None, bound: str | None = None
) -> Any:
    """The first rows of a table as one Arrow table, with the types that archives know.

    Args:
        source, csv: as of :func:`measure_table_codecs`.
        bound: a largest error that will be asked of its numbers; None for none.

    Raises:
        DataError, OSError: as there.
    """
    numbers = ErrorBounds.of(bound)
    typed = TypedTable(source, options=CsvOptions.of(csv or {}), numbers=numbers)
    return _leading_rows(typed, count)


def relative_error(values: np.ndarray, back: np.ndarray) -> float | None:
    """The mean squared error of a column's numbers (n,), NaN where missing, over their variance;
    None where they do not vary."""
    there = np.isfinite(values)
    variance = float(values[there].var()) if there.any() else 0.0
    return float(np.square(back[there] - values[there]).mean()) / variance if variance else None


def _leading_rows(typed: TypedTable, count: int) -> Any:
    """The first rows as one Arrow table."""
    batches, held = [], 0
    for batch in typed.batches():
        if held >= count:
            break
        batches.append(pa.Table.from_batches([batch.slice(0, count - held)]))
        held += batches[-1].num_rows
    return pa.concat_tables(batches).unify_dictionaries().combine_chunks()


def _csv_bytes(path: Path | None, table: Any) -> bytes:
    """The text of a CSV file, or of what Arrow writes of a table."""
    if path is not None:
        with open_bytes(path) as file:
            return file.read()
    import pyarrow.csv

    out = io.BytesIO()
    try:
        pyarrow.csv.write_csv(table, out)
    except pa.ArrowException as error:
        raise DataError(
            f"the table cannot be written as CSV: {error}",
            hint="leave out columns that are neither numbers, texts nor dates",
        ) from error
    return out.getvalue()


def _gzip(text: bytes) -> int:
    packed = gzip.compress(text, 9, mtime=0)
    _require_same(gzip.decompress(packed), text)
    return len(packed)


def _by(name: str) -> Callable[[bytes], int | None]:
    """The size that one of the archives' compressors makes of a text, at its best; None where it
    is not installed."""

    def size(text: bytes) -> int | None:
        method = METHODS[name]()
        assert isinstance(method, ByteMethod)
        if not method.available():
            return None
        packed = method.compress(text, "best")
        _require_same(method.decompress(packed, len(text)), text)
        return len(packed)

    return size


_COMPRESSORS: Mapping[str, Callable[[bytes], int | None]] = {
    "CSV + gzip": _gzip,
    "CSV + bzip2": _by("bzip2"),
    "CSV + xz": _by("xz"),
    "CSV + zstd": _by("zstd"),
}


def _require_same(found: Any, given: Any) -> None:
    if not found == given:
        raise AssertionError("a compressor gave back something else than it was given")


def _parquet_size(table: Any) -> int:
    import pyarrow.parquet

    out = io.BytesIO()
    options = {"compression": "zstd", "compression_level": _PARQUET_LEVEL}
    pyarrow.parquet.write_table(table, out, **options)
    return len(out.getvalue())


def quantise(typed: TypedTable, table: Any, bounds: Mapping[str, float]) -> Quantised:
    """A table within a largest error of each column, by xz.

    Args:
        typed: a table whose numbers are told, as errors are asked of them.
        table: some of its rows, an Arrow table.
        bounds: of each column; 0 for exact.
    """
    columns = [
        TableColumn.of(name, type_, bounds[name]).kept for name, type_ in typed.types.items()
    ]
    front, wide, errors = [], [], []
    for name, kept in zip(typed.types, columns, strict=True):
        column = table.column(name).combine_chunks()
        categories = typed.categories.get(name)
        cells = kept.storage.cells(column, categories)
        front.append(_beside(cells, kept, categories))
        values, pipeline = cells.values, _pipeline(kept)
        head, steps = pipeline.prepare(values, kept.bound)
        front.append(head)
        wide.append(steps)
        back = pipeline.decode(head + steps.tobytes(), values.shape, values.dtype)
        if not within(values, back, kept.bound).all():
            raise AssertionError(f"{name} did not come back within its bound")
        if kept.bound and values.size:
            scale = 10.0**-kept.storage.scale
            errors.append(
                relative_error(*(each.astype(np.float64) * scale for each in (values, back)))
            )
    whole = [steps for steps in wide if len(steps) == table.num_rows]
    rest = [steps.tobytes() for steps in wide if len(steps) != table.num_rows]
    xz = _by("xz")
    by_columns, by_rows = (
        xz(b"".join([*front, *rest, *order])) or 0
        for order in ([steps.tobytes() for steps in whole], [_interleaved(whole)])
    )
    return Quantised(by_columns=by_columns, by_rows=by_rows, errors=tuple(errors))


def _pipeline(kept: Kept) -> Pipeline:
    """From values to the smallest whole numbers that stand for them within the bound."""
    quantiser: Quantiser = AS_THEY_ARE
    if kept.storage.dtype.kind == "f" and kept.bound:
        quantiser = Grid.for_bound(kept.bound) or AS_THEY_ARE
    elif kept.storage.dtype.kind in "iu" and kept.bound >= 1:
        quantiser = Steps.for_bound(kept.bound, kept.storage.dtype)
    return Pipeline(Stored(), quantiser, ("narrow",))


def _beside(cells: Cells, kept: Kept, categories: Any) -> bytes:
    """What is kept of a column beside its values: missing cells, and its texts."""
    parts = [] if cells.present.all() else [np.packbits(cells.present).tobytes()]
    if categories is not None and len(categories):
        inner = TableColumn.of("", kept.storage.type.value_type, 0.0).kept.storage
        cells = inner.cells(categories.cast(inner.type))
        parts.append(cells.values.tobytes() if cells.lengths is None else b"")
    if cells.lengths is not None and cells.letters is not None:
        _, lengths = Pipeline(Stored(), filters=("narrow",)).prepare(cells.lengths, 0.0)
        parts += [lengths.tobytes(), cells.letters.tobytes()]
    return b"".join(parts)


def _interleaved(columns: Sequence[np.ndarray]) -> bytes:
    """Columns of as many whole numbers each, row after row."""
    if not columns:
        return b""
    pieces = [column.view("u1").reshape(len(column), -1) for column in columns]
    return np.concatenate(pieces, axis=1).tobytes()
