"""The columns of a table as JSON: `pages/scripts/table_cells.js` reads and writes cells by them."""

import re
from typing import Any

import numpy as np

from narrows.data import TableSchema
from narrows.data.tables import cells
from narrows.data.tables.arrow_types import number_dtype, type_from_text
from narrows.data.tables.columns import Column
from narrows.support.lazy_modules import pa
from narrows.tasks.explore.cells import cells_of

_STEPS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def table_data(schema: TableSchema) -> list[dict[str, Any]]:
    """Each column of a table that has cells in a page, as JSON values."""
    values = _class_values(schema)
    return [_column(column, values) for column in schema.columns if column.name in values[0]]


def _class_values(schema: TableSchema) -> list[dict[str, Any]]:
    """What columns decode their classes to, by name: the first of each, the second, and so on, as
    long as one has another; and what those without features have."""
    classes = [column for column in schema.learnt if not column.is_number]
    rows = []
    for place in range(max((column.width for column in classes), default=1)):
        features = np.zeros(schema.width)
        for column in classes:
            features[column.features] = column.class_features[min(place, column.width - 1)]
        rows.append({cell["column"]: cell["value"] for cell in cells_of(schema, features)})
    return rows


def _column(column: Column, values: list[dict[str, Any]]) -> dict[str, Any]:
    own: dict[str, Any] = {
        "name": column.name,
        "kind": column.kind,
        "start": column.start,
        "centre": list(column.centre),
        "scale": list(column.scale),
        "missing": column.missing,
    }
    if not column.width:
        return {**own, "value": values[0][column.name]}
    if not column.is_number:
        return {**own, "classes": _classes(column, values)}
    return {
        **own,
        "lowest": column.lowest,
        "highest": column.highest,
        "resolution": None if column.resolution is None else list(column.resolution),
        "step": column.step,
        "masses": list(column.masses),
        "windows": list(column.windows),
        "type": _type(type_from_text(column.dtype)),
    }


def _classes(column: Column, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each feature stands for, what a cell of it is decoded to, and whether one is: the class
    of all rarer categories is decoded to the most frequent of them, if that is known."""
    classes = []
    for place, text in enumerate(column.classes):
        is_other = column.other and place == len(column.categories)
        classes.append(
            {
                "text": text,
                "isOther": is_other,
                "decodes": not is_other or bool(column.rest),
                "value": values[place][column.name],
            }
        )
    return classes


def _type(type_: Any) -> dict[str, Any]:
    """What becomes of a number in a cell of an Arrow type."""
    if pa.types.is_boolean(type_):
        return {"kind": "boolean"}
    if pa.types.is_floating(type_):
        return {"kind": "float", "bits": 8 * number_dtype(type_).itemsize}
    if pa.types.is_decimal(type_):
        return {"kind": "decimal", "digits": min(max(type_.scale, 0), 15)}
    low, high = cells.whole_limits(type_)
    limits = {"lowest": low, "highest": high}
    if not pa.types.is_temporal(type_):
        return {"kind": "integer", **limits}
    return {"kind": "date", **_date(type_), **limits}


def _date(type_: Any) -> dict[str, Any]:
    """What a date or time counts, in which unit; those with a zone are shown in UTC."""
    if pa.types.is_date32(type_):
        return {"what": "day", "perSecond": 1 / 86_400, "utc": False}
    if pa.types.is_date64(type_):
        return {"what": "day", "perSecond": 1_000, "utc": False}
    (unit,) = re.findall(r"\[(s|ms|us|ns)", str(type_))
    what = "time" if pa.types.is_time(type_) else "moment"
    if pa.types.is_duration(type_):
        what = "span"
    return {"what": what, "perSecond": _STEPS[unit], "utc": bool(getattr(type_, "tz", None))}
