"""Judging items with a trained model: their scores, and which part of them made these so high.

:mod:`narrows.learnt.scorer` says what the scores are.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int64, Shaped

from narrows.errors import UsageError
from narrows.learnt.detection import MOST_NUMBERS, Detection, score_index
from narrows.learnt.scorer import Passed, finite, learn_scorer, overflowing
from narrows.model.coded_items import CodedItems
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.support.chunks import chunks, pieces, sampled_places
from narrows.support.progress import Tracker, silent
from narrows.tasks.reasons import STEPS, falls, shares

# Items that are enough to say how scores lie; and the most values that they may have: large images
# need no more memory, nor time, than many small ones.
_MOST_ITEMS, _MOST_VALUES = 10_000, 1 << 24
# The same where each code takes steps on the decoder: one costs as much as training on ten items.
_MOST_REFINED = 5_000
_DETECTION_STREAM = 0xDE7EC


class Detector:
    """Judges items, each alone, with one trained model.

    Args:
        autoencoder: the model.

    Attributes:
        detection: what it learnt of odd items.

    Raises:
        UsageError: its file does not say how the scores of other items lie.
    """

    def __init__(self, autoencoder: TrainedAutoencoder) -> None:
        detection = autoencoder.trained.learnt_detection
        if detection is None:
            raise UsageError(
                "the model file does not say how the scores of other items lie, so that none can "
                "be called odd",
                hint="train it with narrows fit, without --no-detection, or with OutlierDetector; "
                f"codes of more than {MOST_NUMBERS} numbers have no density",
            )
        self.autoencoder, self.detection = autoencoder, detection

    def scores(
        self, items: Shaped[np.ndarray, "n ..."], score: str = "combined"
    ) -> Float64[np.ndarray, " n"]:
        """How odd each item is: float64 (n,), higher is odder.

        ``combined`` is in nats; the others are what :mod:`narrows.learnt.scorer` says of them. A
        score that overflows is :data:`narrows.learnt.scorer.HIGHEST`.

        Args:
            items: (n, \\*item_shape), or flat rows; any number, in bounded memory.
            score: one of :data:`narrows.learnt.detection.SCORES`.

        Raises:
            ShapeError: the model was trained on items of another shape.
            UsageError: no such score.
        """
        place = score_index(score)
        parts = [self._judged(chunk)[0][:, place] for chunk in chunks(items)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def contributions(
        self, items: Shaped[np.ndarray, "n ..."], score: str = "combined"
    ) -> Float64[np.ndarray, "n parts"]:
        """What made each item odd, as shares that sum to 1: float64 (n, parts).

        A part is a column of a table, in the order of :attr:`parts`, or a value of a flat row, and
        its share is how much lower the score would be with what the others foretell there, see
        :mod:`narrows.tasks.reasons`. What falls by nothing has no part. Of ``combined``, it is the
        one of its two scores that was taken: what a maximum falls by stops where the other begins,
        and does not add up. Items of more than :data:`MOST_OCCLUDED` parts, such as images, are
        told by their errors: a value's share is that of its (x̂ - x)² / s².

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        score_index(score)
        if not len(items):
            return np.zeros((0, len(self.parts)))
        if len(self.parts) > MOST_OCCLUDED:
            return shares(self._squares(items))
        with overflowing():
            fallen = np.concatenate([self._falls(some, score) for some in chunks(items)])
        untold = (fallen <= 0).all(axis=1)
        if untold.any():
            squares = self._squares(items[untold])
            fallen[untold] = np.stack([squares[:, part].sum(axis=1) for part in self.parts], axis=1)
        return shares(np.maximum(fallen, 0))

    def heat(self, items: Shaped[np.ndarray, "n ..."]) -> Float64[np.ndarray, "n *item"]:
        """Where each item is not given back: (x̂ - x)² / s² of each value, in the shape of the
        items."""
        return self._squares(items).reshape(items.shape)

    @property
    def explanation_seconds(self) -> float:
        """About how long :meth:`contributions` takes for an item, on one core of a common machine.
        It is counted, not measured: the same model always gives the same."""
        return _judged_for(self._classes) * self._judging_seconds()

    @property
    def parts(self) -> tuple[slice, ...]:
        """Where the values of each part lie in a flat item: a column's features, or one value."""
        table = self.autoencoder.trained.data.table
        if table is not None:
            return tuple(column.features for column in table.learnt)
        size = math.prod(self.autoencoder.trained.item_shape)
        return tuple(slice(at, at + 1) for at in range(size))

    def _judged(
        self, items: Shaped[np.ndarray, "n ..."]
    ) -> tuple[Float64[np.ndarray, "n 4"], Float64[np.ndarray, "n size"]]:
        """All scores of items, and what the model makes of them."""
        passed = _passed(self.autoencoder, items)
        return self.detection.scores(passed), passed.made

    def _falls(self, items: np.ndarray, score: str) -> Float64[np.ndarray, "n parts"]:
        """By how much the score that is taken of each item falls, part by part."""
        flat = items.reshape(len(items), -1)
        average = self.detection.scorer.average
        parts = falls(self._judged, flat, average, self.parts, self._classes)
        if score != "combined":
            return parts[:, :, score_index(score)]
        places = self.detection.larger(_passed(self.autoencoder, items))
        return np.take_along_axis(parts, places[:, None, None], axis=2)[:, :, 0]

    def _squares(self, items: np.ndarray) -> Float64[np.ndarray, "n size"]:
        """(x̂ - x)² / s² of each value."""
        with overflowing():
            made = self.autoencoder.reconstruct_floats(items).reshape(len(items), -1)
            errors = self.detection.scorer.errors(items.reshape(len(items), -1), made)
            return finite(np.square(errors))

    @property
    def _classes(self) -> tuple[Float32[np.ndarray, "classes width"] | None, ...]:
        """What else each part can be: a categorical column's classes, None for a number."""
        table = self.autoencoder.trained.data.table
        if table is None:
            return (None,) * len(self.parts)
        return tuple(None if each.is_number else each.class_features for each in table.learnt)

    def _judging_seconds(self) -> float:
        trained, scorer = self.autoencoder.trained, self.detection.scorer
        components, numbers = scorer.mixture.means.shape
        sizes = {name: array.size for name, array in trained.model.arrays.items()}
        decoder = sum(size for name, size in sizes.items() if name.startswith("decoder."))
        latent = trained.model.spec.latent_size
        # each step decodes the change of every latent number, and multiplies all of these
        step = latent * (4 * decoder + 2 * latent * len(scorer.average))
        work = _PER_COMPONENT * components * numbers**2 + _PER_WEIGHT * sum(sizes.values())
        return _PER_ITEM + work + _PER_STEP * trained.refinement * step


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


def fit_detection(
    trained: TrainedModel,
    training: CodedItems,
    held_out: CodedItems | None,
    seed: int,
    *,
    track: Tracker = silent,
) -> dict[str, Float32[np.ndarray, "..."]]:
    """What a model file keeps for :class:`Detector`; nothing where codes are too long for it.

    Of more than ten thousand items, or five thousand where codes are refined, so many are looked
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
    random = np.random.default_rng([seed, _DETECTION_STREAM])
    most = _MOST_REFINED if trained.refinement else _MOST_ITEMS
    places = _sampled(training, most, seed)
    some = np.asarray(training.items[places])
    unseen = None
    with track("learning what is odd", total=4, unit="steps") as advance:
        passed = list(_passed_of(training, places))
        advance(1)
        scorer = learn_scorer(passed, some.reshape(len(some), -1), random, seed)
        advance(1)
        ways = np.concatenate([scorer.ways(each) for each in passed])
        advance(1)
        if held_out is not None and len(held_out):
            others = _passed_of(held_out, _sampled(held_out, most, seed))
            unseen = np.concatenate([scorer.ways(each) for each in others])
        advance(1)
    return Detection.of(scorer, ways, unseen).to_arrays()


def _sampled(coded: CodedItems, most: int, seed: int) -> Int64[np.ndarray, " m"]:
    """The places of ``most`` items at most, of no more than have so many values."""
    affordable = _MOST_VALUES // max(coded.items[:1].size, 1)
    return sampled_places(len(coded), max(min(most, affordable), 1), seed)


def _passed_of(coded: CodedItems, places: np.ndarray) -> Iterator[Passed]:
    """Items of a fit with their codes and what the model makes of them, a piece at a time."""
    for some in pieces(coded.items, at=places):
        items = np.asarray(coded.items[some])
        flat = items.reshape(len(items), -1)
        with overflowing():
            codes = np.empty((len(flat), 0), np.float32) if coded.crosses else coded.codes(some)
            made = coded.reconstructions(some)
        yield Passed(flat, codes, made.reshape(len(flat), -1))


def _passed(autoencoder: TrainedAutoencoder, items: np.ndarray) -> Passed:
    """Items with their codes, where these tell of them, and what the model makes of them."""
    flat = items.reshape(len(items), -1)
    with overflowing():
        if autoencoder.trained.model.spec.crosses:
            codes = np.empty((len(items), 0), np.float32)
            made = autoencoder.reconstruct_floats(items)
        else:
            codes, made = autoencoder.encode_and_reconstruct(items)
    return Passed(flat, codes, made.reshape(len(items), -1))
