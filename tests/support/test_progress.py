"""Long work is told of, whether it advances or not; the clock is the tests'."""

import json
import threading
from typing import Any

import pytest

from helpers.clock import Clock
from narrows.support import progress, pulse
from narrows.support.log import log_as_before, log_json, say
from narrows.support.speed import Speed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def pulses() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "narrows-pulse"]


def test_work_that_does_not_advance_is_told_of(clock: Clock, capsys: Any) -> None:
    with progress.shown("compiling", total=2, unit="kernels") as advance:
        clock.wait(1.25)
        assert not capsys.readouterr().err
        clock.wait(12)
        advance(1)
        clock.wait(3)
    # after less than 2 s, and then every 5 s, seen in quarters of a second
    assert capsys.readouterr().err.splitlines() == [
        "compiling, 2 s so far",
        "compiling, 7 s so far",
        "compiling, 13 s so far",
    ]


def test_work_that_advances_is_told_of_with_its_speed(clock: Clock, capsys: Any) -> None:
    told = []
    with progress.shown("encoding", total=200, unit="items") as advance:
        for _ in range(7):
            clock.seconds += 1.25
            advance(20, "well")
            told.append(capsys.readouterr().err)
    first, last = (f"encoding {share}%, 16 items/s  well\n" for share in (20, 70))
    assert told == ["", first, "", "", "", "", last]


@pytest.mark.parametrize(("count", "told"), [(1, "1 try"), (3, "3 tries")])
def test_work_of_unknown_size_tells_how_much_is_done(
    count: int, told: str, clock: Clock, capsys: Any
) -> None:
    with progress.shown("looking", total=None, unit="tries") as advance:
        clock.seconds += 4
        advance(count)
    assert capsys.readouterr().err == f"looking {told}, 4 s so far\n"


def test_what_is_said_meanwhile_puts_a_line_off(clock: Clock, capsys: Any) -> None:
    with progress.shown("fitting", total=None, unit="rows"):
        for _ in range(8):
            clock.wait(1)
            say("note")
    assert capsys.readouterr().err.splitlines() == ["note"] * 8


def test_a_whole_command_goes_on_between_its_works(clock: Clock, capsys: Any) -> None:
    with progress.going_on("working"):
        with progress.shown("reading", total=None, unit="rows"):
            clock.wait(1)
        clock.wait(1)
        assert capsys.readouterr().err == "working, 2 s so far\n"
        with progress.shown("drawing", total=None, unit="pictures"):
            clock.wait(5)
        assert capsys.readouterr().err == "drawing, 2 s so far\n"
        with pulse.resting():
            clock.wait(100)
    assert not capsys.readouterr().err
    clock.wait(100)
    assert not capsys.readouterr().err


def test_programs_are_told_so_too(clock: Clock, capsys: Any) -> None:
    with log_as_before():
        log_json()
        with progress.shown("training", total=40, unit="items") as advance:
            clock.wait(2)
            advance(10)
            clock.wait(5)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each.pop("time") != "", each.pop("seconds")) for each in lines] == [
        (True, 1.8),
        (True, 7.0),
    ]
    rest = {"event": "progress", "work": "training", "total": 40, "unit": "items"}
    assert lines == [{**rest, "done": 0}, {**rest, "done": 10}]


def test_the_thread_is_there_as_long_as_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = threading.Event()
    monkeypatch.setattr(pulse, "_LOOK_SECONDS", 0.001)
    ending = set(pulses())  # those of tests before
    with pulse.looked_after(looks.set), pulse.looked_after(looks.set):
        (thread,) = set(pulses()) - ending
        assert looks.wait(60) and thread.daemon
    thread.join(60)
    assert not thread.is_alive()


def test_work_goes_on_where_no_thread_can_be_started(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with progress.shown("encoding", total=1, unit="items") as advance:
        advance(1)
    assert not capsys.readouterr().err


def test_a_bar_that_does_not_move_says_for_how_long(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(progress, "_can_draw", lambda: True)
    bar = progress._Bar("compiling", 100, "kernels")
    clock.seconds += 1
    bar.look()
    assert bar.bar.tasks[0].fields["left"] == ""
    clock.seconds += 89
    bar.look()
    assert bar.bar.tasks[0].fields["left"] == "1:30 so far"
    for _ in range(3):
        clock.seconds += 2
        bar.advance(20)
    assert bar.bar.tasks[0].fields["left"] == "4 s left"
    assert bar.bar.tasks[0].fields["rate"] == "10 kernels/s"


def test_the_first_piece_of_each_size_is_no_part_of_the_speed(clock: Clock) -> None:
    speed = Speed()
    assert speed.seconds_for(1) is None and speed.told("items") == ""
    for amount, seconds in ((0, 0), (8, 60), (8, 2), (4, 60), (4, 1)):
        clock.seconds += seconds
        speed.add(amount)
    assert speed.seconds_for(100) == 25.0
    assert speed.told("items") == "4 items/s"


def test_a_listener_may_be_told_each_sentence_once() -> None:
    told = list[str]()
    listener = progress.Listener(note=told.append)
    once = listener.once()
    once.note_each(["read as grey", "2 items", "read as grey"])
    once.note("2 items")
    assert told == ["read as grey", "2 items"]
    listener.note("2 items")
    assert told == ["read as grey", "2 items", "2 items"]
