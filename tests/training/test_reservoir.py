"""The sample of a stream: every row has the same chance, whatever the batches."""

import numpy as np
import pytest

from narrows.training.reservoir import Reservoir


@pytest.mark.parametrize("batch", [1, 7, 300])
def test_every_row_is_kept_with_the_same_probability(batch: int) -> None:
    rows, kept, runs = np.arange(300)[:, None], np.zeros(300), 160
    for seed in range(runs):
        reservoir = Reservoir(75 * rows[:1].nbytes, seed)
        for start in range(0, len(rows), batch):
            reservoir.add(rows[start : start + batch])
        found = reservoir.rows()
        assert found is not None and reservoir.seen == 300
        assert len(np.unique(found)) == len(found) == len(reservoir) == 75
        kept[found[:, 0]] += 1
    # the mean of 100 binomial variables: 160 x 1/4, five standard deviations
    for third in np.split(kept, 3):
        assert abs(third.mean() - runs / 4) < 5 * np.sqrt(runs * 3 / 16 / 100)


def test_few_rows_are_all_kept_and_copied() -> None:
    reservoir = Reservoir(1 << 20, 0)
    assert reservoir.rows() is None and len(reservoir) == 0
    batch = np.ones((5, 2), np.uint8)
    reservoir.add(batch)
    reservoir.add(batch[:0])
    batch[:] = 7
    reservoir.add(batch)
    found = reservoir.rows()
    assert found is not None and found.dtype == np.uint8
    np.testing.assert_array_equal(found[:, 0], [1] * 5 + [7] * 5)


def test_large_rows_leave_a_few() -> None:
    reservoir = Reservoir(1, 0)
    reservoir.add(np.zeros((100, 1000)))
    assert len(reservoir) == 64
