"""How long trainings take, told from what their first steps took."""

import pytest

from narrows.support import pulse
from narrows.support.progress import silent
from narrows.tasks.comparison.duration import timed_training


def said(
    monkeypatch: pytest.MonkeyPatch, step: float, *, label: str = "training", before: float = 0.0
) -> list[str]:
    """What is told of a thousand steps of so many seconds each."""
    now, notes = [0.0], list[str]()
    monkeypatch.setattr(pulse._State, "clock", lambda: now[0])
    track = timed_training(silent, notes.append, "10 epochs", before)
    with track(label, total=1000, unit="items") as advance:
        advance(0)
        now[0] += 30  # compiling is no part of it
        for _ in range(1000):
            advance(1)
            now[0] += step
    return notes


def test_the_time_is_told_once_from_the_speed_of_the_first_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert said(monkeypatch, 0.24) == ["  10 epochs: about 4 minutes"]
    assert said(monkeypatch, 0.24, before=300) == [
        "  10 epochs: about 4 minutes; other sizes of codes then about 9 minutes",
        "  epochs= takes fewer",
    ]


def test_the_first_piece_of_each_size_compiles_and_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, notes = [0.0], list[str]()
    monkeypatch.setattr(pulse._State, "clock", lambda: now[0])
    with timed_training(silent, notes.append, "this")("training", total=240, unit="items") as told:
        told(0)
        for epoch in range(20):
            for amount in (8, 4):
                now[0] += 10 if epoch == 0 else amount * 0.25
                told(amount)
    assert notes == ["  this: about 60 seconds"]


def test_of_short_work_and_of_other_work_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, 0.01) == []
    assert said(monkeypatch, 0.24, label="judging") == []
