"""Items above their reconstructions: what a code keeps, to the eye."""

from typing import TYPE_CHECKING

import numpy as np

from narrows.errors import ShapeError
from narrows.report.figures.item_rows import draw_rows, range_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reconstructions(
    originals: np.ndarray,
    results: np.ndarray,
    ax: "Axes | None" = None,
    *,
    value_range: tuple[float, float] | None = None,
    label: str = "reconstruction",
    pca: np.ndarray | None = None,
    pca_label: str = "PCA",
    noisy: np.ndarray | None = None,
) -> "Axes":
    """Draw the first items, each above its reconstruction and, where given, that of PCA.

    Ten items are drawn, or five where they are large: images as images, others as curves
    (:func:`narrows.report.figures.item_rows.draw_rows`).

    Args:
        originals: shape (n, \\*item_shape), any real dtype, in data units.
        results: their reconstructions, the same shape, in data units: what ``reconstruct`` gives.
        ax: matplotlib axes to draw on; None for those of a new figure, ``ax.figure``.
        value_range: the values drawn as black and as white; by default the lowest and the highest
            of ``originals``. Reconstructions beyond it are clipped.
        label: what the row of reconstructions is called, such as ``20 numbers``.
        pca: PCA's reconstructions, the same shape.
        pca_label: what their row is called, such as ``PCA, 20 numbers``.
        noisy: what went in, where that was not the originals, the same shape.

    Returns:
        The axes.

    Raises:
        ShapeError: there are no items, or the shapes differ.
    """
    rows = [("original", np.asarray(originals)), (label, np.asarray(results))]
    if noisy is not None:
        rows.insert(1, ("noisy", np.asarray(noisy)))
    if pca is not None:
        rows.append((pca_label, np.asarray(pca)))
    shape = rows[0][1].shape
    for name, items in rows:
        if items.size == 0 or items.shape != shape:
            raise ShapeError(
                f"{name} has the shape {items.shape}, and the originals {shape}",
                hint="give at least one item, and a reconstruction for each",
            )
    limits = value_range or range_of(rows[0][1])
    return draw_rows("Items and Their Reconstructions", rows, ax, value_range=limits)
