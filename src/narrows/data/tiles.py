"""Work on images larger than a tile: overlapping tiles, blended so that no seam shows.

Tiles lie at most half their size apart, so that the places near the edge of one, where it sees
least, are near the middle of another. Each weighs by a window that rises from its edge like half a
sine squared (von Hann's), and every place is the weighted mean of all tiles on it: where they agree
so does the result, whatever the weights.
"""

from collections.abc import Callable

import numpy as np

Work = Callable[[np.ndarray], np.ndarray]

# Tiles that are worked on at a time, always as many: engines compile a size once.
_TILES_AT_ONCE = 64


def starts(size: int, tile: int) -> np.ndarray:
    """Where along ``size`` places tiles begin: evenly, at most half a tile apart, from 0 to the
    last that fits; int64."""
    if size <= tile:
        return np.zeros(1, np.int64)
    step = max(tile // 2, 1)
    count = -(-(size - tile) // step) + 1
    return np.rint(np.linspace(0, size - tile, count)).astype(np.int64)


def window(tile: int) -> np.ndarray:
    """sin²(π (i + 1/2) / tile) over i: positive everywhere, float64 (tile,)."""
    return np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2


def blended(work: Work, image: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """What ``work`` makes of an image, tile by tile: float64 of its shape.

    Args:
        work: takes tiles (n, \\*tile[, channels]) and gives as many, of the same shape.
        image: (height, width) or (height, width, channels). A side smaller than the tile's is
            continued by its mirror image, and cut off again.
        tile: height and width.
    """
    height, width = image.shape[:2]
    missing = [(0, max(need - has, 0)) for need, has in zip(tile, image.shape, strict=False)]
    padded = np.pad(image, missing + [(0, 0)] * (image.ndim - 2), mode="symmetric")
    rows, columns = (starts(size, side) for size, side in zip(padded.shape, tile, strict=False))
    corners = [(int(row), int(column)) for row in rows for column in columns]
    weights = np.outer(window(tile[0]), window(tile[1]))
    weights = weights.reshape(*tile, *[1] * (image.ndim - 2))
    total = np.zeros(padded.shape)
    weight = np.zeros((*padded.shape[:2], *[1] * (image.ndim - 2)))
    for start in range(0, len(corners), _TILES_AT_ONCE):
        part = corners[start : start + _TILES_AT_ONCE]
        places = [(slice(y, y + tile[0]), slice(x, x + tile[1])) for y, x in part]
        tiles = np.stack([padded[place] for place in places])
        for place, result in zip(places, _whole_batch(work, tiles), strict=False):
            total[place] += result * weights
            weight[place] += weights
    return (total / weight)[:height, :width]


def _whole_batch(work: Work, tiles: np.ndarray) -> np.ndarray:
    """``work`` on as many tiles as ever, the last of these repeated."""
    lacking = _TILES_AT_ONCE - len(tiles)
    return work(np.concatenate([tiles, np.repeat(tiles[-1:], lacking, axis=0)]))
