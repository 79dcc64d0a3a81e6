"""Threads that use one estimator at the same time get what one alone gets."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from narrows import Autoencoder, OutlierDetector, load_data
from narrows.nn.presets import PRESETS

THREADS, ROUNDS = 8, 4
X = load_data("digits").items


def at_once(method: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
    """What ``method`` gives for each of the parts, every one in a thread of its own, all of them
    started at the same moment."""
    ready = threading.Barrier(len(parts))

    def one(part: Any) -> Any:
        ready.wait()
        return method(part)

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(one, parts))


def hold(method: Callable[[Any], Any], parts: Sequence[Any]) -> None:
    """Make sure that a method gives the same, whoever else is in it."""
    alone = [method(part) for part in parts]
    for _ in range(ROUNDS):
        for expected, found in zip(alone, at_once(method, parts), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "refine"), [*((name, 0) for name in PRESETS if name != "auto"), ("dense", 1)]
)
def test_threads_that_share_an_autoencoder(preset: str, refine: int) -> None:
    latent = None if preset == "rounded" else 5
    noise = "gaussian:0.2" if preset in ("unet", "denoiser") else None
    ae = Autoencoder(latent, preset=preset, epochs=1, refine=refine, noise=noise).fit(X[:300])
    parts = np.split(X[:1792], THREADS)  # of one size, for which nets are compiled once
    hold(ae.score_samples, parts)
    hold(ae.denoise, parts)
    if not ae.model_.model.spec.crosses:
        hold(ae.transform, parts)
        hold(ae.inverse_transform, [ae.transform(part) for part in parts])
        seeds = range(THREADS)
        hold(lambda seed: ae.sample(50, random_state=seed), seeds)
        hold(lambda place: ae.interpolate(X[place], X[place + 1]), seeds)


@pytest.mark.slow
def test_threads_that_share_an_outlier_detector() -> None:
    detector = OutlierDetector(latent=5, epochs=1).fit(X[:600])
    parts = np.array_split(X, THREADS)
    hold(detector.predict, parts)
    hold(detector.score_samples, parts)
