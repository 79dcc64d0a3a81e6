"""Scores as surprises: how rarely reference scores are as high.

    s(x) = -log P(score >= x),  in nats

so that scores of different kinds can be compared.
"""

import numpy as np
from jaxtyping import Float, Float64

# The share of the reference scores that says how the tail goes on beyond the highest.
_TAIL = 0.05
_FEWEST_IN_TAIL = 5


def surprises(
    scores: Float[np.ndarray, " n"], reference: Float[np.ndarray, " m"]
) -> Float64[np.ndarray, " n"]:
    """How surprising ``scores`` are among ``reference``, in nats: float64 (n,), rising with them.

    Between the reference scores it is interpolated; above the highest the tail is taken to be
    exponential, with the mean excess of the highest twentieth (Pickands, 1975, with a shape of 0).

    Args:
        scores: any, the higher the odder.
        reference: ascending, m at least 1.
    """
    reference = reference.astype(np.float64)
    count = len(reference)
    # equal scores are as surprising as the lowest of them
    values, first = np.unique(reference, return_index=True)
    nats = -np.log((count - first) / (count + 1))
    inside = np.interp(scores, values, nats)
    tail = reference[-max(int(_TAIL * count), _FEWEST_IN_TAIL) :]
    excess = float((tail - tail[0]).mean())
    if excess <= 0:  # of no width: any step beyond it is one nat a unit of rounding
        excess = max(abs(float(values[-1])), 1.0) * 1e-6
    return np.asarray(inside + np.maximum(scores - values[-1], 0) / excess)


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
