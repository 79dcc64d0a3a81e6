"""JPEG within a budget of bytes, against trying every quality."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from narrows.baselines.jpeg_size import JpegFile, data_bytes, jpeg_at_bytes


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows, columns = np.indices(shape[:2])
    waves = 128 + 90 * np.sin(rows / 4 + columns / 6)
    waves = waves if len(shape) == 2 else waves[..., None]
    return np.clip(waves + random.normal(0, 10, shape), 0, 255).astype(np.uint8)


def written(item: np.ndarray, quality: int, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(item).save(out, "JPEG", quality=quality, **options)
    return out.getvalue()


def scan(content: bytes) -> int:
    """The bytes from behind the head of the only scan to the end mark, found by the marks."""
    start = content.rindex(b"\xff\xda")
    return len(content) - 2 - (start + 2 + int.from_bytes(content[start + 2 : start + 4], "big"))


@pytest.mark.slow
@pytest.mark.parametrize("item", [picture(28, 28), picture(9, 14, 3), np.zeros((8, 8), np.uint8)])
@pytest.mark.parametrize("budget", [1, 30, 120, 250, 400, 1200, 10_000])
def test_the_best_quality_within_the_budget_is_found(item: np.ndarray, budget: int) -> None:
    found = jpeg_at_bytes(item, budget)
    files = {quality: written(item, quality, optimize=True) for quality in range(1, 101)}
    plain = {quality: written(item, quality) for quality in range(1, 101)}
    fitting = [quality for quality, content in files.items() if len(content) <= budget]
    by_data = [quality for quality, content in plain.items() if scan(content) <= budget]
    assert (found.counted.quality if found.counted else None) == max(fitting, default=None)
    assert (found.not_counted.quality if found.not_counted else None) == max(by_data, default=None)
    assert found.smallest.quality == 1
    assert found.smallest.file_bytes == len(files[1])
    for file, contents in ((found.counted, files), (found.not_counted, plain)):
        if file is not None:
            check(file, contents[file.quality], item)


def check(file: JpegFile, content: bytes, item: np.ndarray) -> None:
    """The file is what it says, and so is what comes out of it."""
    back = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(file.decoded, back)
    assert file.decoded.dtype == item.dtype
    assert file.file_bytes == len(content)
    assert file.data_bytes == scan(content)
    assert file.mse == pytest.approx(np.square(back.astype(float) - item).mean())


@pytest.mark.slow
def test_a_large_picture_needs_not_every_quality() -> None:
    item = picture(300, 260)
    sizes = {quality: len(written(item, quality, optimize=True)) for quality in range(1, 101)}
    for budget in (2_000, 6_000, 20_000, 10**6):
        found = jpeg_at_bytes(item, budget).counted
        fitting = [quality for quality, size in sizes.items() if size <= budget]
        assert (found.quality if found else None) == max(fitting, default=None)


def test_a_small_picture_is_mostly_header() -> None:
    found = jpeg_at_bytes(picture(28, 28), 150)
    assert found.counted is None
    assert found.not_counted is not None
    assert found.not_counted.file_bytes > found.not_counted.data_bytes + 300


def test_levels_of_another_range_come_back_as_levels() -> None:
    item = (picture(8, 8) // 16).astype(np.uint8)
    found = jpeg_at_bytes(item, 10_000, (0.0, 16.0))
    assert found.counted is not None and found.counted.quality == 100
    np.testing.assert_array_equal(found.counted.decoded, item)
    assert found.counted.mse == 0
    assert jpeg_at_bytes(item[..., None], 10_000, (0.0, 16.0)).smallest.decoded.shape == (8, 8, 1)


def test_what_is_no_such_file_is_told() -> None:
    content = written(picture(8, 8), 50)
    assert data_bytes(content) == scan(content)
    for wrong in (content[:-2], b"\xff\xd8" + bytes(100)):
        with pytest.raises(ValueError):
            data_bytes(wrong)
