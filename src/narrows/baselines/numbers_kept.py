"""How much of items is lost when so many numbers are kept of each, without any training of ours.

Both errors come from sums of squares, for all budgets at once: in an orthonormal basis what is left
out is what is lost (Parseval).

- **PCA**, fitted to training items: a budget of n keeps the n leading components.
- **The largest cosine coefficients**: the orthonormal DCT-II of the whole item (of each channel of
  an image), of which those of largest magnitude are kept, other ones for every item. Whoever
  decodes them must be told which they are, so each takes two numbers, its value and its place: a
  budget of n keeps n // 2 coefficients. (A place is a small whole number: in bits it costs
  log₂ of the item's size, 10 for 28 x 28, and less if all are coded together.) The lowest
  frequencies need no places: see :func:`narrows.baselines.dct.dct_reconstruct`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from narrows.learnt.pca import PCA
from narrows.support.chunks import CACHED_VALUES, chunks
from narrows.support.progress import Tracker, silent

# Of a chunk of items, the sum of squares of each (n,), and the squares of what is kept of it, in
# the order in which it is (n, k).
Parts = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def pca_errors(
    pca: PCA, items: np.ndarray, numbers: Sequence[int], *, track: Tracker = silent
) -> dict[int, float]:
    """What PCA loses of items at every budget, from one analysis of at least as many components:
    the mean squared error, in the data's own unit squared, by the numbers that are kept.

    Args:
        pca: fitted to training items.
        items: held-out ones, (n, \\*item_shape), at least one.
        numbers: components to keep, from 0 on; those above what ``pca`` has are left out.
    """
    wanted = [n for n in numbers if n <= len(pca.components)]
    return _errors(
        items, lambda chunk: _pca_parts(pca, chunk), {n: n for n in wanted}, "PCA", track
    )


def largest_dct_errors(
    items: np.ndarray, numbers: Sequence[int], *, track: Tracker = silent
) -> dict[int, float]:
    """The same when each item keeps its largest cosine coefficients, and their places.

    Args:
        items: (n, length), (n, height, width) or (n, height, width, channels), any real dtype, at
            least one.
        numbers: budgets, two numbers a coefficient; those for more coefficients than an item has
            values are left out.
    """
    size = items[0].size
    return _errors(
        items, _dct_parts, {n: n // 2 for n in numbers if n // 2 <= size}, "cosines", track
    )


def _pca_parts(pca: PCA, chunk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squares (n,) of items about the mean, and those of their components (n, k)."""
    rows = chunk.reshape(len(chunk), -1).astype(np.float64)
    rows -= pca.mean
    return np.square(rows).sum(axis=1), np.square(rows @ pca.components.T.astype(np.float64))


def _dct_parts(chunk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squares (n,) of items, and those of their coefficients (n, size), largest first."""
    from scipy.fft import dctn

    axes = tuple(range(1, min(chunk.ndim, 3)))
    frequencies = dctn(chunk.astype(np.float64), axes=axes, norm="ortho")
    squares = np.sort(np.square(frequencies).reshape(len(chunk), -1), axis=1)[:, ::-1]
    return squares.sum(axis=1), squares


def _errors(
    items: np.ndarray, parts: Parts, kept: Mapping[int, int], what: str, track: Tracker
) -> dict[int, float]:
    """The errors of budgets, of which ``kept`` says how many parts each affords."""
    lost = dict.fromkeys(kept, 0.0)
    with track(f"measuring {what}", total=len(items), unit="items") as advance:
        for chunk in chunks(items, values=CACHED_VALUES):
            whole, squares = parts(chunk)
            within = np.cumsum(squares.sum(axis=0))
            for budget, count in kept.items():
                lost[budget] += float(whole.sum() - (within[count - 1] if count else 0.0))
            advance(len(chunk))
    # What rounding leaves of nothing may be negative.
    return {budget: max(total, 0.0) / items.size for budget, total in lost.items()}
