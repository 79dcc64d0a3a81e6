"""Principal component analysis: the best linear code of a given size, by squared error."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from narrows.errors import DataError, ShapeError, UsageError
from narrows.support.blas import one_blas_thread, side_by_side
from narrows.support.chunks import evenly_spaced
from narrows.support.tensor_file import require_floats

# A symmetric eigen-decomposition of this size takes seconds, and its cost grows with the cube.
_LARGEST_MATRIX = 4096
# Rows are converted to floats this many values at a time: large enough for BLAS to run at full
# speed, small enough (8 MiB in float32) to stay near the caches.
_CHUNK_VALUES = 2**21
# Entries of matrices that are made side by side (256 MiB in float32).
_PRODUCTS = 2**26
# A sample of items too wide for their covariance matrix stays within 128 MiB in float32.
_SAMPLE_VALUES = 2**25


@dataclass(frozen=True)
class PCA:
    """A fitted principal component analysis; :func:`fit_pca` makes one.

    Attributes:
        mean: the mean item, shape (d,). float32, or float64 where float32 cannot hold the data, or
            where they lie so far from zero that it would round their differences away.
        components: orthonormal rows of shape (k, d), float32, or float64 where float32 cannot hold
            the data; those along which the data vary most first. The entry of largest magnitude in
            each is positive.
        sampled: whether it was fitted on a sample of the items instead of all of them.
    """

    mean: np.ndarray
    components: np.ndarray
    sampled: bool

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], size: int) -> "PCA":
        """From what a model file holds (``TrainedModel.baseline``).

        Args:
            size: values of an item, d.

        Raises:
            ValueError: it is no analysis of such items.
        """
        kept = len(arrays.get("components", ()))
        require_floats(arrays, {"mean": (size,), "components": (kept, size)}, "baseline")
        return cls(arrays["mean"], arrays["components"], sampled=False)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What a model file holds."""
        return {"mean": self.mean, "components": self.components}

    def encode(self, items: np.ndarray) -> np.ndarray:
        """The codes z = W (x - mean), shape (n, k), of items of shape (n, \\*item_shape).

        Raises:
            ShapeError: the items do not hold d values each.
        """
        rows = _rows(items)
        if rows.shape[1] != self.mean.size:
            raise ShapeError(
                f"items hold {rows.shape[1]:,} values each, and this PCA was fitted on "
                f"{self.mean.size:,}",
                hint="give items of the shape it was fitted on",
            )
        return _centred(rows, self.mean) @ self.components.T

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The items x = Wᵀ z + mean, flat and of shape (n, d), of codes of shape (n, k).

        Raises:
            ShapeError: the codes are not k numbers each.
        """
        if codes.ndim != 2 or codes.shape[1] != len(self.components):
            raise ShapeError(
                f"codes have the shape {codes.shape}, and this PCA reads (n, "
                f"{len(self.components)})",
                hint="give one row of codes for each item",
            )
        return codes @ self.components + self.mean

    def reconstruct(self, items: np.ndarray) -> np.ndarray:
        """What is left of each item after ``encode`` and ``decode``, in the shape it had."""
        return self.decode(self.encode(items)).reshape(items.shape)


def fit_pca(items: np.ndarray, latent_size: int) -> PCA:
    """Find the min(latent_size, d, n) directions in which the items vary most.

    Items of d ≤ 4,096 values are read once, in chunks, into their covariance matrix, whose leading
    eigenvectors are the components (Jolliffe, Principal Component Analysis, 2002, eq. 1.1). Where
    d > n, the n × n Gram matrix gives the same components for less work (ibid., section 3.5).

    Items of more than 4,096 values are too wide for a covariance matrix: the components are then
    exact for an evenly spaced sample of at most 4,096 rows and about 2²⁵ values, and ``sampled``
    says so where the sample leaves any row out.

    Args:
        items: shape (n, \\*item_shape), any real dtype, possibly memory-mapped; d is the product of
            ``item_shape``.
        latent_size: how many components are wanted, at least 1.

    Returns:
        The fitted analysis. The same items give the same bytes on the same machine.

    Raises:
        UsageError: ``latent_size`` is below 1.
        DataError: there are no items, or they hold NaN, infinity or values whose squares overflow.
    """
    if latent_size < 1:
        raise UsageError(
            f"latent size is {latent_size}, and PCA needs at least 1",
            hint="ask for one component or more",
        )
    if items.size == 0:
        raise DataError(
            f"items have the shape {items.shape}, and PCA needs at least one value",
            hint="give a data set that is not empty",
        )
    count = len(items)
    width = items.size // count
    # Values that float32 holds exactly, as all 8- and 16-bit ones are, are worked on in float32.
    dtype = np.result_type(items.dtype, np.float32)

    with np.errstate(over="ignore", invalid="ignore"):
        if width <= min(count, _LARGEST_MATRIX):
            sample_size = count
            mean, components = _from_covariance(items, width, latent_size, dtype)
        else:
            affordable = max(_SAMPLE_VALUES // width, 2 * latent_size)
            sample_size = min(count, _LARGEST_MATRIX, affordable)
            sample = _rows(items[evenly_spaced(count, sample_size)])
            mean, components = _from_gram(sample, latent_size, dtype)

    largest = np.argmax(np.abs(components), axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return PCA(
        mean=mean.astype(np.float64 if _lies_far(items, mean) else dtype),
        components=np.ascontiguousarray(components * signs[:, None], dtype=dtype),
        sampled=sample_size < count,
    )


def _lies_far(items: np.ndarray, mean: np.ndarray) -> bool:
    """Whether items lie so far from zero, for how they differ, that their mean needs float64."""
    if items.dtype.itemsize <= 2:
        return False
    some = _rows(items[evenly_spaced(len(items), 64)])
    return bool(np.abs(mean).max() > _FAR * some.std(axis=0, dtype=np.float64).mean())


# float32 has 24 bits: this far off, 16 are left for the differences.
_FAR = 1 << 8


def _from_covariance(
    items: np.ndarray, width: int, latent_size: int, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and components (k, d) in float64 from one pass over the items."""
    count = len(items)
    # Near the mean, products are small and lose nothing: cov = Σ(x-s)(x-s)ᵀ/n - δδᵀ, δ = mean - s.
    spaced = _rows(items[evenly_spaced(count, 1024)])
    shift = spaced.mean(axis=0, dtype=np.float64).astype(dtype)
    total = np.zeros(width)
    products = np.zeros((width, width))
    step = max(_CHUNK_VALUES // width, 1)

    def sums(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(over="ignore", invalid="ignore"):  # each thread has its own
            shifted = rows - shift
            return shifted.sum(axis=0, dtype=np.float64), shifted.T @ shifted

    chunks = (_rows(items[start : start + step]) for start in range(0, count, step))
    for found, squares in side_by_side(sums, chunks, max(_PRODUCTS // width**2, 1)):
        total += found
        products += squares
    offset = total / count
    covariance = products / count - np.outer(offset, offset)
    return shift + offset, _leading_eigenvectors(covariance, latent_size).T


@one_blas_thread()
def _from_gram(
    rows: np.ndarray, latent_size: int, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and components (k, d) of rows (m, d) from their m × m inner products."""
    mean = rows.mean(axis=0, dtype=np.float64)
    centred = _centred(rows, mean, dtype)
    gram = (centred @ centred.T).astype(np.float64)
    directions = centred.T @ _leading_eigenvectors(gram, latent_size).astype(dtype)
    # The directions are orthogonal already; QR scales them to length one, and fills in for those
    # of length zero (centred rows span one dimension less than there are rows).
    components, _ = np.linalg.qr(directions)
    return mean, components.T


def _centred(rows: np.ndarray, mean: np.ndarray, dtype: np.dtype | None = None) -> np.ndarray:
    """Rows (m, d) less their mean (d,), in ``dtype``, or the one of which both are.

    Of float32 rows the mean is taken in two parts, the rounded one first: the difference is small,
    and what rounding has left of the mean is no longer lost beside it.
    """
    if dtype is None:
        dtype = np.result_type(rows.dtype, np.float32)
    rounded = mean.astype(dtype)
    centred = np.subtract(rows, rounded, dtype=dtype)
    if mean.dtype != dtype:
        centred -= (mean - rounded).astype(dtype)
    return centred


@one_blas_thread()
def _leading_eigenvectors(matrix: np.ndarray, count: int) -> np.ndarray:
    """The eigenvectors of the largest eigenvalues of a symmetric matrix, largest first, as columns.

    Raises:
        DataError: the matrix is not finite, so the data it came from were not, or overflowed.
    """
    if not np.isfinite(matrix).all():
        raise DataError(
            "items hold NaN, infinity, or values whose squares overflow, and PCA needs finite ones",
            hint="remove or fill in such values, or scale the data",
        )
    _, vectors = np.linalg.eigh(matrix)
    return vectors[:, ::-1][:, :count]


def _rows(items: np.ndarray) -> np.ndarray:
    """Items of shape (n, \\*item_shape) as rows (n, d): a view where they are contiguous."""
    return items.reshape(len(items), -1)
