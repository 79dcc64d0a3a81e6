"""How odd items are, by what a model makes of them.

Three ways of being odd, each a score that is higher the odder an item:

- ``reconstruction``: the model does not give it back, ½ log of the mean over its values of
  (x̂ - x)² / s², where s is the spread of that value's error;
- ``density``: code and error together lie where few do: -log p under a Gaussian mixture over the
  code and the leading directions of the error (as Zong et al., ICLR 2018, do with the code and the
  size of the error), which is fitted twice, the second time without the least likely tenth, so that
  outliers among the training items do not make themselves likely; of a net whose copies cross to
  the decoder the code says little, and the error alone is looked at;
- ``isolation``: few random cuts part it from the training items (:mod:`narrows.learnt.forest`).

The mixture sees the error too, so ``combined`` is made of the last two: an item that is odd in one
of these ways is often not odd in the other, and its score is the larger of the two as surprises
(:mod:`narrows.learnt.tails`), which is to take the smaller of two p-values (Tippett, 1931). What is
kept in a model file are float32 arrays, ``TrainedModel.detection``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Shaped

from narrows.errors import UsageError
from narrows.learnt.density import Density, fit_density
from narrows.learnt.forest import Forest, grow_forest
from narrows.learnt.tails import p_values, surprises
from narrows.model.file import places_of
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.support.chunks import chunks, drawn_places
from narrows.support.progress import Tracker, silent
from narrows.tasks.reasons import STEPS, falls, shares

#: The ways of being odd, in the order in which arrays hold them.
WAYS = ("reconstruction", "density", "isolation")
_COMBINED = (WAYS.index("density"), WAYS.index("isolation"))
#: What can be asked for.
SCORES = ("combined", *WAYS)
#: The longest codes that items can be judged by.
MOST_NUMBERS = 256

# Items that are enough to say how scores lie, and codes that are enough for the mixture; and the
# most values that they may have: large images need no more memory, nor time, than many small ones.
_MOST_ITEMS, _MOST_FOR_MIXTURE = 20_000, 5_000
_MOST_VALUES, _MOST_VALUES_FOR_MIXTURE = 1 << 24, 1 << 22
# The same where each code takes steps on the decoder: one costs as much as training on ten items.
_MOST_REFINED = 5_000
# Directions of the error beside the code, and the share of its variance below which one is noise.
_DIRECTIONS, _SMALLEST_SHARE = 32, 1e-4
# All directions together have no more values than this (4 MB of a model file).
_DIRECTION_VALUES = 1 << 20
# Left out of the mixture's second fit.
_TRIMMED = 0.1
# A value whose error hardly varies is not infinitely telling: its spread counts as this share of
# the others' at least.
_SMALLEST_SPREAD = 0.05
# Scores kept of the reference items.
_REFERENCES = 2_000
_DETECTION_STREAM = 0xDE7EC


class Detector:
    """Judges items with one trained model.

    Args:
        autoencoder: the model.

    Raises:
        UsageError: its file does not say how the scores of other items lie.
    """

    def __init__(self, autoencoder: TrainedAutoencoder) -> None:
        arrays = autoencoder.trained.detection
        if not arrays:
            raise UsageError(
                "the model file does not say how the scores of other items lie, so that none can "
                "be called odd",
                hint="train it with narrows fit, without --no-detection, or with OutlierDetector; "
                f"codes of more than {MOST_NUMBERS} numbers have no density",
            )
        self.autoencoder = autoencoder
        self._evidence = _Evidence.from_arrays(arrays)
        self._reference = arrays["reference"].astype(np.float64)
        self._calibration = arrays["calibration"].astype(np.float64)

    def scores(
        self, items: Shaped[np.ndarray, "n ..."], score: str = "combined"
    ) -> Float64[np.ndarray, " n"]:
        """How odd each item is: float64 (n,), higher is odder.

        ``combined`` is in nats; the others are what the module says of them. Each item is judged
        alone. A score that overflows is :data:`HIGHEST`.

        Args:
            items: (n, \\*item_shape), or flat rows; any number, in bounded memory.
            score: one of :data:`SCORES`.

        Raises:
            ShapeError: the model was trained on items of another shape.
            UsageError: no such score.
        """
        place = score_index(score)
        parts = [
            self._judged(chunk)[0][:, place] for chunk in chunks(self.autoencoder.shaped(items))
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def p_values(
        self, scores: Float64[np.ndarray, " n"], score: str = "combined"
    ) -> Float64[np.ndarray, " n"]:
        """Of scores among the calibration items', see :func:`narrows.learnt.tails.p_values`."""
        scores = np.minimum(scores, _HIGHEST_KEPT)
        return p_values(scores - _slack(scores), self._calibration[:, score_index(score)])

    @property
    def calibration_count(self) -> int:
        """How many items say how rare a score is."""
        return len(self._calibration)

    @property
    def smallest_p_value(self) -> float:
        """The smallest that so many calibration items allow."""
        return 1 / (len(self._calibration) + 1)

    def threshold(self, false_alarms: float, score: str = "combined") -> float:
        """The score above which items are flagged.

        Of items like the calibration's, at most the share ``false_alarms`` is flagged; or, where
        they are too few to tell that rate, at most :attr:`smallest_p_value`.

        Raises:
            UsageError: the share is not between 0 and 1.
        """
        require_rate(false_alarms)
        column = self._calibration[:, score_index(score)]
        allowed = max(math.floor(false_alarms * (len(column) + 1) + 1e-9) - 1, 0)
        value = column[len(column) - 1 - min(allowed, len(column) - 1)]
        return float(value + _slack(value))

    def contributions(
        self, items: Shaped[np.ndarray, "n ..."], score: str = "combined"
    ) -> Float64[np.ndarray, "n parts"]:
        """What made each item odd, as shares that sum to 1: float64 (n, parts).

        A part is a column of a table, in the order of :attr:`parts`, or a value of a flat row, and
        its share is how much lower the score would be with what the others foretell there, see
        :mod:`narrows.tasks.reasons`. What falls by nothing has no part. Of ``combined``, it is the
        one of its two scores that was taken. Items of more than :data:`MOST_OCCLUDED` parts, such
        as images, are told by their errors: a value's share is that of its (x̂ - x)² / s².

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        items, place = self.autoencoder.shaped(items), score_index(score)
        if not len(items):
            return np.zeros((0, len(self.parts)))
        if len(self.parts) > MOST_OCCLUDED:
            return shares(self._squares(items))
        with _overflowing():
            fallen = np.concatenate([self._falls(some, place) for some in chunks(items)])
        untold = (fallen <= 0).all(axis=1)
        if untold.any():
            squares = self._squares(items[untold])
            fallen[untold] = np.stack([squares[:, part].sum(axis=1) for part in self.parts], axis=1)
        return shares(np.maximum(fallen, 0))

    @property
    def explanation_seconds(self) -> float:
        """About how long :meth:`contributions` takes for an item, on one core of a common machine.
        It is counted, not measured: the same model always gives the same."""
        return _judged_for(self._classes) * self._judging_seconds()

    def _judging_seconds(self) -> float:
        trained, mixture = self.autoencoder.trained, self._evidence.mixture
        components, numbers = mixture.means.shape
        sizes = {name: array.size for name, array in trained.model.arrays.items()}
        decoder = sum(size for name, size in sizes.items() if name.startswith("decoder."))
        latent = trained.model.spec.latent_size
        # each step decodes the change of every latent number, and multiplies all of these
        step = latent * (4 * decoder + 2 * latent * len(self._evidence.average))
        work = _PER_COMPONENT * components * numbers**2 + _PER_WEIGHT * sum(sizes.values())
        return _PER_ITEM + work + _PER_STEP * trained.refinement * step

    def heat(self, items: Shaped[np.ndarray, "n ..."]) -> Float64[np.ndarray, "n *item"]:
        """Where each item is not given back: (x̂ - x)² / s² of each value, (n, \\*item_shape)."""
        items = self.autoencoder.shaped(items)
        return self._squares(items).reshape(items.shape)

    def _judged(
        self, items: Shaped[np.ndarray, "n ..."]
    ) -> tuple[Float64[np.ndarray, "n 4"], Float64[np.ndarray, "n size"]]:
        """All :data:`SCORES` of items, and what the model makes of them."""
        passed = _Passed.through(self.autoencoder, self.autoencoder.shaped(items))
        return _of_ways(self._evidence.of(passed), self._reference), passed.made

    def _falls(self, items: np.ndarray, place: int) -> Float64[np.ndarray, "n parts"]:
        """See :func:`narrows.tasks.reasons.falls`; of ``combined``, in the score that is the larger
        surprise: what a maximum falls by stops where the other begins, and does not add up."""
        flat = items.reshape(len(items), -1)
        parts = falls(self._judged, flat, self._evidence.average, self.parts, self._classes)
        if place != SCORES.index("combined"):
            return parts[:, :, place]
        ways = self._evidence.of(_Passed.through(self.autoencoder, items))
        larger = np.argmax(_surprises(ways, self._reference), axis=0)
        places = 1 + np.array(_COMBINED)[larger]
        return np.take_along_axis(parts, places[:, None, None], axis=2)[:, :, 0]

    def _squares(self, items: np.ndarray) -> Float64[np.ndarray, "n size"]:
        """(x̂ - x)² / s² of each value."""
        with _overflowing():
            made = self.autoencoder.reconstruct_floats(items)
            return _finite(np.square(self._evidence.errors(items, made)))

    @property
    def _classes(self) -> tuple[Float32[np.ndarray, "classes width"] | None, ...]:
        """What else each part can be: a categorical column's classes, None for a number."""
        table = self.autoencoder.trained.data.table
        if table is None:
            return (None,) * len(self.parts)
        return tuple(None if each.is_number else each.class_features for each in table.learnt)

    @property
    def parts(self) -> tuple[slice, ...]:
        """Where the values of each part lie in a flat item: a column's features, or one value."""
        table = self.autoencoder.trained.data.table
        if table is not None:
            return tuple(column.features for column in table.learnt)
        size = math.prod(self.autoencoder.trained.item_shape)
        return tuple(slice(at, at + 1) for at in range(size))


#: Parts that are replaced one after the other to explain an item.
MOST_OCCLUDED = 256
# Seconds that judging takes: an item in the forest, and what the mixture, the model and a step of
# refinement multiply. Measured with tables of 13 to 120 columns.
_PER_ITEM, _PER_COMPONENT, _PER_WEIGHT, _PER_STEP = 25e-6, 4e-10, 2e-10, 5e-11


def _judged_for(classes: Sequence[np.ndarray | None]) -> int:
    """How many items are judged to explain one, with parts that can be ``classes``."""
    if len(classes) > MOST_OCCLUDED:
        return 1
    return 2 + sum(STEPS if each is None else len(each) for each in classes)


#: The score of an item that float64 has no other for: as odd as can be said.
HIGHEST = float(np.finfo(np.float64).max)
# The same where scores are kept in float32.
_HIGHEST_KEPT = float(np.finfo(np.float32).max)


def score_index(score: str) -> int:
    """The column of a score among :data:`SCORES`.

    Raises:
        UsageError: there is none of that name.
    """
    if score not in SCORES:
        raise UsageError(
            f"there is no score called {score!r}", hint=f"take one of {', '.join(SCORES)}"
        )
    return SCORES.index(score)


def require_rate(false_alarms: float) -> None:
    """Make sure that a rate of false alarms is one.

    Raises:
        UsageError: it is not above 0 and below 1.
    """
    if not 0 < false_alarms < 1:
        raise UsageError(
            f"a rate of false alarms of {false_alarms:g} is not between 0 and 1",
            hint="0.01 flags one normal item in a hundred",
        )


def fit_detection(
    trained: TrainedModel,
    training: Shaped[np.ndarray, "n *item"],
    held_out: Shaped[np.ndarray, "m *item"] | None,
    seed: int,
    *,
    track: Tracker = silent,
) -> dict[str, Float32[np.ndarray, "..."]]:
    """What a model file keeps for :class:`Detector`.

    Of more than twenty thousand items, or five thousand where codes are refined, so many are looked
    at, drawn from the seed.

    Args:
        trained: the model.
        training: what it was trained on; n at least 1.
        held_out: what it was not trained on, which alone says how rare a score is; None or empty
            where there is nothing, and training items have to.
        seed: governs what is drawn at random.
    """
    if trained.model.spec.latent_size > MOST_NUMBERS:
        return {}
    autoencoder, random = (
        TrainedAutoencoder(trained),
        np.random.default_rng([seed, _DETECTION_STREAM]),
    )
    most = _MOST_REFINED if trained.refinement else _MOST_ITEMS
    some = training[_drawn(training, most, _MOST_VALUES, random)]
    with track("learning what is odd", total=4, unit="steps") as advance:
        passed = [_Passed.through(autoencoder, chunk) for chunk in chunks(some)]
        advance(1)
        evidence = _learn(passed, some, random, seed)
        advance(1)
        scores = [np.concatenate([evidence.of(each) for each in passed])]
        advance(1)
        if held_out is not None and len(held_out):
            unseen = held_out[_drawn(held_out, most, _MOST_VALUES, random)]
            parts = [evidence.of(_Passed.through(autoencoder, chunk)) for chunk in chunks(unseen)]
            scores.append(np.concatenate(parts))
        advance(1)
    reference = np.sort(np.concatenate(scores), axis=0)
    if len(reference) > _REFERENCES:
        places = np.rint(np.linspace(0, len(reference) - 1, _REFERENCES)).astype(np.int64)
        reference = reference[places]
    reference = _kept(reference)
    calibration = np.sort(_of_ways(scores[-1], reference), axis=0)
    arrays = {"reference": reference, "calibration": _kept(calibration)}
    return {**evidence.to_arrays(), **arrays}


def _drawn(items: np.ndarray, most: int, values: int, random: np.random.Generator) -> np.ndarray:
    """The places of ``most`` items at most, and of no more than have so many values; at least of
    one."""
    return drawn_places(len(items), max(min(most, values // max(items[:1].size, 1)), 1), random)


def _of_ways(ways: Float64[np.ndarray, "n 3"], reference: np.ndarray) -> Float64[np.ndarray, "n 4"]:
    """The combined score and the three, in the order of :data:`SCORES`."""
    with _overflowing():
        combined = np.max(_surprises(ways, reference), axis=0)
        overflowed = (ways[:, _COMBINED] >= HIGHEST).any(axis=1)
        return _finite(np.column_stack([np.where(overflowed, HIGHEST, combined), ways]))


def _surprises(ways: Float64[np.ndarray, "n 3"], reference: np.ndarray) -> list[np.ndarray]:
    """Those that are combined, in nats."""
    return [surprises(ways[:, place], reference[:, place]) for place in _COMBINED]


def _slack(scores: Any) -> Any:
    """By how much a score may differ from itself: batches of other sizes are rounded otherwise, and
    calibration scores are kept in float32."""
    return 1e-6 * np.maximum(np.abs(scores), 1)


def _overflowing() -> Any:
    """A context in which extreme items overflow without a word: :func:`_finite` says what then."""
    return np.errstate(over="ignore", invalid="ignore")


def _finite(scores: np.ndarray) -> np.ndarray:
    """Scores, or squares, with :data:`HIGHEST` in place of what overflowed."""
    return np.where(np.isfinite(scores), scores, HIGHEST)


def _kept(array: np.ndarray) -> Float32[np.ndarray, "..."]:
    """What a model file holds of an array: float32, the extreme ones at its ends."""
    return np.clip(array, -_HIGHEST_KEPT, _HIGHEST_KEPT).astype(np.float32)


@dataclass(frozen=True)
class _Passed:
    """Flat items, their codes, and what the model makes of them. Codes that are not all that the
    decoder takes say little of an item, and are left out."""

    items: Float[np.ndarray, "n size"]
    codes: Float32[np.ndarray, "n numbers"]
    made: Float[np.ndarray, "n size"]

    @classmethod
    def through(cls, autoencoder: TrainedAutoencoder, items: np.ndarray) -> "_Passed":
        """Take items through a model."""
        with _overflowing():
            if autoencoder.trained.model.spec.crosses:
                codes, made = (
                    np.empty((len(items), 0), np.float32),
                    autoencoder.reconstruct_floats(items),
                )
            else:
                codes, made = autoencoder.encode_and_reconstruct(items)
        return cls(items.reshape(len(items), -1), codes, made.reshape(len(items), -1))


@dataclass(frozen=True)
class _Evidence:
    """What the three scores are computed with.

    Attributes:
        average: of each value over the training items, (size,), in data units.
        spread: of each value's error, (size,).
        projection: onto the leading directions of the error over its spread, (size, k). Of items
            of more than :data:`narrows.model.file.MOST_PLACES` values, here and above, a place
            stands for a run of values, and has their mean.
        mixture: over the code and those directions; over these alone where copies cross.
        forest: over the values.
    """

    average: np.ndarray
    spread: np.ndarray
    projection: np.ndarray
    mixture: Density
    forest: Forest

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "_Evidence":
        mixture = {name: arrays[name] for name in MIXTURE}
        return cls(
            arrays["average"],
            arrays["spread"],
            arrays["projection"],
            Density.from_arrays(mixture),
            Forest.from_arrays(arrays),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        own = {name: getattr(self, name) for name in ("average", "spread", "projection")}
        own = {name: _kept(array) for name, array in own.items()}
        return {**own, **self.mixture.to_arrays(), **self.forest.to_arrays()}

    def errors(self, items: np.ndarray, made: np.ndarray) -> Float64[np.ndarray, "n size"]:
        """(x̂ - x) / s of each value, of items and what the model makes of them."""
        differences = _differences(items, made)
        return differences / _of_values(self.spread, differences.shape[1])

    def of(self, passed: _Passed) -> Float64[np.ndarray, "n 3"]:
        """The scores of the three :data:`WAYS`, all finite."""
        with _overflowing():
            errors = self.errors(passed.items, passed.made)
            features = np.hstack(
                [passed.codes, _at_places(errors, len(self.projection)) @ self.projection]
            )
            ways = [
                _half_log_mean_square(errors),
                -self.mixture.log_density(features),
                self.forest.isolation(passed.items),
            ]
        return _finite(np.column_stack(ways))


#: The arrays of the mixture among those of a model file.
MIXTURE = ("weights", "means", "cholesky", "centre", "scale")


def _differences(items: np.ndarray, made: np.ndarray) -> Float64[np.ndarray, "n size"]:
    return (made.astype(np.float64) - items).reshape(len(items), -1)


def _half_log_mean_square(errors: Float64[np.ndarray, "n size"]) -> Float64[np.ndarray, " n"]:
    # an item that comes back exactly is as little odd as can be said
    return 0.5 * np.log(np.maximum(np.square(errors).mean(axis=1), 1e-30))


def _learn(
    passed: Sequence[_Passed], items: np.ndarray, random: np.random.Generator, seed: int
) -> _Evidence:
    flat = items.reshape(len(items), -1)
    places = places_of(flat.shape[1])
    average = _at_places(flat.mean(axis=0, dtype=np.float64)[None], places)[0]
    codes = np.concatenate([each.codes for each in passed])
    differences = np.concatenate([_differences(each.items, each.made) for each in passed])
    spread = np.sqrt(_at_places(np.square(differences).mean(axis=0)[None], places)[0])
    usual = float(np.sqrt(np.square(spread).mean()))
    spread = np.maximum(spread, _SMALLEST_SPREAD * usual) if usual > 0 else np.ones_like(spread)
    few = _drawn(items, _MOST_FOR_MIXTURE, _MOST_VALUES_FOR_MIXTURE, random)
    errors = _at_places(differences[few] / _of_values(spread, flat.shape[1]), places)
    projection = _leading(errors)
    features = np.hstack([codes[few], errors @ projection])
    mixture = fit_density(features, seed)
    likely = mixture.log_density(features)
    kept = features[likely >= np.quantile(likely, _TRIMMED)]
    return _Evidence(
        average, spread, projection, fit_density(kept, seed), grow_forest(flat, random)
    )


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


def _leading(errors: Float64[np.ndarray, "n size"]) -> Float64[np.ndarray, "size k"]:
    """The directions in which errors vary most, (size, k), scaled so that they vary by 1."""
    count, size = errors.shape
    wide = size > count  # the same values, of the smaller of two matrices
    values, vectors = np.linalg.eigh((errors @ errors.T if wide else errors.T @ errors) / count)
    most = min(_DIRECTIONS, max(_DIRECTION_VALUES // size, 1))
    values, vectors = values[::-1][:most], vectors[:, ::-1][:, :most]
    kept = values > _SMALLEST_SHARE * max(values.sum(), 1e-300)
    values, vectors = values[kept], vectors[:, kept]
    if wide:
        vectors = errors.T @ vectors / np.sqrt(count * values)
    return vectors / np.sqrt(values)
