"""BLAS on one thread where it is asked for, and as before afterwards."""

import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg
from threadpoolctl import threadpool_info, threadpool_limits

from narrows.support import blas
from narrows.support.blas import one_blas_thread, side_by_side


def blas_threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """Every BLAS that NumPy and SciPy brought has three, whatever the machine has."""
    assert scipy.linalg.eigh(np.eye(2)) is not None
    with threadpool_limits(3, "blas"):
        yield
        assert blas_threads() == {3}


def test_there_is_one_thread_inside() -> None:
    with one_blas_thread():
        assert blas_threads() == {1}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {3}


def test_an_exception_leaves_the_threads_as_they_were() -> None:
    @one_blas_thread()
    def failing() -> None:
        assert blas_threads() == {1}
        raise KeyError

    with pytest.raises(KeyError):
        failing()


def test_the_last_of_several_threads_gives_them_back() -> None:
    first_is_in, first_may_go = threading.Event(), threading.Event()

    def first() -> None:
        with one_blas_thread():
            first_is_in.set()
            first_may_go.wait(60)

    thread = threading.Thread(target=first)
    thread.start()
    first_is_in.wait(60)
    with one_blas_thread():
        first_may_go.set()
        thread.join()
        assert blas_threads() == {1}
    assert blas_threads() == {3}


def test_what_somebody_else_sets_meanwhile_stays() -> None:
    with threadpool_limits(3, "blas"):
        with one_blas_thread():
            threadpool_limits(2, "blas")
        assert blas_threads() == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_fork_during_the_work_of_another_thread_is_free() -> None:
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        with one_blas_thread():
            inside.set()
            done.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(60)
    child = os.fork()
    if not child:
        os._exit(0 if not blas._inside and not blas._before else 1)
    assert os.waitpid(child, 0)[1] == 0
    done.set()
    thread.join()


@pytest.mark.parametrize("cores", (1, 4))
def test_parts_come_in_order_and_are_taken_as_they_are_needed(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blas, "usable_cores", lambda: cores)
    taken = []

    def parts() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    found = []
    for number, threads in side_by_side(lambda part: (part, blas_threads()), parts()):
        assert threads == {1}
        assert len(taken) <= number + cores + 2
        found.append(number)
    assert found == list(range(100))


def test_the_error_of_a_part_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda part: 1 / part, [1, 2, 0, 4]))
