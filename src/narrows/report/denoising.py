"""What denoising leaves of the noise, beside what filters leave."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from narrows.baselines.filters import filtered, installed_filters
from narrows.data.tiles import blended
from narrows.errors import ShapeError
from narrows.model.trained import TrainedModel
from narrows.report.evaluation import fitted_pca
from narrows.report.measures import SSIM_WINDOW, ErrorMeter, psnr, ssim
from narrows.support.chunks import evenly_spaced
from narrows.support.number_text import items_of
from narrows.support.text_tables import TextTable
from narrows.training.noise import noise_limits

#: What is measured of a large set: the slowest filters take a second for a page.
MOST_MEASURED = 100


@dataclass(frozen=True, kw_only=True)
class DenoisingScore:
    """How far one method's results are from the clean items.

    Attributes:
        method: its name.
        settings: a filter's numbers, chosen on training images.
        rmse: the root of the mean squared error over all values, where the range is 1 wide.
        psnr: the mean over items of the peak signal-to-noise ratio of each, in dB; None where no
            peak is known.
        ssim: the mean over images of their structural similarity; None of what is no image, or
            smaller than its window.
    """

    method: str
    rmse: float
    psnr: float | None
    ssim: float | None
    settings: dict[str, float] = field(default_factory=dict)

    @property
    def chosen(self) -> str:
        """The settings in words; empty where there are none."""
        return ", ".join(f"{name} {value:g}" for name, value in self.settings.items())


@dataclass(frozen=True)
class Denoising:
    """All methods on the same items: the noisy ones themselves first, then the model's.

    ``count`` items were measured of ``total``.
    """

    source: str
    count: int
    total: int
    scores: tuple[DenoisingScore, ...]


class DenoisingMeter:
    """Takes items one by one, runs every filter on each, and keeps the errors.

    Of ``total`` items at most ``most`` are wanted, spread evenly. The filters' numbers are those
    that ``fit`` chose on its training images and left in the model file; a filter that was not
    installed then, or is not now, is left out.
    """

    def __init__(self, trained: TrainedModel, total: int, most: int = MOST_MEASURED) -> None:
        self._trained, self._total = trained, total
        wanted = evenly_spaced(total, most)
        self._wanted = frozenset(wanted.tolist())
        self._limits = noise_limits(trained.described).ends
        there = {*installed_filters(), "pca"}
        chosen = trained.training.filters or {}
        self._filters: Mapping[str, Any] = {
            name: settings for name, settings in chosen.items() if name in there
        }
        names = ["noisy", "autoencoder", *self._filters]
        self._errors = {name: self._new_errors() for name in names}

    def _new_errors(self) -> "_Errors":
        width = self._limits[1] - self._limits[0] or 1.0
        return _Errors(width, self._trained.described.peak)

    def wants(self, index: int) -> bool:
        """Whether the item of that number is one to be measured: of many, some all over the set."""
        return index in self._wanted

    def add(
        self,
        noisy: np.ndarray,
        denoised: np.ndarray,
        clean: np.ndarray,
        others: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Measure one item: three arrays of one shape, in data units.

        Args:
            others: what further methods make of it, by their names; the same ones each time.

        Raises:
            ShapeError: they are not of one shape.
        """
        if noisy.shape != clean.shape:
            raise ShapeError(
                f"an item of shape {noisy.shape} is to be compared with one of {clean.shape}",
                hint="give the same items without noise, of the same size",
            )
        self._errors["noisy"].add(clean, noisy)
        self._errors["autoencoder"].add(clean, denoised)
        for name, settings in self._filters.items():
            self._errors[name].add(clean, self.filtered(name, noisy, settings))
        for name, found in (others or {}).items():
            self._errors.setdefault(name, self._new_errors()).add(clean, found)

    @property
    def filters(self) -> Mapping[str, Any]:
        """The filters that each item goes through, and their numbers."""
        return self._filters

    def filtered(self, name: str, noisy: np.ndarray, settings: Any) -> np.ndarray:
        """What the filter of that name makes of an item."""
        shape = self._trained.item_shape
        pca = fitted_pca(self._trained) if name == "pca" else None
        if pca is None or noisy.shape == shape:
            return filtered(name, noisy, settings, self._limits, pca)
        return blended(
            lambda tiles: np.stack(
                [filtered(name, tile, settings, self._limits, pca) for tile in tiles]
            ),
            noisy,
            (shape[0], shape[1]),
        )

    def result(self, source: str) -> Denoising:
        """What all items came to."""
        scores = [
            errors.score(name, dict(self._filters.get(name, {})))
            for name, errors in self._errors.items()
        ]
        return Denoising(source, self._errors["noisy"].count, self._total, tuple(scores))


class _Errors:
    """The errors of one method."""

    def __init__(self, width: float, peak: float | None) -> None:
        self._width, self._peak, self._count = width, peak, 0
        self._squared = ErrorMeter()
        self._psnr: list[float] = []
        self._ssim: list[float] = []

    @property
    def count(self) -> int:
        return self._count

    def add(self, clean: np.ndarray, found: np.ndarray) -> None:
        self._squared.add(clean, found)
        own = ErrorMeter()
        own.add(clean, found)
        self._count += 1
        if self._peak is not None:
            self._psnr.append(psnr(own.mse, self._peak))
        if clean.ndim in (2, 3) and min(clean.shape[:2]) >= SSIM_WINDOW:
            self._ssim.append(ssim(clean, found, self._peak or self._width))

    def score(self, name: str, settings: dict[str, float]) -> DenoisingScore:
        return DenoisingScore(
            method=name,
            rmse=math.sqrt(self._squared.mse) / self._width,
            psnr=float(np.mean(self._psnr)) if self._psnr else None,
            ssim=float(np.mean(self._ssim)) if self._ssim else None,
            settings=settings,
        )


#: What people call what a score is of.
TITLES = {
    "noisy": "as it was",
    "median": "median filter",
    "gaussian": "Gaussian filter",
    "nlm": "non-local means",
    "wavelet": "wavelet shrinkage",
    "tv": "total variation",
    "bm3d": "BM3D",
    "pca": "PCA",
}


def denoising_text(result: Denoising) -> str:
    """A table for people."""
    known = any(score.psnr is not None for score in result.scores)
    rows = [["method", "RMSE, of the range", *["PSNR"] * known, "SSIM"]]
    for score in result.scores:
        title = TITLES.get(score.method, score.method)
        title += f" ({score.chosen})" if score.chosen else ""
        likeness = "" if score.ssim is None else f"{score.ssim:.3f}"
        quality = [] if score.psnr is None else [f"{score.psnr:.2f} dB"]
        rows.append([title, f"{score.rmse:.4f}", *quality, likeness])
    return TextTable(f"{result.source}, {items_of(result.count, result.total)}", rows).text()
