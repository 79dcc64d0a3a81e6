"""8-bit data are rounded by the threads that compute them: to the same bytes as floats by NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.engine_cases import Case, use_threads
from narrows.engine.fused.runner import FusedRunner
from narrows.nn.scaling import Scaling
from narrows.support.rounding import ValueType, as_dtype

BYTES = np.dtype(np.uint8)
# no multiples of a vector, fewer than one, and whole ones
SHAPES: list[tuple[int, ...]] = [(5,), (16, 4), (7, 11)]
# of values that leave the range on both sides
UNITS = Scaling(-40.0, 390.0)
COUNTS = [1, 8, 9, 16, 100, 333]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("value_range", [None, (16, 235)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bytes_are_those_that_numpy_makes_of_the_floats(
    shape: tuple[int, ...],
    value_range: tuple[float, float] | None,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_threads(threads, together=False, patch=monkeypatch)
    case = Case(shape, (5, 3, 5), "silu", "sigmoid", scaling=UNITS)
    run = FusedRunner(case.model())
    codes = np.random.default_rng(0).normal(0, 90, (max(COUNTS), 3)).astype(np.float32)
    floats = run.decode(codes)
    expected = as_dtype(floats, BYTES, value_range)
    assert len(np.unique(expected)) > 20
    assert floats.min() < 0
    assert floats.max() > 255
    for count in COUNTS:
        found = run.decode(codes[:count], ValueType(BYTES, value_range))
        assert found.dtype == BYTES
        assert found.shape == (count, *shape)
        np.testing.assert_array_equal(found, expected[:count])


@pytest.mark.parametrize("width", [3, 40])
def test_halves_go_to_the_even_neighbour(width: int) -> None:
    model = Case((width,), (width,), "linear", "linear", scaling=Scaling(0.5, 2.0)).model()
    decoder = {name: array for name, array in model.arrays.items() if name.startswith("decoder")}
    same = {name: np.eye(*array.shape, dtype=np.float32) for name, array in decoder.items()
            if array.ndim == 2}  # fmt: skip
    none = {name: np.zeros_like(array) for name, array in decoder.items() if array.ndim == 1}
    run = FusedRunner(replace(model, arrays={**model.arrays, **same, **none}))
    codes = (np.arange(40 * width, dtype=np.float32) % 120).reshape(40, width)
    np.testing.assert_array_equal(run.decode(codes), 2 * codes + 0.5)
    # 0.5, 2.5, 4.5 and so on: each lies behind an even number
    np.testing.assert_array_equal(run.decode(codes, ValueType(BYTES)), 2 * codes)


@pytest.mark.parametrize("dtype", ["uint16", "int8", "float32", "float64", "bool"])
def test_other_types_are_rounded_as_ever(dtype: str) -> None:
    case = Case((5,), (5, 3, 5), "silu", "sigmoid", scaling=UNITS)
    run = FusedRunner(case.model())
    codes = np.random.default_rng(0).normal(0, 90, (40, 3)).astype(np.float32)
    kind = ValueType(np.dtype(dtype))
    np.testing.assert_array_equal(run.decode(codes, kind), as_dtype(run.decode(codes), *kind))


def test_a_centre_of_each_value_is_added() -> None:
    centre = np.arange(5, dtype=np.float64) * 40
    case = Case((5,), (5, 3, 5), "silu", "sigmoid", scaling=Scaling(0.0, 30.0, centre))
    run = FusedRunner(case.model())
    codes = np.random.default_rng(0).normal(0, 90, (40, 3)).astype(np.float32)
    found = run.decode(codes, ValueType(BYTES))
    np.testing.assert_array_equal(found, as_dtype(run.decode(codes), BYTES, None))
    assert (found.min(0) >= np.arange(5) * 40).all()


@pytest.mark.parametrize("count", [3, 40])
def test_what_is_no_number_is_the_lowest_and_only_there(count: int) -> None:
    case = Case((20,), (5, 3, 5), "silu", "linear", scaling=UNITS)
    run = FusedRunner(case.model())
    codes = np.random.default_rng(0).normal(0, 9, (count, 3)).astype(np.float32)
    expected = run.decode(codes, ValueType(BYTES))
    codes[1] = np.nan
    with np.errstate(invalid="ignore"):
        found = run.decode(codes, ValueType(BYTES))
    assert not found[1].any()
    others = np.arange(count) != 1
    np.testing.assert_array_equal(found[others], expected[others])
