"""The discrete cosine transform: a fixed code, the same for any data, as JPEG's is."""

import numpy as np


def zigzag(height: int, width: int) -> np.ndarray:
    """The (row, column) of every frequency of an image, lowest first, as JPEG orders an 8x8 block.

    Returns:
        Shape (height * width, 2), int64.
    """
    rows, columns = np.indices((height, width)).reshape(2, -1)
    diagonal = rows + columns
    # odd diagonals are walked downwards, even ones upwards (ITU-T T.81, figure A.6)
    along = np.where(diagonal % 2, rows, columns)
    order = np.lexsort((along, diagonal))
    return np.column_stack([rows[order], columns[order]])


def dct_reconstruct(images: np.ndarray, numbers: int) -> np.ndarray:
    """What the ``numbers`` lowest frequencies keep of grey images.

    The orthonormal DCT-II of the whole image (Ahmed, Natarajan and Rao, IEEE Trans. Computers
    C-23:90, 1974), all but the first coefficients in zigzag order set to zero, and back.

    Args:
        images: (n, height, width), any real dtype.
        numbers: coefficients to keep, from 1 to height * width.

    Returns:
        float32 of the same shape.
    """
    count, height, width = images.shape
    places = zigzag(height, width)[:numbers]
    kept = np.zeros(places.max(axis=0) + 1, np.float32)
    kept[tuple(places.T)] = 1
    # few rows and columns of frequencies are kept: of these alone the sums are formed, all images
    # at once
    rows, columns = kept.shape
    down, across = _cosines(height)[:rows], _cosines(width)[:columns]
    found = images.reshape(-1, width).astype(np.float32) @ across.T
    found = found.reshape(count, height, columns).swapaxes(0, 1).reshape(height, -1)
    frequencies = (down @ found).reshape(rows, count, columns) * kept[:, None]
    found = (down.T @ frequencies.reshape(rows, -1)).reshape(height, count, columns)
    return (found.swapaxes(0, 1).reshape(-1, columns) @ across).reshape(images.shape)


def _cosines(size: int) -> np.ndarray:
    """The orthonormal DCT-II of ``size`` values as a matrix, a row a frequency, in float32."""
    frequency, place = np.indices((size, size))
    waves = np.cos(np.pi * frequency * (2 * place + 1) / (2 * size)) * np.sqrt(2 / size)
    waves[0] = np.sqrt(1 / size)
    return waves.astype(np.float32)
