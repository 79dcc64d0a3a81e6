"""Whether data have the range of those that a model was trained on: in one place for every use.

A model answers to anything, also to shares of 1 where it knows grey levels up to 255. What is in
another unit is refused, as :func:`require_familiar` says; what is merely odd is not, for finding
it may be what the model is for.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from narrows.data import Dataset
from narrows.data.dataset import MOST_COLUMNS
from narrows.data.limits import holds_whole_numbers
from narrows.data.tables import TableSchema
from narrows.data.tables.drift import in_short
from narrows.errors import UsageError
from narrows.model.trained import DataDescription, TrainedModel
from narrows.support.chunks import CACHED_VALUES, chunks, evenly_spaced, places_in_runs

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
# Rows that say where columns lie, of wide ones at least, and images of a folder that are looked at.
_ROWS, _IMAGES = 2000, 32
# Of a width, what a value that is given back from float32 may seem to lie outside.
_ROUNDED = 1e-3
# Items that are told apart from a bulk by what is quick for one.
_MOST_SMALL = 64
_GO_ON = "or go on with --force, in Python check_range=False"


def described_range(training: Dataset) -> dict[str, Any]:
    """What a :class:`narrows.model.trained.DataDescription` keeps of the values: ``whole`` and
    ``narrowest``; nothing of a table, whose columns keep their own."""
    if training.table is not None:
        return {}
    some = places_in_runs(len(training), seed=0)
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
    small part of it where no training item did; and rows with a column of which the same is true,
    to whichever side each value lies. A few odd items, and dark images of the training dtype, are
    not, nor is a column most of which lies outside by less: that is told.

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
        return in_short(require_familiar_columns(table, items, name, finding=finding), name)
    data = trained.described
    if data.extent is None or data.extent[0] == data.extent[1]:
        return []
    _require_dtype(data, items, name, len(trained.item_shape))
    if _is_usual(trained, data, items):
        return []
    is_array = isinstance(items, np.ndarray)
    some = places_in_runs(len(items), seed=0) if is_array else None
    seen = _Seen.of(
        lambda: chunks(items, values=CACHED_VALUES, at=some) if is_array else _some_images(items)
    )
    _require_within(data, seen, name, finding)
    notes = _require_wide(data, seen, name)
    ranges = trained.values
    if is_array and ranges and items[:1].size == len(ranges["lowest"]):
        places = evenly_spaced(len(items), _ROWS)
        rows = items[places].reshape(len(places), -1).astype(np.float64)
        columns = [
            _Column(
                name=f"value {n}",
                values=rows[:, n],
                rows=places,
                low=float(ranges["lowest"][n]),
                high=float(ranges["highest"][n]),
            )
            for n in np.flatnonzero(_outside(rows, ranges))
        ]
        alike = len(ranges["lowest"]) > _MOST_QUANTITIES
        notes += in_short(_require_columns(columns, name, finding, alike=alike), name)
    if not finding:
        notes += _odd_items(data, seen, name, some)
    return notes


def require_familiar_columns(
    table: TableSchema, features: Any, name: str, *, finding: bool = False, first: int = 0
) -> dict[str, str]:
    """The same of rows of a table, by their features (n, width): a sentence by name of the column.

    Args:
        first: the place of their first row, where they are a block; of a later one nothing is
            refused because of a few values.
    """
    columns = _table_columns(table, features, first)
    return _require_columns(columns, name, finding, cells=not finding, later=first > 0)


def _is_usual(trained: TrainedModel, data: DataDescription, items: Any) -> bool:
    """Whether a look at a few items tells that there is nothing to say of it: no value lies
    outside the training range, of flat rows outside its column's, and some item spans as much as
    those of training do. One item is encoded in less time than all else takes. More items are
    looked at where these few do not tell, but not where their dtype has no value outside."""
    if not isinstance(items, np.ndarray):
        return False
    assert data.extent is not None
    lowest, highest = data.extent
    ranges = trained.values
    if len(items) > _MOST_SMALL:
        if ranges or not _holds_only(items.dtype, lowest, highest):
            return False
        items = items[:_MOST_SMALL]
    flat = items.reshape(len(items), -1)
    # of a handful, Python's own numbers are quicker than NumPy's, and ufuncs than its methods
    lows, highs = np.minimum.reduce(flat, axis=1), np.maximum.reduce(flat, axis=1)
    ends = list(zip(lows.tolist(), highs.tolist(), strict=True))
    # what is no number is not inside
    if not all(lowest <= low and high <= highest for low, high in ends):
        return False
    if max(high - low for low, high in ends) * _TINY_OF_WHOLE <= (data.narrowest or 0):
        return False
    return not ranges or flat.shape[1] != len(ranges["lowest"]) or not _outside(flat, ranges).any()


@dataclass(frozen=True)
class OrdinaryItems:
    """Items of which :func:`require_familiar` says nothing, as a quick look tells: one item is
    encoded in less time than the other looks take.

    They are arrays of the training dtype, which has no value outside the training range, of the
    training shape or flat rows, and their first item spans as much as those of training do. Others
    may be ordinary too.
    """

    dtype: np.dtype
    shapes: tuple[tuple[int, ...], ...]
    narrowest: float

    @classmethod
    def of(cls, trained: TrainedModel) -> "OrdinaryItems | None":
        """Those of a model; None where there are none, as of a table."""
        data, dtype = trained.described, np.dtype(trained.data.dtype)
        if data.table is not None or trained.values or data.extent is None:
            return None
        if data.extent[0] == data.extent[1] or not _holds_only(dtype, *data.extent):
            return None
        shape = trained.item_shape
        return cls(dtype, (shape, (math.prod(shape),)), data.narrowest or 0)

    def has(self, items: Any) -> bool:
        """Whether these are such items."""
        if (
            type(items) is not np.ndarray
            or items.dtype != self.dtype
            or items.shape[1:] not in self.shapes
            or not items.size
        ):
            return False
        # its highest value over any other is no more than what it spans; of a few values argmax
        # takes a third of what max does
        first = items[0]
        return (first.item(first.argmax()) - first.item(0)) * _TINY_OF_WHOLE > self.narrowest


@lru_cache
def _holds_only(dtype: np.dtype, lowest: float, highest: float) -> bool:
    """Whether a dtype has no value outside of a range, as 8 bits have none outside 0 to 255."""
    if dtype.kind not in "iu":
        return False
    limits = np.iinfo(dtype)
    return bool(lowest <= limits.min and limits.max <= highest)


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
    given = (items if isinstance(items, np.ndarray) else items[0]).dtype
    own = np.dtype(data.dtype)
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
    far = np.quantile(np.maximum(seen.highs - high, low - seen.lows), share)
    if far <= margin * width:
        return  # a mean lies between its item's ends, and looking for it reads all items again
    means = seen.means
    mean = np.quantile(np.maximum(means - high, low - means), share)
    if far > _ANY * width or mean > margin * width:
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


@dataclass(frozen=True, kw_only=True)
class _Column:
    """The values of a column, NaN where there are none, their rows, the ends of what training saw,
    and whether they are some of the values only."""

    name: str
    values: np.ndarray
    rows: np.ndarray
    low: float
    high: float
    some: bool = False

    @cached_property
    def outside(self) -> np.ndarray:
        """How far outside the training range each value lies, in its widths; less than 0 inside."""
        return np.maximum(self.values - self.high, self.low - self.values) / (self.high - self.low)

    def known(self) -> "_Column | None":
        """What is there, where that can be judged."""
        there = np.isfinite(self.values)
        if self.low == self.high or not there.any():
            return None
        return replace(self, values=self.values[there], rows=self.rows[there])

    def nearer(self) -> bool:
        """Whether all values are much nearer to 0 than any of training."""
        sizes = np.abs(self.values[self.values != 0])
        least = self.low if self.low > 0 else -self.high
        return bool(least > 0 and len(sizes) and sizes.max() <= least / _NEARER)

    def sentence(self, name: str) -> str:
        return (
            f"{self.name} of {name} holds values from {self.values.min():g} to "
            f"{self.values.max():g}, and the model was trained on values from {self.low:g} to "
            f"{self.high:g}"
        )


def _table_columns(table: TableSchema, features: Any, first: int) -> list[_Column]:
    """The columns of numbers of a table, from its features (n, width); dates go on by nature."""
    places = evenly_spaced(len(features), max(_ROWS, CACHED_VALUES // max(table.width, 1)))
    looked_at = np.asarray(features[places])
    columns = []
    for column in table.learnt:
        if column.kind not in ("numeric", "integer"):
            continue
        own = looked_at[:, column.features]
        # the mean stands for a missing cell
        values = np.where(own[:, 0] != 0, column.numbers(own), np.nan)
        low, high = column.lowest, column.highest
        if low is None or high is None:
            low, high = column.mean - 4 * column.std, column.mean + 4 * column.std
        columns.append(
            _Column(
                name=f"column {column.name!r}",
                values=values,
                rows=first + places,
                low=float(low),
                high=float(high),
                some=len(places) < len(features),
            )
        )
    return columns


def _require_columns(
    columns: list[_Column],
    name: str,
    finding: bool,
    *,
    alike: bool = False,
    cells: bool = False,
    later: bool = False,
) -> dict[str, str]:
    """Refuse data with a column most of whose values lie far outside those of training, or much
    nearer to 0 than any; say of which most lie outside by less, by name of the column.

    Args:
        alike: columns are pixels or the like, of which one says little.
        cells: say of single values that lie far outside too.
        later: others came before, and a few values are none that the unit can be told from.
    """
    share, told = 0.1 if finding else 0.5, dict[str, str]()
    for column in filter(None, (each.known() for each in columns)):
        outside, few = column.outside, len(column.values) < _FEW
        far = np.quantile(outside, share) > (_ANY if alike or few else _COLUMN)
        if (far or (not alike and column.nearer())) and not (few and later):
            raise UsageError(
                column.sentence(name),
                hint=f"give them in the unit of the training data, {_GO_ON}",
            )
        odd = np.flatnonzero((outside > _ANY) & cells)
        if not (few or alike) and np.quantile(outside, 0.5) > _ROUNDED:
            told[column.name] = f"{column.sentence(name)}: most of them lie outside"
        elif len(odd):
            looked_at = " that were looked at" if column.some else ""
            told[column.name] = (
                f"{len(odd):,} of {len(outside):,} values{looked_at} in {column.name} of {name} "
                f"lie far outside those that the model was trained on, {column.low:g} to "
                f"{column.high:g}; the first is in row {column.rows[odd[0]]:,}"
            )
    return told
