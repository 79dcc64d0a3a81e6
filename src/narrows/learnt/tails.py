"""Scores as surprises: how rarely reference scores are as high.

    s(x) = -log P(score >= x),  in nats

so that scores of different kinds can be compared.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

# The share of the reference scores that says how the tail goes on beyond the highest.
_TAIL = 0.05
_FEWEST_IN_TAIL = 5


@dataclass(frozen=True)
class Tail:
    """How surprising a score is among reference scores, in nats.

    Between the reference scores it is interpolated. The tail is taken to be exponential, with the
    mean excess of the highest twentieth (Pickands, 1975, with a shape of 0): above the highest
    score, and below it where this is more than the share of scores that are as high. So one that
    lies far out is not as usual as the highest score of another kind for being a reference itself.

    Attributes:
        values: the different reference scores, ascending, (m,).
        nats: how surprising each of them is, (m,).
        excess: by how much a score exceeds the highest for each further nat.
    """

    values: Float64[np.ndarray, " m"]
    nats: Float64[np.ndarray, " m"]
    excess: float

    @classmethod
    def of(cls, reference: Float[np.ndarray, " n"]) -> "Tail":
        """That of ascending reference scores, n at least 1."""
        reference = reference.astype(np.float64)
        count = len(reference)
        # equal scores are as surprising as the lowest of them
        values, first = np.unique(reference, return_index=True)
        nats = -np.log((count - first) / (count + 1))
        tail = reference[-max(int(_TAIL * count), _FEWEST_IN_TAIL) :]
        excess = float((tail - tail[0]).mean())
        if excess <= 0:  # of no width: any step beyond it is one nat a unit of rounding
            excess = max(abs(float(values[-1])), 1.0) * 1e-6
        begins = int(np.searchsorted(values, tail[0]))
        nats[begins:] = np.maximum(
            nats[begins:], nats[begins] + (values[begins:] - tail[0]) / excess
        )
        return cls(values, nats, excess)

    def surprises(self, scores: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Of any scores, the higher the odder; it rises with them."""
        inside = np.interp(scores, self.values, self.nats)
        return np.asarray(inside + np.maximum(scores - self.values[-1], 0) / self.excess)


def surprises(
    scores: Float[np.ndarray, " n"], reference: Float[np.ndarray, " m"]
) -> Float64[np.ndarray, " n"]:
    """How surprising ``scores`` are among ``reference``, m at least 1 and ascending, in nats:
    float64 (n,), see :class:`Tail`."""
    return Tail.of(reference).surprises(scores)


def p_values(
    scores: Float[np.ndarray, " n"], calibration: Float[np.ndarray, " m"]
) -> Float64[np.ndarray, " n"]:
    """Conformal p-values, (1 + #{calibration >= score}) / (m + 1): float64 (n,).

    For items like the calibration's, which the model was not trained on, the chance of a p-value of
    at most α is at most α (Vovk, Gammerman and Shafer, 2005; Bates et al., Annals of Statistics,
    2023).

    Args:
        calibration: ascending.
    """
    above = len(calibration) - np.searchsorted(calibration, scores, side="left")
    return (1.0 + above) / (len(calibration) + 1)
