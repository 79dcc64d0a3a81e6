"""The discrete cosine transform: a fixed code, the same for any data, as JPEG's is."""

import numpy as np
from jaxtyping import Float32

from narrows.errors import UsageError
from narrows.support.blas import one_blas_thread


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


@one_blas_thread()
def dct_reconstruct(images: np.ndarray, numbers: int) -> np.ndarray:
    """What the ``numbers`` lowest frequencies keep of grey images.

    The orthonormal DCT-II of the whole image (Ahmed, Natarajan and Rao, IEEE Trans. Computers
    C-23:90, 1974), all but the first coefficients in zigzag order set to zero, and back.

    Args:
        images: (n, height, width), any real dtype.
        numbers: coefficients to keep, from 1 to height * width.

    Returns:
        float32 of the same shape.

    Raises:
        UsageError: more numbers than pixels, or fewer than one.
    """
    height, width = images.shape[1:]
    if not 1 <= numbers <= height * width:
        raise UsageError(f"{numbers} coefficients of an image of {height}x{width} cannot be kept")
    rows, columns = zigzag(height, width)[:numbers].T
    # the lowest lie in one corner, so that only their cosines are multiplied: for the few that a
    # code has that is less than a fast transform, whose import alone takes longer
    down, along = _cosines(height, rows.max() + 1), _cosines(width, columns.max() + 1)
    kept = np.zeros((len(down), len(along)), np.float32)
    kept[rows, columns] = 1
    frequencies = down @ images.astype(np.float32) @ along.T * kept
    return down.T @ frequencies @ along


def _cosines(size: int, count: int) -> Float32[np.ndarray, "count size"]:
    """The ``count`` lowest of the orthonormal cosines over ``size`` places, one a row."""
    places, frequencies = np.arange(size) + 0.5, np.arange(count)[:, None]
    cosines = np.cos(np.pi / size * frequencies * places) * np.sqrt(2 / size)
    cosines[0] /= np.sqrt(2)
    return cosines.astype(np.float32)
