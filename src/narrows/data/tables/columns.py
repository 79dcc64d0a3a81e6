"""One column of a table: how its cells become features of total variance 1, and come back.

A feature is (x - centre) / scale of a raw x:

- a number (numeric, integer, boolean as 0 and 1, date): x is the number itself, standardised;
- a missing value, where training had some: x is 1 if the cell is missing, else 0. The number's
  feature is then 0. Of the column's variance of 1, the number has the share that is present and
  this feature the share q that is missing: scale √(1 - q) gives it q (1 - q) / (1 - q) = q;
- a category, or "other", or a missing one: x is 1 if the cell is it, else 0, and all of a column's
  classes have the scale √(1 - Σ p²), so that their variances p (1 - p) sum to 1.

Squared errors and PCA then treat columns alike, as factor analysis of mixed data does (Pagès,
Analyse factorielle de données mixtes, Revue de statistique appliquée 52(4), 2004), except that a
column of many classes weighs no more here than one of two.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from narrows.data.tables import cells
from narrows.data.tables.arrow_types import is_text, kind_of, type_from_text
from narrows.data.tables.cell_formats import CellFormat
from narrows.data.tables.marginals import Marginal
from narrows.data.tables.resolution import Resolution
from narrows.support.lazy_modules import pa
from narrows.support.number_text import count_of, listed, share

#: What a column may be declared to be.
KINDS = ("numeric", "integer", "boolean", "categorical", "date", "ignored")
_NUMBERS = ("numeric", "integer", "boolean", "date")

#: A column keeps so many of its most frequent categories; the rest become one, "other".
MAX_CATEGORIES = 100
#: What people are shown for the class of all rarer categories; no cell is decoded to it.
OTHER = "(other)"
#: Of those rarer categories, so many are known by name.
MAX_REST = 1000
# An indicator above this, in its own unit of 0 and 1, is decoded as missing.
_MISSING_FROM = 0.5

# The share of the rows from which on a number of a column of many is a mass.
_MASS = 0.1
# Standard deviations within which the numbers of a column are taken to lie where nobody looked.
_USUAL = 4.0
# Of a width, what an end that comes back from a float32 feature may lie outside.
_ROUNDED = 1e-6

# What a model file holds of a column at most; what is written keeps to it as what is read does.
#: Letters of a name or a class.
MAX_TEXT = 10_000
#: Letters of a constant.
MAX_VALUE = 1_000_000
#: Classes that a type declares.
MAX_LEVELS = 100_000


@dataclass(frozen=True)
class Column:
    """A column and what training rows said of it.

    Attributes:
        name: its name in the source.
        kind: ``numeric``, ``integer``, ``boolean``, ``categorical``, ``date``, ``constant`` (one
            value throughout, or none at all) or ``ignored`` (texts that are all different, which
            nothing can be learnt from, or what the user said to ignore); the last two have no
            features.
        dtype: the source's Arrow type, as text.
        start: the index of its first feature.
        centre, scale: one number a feature; float64.
        missing: whether training had missing values, whose feature is then the last.
        categories: the classes kept, as texts, most frequent first.
        other: whether a class for all other categories follows them.
        lowest, highest: of the numbers, over the rows the types came from; for people.
        step: what decoded dates are rounded to, in the unit of their dtype: days, hours or whatever
            all training rows were whole numbers of.
        value: a constant column's value as text; None if it is missing throughout.
        levels: the classes that a categorical dtype declares, in its order.
        same_as: the earlier column that this one repeats exactly.
        frame_dtype: the dtype that the column had in a pandas DataFrame.
        rest: categories of the class "other", as texts, most frequent first; none in older files.
        rest_counts: how many rows have each.
        resolution: what all numbers are multiples of; None where there is nothing such.
        marginal_levels, marginal_values: how the numbers lie over the training rows, the two parts
            of a :class:`Marginal`; older files have none.
        masses: numbers that many training rows have, such as 0 of a column that is mostly 0.
        windows: how near to each of them a decoded number is taken for it.
        cell_format: how its texts are written, where not plainly; None for plain ones.
        text: the Arrow type of the source's texts, where its dates were such and come back so.
        invalid: whether training took texts of another kind for missing, as those of other tables
            are then.
        identifier: whether it is ignored because its whole numbers name rows.
        declared: whether it is ignored because the user said so; not known of older files.
    """

    name: str
    kind: str
    dtype: str
    _: KW_ONLY
    start: int = 0
    centre: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    missing: bool = False
    categories: tuple[str, ...] = ()
    other: bool = False
    lowest: float | None = None
    highest: float | None = None
    step: int = 1
    value: str | None = None
    levels: tuple[str, ...] = ()
    same_as: str | None = None
    frame_dtype: str | None = None
    rest: tuple[str, ...] = ()
    rest_counts: tuple[int, ...] = ()
    resolution: Resolution | None = None
    marginal_levels: tuple[float, ...] = ()
    marginal_values: tuple[float, ...] = ()
    identifier: bool = False
    declared: bool = False
    masses: tuple[float, ...] = ()
    windows: tuple[float, ...] = ()
    cell_format: CellFormat | None = None
    invalid: bool = False
    text: str | None = None

    @property
    def width(self) -> int:
        """How many features it has."""
        return len(self.centre)

    @property
    def features(self) -> slice:
        """Its place among the features of a row."""
        return slice(self.start, self.start + self.width)

    @property
    def is_number(self) -> bool:
        """Whether its first feature is a number, dates and booleans included."""
        return self.kind in _NUMBERS

    @property
    def classes(self) -> tuple[str | None, ...]:
        """What each feature of a categorical column stands for; None for a missing cell."""
        other = (OTHER,) if self.other else ()
        return (*self.categories, *other, *((None,) if self.missing else ()))

    @property
    def class_features(self) -> np.ndarray:
        """Those of each of a categorical column's :attr:`classes`: float32 (width, width)."""
        features = (np.eye(self.width) - np.array(self.centre)) / np.array(self.scale)
        return features.astype(np.float32)

    @property
    def mean(self) -> float:
        """The mean of the numbers, in the column's own unit."""
        return self.centre[0]

    @property
    def std(self) -> float:
        """The standard deviation of the numbers, in the column's own unit."""
        return self.scale[0]

    def numbers(self, features: np.ndarray) -> np.ndarray:
        """The numbers that its features (n, width) stand for, float64 (n,), NaN where missing.

        In the column's own unit, neither rounded nor clipped: dates in the unit of their dtype
        since 1970, booleans from 0 to 1.
        """
        numbers = features[:, 0].astype(np.float64) * self.scale[0] + self.centre[0]
        if self.missing:
            indicator = features[:, 1].astype(np.float64) * self.scale[1] + self.centre[1]
            numbers[indicator > _MISSING_FROM] = np.nan
        return numbers

    def codes(self, features: np.ndarray) -> np.ndarray:
        """The most likely class of each row of its features (n, width): int64 indices (n,) into
        :attr:`classes`."""
        raw = features.astype(np.float64) * np.array(self.scale) + np.array(self.centre)
        return raw.argmax(axis=1)

    def decode(self, features: np.ndarray) -> Any:
        """The cells that its features (n, width) stand for: an Arrow array of the source's type.

        Numbers have the range and the resolution of the training table, and a category is one
        that it has: of the class "other" the most frequent.
        """
        if not self.width:
            value = self.value if self.kind == "constant" else None
            return cells.repeated(value, len(features), type_from_text(self.dtype), self.levels)
        if self.is_number:
            return self.from_numbers(self.snapped(self.numbers(features)))
        codes = self.codes(features)
        if self.other and not self.rest:  # of which no name is known
            likely = features * np.array(self.scale) + np.array(self.centre)
            likely[:, len(self.categories)] = -np.inf
            codes = likely.argmax(axis=1)
        return self.from_codes(codes, np.zeros(len(codes)))

    def from_numbers(self, numbers: np.ndarray) -> Any:
        """Numbers in the column's own unit, float64 (n,), NaN where missing, as cells: an Arrow
        array of the source's type, as :meth:`rounded` has them."""
        return self.as_cells(self.rounded(numbers))

    def as_cells(self, numbers: np.ndarray) -> Any:
        """The same of numbers as they are, where the type holds them."""
        array = cells.from_numbers(numbers, type_from_text(self.dtype))
        return array if self.text is None else cells.to_written(array).cast(self.given_type)

    @property
    def given_type(self) -> Any:
        """The Arrow type of its cells as they are given back."""
        return type_from_text(self.text or self.dtype)

    def rounded(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers in the column's own unit, float64 (n,), in the range and the resolution of the
        training table; NaN stays."""
        if self.lowest is not None and self.highest is not None:
            numbers = np.clip(numbers, self.lowest, self.highest)
        return self.nearest(numbers)

    def nearest(self, numbers: np.ndarray) -> np.ndarray:
        """The same in the resolution of the training table, in its range or not."""
        if self.resolution is not None:
            return self.resolution.nearest(numbers)
        return np.rint(numbers / self.step) * self.step if self.kind == "date" else numbers

    def snapped(self, numbers: np.ndarray) -> np.ndarray:
        """Decoded numbers, float64 (n,), those near a mass moved to it."""
        result = numbers
        for mass, window in zip(self.masses, self.windows, strict=True):
            result = np.where(np.abs(numbers - mass) <= window, mass, result)
        return result

    def with_masses(self, features: np.ndarray, made: np.ndarray) -> "Column":
        """The same column with how near to its masses a number must be decoded to be one of them:
        so near that most of the rows that are counted to it are right.

        Args:
            features: of training rows, (n, width).
            made: what the model makes of them.
        """
        marginal = self.marginal
        if marginal is None or self.kind == "boolean":
            return self
        numbers, found = self.numbers(features), self.numbers(made)
        both = ~np.isnan(numbers) & ~np.isnan(found)
        numbers, found = numbers[both], found[both]
        windows = {}
        for mass in marginal.masses(_MASS):
            there = np.isclose(numbers, mass, rtol=1e-6, atol=1e-6 * self.scale[0])
            distance = np.abs(found - mass)
            order = np.argsort(distance)
            gain = np.cumsum(np.where(there[order], 1, -1))
            if len(gain) and gain.max() > 0:
                windows[mass] = float(distance[order[gain.argmax()]])
        return replace(self, masses=tuple(windows), windows=tuple(windows.values()))

    def from_codes(self, codes: np.ndarray, shares: np.ndarray) -> Any:
        """Indices (n,) into :attr:`classes` as cells: an Arrow array of the source's type.

        Args:
            shares: from 0 to below 1, float64 (n,): which of the categories of the class "other",
                by how frequent they are; 0 for the most frequent.
        """
        classes: list[str | None] = [*self.categories]
        if self.other:
            classes.append(None)  # where no category of it is known
        if self.missing:
            classes.append(None)
        if self.other and self.rest:
            bounds = np.cumsum(self.rest_counts) / sum(self.rest_counts)
            place = np.searchsorted(bounds, shares, side="right")
            place = len(classes) + np.minimum(place, len(self.rest) - 1)
            codes = np.where(codes == len(self.categories), place, codes)
            classes += self.rest
        return cells.from_codes(codes, classes, type_from_text(self.dtype), self.levels)

    @property
    def marginal(self) -> Marginal | None:
        """How its numbers lie over the training rows, where that is known."""
        if not self.marginal_levels:
            return None
        return Marginal.from_lists(list(self.marginal_levels), list(self.marginal_values))

    def with_marginal(self, features: np.ndarray, knots: int) -> "Column":
        """The same column with how its numbers lie over rows of these features (n, width)."""
        if not self.is_number:
            return self
        numbers = self.numbers(features)
        numbers = numbers[~np.isnan(numbers)]
        if not len(numbers):
            return self
        if self.resolution is not None:  # which features in float32 have nearly left
            numbers = self.resolution.nearest(numbers)
        found = Marginal.of(numbers, knots)
        return replace(
            self,
            marginal_levels=tuple(found.levels.tolist()),
            marginal_values=tuple(found.values.tolist()),
        )

    def covering(self, low: np.ndarray, high: np.ndarray) -> "Column":
        """The same column with the numbers or dates of the lowest and the highest features (width,)
        in its range; ends that lie outside by no more than float32 rounds stay as they are."""
        if self.kind not in ("numeric", "integer", "date"):
            return self
        if self.lowest is None or self.highest is None:
            return self
        ends = np.array([low[0], high[0]], np.float64) * self.scale[0] + self.centre[0]
        lowest, highest = self.nearest(ends).tolist()
        reach = _ROUNDED * (self.highest - self.lowest)
        return replace(
            self,
            lowest=lowest if lowest < self.lowest - reach else self.lowest,
            highest=highest if highest > self.highest + reach else self.highest,
        )

    def masked(self, features: np.ndarray) -> np.ndarray:
        """Its features (n, width), and where they say that a cell is missing the mean, which is 0:
        nothing is known of it, not even that it is missing."""
        if not self.missing:
            return features
        indicator = features[:, -1:] * self.scale[-1] + self.centre[-1]
        return np.where(indicator > _MISSING_FROM, np.float32(0), features)

    def feature_limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest of each of its features: float64 (width,).

        Of a number they are those of the rows that were scanned, and 0 (the mean, which a missing
        cell has) is among them; where these are not known, four standard deviations.
        """
        ends = np.zeros(self.width), np.ones(self.width)
        low, high = ((end - np.array(self.centre)) / np.array(self.scale) for end in ends)
        if self.is_number:
            centre, scale = self.centre[0], self.scale[0]
            lowest = (self.lowest - centre) / scale if self.lowest is not None else -_USUAL
            highest = (self.highest - centre) / scale if self.highest is not None else _USUAL
            low[0], high[0] = min(lowest, 0.0), max(highest, 0.0)
        return low, high

    def present(self, features: np.ndarray) -> np.ndarray:
        """Its features (n, width) with whatever they say of a missing cell taken back, so that they
        are decoded as a value."""
        if not self.missing or not self.width:
            return features
        result = features.copy()
        # of a number the indicator of 0, of classes one that no other is below
        result[:, -1] = -self.centre[-1] / self.scale[-1] if self.is_number else -np.inf
        return result

    def restandardised(self, mean: np.ndarray, square: np.ndarray) -> "Column":
        """The same column with statistics of other rows.

        Args:
            mean, square: of its features (as this column encodes them) and their squares over
                those rows, float64 (width,).
        """
        if self.width == 0:
            return self
        scale = np.array(self.scale)
        means = np.array(self.centre) + scale * mean
        if not self.is_number:
            return replace(self, **class_statistics(np.clip(means, 0, 1), self.scale[0]))
        present = 1 - min(max(means[1], 0.0), 1.0) if self.missing else 1.0
        if present <= 0:
            return self
        # A missing cell's feature is 0: it adds nothing to the sums, and counts.
        average = mean[0] / present
        spread = scale[0] * math.sqrt(max(square[0] / present - average**2, 0.0))
        centre = self.centre[0] + scale[0] * average
        statistics = number_statistics(centre, spread, 1 - present if self.missing else None)
        if spread <= 1e-7 * scale[0]:  # the same in all those rows, as far as float32 can tell
            statistics["scale"] = (scale[0], *statistics["scale"][1:])
        return replace(self, **statistics)

    def reencoded(self, features: np.ndarray, before: "Column") -> np.ndarray:
        """What ``before`` encoded, as this column would have encoded it: float32 (n, width)."""
        old, new = np.array(before.scale), np.array(self.scale)
        raw = features * old + (np.array(before.centre) - np.array(self.centre))
        result = (raw / new).astype(np.float32)
        if self.is_number and self.missing:
            indicator = features[:, 1] * old[1] + before.centre[1]
            result[indicator > _MISSING_FROM, 0] = 0
        return result

    def why_not(self) -> str | None:
        """Why nothing is learnt from it; None where something is."""
        if self.kind == "constant":
            return "missing throughout" if self.value is None else f"always {shortened(self.value)}"
        if self.kind != "ignored":
            return None
        if self.identifier:
            return f"an identifier, {self._extremes()}"
        if self.declared:
            return "left out, as asked"
        # a column of a type that is not learnt is read as one of nulls
        return "of a type that is not learnt" if self.dtype == "null" else "hardly two are alike"

    def describe(self) -> str:
        """What it was taken for, in words."""
        why = self.why_not()
        if why is not None:
            ignored = self.kind == "ignored"
            return f"ignored: {why}; decoded as missing" if ignored else f"constant, {why}"
        if self.is_number:
            text = f"{self.kind}, {self._extremes()}"
        else:
            shown = listed(self.categories, 4, shortened)
            count = len(self.categories)
            text = f"categorical, {count_of(count, 'classes')}: {shown}"
            if self.other:
                text += "; rarer ones are one class"
        if self.missing:
            text += f"; {share(self.centre[-1])} missing"
        return f"{text}; the same as {self.same_as}" if self.same_as else text

    def _extremes(self) -> str:
        if self.kind == "boolean":
            return f"{share(self.centre[0])} true"
        if self.lowest is None or self.highest is None:
            return "of no known range"
        if self.kind == "date":
            dtype = type_from_text(self.dtype)
            ends = cells.from_numbers(np.array([self.lowest, self.highest]), dtype)
            low, high = (cells.displayed(ends, at) for at in (0, 1))
            return f"{low} to {high}"
        return f"{self.lowest + 0.0:.10g} to {self.highest + 0.0:.10g}"  # 0, not -0

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without what is at its default."""
        written: dict[str, Any] = (
            {} if self.cell_format is None else {"spelling": self.cell_format.to_json()}
        )
        for each in fields(self):  # not asdict, which copies every number of a marginal for itself
            value = getattr(self, each.name)
            if each.name not in ("start", "cell_format") and value != each.default:
                key = _JSON_KEYS.get(each.name, each.name)
                written[key] = list(value) if isinstance(value, tuple) else value
        return written

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], start: int) -> "Column":
        """A column from JSON values that may be a stranger's.

        Raises:
            ValueError, TypeError, KeyError: they are no column's.
        """
        read = {
            name: reader(values[key])
            for name, reader in _READERS.items()
            if (key := _JSON_KEYS.get(name, name)) in values
        }
        column = cls(**read, start=start)
        if column.kind not in (*KINDS, "constant"):
            raise ValueError(f"{column.kind!r} is no kind of column")
        if kind_of(type_from_text(column.dtype)) is None:
            raise ValueError(f"a column of type {column.dtype} cannot be learnt")
        column._check()
        return column

    def _check(self) -> None:
        if self.is_number:
            width = 2 if self.missing else 1
        else:
            width = len(self.classes) if self.kind == "categorical" else 0
        if not len(self.centre) == len(self.scale) == width:
            raise ValueError(f"column {self.name!r} has not the {width} features of its kind")
        if not np.isfinite([*self.centre, *self.scale]).all() or min(self.scale, default=1.0) <= 0:
            raise ValueError(f"the statistics of column {self.name!r} are not finite")
        ends = [end for end in (self.lowest, self.highest) if end is not None]
        if not np.isfinite(ends).all() or ends != sorted(ends):
            raise ValueError(f"column {self.name!r} has a range that is none")
        if not 1 <= self.step < 2**62:
            raise ValueError(f"column {self.name!r} has a step of {self.step}")
        self._check_drawing()
        if not self._decodes():
            raise ValueError(f"column {self.name!r} has values that are none of type {self.dtype}")

    def _check_drawing(self) -> None:
        """Refuse what is no marginal, or no counts of other categories."""
        if self.marginal_levels or self.marginal_values:
            Marginal.from_lists(list(self.marginal_levels), list(self.marginal_values))
        near = [*self.masses, *self.windows]
        if (
            len(self.masses) != len(self.windows)
            or not np.isfinite(near).all()
            or min(self.windows, default=0.0) < 0
        ):
            raise ValueError(f"column {self.name!r} has masses that are none")
        counts = self.rest_counts
        whole = all(isinstance(count, int) and 0 < count < 1 << 60 for count in counts)
        if not whole or len(counts) != len(self.rest) or set(self.rest) & set(self.categories):
            raise ValueError(f"column {self.name!r} has rarer categories that are none")
        if self.identifier and (self.kind != "ignored" or self.highest is None):
            raise ValueError(f"column {self.name!r} is no identifier")
        if self.text is not None and not (self.kind == "date" and is_text(self.given_type)):
            raise ValueError(f"column {self.name!r} has a type of texts that is none")
        if self.declared and self.kind != "ignored":
            raise ValueError(f"column {self.name!r} is learnt, and declared to be ignored")

    def _decodes(self) -> bool:
        """Whether its texts and numbers can be cells of its dtype."""
        try:
            self.decode(np.zeros((1, self.width), np.float32))
            if self.rest:
                self.from_codes(np.array([len(self.categories)]), np.zeros(1))
        except (pa.ArrowException, LookupError, TypeError, ValueError):
            return False
        return True


def shortened(text: str) -> str:
    """A text that may be long, for people."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} letters)"


# Letters of a text that people are shown.
_SHOWN = 60


def number_statistics(mean: float, spread: float, missing: float | None) -> dict[str, Any]:
    """``centre`` and ``scale`` of a number's features.

    Args:
        mean, spread: of the numbers that are there; a spread of 0 is that of one value only.
        missing: the share of cells that are missing, or None for a column without such a feature.
    """
    scale = spread if spread > 0 else 1.0
    if missing is None:
        return {"centre": (float(mean),), "scale": (float(scale),)}
    # One value or none: all of the column's variance is that of being there.
    whole = 1.0 if spread > 0 else math.sqrt(missing)
    indicator = math.sqrt(1 - missing) * whole
    return {
        "centre": (float(mean), float(missing)),
        "scale": (float(scale), float(indicator) or 1.0),
    }


def class_statistics(shares: np.ndarray, otherwise: float = 1.0) -> dict[str, Any]:
    """``centre`` and ``scale`` of classes that make up these shares of the rows; the scale of a
    single class is ``otherwise``."""
    variance = 1 - float(np.square(shares).sum())
    scale = math.sqrt(variance) if variance > 1e-12 else otherwise
    return {"centre": tuple(map(float, shares)), "scale": (scale,) * len(shares)}


def _text(value: Any, limit: int = MAX_TEXT) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError(f"a column has a text that is none, or longer than {limit:,}")
    return value


def _texts(values: Any, limit: int) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or len(values) > limit:
        raise ValueError(f"a column has more than {limit:,} classes, or none that are a list")
    texts = tuple(map(_text, values))
    if len(set(texts)) != len(texts):
        raise ValueError("a column has the same class twice")
    return texts


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _is_true(value: Any) -> bool:
    return value is True


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


# What a model file calls a field, where that is another name.
_JSON_KEYS = {"resolution": "grid", "cell_format": "spelling", "invalid": "strays"}
# How each field is read from JSON values.
_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("name", "kind", "dtype"), _text),
    **dict.fromkeys(("same_as", "frame_dtype", "text"), _or_none(_text)),
    "value": _or_none(partial(_text, limit=MAX_VALUE)),
    **dict.fromkeys(("centre", "scale", "masses", "windows"), _numbers),
    **dict.fromkeys(("lowest", "highest"), _or_none(float)),
    "step": int,
    **dict.fromkeys(("missing", "other", "identifier", "declared", "invalid"), _is_true),
    "categories": partial(_texts, limit=MAX_CATEGORIES),
    "levels": partial(_texts, limit=MAX_LEVELS),
    "rest": partial(_texts, limit=MAX_REST),
    **dict.fromkeys(("rest_counts", "marginal_levels", "marginal_values"), tuple),
    "resolution": _or_none(Resolution.from_list),
    "cell_format": CellFormat.from_json,
}
