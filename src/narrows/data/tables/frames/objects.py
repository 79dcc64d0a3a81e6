"""A column of Python objects as an Arrow array, and back.

Where all are of one class that Arrow has a type for, they are that; otherwise each is a text that
says its class. What stands for a missing value, None, NaN, NA or NaT, is kept, and where several of
them do, they are texts as well.
"""

import datetime
import decimal
from typing import Any

import numpy as np

from narrows.data.tables.frames.scalars import scalar_from_text, scalar_to_text
from narrows.support.lazy_modules import pa

_MOST_DIGITS = 38


def objects_to_arrow(values: Any) -> tuple[dict[str, Any], Any]:
    """A pandas Series of objects as an entry and an Arrow array.

    Raises:
        TypeError: one is of a class that is not held; the message names it.
    """
    cells = values.to_list()
    marks = [missing_mark(cell) for cell in cells]
    named = sorted({mark for mark in marks if mark})
    present = [cell for cell, mark in zip(cells, marks, strict=True) if not mark]
    type_ = _common_type(present) if len(named) <= 1 else None
    entry = {"kind": "objects", "missing": named[0] if named else "None"}
    if type_ is None:
        texts = [_tagged(cell) for cell in cells]
        return {"kind": "objects", "tagged": True}, pa.array(texts, pa.large_string())
    plain = [None if mark else cell for cell, mark in zip(cells, marks, strict=True)]
    return entry, pa.array(plain, type_)


def _tagged(cell: Any) -> str:
    try:
        return scalar_to_text(cell)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"object, with {error}") from None


def objects_from_arrow(entry: dict[str, Any], array: Any) -> np.ndarray:
    """What :func:`objects_to_arrow` was given: an array of objects.

    Raises:
        ValueError, TypeError, LookupError: the entry is none, or not the array's.
    """
    cells = array.to_pylist()
    if entry.get("tagged") is True:
        cells = [scalar_from_text(text) for text in cells]
    else:
        mark = scalar_from_text(_MARKS[entry["missing"]])
        cells = [mark if cell is None else cell for cell in cells]
    result = np.empty(len(array), object)
    for place, cell in enumerate(cells):
        result[place] = cell
    return result


_MARKS = {"None": "None:", "NaN": "float:nan", "NA": "NA:", "NaT": "NaT:"}


def missing_mark(cell: Any) -> str | None:
    """What a cell is called that stands for a missing value."""
    if cell is None:
        return "None"
    if type(cell) is float:
        return "NaN" if cell != cell else None
    name = type(cell).__name__
    if name == "NAType":
        return "NA"
    return "NaT" if name == "NaTType" else None


def _common_type(cells: list[Any]) -> Any:
    """The Arrow type of cells that are all of one class, None where there is none that keeps
    them."""
    classes = set(map(type, cells))
    if not classes:
        return pa.null()
    if len(classes) > 1:
        return None
    class_ = classes.pop()
    if class_ is str:
        return pa.large_string() if all(map(is_whole_text, cells)) else None
    if class_ is int:
        return pa.int64() if min(cells) >= -(2**63) and max(cells) < 2**63 else None
    if class_ is decimal.Decimal:
        return _decimal_type(cells)
    types = {bool: pa.bool_(), float: pa.float64(), bytes: pa.large_binary()}
    return {**types, datetime.date: pa.date32()}.get(class_)


def is_whole_text(text: str) -> bool:
    """Whether a text has no halves of characters, which UTF-8 and Arrow do not have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decimal_type(cells: list[decimal.Decimal]) -> Any:
    """The type of decimals that are written with one number of digits behind the point."""
    parts = [cell.as_tuple() for cell in cells]
    exponents = {part.exponent for part in parts}
    exponent = exponents.pop()
    if exponents or not isinstance(exponent, int) or not -_MOST_DIGITS <= exponent <= 0:
        return None
    digits = max(max(len(part.digits) for part in parts), -exponent, 1)
    negative_zero = any(part.sign and not any(part.digits) for part in parts)
    if digits > _MOST_DIGITS or negative_zero:
        return None
    return pa.decimal128(digits, -exponent)
