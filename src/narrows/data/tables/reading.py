"""Sources of tables: each gives its columns' names and types, and its rows in batches, as often as
they are asked for."""

import os
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from narrows.data.tables.arrow_types import is_stored, kind_of
from narrows.data.tables.csv_text import NULLS, check_names, examine, explain
from narrows.data.tables.frames.learning import learnable
from narrows.errors import DataError

_CSV_SUFFIXES = (".csv", ".tsv", ".data")
# Bytes of CSV, and rows of other tables, that are in memory at a time.
_CSV_BLOCK = 4 << 20
_BATCH_ROWS = 1 << 15


class TableSource(Protocol):
    """Where a table comes from.

    Attributes:
        name: what the user called it.
        types: the Arrow type of each column by name, in order.
        textual: whether every cell is a text whose type is still to be found out.
        frame: the kind of data frame it is; None for a file.
        notes: what a user should know of how it is read.
    """

    name: str
    types: dict[str, Any]
    textual: bool
    frame: str | None
    notes: tuple[str, ...]

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Arrow record batches of all rows in order, of some columns only where they are named."""
        ...

    def frame_dtype(self, column: str) -> str | None:
        """The dtype that a column has in a pandas DataFrame."""
        ...


class CsvTable:
    """A CSV file, plain or packed with gzip: every cell is a text, missing where it is in NULLS."""

    textual = True
    frame: str | None = None

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._path, self.name = path, str(path)
        self._format = examine(path)
        self.types = dict.fromkeys(self._format.names, pa.string())
        count = len(self._format.names)
        self.notes: tuple[str, ...] = (
            ()
            if self._format.header
            else (
                f"the first line of {path} is taken for data, as it holds numbers: its columns are "
                f"called column_1 to column_{count}; put a line of names above it if you like",
            )
        )

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        import pyarrow as pa

        wanted = list(self.types if columns is None else columns)
        try:
            with pa.input_stream(self._path, compression=self._compression()) as stream:
                for batch in self._reader(stream, wanted):
                    cleaned = [_cleaned(column) for column in batch.columns]
                    yield pa.record_batch(cleaned, names=wanted)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise explain(self._path, self._format, error) from error

    def _compression(self) -> str | None:
        return "gzip" if self._path.suffix.lower() == ".gz" else None

    def _reader(self, stream: Any, wanted: list[str]) -> Any:
        import pyarrow as pa
        import pyarrow.csv

        form = self._format
        return pyarrow.csv.open_csv(
            stream,
            read_options=pyarrow.csv.ReadOptions(
                block_size=_CSV_BLOCK,
                column_names=form.names,
                skip_rows=form.blank,
                skip_rows_after_names=1 if form.header else 0,
                use_threads=False,  # so that no blocks pile up before they are asked for
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=form.delimiter,
                newlines_in_values=True,
                # A blank line is nothing, except where a missing cell looks the same.
                ignore_empty_lines=len(form.names) > 1,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(form.names, pa.string()),
                include_columns=wanted,
                strings_can_be_null=False,
            ),
        )

    def frame_dtype(self, column: str) -> str | None:
        return None


class ParquetTable:
    """A Parquet file."""

    textual = False
    frame: str | None = None
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, *, stored: bool = False) -> None:
        self._path, self.name = path, str(path)
        with self._explained() as file:
            schema = file.schema_arrow
        self.types = _known_types(schema, self.name, stored=stored)

    def _explained(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet

        try:
            return pyarrow.parquet.ParquetFile(self._path)
        except pa.ArrowException as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return DataError(
            f"{self._path} is not a Parquet file, or a damaged one: {reason[:300]}",
            hint="get the file again, or name it .csv if it is CSV",
        )

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        import pyarrow as pa

        wanted = list(self.types if columns is None else columns)
        with self._explained() as file:
            try:
                yield from file.iter_batches(_BATCH_ROWS, columns=wanted, use_threads=False)
            except (pa.ArrowException, OSError) as error:
                if isinstance(error, OSError) and error.errno:
                    raise
                raise self._damaged(error) from error

    def frame_dtype(self, column: str) -> str | None:
        return None


class FrameTable:
    """A data frame, or an Arrow table, in memory.

    Attributes:
        frame_form: what makes such a frame of the columns again.
    """

    textual = False
    notes: tuple[str, ...] = ()

    def __init__(
        self, frame: Any, name: str = "the table", wanted: Container[str] | None = None
    ) -> None:
        self.name = name
        self.frame = frame_kind(frame)
        self._table, self.frame_form = learnable(frame, wanted)
        self.types = _known_types(self._table.schema, name)
        dtypes = frame.dtypes if self.frame == "pandas" else ()
        self._dtypes = dict(zip(self.types, map(str, dtypes), strict=False))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        table = self._table if columns is None else self._table.select(list(columns))
        # Arrow makes no batch of no rows, which has the categories all the same.
        yield from table.to_batches(_BATCH_ROWS) or [no_rows(table)]

    def frame_dtype(self, column: str) -> str | None:
        return self._dtypes.get(column)


def no_rows(table: Any) -> Any:
    """A table of no rows as a batch."""
    import pyarrow as pa

    # the chunks, if there are any, have dictionaries; put together they would lose them
    arrays = [
        column.chunk(0) if column.num_chunks else column.combine_chunks()
        for column in table.columns
    ]
    return pa.record_batch(arrays, schema=table.schema)


def _known_types(schema: Any, source: str, *, stored: bool = False) -> dict[str, Any]:
    """The columns' types by name; ``stored``: all that archives hold, not those that are learnt."""
    if not schema.names:
        raise DataError(f"{source} has no columns", hint="give a table with at least one")
    check_names(tuple(schema.names), source)
    for field in schema:
        known = is_stored(field.type) if stored else kind_of(field.type) is not None
        if not known:
            raise DataError(
                f"column {field.name!r} of {source} is of type {field.type}, which narrows does "
                f"not {'keep' if stored else 'learn'}",
                hint="leave it out, or turn it into columns of numbers, texts or dates",
            )
    return {field.name: field.type for field in schema}


def is_table_path(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name is that of a table."""
    lower = os.fspath(path).lower()
    return lower.removesuffix(".gz").endswith(_CSV_SUFFIXES) or lower.endswith(".parquet")


def open_table(
    source: Any, wanted: Container[str] | None = None, *, stored: bool = False
) -> TableSource:
    """The source that a path or a data frame is.

    Args:
        wanted: of a data frame, the columns that are read; others may hold whatever they will.
        stored: of a Parquet file, take columns of all types that archives hold.

    Raises:
        DataError: it is damaged, empty, or has columns that cannot be learnt.
        OSError: it cannot be read.
    """
    if is_frame(source):
        return FrameTable(source, wanted=wanted)
    path = Path(source)
    if path.suffix.lower() == ".parquet":
        return ParquetTable(path, stored=stored)
    return CsvTable(path)


def frame_kind(data: Any) -> str | None:
    """``pandas``, ``polars`` or ``arrow`` for a data frame, None for anything else.

    None of the libraries is imported for it: the names of the classes say it.
    """
    for class_ in type(data).__mro__:
        library = class_.__module__.split(".")[0]
        if library in ("pandas", "polars") and class_.__name__ == "DataFrame":
            return library
        if library == "pyarrow" and class_.__name__ in ("Table", "RecordBatch"):
            return "arrow"
    return None


def is_frame(data: Any) -> bool:
    """Whether ``data`` is a pandas or polars DataFrame, or an Arrow table."""
    return frame_kind(data) is not None


def as_arrow(data: Any) -> Any:
    """A data frame as an Arrow table.

    Raises:
        DataError: a column holds values of several kinds, or two have one name.
    """
    return learnable(data)[0]


def arrow_table(names: Sequence[str], rows: Any) -> Any:
    """An array of rows (n, columns) as an Arrow table with columns of these names.

    Raises:
        DataError: a column holds values of several kinds.
    """
    import pyarrow as pa

    try:
        arrays = [pa.array(column, from_pandas=True) for column in rows.T]
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"the rows cannot be read as a table: {error}", hint="give a DataFrame"
        ) from error
    return pa.table(arrays, names=list(names))


def cells_of(block: Any, name: str) -> Any:
    """A column of an Arrow table or batch as one array, with NaN as missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = block.column(name)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0)
    if pa.types.is_floating(array.type):
        values = array.cast(pa.float32()) if pa.types.is_float16(array.type) else array
        nan = pc.fill_null(pc.is_nan(values), False)
        if pc.any(nan).as_py():
            array = pc.if_else(nan, pa.scalar(None, array.type), array)
    return array


def _cleaned(column: Any) -> Any:
    """Cells of a CSV file without the spaces around them, and missing where they are in NULLS."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.ascii_trim_whitespace(column)
    missing = pc.is_in(trimmed, pa.array(NULLS))
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)
