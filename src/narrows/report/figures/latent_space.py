"""The latent space, drawn flat."""

from typing import TYPE_CHECKING

import numpy as np

from narrows.errors import ShapeError
from narrows.report.figures.style import (
    BLUE,
    CLASS_COLOURS,
    INK,
    LEGEND,
    MUTED,
    SMALL_SIZE,
    TEXT_SIZE,
    axes_for,
    set_headings,
    tidy_axes,
)
from narrows.report.latent_plane import latent_plane
from narrows.support.number_text import count_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

_HEIGHT = 900  # pixels
MOST_POINTS = 5_000
# Past ten classes the colours come again, with another marker.
_MARKERS = "o^"
_MOST_CLASSES = len(_MARKERS) * len(CLASS_COLOURS)


def codes(Z: np.ndarray, labels: np.ndarray | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw codes in two dimensions, coloured by label where there is one.

    Codes of two numbers are drawn as they are, longer ones along the two principal components of
    the codes, and codes of one number as a histogram, or as a strip for each label. At most
    ``MOST_POINTS`` codes are drawn, chosen and ordered at random (always the same way), so that no
    class hides another.

    Args:
        Z: the codes, shape (n, k), any real dtype: what ``transform`` gives.
        labels: integers or texts of shape (n,), or None. Up to 20 different ones are drawn as
            classes, more as a scale, for which they must be numbers.
        ax: matplotlib axes to draw on; None for those of a new figure, ``ax.figure``.

    Returns:
        The axes.

    Raises:
        ShapeError: the codes are not (n, k), or there is not one label for each.
    """
    Z = np.asarray(Z)
    labels = None if labels is None else np.asarray(labels)
    if Z.ndim != 2 or Z.size == 0:
        raise ShapeError(
            f"codes have the shape {Z.shape}, and a figure of them needs (n, k)",
            hint="give one row of numbers for each item",
        )
    count, size = Z.shape
    if labels is not None and labels.shape != (count,):
        raise ShapeError(
            f"labels have the shape {labels.shape}, and {count:,} codes need ({count},)",
            hint="give one label for each code",
        )
    chosen = np.random.default_rng(0).permutation(count)[:MOST_POINTS]
    drawn_labels = None if labels is None else labels[chosen]

    ax = axes_for(ax, _HEIGHT)
    if size == 1:
        _draw_single_numbers(ax, Z[chosen, 0], drawn_labels)
    else:
        plane = latent_plane(Z)
        ax.set(xlabel=plane.axes[0], ylabel=plane.axes[1])
        _draw_points(ax, plane.points[chosen], drawn_labels)
    part = f", {MOST_POINTS:,} of them drawn" if count > MOST_POINTS else ""
    set_headings(
        ax, "The Latent Space", f"{count_of(count, 'codes')} of {count_of(size, 'numbers')}{part}"
    )
    return ax


def _draw_points(axes: "Axes", points: np.ndarray, labels: np.ndarray | None) -> None:
    """Scatter points (m, 2) in the order given."""
    tidy_axes(axes)
    axes.set_aspect("equal", adjustable="datalim")
    if labels is None:
        _scatter(axes, points, BLUE)
        return
    classes, ranks = np.unique(labels, return_inverse=True)
    if len(classes) > _MOST_CLASSES:
        if not np.issubdtype(labels.dtype, np.number):
            labels = ranks  # texts, in their order
        bar = axes.figure.colorbar(_scatter(axes, points, labels), ax=axes, pad=0.02)
        bar.set_label("Label", fontsize=TEXT_SIZE, color=INK)
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=MUTED, labelsize=SMALL_SIZE, length=0)
        return
    for group, marker in enumerate(_MARKERS):
        within = ranks // len(CLASS_COLOURS) == group
        _scatter(axes, points[within], _class_colours(ranks[within]), marker)
    _draw_class_legend(axes, classes)


def _scatter(
    axes: "Axes", points: np.ndarray, colours: str | list[str] | np.ndarray, marker: str = "o"
) -> "PathCollection":
    """Draw points (m, 2) in one colour, in a colour each, or coloured by a number each."""
    x, y = points.T
    scale = "viridis" if isinstance(colours, np.ndarray) else None
    return axes.scatter(x, y, c=colours, cmap=scale, marker=marker, s=14, alpha=0.75, linewidths=0)


def _class_colours(ranks: np.ndarray) -> list[str]:
    return [CLASS_COLOURS[rank % len(CLASS_COLOURS)] for rank in ranks]


def _draw_class_legend(axes: "Axes", classes: np.ndarray) -> None:
    from matplotlib.lines import Line2D

    colours = _class_colours(np.arange(len(classes)))
    markers = [_MARKERS[rank // len(CLASS_COLOURS)] for rank in range(len(classes))]
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markersize=7, label=str(name))
        for name, colour, marker in zip(classes, colours, markers, strict=True)
    ]
    legend = axes.legend(
        handles=handles,
        title="Label",
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
        **LEGEND,
    )
    legend.get_title().set(fontsize=SMALL_SIZE, color=MUTED)


def _draw_single_numbers(axes: "Axes", values: np.ndarray, labels: np.ndarray | None) -> None:
    """Draw codes of one number, shape (m,): a strip for each class, or a histogram."""
    axes.set(xlabel="The one number of the code")
    classes, ranks = np.unique(
        np.zeros(len(values)) if labels is None else labels, return_inverse=True
    )
    if labels is None or len(classes) > _MOST_CLASSES:
        axes.hist(values, bins=min(60, max(len(values) // 20, 10)), color=BLUE)
        axes.set(ylabel="Codes")
        tidy_axes(axes, grid="y")
        return
    spread = np.random.default_rng(0).uniform(-0.35, 0.35, len(values))
    _scatter(axes, np.column_stack([values, ranks + spread]), _class_colours(ranks))
    axes.set(ylabel="Label", yticks=range(len(classes)), yticklabels=[str(c) for c in classes])
    tidy_axes(axes, grid="x")
