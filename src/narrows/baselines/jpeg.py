"""What JPEG does to a picture, step by step: blocks, cosine transform, division, rounding, back.

For a page that shows it, and computes it again for another quality. With x(i, j) the luma of a
block of 8 x 8 pixels, Q the table and k the whole numbers that are kept (ITU-T T.81, A.3):

1. luma of colours, Y = (19,595 R + 38,470 G + 7,471 B + 32,768) >> 16 (JFIF's 0.299, 0.587 and
   0.114 in whole numbers, as libjpeg has them); grey stays;
2. the last column and the last row are repeated until both sides are multiples of 8;
3. level shift: f(i, j) = x(i, j) - 128;
4. F(u, v) = 1/4 c(u) c(v) Σᵢ Σⱼ f(i, j) cos((2i + 1) u π / 16) cos((2j + 1) v π / 16), with
   c(0) = 1/√2 and c = 1 otherwise: the orthonormal DCT-II. u counts rows, v columns;
5. Q(u, v) = min(max((B(u, v) s + 50) // 100, 1), 255), where B is the base table of the standard's
   annex K, and s = 5000 // quality below 50 and 200 - 2 quality from there on, as libjpeg has it;
6. k(u, v) = sign(F) ⌊|F| / Q + 1/2⌋: to the nearest, halves away from zero;
7. F'(u, v) = k(u, v) Q(u, v), and its inverse transform
   f'(i, j) = 1/4 Σᵤ Σᵥ c(u) c(v) F'(u, v) cos((2i + 1) u π / 16) cos((2j + 1) v π / 16);
8. x'(i, j) = ⌊min(max(f' + 128, 0), 255) + 1/2⌋, and what was repeated is cut off.

F and f' are rounded to nine decimals, so that what is half way is so whoever computes it. A file's
entropy coding of k loses nothing. libjpeg's transforms are in whole numbers: where F lies
within some 0.15 grey levels of half way between two multiples of Q, its k may be the other one (of
MNIST's, one in 1,500 at quality 50), and its pixels are at most 1 off for the same k. Beside luma
files keep colours of a quarter of the pixels, which is left out here.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from narrows.data.image_transforms import grey

SIDE = 8  # of a block, in pixels
SHIFT = 128  # what is taken off pixels, half their range

#: The base table of luminance, of quality 50 (ITU-T T.81, table K.1).
BASE_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


@dataclass(frozen=True, kw_only=True)
class OpenedJpeg:
    """One picture in every step of JPEG; the module has the formulas.

    Attributes:
        quality: from 1 to 100.
        pixels: the luma of the picture, (h, w).
        padded: the same with both sides multiples of 8, (H, W).
        table: what frequencies are divided by, Q, (8, 8), from 1 to 255.
        frequencies: F of each block, (rows, columns, 8, 8), in grey levels.
        kept: k, the whole numbers that are stored, (rows, columns, 8, 8).
        decoded: what comes back, (h, w).
        block: row and column, in blocks, of the one to show: the one of the largest variance.
    """

    quality: int
    pixels: UInt8[np.ndarray, "h w"]
    padded: UInt8[np.ndarray, "H W"]
    table: Int64[np.ndarray, "8 8"]
    frequencies: Float64[np.ndarray, "rows columns 8 8"]
    kept: Int64[np.ndarray, "rows columns 8 8"]
    decoded: UInt8[np.ndarray, "h w"]
    block: tuple[int, int]

    @property
    def zero_share(self) -> float:
        """The share of k that is 0 in the whole picture."""
        return float((self.kept == 0).mean())

    @property
    def mse(self) -> float:
        """The mean squared error, in grey levels squared."""
        return float(np.square(self.decoded.astype(np.float64) - self.pixels).mean())


def open_jpeg(picture: np.ndarray, quality: int = 50) -> OpenedJpeg:
    """Every step of JPEG for one picture.

    Args:
        picture: (h, w) or (h, w, 1, 3 or 4), uint8, at least one pixel; transparency is left out.
        quality: from 1 to 100, as libjpeg and Pillow count it.
    """
    table = quantisation_table(quality)
    pixels = luma(picture)
    padded = pad(pixels)
    frequencies = block_frequencies(padded)
    kept = (np.sign(frequencies) * np.floor(np.abs(frequencies) / table + 0.5)).astype(np.int64)
    variances = blocks_of(padded).var(axis=(2, 3))
    row, column = np.unravel_index(np.argmax(variances), variances.shape)
    return OpenedJpeg(
        quality=quality,
        pixels=pixels,
        padded=padded,
        table=table,
        frequencies=frequencies,
        kept=kept,
        decoded=restored(kept * table)[: pixels.shape[0], : pixels.shape[1]],
        block=(int(row), int(column)),
    )


def quantisation_table(quality: int) -> Int64[np.ndarray, "8 8"]:
    """What luma's frequencies are divided by at a quality from 1 to 100 (step 5)."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((BASE_TABLE * scale + 50) // 100, 1, 255)


def luma(picture: np.ndarray) -> UInt8[np.ndarray, "h w"]:
    """How bright each pixel of a picture is (step 1).

    Args:
        picture: (h, w) or (h, w, 1, 3 or 4), uint8, at least one pixel.
    """
    return grey(picture).reshape(picture.shape[:2])


def pad(pixels: np.ndarray) -> np.ndarray:
    """Pixels (h, w) with the last row and column repeated up to multiples of 8 (step 2)."""
    height, width = pixels.shape
    return np.pad(pixels, ((0, -height % SIDE), (0, -width % SIDE)), mode="edge")


def blocks_of(padded: np.ndarray) -> np.ndarray:
    """Pixels (H, W) cut into blocks, (H / 8, W / 8, 8, 8)."""
    height, width = padded.shape
    return padded.reshape(height // SIDE, SIDE, width // SIDE, SIDE).swapaxes(1, 2)


def block_frequencies(padded: np.ndarray) -> Float64[np.ndarray, "rows columns 8 8"]:
    """F of every block of pixels (H, W) (steps 3 and 4)."""
    from scipy.fft import dctn

    return _settled(dctn(blocks_of(padded).astype(np.float64) - SHIFT, axes=(2, 3), norm="ortho"))


def restored(dequantised: np.ndarray) -> UInt8[np.ndarray, "H W"]:
    """The pixels that frequencies (rows, columns, 8, 8) come back as (steps 7 and 8)."""
    from scipy.fft import idctn

    rows, columns = dequantised.shape[:2]
    blocks = _settled(idctn(dequantised.astype(np.float64), axes=(2, 3), norm="ortho")) + SHIFT
    levels = np.floor(np.clip(blocks, 0, 255) + 0.5).astype(np.uint8)
    return levels.swapaxes(1, 2).reshape(rows * SIDE, columns * SIDE)


def _settled(values: np.ndarray) -> np.ndarray:
    """Values to nine decimals: what is half way between two whole numbers but for the rounding of a
    transform, as F(0, 0) often is, is half way, whoever computes it."""
    return np.round(values, 9)
