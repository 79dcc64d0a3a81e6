import doctest
import math

import numpy as np
import pytest
from sklearn.metrics import max_error, mean_absolute_error, mean_squared_error

from helpers.optional import optional
from narrows.errors import ShapeError
from narrows.report import measures
from narrows.report.measures import ErrorMeter, item_errors, psnr, ssim


@pytest.fixture
def originals() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 4, 3), dtype=np.uint8)


@pytest.fixture
def reconstructions(originals: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 30, originals.shape)
    return (originals + noise).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_the_meter_agrees_with_scikit_learn_for_any_batch_size(
    originals: np.ndarray, reconstructions: np.ndarray, batch: int
) -> None:
    meter = ErrorMeter()
    for start in range(0, len(originals), batch):
        rows = slice(start, start + batch)
        meter.add(originals[rows], reconstructions[rows])
    pair = originals.ravel().astype(np.float64), reconstructions.ravel().astype(np.float64)
    assert meter.mse == pytest.approx(mean_squared_error(*pair), rel=1e-12)
    assert meter.mae == pytest.approx(mean_absolute_error(*pair), rel=1e-12)
    assert meter.largest == pytest.approx(max_error(*pair), rel=1e-12)


def test_unsigned_values_do_not_wrap_around() -> None:
    meter = ErrorMeter()
    meter.add(np.array([255], np.uint8), np.array([0], np.uint8))
    meter.add(np.array([0], np.uint8), np.array([255], np.uint8))
    assert (meter.mse, meter.mae, meter.largest) == (255**2, 255, 255)


def test_a_million_small_errors_after_a_large_one_are_not_lost() -> None:
    meter = ErrorMeter()
    meter.add(np.array([0.0]), np.array([1e4]))
    for _ in range(10):
        meter.add(np.zeros(100_000, np.float32), np.full(100_000, 1e-3, np.float32))
    assert meter.mse * 1_000_001 == pytest.approx(1e8 + 1, rel=1e-12)


def test_a_nan_is_never_hidden() -> None:
    meter = ErrorMeter()
    meter.add(np.array([0.0, 1.0]), np.array([np.nan, 1.0]))
    meter.add(np.array([0.0]), np.array([1.0]))
    assert all(math.isnan(value) for value in (meter.mse, meter.mae, meter.largest))


def test_nothing_added_is_no_measure() -> None:
    meter = ErrorMeter()
    assert all(math.isnan(value) for value in (meter.mse, meter.mae, meter.largest))


def test_item_errors_average_to_the_mean_squared_error(
    originals: np.ndarray, reconstructions: np.ndarray
) -> None:
    errors = item_errors(originals, reconstructions)
    meter = ErrorMeter()
    meter.add(originals, reconstructions)
    assert errors.shape == (50,)
    assert errors.mean() == pytest.approx(meter.mse, rel=1e-12)
    one = originals[3].astype(np.float64) - reconstructions[3]
    assert errors[3] == pytest.approx((one**2).mean(), rel=1e-12)


def test_items_that_are_single_numbers_have_errors_of_their_own() -> None:
    np.testing.assert_array_equal(item_errors(np.array([1, 2]), np.array([1, 5])), [0, 9])


def test_psnr_follows_its_definition() -> None:
    assert psnr(1.0, peak=255) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(0.01, peak=1) == pytest.approx(20)
    assert psnr(0, peak=1) == math.inf


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 1\).*\(2,\)"):
        ErrorMeter().add(np.ones(2), np.ones((2, 1)))
    with pytest.raises(ShapeError):
        item_errors(np.ones(2), np.ones((2, 1)))


def test_the_examples_run() -> None:
    assert doctest.testmod(measures).failed == 0


@pytest.mark.parametrize("shape", [(28, 28), (11, 40), (20, 24, 3)])
@pytest.mark.parametrize("width", [255, 1])
def test_structural_similarity_is_scikit_images(shape: tuple[int, ...], width: float) -> None:
    metrics = optional("skimage.metrics")
    random = np.random.default_rng(3)
    original = random.random(shape) * width
    other = np.clip(original + random.normal(0, 0.2 * width, shape), 0, width)
    wanted = metrics.structural_similarity(
        original,
        other,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=width,
        channel_axis=-1 if len(shape) == 3 else None,
    )
    assert ssim(original, other, width) == pytest.approx(wanted, abs=1e-9)
    assert ssim(original, original, width) == pytest.approx(1)
