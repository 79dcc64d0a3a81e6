"""The order of an epoch: every item once, drawn from the seed, in files window by window."""

import numpy as np
import pytest

from narrows.training import shuffling
from narrows.training.shuffling import EpochOrder


def test_items_that_fit_in_memory_are_drawn_from_all() -> None:
    drawn = np.random.default_rng([7, 0x0DE4, 2]).permutation(1000)
    order = EpochOrder(1000, 4, 7, 2)
    np.testing.assert_array_equal(order[10:500], drawn[10:500])
    assert order.entered(0, 1000) == []


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffling, "MOST_SHUFFLED", 1000)
    monkeypatch.setattr(shuffling, "WINDOW_BYTES", 400)
    monkeypatch.setattr(shuffling, "RUN_BYTES", 40)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("count", [1003, 1000, 101, 1])
def test_every_item_comes_once_in_windows_of_runs(count: int) -> None:
    order = EpochOrder(count, 1 if count > 101 else 1000, 0, 1)
    whole = order[0:count]
    np.testing.assert_array_equal(np.sort(whole), np.arange(count))
    parts = [order[start : start + 37] for start in range(0, count, 37)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert not len(order[0:0])


@pytest.mark.usefixtures("small_windows")
def test_windows_are_uniform_and_differ_from_epoch_to_epoch() -> None:
    places = np.zeros((2000, 20))
    for epoch in range(200):
        whole = EpochOrder(2000, 1, 0, epoch)[0:2000]
        # a window of 400 items holds ten runs of 40
        assert all(len(set(whole[w : w + 400] // 40)) == 10 for w in range(0, 2000, 400))
        places[whole, np.arange(2000) // 100] += 1
    # every item is as likely in every twentieth of the epoch: 10 times of 200, deviation 3.1
    assert np.abs(places - 10).max() < 6 * np.sqrt(9.5)
    assert not np.array_equal(EpochOrder(2000, 1, 0, 1)[0:2000], EpochOrder(2000, 1, 1, 1)[0:2000])


@pytest.mark.usefixtures("small_windows")
def test_what_comes_next_is_told_once_before_it_is_read() -> None:
    order, told = EpochOrder(1003, 1, 0, 1), np.zeros(1003, int)
    for start in range(0, 1003, 50):
        stop = min(start + 50, 1003)
        for first, last in order.entered(start, stop):
            told[first:last] += 1
        assert told[order[start:stop]].all()
    assert (told == 1).all()
