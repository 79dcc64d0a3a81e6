"""Items above their reconstructions: what a code keeps, to the eye."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from narrows.errors import ShapeError
from narrows.report.figures.style import (
    BLUE,
    DPI,
    GREY,
    INK,
    LEGEND,
    MUTED,
    ORANGE,
    SMALL_SIZE,
    TEXT_SIZE,
    TITLE_SIZE,
    WIDTH,
    new_figure,
    save_figure,
    tidy_axes,
)
from narrows.support.shapes import is_picture_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[tuple[str, np.ndarray]]  # what a row of pictures is called, and its items

COLUMNS = 10  # the most items that a figure shows

# Pixels.
_MARGIN = 24
_HEADING = 84
_ROW_LABEL = 186
_GAP = 12


def reconstructions_figure(
    originals: np.ndarray,
    reconstructions: np.ndarray,
    path: str | os.PathLike[str],
    *,
    value_range: tuple[float, float] | None = None,
    label: str = "reconstruction",
    pca: np.ndarray | None = None,
    pca_label: str = "PCA",
    noisy: np.ndarray | None = None,
) -> None:
    """Draw the first items, each above its reconstruction and, where given, that of PCA.

    Ten items are drawn, or five where images are too large for ten in a row. Items of shape (h, w),
    (h, w, 1), (h, w, 3) and (h, w, 4) are drawn as images: a small one is enlarged a whole number
    of times, so that each of its pixels is a square of one colour. Items of any other shape are
    flattened and drawn as curves.

    Args:
        originals: shape (n, \\*item_shape), any real dtype, in data units.
        reconstructions: the same shape, in data units.
        path: the PNG file to write.
        value_range: the values drawn as black and as white; by default the lowest and the highest
            of ``originals``. Reconstructions beyond it are clipped.
        label: what the row of reconstructions is called, such as ``20 numbers``.
        pca: PCA's reconstructions, the same shape.
        pca_label: what their row is called, such as ``PCA, 20 numbers``.
        noisy: what went in, where that was not the originals, the same shape.

    Raises:
        ShapeError: there are no items, or the shapes differ.
        OutputError: the file cannot be written.
    """
    rows = [("original", originals), (label, reconstructions)]
    if noisy is not None:
        rows.insert(1, ("noisy", noisy))
    if pca is not None:
        rows.append((pca_label, pca))
    for name, items in rows:
        if items.size == 0 or items.shape != originals.shape:
            raise ShapeError(
                f"{name} has the shape {items.shape}, and the originals {originals.shape}",
                hint="give at least one item, and a reconstruction for each",
            )
    rows_figure("Items and Their Reconstructions", rows, path, value_range=value_range)


def rows_figure(
    title: str,
    rows: Rows,
    path: str | os.PathLike[str],
    *,
    value_range: tuple[float, float] | None = None,
) -> None:
    """Draw rows of items under each other, as :func:`reconstructions_figure` does.

    Args:
        title: what the figure says above them.
        rows: what each is called, and its items (n, \\*item_shape), of which ten are drawn.
        path: the PNG file to write.
        value_range: as there, of the first row's items.

    Raises:
        OutputError: the file cannot be written.
    """
    first = rows[0][1]
    rows = [(name, items[:COLUMNS]) for name, items in rows]
    draw = _draw_images if is_picture_shape(first.shape[1:]) else _draw_curves
    save_figure(draw(title, rows, value_range or range_of(first)), path)


def range_of(items: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest value of some items; where they are the same, something above."""
    low, high = float(items.min()), float(items.max())
    return (low, high) if low < high else (low, low + 1)


def _draw_images(title: str, rows: Rows, value_range: tuple[float, float]) -> "Figure":
    height, width = rows[0][1].shape[1:3]
    columns = COLUMNS if max(height, width) <= _cell_size(COLUMNS) else COLUMNS // 2
    scale = _cell_size(columns) / max(height, width)
    if enlarged := scale >= 1:
        scale = int(scale)
    cell_height, cell_width = max(round(height * scale), 1), max(round(width * scale), 1)
    figure_height = _HEADING + len(rows) * (cell_height + _GAP) - _GAP + _MARGIN

    figure = new_figure(figure_height)
    _write_title(figure, title)
    for row, (name, items) in enumerate(rows):
        bottom = figure_height - _HEADING - cell_height - row * (cell_height + _GAP)
        middle = (bottom + cell_height / 2) / figure_height
        text = name.replace(", ", ",\n")
        figure.text(_MARGIN / WIDTH, middle, text, va="center", fontsize=TEXT_SIZE, color=INK)
        for column, image in enumerate(to_colours(items[:columns], value_range)):
            left = _MARGIN + _ROW_LABEL + column * (cell_width + _GAP)
            if enlarged:
                # Versions of Matplotlib enlarge differently; here each pixel covers as many.
                figure.figimage(image.repeat(scale, axis=0).repeat(scale, axis=1), left, bottom)
                continue
            box = np.array([left, bottom, cell_width, cell_height], np.float64)
            axes = figure.add_axes(tuple(box / [WIDTH, figure_height, WIDTH, figure_height]))
            axes.set_axis_off()
            axes.imshow(image, aspect="auto", interpolation="antialiased")
    return figure


def _cell_size(columns: int) -> int:
    """The largest side of a square, in pixels, that fits ``columns`` times beside the labels."""
    return (WIDTH - 2 * _MARGIN - _ROW_LABEL + _GAP) // columns - _GAP


def to_colours(items: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Images (m, h, w[, channels]) as uint8 of 3 or 4 channels, the value range over [0, 255]."""
    low, high = value_range
    unit = np.clip((items.astype(np.float64) - low) / (high - low), 0, 1)
    levels = np.rint(255 * unit).astype(np.uint8).reshape(*items.shape[:3], -1)
    # Grey as three equal channels: a colour map would round its levels once more.
    return np.repeat(levels, 3, axis=3) if levels.shape[3] == 1 else levels


def _draw_curves(title: str, rows: Rows, value_range: tuple[float, float]) -> "Figure":
    count = len(rows[0][1])
    columns = min(count, COLUMNS // 2)
    lines = -(-count // columns)
    figure_height = _HEADING + 60 + lines * 220

    figure = new_figure(figure_height)
    _write_title(figure, title)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=0.07,
        right=1 - _MARGIN / WIDTH,
        bottom=70 / figure_height,
        top=1 - (_HEADING + 44) / figure_height,
        wspace=0.08,
        hspace=0.12,
    )
    for position, axes in enumerate(grid.flat):
        if position < count:
            _draw_curves_of_one(axes, rows, position)
        else:
            axes.set_axis_off()
    margin = 0.05 * (value_range[1] - value_range[0])
    grid[0, 0].set_ylim(value_range[0] - margin, value_range[1] + margin)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=((_MARGIN - 14) / WIDTH, 1 - (_HEADING - 24) / figure_height),
        ncols=len(rows),
        **LEGEND,
    )
    figure.text(
        0.5,
        14 / figure_height,
        "position in the item",
        ha="center",
        fontsize=SMALL_SIZE,
        color=MUTED,
    )
    return figure


def _draw_curves_of_one(axes: "Axes", rows: Rows, position: int) -> None:
    """Draw one item and its reconstructions over each other."""
    styles = (
        (INK, 2.2, "-"),
        *([(GREY, 0.8, "-")] if len(rows) > 3 else []),
        (BLUE, 1.4, "-"),
        (ORANGE, 1.2, (0, (4, 2))),
    )
    for (name, items), (colour, width, dashes) in zip(rows, styles, strict=False):
        values = items[position].ravel()
        axes.plot(
            np.arange(1, values.size + 1),
            values,
            label=name,
            color=colour,
            linewidth=width,
            linestyle=dashes,
            marker="o" if values.size <= 12 else None,
            markersize=3,
        )
    tidy_axes(axes)


def _write_title(figure: "Figure", title: str) -> None:
    height = figure.get_figheight() * DPI
    figure.text(
        _MARGIN / WIDTH,
        1 - _MARGIN / height,
        title,
        va="top",
        fontsize=TITLE_SIZE,
        color=INK,
        weight="bold",
    )
