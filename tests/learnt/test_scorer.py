"""What scores are learnt from: directions of the error, and so many items."""

import threading

import numpy as np
import pytest

from narrows.learnt.scorer import Passed, Scorer, drawn_items, leading_directions, learn_scorer


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


def test_many_items_are_judged_on_all_cores_and_each_as_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    items = random.standard_normal((9_000, 3))
    passed = Passed(items, items[:, :2].astype(np.float32), items + 0.1 * items[:, ::-1])
    scorer = learn_scorer([passed], items, random, 0)
    monkeypatch.setattr("narrows.learnt.scorer._BLOCK", len(items))
    expected = scorer.ways(passed)
    monkeypatch.setattr("narrows.learnt.scorer._BLOCK", 1_500)
    monkeypatch.setattr("narrows.support.blas.usable_cores", lambda: 2)
    both, judge = threading.Barrier(2, timeout=60), Scorer._ways

    def together(self: Scorer, some: Passed) -> np.ndarray:
        both.wait()  # for a second one, which is never there where one thread does all
        return judge(self, some)

    monkeypatch.setattr(Scorer, "_ways", together)
    np.testing.assert_allclose(scorer.ways(passed), expected, rtol=1e-12)
