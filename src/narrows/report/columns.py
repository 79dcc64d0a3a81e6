"""What a model keeps of each column of a table, beside what simpler predictions keep."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from narrows.data.tables import Column, TableSchema
from narrows.data.tables.wild import WildFinder
from narrows.support.number_text import count_of, readable
from narrows.support.text_tables import TextTable, Told, cell_text

#: Kinds of columns whose values are right or wrong; the others are near or far.
CATEGORIES = ("categorical", "boolean")

# What dates count, by the unit in their type's name.
_UNITS_A_DAY = {"day": 1.0, "s": 86_400.0, "ms": 86_400e3, "us": 86_400e6, "ns": 86_400e9}


@dataclass(frozen=True, kw_only=True)
class ColumnScore:
    """How well one column comes back.

    An error is the root of the mean squared error over the rows that have a value, in the column's
    own unit, in days for dates; of categories and booleans it is the share of wrong ones, where
    "missing" is a category like others.

    R² is 1 - Σ(x̂ - x)² / Σ(x - x̄)², and of categories 1 - wrong / wrong of the most frequent one:
    the share of the wrong answers that is removed (Goodman and Kruskal's λ, 1954). It is None
    where there is nothing to remove: every row is alike. Where few wild values make the spread it
    says whether these come back, and nothing of the others.

    Attributes:
        name: the column's.
        kind: its kind, such as ``numeric``.
        error, r2: the model's.
        pca_error, pca_r2: those of PCA with as many numbers.
        baseline_error: that of predicting the training set's mean, or its most frequent category.
        missing_wrong: in how many rows, as a share, the model takes a missing number for a value or
            the other way round; None for categories, and for numbers that training never missed.
        wild: how many values make nearly all of the column's spread, as :class:`WildFinder` finds
            them.
        r2_without, pca_r2_without: R² of the other values, where there are such, and in other
            columns of the rows without any; None where these are alike, or nothing is wild.
    """

    name: str
    kind: str
    error: float
    r2: float | None
    pca_error: float
    pca_r2: float | None
    baseline_error: float
    missing_wrong: float | None = None
    wild: int = 0
    r2_without: float | None = None
    pca_r2_without: float | None = None

    @property
    def usual_r2(self) -> tuple[float | None, float | None]:
        """R² of the model and PCA for usual values: without the wild ones, where there are such."""
        differs = self.wild or self.r2_without is not None
        return (self.r2_without, self.pca_r2_without) if differs else (self.r2, self.pca_r2)

    @property
    def is_category(self) -> bool:
        return self.kind in CATEGORIES


class ColumnMeter:
    """Errors of each column over a table that arrives in batches of features.

    Sums are kept in float64; of the batches only the rows that hold a column's outermost values,
    which may turn out to be wild.
    """

    def __init__(self, schema: TableSchema) -> None:
        self._schema, self._count = schema, 0
        self._meters: list[_Numbers | _Categories] = [
            _Categories(column) if column.kind in CATEGORIES else _Numbers(column)
            for column in schema.learnt
        ]
        self._outer = dict[int, tuple[np.ndarray, ...]]()

    def add(self, *features: np.ndarray) -> None:
        """Count one batch: features (n, width) as they are, from the model and from PCA."""
        first, self._count = self._count, self._count + len(features[0])
        self._add(features, first)
        if len(self._meters) <= _MOST_LOOKED_AT:
            held = {int(row) for meter in self._meters for row in meter.outer()}
            self._outer = {
                row: self._outer[row]
                if row < first
                else tuple(part[row - first : row - first + 1].copy() for part in features)
                for row in held
            }

    def _add(self, features: Sequence[np.ndarray], first: int = 0) -> None:
        for meter in self._meters:
            place = meter.column.features
            meter.add(*(part[:, place] for part in features), first=first)

    def scores(self) -> tuple[ColumnScore, ...]:
        """A score for each column that has features, in the table's order."""
        scores = tuple(meter.score() for meter in self._meters)
        wild = {row for meter in self._meters for row in meter.wild_rows()} & self._outer.keys()
        if not wild:
            return scores
        apart = ColumnMeter(self._schema)
        for row in wild:
            apart._add(self._outer[row])
        return tuple(
            score if score.wild else meter.without(score, other)
            for score, meter, other in zip(scores, self._meters, apart._meters, strict=True)
        )


# Of more columns, the rows that may be wild would take too much memory.
_MOST_LOOKED_AT = 256


class _Numbers:
    """Sums over a column of numbers or dates; squared errors of the model, PCA and the mean."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._unit = _unit(column)
        self._rows = self._count = self._missing_wrong = 0
        self._lost = np.zeros(3)
        self._sum = self._squares = 0.0
        self._wild = WildFinder(3)

    def add(self, *features: np.ndarray, first: int = 0) -> None:
        """Count features; ``first``: the number of the first row."""
        here = ~np.isnan(self.column.numbers(features[0]))
        self._rows += len(here)
        self._count += int(here.sum())
        if self.column.missing:
            said = np.isnan(self.column.numbers(features[1]))
            self._missing_wrong += int((said == here).sum())
        # The numbers themselves, also where a reconstruction says that there is none, and as
        # differences from the training set's mean: dates lie far from zero.
        scale = self.column.std / self._unit
        truth, *found = (rows[here, 0].astype(np.float64) * scale for rows in features)
        lost = [np.square(values - truth) for values in (*found, np.zeros_like(truth))]
        self._lost += [float(each.sum()) for each in lost]
        self._wild.add(truth, *lost[:2], first + np.flatnonzero(here))
        self._sum += float(truth.sum())
        self._squares += float(np.square(truth).sum())

    def outer(self) -> np.ndarray:
        """The numbers of the rows that hold the outermost values so far."""
        return self._wild.held[3]

    def wild_rows(self) -> list[int]:
        """The numbers of the rows that hold wild values."""
        return self._wild.wild()[0][3].astype(int).tolist()

    def without(self, score: ColumnScore, other: Any) -> ColumnScore:
        """``score`` with R² of all rows but those that ``other`` has counted."""
        count = max(self._count - other._count, 1)
        squares, total = self._squares - other._squares, self._sum - other._sum
        spread = squares - total**2 / count
        lost = self._lost - other._lost
        # what rounding leaves of a difference of sums says nothing
        rounded = (other._lost > 0) & (lost <= 1e-13 * self._lost)
        if spread <= 1e-10 * self._squares or rounded[:2].any():
            return score
        r2, pca_r2, _ = map(float, 1 - lost / spread)
        return replace(score, r2_without=r2, pca_r2_without=pca_r2)

    def score(self) -> ColumnScore:
        count = max(self._count, 1)
        errors = np.sqrt(self._lost / count) if self._count else np.full(3, math.nan)
        spread = self._squares - self._sum**2 / count
        # What rounding leaves of a difference of sums is no spread.
        varies = spread > 1e-10 * self._squares
        score = _score(
            self.column,
            errors,
            1 - self._lost / spread if varies else None,
            self._missing_wrong / max(self._rows, 1) if self.column.missing else None,
        )
        wild, others, lost = self._wild.wild()
        if not varies or not wild.size:
            return score
        score = replace(score, wild=wild.shape[1])
        # features are float32, in which beside a huge value all others may be alike
        if others.spread <= 1e-6 * abs(others.mean):
            return score
        r2, pca_r2 = map(float, 1 - lost[:2] / others.deviations)
        return replace(score, r2_without=r2, pca_r2_without=pca_r2)


class _Categories:
    """Counts of wrong answers in a column of categories: the model's, PCA's, and those of the most
    frequent one."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._rows = 0
        self._wrong = np.zeros(3)
        # Features of 0 are the training set's mean.
        self._most_frequent = _answers(column, np.zeros((1, column.width), np.float32))

    def outer(self) -> tuple[int, ...]:
        """No category is wild."""
        return ()

    wild_rows = outer

    def without(self, score: ColumnScore, other: Any) -> ColumnScore:
        """As of numbers."""
        wrong = self._wrong - other._wrong
        if wrong[2] <= 0:
            return score
        r2, pca_r2, _ = map(float, 1 - wrong / wrong[2])
        return replace(score, r2_without=r2, pca_r2_without=pca_r2)

    def add(self, *features: np.ndarray, first: int = 0) -> None:
        # A category that training never saw has the mean's features, and no answer is right.
        known = features[0].any(axis=1)
        truth = np.where(known, _answers(self.column, features[0]), -1)
        found = [_answers(self.column, rows) for rows in features[1:]]
        self._rows += len(truth)
        self._wrong += [(answers != truth).sum() for answers in (*found, self._most_frequent)]

    def score(self) -> ColumnScore:
        shares = self._wrong / self._rows if self._rows else np.full(3, math.nan)
        return _score(self.column, shares, 1 - shares / shares[2] if shares[2] > 0 else None)


def _score(
    column: Column,
    errors: np.ndarray,
    explained: np.ndarray | None,
    missing_wrong: float | None = None,
) -> ColumnScore:
    model, pca, baseline = map(float, errors)
    r2, pca_r2 = (None, None) if explained is None else map(float, explained[:2])
    return ColumnScore(
        name=column.name,
        kind=column.kind,
        error=model,
        r2=r2,
        pca_error=pca,
        pca_r2=pca_r2,
        baseline_error=baseline,
        missing_wrong=missing_wrong,
    )


def _answers(column: Column, features: np.ndarray) -> np.ndarray:
    """The category of each row as a number, "missing" included: integers (n,)."""
    if not column.is_number:
        return column.codes(features)
    numbers = column.numbers(features)
    return np.where(np.isnan(numbers), 2, numbers >= 0.5)


def _unit(column: Column) -> float:
    """What a column's numbers are divided by for people: dates become days."""
    if column.kind != "date":
        return 1.0
    unit = re.search(r"\[(\w+)", column.dtype)
    return _UNITS_A_DAY[unit[1]] if unit else 1.0


def columns_told(scores: Sequence[ColumnScore], numbers: int) -> Told:
    """The scores as a table for terminals of 100 columns, and what its words mean.

    Args:
        scores: what :meth:`ColumnMeter.scores` gives.
        numbers: the latent size, which is PCA's too.
    """
    header = ["column", "kind", "error", "PCA", "mean", "R²", "PCA's R²"]
    with_missing = any(score.missing_wrong is not None for score in scores)
    rows = [[*header, *(["missing wrong"] if with_missing else [])]]
    for score in scores:
        errors = (score.error, score.pca_error, score.baseline_error)
        cells = [cell_text(score.name), score.kind, *(error_text(score, error) for error in errors)]
        cells += [_share(score.r2), _share(score.pca_r2)]
        if with_missing:
            cells.append("" if score.missing_wrong is None else f"{score.missing_wrong:.2%}")
        rows.append(cells)
    keep = "keeps" if numbers == 1 else "keep"
    title = f"what {count_of(numbers, 'numbers')} {keep} of each column"
    return [TextTable(title, rows, left=(0, 1)), _LEGEND, *wild_sentences(scores)]


def wild_sentences(scores: Sequence[ColumnScore]) -> list[str]:
    """What R² says of columns whose spread few wild values make, in a sentence each, and what the
    same rows do to the others."""
    told = []
    for score in [each for each in scores if each.wild][:_MOST_NAMED]:
        values = f"{count_of(score.wild, 'wild values')} {'makes' if score.wild == 1 else 'make'}"
        without = "the others are all alike"
        if score.r2_without is not None:
            without = (
                f"without {'it' if score.wild == 1 else 'them'} R² is "
                f"{_share(score.r2_without)}, and PCA's {_share(score.pca_r2_without)}"
            )
        told.append(
            f"{score.name}: {values} nearly all of the spread that R² is a share of; {without}."
        )
    if told and len(scores) > 1:
        told.append(_of_others([each for each in scores if not each.wild]))
    return [line for line in told if line]


def _of_others(scores: Sequence[ColumnScore]) -> str:
    """What rows with wild values do to R² of the columns without such."""

    def change(score: ColumnScore) -> float:
        before, after = (score.r2, score.pca_r2), score.usual_r2
        return max(abs((b or 0) - (a or 0)) for b, a in zip(before, after, strict=True))

    known = [each for each in scores if each.r2_without is not None and each.r2 is not None]
    if scores and not known:
        return (
            "the figures of the other columns contain the same rows, which may come back badly "
            "in all of them"
        )
    changed = sorted((each for each in known if change(each) >= 0.01), key=change, reverse=True)
    told = "; ".join(
        f"{cell_text(each.name)} {_share(each.r2_without)}, PCA's {_share(each.pca_r2_without)}"
        for each in changed[:_MOST_NAMED]
    )
    more = "; ..." if len(changed) > _MOST_NAMED else ""
    return f"R² of other columns without the same rows: {told}{more}." if told else ""


# Columns of wild values that are told of.
_MOST_NAMED = 5

_LEGEND = (
    "error: root mean square in the column's own unit (d: days), or the share of wrong categories\n"
    "mean: the same for predicting the training set's mean, or its most frequent category\n"
    "R²: the share of the variance kept; of categories, of the wrong answers of the most frequent"
)


def error_text(score: ColumnScore, error: float) -> str:
    """An error of a column in its own unit, for people."""
    if score.is_category:
        return f"{error:.1%}"
    return f"{_four_digits(error)} d" if score.kind == "date" else _four_digits(error)


def _four_digits(value: float) -> str:
    return readable(value) if abs(value) >= 1e4 else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
