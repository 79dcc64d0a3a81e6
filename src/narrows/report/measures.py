"""How far reconstructions are from what they reconstruct, in the data's own units."""

import math

import numpy as np

from narrows.errors import ShapeError

# Values whose differences stay in the cache from one sum over them to the next.
_TOGETHER = 1 << 15


class ErrorMeter:
    """Errors over a data set that arrives in batches.

    Sums are kept in float64, so that neither the number of batches nor their order matters beyond
    its rounding. Every measure is NaN until something is added.

    >>> meter = ErrorMeter()
    >>> meter.add(np.array([[0, 10]], np.uint8), np.array([[1.0, 7.0]]))
    >>> meter.mse, meter.mae, meter.largest
    (5.0, 2.0, 3.0)
    """

    def __init__(self) -> None:
        self._count = 0
        self._squared = 0.0
        self._absolute = 0.0
        self._largest = 0.0

    def add(self, original: np.ndarray, reconstruction: np.ndarray) -> None:
        """Count one batch: two arrays of the same shape, of any real dtype, in data units.

        Raises:
            ShapeError: the shapes differ.
        """
        _require_alike(original, reconstruction)
        step = max(_TOGETHER // max(original[:1].size, 1), 1)
        for start in range(0, len(original), step):
            rows = slice(start, start + step)
            self._add(np.subtract(reconstruction[rows], original[rows], dtype=np.float64))

    def _add(self, difference: np.ndarray) -> None:
        self._count += difference.size
        self._squared += float(np.vdot(difference, difference))
        magnitude = np.abs(difference, out=difference)
        self._absolute += float(magnitude.sum())
        # Unlike Python's max, NumPy's keeps a NaN that either side holds.
        self._largest = float(np.maximum(self._largest, magnitude.max(initial=0.0)))

    @property
    def mse(self) -> float:
        """Mean squared error, Σ (x̂ - x)² / N over all N values, in data units squared."""
        return self._squared / self._count if self._count else math.nan

    @property
    def mae(self) -> float:
        """Mean absolute error, Σ |x̂ - x| / N over all N values, in data units."""
        return self._absolute / self._count if self._count else math.nan

    @property
    def largest(self) -> float:
        """The largest absolute error of any value, max |x̂ - x|, in data units."""
        return self._largest if self._count else math.nan


def item_errors(original: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """The mean squared error of each item, in data units squared.

    Args:
        original: shape (n, \\*item_shape), any real dtype.
        reconstruction: the same shape.

    Returns:
        Shape (n,), float64.

    Raises:
        ShapeError: the shapes differ.
    """
    _require_alike(original, reconstruction)
    difference = np.subtract(reconstruction, original, dtype=np.float64)
    return np.square(difference).mean(axis=tuple(range(1, difference.ndim)))


def psnr(mse: float, peak: float) -> float:
    """Peak signal-to-noise ratio, 10 log₁₀(peak² / mse), in dB; infinite where nothing is lost.

    >>> round(psnr(1530.6, peak=255), 2)
    16.28

    Args:
        mse: mean squared error, in data units squared.
        peak: the width of the value range, 255 for 8-bit images.
    """
    return 10 * math.log10(peak**2 / mse) if mse else math.inf


def ssim(original: np.ndarray, other: np.ndarray, width: float) -> float:
    """The mean structural similarity of two images: 1 where they are the same.

    Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Processing 13:600, 2004, with the paper's
    own constants: K1 = 0.01, K2 = 0.03, and a Gaussian window of 11 x 11 places and a standard
    deviation of 1.5. The mean is taken where the window lies within the image, and over channels.

    Args:
        original: (height, width) or (height, width, channels), any real dtype; at least 11 x 11.
        other: the same shape.
        width: of the value range: 255 for 8-bit images.
    """
    from scipy.ndimage import correlate1d

    places = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    window = np.exp(-(places**2) / (2 * 1.5**2))
    window /= window.sum()

    def smooth(values: np.ndarray) -> np.ndarray:
        half = SSIM_WINDOW // 2
        values = correlate1d(correlate1d(values, window, axis=0), window, axis=1)
        return values[half:-half, half:-half]

    x, y = original.astype(np.float64), other.astype(np.float64)
    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    covariance = smooth(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * width) ** 2, (0.03 * width) ** 2
    # equation 13
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float(likeness.mean())


#: The height and width of the window that structural similarity looks through.
SSIM_WINDOW = 11


def _require_alike(original: np.ndarray, reconstruction: np.ndarray) -> None:
    if original.shape != reconstruction.shape:
        raise ShapeError(
            f"reconstructions have the shape {reconstruction.shape}, and the originals "
            f"{original.shape}",
            hint="compare each item with its own reconstruction",
        )
