"""Filters that take noise out of images and learn nothing but one or two numbers.

============  ==================================================================================
``median``    the median of the values around each (Tukey, 1971)
``gaussian``  their mean, weighted by a bell
``nlm``       the mean of places whose surroundings look alike (Buades, Coll and Morel, CVPR 2005)
``wavelet``   wavelet coefficients shrunk as their level asks (Chang, Yu and Vetterli, IEEE Trans.
              Image Processing 9:1532, 2000)
``tv``        the image of little variation that is near (Chambolle, J. Math. Imaging Vision 20:89,
              2004)
``bm3d``      blocks that look alike, filtered together (Dabov et al., IEEE Trans. Image Processing
              16:2080, 2007)
``pca``       projection onto the directions in which clean images vary most
============  ==================================================================================

The first two are SciPy's; ``nlm``, ``wavelet`` and ``tv`` are scikit-image's, ``bm3d`` the package
of that name (``narrows[filters]`` installs both). What is not installed is left out. Each has its
numbers chosen on pairs of training images by :func:`choose_filters`, for the smallest squared
error; ``bm3d``, which takes over half a second an image, is given the noise's standard deviation.
"""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from narrows.learnt.pca import PCA
from narrows.support.chunks import evenly_spaced

Settings = dict[str, float]
Filter = Callable[[np.ndarray, Settings], np.ndarray]

# Images that the numbers are chosen on: enough to tell settings apart, quick enough to wait for.
_CHOSEN_ON = 32
# Of large images a middle part is enough.
_LARGEST_SIDE = 64


def _median(image: np.ndarray, settings: Settings) -> np.ndarray:
    from scipy.ndimage import median_filter

    side = int(settings["size"])
    return median_filter(image, (side, side, *[1] * (image.ndim - 2)))


def _gaussian(image: np.ndarray, settings: Settings) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    sigma = settings["sigma"]
    return gaussian_filter(image, (sigma, sigma, *[0] * (image.ndim - 2)))


def _nlm(image: np.ndarray, settings: Settings) -> np.ndarray:
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(
        image,
        patch_size=5,
        patch_distance=6,
        h=settings["h"],
        sigma=settings["sigma"],
        channel_axis=_channels(image),
    )


def _wavelet(image: np.ndarray, settings: Settings) -> np.ndarray:
    from skimage.restoration import denoise_wavelet

    return denoise_wavelet(image, sigma=settings["sigma"], channel_axis=_channels(image))


def _tv(image: np.ndarray, settings: Settings) -> np.ndarray:
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(image, weight=settings["weight"], channel_axis=_channels(image))


def _bm3d(image: np.ndarray, settings: Settings) -> np.ndarray:
    from bm3d import bm3d  # type: ignore[import-not-found, import-untyped, unused-ignore]

    if image.ndim == 3:
        parts = [bm3d(image[..., c], settings["sigma"]) for c in range(image.shape[2])]
        return np.stack(parts, axis=-1)
    return bm3d(image, settings["sigma"])


def _channels(image: np.ndarray) -> int | None:
    return None if image.ndim == 2 else -1


def _each(name: str, *values: float) -> list[Settings]:
    return [{name: value} for value in values]


_SIGMAS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
# What each needs to be installed, the filter, and the settings to choose from. Values run from 0 to
# 1, and sigma is noise's standard deviation in that unit; the Gaussian's is in pixels.
_FILTERS: dict[str, tuple[tuple[str, ...], Filter, list[Settings]]] = {
    "median": (("scipy",), _median, _each("size", 3, 5, 7)),
    "gaussian": (("scipy",), _gaussian, _each("sigma", 0.5, 0.75, 1, 1.25, 1.5, 2)),
    "nlm": (
        ("skimage",),
        _nlm,
        [{"h": h * s, "sigma": s} for s in (0.1, 0.2, 0.35, 0.5) for h in (0.6, 1.0)],
    ),
    "wavelet": (("skimage", "pywt"), _wavelet, _each("sigma", *_SIGMAS)),
    "tv": (("skimage",), _tv, _each("weight", 0.1, 0.2, 0.4, 0.7, 1, 1.5)),
    "bm3d": (("bm3d",), _bm3d, []),
}
# The package bm3d ends the process on images of 8 x 8 pixels.
_SMALLEST_BM3D = 16
_PCA_SHARES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4)


def filtered(
    name: str,
    image: np.ndarray,
    settings: Mapping[str, float],
    limits: tuple[float, float],
    pca: PCA | None = None,
) -> np.ndarray:
    """An image without what the filter ``name`` takes for noise: float64 of its shape.

    Args:
        image: (height, width) or (height, width, channels), any real dtype.
        settings: as :func:`choose_filters` chose them.
        limits: the lowest and the highest value of clean images.
        pca: for ``pca``, fitted to clean images of that shape.
    """
    low, width = limits[0], limits[1] - limits[0]
    if name == "pca":
        assert pca is not None
        count = int(settings["numbers"])
        kept = PCA(pca.mean, pca.components[:count], pca.sampled)
        found = kept.reconstruct(image[None])[0].astype(np.float64)
    else:
        unit = (image.astype(np.float64) - low) / width
        found = _FILTERS[name][1](unit, dict(settings)) * width + low
    return np.clip(found, *limits)


def installed_filters() -> list[str]:
    """The filters whose libraries are there, but for ``pca``."""
    return [
        name
        for name, (libraries, _, _) in _FILTERS.items()
        if all(importlib.util.find_spec(library) for library in libraries)
    ]


def choose_filters(
    noisy: np.ndarray,
    clean: np.ndarray,
    limits: tuple[float, float],
    pca: PCA | None = None,
) -> dict[str, Settings]:
    """The settings of each filter that leave the smallest squared error on pairs of images.

    Args:
        noisy: (n, height, width) or (n, height, width, channels), training images with noise. At
            most 32 are looked at, evenly spaced, and 64 x 64 pixels in the middle of each.
        clean: the same without.
        limits: the lowest and the highest value of clean images.
        pca: fitted to clean images of that shape; None to do without.
    """
    wanted = evenly_spaced(len(noisy), _CHOSEN_ON)
    noisy, clean = noisy[wanted], clean[wanted]
    there = installed_filters()
    chosen = {
        name: _best(name, _FILTERS[name][2], _middle(noisy), _middle(clean), limits)
        for name in there
        if name != "bm3d"
    }
    if "bm3d" in there and min(noisy.shape[1:3]) >= _SMALLEST_BM3D:
        noise = np.subtract(noisy, clean, dtype=np.float64)
        chosen["bm3d"] = {"sigma": round(float(noise.std()) / (limits[1] - limits[0]), 3)}
    if pca is not None:
        most = len(pca.components)
        numbers = sorted({max(int(share * noisy[0].size), 1) for share in _PCA_SHARES} | {most})
        within = _each("numbers", *(n for n in numbers if n <= most))
        chosen["pca"] = _best("pca", within, noisy, clean, limits, pca=pca)
    return chosen


def _best(
    name: str,
    candidates: list[Settings],
    noisy: np.ndarray,
    clean: np.ndarray,
    limits: tuple[float, float],
    *,
    pca: PCA | None = None,
) -> Settings:
    def error(settings: Settings) -> float:
        pairs = zip(noisy, clean, strict=True)
        results: list[Any] = [filtered(name, a, settings, limits, pca) - b for a, b in pairs]
        return float(np.mean(np.square(results)))

    return min(candidates, key=error)


def _middle(images: np.ndarray) -> np.ndarray:
    starts = [max(size - _LARGEST_SIDE, 0) // 2 for size in images.shape[1:3]]
    top, left = starts
    return images[:, top : top + _LARGEST_SIDE, left : left + _LARGEST_SIDE]
