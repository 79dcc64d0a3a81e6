"""Data frames as they are learnt from, and what was learnt as a frame like another.

What is learnt from are numbers, dates and texts: objects are what Arrow takes them for. Nothing
else differs from what archives hold, and no index is learnt.
"""

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from narrows.data.tables.cells import whole
from narrows.data.tables.columns import OTHER
from narrows.data.tables.frames import Form, frame_from_arrow, library_of
from narrows.data.tables.frames.objects import missing_mark
from narrows.data.tables.frames.pandas_columns import series_from_arrow, series_of, series_to_arrow
from narrows.data.tables.frames.pandas_frames import pandas_to_arrow, with_index
from narrows.data.tables.frames.polars_frames import (
    WIDE,
    column_from_arrow,
    column_to_arrow,
    polars_to_arrow,
)
from narrows.data.tables.missing import without_cells
from narrows.errors import DataError
from narrows.support.lazy_modules import pa, pc, pl


def training_table(data: Any, wanted: Container[str] | None = None) -> tuple[Any, Form]:
    """A data frame as an Arrow table to learn from, and its form; the index is in neither.

    Columns of types that cannot be learnt are of whatever type Arrow has for them.

    Args:
        data: a pandas or polars DataFrame, an Arrow Table or RecordBatch.
        wanted: names of the columns that are read, None for all; others are empty in the table.

    Raises:
        DataError: a column holds values of several kinds, or two have one name.
    """
    library, shape = library_of(data) or ("", "")
    if library == "pandas" and shape == "frame":
        return pandas_to_arrow(data, _of_pandas, keep_index=False, wanted=wanted)
    if library == "polars" and shape == "frame":
        return polars_to_arrow(data, _of_polars, wanted)
    if library == "arrow" and shape in ("frame", "batch"):
        table = data if shape == "frame" else pa.Table.from_batches([data])
        return table, Form("arrow")
    raise DataError(f"{type(data).__name__} is no table", hint="give a pandas or polars DataFrame")


def entry_of(library: str, array: Any) -> Mapping[str, Any]:
    """What a form says of a column that a library makes of a chunked Arrow array."""
    if library == "pandas":
        return _of_pandas(array.to_pandas())[0]
    if library == "polars":
        return _of_polars(pl.from_arrow(array))[0]
    return {}


def _of_pandas(values: Any) -> tuple[Mapping[str, Any], Any]:
    if str(values.dtype).endswith("[pyarrow]") and hasattr(values.dtype, "pyarrow_dtype"):
        return {"kind": "arrow"}, whole(values.array.__arrow_array__())
    if values.dtype != object:
        return series_to_arrow(values)
    try:
        array = whole(pa.array(values.to_list(), from_pandas=True))
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        kinds = sorted({type(cell).__name__ for cell in values if not missing_mark(cell)})
        raise TypeError(f"object, with {' and '.join(kinds[:5])}") from error
    marks = {mark for mark in map(missing_mark, values) if mark}
    return {"kind": "objects", "missing": min(marks, default="None")}, array


def _of_polars(column: Any) -> tuple[dict[str, Any], Any]:
    kind = column.dtype.base_type().__name__
    if kind not in WIDE:
        return column_to_arrow(column)
    small = column.cast(pl.Int64, strict=False)
    whole = small.null_count() == column.null_count()
    return {"dtype": kind}, (small if whole else column.cast(pl.Float64)).to_arrow()


def frame_like_training(rows: Any, form: Form, like: Any = None) -> Any:
    """Rows that a model made as a frame of the kind that it was trained on.

    Args:
        rows: an Arrow table with the columns of that frame.
        form: what :func:`training_table` gave with it.
        like: a pandas DataFrame whose index the rows get, where there is one for them.

    Raises:
        ImportError: the library of the form is not installed.
        ValueError: the form is not the table's.
    """
    entries = form.columns or ({},) * rows.num_columns
    for at, (name, entry) in enumerate(zip(rows.column_names, entries, strict=True)):
        rows = rows.set_column(at, name, without_rare_class(rows.column(at), entry))
    frame = frame_from_arrow(rows, replace(form, shape="frame", index=None, more={}))
    return with_index(frame, like)


def without_rare_class(column: Any, entry: Mapping[str, Any]) -> Any:
    """A column without the class of all rarer ones, where that is a text which means nothing: of
    categories that are intervals, or objects of several classes."""
    inner = entry.get("of", entry)
    if inner.get("kind") != "intervals" and not inner.get("tagged"):
        return column
    array = whole(column)
    if not pa.types.is_dictionary(array.type):
        return without_cells(array, pc.equal(array, OTHER))
    levels = [level for level in array.dictionary.to_pylist() if level != OTHER]
    dictionary = pa.array(levels, array.type.value_type)
    codes = pc.index_in(array.dictionary, dictionary).take(array.indices)
    indices = codes.cast(array.type.index_type)
    return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=array.type.ordered)


def with_columns(data: Any, form: Form, columns: Mapping[int, Any]) -> Any:
    """A frame with some columns replaced, and all else as it is: index, labels, other columns.

    Args:
        data: the frame.
        form: what :func:`training_table` gave of it.
        columns: Arrow arrays by the number of their column.
    """
    if form.library == "pandas":
        return _with_pandas(data, form, columns)
    if form.library == "polars":
        series = data.get_columns()
        for at, array in columns.items():
            name, dtype = series[at].name, series[at].dtype
            new = column_from_arrow(name, pa.chunked_array([array]), form.columns[at])
            enumerated = dtype.base_type().__name__ in ("Enum", "Categorical", "Null")
            series[at] = new if enumerated else new.cast(dtype)
        return type(data)(series)
    for at, array in columns.items():
        data = data.set_column(at, data.schema.field(at).with_type(array.type), array)
    return data


def _with_pandas(data: Any, form: Form, columns: Mapping[int, Any]) -> Any:
    result = data.copy()
    for at, array in columns.items():
        entry = dict(form.columns[at])
        new = series_of(series_from_arrow(entry, array))
        if entry["kind"] == "objects":  # which cells that have a value keep to the last digit
            before = data.iloc[:, at].to_list()
            for row, cell in enumerate(before):
                if not missing_mark(cell):
                    new.iat[row] = cell
        new.index = data.index
        result.isetitem(at, new)
    return result
