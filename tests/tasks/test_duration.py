"""How long trainings take, told from what their first steps took."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narrows import Autoencoder
from narrows.data import Dataset
from narrows.planning.options import FitOptions
from narrows.support import pulse
from narrows.support.progress import Listener
from narrows.tasks.compress_codes import compress_codes
from narrows.tasks.duration import timed_training
from narrows.tasks.fit import FitRequest, fit
from narrows.tasks.options import CodesOptions

ROWS = np.random.default_rng(0).random((40, 6)).astype(np.float32)
SMALL = {"preset": "simple", "latent": 2, "hidden": (4,), "epochs": 20}


def said(
    monkeypatch: pytest.MonkeyPatch, step: float, *, label: str = "training", **more: float
) -> list[str]:
    """What is told of a thousand steps of so many seconds each."""
    now, notes = [0.0], list[str]()
    monkeypatch.setattr(pulse._State, "clock", lambda: now[0])
    track = timed_training(Listener(note=notes.append), "10 epochs", **more).track
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
    track = timed_training(Listener(note=notes.append), "this").track
    with track("training", total=240, unit="items") as told:
        told(0)
        for epoch in range(20):
            for amount in (8, 4):
                now[0] += 10 if epoch == 0 else amount * 0.25
                told(amount)
    assert notes == ["  this: about 60 seconds"]


def test_of_short_work_and_of_other_work_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, 0.01) == []
    assert said(monkeypatch, 0.24, label="judging") == []


def test_what_an_earlier_run_did_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, notes = [0.0], list[str]()
    monkeypatch.setattr(pulse._State, "clock", lambda: now[0])
    track = timed_training(Listener(note=notes.append), "this").track
    with track("training", total=240, unit="items") as told:
        told(120)
        for _ in range(10):
            now[0] += 3
            told(12)
    assert notes == ["  this: about 30 seconds"]


def test_of_a_training_that_may_stop_the_least_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, 0.24, before=300, least=0.25) == [
        "  10 epochs: from about 60 seconds to about 4 minutes; other sizes of codes then up to "
        "about 9 minutes",
        "  epochs= takes fewer",
    ]


@pytest.mark.parametrize(
    ("patience", "length"),
    [(None, "20 epochs: about 2 minutes"), (4, "at most 20 epochs: from about")],
)
def test_fit_says_how_long_it_trains(
    monkeypatch: pytest.MonkeyPatch, patience: int | None, length: str
) -> None:
    ticks, notes = itertools.count(step=5.0), list[str]()
    monkeypatch.setattr(pulse._State, "clock", lambda: next(ticks))
    data = Dataset("rows", ROWS)
    options = FitOptions(**SMALL, patience=patience)
    fit(data, data, FitRequest(options=options), listener=Listener(note=notes.append))
    (told,) = (line for line in notes if "about" in line)
    assert told.startswith(f"  training, {length}")


@pytest.mark.parametrize(
    ("effort", "fewer"), [("normal", ["  effort='fast' takes fewer"]), ("fast", [])]
)
def test_compressing_to_codes_says_how_long_it_trains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, effort: Any, fewer: list[str]
) -> None:
    class Begun(Exception):
        """The training has begun, and is not waited for."""

    def trained(*_: Any, listener: Listener, **__: Any) -> None:
        with listener.track("training", total=1000, unit="items") as advance:
            for _ in range(10):
                advance(1)
        raise Begun

    ticks, notes = itertools.count(step=5.0), list[str]()
    monkeypatch.setattr(pulse._State, "clock", lambda: next(ticks))
    monkeypatch.setattr("narrows.tasks.codes_archive.fit_plan", trained)
    np.save(tmp_path / "images.npy", np.zeros((24, 4, 4), np.uint8))
    how: dict[str, Any] = {"effort": effort, "listener": Listener(note=notes.append)}
    with pytest.raises(Begun):
        compress_codes(
            str(tmp_path / "images.npy"), tmp_path / "a.nrw", CodesOptions(latent=2), **how
        )
    (at,) = (at for at, line in enumerate(notes) if ": about " in line)
    assert notes[at].startswith("  training its model: about ")
    assert notes[at + 1 :] == fewer


@pytest.mark.parametrize("verbose", [True, False])
def test_python_says_so_where_it_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verbose: bool
) -> None:
    ticks = itertools.count(step=5.0)
    monkeypatch.setattr(pulse._State, "clock", lambda: next(ticks))
    Autoencoder(**SMALL, verbose=verbose).fit(ROWS)
    assert ("training, 20 epochs: about " in capsys.readouterr().err) == verbose
