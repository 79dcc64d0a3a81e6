"""Rows of a table that are drawn: each column lies as it did in training.

A decoder gives the mean of what a code may stand for, not one of its cases: it smooths zeros away,
leaves the range, and favours frequent categories. So what it makes of some thousand drawn codes is
ranked, and a new value becomes the one of the same rank in the training table (Nelsen, An
Introduction to Copulas, 2006, section 2.9: a monotone change of a column leaves all ranks, and how
they hang together, as they are). Categories are the likeliest ones after an offset for each that
makes them as frequent as in training.
"""

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from narrows.data.tables.columns import Column
from narrows.model.use import TrainedAutoencoder
from narrows.support.lazy_modules import pa
from narrows.support.number_text import listed
from narrows.tasks.drawn_codes import DrawnCodes

# Rows that tell how what the decoder gives lies, and what draws them.
_REFERENCE, _REFERENCE_SEED = 4096, 0x0DD5
# Of columns with many classes fewer tell as much.
_SCORES = 1 << 18
_ROUNDS, _CLOSE = 80, 5e-3
# Columns that a sentence names.
_MOST_NAMED = 5
# Rows that are drawn at a time, whatever part of them is asked for.
_BLOCK = 1 << 12
# Keeps these random numbers apart from those of other uses of the same seed.
_STREAM = 0x40B5


class DrawnRows:
    """Rows drawn from a model of a table, made when they are looked at; a row depends on the seed
    and its own place alone.

    Args:
        autoencoder: a model of a table.
        count, seed, source: as of :class:`narrows.tasks.drawn_codes.DrawnCodes`.

    Raises:
        UsageError: as there.
    """

    def __init__(
        self, autoencoder: TrainedAutoencoder, count: int, seed: int, source: str | None = None
    ) -> None:
        table = autoencoder.trained.data.table
        assert table is not None, "the model was trained on a table"
        self._autoencoder, self._seed, self.table = autoencoder, seed, table
        self._codes = DrawnCodes(autoencoder.trained, count, seed, source)
        some = DrawnCodes(autoencoder.trained, _REFERENCE, _REFERENCE_SEED, source)[:]
        reference = autoencoder.decode(some)
        self._columns = {
            column.name: (_Numbers if column.is_number else _Classes)(
                column, reference[:, column.features]
            )
            for column in table.learnt
        }

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def not_kept(self) -> str:
        """What rows do not keep of the training table's, in a sentence; empty where nothing is
        known to be lost."""
        sums = self._autoencoder.trained.data.sums
        if not sums:
            return ""
        named = listed(sums, _MOST_NAMED, repr)
        return (
            "in the training table these columns follow exactly from one another, as a total from "
            f"its parts: {named}; in drawn rows they do so only nearly, so compute one of them "
            "from the others"
        )

    def batches(self) -> Iterator:
        """All rows in order, in pyarrow.Tables as :meth:`TableSchema.decode` gives them; at least
        one, of no rows where none are wanted."""
        for start in range(0, max(len(self), 1), _BLOCK):
            yield self._rows(start)

    def _rows(self, start: int) -> Any:
        features = self._autoencoder.decode(self._codes[start : start + _BLOCK])
        arrays: dict[str, Any] = {}
        for column in self.table.columns:
            random = self._random(column.same_as or column.name, start)
            drawn = self._columns.get(column.same_as or column.name)
            if column.identifier:
                arrays[column.name] = _new_names(column, start, len(features))
            elif drawn is None:
                arrays[column.name] = column.decode(features[:, column.features])
            else:
                of = self.table[column.same_as or column.name].features
                arrays[column.name] = drawn.cells(column, features[:, of], random)
        return pa.table(list(arrays.values()), names=list(arrays))

    def _random(self, name: str, start: int) -> np.random.Generator:
        key = zlib.crc32(name.encode())
        return np.random.default_rng([self._seed, _STREAM, key, start // _BLOCK])


class _Numbers:
    """How a column of numbers is drawn."""

    def __init__(self, column: Column, reference: np.ndarray) -> None:
        random = np.random.default_rng(_REFERENCE_SEED)
        self._share = column.centre[1] if column.missing else 0.0
        self._gaps = np.sort(reference[:, 1]) if column.missing else None
        numbers = reference[:, 0]
        if self._gaps is not None:
            present = _ranks(self._gaps, reference[:, 1], random) < 1 - self._share
            numbers = numbers[present] if present.any() else numbers
        self._ordered = np.sort(numbers)

    def cells(self, column: Column, features: np.ndarray, random: np.random.Generator) -> Any:
        """The cells of drawn features (n, width) as an Arrow array."""
        marginal = column.marginal
        if marginal is None:
            numbers = features[:, 0] * column.scale[0] + column.centre[0]
        else:
            numbers = marginal.at(_ranks(self._ordered, features[:, 0], random))
        if self._gaps is not None:
            gap = _ranks(self._gaps, features[:, 1], random) >= 1 - self._share
            numbers = np.where(gap, np.nan, numbers)
        return column.from_numbers(np.asarray(numbers, np.float64))


class _Classes:
    """How a column of categories is drawn."""

    def __init__(self, column: Column, reference: np.ndarray) -> None:
        self._scale, self._centre = np.array(column.scale), np.array(column.centre)
        scores = self._scores(reference[: max(_SCORES // column.width, 256)])
        self._offsets = _offsets(scores, self._centre)
        if column.other and not column.rest:  # of which no name is known
            self._offsets[len(column.categories)] = -np.inf

    def _scores(self, features: np.ndarray) -> Float64[np.ndarray, "n classes"]:
        return features.astype(np.float64) * self._scale + self._centre

    def cells(self, column: Column, features: np.ndarray, random: np.random.Generator) -> Any:
        """The cells of drawn features (n, width) as an Arrow array."""
        codes = (self._scores(features) + self._offsets).argmax(axis=1)
        return column.from_codes(codes, random.random(len(codes)))


def _ranks(
    ordered: np.ndarray, values: np.ndarray, random: np.random.Generator
) -> Float64[np.ndarray, " n"]:
    """The share of ``ordered`` that each value is above, from 0 to 1; among equals, any."""
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    return (left + random.random(len(values)) * (right - left + 1)) / (len(ordered) + 1)


def _offsets(
    scores: Float64[np.ndarray, "n classes"], shares: Float64[np.ndarray, " classes"]
) -> Float64[np.ndarray, " classes"]:
    """What is added to the score of each class, so that the largest has these shares of the rows as
    nearly as it is found."""
    count, classes = scores.shape
    offsets = best = np.zeros(classes)
    shares, least, step = shares / shares.sum(), np.inf, 0.5
    for _ in range(_ROUNDS):
        found: Int64[np.ndarray, " classes"] = np.bincount(
            (scores + offsets).argmax(axis=1), minlength=classes
        )
        wrong = shares - found / count
        distance = np.abs(wrong).sum() / 2
        if distance < least:
            least, best = distance, offsets
        if distance < _CLOSE:
            break
        offsets = offsets + step * wrong
        step *= 0.97
    return best.copy()


def _new_names(column: Column, start: int, count: int) -> Any:
    """Identifiers that no row of training has, those after its highest; missing where the type
    holds no more."""
    from narrows.data.tables.arrow_types import type_from_text

    assert column.highest is not None
    type_ = type_from_text(column.dtype)
    # beyond 2^53 the highest is known as the nearest float64 alone
    first = max(int(column.highest) + 1, int(np.nextafter(column.highest, np.inf))) + start
    try:
        return pa.array(range(first, first + count), type_)
    except (pa.ArrowException, OverflowError):
        return pa.nulls(count, type_)
