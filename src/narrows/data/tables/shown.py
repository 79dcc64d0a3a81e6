"""The cells of rows as people are shown them: what a model makes of one, and what it held."""

from typing import Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.columns import Column
from narrows.data.tables.schema import TableSchema

# A feature is a float32, of which so much of its distance from 0 is rounding; and the share of a
# number that float64 loses where a feature is made and taken back.
_FEATURE, _NUMBER = 2.0**-23, 2.0**-50
# An indicator of 0 and 1 below this is not that of the cell's class.
_IS_CLASS = 1 - 1e-6


def shown_cells(schema: TableSchema, features: np.ndarray, *, given: bool) -> list[list[Any]]:
    """The cells of each column, as Python values.

    A category is its text, and all rarer ones are :data:`narrows.data.tables.columns.OTHER`.

    Args:
        features: (n, width), float32.
        given: whether they were made of a table's rows, and not by a model. Their numbers are then
            neither kept to the range of training nor moved to frequent ones, and as exact as
            features tell; what no class or number has such features of is missing.
    """
    return [_shown(column, features[:, column.features], given) for column in schema.columns]


def _shown(column: Column, features: np.ndarray, given: bool) -> list[Any]:
    if column.kind == "categorical":
        raw = features.astype(np.float64) * np.array(column.scale) + np.array(column.centre)
        names = [column.classes[code] for code in raw.argmax(axis=1)]
        if not given:
            return names
        known = raw.max(axis=1, initial=0) > _IS_CLASS
        return [name if has else None for name, has in zip(names, known, strict=True)]
    if not (given and column.width):
        return cells.in_python(column.decode(features))
    numbers = _held(column, features)
    found = cells.in_python(column.as_cells(numbers))
    if column.kind not in ("numeric", "integer"):
        return found
    return [  # the type of training may hold no such number
        value if value is None or float(value) == number else number
        for value, number in zip(found, numbers.tolist(), strict=True)
    ]


def _held(column: Column, features: np.ndarray) -> np.ndarray:
    """The numbers that cells held, float64 (n,), NaN where missing: of those that a feature may
    stand for, one in the column's resolution, or else that of the fewest digits."""
    numbers, first = column.numbers(features), features[:, 0].astype(np.float64)
    off = np.abs(first) * column.scale[0] * _FEATURE + np.abs(numbers) * _NUMBER
    if column.kind == "date":  # features may have been rounded more than once, larger ones too
        off = np.maximum(off, 4 * column.scale[0] * _FEATURE)
    near = np.rint(numbers) if column.kind == "boolean" else column.nearest(numbers)
    fits = np.abs(near - numbers) <= off
    if column.kind in ("numeric", "integer"):
        decimals, step, _ = column.resolution or (0, 0, 0)
        # of steps as fine as the rounding no one tells more than a shorter number
        fits &= step >= 1 if column.kind == "integer" else off < step / 10.0**decimals
        for at in np.flatnonzero(~fits & ~np.isnan(numbers)):
            numbers[at] = _shortest(float(numbers[at]), float(off[at]))
    if not column.missing:
        numbers[~fits & (first == 0)] = np.nan  # a gap has the feature of the mean
    return np.where(fits, near, numbers)


def _shortest(number: float, off: float) -> float:
    """The number of the fewest digits that lies no further off."""
    shorter = (float(f"{number:.{digits}g}") for digits in range(1, 17))
    return next((each for each in shorter if abs(each - number) <= off), number)
