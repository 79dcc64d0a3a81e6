"""Items above their reconstructions: what a code keeps, to the eye."""

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.errors import ShapeError
from narrows.report.figures.item_rows import Rows, draw_rows, range_of
from narrows.report.figures.style import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reconstructions_figure(
    originals: np.ndarray,
    results: np.ndarray,
    path: str | os.PathLike[str],
    **given: Any,
) -> None:
    """Write what :func:`reconstructions` draws as a PNG file.

    Args:
        path: the file to write.
        given: the keywords of :func:`reconstructions`.

    Raises:
        ShapeError: there are no items, or the shapes differ.
        OutputError: the file cannot be written.
    """
    axes = reconstructions(originals, results, **given)
    figure = axes.get_figure(root=True)
    assert figure is not None
    save_figure(figure, path)


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


def rows_figure(
    title: str,
    rows: Rows,
    path: str | os.PathLike[str],
    *,
    value_range: tuple[float, float] | None = None,
) -> None:
    """Write rows of items under each other as a PNG file, as :func:`reconstructions` draws them.

    Args:
        title: what the figure says above them.
        rows: what each is called, and its items (n, \\*item_shape), of which ten are drawn.
        path: the PNG file to write.
        value_range: as there, of the first row's items.

    Raises:
        OutputError: the file cannot be written.
    """
    axes = draw_rows(title, rows, value_range=value_range or range_of(rows[0][1]))
    figure = axes.get_figure(root=True)
    assert figure is not None
    save_figure(figure, path)
