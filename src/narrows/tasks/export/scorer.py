"""What tells odd items as JSON, which `pages/scripts/scorer.js` computes."""

from typing import Any

import numpy as np

from narrows.learnt.density import Density
from narrows.learnt.detection import SCORES, Detection
from narrows.learnt.forest import DEPTH, Forest
from narrows.learnt.scorer import WAYS
from narrows.learnt.tails import Tail
from narrows.model.trained import TrainedModel
from narrows.tasks.export.arrays import deflated, packed, packed_in_bits

# Of directions of the error, where a model's weights have 14 to 22.
_DIRECTION_BITS = 20
# Whole numbers that uint16 holds, and one that no 8-bit value reaches.
_UINT16, _NEVER = 1 << 16, (1 << 16) - 1


def scorer_data(trained: TrainedModel) -> dict[str, Any] | None:
    """What :meth:`narrows.tasks.detector.Detector.scores` computes ``combined`` with, and its
    p-values, as JSON values; None where the model file has nothing of it."""
    detection = trained.learnt_detection
    if detection is None:
        return None
    scorer = detection.scorer
    size, (places, directions) = int(np.prod(trained.item_shape)), scorer.projection.shape
    return {
        "spread": packed(scorer.spread.astype(np.float32)),
        "run": -(-size // places),
        "projection": packed_in_bits(scorer.projection.astype(np.float32), _DIRECTION_BITS),
        "directions": directions,
        "mixture": _mixture(scorer.mixture),
        "forest": _forest(scorer.forest, np.dtype(trained.data.dtype)),
        "tails": [_tail(detection, way) for way in ("density", "isolation")],
        "calibration": packed(
            detection.calibration[:, SCORES.index("combined")].astype(np.float32)
        ),
    }


def _tail(detection: Detection, way: str) -> dict[str, Any]:
    tail = Tail.of(detection.reference[:, WAYS.index(way)])
    return {
        "values": packed(tail.values.astype(np.float32)),  # as the model file has them
        "nats": packed(tail.nats.astype(np.float32)),
        "excess": tail.excess,
    }


def _mixture(mixture: Density) -> dict[str, Any]:
    """The mixture over the numbers that vary; of each whitening matrix the lower triangle, by
    row."""
    live = np.flatnonzero(mixture.live)
    rows, columns = np.tril_indices(len(live))
    triangles = [whitening[rows, columns] for whitening in mixture.whitening]
    arrays = {
        "centre": mixture.centre[live],
        "scale": mixture.scale[live],
        "means": mixture.means[:, live],
        "whitening": np.concatenate(triangles),
        "factors": mixture.log_factors,
    }
    packs = {name: packed(array.astype(np.float32)) for name, array in arrays.items()}
    return {"live": live.tolist(), **packs}


def _forest(forest: Forest, dtype: np.dtype) -> dict[str, Any]:
    """The forest, with lengths by their places among the different ones."""
    trees, _ = forest.feature.shape
    feature, threshold = forest.feature, forest.threshold.astype(np.float32)
    if dtype.kind in "bu" and dtype.itemsize == 1:
        # of whole numbers the next one cuts the same
        threshold = np.minimum(np.ceil(threshold), _NEVER).astype(np.uint16)
    lengths, places = np.unique(forest.length.astype(np.float32), return_inverse=True)
    whole = np.uint16 if max(feature.max() + 1, len(lengths)) <= _UINT16 else np.int32
    return {
        "trees": trees,
        "depth": DEPTH,
        "feature": deflated(feature.astype(whole)),
        "threshold": deflated(threshold),
        "length": deflated(places.reshape(-1).astype(whole)),
        "lengths": packed(lengths),
    }
