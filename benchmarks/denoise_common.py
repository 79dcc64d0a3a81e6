"""What the benchmarks of denoising share: a trained model and filters on the same test items."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

# BM3D takes over half a second an image.
BM3D_ITEMS = 20
TITLES = {
    "noisy": "untouched",
    "autoencoder": "**narrows**",
    "median": "median",
    "gaussian": "Gaussian",
    "nlm": "non-local means",
    "wavelet": "wavelet",
    "tv": "total variation",
    "bm3d": "BM3D",
    "pca": "PCA",
}


def scores(
    trained: Any,
    noisy: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
    clean: Sequence[np.ndarray],
    most: int,
    *,
    filters: bool = True,
) -> dict[str, dict[str, Any]]:
    """How near each method comes to the clean items: ``most`` of them, evenly spaced, BM3D 20.

    The filters' numbers are those that ``fit`` chose on training images. Without ``filters``, the
    untouched items and the model alone.
    """
    from narrows.report.denoising import DenoisingMeter

    settings = trained.training.filters if filters else {}
    slow = {name: settings[name] for name in settings if name == "bm3d"}
    quick = {name: settings[name] for name in settings if name not in slow}
    result: dict[str, dict[str, Any]] = {}
    parts = [(slow, min(BM3D_ITEMS, most))] if slow else []
    for chosen, count in (*parts, (quick, most)):
        model = replace(trained, training=replace(trained.training, filters=chosen))
        meter = DenoisingMeter(model, len(clean), count)
        for index, items in enumerate(zip(noisy, found, clean, strict=True)):
            if meter.wants(index):
                meter.add(*items)
        result |= {score.method: asdict(score) for score in meter.result("").scores}
    return result
