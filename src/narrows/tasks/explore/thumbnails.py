"""Many items as one sheet of small pictures."""

import math
from typing import Any

import numpy as np

from narrows.data.image_transforms import resized
from narrows.data.pixels import full_range
from narrows.pages.embedding import bytes_text, png_bytes

# Pixels of the longer side of a thumbnail; smaller pictures stay as they are.
_LONGEST = 48


def thumbnail_sheet(items: np.ndarray, limits: tuple[float, float]) -> dict[str, Any]:
    """A PNG file of all items side by side, as docs/explore.md describes it.

    Args:
        items: (n, height, width) or (n, height, width, 1, 3 or 4); n at least 1.
        limits: the values that are black and white.
    """
    small = np.stack([_thumbnail(item, limits) for item in items])
    count, height, width, channels = small.shape
    columns = math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / columns)
    full = np.zeros((rows * columns, *small.shape[1:]), np.uint8)
    full[:count] = small
    sheet = full.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(rows * height, columns * width, channels)
    return {
        "size": [height, width],
        "channels": channels,
        "columns": columns,
        "data": bytes_text(png_bytes(sheet)),
    }


def _thumbnail(item: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """An item as (height, width, channels) of uint8, made small."""
    pixels = full_range(limits)(np.asarray(item))
    height, width = pixels.shape[:2]
    scale = _LONGEST / max(height, width)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if scale < 1:
        pixels = resized(pixels, max(round(width * scale), 1), max(round(height * scale), 1))
    return pixels[..., None] if pixels.ndim == 2 else pixels
