"""Overlapping tiles: what they make of a whole is what they make of its parts."""

import numpy as np
import pytest

from narrows.data.tiles import blended, starts, window

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize(
    ("size", "tile"), [(48, 48), (49, 48), (540, 48), (7, 4), (100, 33), (5, 1)]
)
def test_tiles_cover_every_place_and_overlap_by_half(size: int, tile: int) -> None:
    begun = starts(size, tile)
    assert begun[0] == 0 and begun[-1] == size - tile
    assert (np.diff(begun) >= 1).all() and (np.diff(begun) <= max(tile // 2, 1)).all()


def test_a_window_is_positive_and_the_same_from_both_ends() -> None:
    for tile in (1, 2, 7, 48):
        weights = window(tile)
        assert (weights > 0).all() and weights.max() <= 1
        np.testing.assert_allclose(weights, weights[::-1])


@pytest.mark.parametrize(
    "shape", [(48, 48), (49, 130), (100, 60, 3), (20, 90), (11, 5), (33, 47, 1)]
)
def test_tiles_that_are_left_alone_give_the_image_back(shape: tuple[int, ...]) -> None:
    image = RANDOM.integers(0, 256, shape).astype(np.uint8)
    found = blended(lambda tiles: tiles.astype(np.float64), image, (48, 32))
    assert found.shape == shape
    np.testing.assert_allclose(found, image, atol=1e-9)


def test_a_constant_shows_no_seam() -> None:
    found = blended(lambda tiles: np.full(tiles.shape, 0.3), np.zeros((200, 170)), (48, 48))
    np.testing.assert_allclose(found, 0.3, rtol=0, atol=1e-12)


def test_what_is_done_at_every_place_alike_needs_no_tiles() -> None:
    """A filter that looks two places around: but for a margin, tiles must not change it."""
    image = RANDOM.random((90, 75))

    def smooth(tiles: np.ndarray) -> np.ndarray:
        return sum(np.roll(tiles, step, axis=axis) for step in (-2, 1) for axis in (-2, -1)) / 4

    whole = smooth(image)
    # a tile's own edges, where it wraps around, weigh little beside its neighbours' middles
    found = blended(smooth, image, (40, 40))
    assert np.abs(found - whole)[3:-3, 3:-3].mean() < 0.01


def test_tiles_disagree_smoothly() -> None:
    """Where one tile says 0 and its neighbour 1, the way from one to the other has no step."""
    seen = []

    def number(tiles: np.ndarray) -> np.ndarray:
        levels = (np.arange(len(tiles)) % 2).astype(float)
        seen.append(len(tiles))
        return np.broadcast_to(levels[:, None, None], tiles.shape)

    found = blended(number, np.zeros((48, 480)), (48, 48))
    assert np.abs(np.diff(found, axis=1)).max() < 0.08
    assert found.max() - found.min() > 0.9
    assert len(set(seen)) == 1, "an engine compiles one size"
