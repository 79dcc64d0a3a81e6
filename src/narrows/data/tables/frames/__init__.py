"""Data frames as Arrow tables and back, without a change: what archives, estimators and detectors
all use.

An Arrow table does not say which dtype pandas had, what the rows are called, or that a column's
name is a number; a :class:`Form` does, in JSON values that archives and model files have room for.

==================  ================================================================
``form``            the Form
``scalars``         single Python values as texts, and back
``zones``           time zones as JSON values, and back
``objects``         columns of Python objects
``pandas_columns``  one column of pandas, of any dtype
``labels``          what pandas calls its columns and rows
``pandas_frames``   pandas' frames, series and indexes
``polars_frames``   polars'
``masked``          masked arrays of NumPy
``learning``        columns as they are learnt from, and results as a frame like another
==================  ================================================================
"""

from typing import Any

from narrows.data.tables.arrow_types import is_stored
from narrows.data.tables.cells import whole
from narrows.data.tables.frames.form import Form, library_of, unsupported
from narrows.data.tables.frames.masked import masked_from_arrow, masked_to_arrow
from narrows.data.tables.frames.pandas_frames import (
    pandas_from_arrow,
    pandas_to_arrow,
    require_same,
)
from narrows.data.tables.frames.polars_frames import polars_from_arrow, polars_to_arrow
from narrows.errors import DataError
from narrows.support.lazy_modules import pa


def frame_to_arrow(data: Any) -> tuple[Any, Form]:
    """A frame, a series or an array as an Arrow table and what the table does not say.

    Args:
        data: a pandas DataFrame, Series, Index or extension array, a polars DataFrame or Series, an
            Arrow Table, RecordBatch, Array or ChunkedArray, or a masked array of NumPy.

    Raises:
        DataError: something in it is of a type that would not come back as it was; the message
            names the column and the type.
    """
    library, shape = library_of(data) or ("", "")
    if library == "pandas":
        table, form = pandas_to_arrow(data)
        require_same(data, frame_from_arrow(table, form))
        return table, form
    if library == "polars":
        return polars_to_arrow(data)
    if library == "numpy":
        return masked_to_arrow(data)
    if library == "arrow":
        return _pyarrow_to_arrow(data, shape)
    raise DataError(f"{type(data).__name__} is no table", hint="give a pandas or polars DataFrame")


def frame_from_arrow(table: Any, form: Form) -> Any:
    """What :func:`frame_to_arrow` was given.

    Args:
        table: as it was, or with other rows where the form has no range of rows.

    Raises:
        ImportError: a library that it needs is not installed.
        ValueError: the form is not the table's.
    """
    try:
        if form.library == "pandas":
            return pandas_from_arrow(table, form)
        if form.library == "polars":
            return polars_from_arrow(table, form)
        if form.library == "numpy":
            return masked_from_arrow(table, form)
        return _pyarrow_from_arrow(table, form)
    except (ImportError, MemoryError):
        raise
    # What a stranger's form says makes libraries fail in many ways.
    except Exception as error:
        raise ValueError(f"it is none of {form.library}'s: {error}") from error


def _pyarrow_to_arrow(data: Any, shape: str) -> tuple[Any, Form]:
    if shape == "frame":
        table = data
    else:
        table = pa.Table.from_batches([data]) if shape == "batch" else pa.table({"values": data})
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"the table has several columns of the name {twice!r}",
            hint="give each column a name of its own",
        )
    for each in table.schema:
        if not is_stored(each.type):
            raise unsupported(f"column {each.name!r}", each.type)
    required = [each.name for each in table.schema if not each.nullable]
    more = {"required": required} if required else {}
    return table, Form("arrow", shape, more=more, simple=shape == "frame" and not required)


def _pyarrow_from_arrow(table: Any, form: Form) -> Any:
    required = set(form.more.get("required", ()))
    if required:
        fields = [
            pa.field(each.name, each.type, nullable=each.name not in required)
            for each in table.schema
        ]
        table = pa.Table.from_arrays(table.columns, schema=pa.schema(fields))
    if form.shape == "batch":
        arrays = [whole(column) for column in table.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=table.schema)
    if form.shape == "chunked":
        return table.column(0)
    return whole(table.column(0)) if form.shape == "array" else table


__all__ = ["Form", "frame_from_arrow", "frame_to_arrow", "library_of"]
