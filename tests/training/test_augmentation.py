"""Moved and damaged copies of training items."""

from dataclasses import replace

import numpy as np
import pytest

from narrows.errors import UsageError
from narrows.training import Noise, TrainingSettings
from narrows.training.augmentation import Varied, shifted
from narrows.training.noise import NoiseLimits, damaged_parts

RANDOM = np.random.default_rng(3)
GREY = RANDOM.integers(0, 256, (300, 6, 7)).astype(np.uint8)
UNIT = NoiseLimits(0, 255, 0)


def windows(image: np.ndarray, largest: int) -> list[bytes]:
    """Every view of an image moved by up to ``largest`` pixels, its edge repeated."""
    height, width = image.shape[:2]
    views = []
    for down in range(-largest, largest + 1):
        for right in range(-largest, largest + 1):
            rows = np.clip(np.arange(height) + down, 0, height - 1)
            columns = np.clip(np.arange(width) + right, 0, width - 1)
            views.append(image[rows][:, columns].tobytes())
    return views


@pytest.mark.slow
@pytest.mark.parametrize("largest", [1, 2])
@pytest.mark.parametrize("items", [GREY, GREY[..., None].repeat(3, -1), GREY.astype(np.float64)])
def test_every_image_is_a_window_of_itself(items: np.ndarray, largest: int) -> None:
    moved = shifted(items, largest, np.random.default_rng(0))
    assert moved.shape == items.shape and moved.dtype == items.dtype
    seen = set()
    for image, result in zip(items, moved, strict=True):
        views = windows(image, largest)
        assert result.tobytes() in views
        seen.add(views.index(result.tobytes()))
    assert seen == set(range((2 * largest + 1) ** 2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("snow:0.3", "no noise called 'snow'"),
        ("gaussian", "no amount above 0"),
        ("gaussian:much", "no amount above 0"),
        ("gaussian:0", "no amount above 0"),
        ("gaussian:nan", "no amount above 0"),
        ("gaussian:inf", "no amount above 0"),
        ("masking:1.5", "up to 1"),
        ("salt-pepper:-0.1", "up to 1"),
        ("gaussian:0.8-0.1", "no range of amounts: 0.8 is not from 0 to below 0.1"),
        ("gaussian:0.1-0.2-0.3", "no amount"),
        ("masking:0.1-1.5", "up to 1"),
    ],
)
def test_noise_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Noise.parse(text)


@pytest.mark.parametrize(
    "text",
    ["gaussian:0.3", "masking:0.25", "salt-pepper:0.1", "gaussian:0.1-0.8", "masking:0-0.5"],
)
def test_noise_reads_as_it_is_written(text: str) -> None:
    assert str(Noise.parse(text)) == text


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_gaussian_noise_has_its_deviation_and_stays_in_range(dtype: type) -> None:
    items = np.full((50, 40, 40), 128).astype(dtype)
    damaged = Noise("gaussian", 0.1).apply(items, 0, 255, np.random.default_rng(0))
    assert damaged.dtype == (np.uint8 if dtype is np.uint8 else np.float32)
    assert abs(damaged.astype(float).std() - 25.5) < 0.3
    strong = Noise("gaussian", 2).apply(items, 0, 255, np.random.default_rng(0))
    assert strong.min() == 0 and strong.max() == 255


def test_masking_and_salt_and_pepper_hit_their_share() -> None:
    items = np.full((100, 30, 30), 7, np.uint8)
    masked = Noise("masking", 0.3).apply(items, 0, 255, np.random.default_rng(0))
    assert set(np.unique(masked)) == {0, 7}
    assert abs((masked == 0).mean() - 0.3) < 0.01
    hit = Noise("salt-pepper", 0.2).apply(items, 0, 255, np.random.default_rng(0))
    assert set(np.unique(hit)) == {0, 7, 255}
    assert abs((hit == 0).mean() - 0.1) < 0.01 and abs((hit == 255).mean() - 0.1) < 0.01
    assert (items == 7).all()


def test_copies_depend_on_seed_epoch_and_place_alone() -> None:
    settings = TrainingSettings(epochs=10, shift=1, noise=Noise("gaussian", 0.2))
    order = np.arange(100)

    def seen(settings: TrainingSettings, epoch: int, place: int) -> list[bytes]:
        items, places, inputs = Varied(GREY, UNIT, settings).slice(order, epoch, place)
        assert inputs is not None
        np.testing.assert_array_equal(places, np.arange(len(order)))
        return [items.tobytes(), inputs.tobytes()]

    first = seen(settings, 1, 0)
    assert seen(settings, 1, 0) == first
    others = [
        seen(settings, 2, 0), seen(settings, 1, 100), seen(replace(settings, seed=1), 1, 0)
    ]  # fmt: skip
    for other in others:
        assert other[0] != first[0] and other[1] != first[1]


def test_the_loss_compares_with_the_clean_item() -> None:
    settings = TrainingSettings(noise=Noise("masking", 0.5))
    order = RANDOM.permutation(len(GREY))
    items, places, inputs = Varied(GREY, UNIT, settings).slice(order, 1, 0)
    np.testing.assert_array_equal(items[places], GREY[order])
    assert inputs is not None and inputs.shape == items.shape
    assert (inputs[inputs != items] == 0).all()


def test_nothing_is_copied_where_nothing_is_asked_for() -> None:
    order = np.arange(5)
    items, places, inputs = Varied(GREY, UNIT, TrainingSettings()).slice(order, 1, 0)
    assert items is GREY and places is order and inputs is None


def test_the_last_tenth_of_the_epochs_sees_images_where_they_are() -> None:
    varied = Varied(GREY, UNIT, TrainingSettings(epochs=20, shift=1))
    order = np.arange(len(GREY))
    assert not np.array_equal(varied.slice(order, 18, 0)[0], GREY)
    for epoch in (19, 20):
        items, places, _ = varied.slice(order, epoch, 0)
        np.testing.assert_array_equal(items[places], GREY)


@pytest.mark.parametrize("items", [np.zeros((4, 9)), np.zeros((4, 2, 9)), np.zeros((4, 9, 2, 3))])
def test_only_images_large_enough_can_be_moved(items: np.ndarray) -> None:
    with pytest.raises(UsageError, match="a shift of 2 needs images"):
        Varied(items, UNIT, TrainingSettings(shift=2))


def test_a_range_draws_an_amount_for_each_item() -> None:
    noise = Noise.parse("gaussian:0.02-0.1")
    items = np.full((400, 30, 30), 0.5)
    deviations = noise.apply(items, 0, 1, np.random.default_rng(0)).std(axis=(1, 2))
    assert 0.018 < deviations.min() < 0.03 and 0.09 < deviations.max() < 0.11
    assert abs(deviations.mean() - 0.06) < 0.004
    masked = Noise.parse("masking:0-1").apply(items, 0, 1, np.random.default_rng(0))
    shares = (masked == 0).mean(axis=(1, 2))
    assert shares.min() < 0.05 and shares.max() > 0.95
    assert Noise.parse("gaussian:1e-3") == Noise("gaussian", 1e-3)


def test_pairs_are_moved_alike() -> None:
    settings = TrainingSettings(epochs=10, shift=1)
    varied = Varied(GREY, UNIT, settings, GREY + 1)
    items, _, inputs = varied.slice(np.arange(len(GREY)), 1, 0)
    np.testing.assert_array_equal(inputs, items + 1)
    assert not np.array_equal(items, GREY)
    still = Varied(GREY, UNIT, TrainingSettings(), GREY + 1)
    items, _, inputs = still.slice(np.arange(5), 1, 0)
    assert items is GREY
    np.testing.assert_array_equal(inputs, GREY + 1)


def test_models_are_judged_by_the_same_damage_every_time() -> None:
    noise = Noise("gaussian", 0.2)
    first, again, other = (list(damaged_parts(GREY, None, noise, UNIT, seed)) for seed in (0, 0, 1))
    for (items, inputs), (_, same), (_, different) in zip(first, again, other, strict=True):
        assert inputs is not None and different is not None
        np.testing.assert_array_equal(inputs, same)
        assert not np.array_equal(inputs, different) and not np.array_equal(inputs, items)
    np.testing.assert_array_equal(np.concatenate([items for items, _ in first]), GREY)
    assert [x is None for _, x in damaged_parts(GREY, None, None, UNIT, 0)] == [True]
