"""Formats of images: bytes and errors are those of files that anybody writes and opens."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from narrows.baselines.image_codecs import (
    IMAGE_CODECS,
    JPEG,
    CodecPoint,
    ImageCodec,
    ImageCodecResult,
    measure_image_codecs,
    measure_setting,
    no_image_codecs,
)
from narrows.data.pixels import full_range

RANDOM = np.random.default_rng(0)
CODECS = {codec.name: codec for codec in IMAGE_CODECS}


def pictures(*shape: int) -> np.ndarray:
    """Smooth ones with some noise, as photographs are."""
    rows, columns = np.indices(shape[1:3])
    waves = 120 + 60 * np.sin(rows / 3) + 40 * np.cos(columns / 5)
    noise = RANDOM.normal(0, 8, shape)
    waves = waves if len(shape) == 3 else waves[..., None]
    return np.clip(waves + noise, 0, 255).astype(np.uint8)


def few(*names: str) -> list[ImageCodec]:
    """Codecs with three of their settings."""
    chosen = [CODECS[name] for name in names]
    for codec in chosen:
        if reason := codec.unavailable():
            pytest.skip(f"{codec.name}: {reason}")
    return chosen


def measured(items: np.ndarray, *names: str, **more: Any) -> ImageCodecResult:
    return measure_image_codecs(items, codecs=few(*names), **more)


def of(result: ImageCodecResult, codec: str, on_sheet: bool) -> list[CodecPoint]:
    return [each for each in result.points if (each.codec, each.on_sheet) == (codec, on_sheet)]


@pytest.mark.parametrize("shape", [(6, 20, 16), (5, 12, 9, 3), (4, 8, 8, 1)])
def test_jpeg_with_a_file_each_is_what_pillow_writes_and_opens(shape: tuple[int, ...]) -> None:
    items = pictures(*shape)
    for point in of(measured(items, "JPEG"), "JPEG", False):
        size, squares = 0, 0.0
        for item in items:
            out = io.BytesIO()
            picture = Image.fromarray(item.reshape(item.shape[:2]) if shape[3:] == (1,) else item)
            picture.save(out, "JPEG", quality=point.quality, optimize=True)
            size += len(out.getvalue())
            back = np.asarray(Image.open(out), float).reshape(item.shape)
            squares += np.square(back - item).sum()
        assert point.item_bytes == size / len(items)
        assert point.mse == pytest.approx(squares / items.size)


def test_a_sheet_is_one_file_of_all_items_side_by_side() -> None:
    items = pictures(4, 16, 16)
    for point in of(measured(items, "JPEG"), "JPEG", True):
        whole = np.block([[items[0], items[1]], [items[2], items[3]]])
        out = io.BytesIO()
        Image.fromarray(whole).save(out, "JPEG", quality=point.quality, optimize=True)
        assert point.item_bytes == len(out.getvalue()) / 4
        lost = np.asarray(Image.open(out), float) - whole
        assert point.mse == pytest.approx(np.square(lost).mean())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["JPEG", "WebP", "AVIF", "JPEG XL"])
@pytest.mark.parametrize("shape", [(5, 24, 24), (5, 24, 24, 3)])
def test_a_better_quality_takes_more_bytes_and_loses_less(
    name: str, shape: tuple[int, ...]
) -> None:
    codec = few(name)[0]
    ends = [codec.qualities[0], codec.qualities[-1]]
    items, pixels = pictures(*shape), full_range(None)
    for on_sheet in (False, True):
        worst, best = (
            measure_setting(codec, end, items, pixels, on_sheet=on_sheet) for end in ends
        )
        assert worst.item_bytes < best.item_bytes
        assert worst.mse > 2 * best.mse > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_every_format_takes_every_kind_of_picture_or_says_why_not(
    name: str, channels: tuple[int, ...]
) -> None:
    items = pictures(3, 10, 13, *channels)
    result = measured(items, name)
    if (name, channels) == ("JPEG", (4,)):
        assert not result.points
        assert {reason for _, reason in result.left_out} == {"it has no transparency"}
        return
    assert len(result.points) == 2 * len(CODECS[name].qualities)
    assert not result.left_out
    if name == "PNG":
        assert all(point.mse == 0 for point in result.points)
        assert all(point.quality is None for point in result.points)


def test_levels_of_another_range_fill_that_of_pixels_and_errors_are_in_their_own_unit() -> None:
    """Levels of 0 to 16, as scikit-learn's digits have: what JPEG loses of them is that of the
    pictures that are 255 / 16 times as bright, back in whole levels."""
    items = (pictures(5, 8, 8) // 16).astype(np.uint8)
    items[0, 0, 0], items[0, 0, 1] = 0, 16
    result = measured(items, "JPEG", "PNG", value_range=(0.0, 16.0))
    assert all(point.mse == 0 for point in of(result, "PNG", False))
    point = of(result, "JPEG", False)[6]
    squares = 0.0
    for item in items:
        out = io.BytesIO()
        bright = Image.fromarray(np.rint(item * (255 / 16)).astype(np.uint8))
        bright.save(out, "JPEG", quality=point.quality)
        squares += np.square(np.rint(np.asarray(Image.open(out)) / (255 / 16)) - item).sum()
    assert point.mse == pytest.approx(squares / items.size)


@pytest.mark.parametrize("limits", [None, (0, 255), (0, 16), (10, 90), (7, 7), (0, 1)])
def test_levels_as_pixels_are_levels_again(limits: tuple[float, float] | None) -> None:
    low, high = limits or (0, 255)
    levels = np.arange(low, high + 1).astype(np.uint8)
    pixels = full_range(limits)(levels)
    assert pixels.dtype == np.uint8
    assert low == high or (pixels.min(), pixels.max()) == (0, 255)
    np.testing.assert_array_equal(np.rint(full_range(limits).values(pixels)), levels)


@pytest.mark.slow
def test_of_many_items_some_are_drawn_and_always_the_same() -> None:
    items = RANDOM.integers(0, 256, (700, 30, 30), dtype=np.uint8)
    first, again, other = (measured(items, "PNG", seed=seed) for seed in (0, 0, 1))
    assert (first.files, first.on_sheet) == (80, (1 << 19) // 900)
    assert first.points == again.points != other.points


def test_sides_beyond_what_a_format_holds_are_left_out() -> None:
    codecs = few("WebP", "PNG")
    result = measure_image_codecs(np.zeros((2, 1, 16_400), np.uint8), codecs=codecs)
    assert [name for name, _ in result.left_out] == ["WebP, one file an item", "WebP, one sheet"]
    assert {why for _, why in result.left_out} == {
        "a side has 16,400 pixels, and 16,383 is the most"
    }
    assert len(result.points) == 2


def test_a_sheet_of_one_item_is_not_measured_again() -> None:
    result = measured(pictures(1, 20, 30), "JPEG", "PNG")
    assert not any(point.on_sheet for point in result.points)
    assert [name for name, _ in result.left_out] == ["one sheet"]


def test_a_format_that_is_not_here_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.init()
    monkeypatch.delitem(Image.SAVE, "AVIF", raising=False)
    result = measure_image_codecs(pictures(2, 8, 8), codecs=[CODECS["AVIF"]])
    assert not result.points
    assert result.left_out == (("AVIF", "Pillow was built without it here"),)


def test_jpeg_is_what_the_budgets_are_held_against() -> None:
    assert JPEG is CODECS["JPEG"]


@pytest.mark.parametrize(
    ("shape", "dtype", "word"),
    [
        ((20,), "uint8", "no pictures"),
        ((), "uint8", "no pictures"),
        ((8, 8, 2), "uint8", "no pictures"),
        ((8, 8), "uint16", "uint16"),
        ((8, 8), "float32", "float32"),
        ((8, 8), "bool", "bool"),
    ],
)
def test_what_cannot_be_compared_is_told(shape: tuple[int, ...], dtype: str, word: str) -> None:
    sentence = no_image_codecs(shape, np.dtype(dtype))
    assert sentence is not None and word in sentence and sentence.endswith(".")


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 4)])
def test_8_bit_pictures_can(shape: tuple[int, ...]) -> None:
    assert no_image_codecs(shape, np.dtype("uint8")) is None
