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
    from scipy.fft import dctn, idctn

    height, width = images.shape[1:]
    kept = np.zeros((height, width), np.float32)
    kept[tuple(zigzag(height, width)[:numbers].T)] = 1
    frequencies = dctn(images.astype(np.float32), axes=(1, 2), norm="ortho")
    return idctn(frequencies * kept, axes=(1, 2), norm="ortho")
