"""Where odd images are odd: each above what the model makes of it and a map of the difference."""

import os

import numpy as np

from narrows.report.figures.item_rows import draw_rows, range_of, to_colours
from narrows.report.figures.style import save_figure

# Red, green and blue from nothing to the most, as shares: white, orange, a dark red.
_HEAT = np.array([[1.0, 1.0, 1.0], [0.933, 0.467, 0.2], [0.4, 0.0, 0.05]])


def heat_map_figure(
    originals: np.ndarray,
    reconstructions: np.ndarray,
    heat: np.ndarray,
    path: str | os.PathLike[str],
    *,
    value_range: tuple[float, float] | None = None,
) -> None:
    """Draw the first images, what a model makes of each, and how odd each of their pixels is.

    Args:
        originals: (n, h, w), or (n, h, w, channels) with 1, 3 or 4 of them, any real dtype.
        reconstructions: the same shape.
        heat: the same shape, at least 0; each image's largest is the darkest of its map. Channels
            are added.
        path: the PNG file to write.
        value_range: the values drawn as black and as white; by default the lowest and the highest
            of ``originals``.

    Raises:
        OutputError: the file cannot be written.
    """
    value_range = value_range or range_of(originals)
    shown, maps = to_colours(originals, value_range), heat_colours(heat)
    if shown.shape[3] == 4:  # transparency, of which a map has none
        maps = np.pad(maps, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=255)
    rows = [
        ("original", shown),
        ("made of it", to_colours(reconstructions, value_range)),
        ("where it is odd", maps),
    ]
    save_figure(draw_rows("The Oddest Items", rows, value_range=(0, 255)), path)


def heat_colours(heat: np.ndarray) -> np.ndarray:
    """Maps (n, h, w[, channels]) as uint8 (n, h, w, 3), from white to dark red."""
    total = heat.reshape(*heat.shape[:3], -1).sum(axis=3)
    most = total.max(axis=(1, 2), keepdims=True)
    # errors are squares: their roots show more than the largest
    share = np.sqrt(total / np.where(most > 0, most, 1))
    places = np.linspace(0, 1, len(_HEAT))
    colours = [np.interp(share, places, channel) for channel in _HEAT.T]
    return np.rint(255 * np.stack(colours, axis=3)).astype(np.uint8)
