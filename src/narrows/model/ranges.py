"""Whether data have the range of those that a model was trained on: in one place for every use.

A model answers to anything, also to shares of 1 where it knows grey levels up to 255. What is in
another unit is refused, as :func:`require_familiar` says; what is merely odd is not, for finding
it may be what the model is for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from narrows.data import Dataset
from narrows.data.dataset import MOST_COLUMNS
from narrows.data.limits import holds_whole_numbers
from narrows.errors import UsageError
from narrows.model.trained import DataDescription, TrainedModel
from narrows.support.chunks import CACHED_VALUES, chunks, evenly_spaced, measured_places

# Widths of the training range that the bulk of the data may lie outside it; that of the mean of
# most items, of a column's median, and of what single values and a few items have.
_MEAN, _COLUMN, _ANY = 1.0, 3.0, 10.0
# Items from which a bulk can be told from an odd item.
_FEW = 5
# Columns of rows up to which each is taken for a quantity of its own, as pixels are not.
_MOST_QUANTITIES = 32
# How much smaller than any training item's the widest item's span is, where that is another unit.
_TINY, _TINY_OF_WHOLE = 100, 4
# How much nearer to 0 a column is than it ever was in training.
_NEARER = 10
# Rows whose medians say where columns lie, and images of a folder that are looked at.
_ROWS, _IMAGES = 2000, 32
# Items that are told apart from a bulk by what is quick for one.
_MOST_SMALL = 64
_ENDS = ("lowest", "highest")
_GO_ON = "or go on with --force, in Python check_range=False"


def described_range(training: Dataset) -> dict[str, Any]:
    """What a :class:`narrows.model.trained.DataDescription` keeps of the values: ``whole`` and
    ``narrowest``; nothing of a table, whose columns keep their own."""
    if training.table is not None:
        return {}
    some = measured_places(len(training), seed=0)
    seen = _Seen.of(lambda: chunks(training.items, values=CACHED_VALUES, at=some))
    narrowest = float(np.quantile(seen.highs - seen.lows, 0.01))
    return {"whole": holds_whole_numbers(training.items), "narrowest": narrowest}


def column_ranges(
    training: Dataset, before: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """The lowest and the highest of each value of flat rows, float64 (values,), those of ``before``
    among them; nothing of what are no flat rows, or of long ones."""
    items = training.items
    if training.table is not None or items.ndim != 2 or items.shape[1] > MOST_COLUMNS:
        return {}
    lowest, highest = training.column_extents
    if before:
        lowest = np.minimum(lowest, before["lowest"])
        highest = np.maximum(highest, before["highest"])
    return {"lowest": lowest.astype(np.float64), "highest": highest.astype(np.float64)}


def judging_rows(training: Dataset, held_out: Dataset) -> np.ndarray | None:
    """Which held-out rows of a table a training is judged by: those without a number far outside
    the training range. One such number, wild or in another unit, would outweigh all other rows, and
    no model can know it. None for all of them, also where most are such, and of other data."""
    if training.table is None:
        return None
    lowest, highest = training.column_extents
    reach = _ANY * (highest - lowest)
    reach[reach == 0] = np.inf  # of what never varies nothing is known
    near = np.concatenate(
        [
            ((rows >= lowest - reach) & (rows <= highest + reach)).all(axis=1)
            for rows in chunks(held_out.items, values=CACHED_VALUES)
        ]
    )
    return None if near.all() or 2 * near.sum() < len(near) else np.flatnonzero(near)


def require_familiar(
    trained: TrainedModel, items: Any, name: str, *, finding: bool = False
) -> list[str]:
    """Make sure that data are in the unit of those that a model was trained on.

    Refused are items most of which lie far outside the training range, or all of which lie in a
    small part of it where no training item did; and rows with a column of which the same is true.
    A few odd items, and dark images of the training dtype, are not.

    Args:
        items: (n, \\*item_shape), features of a table where the model is of one, or a sequence of
            images of any sizes, of which some are looked at.
        name: what messages call them.
        finding: whether odd items are what is looked for: then nine in ten must be in another unit,
            and nothing is refused of a few.

    Returns: what a user should know of data that are not refused, in sentences.

    Raises:
        UsageError: they are not.
    """
    if not len(items) or (finding and len(items) < _FEW):
        return []
    table = trained.data.table
    if table is not None:
        _require_columns(_table_columns(table, np.asarray(items)), name, finding, False)
        return []
    data = trained.described
    if data.extent is None or data.extent[0] == data.extent[1]:
        return []
    _require_dtype(data, items, name, len(trained.item_shape))
    if _is_usual(trained, data, items):
        return []
    is_array = isinstance(items, np.ndarray)
    some = measured_places(len(items), seed=0) if is_array else None
    seen = _Seen.of(
        lambda: chunks(items, values=CACHED_VALUES, at=some) if is_array else _some_images(items)
    )
    _require_within(data, seen, name, finding)
    notes = _require_wide(data, seen, name)
    ranges = trained.values
    if is_array and ranges and items[:1].size == len(ranges["lowest"]):
        rows = items[evenly_spaced(len(items), _ROWS)]
        rows = rows.reshape(len(rows), -1).astype(np.float64)
        columns = [
            _Column(f"value {n}", rows[:, n], *(float(ranges[end][n]) for end in _ENDS))
            for n in np.flatnonzero(_outside(rows, ranges))
        ]
        _require_columns(columns, name, finding, len(ranges["lowest"]) > _MOST_QUANTITIES)
    if not finding:
        notes += _odd_items(data, seen, name, some)
    return notes


def _is_usual(trained: TrainedModel, data: DataDescription, items: Any) -> bool:
    """Whether a look at a few items tells that there is nothing to say of it: no value lies
    outside the training range, of flat rows outside its column's, and some item spans as much as
    those of training do. One item is encoded in less time than all else takes."""
    if not isinstance(items, np.ndarray) or len(items) > _MOST_SMALL:
        return False
    assert data.extent is not None
    lowest, highest = data.extent
    flat = items.reshape(len(items), -1)
    # of a handful, Python's own numbers are quicker than NumPy's, and ufuncs than its methods
    lows, highs = np.minimum.reduce(flat, axis=1), np.maximum.reduce(flat, axis=1)
    ends = list(zip(lows.tolist(), highs.tolist(), strict=True))
    # what is no number is not inside
    if not all(lowest <= low and high <= highest for low, high in ends):
        return False
    if max(high - low for low, high in ends) * _TINY_OF_WHOLE <= (data.narrowest or 0):
        return False
    ranges = trained.values
    return not ranges or flat.shape[1] != len(ranges["lowest"]) or not _outside(flat, ranges).any()


def _outside(rows: np.ndarray, ranges: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which columns of rows have a value outside the training range, or that is no number."""
    inside = (rows.min(axis=0) >= ranges["lowest"]) & (rows.max(axis=0) <= ranges["highest"])
    return ~inside


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """Of each item its lowest value and its highest; and what holds of all."""

    lows: np.ndarray
    highs: np.ndarray
    whole: bool
    dtype: np.dtype
    parts: Callable[[], Iterable[np.ndarray]]

    @classmethod
    def of(cls, parts: Callable[[], Iterable[np.ndarray]]) -> "_Seen":
        found, whole, dtype = [], True, np.dtype(float)
        for part in parts():
            flat = part.reshape(len(part), -1)
            low, high = flat.min(axis=1), flat.max(axis=1)
            found.append([each.astype(np.float64) for each in (low, high)])
            whole, dtype = whole and holds_whole_numbers(part), part.dtype
        lows, highs = (np.concatenate(each) for each in zip(*found, strict=True))
        return cls(lows=lows, highs=highs, whole=whole, dtype=dtype, parts=parts)

    @cached_property
    def means(self) -> np.ndarray:
        """Each item's mean, which takes longer to find than its ends."""
        flat = (part.reshape(len(part), -1) for part in self.parts())
        return np.concatenate([rows.mean(axis=1, dtype=np.float64) for rows in flat])

    @property
    def ends(self) -> tuple[float, float]:
        return float(self.lows.min()), float(self.highs.max())


def _some_images(images: Any) -> Iterable[np.ndarray]:
    for place in evenly_spaced(len(images), _IMAGES):
        yield images[int(place)][None]


def _require_dtype(data: DataDescription, items: Any, name: str, rank: int) -> None:
    """Images of 8 and of 16 bits are never in one unit."""
    given, own = items[0].dtype, np.dtype(data.dtype)
    if rank > 1 and given != own and {given, own} == {np.dtype(np.uint8), np.dtype(np.uint16)}:
        raise UsageError(
            f"{name} holds {given} values, and the model was trained on {own}, whose range is "
            "another",
            hint=f"save the images as {own}, or train a model on images like these, {_GO_ON}",
        )


def _require_within(data: DataDescription, seen: _Seen, name: str, finding: bool) -> None:
    """Refuse items most of which lie far outside the training range."""
    assert data.extent is not None
    low, high = data.extent
    if low <= seen.ends[0] and seen.ends[1] <= high:
        return
    width = high - low
    share = 0.1 if finding else 0.5
    margin = _ANY if len(seen.lows) < _FEW else _MEAN
    above = np.quantile(seen.highs, share) - high
    below = low - np.quantile(seen.lows, 1 - share)
    if max(above, below) <= margin * width:
        return  # a mean lies between its item's ends, and looking for it reads all items again
    beyond = (
        max(above, below) > _ANY * width
        or np.quantile(seen.means, share) > high + margin * width
        or np.quantile(seen.means, 1 - share) < low - margin * width
    )
    if beyond:
        raise _refusal(data, seen, name)


def _require_wide(data: DataDescription, seen: _Seen, name: str) -> list[str]:
    """Refuse items all of which lie in a small part of the training range, where no training item
    did, and that may be in another unit; say of those of the training dtype that they are."""
    span, narrowest = float((seen.highs - seen.lows).max()), data.narrowest
    if narrowest is None or not span:
        return []
    own = np.dtype(data.dtype)
    whole = data.whole or own.kind != "f"
    if whole and not seen.whole:
        shares = max(map(abs, seen.ends)) <= 1 and span * _TINY_OF_WHOLE <= narrowest
        if shares or span * _TINY <= narrowest:
            raise _refusal(data, seen, name)
    if span * _TINY > narrowest:
        return []
    if seen.dtype == own and own.kind != "f":
        return [f"{_sentence(data, seen, name)}: they are dark, or in another unit"]
    raise _refusal(data, seen, name)


def _odd_items(data: DataDescription, seen: _Seen, name: str, at: np.ndarray | None) -> list[str]:
    """What to say of single items with values far outside the training range, of all or of those
    at some places."""
    assert data.extent is not None
    low, high = data.extent
    reach = _ANY * (high - low)
    odd = np.flatnonzero((seen.highs > high + reach) | (seen.lows < low - reach))
    if not len(odd):
        return []
    first = odd[0] if at is None else at[odd[0]]
    return [
        f"{len(odd):,} of {len(seen.lows):,} items of {name} have values far outside those that "
        f"the model was trained on, {low:g} to {high:g}; the first is item {first}"
    ]


def _sentence(data: DataDescription, seen: _Seen, name: str) -> str:
    assert data.extent is not None
    (low, high), (lowest, highest) = seen.ends, data.extent
    return (
        f"{name} holds values from {low:g} to {high:g}, and the model was trained on values from "
        f"{lowest:g} to {highest:g}"
    )


def _refusal(data: DataDescription, seen: _Seen, name: str) -> UsageError:
    assert data.extent is not None
    unit = "give them in the unit of the training data"
    top = (data.value_range or data.extent)[1]
    if seen.ends[0] >= 0 and seen.ends[1] <= 1 < top:
        unit += f", such as shares of 1 times {top:g}"
    return UsageError(_sentence(data, seen, name), hint=f"{unit}, {_GO_ON}")


@dataclass(frozen=True)
class _Column:
    """The values of a column that are there, and the ends of what training saw."""

    name: str
    values: np.ndarray
    low: float
    high: float


def _table_columns(table: Any, features: np.ndarray) -> list[_Column]:
    """The columns of numbers of a table, from its features (n, width); dates go on by nature."""
    rows = features[evenly_spaced(len(features), _ROWS)]
    columns = []
    for column in table.learnt:
        if column.kind not in ("numeric", "integer"):
            continue
        own = rows[:, column.features]
        present = own[:, 0] != 0  # the mean, which stands for a missing cell
        values = column.numbers(own)[present]
        low, high = column.lowest, column.highest
        if low is None or high is None:
            low, high = column.mean - 4 * column.std, column.mean + 4 * column.std
        columns.append(_Column(f"column {column.name!r}", values, float(low), float(high)))
    return columns


def _require_columns(columns: list[_Column], name: str, finding: bool, alike: bool) -> None:
    """Refuse data with a column most of whose values lie far outside those of training, or much
    nearer to 0 than any.

    Args:
        alike: columns are pixels or the like, of which one says little.
    """
    share = 0.1 if finding else 0.5
    for column in columns:
        low, high, values = column.low, column.high, column.values
        values = values[np.isfinite(values)]
        if low == high or not len(values):
            continue
        margin = (_ANY if alike or len(values) < _FEW else _COLUMN) * (high - low)
        above = np.quantile(values, share) > high + margin
        below = np.quantile(values, 1 - share) < low - margin
        sizes = np.abs(values[values != 0])
        least = low if low > 0 else -high
        nearer = not alike and least > 0 and len(sizes) and sizes.max() <= least / _NEARER
        if above or below or nearer:
            raise UsageError(
                f"{column.name} of {name} holds values from {values.min():g} to "
                f"{values.max():g}, and the model was trained on values from {low:g} to {high:g}",
                hint=f"give them in the unit of the training data, {_GO_ON}",
            )
