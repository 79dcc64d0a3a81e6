"""The parts of archives one by one: every method, every filter, the comparison with a bound."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from narrows.archive.arrays import Layout
from narrows.archive.bounds import Grid, Steps, checked_bound, distance, within
from narrows.archive.choosing import grid_divisor
from narrows.archive.filters import FILTERS
from narrows.archive.methods import EFFORTS, METHODS, Effort
from narrows.archive.methods.images import cut_sheet, sheet, sheet_size
from narrows.archive.pipeline import Pipeline

INTEGERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"]
MANY = settings(max_examples=200, deadline=None)

# Those that are trained have tests of their own.
every_method = pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if not method.trained]
)

SHAPES = [(1, 1, 1), (7, 5, 3), (3, 4, 4, 1), (2, 6, 5, 3), (5, 3, 3, 4), (40,), (6, 2)]


def integers(dtype: str) -> st.SearchStrategy[np.ndarray]:
    shapes = arrays.array_shapes(max_dims=3, max_side=6)
    return arrays.arrays(np.dtype(dtype), shapes)


# Methods


@every_method
@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i8"])
def test_a_method_gives_back_what_it_takes(name: str, effort: Effort, dtype: str) -> None:
    method = METHODS[name]()
    if not method.available():
        pytest.skip(f"{name} is not installed: {method.needs}")
    taken = 0
    for shape in SHAPES:
        if method.takes(shape, np.dtype(dtype)):
            taken += 1
            random = np.random.default_rng(len(shape))
            values = random.integers(0, 100, shape).astype(dtype)
            result = method.decode(method.encode(values, effort), shape, np.dtype(dtype))
            assert (result.shape, result.dtype) == (shape, values.dtype)
            np.testing.assert_array_equal(result, values)
    assert taken or not method.filtered


@every_method
def test_a_method_refuses_what_is_not_its_own(name: str) -> None:
    method = METHODS[name]()
    if not method.available():
        pytest.skip(f"{name} is not installed: {method.needs}")
    shape, dtype = (4, 5, 3), np.dtype("u1")
    values = np.arange(60, dtype=dtype).reshape(shape)
    content = method.encode(values, "fast")
    wrong = [
        b"",
        content[:-1] if name in ("stored", "zlib", "zstd") else content[: len(content) // 2],
    ]
    if name not in ("png", "webp", "jpeg-xl"):  # which end where their own format says
        wrong.append(content + b"\0")
    for each in wrong:
        with pytest.raises(Exception):  # noqa: B017 - of any kind, as the interface says
            method.decode(each, shape, dtype)
    for other in ((4, 5, 2), (4, 5, 4), (1, 5, 3)):
        with pytest.raises(Exception):  # noqa: B017
            method.decode(content, other, dtype)


def test_image_methods_take_images_only() -> None:
    assert METHODS["png"]().takes((3, 4, 5), np.dtype("u1"))
    assert METHODS["png"]().takes((3, 4, 5), np.dtype("u2"))
    assert METHODS["png"]().takes((3, 4, 5, 4), np.dtype("u1"))
    assert not METHODS["png"]().takes((3, 4, 5, 2), np.dtype("u1"))
    assert not METHODS["png"]().takes((3, 4, 5, 3), np.dtype("u2"))
    assert not METHODS["png"]().takes((3, 4), np.dtype("u1"))
    assert not METHODS["webp"]().takes((3, 4, 5), np.dtype("u2"))
    assert not METHODS["webp"]().takes((1, 4, 20_000), np.dtype("u1"))


@pytest.mark.slow
@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (1,), (3,)]))
def test_a_sheet_is_cut_into_what_it_was_made_of(
    count: int, height: int, width: int, channels: tuple[int, ...]
) -> None:
    shape = (count, height, width, *channels)
    values = np.arange(np.prod(shape), dtype="u4").reshape(shape)
    np.testing.assert_array_equal(cut_sheet(sheet(values), shape), values)
    rows, columns = sheet_size(shape)
    # From the description: the least number of columns that makes it no higher than wide.
    least = next(c for c in range(1, count * height + 1) if c * c * width >= count * height)
    assert columns == min(least, count)
    assert (rows - 1) * columns < count <= rows * columns


# Filters


@pytest.mark.slow
@MANY
@given(st.data(), st.sampled_from(INTEGERS), st.lists(st.sampled_from(list(FILTERS)), max_size=4))
def test_filters_are_undone_in_any_order(data: st.DataObject, dtype: str, names: list[str]) -> None:
    values = data.draw(integers(dtype))
    pipeline = Pipeline(METHODS["stored"](), filters=tuple(names))
    content = pipeline.encode(values, 0, "fast")
    result = pipeline.decode(content, values.shape, values.dtype)
    np.testing.assert_array_equal(result, values)


def test_filters_do_what_is_described() -> None:
    values = np.array([[5, 7], [4, 300]], "i2")
    assert FILTERS["delta"].apply(values)[1].tolist() == [[10, 4], [5, 592]]
    assert FILTERS["item-delta"].apply(values)[1].tolist() == [[10, 14], [1, 586]]
    front, narrow = FILTERS["narrow"].apply(values - 10)
    assert front == b"\x02" + (-6).to_bytes(8, "little", signed=True)
    assert narrow.tolist() == [[1, 3], [0, 296]] and narrow.dtype == np.uint16
    assert FILTERS["shuffle"].apply(values)[1].tolist() == [5, 7, 4, 44, 0, 0, 0, 1]


# Bounds

FLOATS = st.floats(width=64) | st.sampled_from([0.1, 0.2, 0.3, 0.5, 1e16, 5e-324, 1.7e308])


@pytest.mark.slow
@MANY
@given(FLOATS, FLOATS, st.floats(5e-324, 1e308) | st.sampled_from([0.1, 0.2, 0.5, 1e-16]))
def test_within_is_exact_for_floats(x: float, y: float, bound: float) -> None:
    values, others = np.array([x]), np.array([y])
    if values.tobytes() == others.tobytes():
        expected = True
    elif np.isfinite([x, y]).all():
        expected = abs(Fraction(x) - Fraction(y)) <= Fraction(bound)
    else:
        expected = False
    assert within(values, others, bound)[0] == expected


def test_within_sees_what_rounding_hides() -> None:
    # The difference is 0.1 + 2^-60 as a real number, and 0.1 in float64.
    x, bound = 0.1, 0.1
    y = -(2.0**-60)
    assert x - y == bound
    assert not within(np.array([x]), np.array([y]), bound)[0]
    assert within(np.array([x]), np.array([-y]), bound)[0]


@MANY
@given(st.data(), st.sampled_from(INTEGERS))
def test_distances_of_integers_are_exact(data: st.DataObject, dtype: str) -> None:
    limits = np.iinfo(dtype)
    number = st.integers(int(limits.min), int(limits.max))
    x, y = data.draw(number), data.draw(number)
    assert int(distance(np.array([x], dtype), np.array([y], dtype))[0]) == abs(x - y)


@MANY
@given(st.data(), st.sampled_from(INTEGERS), st.integers(1, 2**65))
def test_steps_keep_the_bound_at_any_value(data: st.DataObject, dtype: str, bound: int) -> None:
    limits = np.iinfo(dtype)
    value = data.draw(st.integers(int(limits.min), int(limits.max)))
    steps = Steps.for_bound(checked_bound(bound), np.dtype(dtype))
    assert steps.step % 2 and steps.step <= limits.max
    values = np.array([value], dtype)
    restored = steps.restore(steps.levels(values), np.dtype(dtype))
    assert abs(int(restored[0]) - value) <= steps.step // 2 <= bound


@MANY
@given(st.floats(1e-290, 1e290))
def test_the_widest_grid_is_nearly_as_wide_as_allowed(bound: float) -> None:
    grid = Grid.for_bound(bound)
    assert grid is not None
    width = Fraction(grid.step) / Fraction(grid.divisor)
    assert 2 * Fraction(bound) * Fraction(32767, 32768) <= width <= 2 * Fraction(bound)


@pytest.mark.parametrize("bound", [5e-324, 1e-305, 1.7e308])
def test_bounds_at_the_end_of_floats_have_no_grid(bound: float) -> None:
    assert Grid.for_bound(bound) is None


@pytest.mark.parametrize(
    "values, divisor",
    [
        (np.arange(50.0), 1),
        (np.arange(50) / 10, 10),
        (np.arange(50, dtype="f4") / np.float32(100), 100),
        ((np.arange(256) / 255).astype("f4"), 255),
        (np.arange(1, 65535, 7) / 65535, 65535),
        (np.arange(50) / 8, 8),
        (np.random.default_rng(0).normal(size=50), None),
        (np.zeros(0), None),
    ],
)
def test_what_values_are_multiples_of_is_found(values: np.ndarray, divisor: float | None) -> None:
    assert grid_divisor(values) == divisor


def test_a_block_of_whole_items_has_their_shape() -> None:
    layout = Layout(np.dtype("u1"), (10, 4, 5))
    assert layout.block_shape(0, 60) == (3, 4, 5)
    assert layout.block_shape(20, 20) == (1, 4, 5)
    assert layout.block_shape(20, 5) == (5,)
    assert layout.block_shape(25, 15) == (15,)
