"""JPEG step by step, against its own formulas, SciPy's, and the files that Pillow writes."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from helpers.jpeg_coefficients import JpegContent, read_grey_jpeg
from narrows.baselines.jpeg import (
    BASE_TABLE,
    block_frequencies,
    blocks_of,
    luma,
    open_jpeg,
    pad,
    quantisation_table,
    restored,
)

# What libjpeg's transform in whole numbers is off, in grey levels; measured 0.15.
OFF = 0.2


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def waves(height: int, width: int) -> np.ndarray:
    rows, columns = np.indices((height, width))
    return (128 + 100 * np.sin(rows / 3 + columns / 7)).astype(np.uint8)


def disc() -> np.ndarray:
    """White on black, as a digit is."""
    rows, columns = np.indices((28, 28)) - 13.5
    return np.where(np.hypot(rows, columns) < 9, 255, 0).astype(np.uint8)


PICTURES = {
    "noise": noise(21, 34),
    "waves": waves(40, 17),
    "one pixel": noise(1, 1),
    "a disc": disc(),
    "black": np.zeros((9, 8), np.uint8),
}
every_picture = pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
every_quality = pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 90, 100])


def written(picture: np.ndarray, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality)
    return out.getvalue()


def content(picture: np.ndarray, quality: int) -> JpegContent:
    return read_grey_jpeg(written(picture, quality))


@every_quality
@every_picture
def test_the_coefficients_are_those_of_the_file_that_pillow_writes(
    picture: np.ndarray, quality: int
) -> None:
    """But for the few that lie half way between two, as far as libjpeg's transform can tell."""
    found, file = open_jpeg(picture, quality), content(picture, quality)
    np.testing.assert_array_equal(found.table, file.table)
    assert found.pixels.shape == file.size
    assert found.kept.shape == file.kept.shape
    other = found.kept != file.kept
    assert np.abs(found.kept - file.kept).max() <= 1
    steps = found.frequencies / found.table
    from_half = np.abs(np.abs(steps) % 1 - 0.5) * found.table
    assert (from_half[other] < OFF).all()
    assert other.mean() < (0.08 if quality == 100 else 0.012 if quality > 75 else 0.006)


@every_quality
@every_picture
def test_the_pixels_are_those_that_pillow_reads(picture: np.ndarray, quality: int) -> None:
    """Of the coefficients in the file: its inverse in whole numbers is off by 1 at most."""
    file = content(picture, quality)
    with Image.open(io.BytesIO(written(picture, quality))) as image:
        theirs = np.asarray(image).astype(int)
    height, width = file.size
    ours = restored(file.kept * file.table)[:height, :width]
    assert np.abs(ours - theirs).max() <= 1


def test_the_transform_is_the_sum_in_the_standard() -> None:
    """T.81, A.3.3, written out as it stands there."""
    block = noise(8, 8)
    places = np.arange(8)
    for u in range(8):
        for v in range(8):
            scale = (math.sqrt(0.5) if u == 0 else 1) * (math.sqrt(0.5) if v == 0 else 1) / 4
            waves = np.outer(
                np.cos((2 * places + 1) * u * math.pi / 16),
                np.cos((2 * places + 1) * v * math.pi / 16),
            )
            expected = scale * ((block.astype(float) - 128) * waves).sum()
            assert block_frequencies(block)[0, 0, u, v] == pytest.approx(expected, abs=1e-9)


def test_the_transform_is_scipys_of_each_block() -> None:
    from scipy.fft import dct

    pixels = noise(16, 24)
    frequencies = block_frequencies(pixels)
    for row in range(2):
        for column in range(3):
            block = pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].astype(float) - 128
            expected = dct(dct(block, axis=0, norm="ortho"), axis=1, norm="ortho")
            np.testing.assert_allclose(frequencies[row, column], expected, atol=1e-9)


def test_nothing_but_rounding_loses_anything() -> None:
    pixels = noise(16, 24)
    np.testing.assert_array_equal(restored(block_frequencies(pixels)), pixels)
    np.testing.assert_array_equal(blocks_of(pixels)[1, 2], pixels[8:16, 16:24])


@every_quality
def test_no_coefficient_is_off_by_more_than_half_a_step(quality: int) -> None:
    found = open_jpeg(noise(30, 30), quality)
    lost = found.kept * found.table - found.frequencies
    assert (np.abs(lost) <= found.table / 2 + 1e-9).all()


def test_halves_are_rounded_away_from_zero() -> None:
    """A flat block of 130 has F(0, 0) = 16, which is half of a step of 32."""
    for level, expected in ((130, 1), (126, -1)):
        found = open_jpeg(np.full((8, 8), level, np.uint8), 25)
        assert found.table[0, 0] == 32
        assert found.kept[0, 0, 0, 0] == expected


def test_a_better_quality_loses_less_and_keeps_fewer_zeros() -> None:
    opened = [open_jpeg(waves(40, 40), quality) for quality in (5, 25, 50, 75, 95)]
    errors, zeros = [o.mse for o in opened], [o.zero_share for o in opened]
    assert errors == sorted(errors, reverse=True)
    assert zeros == sorted(zeros, reverse=True)
    assert zeros[2] == pytest.approx((opened[2].kept == 0).mean())


def test_the_block_that_is_shown_is_the_liveliest() -> None:
    picture = np.full((24, 16), 90, np.uint8)
    picture[10:14, 9:15] = noise(4, 6)
    assert open_jpeg(picture).block == (1, 1)


def test_what_is_padded_repeats_the_edge_and_is_cut_off_again() -> None:
    picture = noise(9, 7)
    padded = pad(picture)
    assert padded.shape == (16, 8)
    np.testing.assert_array_equal(padded[:9, :7], picture)
    assert (padded[9:, :7] == picture[8]).all()
    assert (padded[:9, 7] == picture[:, 6]).all()
    assert open_jpeg(picture).decoded.shape == picture.shape


def test_luma_is_pillows() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 30, 4), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(picture[..., :3]).convert("L"))
    np.testing.assert_array_equal(luma(picture), expected)
    np.testing.assert_array_equal(luma(picture[..., :3]), expected)
    np.testing.assert_array_equal(luma(picture[..., :1]), picture[..., 0])


def test_the_table_is_the_base_table_at_quality_50() -> None:
    np.testing.assert_array_equal(quantisation_table(50), BASE_TABLE)
    assert (quantisation_table(100) == 1).all()
    assert quantisation_table(1).max() == 255
