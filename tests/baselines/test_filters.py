"""Filters against noise: they take some out, and their numbers are those that do so best."""

import importlib.util

import numpy as np
import pytest

from narrows.baselines.filters import choose_filters, filtered, installed_filters
from narrows.learnt.pca import fit_pca

RANDOM = np.random.default_rng(8)
# Squares of two greys, in the data's own unit, which is not 0 to 1.
CLEAN = np.kron(RANDOM.choice([40.0, 200.0], (12, 3, 3)), np.ones((8, 8)))
NOISY = np.clip(CLEAN + RANDOM.normal(0, 40, CLEAN.shape), 0, 255)
LIMITS = (0.0, 255.0)
QUICK = [name for name in installed_filters() if name != "bm3d"]


def error(found: np.ndarray) -> float:
    return float(np.square(found - CLEAN[:4]).mean())


@pytest.fixture(scope="module")
def chosen() -> dict[str, dict[str, float]]:
    return choose_filters(NOISY, CLEAN, LIMITS, fit_pca(CLEAN, 9))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*QUICK, "pca"])
def test_every_filter_takes_noise_out(name: str, chosen: dict[str, dict[str, float]]) -> None:
    pca = fit_pca(CLEAN, 9)
    found = np.array([filtered(name, image, chosen[name], LIMITS, pca) for image in NOISY[:4]])
    assert found.min() >= 0 and found.max() <= 255
    assert error(found) < 0.9 * error(NOISY[:4])


@pytest.mark.parametrize("name", QUICK)
def test_colours_are_filtered_alike(name: str, chosen: dict[str, dict[str, float]]) -> None:
    grey = filtered(name, np.full((24, 24), 80.0), chosen[name], LIMITS)
    np.testing.assert_allclose(grey, 80, atol=1)
    colours = filtered(name, NOISY[:3].transpose(1, 2, 0), chosen[name], LIMITS)
    assert colours.shape == (24, 24, 3)


def test_the_median_is_the_one_that_leaves_least(chosen: dict[str, dict[str, float]]) -> None:
    from scipy.ndimage import median_filter

    errors = {
        size: np.square([median_filter(a, size) - b for a, b in zip(NOISY, CLEAN, strict=True)])
        for size in (3, 5, 7)
    }
    assert chosen["median"]["size"] == min(errors, key=lambda size: errors[size].mean())


@pytest.mark.slow
def test_stronger_noise_is_filtered_more() -> None:
    strong = np.clip(CLEAN + RANDOM.normal(0, 120, CLEAN.shape), 0, 255)
    weak, more = (choose_filters(noisy, CLEAN, LIMITS)["gaussian"] for noisy in (NOISY, strong))
    assert more["sigma"] > weak["sigma"]


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("skimage", "bm3d") else name
    )
    assert installed_filters() == ["median", "gaussian"]
    assert set(choose_filters(NOISY, CLEAN, LIMITS)) == {"median", "gaussian"}


def test_small_images_are_kept_from_bm3d() -> None:
    """The package bm3d ends the process on images of 8 x 8 pixels."""
    assert "bm3d" not in choose_filters(NOISY[:, :8, :8], CLEAN[:, :8, :8], LIMITS)


def test_the_wavelet_filter_needs_its_own_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """scikit-image is installed without PyWavelets."""
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("pywt", "bm3d") else name
    )
    assert installed_filters() == ["median", "gaussian", "nlm", "tv"]
