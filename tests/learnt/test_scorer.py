"""What scores are learnt from: directions of the error, and so many items."""

import numpy as np

from narrows.learnt.scorer import drawn_items, leading_directions


def test_wide_items_are_told_by_the_same_directions_as_narrow_ones() -> None:
    """Of more values than items, the directions come from the smaller matrix."""
    random = np.random.default_rng(0)
    errors = random.standard_normal((60, 5)) @ random.standard_normal((5, 40)) * 3
    narrow = leading_directions(errors)
    wide = leading_directions(errors[:30])
    for found, rows in ((narrow, errors), (wide, errors[:30])):
        assert found.shape == (40, 5)
        np.testing.assert_allclose(np.square(rows @ found).mean(axis=0), 1, rtol=1e-6)


def test_large_images_take_bounded_work() -> None:
    def drawn(*shape: int) -> np.ndarray:
        items = np.broadcast_to(np.uint8(0), shape)
        return drawn_items(items, 100, 1 << 24, np.random.default_rng(0))

    assert len(drawn(3, 2000, 5000)) == 1
    assert len(drawn(0, 4)) == 0
    np.testing.assert_array_equal(drawn(100, 4), np.arange(100))
    places = drawn(1000, 4)
    assert len(np.unique(places)) == 100 and (np.diff(places) > 0).all()
    # sets are often ordered by some rule, and every tenth item is of one kind then
    assert set(places % 10) == set(range(10))
