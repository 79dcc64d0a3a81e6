"""Cells of any table as features of a trained column, or as cells of another type: written or typed
otherwise than in training, and not refused where what they say is clear."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.arrow_types import is_text, kind_of, number_dtype, type_from_text
from narrows.data.tables.cell_formats import DATES, CellFormat, arrow_type
from narrows.data.tables.columns import Column
from narrows.data.tables.drift import SchemaDrift
from narrows.data.tables.missing import without_cells, without_missing_words
from narrows.data.tables.text_cells import parse_cells, parse_valid
from narrows.support.lazy_modules import pa, pc

# A type that texts may have, and how they are then written.
_Way = tuple[Any, CellFormat | None]


def encode_cells(column: Column, array: Any, row: int, drift: SchemaDrift) -> np.ndarray:
    """The features of some cells, float32 (n, width).

    Args:
        array: an Arrow array of them, of any type that can be read as the column's.
        row: the number of the first one's row, for messages; the table's first is 1.
        drift: told about what training never saw.

    Raises:
        DataError: a cell is not of the column's kind.
    """
    if column.width == 0:
        return np.zeros((len(array), 0), np.float32)
    if column.is_number:
        return _encode_numbers(column, array, row, drift)
    return _encode_classes(column, array, drift)


def holds_plain_numbers(column: Column) -> bool:
    """Whether cells that are texts are tried as plain numbers first."""
    return column.kind in ("integer", "numeric") and column.cell_format is None


def _encode_numbers(column: Column, array: Any, row: int, drift: SchemaDrift) -> np.ndarray:
    numbers = cells_to_numbers(column, array, row, drift)
    absent = np.isnan(numbers)
    features = np.zeros((len(numbers), column.width), np.float32)
    features[:, 0] = np.where(absent, 0, (numbers - column.centre[0]) / column.scale[0])
    if column.missing:
        features[:, 1] = (absent - column.centre[1]) / column.scale[1]
    elif absent.any():
        drift.missing[column.name] += int(absent.sum())
    return features


def _encode_classes(column: Column, array: Any, drift: SchemaDrift) -> np.ndarray:
    codes, strange = cells.to_codes(array, column.categories)
    absent = codes == cells.MISSING
    if strange and not column.other:
        drift.categories.setdefault(column.name, Counter()).update(strange)
    if not column.missing and absent.any():
        drift.missing[column.name] += int(absent.sum())
    codes[codes == cells.UNKNOWN] = len(column.categories) if column.other else -1
    codes[absent] = column.width - 1 if column.missing else -1
    features = column.class_features[codes]
    features[codes < 0] = 0  # the mean of every class
    return features


def cells_to_numbers(column: Column, array: Any, row: int, drift: SchemaDrift) -> np.ndarray:
    """Cells of a column of numbers, dates or truth values as float64 (n,), NaN where missing.

    Args:
        column: what training knew of it.
        array: an Arrow array, of texts or not.
        row: the number of the first one's row, for messages.
        drift: told about what training never saw.

    Raises:
        DataError: a cell is none of the column's kind.
    """
    array = cells.without_dictionary(array)
    if is_text(array.type):
        array = _parsed(column, array, row, drift)
    # a whole number may be followed by one that is not
    kind = "numeric" if column.kind == "integer" else column.kind
    numbers = cells.to_numbers(array, column.name, kind, column.dtype, row)
    if column.kind == "integer":
        parts = ~np.isnan(numbers) & (numbers != np.rint(numbers))
        if parts.any():
            at = int(np.argmax(parts))
            drift.fraction(column.name, int(parts.sum()), float(numbers[at]), row + at)
    return numbers


def _parsed(column: Column, array: Any, row: int, drift: SchemaDrift) -> Any:
    """Texts as cells of another type, where all are known."""
    array = array.cast(pa.string())
    ways = _candidates(column)
    parsed = _reader(ways[0])(array)
    if parsed is not None:
        return parsed
    known, _ = without_missing_words(array)
    for way in ways:
        parsed = _reader(way)(known)
        if parsed is not None:
            return parsed
    if not column.invalid and ways[0][1] is None:
        return known  # what is wrong with it is said by what reads it
    parsed, wrong = parse_valid(known, _reader(ways[0]))
    if not column.invalid:
        kind = "numeric" if column.kind == "integer" else column.kind
        raise cells.not_of_kind(column.name, kind, known[wrong[0]].as_py(), row + wrong[0])
    if len(wrong) > len(known) - known.null_count - len(wrong):
        return known
    counts = Counter(known.take(pa.array(wrong, pa.int64())).to_pylist())
    drift.invalid.setdefault(column.name, Counter()).update(counts)
    return parsed


def compatible_types(column: Column) -> list[Any]:
    """The Arrow types that cells of another text file may be given: that of training, then those
    that hold more, and texts at last, which hold everything."""
    own = column.given_type
    if pa.types.is_dictionary(own) or is_text(own) or pa.types.is_null(own):
        return [own]
    wider: list[Any] = []
    if pa.types.is_timestamp(own) or pa.types.is_date(own):
        zone = getattr(own, "tz", None)
        wider = [pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns")]
    elif not (pa.types.is_temporal(own) or pa.types.is_boolean(own)):
        wider = [pa.int64(), pa.float64()] if pa.types.is_integer(own) else [pa.float64()]
    return list(dict.fromkeys([own, *wider, pa.string()]))


def cast_cells(column: Column, array: Any, type_: Any) -> Any:
    """Cells of another table as an Arrow array of a type, or None where it does not hold them as
    they are.

    Texts are read as :func:`cells_to_numbers` reads them, and whole numbers exactly; what stands
    for missing values, or is invalid, is missing, but no identifier is: nothing fills it in.

    Args:
        type_: that of training, or another of :func:`compatible_types`.
    """
    array = cells.without_dictionary(array)
    own = type_from_text(column.dtype)
    if not column.is_number and column.kind in ("constant", "ignored") and not is_text(own):
        column = replace(column, kind=kind_of(own) or column.kind)
    try:
        if is_text(array.type) and not column.is_number:
            return cells.as_type(array, type_)
        texts = is_text(array.type)
        found = _read(column, array.cast(pa.string()), type_) if texts else array
        result = None if found is None else found.cast(type_)
    except (pa.ArrowException, ValueError):
        return None
    if result is not None and pa.types.is_temporal(found.type) and not is_text(type_):
        return result if result.cast(found.type).equals(found) else None  # a day has no hours
    return result


def _read(column: Column, array: Any, type_: Any) -> Any:
    """Texts of a column of numbers, dates or truth values as cells of about a type, or None."""
    known, words = without_missing_words(array)
    if column.identifier and words:
        return array if is_text(type_) else None
    usual = _candidates(column)
    if is_text(type_):
        _, wrong = parse_valid(known, _reader(usual[0])) if column.invalid else (None, [])
        return _without(known, wrong) if wrong else known
    first = [(type_, column.cell_format)] if column.cell_format else []
    ways = [*first, (type_, None), *usual]
    readable = (_reader(way)(known) for way in ways)
    found = next((cell for cell in readable if cell is not None), None)
    if found is None and column.invalid:
        tried = [parse_valid(known, _reader(way)) for way in (ways[0], usual[0])]
        found = min(tried, key=lambda each: len(each[1]))[0]
    return None if found is None or _is_rounded(found, known) else found


def _without(array: Any, places: list[int]) -> Any:
    absent = np.zeros(len(array), bool)
    absent[places] = True
    return without_cells(array, pa.array(absent))


def _is_rounded(found: Any, texts: Any) -> bool:
    """Whether whole numbers among some texts are larger than the floats that were read hold
    exactly."""
    if not pa.types.is_floating(found.type):
        return False
    limit = 2.0 ** (np.finfo(number_dtype(found.type)).nmant + 1)
    large = pc.greater_equal(pc.abs(found.cast(pa.float64())), limit)
    whole = pc.invert(pc.match_substring_regex(texts, "[.eE]"))
    return bool(pc.any(pc.and_(large, whole)).as_py())


def _reader(way: _Way) -> Callable[[Any], Any]:
    """Reads texts in one way, and gives None if some are none of its type."""
    return partial(parse_cells, type_=way[0], cell_format=way[1], loose=True)


def _candidates(column: Column) -> list[_Way]:
    """The types and formats that texts of a column may have, that of training first."""
    own = type_from_text(column.dtype)
    if column.kind == "boolean":
        return [(pa.bool_(), None)]
    first = [_formatted(column.cell_format)] if column.cell_format else []
    if column.kind != "date":
        return [*first, (pa.float64(), None)]
    stamps = [pa.timestamp(unit, zone) for zone in (None, "UTC") for unit in ("s", "us", "ns")]
    ways = [*first, (own, None)]
    if not pa.types.is_time(own):
        ways += [(stamp, None) for stamp in stamps]
    if pa.types.is_duration(own):
        ways += [_formatted(CellFormat(date=name)) for name in DATES if name.startswith("duration")]
    order = column.cell_format.date.removesuffix(" time") if column.cell_format else ""
    names = [name for name in DATES if order and name.removesuffix(" time") == order]
    return ways + [_formatted(CellFormat(date=name)) for name in names]


def _formatted(cell_format: CellFormat) -> _Way:
    return arrow_type(cell_format, "numeric"), cell_format  # the kind counts for numbers alone
