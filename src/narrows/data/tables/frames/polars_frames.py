"""polars' DataFrame and Series as Arrow tables and forms, and back."""

from collections.abc import Callable, Container, Mapping
from typing import Any

from narrows.data.tables.arrow_types import is_stored
from narrows.data.tables.cells import whole
from narrows.data.tables.frames.form import Form, unsupported
from narrows.support.lazy_modules import pa, pl

#: Types that Arrow does not have, which are texts of digits.
WIDE = ("Int128", "UInt128")


def polars_to_arrow(
    data: Any,
    convert: Callable[[Any], tuple[dict[str, Any], Any]] | None = None,
    wanted: Container[str] | None = None,
) -> tuple[Any, Form]:
    """A polars DataFrame or Series as an Arrow table and its form.

    Args:
        convert: makes an entry and an Arrow array of a column; None for one that an archive holds.
        wanted: names of the columns that are read, None for all; others are empty in the table.

    Raises:
        DataError: a column is of a type that is not held.
    """
    series = type(data).__name__ == "Series"
    frame = data.to_frame() if series else data
    entries, arrays = list[dict[str, Any]](), list[Any]()
    for column in frame.get_columns():
        if wanted is not None and column.name not in wanted:
            entries.append({})
            arrays.append(pa.nulls(len(column)))
            continue
        entry, array = (convert or _stored_column)(column)
        entries.append(entry)
        arrays.append(array)
    table = pa.table(arrays, names=list(frame.columns))
    shape, simple = "series" if series else "frame", not series and not any(entries)
    return table, Form("polars", shape, columns=tuple(entries), simple=simple)


def _stored_column(column: Any) -> tuple[dict[str, Any], Any]:
    entry, array = column_to_arrow(column)
    if not is_stored(array.type):
        raise unsupported(f"column {column.name!r}", column.dtype)
    return entry, array


def column_to_arrow(column: Any) -> tuple[dict[str, Any], Any]:
    """A polars Series as an entry and an Arrow array.

    Raises:
        DataError: it is of a type that Arrow does not have.
    """
    kind = column.dtype.base_type().__name__
    if kind in ("Object", "Unknown"):  # whose Arrow arrays are addresses
        raise unsupported(f"column {column.name!r}", column.dtype)
    if kind in WIDE:
        digits = [None if number is None else str(number) for number in column.to_list()]
        return {"dtype": kind}, pa.array(digits, pa.string())
    try:
        array = column.to_arrow()
    except (pa.ArrowException, pl.exceptions.PolarsError, NotImplementedError) as error:
        raise unsupported(f"column {column.name!r}", column.dtype) from error
    return _entry(column.dtype, kind), array


def _entry(dtype: Any, kind: str) -> dict[str, Any]:
    if kind == "Enum":
        return {"dtype": "Enum"}
    categories = getattr(dtype, "categories", None)
    if kind != "Categorical" or categories is None or not hasattr(categories, "name"):
        return {}
    name, space, physical = categories.name(), categories.namespace(), categories.physical()
    physical = getattr(physical, "__name__", str(physical))
    named = {"name": name, "namespace": space, "physical": physical}
    return {"dtype": "Categorical", **named} if name else {}


def polars_from_arrow(table: Any, form: Form) -> Any:
    """What :func:`polars_to_arrow` was given.

    Raises:
        Exception: of any kind, where the form is not the table's.
    """
    columns = [
        column_from_arrow(name, array, entry)
        for name, array, entry in zip(
            table.column_names, table.columns, form.columns or [{}] * table.num_columns, strict=True
        )
    ]
    if form.shape == "series":
        return columns[0]
    return pl.DataFrame(columns)


def column_from_arrow(name: str, array: Any, entry: Mapping[str, Any]) -> Any:
    """A polars Series of an Arrow array and its entry."""
    dtype = entry.get("dtype")
    if dtype == "Enum":
        levels = whole(array).dictionary.to_pylist() if array.num_chunks else []
        texts = pl.from_arrow(array.cast(pa.large_string()))
        return pl.Series(name, texts, dtype=pl.String).cast(pl.Enum(levels))
    column = pl.Series(name, pl.from_arrow(array))
    if dtype in WIDE:
        cells = [int(cell) if isinstance(cell, str) else cell for cell in array.to_pylist()]
        numbers = [None if cell is None else round(cell) for cell in cells]
        return pl.Series(name, numbers, dtype=getattr(pl, str(dtype)))
    if dtype == "Categorical":
        physical = getattr(pl, str(entry["physical"]))
        categories = pl.Categories(entry["name"], entry["namespace"], physical)
        return column.cast(pl.String).cast(pl.Categorical(categories))
    return column
