"""Processes meet before JAX joins them: all are there together, or who is missing is said."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from helpers.ports import free_port
from narrows.engine import meeting
from narrows.engine.meeting import VARIABLE, met
from narrows.engine.processes import DETECTED, _detected
from narrows.errors import TrainingError, UsageError


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def pool() -> Any:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def _meet(port: int, count: int, index: int, work: Callable[[], Any] = lambda: None) -> None:
    with met(f"127.0.0.1:{port}", count, index):
        work()


def _call(port: int, text: str) -> socket.socket:
    """What comes to process 0, as soon as it listens."""
    while True:
        try:
            caller = socket.create_connection(("127.0.0.1", port))
        except OSError:
            continue
        caller.sendall(f"{text}\n".encode())
        return caller


def test_none_goes_on_before_all_are_there(port: int, pool: ThreadPoolExecutor) -> None:
    barrier = threading.Barrier(3, timeout=60)
    early = [pool.submit(_meet, port, 3, index, barrier.wait) for index in (2, 0)]
    assert not any(each.done() for each in early)
    _meet(port, 3, 1, barrier.wait)
    for each in early:
        each.result()


def test_who_is_missing_is_said_to_all_that_came(
    port: int, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_over(_: Any, missing: str) -> bool:
        return missing == "process 2 of 3"  # it has come to that, and process 1 is there

    monkeypatch.setattr(meeting._Patience, "is_over", is_over)
    monkeypatch.setenv(VARIABLE, "50")
    both = [pool.submit(_meet, port, 3, index) for index in (0, 1)]
    for each in both:
        with pytest.raises(
            TrainingError, match="process 2 of 3 is missing: it did not come within 50 s"
        ):
            each.result()


def test_process_0_that_does_not_come_is_missing(
    port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "0.3")
    monkeypatch.setattr(meeting, "_TOLD_SECONDS", 0.1)
    with pytest.raises(TrainingError, match="process 0 of 2 is missing: it does not answer at"):
        _meet(port, 2, 1)
    assert f"waiting for process 0 of 2, at 127.0.0.1:{port}\n" in capfd.readouterr().err


def test_one_that_goes_while_others_are_waited_for_is_missing_again(
    port: int, pool: ThreadPoolExecutor
) -> None:
    barrier = threading.Barrier(3, timeout=60)
    first = pool.submit(_meet, port, 3, 0, barrier.wait)
    _call(port, "process 1 of 3").close()
    second = pool.submit(_meet, port, 3, 2, barrier.wait)
    _meet(port, 3, 1, barrier.wait)
    first.result()
    second.result()


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("process 1 of 3", b"there is a process 1 already\n"),
        ("process 1 of 4", b"process 0 was started with --processes 3, and this one with 4\n"),
        ("GET / HTTP/1.1", b""),
        ("process 0 of 3", b"there is a process 0 already\n"),
    ],
)
def test_who_is_none_of_the_group_is_told_why(
    said: str, answer: bytes, port: int, pool: ThreadPoolExecutor
) -> None:
    first = pool.submit(_meet, port, 3, 0)
    with _call(port, "process 1 of 3"), _call(port, said) as caller:
        assert caller.recv(1000) == answer
    second = pool.submit(_meet, port, 3, 1)
    _meet(port, 3, 2)
    first.result()
    second.result()


def test_one_that_goes_as_the_last_one_comes_is_waited_for(
    port: int, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    welcome, heard, looked = meeting._welcome, meeting._heard, threading.Event()

    def one_goes(listener: Any, come: dict[int, socket.socket], count: int) -> None:
        welcome(listener, come, count)
        if 2 in come:
            gone.close()

    def look(connections: dict[int, socket.socket]) -> Any:
        if 2 in connections and threading.current_thread() is not threading.main_thread():
            looked.set()
        return heard(connections)

    monkeypatch.setattr(meeting, "_welcome", one_goes)
    monkeypatch.setattr(meeting, "_heard", look)
    first = pool.submit(_meet, port, 3, 0)
    gone = _call(port, "process 1 of 3")
    second = pool.submit(_meet, port, 3, 2)
    assert looked.wait(timeout=20)
    _meet(port, 3, 1)
    first.result()
    second.result()


def test_a_caller_that_reaches_itself_calls_again(
    port: int, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, reached = socket.create_connection, list[socket.socket]()

    def to_itself_first(address: Any, timeout: float) -> socket.socket:
        if reached:
            return create(address, timeout)
        some = socket.socket()
        reached.append(some)
        some.bind(address)
        some.connect(address)  # as it comes where the system chooses the port that is called
        return some

    monkeypatch.setattr(socket, "create_connection", to_itself_first)
    second = pool.submit(_meet, port, 2, 1)
    while not reached or reached[0].fileno() != -1:
        assert not second.done(), second.result()
    _meet(port, 2, 0)
    second.result()


class _EndedError(Exception):
    pass


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "process 1 of 3 is missing: it ended before all had joined"),
        ("process 2 of 3 is missing: it ended\n", "process 2 of 3 is missing: it ended"),
    ],
)
def test_one_that_ends_while_jax_joins_them_ends_all(
    said: str, told: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def end(code: int) -> None:
        raise _EndedError(code)

    monkeypatch.setattr("os._exit", end)
    (lost, first), (other, second) = socket.socketpair(), socket.socketpair()
    with lost, first, other, second:
        lost.sendall(said.encode())
        lost.shutdown(socket.SHUT_WR)
        with pytest.raises(_EndedError, match="1"):
            meeting._look_after({1: first, 2: second}, 3, threading.Event())
        assert other.recv(1000).decode() == f"{told}\n"
    assert f"error: {told}\n" in capfd.readouterr().err


def test_one_that_has_joined_may_leave() -> None:
    left, here = socket.socketpair()
    with left, here:
        left.sendall(b"left\n")
        left.close()
        meeting._look_after({1: here}, 2, threading.Event())


def test_a_port_that_is_taken_is_named(port: int) -> None:
    with (
        socket.create_server(("", port)),
        pytest.raises(TrainingError, match=f"process 0 cannot listen at port {port}"),
    ):
        _meet(port, 2, 0)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_the_time_that_is_waited_is_one(
    text: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UsageError, match=f"{VARIABLE} is '{text}'"):
        _meet(port, 2, 0)


def test_slurm_tells_where_process_0_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=f"coordinator is {DETECTED}, and neither SLURM"):
        _detected()
    given = {
        "SLURM_JOB_ID": "77",
        "SLURM_STEP_NODELIST": "node[3-4]",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": "1",
        "SLURM_LOCALID": "0",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    address, count, index = _detected()
    assert (address.partition(":")[0], count, index) == ("node3", 2, 1)
