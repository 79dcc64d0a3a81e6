"""What range the values of a data set fill: the unit of noise, and the peak of a PSNR."""

import numpy as np

from narrows.support.chunks import CACHED_VALUES, chunks
from narrows.support.shapes import is_image_shape

# Bits a value that cameras and scanners have.
_DEPTHS = (8, 10, 12, 14, 16)


def extent_of(items: np.ndarray) -> tuple[float, float]:
    """The lowest and the highest value of items (n, \\*item_shape), n at least 1."""
    ends = [
        (float(chunk.min()), float(chunk.max())) for chunk in chunks(items, values=CACHED_VALUES)
    ]
    lows, highs = zip(*ends, strict=True)
    return min(lows), max(highs)


def filled_range(
    value_range: tuple[float, float] | None, extent: tuple[float, float] | None
) -> tuple[float, float]:
    """The range that data fill: that of their format where they use more than half of it, else
    from their lowest to their highest value.

    Args:
        value_range: the lowest and the highest value that the format can hold, if it has any.
        extent: the lowest and the highest value of the data; None where nobody looked.
    """
    if extent is None:
        return value_range or (0.0, 1.0)
    if value_range is not None and extent[1] - extent[0] > (value_range[1] - value_range[0]) / 2:
        return value_range
    return extent


# The share of a format's range that values fill at least where they are taken to be on its scale:
# digits of 16 levels come as 8-bit arrays too.
_SURELY_FILLED = 0.25


def known_peak(
    item_shape: tuple[int, ...],
    dtype: np.dtype,
    value_range: tuple[float, float] | None,
    extent: tuple[float, float] | None,
    whole: bool = False,
) -> float | None:
    """The peak that a PSNR of such data is measured against; None where there is none to be sure
    of.

    It is the width of the format's range (255 of 8-bit data), unless the values fill less than a
    quarter of it, and may be of fewer levels than it holds; of whole numbers from 0 on in 16 bits
    or more, the highest that as many bits as they use can hold (4,095 of 12); of images of floats
    that fill 0 to 1, 1.

    Args:
        whole: whether all values are whole numbers.
    """
    is_image = is_image_shape(item_shape)
    width = None if value_range is None else value_range[1] - value_range[0]
    if extent is None:
        return width
    if width is not None and dtype != np.uint16:
        return width if extent[1] - extent[0] >= width * _SURELY_FILLED else None
    low, high = extent
    if low >= 0 and whole and high >= 1 << (_DEPTHS[0] - 1) and (is_image or dtype == np.uint16):
        for bits in _DEPTHS:
            if high < 1 << bits:
                return float((1 << bits) - 1)
    if is_image and dtype.kind == "f" and low >= 0 and 0.5 < high <= 1:
        return 1.0
    return None


def holds_whole_numbers(items: np.ndarray) -> bool:
    """Whether all values of items (n, \\*item_shape) are whole numbers."""
    return items.dtype.kind != "f" or all(
        np.array_equal(np.rint(chunk), chunk) for chunk in chunks(items, values=CACHED_VALUES)
    )
