"""The noise that a page adds, and the filter that it shows beside a model that undoes noise."""

from typing import Any

from narrows.model.trained import TrainedModel
from narrows.training import Noise
from narrows.training.noise import noise_limits

# Of a slider of a standard deviation, in that of training; shares end at 1.
_FURTHER = 2
# Of a median filter, where the model file has none that was chosen on training images.
_SIDE = 3


def denoises(trained: TrainedModel) -> bool:
    """Whether a model learnt to undo noise."""
    return trained.training.noise is not None or trained.training.filters is not None


def noise_data(trained: TrainedModel) -> dict[str, Any]:
    """What docs/explore.md says of ``noise``, ``median`` and ``tile``: null where the model did not
    learn to undo noise, or learnt it from pairs of which nobody knows the formula."""
    training = trained.training
    if not denoises(trained) or trained.data.table is not None:
        return {"noise": None, "median": None, "tile": False}
    chosen = (training.filters or {}).get("median", {})
    return {
        "noise": None if training.noise is None else _noise(trained, Noise.parse(training.noise)),
        "median": int(chosen.get("size", _SIDE)),
        "tile": bool(training.tile),
    }


def _noise(trained: TrainedModel, noise: Noise) -> dict[str, Any]:
    lowest, highest = noise_limits(trained.described).ends
    is_share = noise.kind != "gaussian"
    return {
        "kind": noise.kind,
        "learnt": [noise.amount if noise.least is None else noise.least, noise.amount],
        "most": 1.0 if is_share else _FURTHER * noise.amount,
        "lowest": float(lowest),
        "highest": float(highest),
    }
