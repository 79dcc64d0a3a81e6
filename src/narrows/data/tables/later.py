"""Cells of a later table as numbers of a trained column: written or typed otherwise, and not
refused where what they say is clear."""

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.arrow_types import is_text, kind_of, number_dtype, type_from_text
from narrows.data.tables.spellings import DATES, Spelling, type_of
from narrows.data.tables.texts import read, read_mostly, without_weak
from narrows.data.tables.unfamiliar import Unfamiliar

if TYPE_CHECKING:
    from narrows.data.tables.columns import Column


def numbers_of(column: "Column", array: Any, row: int, unfamiliar: Unfamiliar) -> np.ndarray:
    """Cells of a column of numbers, dates or truth values as float64 (n,), NaN where missing.

    Args:
        column: what training knew of it.
        array: an Arrow array, of texts or not.
        row: the number of the first one's row, for messages.
        unfamiliar: told about what training never saw.

    Raises:
        DataError: a cell is none of the column's kind.
    """
    if is_text(array.type):
        array = _parsed(column, array, row, unfamiliar)
    # a whole number may be followed by one that is not
    kind = "numeric" if column.kind == "integer" else column.kind
    numbers = cells.to_numbers(array, column.name, kind, column.dtype, row)
    if column.kind == "integer":
        parts = ~np.isnan(numbers) & (numbers != np.rint(numbers))
        if parts.any():
            at = int(np.argmax(parts))
            unfamiliar.fraction(column.name, int(parts.sum()), float(numbers[at]), row + at)
    return numbers


def _parsed(column: "Column", array: Any, row: int, unfamiliar: Unfamiliar) -> Any:
    """Texts as cells of another type, where all are known."""
    import pyarrow as pa

    array = array.cast(pa.string())
    known, _ = without_weak(array)
    for type_, spelling in _ways(column):
        parsed = read(known, type_, spelling, loose=True)
        if parsed is not None:
            return parsed
    type_, spelling = _ways(column)[0]
    if not column.strays and spelling is None:
        return known  # what is wrong with it is said by what reads it
    parsed, wrong = read_mostly(known, lambda texts: read(texts, type_, spelling, loose=True))
    if not column.strays:
        kind = "numeric" if column.kind == "integer" else column.kind
        raise cells.not_of_kind(column.name, kind, known[wrong[0]].as_py(), row + wrong[0])
    if len(wrong) > len(known) - known.null_count - len(wrong):
        return known
    counts = Counter(known.take(pa.array(wrong, pa.int64())).to_pylist())
    unfamiliar.strays.setdefault(column.name, Counter()).update(counts)
    return parsed


def types_of_cells(column: "Column") -> list[Any]:
    """The Arrow types that cells of a later text file may be given: that of training, then those
    that hold more, and texts at last, which hold everything."""
    import pyarrow as pa

    own = type_from_text(column.dtype)
    if pa.types.is_dictionary(own) or is_text(own) or pa.types.is_null(own):
        return [own]
    wider: list[Any] = []
    if pa.types.is_timestamp(own) or pa.types.is_date(own):
        zone = getattr(own, "tz", None)
        wider = [pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns")]
    elif not (pa.types.is_temporal(own) or pa.types.is_boolean(own)):
        wider = [pa.int64(), pa.float64()] if pa.types.is_integer(own) else [pa.float64()]
    return list(dict.fromkeys([own, *wider, pa.string()]))


def typed(column: "Column", array: Any, type_: Any) -> Any:
    """Cells of a later table as an Arrow array of a type, or None where it does not hold them as
    they are.

    Texts are read as :func:`numbers_of` reads them, and whole numbers exactly; what stands for
    missing values, or is a stray, is missing.

    Args:
        type_: that of training, or another of :func:`types_of_cells`.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    own = type_from_text(column.dtype)
    if not column.is_number and column.kind == "constant" and not is_text(own):
        column = replace(column, kind=kind_of(own) or column.kind)
    try:
        if is_text(array.type) and not column.is_number:
            return cells.as_type(array, column.kind, type_)
        texts = is_text(array.type)
        found = _read(column, array.cast(pa.string()), type_) if texts else array
        result = None if found is None else found.cast(type_)
    except (pa.ArrowException, ValueError):
        return None
    if result is not None and pa.types.is_temporal(found.type) and not is_text(type_):
        return result if result.cast(found.type).equals(found) else None  # a day has no hours
    return result


def _read(column: "Column", array: Any, type_: Any) -> Any:
    """Texts of a column of numbers, dates or truth values as cells of about a type, or None."""
    known, _ = without_weak(array)
    ways: list[tuple[Any, Spelling | None]] = [(type_, column.spelling)] if column.spelling else []
    ways += [(type_, None), *_ways(column)]
    mostly = partial(read_mostly, known)
    if is_text(type_):
        if not column.strays:
            return known
        type_, spelling = _ways(column)[0]
        _, wrong = mostly(partial(read, type_=type_, spelling=spelling, loose=True))
        return _without(known, wrong)
    readable = (read(known, *way, loose=True) for way in ways)
    found = next((cell for cell in readable if cell is not None), None)
    if found is None and column.strays:
        tried = [
            mostly(partial(read, type_=way[0], spelling=way[1], loose=True))
            for way in (ways[0], _ways(column)[0])
        ]
        found = min(tried, key=lambda each: len(each[1]))[0]
    return None if found is None or _is_rounded(found, known) else found


def _without(array: Any, places: list[int]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    there = np.ones(len(array), bool)
    there[places] = False
    return pc.if_else(pa.array(there), array, pa.scalar(None, array.type))


def _is_rounded(found: Any, texts: Any) -> bool:
    """Whether whole numbers among some texts are larger than the floats that were read hold
    exactly."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(found.type):
        return False
    limit = 2.0 ** (np.finfo(number_dtype(found.type)).nmant + 1)
    large = pc.greater_equal(pc.abs(found.cast(pa.float64())), limit)
    whole = pc.invert(pc.match_substring_regex(texts, "[.eE]"))
    return bool(pc.any(pc.and_(large, whole)).as_py())


def _ways(column: "Column") -> list[tuple[Any, Spelling | None]]:
    """The types and spellings that texts of a column may have, that of training first."""
    import pyarrow as pa

    own = type_from_text(column.dtype)
    if column.kind == "boolean":
        return [(pa.bool_(), None)]
    if column.kind != "date":
        first = [(pa.float64(), column.spelling)] if column.spelling else []
        return [*first, (pa.float64(), None)]
    first = [(type_of(column.spelling, "date"), column.spelling)] if column.spelling else []
    stamps = [pa.timestamp(unit, zone) for zone in (None, "UTC") for unit in ("s", "us", "ns")]
    ways = [*first, (own, None)]
    if not pa.types.is_time(own):
        ways += [(stamp, None) for stamp in stamps]
    order = column.spelling.date.removesuffix(" time") if column.spelling else ""
    names = [name for name in DATES if order and name.removesuffix(" time") == order]
    return ways + [(type_of(Spelling(date=name), "date"), Spelling(date=name)) for name in names]
