"""What each number of a code does to an item."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.errors import ShapeError
from narrows.report.figures.item_rows import COLUMNS, draw_curves, draw_rows, range_of
from narrows.support.shapes import is_picture_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def traversal(
    items: Sequence[np.ndarray],
    ax: "Axes | None" = None,
    *,
    numbers: Sequence[int] | None = None,
    value_range: tuple[float, float] | None = None,
) -> "Axes":
    """Draw what becomes of an item as one number of its code goes from low to high: a row a number.

    Of items that are no images, the curves of a number lie over each other, from dark, its lowest
    value, to bright.

    Args:
        items: for each number its items in order, (steps, \\*item_shape), any real dtype: what
            ``traverse`` of an :class:`narrows.Autoencoder` gives. Of more than ten steps, ten at
            equal distances are drawn.
        ax: matplotlib axes to draw on; None for those of a new figure, ``ax.figure``.
        numbers: which numbers of the code they are, counting from 0; None for 0, 1, 2 and so on.
            The figure counts from 1, as pages and the command line do.
        value_range: the values drawn as black and as white; by default the lowest and the highest
            of the items.

    Returns:
        The axes.

    Raises:
        ShapeError: there are no items, or not the same ones for each number.
    """
    arrays = [np.asarray(each) for each in items]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or arrays[0].size == 0 or arrays[0].ndim < 2:
        raise ShapeError(
            f"items of the shapes {sorted(shapes)} are no traversal",
            hint="give for each number an array (steps, *item_shape), with as many steps",
        )
    named = range(len(arrays)) if numbers is None else numbers
    if len(named) != len(arrays):
        raise ShapeError(
            f"{len(named)} numbers are named, and there are items of {len(arrays)}",
            hint="name as many",
        )
    steps = arrays[0].shape[0]
    chosen = np.unique(np.linspace(0, steps - 1, COLUMNS).round().astype(int))
    rows = [
        (f"number {number + 1}", array[chosen]) for number, array in zip(named, arrays, strict=True)
    ]
    limits = value_range or range_of(np.stack([array for _, array in rows]))
    title = "What Each Number Does"
    if is_picture_shape(arrays[0].shape[1:]):
        return draw_rows(title, rows, ax, value_range=limits)
    by_step = [
        (_end(step, len(chosen)), np.stack([array[step] for _, array in rows]))
        for step in range(len(chosen))
    ]
    names = [name for name, _ in rows]
    return draw_curves(
        title, by_step, ax, value_range=limits, styles=_shades(len(chosen)), names=names
    )


def _end(step: int, steps: int) -> str:
    """What the legend calls a step; only the ends are named."""
    return "lowest" if step == 0 else "highest" if step == steps - 1 else "_"


def _shades(steps: int) -> list[dict[str, Any]]:
    from matplotlib import colormaps

    shades = colormaps["viridis"](np.linspace(0, 0.9, steps))
    return [{"color": shade, "linewidth": 1.4} for shade in shades]
