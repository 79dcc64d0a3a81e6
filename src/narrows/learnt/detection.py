"""How odd items are beside others: the three scores, what they make together, and how rare it is.

The mixture sees the error too, so ``combined`` is made of density and isolation: an item that is
odd in one of these ways is often not odd in the other, and its score is the larger of the two as
surprises (:mod:`narrows.learnt.tails`), which is to take the smaller of two p-values (Tippett,
1931). What is kept in a model file are float32 arrays, ``TrainedModel.detection``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from narrows.errors import UsageError
from narrows.learnt.scorer import (
    HIGHEST,
    HIGHEST_KEPT,
    WAYS,
    Passed,
    Scorer,
    finite,
    kept,
    overflowing,
)
from narrows.learnt.tails import p_values, surprises
from narrows.support.tensor_file import require_floats

#: What can be asked for.
SCORES = ("combined", *WAYS)
#: The longest codes that items can be judged by.
MOST_NUMBERS = 256

_COMBINED = (WAYS.index("density"), WAYS.index("isolation"))
# Scores kept of the reference items.
_REFERENCES = 2_000
# Items of so high a score that fewer than this would be expected are no normal ones, and do not say
# how rarely such score as high: a wild one could not be flagged otherwise for being held out.
_WILD = 1e-3


@dataclass(frozen=True)
class Detection:
    """What tells odd items, and how the scores of others lie.

    Attributes:
        scorer: what the scores of the three :data:`WAYS` are computed with.
        reference: those of known items, each column ascending, (m, 3).
        calibration: all :data:`SCORES` of items that were held out, or of training items where
            none were, without wild ones, each column ascending, (n, 4).
    """

    scorer: Scorer
    reference: Float64[np.ndarray, "m 3"]
    calibration: Float64[np.ndarray, "n 4"]

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], size: int, numbers: int, name: str = "detection"
    ) -> "Detection":
        """From what a model file holds; the arguments are those of :meth:`Scorer.from_arrays`.

        Raises:
            ValueError, LookupError: it is none of those.
        """
        scorer = Scorer.from_arrays(arrays, size, numbers, name)
        columns = {"reference": len(WAYS), "calibration": len(SCORES)}
        shapes = {key: (max(len(arrays[key]), 1), count) for key, count in columns.items()}
        require_floats(arrays, shapes, name)
        for key in columns:
            if (np.diff(arrays[key], axis=0) < 0).any():
                raise ValueError(f"{name}/{key} must rise")
        return cls(scorer, *(arrays[key].astype(np.float64) for key in columns))

    @classmethod
    def of(
        cls,
        scorer: Scorer,
        ways: Float64[np.ndarray, "n 3"],
        unseen: Float64[np.ndarray, "m 3"] | None,
    ) -> "Detection":
        """From the scores of training items, and of items that the model has not seen, which alone
        say how rare a score is; None where there are none."""
        known = ways if unseen is None else np.concatenate([ways, unseen])
        reference = np.sort(known, axis=0)
        if len(reference) > _REFERENCES:
            places = np.rint(np.linspace(0, len(reference) - 1, _REFERENCES)).astype(np.int64)
            reference = reference[places]
        reference = kept(reference)
        scores = _all_scores(ways if unseen is None else unseen, reference)
        usual = scores[:, 0] <= math.log(len(scores) / _WILD)
        usual |= ~usual.any()
        return cls(scorer, reference, np.sort(scores[usual], axis=0))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What a model file holds: float32 arrays."""
        of_others = {"reference": kept(self.reference), "calibration": kept(self.calibration)}
        return {**self.scorer.to_arrays(), **of_others}

    def scores(self, passed: Passed) -> Float64[np.ndarray, "n 4"]:
        """All :data:`SCORES` of items, finite."""
        return _all_scores(self.scorer.ways(passed), self.reference)

    def larger(self, passed: Passed) -> np.ndarray:
        """Which of :data:`SCORES` makes the combined one of each item: the larger surprise."""
        larger = np.argmax(_surprises(self.scorer.ways(passed), self.reference), axis=0)
        return 1 + np.array(_COMBINED)[larger]

    def p_values(
        self, scores: Float64[np.ndarray, " n"], score: str = "combined"
    ) -> Float64[np.ndarray, " n"]:
        """Of scores among the calibration items', see :func:`narrows.learnt.tails.p_values`."""
        scores = np.minimum(scores, HIGHEST_KEPT)
        return p_values(scores - _slack(scores), self.calibration[:, score_index(score)])

    @property
    def smallest_p_value(self) -> float:
        """The smallest that so many calibration items allow."""
        return 1 / (len(self.calibration) + 1)

    def threshold(self, false_alarms: float, score: str = "combined") -> float:
        """The score above which items are flagged.

        Of items like the calibration's, at most the share ``false_alarms`` is flagged; or, where
        they are too few to tell that rate, at most :attr:`smallest_p_value`.

        Raises:
            UsageError: the share is not between 0 and 1.
        """
        require_rate(false_alarms)
        column = self.calibration[:, score_index(score)]
        allowed = max(math.floor(false_alarms * (len(column) + 1) + 1e-9) - 1, 0)
        value = column[len(column) - 1 - min(allowed, len(column) - 1)]
        return float(value + _slack(value))


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


def _all_scores(
    ways: Float64[np.ndarray, "n 3"], reference: np.ndarray
) -> Float64[np.ndarray, "n 4"]:
    """The combined score and the three, in the order of :data:`SCORES`."""
    with overflowing():
        combined = np.max(_surprises(ways, reference), axis=0)
        overflowed = (ways[:, _COMBINED] >= HIGHEST).any(axis=1)
        return finite(np.column_stack([np.where(overflowed, HIGHEST, combined), ways]))


def _surprises(ways: Float64[np.ndarray, "n 3"], reference: np.ndarray) -> list[np.ndarray]:
    """Those that are combined, in nats."""
    return [surprises(ways[:, place], reference[:, place]) for place in _COMBINED]


def _slack(scores: Any) -> Any:
    """By how much a score may differ from itself: batches of other sizes are rounded otherwise, and
    calibration scores are kept in float32."""
    return 1e-6 * np.maximum(np.abs(scores), 1)
