"""Kernels compute what the same functions of Python do, number by number."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from narrows.support.compiling import folder
from narrows.support.compiling.kinds import hold
from narrows.support.compiling.native import Kernel, compiled
from narrows.support.compiling.translating import Part, part

FACTOR, HALF = 3, np.float32(0.5)
# Of 64 bits: beside Python's own numbers, NumPy keeps to float32.
LARGE = np.float64(0.1), np.int64(41)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(folder, "_said", [])


class Plain(NamedTuple):
    factor: np.float32
    is_doubled: bool


@hold
class Table(NamedTuple):
    values: np.ndarray
    rows: np.ndarray
    are_odd: np.ndarray
    size: int
    share: np.float32
    is_last: bool


def integers(to: Any, a: int, b: int) -> None:
    to[0], to[1], to[2] = a + b, a - b, a * b
    to[3], to[4], to[5], to[6] = a // b, a % b, a // 8, a % 8
    to[7], to[8], to[9] = -(-a // b), min(a, b, 2), max(a, b)
    to[10] = abs(a) if a < b else -a
    to[11] = (a < b) + (a == b) + (not a > b)
    to[12] = a or b
    to[13] = a and b
    to[14] = 1 if -3 < a < 3 or (b != 2 and a) else 0
    to[15] = (a & 7) | 8
    to[16] = int(a > 0) + len(to) + FACTOR
    to[17], to[18] = (a, b) if a % 2 else (b, a)
    to[19] = a // -8 + b % -5


def floats(to: Any, x: np.float32, y: np.float32, z: float, n: int) -> None:
    to[0], to[1], to[2], to[3] = x + y, x - y, x * y, x / y
    to[4], to[5] = x * HALF + z, x + z * n
    to[6], to[7] = n / 7, np.float32(n) / np.float32(7)
    to[8], to[9] = min(x, y), max(x, y)
    to[10], to[11] = abs(x), -y
    to[12], to[13] = np.sign(x), np.exp(x)
    to[14] = np.log(abs(x))
    to[15] = 1 if x < y else 0
    to[16] = x != x
    to[17] = np.float32(z)
    to[18] = x * n


def sums(to: Any, table: Any, n: int) -> None:
    total = 0
    for i in range(n):
        if i == 3:
            continue
        if i > 11:
            break
        total += i
    to[0] = total
    for i in range(n, 0, -2):
        for j in range(i, n, 3):
            to[1] += i * j
    while total > 1:
        total = total // 2
        to[2] += 1
    for row in table:
        a, b, c = row
        to[3] += a * 100 + b * 10 + c
        to[4] += row[1]
    for i in range(len(table)):
        table[i, 2] += to[1:][i]
    part_ = table[1:3]
    to[5], to[6] = len(part_), part_[0, 0]
    to[7], to[8] = len(table[2, 1:]), len(table[n:])
    flat = table[0]
    flat[0] = -1
    to[9] = table.shape[1]


@part
def scaled(table: Table, at: int) -> np.float32:
    value = table.values[at] * table.share
    return np.float32(2) * value if table.are_odd[at] else value


@part
def edges(size: int, parts: int) -> tuple[int, int]:
    return size // parts, size - size // parts


@part
def plain(is_doubled: bool) -> Plain:
    return Plain(np.float32(1.5), is_doubled)


class Piece(NamedTuple):
    values: np.ndarray
    first: int


@part
def piece(table: Table, first: int) -> Piece:
    return Piece(table.values[first : first + 2], first)


@part
def described(given: Plain) -> np.float32:
    if given.is_doubled:
        return given.factor * np.float32(2)
    return given.factor


def calls(to: Any, table: Table, given: Plain) -> None:
    first, last = edges(table.size, 3)
    to[0], to[1] = first, last
    for at in range(len(table.values)):
        to[2] += scaled(table, at)
    to[3] = given.factor if given.is_doubled and not table.is_last else np.float32(0)
    own = plain(table.is_last)
    to[4] = described(own) + described(given)
    ours = piece(table, 1)
    to[6], to[7] = len(ours.values) + ours.first, ours.values[1]
    to[5] = table.rows[1, 2, 0] + len(table.rows[1]) * 10 + table.rows[0, 1, 1]


def python(function: Callable[..., None], *arguments: Any) -> None:
    """The same in Python, where parts are functions too."""
    names = {
        name: value.function if isinstance(value, Part) else value
        for name, value in globals().items()
    }
    for each in [
        value for value in names.values() if callable(value) and hasattr(value, "__code__")
    ]:
        if each.__module__ == __name__ and each.__code__.co_filename == __file__:
            names[each.__name__] = type(each)(each.__code__, names)
    names[function.__name__](*arguments)


def kernel(function: Callable[..., None]) -> Kernel:
    return compiled(function, 0)


def test_integers_are_pythons() -> None:
    compute = kernel(integers)
    for a in (-17, -8, -1, 0, 1, 5, 16, 1 << 40):
        for b in (-5, -1, 2, 3, 16):
            found, expected = np.zeros((2, 20), np.int64)
            compute(found, a, b)
            python(integers, expected, a, b)
            assert found.tolist() == expected.tolist(), (a, b)


def test_floats_are_numpys() -> None:
    compute, values = kernel(floats), [np.float32(each) for each in (-2.5, 0.3, 1e-3, 77, 1 / 3)]
    for x in values:
        for y in values:
            found, expected = np.zeros((2, 19))
            compute(found, x, y, *LARGE)
            python(floats, expected, x, y, *LARGE)
            np.testing.assert_allclose(found[13:15], expected[13:15], rtol=3e-7)
            found[13:15] = expected[13:15] = 0
            assert found.tolist() == expected.tolist(), (x, y)


def test_the_lesser_and_the_greater_of_what_is_no_number() -> None:
    compute, nan = kernel(floats), np.float32("nan")
    for x, y in ((nan, np.float32(1)), (np.float32(1), nan)):
        found, expected = np.zeros((2, 19))
        compute(found, x, y, *LARGE)
        python(floats, expected, x, y, *LARGE)
        np.testing.assert_allclose(found, expected, rtol=3e-7)


@pytest.mark.parametrize("count", [0, 1, 4, 20])
def test_loops_and_places_are_pythons(count: int) -> None:
    found, expected = np.zeros((2, 10), np.int64)
    tables = np.arange(12).reshape(4, 3), np.arange(12).reshape(4, 3)
    kernel(sums)(found, tables[0], count)
    python(sums, expected, tables[1], count)
    assert found.tolist() == expected.tolist()
    assert tables[0].tolist() == tables[1].tolist()


@pytest.mark.parametrize("is_last", [False, True])
def test_parts_take_and_give_tuples(is_last: bool) -> None:
    table = Table(
        np.arange(5, dtype=np.float32), np.arange(24).reshape(2, 3, 4), np.arange(5) % 2 == 1,
        10, np.float32(0.75), is_last,
    )  # fmt: skip
    found, expected = np.zeros((2, 8), np.float32)
    kernel(calls)(found, table, Plain(np.float32(0.1), True))
    python(calls, expected, table, Plain(np.float32(0.1), True))
    assert found.tolist() == expected.tolist()


def test_float_arithmetic_may_be_reordered_where_a_part_says_so() -> None:
    values = np.random.default_rng(0).random(1000, np.float32)
    found = np.zeros(1, np.float32)
    kernel(whole)(found, values)
    assert math.isclose(found[0], values.sum(dtype=np.float64), rel_tol=1e-6)


@part(fastmath={"reassoc", "contract"})
def summed(values: Any) -> np.float32:
    total = np.float32(0)
    for i in range(len(values)):
        total += values[i]
    return total


def whole(to: Any, values: Any) -> None:
    to[0] = summed(values)


def test_arrays_may_be_empty_or_only_read() -> None:
    values, found = np.arange(5, dtype=np.float32), np.ones(1, np.float32)
    values.flags.writeable = False
    compute = kernel(whole)
    compute(found, values)
    assert found[0] == 10
    compute(found, values[:0])
    assert found[0] == 0


def unknown_name(to: Any) -> None:
    to[0] = missing  # type: ignore[name-defined]


def narrowed(to: Any) -> None:
    value = 1
    value = 0.5  # type: ignore[assignment]
    to[0] = value


def listed(to: Any) -> None:
    to[0] = [1, 2][0]


def stepped(to: Any) -> None:
    to[0] = len(to[::2])


def outside(to: Any) -> None:
    to[0] = math.sqrt(2)


@pytest.mark.parametrize("function", [unknown_name, narrowed, listed, stepped, outside])
def test_what_no_kernel_may_say_is_named_with_its_function(function: Any) -> None:
    with pytest.raises(TypeError, match=rf"test_translating\.{function.__name__}: "):
        kernel(function)(np.zeros(3))


@pytest.mark.parametrize("given", [np.zeros(3, np.int32), np.zeros((3, 4))[:, 1], "text"])
def test_what_no_kernel_takes_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="no kernel takes"):
        kernel(whole)(np.zeros(1, np.float32), given)
