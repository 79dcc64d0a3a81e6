"""Work done ahead comes in order, no more of it than is allowed, and ends with who wants it."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from narrows.support.ahead import OneAhead, in_order


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_more_is_begun_than_allowed_and_all_comes_in_order(threads: int) -> None:
    given = 0

    def items() -> Iterator[int]:
        nonlocal given
        for item in range(50):
            given += 1
            yield item

    for place, result in enumerate(in_order(lambda item: item * item, items(), threads, lambda: 3)):
        assert result == place**2
        assert given <= place + 3
    assert given == 50


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_has_its_place_and_ends_all(threads: int) -> None:
    seen, before = [], threading.enumerate()
    with pytest.raises(ZeroDivisionError):
        for result in in_order(lambda item: 6 // item, [1, 2, 0, 3], threads, lambda: 4):
            seen.append(result)
    assert seen == [6, 3]
    results = in_order(lambda item: item, iter(int, 1), threads, lambda: 4)  # without an end
    with contextlib.closing(results):
        assert next(results) == 0
    assert set(threading.enumerate()) <= set(before)


def test_without_further_threads_the_caller_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pool: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "_adjust_thread_count", refused)
    assert list(in_order(str, range(5), 2, lambda: 2)) == ["0", "1", "2", "3", "4"]


def test_the_next_is_worked_on_while_the_last_is_used() -> None:
    begun = [threading.Event() for _ in range(3)]

    def work(item: int) -> tuple[int, str]:
        begun[item].set()
        return item, threading.current_thread().name

    with contextlib.closing(OneAhead(work)) as ahead:
        here = threading.current_thread().name
        assert ahead.take(0, 1) == (0, here)
        assert begun[1].wait(60)  # while the caller has the first
        item, name = ahead.take(1, 2)
        assert item == 1 and name != here
        assert begun[2].wait(60)
        assert ahead.take(0, None) == (0, here)  # another one than was begun


def test_an_error_ahead_is_raised_where_its_result_is_taken() -> None:
    with contextlib.closing(OneAhead(lambda item: 6 // item)) as ahead:
        assert ahead.take(2, 0) == 3
        with pytest.raises(ZeroDivisionError):
            ahead.take(0, 3)
        assert ahead.take(3, None) == 2
