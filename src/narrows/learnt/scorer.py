"""Three ways of being odd, each a score that is higher the odder an item, and what they need.

- ``reconstruction``: the model does not give it back, ½ log of the mean over its values of
  (x̂ - x)² / s², where s is the spread of that value's error;
- ``density``: code and error together lie where few do: -log p under a Gaussian mixture over the
  code and the leading directions of the error (as Zong et al., ICLR 2018, do with the code and the
  size of the error), which is fitted twice, the second time without the least likely tenth, so that
  outliers among the training items do not make themselves likely, nor the components of few that
  they may have; of a net whose copies cross to the decoder the code says little, and the error
  alone is looked at;
- ``isolation``: few random cuts part it from the training items (:mod:`narrows.learnt.forest`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64

from narrows.learnt.density import Density, fit_density
from narrows.learnt.forest import Forest, grow_forest
from narrows.support.blas import one_blas_thread, side_by_side
from narrows.support.chunks import drawn_places
from narrows.support.tensor_file import require_floats

#: The ways of being odd, in the order in which arrays hold them.
WAYS = ("reconstruction", "density", "isolation")
#: Values of an item that are told apart; of larger items, runs of them.
MOST_PLACES = 1 << 16
#: The score of an item that float64 has no other for: as odd as can be said.
HIGHEST = float(np.finfo(np.float64).max)
#: The same where scores are kept in float32.
HIGHEST_KEPT = float(np.finfo(np.float32).max)

# Codes that are enough for the mixture, and the most values that their items may have.
_MOST_FOR_MIXTURE, _MOST_VALUES_FOR_MIXTURE = 5_000, 1 << 22
# Directions of the error beside the code, and the share of its variance below which one is noise.
_DIRECTIONS, _SMALLEST_SHARE = 32, 1e-4
# All directions together have no more values than this (4 MB of a model file).
_DIRECTION_VALUES = 1 << 20
# Left out of the mixture's second fit.
_TRIMMED = 0.1
# A value whose error hardly varies is not infinitely telling: its spread counts as this share of
# the others' at least.
_SMALLEST_SPREAD = 0.05
# An item that comes back exactly is as little odd as can be said.
_SMALLEST_SQUARE = 1e-30
# Items that one core judges at a time, and values whose errors stay in its cache.
_BLOCK, _TOGETHER = 1 << 9, 1 << 15


@dataclass(frozen=True)
class Passed:
    """Flat items, their codes, and what the model makes of them. Codes that are not all that the
    decoder takes say little of an item, and have no numbers here."""

    items: Float[np.ndarray, "n size"]
    codes: Float32[np.ndarray, "n numbers"]
    made: Float[np.ndarray, "n size"]

    def rows(self, rows: slice) -> "Passed":
        """Some of the items."""
        return Passed(self.items[rows], self.codes[rows], self.made[rows])


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """What the three scores are computed with; :func:`learn_scorer` makes one.

    Attributes:
        average: of each value over the training items, (size,), in data units.
        spread: of each value's error, (size,).
        projection: onto the leading directions of the error over its spread, (size, k). Of items
            of more than :data:`MOST_PLACES` values, here and above, a place stands for a run of
            values, and has their mean.
        mixture: over the code and those directions; over these alone where copies cross.
        forest: over the values.
    """

    average: Float[np.ndarray, " places"]
    spread: Float[np.ndarray, " places"]
    projection: Float[np.ndarray, "places k"]
    mixture: Density
    forest: Forest

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], size: int, numbers: int, name: str
    ) -> "Scorer":
        """From what a model file holds.

        Args:
            size: values of an item.
            numbers: of a code, as far as they tell.
            name: of the arrays' group in the file.

        Raises:
            ValueError, LookupError: it is none of those.
        """
        own = {key: arrays[key] for key in ("average", "spread", "projection")}
        # before there were runs, every value had a place
        places = size if len(own["spread"]) == size else places_of(size)
        directions = int(np.shape(own["projection"])[1])
        shapes = {"average": (places,), "spread": (places,), "projection": (places, directions)}
        require_floats(own, shapes, name)
        if (own["spread"] <= 0).any():
            raise ValueError(f"{name}/spread must be above 0")
        return cls(
            **own,
            mixture=Density.from_arrays(arrays, numbers + directions, name),
            forest=Forest.from_arrays(arrays, size, name),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What a model file holds: float32 arrays, those of the mixture and the forest among
        them."""
        own = {name: getattr(self, name) for name in ("average", "spread", "projection")}
        own = {name: kept(array) for name, array in own.items()}
        return {**own, **self.mixture.to_arrays(), **self.forest.to_arrays()}

    def errors(self, items: np.ndarray, made: np.ndarray) -> Float64[np.ndarray, "n size"]:
        """(x̂ - x) / s of each value, of items and what the model makes of them."""
        differences = _differences(items, made)
        differences /= _of_values(self.spread, differences.shape[1])
        return differences

    def ways(self, passed: Passed) -> Float64[np.ndarray, "n 3"]:
        """The scores of the three :data:`WAYS`, all finite. Many items are shared among the
        cores, in the same blocks whatever their number."""
        starts = range(0, len(passed.items), _BLOCK)
        if len(starts) < 2:
            return self._ways(passed)
        blocks = (passed.rows(slice(start, start + _BLOCK)) for start in starts)
        return np.concatenate(list(side_by_side(self._ways, blocks)))

    def _ways(self, passed: Passed) -> Float64[np.ndarray, "n 3"]:
        with overflowing():
            errors = self.errors(passed.items, passed.made)
            squares = np.einsum("ij,ij->i", errors, errors)
            along = _at_places(errors, len(self.projection)) @ self.projection
            ways = [
                0.5 * np.log(np.maximum(squares / errors.shape[1], _SMALLEST_SQUARE)),
                -self.mixture.log_density(np.hstack([passed.codes, along])),
                self.forest.isolation(passed.items),
            ]
        return finite(np.column_stack(ways))


@one_blas_thread()
def learn_scorer(
    passed: Sequence[Passed],
    items: Float[np.ndarray, "n size"],
    random: np.random.Generator,
    seed: int,
) -> Scorer:
    """Learn from items that went through a model what tells odd ones.

    Args:
        passed: all of them, in order.
        items: the same, in one array; n at least 1.
        random: draws which codes the mixture sees, and the forest's cuts.
        seed: governs the mixture.
    """
    size = items.shape[1]
    places = places_of(size)
    average = _at_places(items.mean(axis=0, dtype=np.float64)[None], places)[0]
    codes = np.concatenate([each.codes for each in passed])
    squares = sum(_squares(each) for each in passed)
    spread = np.sqrt(_at_places(np.asarray(squares)[None] / len(items), places)[0])
    usual = float(np.sqrt(np.square(spread).mean()))
    spread = np.maximum(spread, _SMALLEST_SPREAD * usual) if usual > 0 else np.ones_like(spread)
    few = drawn_items(items, _MOST_FOR_MIXTURE, _MOST_VALUES_FOR_MIXTURE, random)
    errors = _differences_at(few, passed)
    errors /= _of_values(spread, size)
    errors = _at_places(errors, places)
    projection = leading_directions(errors)
    features = np.hstack([codes[few], errors @ projection])
    learns: tuple[Callable[[], Any], ...] = (
        partial(fit_density, features, seed, trimmed=_TRIMMED),
        partial(grow_forest, items, random),
    )
    mixture, forest = side_by_side(lambda learn: learn(), learns)
    return Scorer(
        average=average, spread=spread, projection=projection, mixture=mixture, forest=forest
    )


def drawn_items(
    items: np.ndarray, most: int, values: int, random: np.random.Generator
) -> np.ndarray:
    """The places of ``most`` items at most, and of no more than have so many values; at least of
    one."""
    return drawn_places(len(items), max(min(most, values // max(items[:1].size, 1)), 1), random)


def overflowing() -> Any:
    """A context in which extreme items overflow without a word: :func:`finite` says what then."""
    return np.errstate(over="ignore", invalid="ignore")


def finite(scores: np.ndarray) -> np.ndarray:
    """Scores, or squares, with :data:`HIGHEST` in place of what overflowed."""
    return np.where(np.isfinite(scores), scores, HIGHEST)


def kept(array: np.ndarray) -> Float32[np.ndarray, "..."]:
    """What a model file holds of an array: float32, the extreme ones at its ends."""
    return np.clip(array, -HIGHEST_KEPT, HIGHEST_KEPT).astype(np.float32)


def places_of(size: int) -> int:
    """How many runs, equally long but the last, the values of an item are taken for: as many as
    there are values, up to :data:`MOST_PLACES`."""
    run = -(-size // MOST_PLACES)
    return -(-size // run)


def _differences(items: np.ndarray, made: np.ndarray) -> Float64[np.ndarray, "n size"]:
    return np.subtract(made, items, dtype=np.float64)


def _differences_at(places: np.ndarray, passed: Sequence[Passed]) -> Float64[np.ndarray, "m size"]:
    """Those of the items at some places, in order. New memory takes longer than to subtract: there
    is little of it beside the result."""
    found, first = np.empty((len(places), passed[0].items.shape[1])), 0
    for each in passed:
        begin, end = np.searchsorted(places, [first, first + len(each.items)])
        for start in range(begin, end, _BLOCK):
            some = slice(start, min(start + _BLOCK, end))
            own = places[some] - first
            found[some] = _differences(each.items[own], each.made[own])
        first += len(each.items)
    return found


def _squares(passed: Passed) -> Float64[np.ndarray, " size"]:
    """The sum over the items of each value's squared error, so many items at a time as stay in the
    cache."""
    count, size = passed.items.shape
    total, step = np.zeros(size), max(_TOGETHER // max(size, 1), 1)
    for start in range(0, count, step):
        some = passed.rows(slice(start, start + step))
        errors = _differences(some.items, some.made)
        total += np.einsum("ij,ij->j", errors, errors)
    return total


def _at_places(
    values: Float64[np.ndarray, "n size"], places: int
) -> Float64[np.ndarray, "n places"]:
    """The mean of each run of values that one place stands for."""
    size = values.shape[1]
    run = -(-size // places)
    if run == 1:
        return values
    starts = np.arange(0, size, run)
    return np.add.reduceat(values, starts, axis=1) / np.diff(starts, append=size)


def _of_values(at_places: Float64[np.ndarray, " places"], size: int) -> np.ndarray:
    """What each of ``size`` values has at its place."""
    return np.repeat(at_places, -(-size // len(at_places)))[:size]


@one_blas_thread()
def leading_directions(errors: Float64[np.ndarray, "n size"]) -> Float64[np.ndarray, "size k"]:
    """The directions in which errors vary most, (size, k), scaled so that they vary by 1."""
    count, size = errors.shape
    wide = size > count  # the same values, of the smaller of two matrices
    values, vectors = np.linalg.eigh((errors @ errors.T if wide else errors.T @ errors) / count)
    most = min(_DIRECTIONS, max(_DIRECTION_VALUES // size, 1))
    values, vectors = values[::-1][:most], vectors[:, ::-1][:, :most]
    told = values > _SMALLEST_SHARE * max(values.sum(), 1e-300)
    values, vectors = values[told], vectors[:, told]
    if wide:
        vectors = errors.T @ vectors / np.sqrt(count * values)
    return vectors / np.sqrt(values)
