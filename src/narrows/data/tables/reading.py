"""Sources of tables: each gives its columns' names and types, and its rows in batches, as often as
they are asked for."""

import csv
import functools
import itertools
import os
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

from narrows.data.image_reading import image_suffixes
from narrows.data.parts import Parts, is_pattern, names_below, part_files
from narrows.data.tables.arrow_types import is_stored, kind_of
from narrows.data.tables.cells import row_name, whole
from narrows.data.tables.csv_bytes import DAMAGE, PACKED, TextBytes, open_text
from narrows.data.tables.csv_dialect import (
    CsvDialect,
    body,
    check_names,
    examine,
    explain,
    line_of_row,
    without_end,
)
from narrows.data.tables.csv_options import CsvOptions
from narrows.data.tables.frames.form import library_of
from narrows.data.tables.frames.learning import training_table
from narrows.data.tables.frames.stored import ArrowSource
from narrows.data.tables.missing import MISSING_CELLS, is_missing_text, without_cells
from narrows.data.tables.part_tables import PartTable
from narrows.data.tables.table_source import TableSource
from narrows.errors import DataError
from narrows.support.inputs import Input
from narrows.support.lazy_modules import pa, pc
from narrows.support.number_text import count_of

_CSV_SUFFIXES = (".csv", ".tsv", ".data", ".txt")
# Bytes of CSV, and rows of other tables, that are in memory at a time.
_CSV_BLOCK = 4 << 20
_BATCH_ROWS = 1 << 15
# Blanks on one side, and on the other, of what says that a cell is missing, with which it says so
# all the same: columns are padded on one side.
_MOST_BLANKS, _FEW_BLANKS = 64, 8
# Rows that are worked on together.
_BLOCK_ROWS = 1 << 13


class CsvTable(TableSource):
    """A CSV file, plain or packed: every cell is a text, or missing.

    Attributes:
        path: where it is.
        file: what it was when it was first looked at.
    """

    textual = True
    dialect: CsvDialect

    def __init__(
        self, path: Path, options: CsvOptions | None = None, *, stored: bool = False
    ) -> None:
        """Look at the first lines of a file.

        Args:
            options: what the user says of it.
            stored: give all rows, also those at the end that hold nothing, and texts with the
                blanks around them.
        """
        self.path, self.name, self.file = path, str(path), Input(path)
        with self.file.reading():
            self.dialect = examine(path, options)
        self.types = dict.fromkeys(self.dialect.names, pa.string())
        self.notes = self.dialect.notes
        self.options = options or CsvOptions()
        self._stored = stored

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        wanted = list(self.types if columns is None else columns)
        try:
            with self.file.reading(), open_text(self.path, self.dialect.encoding) as file:
                for batch in self._reader(file, wanted):
                    yield pa.record_batch(self._cleaned(batch), names=wanted)
        except UnicodeError as error:
            raise explain(self.path, self.dialect, error) from error
        except (pa.ArrowException, OSError, csv.Error, *DAMAGE) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise explain(self.path, self.dialect, error) from error

    def _reader(self, file: Any, wanted: list[str]) -> Any:
        import pyarrow.csv

        dialect, dropped = self.dialect, list[int]()
        delimiter = "," if dialect.rewritten else dialect.delimiter
        text = body(file, dialect)
        if len(dialect.names) > 1 and not self._stored:
            text = without_end(text, delimiter, dropped)
        first = next(text, "")
        if not first:
            return []
        source = TextBytes(itertools.chain([first], text))
        reader = pyarrow.csv.open_csv(
            pa.PythonFile(source, mode="r"),
            read_options=pyarrow.csv.ReadOptions(
                block_size=_CSV_BLOCK,
                column_names=dialect.names,
                use_threads=False,  # so that no blocks pile up before they are asked for
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                # A blank line is nothing, except where a missing cell looks the same.
                ignore_empty_lines=len(dialect.names) > 1,
                invalid_row_handler=lambda row: _whether_blank(row, delimiter),
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(dialect.names, pa.string()),
                include_columns=wanted,
                null_values=_missing_cells(self._stored),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        return self._counted(reader, dropped)

    def _counted(self, reader: Any, dropped: list[int]) -> Iterator[Any]:
        yield from reader
        if count := sum(dropped):
            lines = f"{count_of(count, 'lines')} at the end of {self.path}"
            self.notes = (*self.dialect.notes, f"left out {lines} without any value")

    def _cleaned(self, batch: Any) -> list[Any]:
        """Columns without what says that a cell is missing, nor, unless they are stored, the
        spaces around cells, which are missing where nothing else is there."""
        stated, rows = self.options.missing, batch.num_rows
        if self._stored and not stated:
            return list(batch.columns)
        # all at once: with many columns a call costs more than its cells
        cells = pa.concat_arrays(batch.columns)
        trimmed = pc.ascii_trim_whitespace(cells)
        missing = is_missing_text(stated, trimmed, trimmed) if stated else None
        if not self._stored:
            spaced = pc.not_equal(trimmed, cells)
            usual = pc.and_(spaced, pc.is_in(trimmed, pa.array(MISSING_CELLS)))
            absent = pc.or_(usual, pc.equal(trimmed, ""))
            missing = absent if missing is None else pc.or_(missing, absent)
            cells = trimmed
        cleaned = without_cells(cells, missing)
        return [cleaned.slice(index * rows, rows) for index in range(batch.num_columns)]

    def where(self, row: int) -> str:
        line = line_of_row(self.path, self.dialect, row)
        return row_name(row) if line is None else f"line {line:,}"


@functools.cache
def _missing_cells(stored: bool) -> list[str]:
    """What Arrow takes for missing unless it is in quotes, of which nothing is left afterwards: in
    a column that is stored, where cells keep the blanks around them, also with some."""
    counts = range(_MOST_BLANKS + 1 if stored else 1)
    sides = [each for each in itertools.product(counts, counts) if min(each) <= _FEW_BLANKS]
    around = ((" " * left, " " * right) for left, right in sides)
    return sorted({left + cell + right for left, right in around for cell in MISSING_CELLS})


def _whether_blank(row: Any, delimiter: str) -> str:
    """Rows of too few or too many cells are left out if nothing is in them."""
    return "error" if row.text.strip(f"{delimiter} \t\r\n") else "skip"


class ParquetTable(TableSource):
    """A Parquet file."""

    def __init__(self, path: Path, *, name: str | None = None, stored: bool = False) -> None:
        """Look at the columns of a file.

        Args:
            name: what messages call the table.
            stored: refuse what is not held, as archives do.
        """
        self.path, self.name, self._file = path, name or str(path), Input(path)
        with self._file.reading(), self._opened() as file:
            schema = file.schema_arrow
        self.types, self.ignored, self.notes = _known_types(schema, self.name, stored=stored)

    def _opened(self) -> Any:
        import pyarrow.parquet

        try:
            return pyarrow.parquet.ParquetFile(self.path)
        except pa.ArrowException as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return DataError(
            f"{self.path} is not a Parquet file, or a damaged one: {reason[:300]}",
            hint="get the file again, or name it .csv if it is CSV",
        )

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        wanted = list(self.types if columns is None else columns)
        with self._file.reading(), self._opened() as file:
            try:
                for batch in file.iter_batches(_BATCH_ROWS, columns=wanted, use_threads=False):
                    # the file's order of columns is kept, whatever is asked for
                    yield batch.select(wanted)
            except (pa.ArrowException, OSError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise
                raise self._damaged(error) from error


class FrameTable(ArrowSource):
    """A data frame, or an Arrow table, in memory."""

    def __init__(self, frame: Any, wanted: Container[str] | None = None) -> None:
        table, self.frame_form = training_table(frame, wanted)
        super().__init__(table)
        self.frame = frame_kind(frame)
        self.types, self.ignored, self.notes = _known_types(table.schema, self.name)
        dtypes = frame.dtypes if self.frame == "pandas" else ()
        self.dtypes = dict(zip(self.types, map(str, dtypes), strict=False))


def _known_types(
    schema: Any, source: str, *, stored: bool = False
) -> tuple[dict[str, Any], frozenset[str], tuple[str, ...]]:
    """The types of the columns by name, which of them are of types that are not learnt, and what is
    said of these."""
    if not schema.names:
        raise DataError(f"{source} has no columns", hint="give a table with at least one")
    check_names(tuple(schema.names), source)
    known = is_stored if stored else kind_of
    odd = [field for field in schema if not known(field.type)]
    if odd and (stored or len(odd) == len(schema)):
        raise DataError(
            f"column {odd[0].name!r} of {source} is of type {odd[0].type}, which narrows does not "
            f"{'keep' if stored else 'learn'}",
            hint="leave it out, or turn it into columns of numbers, texts or dates",
        )
    notes = [
        f"column {field.name!r} of {source} is of type {field.type}, which narrows does not "
        "learn: ignored"
        for field in odd
    ]
    names = frozenset(field.name for field in odd)
    types = {field.name: pa.null() if field.name in names else field.type for field in schema}
    return types, names, tuple(notes)


def is_table_path(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a file of a table, or there are several: see :func:`table_parts`.

    Raises:
        DataError: there are tables, and other data beside them.
    """
    text = os.fspath(path)
    if _is_named_csv(text) or text.lower().endswith((".parquet", ".zip")):
        return not Path(text).is_dir() or table_parts(text) is not None
    return table_parts(text) is not None


def _is_named_csv(name: str) -> bool:
    lower = name.lower()
    for packed in PACKED:
        lower = lower.removesuffix(packed)
    return lower.endswith(_CSV_SUFFIXES)


def _is_named_parquet(name: str) -> bool:
    return name.lower().endswith(".parquet")


def _is_named_table(name: str) -> bool:
    return _is_named_parquet(name) or _is_named_csv(name)


def table_parts(source: str | os.PathLike[str]) -> Parts | None:
    """The files that a table's rows lie in, where ``source`` is a folder of CSV or Parquet files or
    a pattern that tables match; None for anything else, a single file among it.

    A single CSV file among images is what is said of them, and no table.

    Raises:
        DataError: there are both CSV and Parquet files, or tables and images.
        OSError: a folder cannot be read.
    """
    is_folder = Path(source).is_dir()
    if not (is_folder or is_pattern(source)):
        return None
    if is_folder and not any(map(_is_named_table, names_below(os.fspath(source)))):
        return None  # soon found out of very many images
    parts = part_files(source)
    parquet = [path for path in parts.files if _is_named_parquet(path.name)]
    csv = [path for path in parts.files if _is_named_csv(path.name)]
    if is_folder:  # where README.txt is no table
        csv = [path for path in csv if ".txt" not in path.suffixes and ".data" not in path.suffixes]
    if not (parquet or csv):
        return None
    others = set(parts.files) - {*parquet, *csv}
    suffixes = image_suffixes() if others else frozenset()
    images = [path for path in others if path.suffix.lower() in suffixes]
    if images and not parquet and len(csv) == 1:
        return None
    if (parquet and csv) or images:
        kinds = {"Parquet file": parquet, "CSV file": csv, "image": images}
        there = [count_of(len(paths), f"{kind}s") for kind, paths in kinds.items() if paths]
        raise DataError(
            f"{source} holds {' and '.join(there)}, and one data set is of one kind",
            hint="name the files, as in 'folder/*.parquet', or put each kind into its own folder",
        )
    names = (*parts.passed_over, *(path.name for path in sorted(others)))
    return Parts(parts.source, tuple(parquet or csv), names)


def is_table(source: str | os.PathLike[str]) -> bool:
    """Whether there is a table of this name: a file, a folder of them, or files that match.

    Raises:
        DataError: there are tables, and other data beside them.
    """
    path = Path(source)
    return is_table_path(path) and (path.is_file() or table_parts(path) is not None)


def is_csv(source: Any) -> bool:
    """Whether a source of a table is a CSV file, or several."""
    if is_frame(source):
        return False
    parts = table_parts(source)
    name = str(source) if parts is None else parts.files[0].name
    return not _is_named_parquet(name) and not (parts is None and Path(source).is_dir())


def open_table(
    source: Any,
    wanted: Container[str] | None = None,
    options: CsvOptions | None = None,
    *,
    stored: bool = False,
) -> TableSource:
    """The source that a path or a data frame is.

    Args:
        wanted: of a data frame, the columns that are read; others may hold whatever they will.
        options: what the user says of a CSV file.
        stored: for archives: nothing is left out, neither rows without values nor columns of
            types that are not learnt; those that are not held are refused.

    Raises:
        DataError: it is damaged, empty, or has columns that cannot be learnt.
        UsageError: options of a CSV file for what is none.
        OSError: it cannot be read.
    """
    parts = None if is_frame(source) else table_parts(source)
    if is_csv(source):
        if parts is not None:
            return PartTable(parts, list(_csv_parts(parts, options, stored=stored)))
        return CsvTable(Path(source), options, stored=stored)
    if options is not None:
        options.require_none("a data frame" if is_frame(source) else str(source))
    if is_frame(source):
        return FrameTable(source, wanted=wanted)
    if parts is None:
        return ParquetTable(Path(source), stored=stored)
    name = parts.source
    return PartTable(parts, [ParquetTable(each, name=name, stored=stored) for each in parts.files])


def _csv_parts(parts: Parts, options: CsvOptions | None, *, stored: bool) -> Iterator[CsvTable]:
    """CSV files that are read as the first of them is: a short one does not tell whether its first
    line holds names."""
    first = CsvTable(parts.files[0], options, stored=stored)
    yield first
    same = CsvOptions(header=first.dialect.header, delimiter=first.dialect.delimiter)
    for path in parts.files[1:]:
        yield CsvTable(path, (options or CsvOptions()).over(same), stored=stored)


def frame_kind(data: Any) -> str | None:
    """``pandas``, ``polars`` or ``arrow`` for a data frame, None for anything else.

    None of the libraries is imported for it.
    """
    library, shape = library_of(data) or (None, "")
    return library if shape in ("frame", "batch") else None


def is_frame(data: Any) -> bool:
    """Whether ``data`` is a pandas or polars DataFrame, or an Arrow table."""
    return frame_kind(data) is not None


def arrow_table(names: Sequence[str], rows: Any) -> Any:
    """An array of rows (n, columns) as an Arrow table with columns of these names.

    Raises:
        DataError: a column holds values of several kinds.
    """
    try:
        arrays = [pa.array(column, from_pandas=True) for column in rows.T]
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"the rows cannot be read as a table: {error}", hint="give a DataFrame"
        ) from error
    return pa.table(arrays, names=list(names))


def row_blocks(rows: Any) -> Iterator[tuple[int, Any]]:
    """A table or batch of Arrow a few rows at a time, each with the number of its first row."""
    for start in range(0, rows.num_rows, _BLOCK_ROWS):
        yield start, rows.slice(start, _BLOCK_ROWS)


def cells_of(block: Any, name: str) -> Any:
    """A column of an Arrow table or batch as one array, with NaN as missing."""
    array = whole(block.column(name))
    if pa.types.is_floating(array.type):
        values = array.cast(pa.float32()) if pa.types.is_float16(array.type) else array
        nan = pc.fill_null(pc.is_nan(values), False)
        if pc.any(nan).as_py():
            array = without_cells(array, nan)
    return array
