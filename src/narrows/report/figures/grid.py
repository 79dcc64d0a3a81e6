"""Images side by side, and nothing else: what a model draws, or passes on its way."""

import math
import os

import numpy as np

from narrows.errors import UsageError
from narrows.report.figures.item_rows import on_white, to_colours
from narrows.report.figures.style import WIDTH
from narrows.support.files import atomic_file
from narrows.support.shapes import is_picture_shape

#: The most images of a grid, and the most values that they have together.
MOST_IMAGES, MOST_VALUES = 10_000, 1 << 25

# Pixels, between images and around them.
_GAP = 4


def grid_figure(
    items: np.ndarray,
    path: str | os.PathLike[str],
    *,
    value_range: tuple[float, float],
    columns: int | None = None,
) -> None:
    """Draw images row by row on white, small ones enlarged a whole number of times.

    Args:
        items: (n, h, w), or (n, h, w, channels) with 1, 3 or 4 of them, any real dtype.
        path: the PNG file to write.
        value_range: the values drawn as black and as white; what is beyond is clipped.
        columns: images a row; None for about as many as there are rows.

    Raises:
        UsageError: the items are no images, there are none, or too many (:func:`require_grid`).
        OutputError: the file cannot be written.
    """
    from PIL import Image

    require_grid(len(items), items.shape[1:])
    count, height, width = items.shape[:3]
    columns = min(columns or math.ceil(math.sqrt(count * height / width)), count)
    scale = max((WIDTH - _GAP) // columns - _GAP, 1) // width
    scale = max(min(scale, WIDTH // 4 // max(height, width)), 1)  # a few images stay small
    images = to_colours(items, value_range).repeat(scale, axis=1).repeat(scale, axis=2)
    around = ((_GAP, _GAP), (_GAP, _GAP), (0, 0))
    sheet = np.pad(on_white(images, columns, _GAP), around, constant_values=255)
    with atomic_file(path) as stream:
        Image.fromarray(sheet).save(stream, "png")


def require_grid(count: int, item_shape: tuple[int, ...]) -> None:
    """Make sure, before there are any, that so many items make a grid.

    Raises:
        UsageError: they are no images, there are none, or too many.
    """
    if not is_picture_shape(item_shape):
        raise UsageError(
            f"items of shape {item_shape} are no images, and a picture cannot show them",
            hint="write them to .npy, or a table's to .csv or .parquet",
        )
    most = min(MOST_VALUES // math.prod(item_shape), MOST_IMAGES)
    if not 1 <= count <= most:
        raise UsageError(
            f"a picture cannot show {count:,} items: from 1 to {most:,} of this size fit on one",
            hint="write fewer, or give .npy, or a folder of images, which hold any number",
        )
