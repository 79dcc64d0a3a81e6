"""Rows of items under each other: images side by side, other items as curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.report.figures.style import (
    BLUE,
    DPI,
    GREY,
    INK,
    LEGEND,
    ORANGE,
    TEXT_SIZE,
    WIDTH,
    axes_for,
    new_figure,
    set_headings,
    tidy_axes,
)
from narrows.support.number_text import count_of
from narrows.support.shapes import is_picture_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[tuple[str, np.ndarray]]  # what a row of pictures is called, and its items

COLUMNS = 10  # the most items that a figure shows

# Pixels.
_MARGIN = 24
_HEADING = 84
_ROW_LABEL = 186
_GAP = 12
_CURVES = 480
_LESS = 1e-6
_MOST_POINTS = 400  # of ten curves beside each other; of more only five can be read


def draw_rows(
    title: str, rows: Rows, ax: "Axes | None" = None, *, value_range: tuple[float, float]
) -> "Axes":
    """Draw rows of items, of which ten are shown, or five where they are large.

    Items of shape (h, w), (h, w, 1), (h, w, 3) and (h, w, 4) are drawn as images: a small one is
    enlarged a whole number of times, so that each of its pixels is a square of one colour. Items of
    any other shape are flattened and drawn as curves, those of all rows over each other.

    Args:
        title: what is written above.
        rows: what each row is called, and its items (n, \\*item_shape).
        ax: the axes to draw on; None for those of a new figure, in which every pixel of an image
            covers as many of the figure's.
        value_range: the values drawn as black and as white; of curves, those that fill the axes.

    Returns:
        The axes.
    """
    rows = [(name, items[:COLUMNS]) for name, items in rows]
    if is_picture_shape(rows[0][1].shape[1:]):
        return _draw_images(title, rows, ax, value_range)
    if rows[0][1][0].size * COLUMNS > _MOST_POINTS:
        rows = [(name, items[: COLUMNS // 2]) for name, items in rows]
    looks = (
        (INK, 2.2, "-"),
        *([(GREY, 0.8, "-")] if len(rows) > 3 else []),
        (BLUE, 1.4, "-"),
        (ORANGE, 1.2, (0, (4, 2))),
    )
    styles = [dict(zip(("color", "linewidth", "linestyle"), look, strict=True)) for look in looks]
    return draw_curves(title, rows, ax, value_range=value_range, styles=styles)


def range_of(items: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest value of some items; where they are the same, something above."""
    low, high = float(items.min()), float(items.max())
    return (low, high) if low < high else (low, low + 1)


def to_colours(items: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Images (m, h, w[, channels]) as uint8 of 3 or 4 channels, the value range over [0, 255]."""
    low, high = value_range
    unit = np.clip((items.astype(np.float64) - low) / (high - low), 0, 1)
    levels = np.rint(255 * unit).astype(np.uint8).reshape(*items.shape[:3], -1)
    # Grey as three equal channels: a colour map would round its levels once more.
    return np.repeat(levels, 3, axis=3) if levels.shape[3] == 1 else levels


def sheet_of(rows: Rows, value_range: tuple[float, float]) -> np.ndarray:
    """Rows of images as one on white, as wide as a figure has room for: uint8 (h, w, channels).
    A row of fewer images than another is white where it has none."""
    height, width = rows[0][1].shape[1:3]
    columns = COLUMNS if max(height, width) <= _cell_size(COLUMNS) else COLUMNS // 2
    coloured = [to_colours(items[:columns], value_range) for _, items in rows]
    most = max(map(len, coloured))
    pictures = [
        _sized(image, _cell_size(columns))
        for row in coloured
        for image in np.pad(row, ((0, most - len(row)), *[(0, 0)] * 3), constant_values=255)
    ]
    return on_white(np.stack(pictures), most, _GAP)


def on_white(images: np.ndarray, columns: int, gap: int) -> np.ndarray:
    """Images (n, h, w, channels) row by row, so many pixels apart: uint8 (height, width,
    channels)."""
    cell = np.array(images.shape[1:3]) + gap
    lines = -(-len(images) // columns)
    sheet = np.full((*(cell * (lines, columns) - gap), images.shape[3]), 255, np.uint8)
    for number, image in enumerate(images):
        top, left = cell * divmod(number, columns)
        sheet[top : top + len(image), left : left + image.shape[1]] = image
    return sheet


def _cell_size(columns: int) -> int:
    """The largest side of a square, in pixels, that fits ``columns`` times beside the labels."""
    return (WIDTH - 2 * _MARGIN - _ROW_LABEL + _GAP) // columns - _GAP


def _sized(image: np.ndarray, cell: int) -> np.ndarray:
    """An image (h, w, channels) in a square of ``cell`` pixels, each of its own pixels a square of
    one colour where there is room."""
    from PIL import Image

    height, width = image.shape[:2]
    scale = cell / max(height, width)
    if scale >= 1:
        return image.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _draw_images(
    title: str, rows: Rows, ax: "Axes | None", value_range: tuple[float, float]
) -> "Axes":
    sheet = sheet_of(rows, value_range)
    height, width = sheet.shape[:2]
    # in a figure of ours a pixel of the sheet is one of the figure's, and none is to be blended
    smoothing = "nearest" if ax is None else "antialiased"
    if ax is None:
        figure = new_figure(_HEADING + height + _MARGIN)
        # a rounding error above a whole pixel would be another pixel for some releases
        box = np.array([_MARGIN + _ROW_LABEL, _MARGIN, width - _LESS, height - _LESS])
        ax = figure.add_axes(tuple(box / np.tile(figure.get_size_inches() * DPI, 2)))
    ax.imshow(sheet, interpolation=smoothing)
    middles = (np.arange(len(rows)) + 0.5) * (height + _GAP) / len(rows) - _GAP / 2 - 0.5
    ax.set(xticks=[], yticks=middles, yticklabels=[name.replace(", ", ",\n") for name, _ in rows])
    tidy_axes(ax)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(labelsize=TEXT_SIZE, labelcolor=INK)
    set_headings(ax, title)
    return ax


def draw_curves(
    title: str,
    rows: Rows,
    ax: "Axes | None",
    *,
    value_range: tuple[float, float],
    styles: Sequence[dict[str, Any]],
    names: Sequence[str] | None = None,
) -> "Axes":
    """Draw items as curves beside each other, those of all rows over each other.

    Args:
        styles: how the line of each row looks.
        names: of the items; None to count them.
    """
    ax = axes_for(ax, _CURVES)
    count, size = len(rows[0][1]), rows[0][1][0].size
    room = size + max(size // 10, 1)
    places = (np.arange(count)[:, None] * room + np.arange(size + 1)).ravel()
    for (name, items), style in zip(rows, styles, strict=False):
        values = items.reshape(count, size).astype(np.float64)
        gaps = np.full((count, 1), np.nan)  # which end each curve
        ax.plot(
            places,
            np.hstack([values, gaps]).ravel(),
            label=name,
            marker="o" if size <= 12 else None,
            markersize=3,
            **style,
        )
    numbers = [str(number) for number in range(1, count + 1)] if names is None else names
    ax.set_xticks(np.arange(count) * room + (size - 1) / 2, numbers)
    ax.set(xlabel="Item" if names is None else "")
    margin = 0.05 * (value_range[1] - value_range[0])
    ax.set_ylim(value_range[0] - margin, value_range[1] + margin)
    tidy_axes(ax, grid="y")
    set_headings(ax, title, f"{count_of(size, 'values')} each, in their order")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, **LEGEND)
    return ax
