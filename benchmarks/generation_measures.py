"""How good drawn items are: as a distribution, one by one, and whether they are copies.

The first two compare *features*: what a network that knows the data makes of each item, rows of
numbers (n, d). Which network that is decides what a figure means: only figures by the same one can
be compared.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float64, Int64

from narrows.errors import ShapeError, UsageError
from narrows.support.blas import one_blas_thread

#: The neighbour whose distance is a ball's radius, as the authors of precision and recall take it.
NEIGHBOURS = 3

# Distances that are in memory at a time: 32 MB in float64.
_DISTANCES = 1 << 22


@one_blas_thread()
def frechet_distance(real: Float[np.ndarray, "n d"], drawn: Float[np.ndarray, "m d"]) -> float:
    """The Fréchet distance of two normal distributions with the means and covariances of features:

        |m - m'|² + tr(C + C' - 2 (C C')^(1/2))

    0 for equal distributions; the smaller the better (Heusel et al., arXiv:1706.08500, eq. 6).

    Args:
        real: features of real items, at least 2 of them.
        drawn: features of drawn items, as many numbers each.

    Raises:
        ShapeError: features of two sizes.
        UsageError: fewer than 2 items.
    """
    _require_alike(real, drawn, 2)
    real, drawn = real.astype(np.float64), drawn.astype(np.float64)
    between = np.square(real.mean(axis=0) - drawn.mean(axis=0)).sum()
    root, other = _square_root(np.cov(real, rowvar=False)), np.cov(drawn, rowvar=False)
    traces = np.square(root).sum() + np.trace(np.atleast_2d(other))
    # (C C')^(1/2) has the trace of (C^(1/2) C' C^(1/2))^(1/2), which is symmetric
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ np.atleast_2d(other) @ root), 0)).sum()
    return float(max(between + traces - 2 * shared, 0))


def precision_recall(
    real: Float[np.ndarray, "n d"], drawn: Float[np.ndarray, "m d"], neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """Which share of the drawn items lies among real ones, and which of these among the drawn.

    An item lies among others if it is no further from some one of them than that one's k-th nearest
    neighbour is (Kynkäänniemi et al., Improved precision and recall, NeurIPS 2019, eq. 1 and 2).
    Low precision means bad items, low recall that kinds of items are missing.

    Args:
        real: features of real items, more than ``neighbours``.
        drawn: features of drawn items, as many numbers each; as many items, if figures are to be
            compared with others'.
        neighbours: k.

    Raises:
        ShapeError: features of two sizes.
        UsageError: too few items.
    """
    _require_alike(real, drawn, neighbours + 1)
    return _share_among(real, drawn, neighbours), _share_among(drawn, real, neighbours)


def nearest(
    items: Float[np.ndarray, "n d"], among: Float[np.ndarray, "m d"]
) -> tuple[Float64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """The distance of each item to the nearest of others, and which one that is: (n,) each.

    Args:
        items: rows of values, in any unit.
        among: rows of as many.

    Raises:
        ShapeError: rows of two sizes.
        UsageError: there are no others.
    """
    _require_alike(among, items, 1)
    found = [
        (distances[np.arange(len(distances)), places], places)
        for distances in _squared_distances(items, among)
        for places in [distances.argmin(axis=1)]
    ]
    squares, places = (np.concatenate([each[part] for each in found]) for part in (0, 1))
    return np.sqrt(squares), places


def share_of_copies(
    drawn: Float64[np.ndarray, " n"], held_out: Float64[np.ndarray, " m"], per_cent: float = 1
) -> float:
    """The share of drawn items that are nearer to a training item than all but ``per_cent`` % of
    held-out items are: about that per cent itself, where nothing is copied.

    Args:
        drawn: the distance of each drawn item to the nearest training item (:func:`nearest`).
        held_out: those of real items that were not trained on.
        per_cent: from 0 to 100.
    """
    return float(np.mean(drawn < np.percentile(held_out, per_cent)))


def _share_among(these: np.ndarray, others: np.ndarray, neighbours: int) -> float:
    """The share of ``others`` that lie among ``these``."""
    radii = np.concatenate(
        [
            # the nearest of all is the item itself
            np.partition(distances, neighbours, axis=1)[:, neighbours]
            for distances in _squared_distances(these, these)
        ]
    )
    inside = [(part <= radii).any(axis=1) for part in _squared_distances(others, these)]
    return float(np.concatenate(inside).mean())


def _squared_distances(rows: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances of a bounded number of rows at a time to all others."""
    wide = others.astype(np.float64)
    norms, step = np.square(wide).sum(axis=1), max(_DISTANCES // len(others), 1)
    for start in range(0, len(rows), step):
        part = rows[start : start + step].astype(np.float64)
        squares = np.square(part).sum(axis=1)[:, None] + norms - 2 * part @ wide.T
        yield np.maximum(squares, 0)


@one_blas_thread()
def _square_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric matrix S, S S = covariance; of a matrix without full rank too."""
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _require_alike(real: np.ndarray, drawn: np.ndarray, fewest: int) -> None:
    if real.ndim != 2 or drawn.ndim != 2 or real.shape[1] != drawn.shape[1]:
        raise ShapeError(
            f"items of shapes {real.shape} and {drawn.shape} cannot be compared",
            hint="give rows of as many numbers: (n, d) and (m, d)",
        )
    for rows in (real, drawn):
        if len(rows) < fewest:
            raise UsageError(
                f"{len(rows)} items are too few to compare", hint=f"give at least {fewest}"
            )
