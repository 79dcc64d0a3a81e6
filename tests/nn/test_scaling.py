import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.nn.scaling import Scaling, as_dtype


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


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        (np.uint8, [-3, 0.4, 0.6, 254.6, 300], [0, 0, 1, 255, 255]),
        (np.int8, [-200, -1.6, 1.4, 200], [-128, -2, 1, 127]),
        (np.int16, [-1e6, -0.4, 1e6], [-(2**15), 0, 2**15 - 1]),
        (np.uint32, [-1, 2**31, 1e12], [0, 2**31, 2**32 - 1]),
        (np.int32, [-1e12, 1e12], [-(2**31), 2**31 - 1]),
        (np.bool_, [-1, 0.4, 0.5, 0.6, 2], [False, False, True, True, True]),
        (np.float16, [-1.5, 1 / 3], [-1.5, np.float16(1 / 3)]),
        (np.float32, [-1.5, 1e30], [-1.5, np.float32(1e30)]),
        (np.float64, [-1.5, 0.1], [-1.5, float(np.float32(0.1))]),
    ],
)
def test_values_are_clipped_and_rounded_to_a_dtype(
    dtype: type, values: list[float], expected: list[float]
) -> None:
    result = as_dtype(np.array(values, np.float32), np.dtype(dtype), None)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, np.array(expected, dtype))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_the_ends_of_64_bits_do_not_wrap_around(dtype: type) -> None:
    limits = np.iinfo(dtype)
    values = np.array([-1e30, -1, 0, 1, 1e30], np.float32)
    low, *middle, high = as_dtype(values, np.dtype(dtype), None).tolist()
    assert low == limits.min
    assert middle == [max(-1, limits.min), 0, 1]
    # the largest that float64 holds below the limit
    assert limits.max - 2**11 < high <= limits.max


@pytest.mark.filterwarnings("error")
def test_half_precision_ends_in_its_largest_value_not_in_infinity() -> None:
    result = as_dtype(np.array([-1e6, 1e6], np.float32), np.dtype(np.float16), None)
    np.testing.assert_array_equal(result, np.array([-65504, 65504], np.float16))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_the_range_of_the_source_is_kept_where_it_is_narrower(dtype: type) -> None:
    result = as_dtype(np.array([-3, 7, 12], np.float32), np.dtype(dtype), (1, 10))
    np.testing.assert_array_equal(result, np.array([1, 7, 10], dtype))
