"""Cells of a later table as numbers of a trained column: written or typed otherwise, and not
refused where what they say is clear."""

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.arrow_types import is_text, kind_of, type_from_text
from narrows.data.tables.spellings import DATES, Spelling, type_of
from narrows.data.tables.texts import read, read_mostly, without_weak
from narrows.data.tables.unfamiliar import Unfamiliar
from narrows.errors import DataError

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
    if not column.strays:
        return known  # what is wrong with it is said by what reads it
    type_, spelling = _ways(column)[0]
    parsed, wrong = read_mostly(known, lambda texts: read(texts, type_, spelling, loose=True))
    if len(wrong) > len(known) - known.null_count - len(wrong):
        return known
    counts = Counter(known.take(pa.array(wrong, pa.int64())).to_pylist())
    unfamiliar.strays.setdefault(column.name, Counter()).update(counts)
    return parsed


def typed(column: "Column", array: Any, type_: Any) -> Any:
    """Cells of a later table as an Arrow array of the type that they had in training.

    Texts are read as :func:`numbers_of` reads them, and whole numbers exactly; what stands for
    missing values, or is a stray, is missing.

    Raises:
        DataError: a cell is none of the type.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not column.is_number and column.kind == "constant" and not is_text(type_):
        column = replace(column, kind=kind_of(type_) or column.kind)
    if not is_text(array.type) or not column.is_number:
        return cells.as_type(array, column.kind, type_)
    known, _ = without_weak(array.cast(pa.string()))
    ways: list[tuple[Any, Spelling | None]] = [(type_, column.spelling)] if column.spelling else []
    ways += [(type_, None), *_ways(column)]
    readable = (read(known, *way, loose=True) for way in ways)
    found = next((cell for cell in readable if cell is not None), None)
    if found is None and column.strays:
        mostly = [
            read_mostly(known, partial(read, type_=way[0], spelling=way[1], loose=True))
            for way in (ways[0], _ways(column)[0])
        ]
        found = min(mostly, key=lambda each: len(each[1]))[0]
    try:
        if found is None:
            raise ValueError("it is written in another way")
        return found.cast(type_, safe=not pa.types.is_temporal(type_))
    except (pa.ArrowException, ValueError) as error:
        raise DataError(
            f"column {column.name!r} was {type_} in training, and cells of it cannot be written as "
            f"such: {error}",
            hint="correct them, or train on a table that has such cells",
        ) from error


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
