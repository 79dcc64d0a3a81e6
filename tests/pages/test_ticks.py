"""Ticks are round, few, and where matplotlib would put them too."""

import doctest

import numpy as np
import pytest
from matplotlib.ticker import MaxNLocator

from narrows.pages import ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (2, 50, [2, 5, 10, 20, 50]),
        (100, 500, [100, 150, 200, 300, 400, 500]),
        (1, 1e9, [1, 100, 1e4, 1e6, 1e8]),
        (0.03, 40, [0.1, 1, 10]),
    ],
)
def test_logarithmic_ticks(low, high, expected):
    assert np.allclose(ticks.log_ticks(low, high, 6), expected)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 8.1), (0.001, 0.0047), (1e6, 9e6)])
def test_linear_ticks_are_those_of_matplotlib(low, high):
    locator = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10])
    expected = [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
    assert len(ticks.linear_ticks(low, high, 7)) <= 7
    assert np.allclose(ticks.linear_ticks(low, high, 7), expected)


def test_what_would_overlap_is_left_out():
    assert ticks.fitting([2, 5, 10, 20], [0, 30, 40, 90], 35) == [2, 10, 20]


def test_an_axis_of_one_value_has_one_tick():
    assert ticks.linear_ticks(3, 3) == [3]


def test_the_examples_run():
    assert doctest.testmod(ticks).failed == 0
