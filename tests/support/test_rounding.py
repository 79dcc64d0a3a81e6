import numpy as np
import pytest

from narrows.support.rounding import as_dtype


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


@pytest.mark.parametrize("count", [3, 1 << 13])
def test_values_lie_in_the_order_of_their_places(count: int) -> None:
    values = np.random.default_rng(0).uniform(-9, 300, (50, count)).astype(np.float32).T
    rounded = as_dtype(values, np.dtype(np.uint8), None)
    assert rounded.flags.c_contiguous
    np.testing.assert_array_equal(rounded, np.rint(np.clip(values, 0, 255)))
