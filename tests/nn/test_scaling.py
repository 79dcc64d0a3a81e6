import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.nn.scaling import Scaling
from narrows.support.rounding import as_dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float16, np.float32, float])
def test_network_values_are_float32_of_the_same_shape(dtype: type) -> None:
    items = np.arange(24).reshape(2, 3, 4).astype(dtype)
    values = Scaling(4, 8).to_network(items)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, (np.arange(24).reshape(2, 3, 4) - 4) / 8, rtol=1e-7)


@pytest.mark.parametrize(
    ("lowest", "highest"),
    [
        (0, 255),
        (-1, 1),
        (0.1, 0.7),
        (-3e6, 5e6),
        (0, 2**64 - 1),
        # seconds since 1970: farther from zero than float32 tells them apart
        (1_700_000_050.0, 1_700_000_051.0),
    ],
)
def test_the_unit_range_runs_from_the_lowest_to_the_highest(lowest: float, highest: float) -> None:
    scaling = Scaling.to_unit_range(lowest, highest)
    ends = scaling.to_network(np.array([lowest, highest], np.float64))
    np.testing.assert_allclose(ends, [0, 1], atol=1e-6)


def test_values_that_are_all_alike_become_zero() -> None:
    scaling = Scaling.to_unit_range(7, 7)
    np.testing.assert_array_equal(scaling.to_network(np.full(3, 7, np.uint8)), 0)
    np.testing.assert_array_equal(scaling.to_data(np.zeros(3, np.float32)), 7)


@given(
    lowest=st.floats(-1e6, 1e6),
    width=st.floats(1e-2, 1e6),
    places=st.lists(st.floats(0, 1), min_size=1, max_size=8),
)
def test_there_and_back_is_the_same_to_float32(
    lowest: float, width: float, places: list[float]
) -> None:
    items = (lowest + width * np.array(places)).astype(np.float32)
    scaling = Scaling.to_unit_range(float(items.min()), float(items.max()))
    back = scaling.to_data(scaling.to_network(items))
    assert back.dtype == (np.float32 if scaling == Scaling() else np.float64)
    np.testing.assert_allclose(back, items, rtol=1e-6, atol=1e-6 * width)


def test_64_bit_data_far_from_zero_keep_their_differences() -> None:
    items = 1e9 + np.array([0, 0.25, 0.5])
    np.testing.assert_array_equal(Scaling(1e9, 0.5).to_network(items), [0, 0.5, 1])


def test_data_far_from_zero_come_back() -> None:
    items = 1_700_000_050.0 + np.array([0, 0.25, 1])
    scaling = Scaling.to_unit_range(items[0], items[-1])
    np.testing.assert_array_equal(scaling.to_data(scaling.to_network(items)), items)


def test_bytes_come_back_from_every_grey_level() -> None:
    items = np.arange(256, dtype=np.uint8)
    scaling = Scaling.to_unit_range(0, 255)
    values = scaling.to_data(scaling.to_network(items))
    np.testing.assert_array_equal(as_dtype(values, items.dtype, (0, 255)), items)
