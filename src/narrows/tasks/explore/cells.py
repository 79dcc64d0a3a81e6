"""A table's rows as cells that a form shows, and cells as features."""

import datetime
import decimal
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from narrows.data import TableSchema
from narrows.data.tables import SchemaDrift, shown_cells
from narrows.data.tables.arrow_types import is_text, type_from_text
from narrows.data.tables.cells import from_numbers, from_texts, in_python, to_texts, whole
from narrows.data.tables.columns import Column
from narrows.errors import DataError
from narrows.report.redundancy import Redundancy
from narrows.support.lazy_modules import pa

#: What a form shows of a column, by its kind.
_KINDS = {
    "numeric": "number",
    "integer": "number",
    "boolean": "truth",
    "categorical": "category",
    "date": "date",
    "constant": "constant",
}
# Whole numbers beyond this are not exact in a page.
_EXACT = 2**53


def cells_of(
    table: TableSchema, features: np.ndarray, *, given: bool = False
) -> list[dict[str, Any]]:
    """The cells of one row: ``{column, value}`` of each column that is learnt or constant; of
    categories their texts.

    Args:
        features: (width,), any float dtype.
        given: whether they are a row of the data, see :func:`narrows.data.tables.shown_cells`.
    """
    row = np.asarray(features, np.float32)[None]
    if given:
        values = [value for (value,) in shown_cells(table, row, given=True)]
    else:
        decoded = zip(table.columns, table.decode(row).columns, strict=True)
        values = [_first(column, array) for column, array in decoded]
    return [
        {"column": column.name, "value": _plain(value)}
        for column, value in zip(table.columns, values, strict=True)
        if column.kind in _KINDS
    ]


def _first(column: Column, array: Any) -> Any:
    array = whole(array)
    return in_python(to_texts(array) if column.kind == "categorical" else array)[0]


def features_of(table: TableSchema, cells: Any) -> np.ndarray:
    """The features of a row, float32 (width,); what is not given is missing.

    Args:
        cells: a list of ``{column, value}``, from a page.

    Raises:
        DataError: it is none, or a cell is not of its column's kind.
    """
    values = _by_name(cells, table.names)
    row = {column.name: _array(column, values.get(column.name)) for column in table.learnt}
    return table.encode(pa.table(row), SchemaDrift())[0]


def columns_of(table: TableSchema, redundancy: Redundancy | None) -> list[dict[str, Any]]:
    """What a form has to know of each column; of those that are ignored it shows why, and no
    cells."""
    found = () if redundancy is None else redundancy.columns
    follows = {each.name: list(each.follows) for each in found}
    return [
        {
            "name": column.name,
            "kind": _KINDS.get(column.kind, "ignored"),
            "why": column.why_not(),
            "categories": list(column.categories) if column.kind == "categorical" else None,
            "low": _limit(column, column.lowest),
            "high": _limit(column, column.highest),
            "whole": column.kind == "integer",
            "follows_from": follows.get(column.name, []),
        }
        for column in table.columns
    ]


def _limit(column: Column, value: float | None) -> Any:
    """An end of the range of training as a cell has it."""
    if value is None or not math.isfinite(value):
        return None
    if column.kind == "date":
        return _plain(in_python(from_numbers(np.array([value]), type_from_text(column.dtype)))[0])
    return value if column.kind in ("numeric", "integer") else None


def _plain(value: Any) -> Any:
    """A cell as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _by_name(cells: Any, names: Sequence[str]) -> Mapping[str, Any]:
    hint = 'give a list of {"column": name, "value": value}'
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise DataError("these are no cells of a row", hint=hint)
    values = {}
    for cell in cells:
        name, value = cell.get("column"), cell.get("value")
        if name not in names:
            raise DataError(
                f"the table has no column {name!r:.60}",
                hint=f"its columns are {', '.join(map(repr, names[:20]))}",
            )
        if not (value is None or isinstance(value, str | int | float | bool)):
            raise DataError(f"the cell of column {name!r} holds no value", hint=hint)
        values[name] = value
    return values


def _array(column: Column, value: Any) -> Any:
    """One cell in an Arrow array that can be read as the column's."""
    type_ = column.given_type
    if value is None or value == "":
        return pa.nulls(1, type_)
    try:
        if column.kind == "categorical" or is_text(type_):
            return pa.array([str(value)])
        if column.kind in ("numeric", "integer"):  # any: 2.5 beside whole numbers, 300 of a byte
            return from_texts([str(value)], pa.float64())
        if isinstance(value, str) and pa.types.is_duration(type_):
            return pa.array([_span(value)]).cast(type_)
        if isinstance(value, str):
            return from_texts([value], type_)
        return pa.array([value]).cast(type_)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"column {column.name!r} takes a {_KINDS.get(column.kind, 'value')}, and {value!r:.60} "
            "is none",
            hint="correct it, or leave the cell empty",
        ) from error


# As Python writes it, or pandas: -1 days +23:59:00.
_SPAN = re.compile(r"(?:(-?\d+) days?,? \+?)?(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def _span(text: str) -> datetime.timedelta:
    """Time that passed, as Python or pandas writes it."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time that passed")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
