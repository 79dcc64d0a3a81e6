"""Commands that take long to begin say so before they begin."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from helpers.clock import Clock
from helpers.command_line import Command, failed
from narrows import Autoencoder, compare
from narrows.__main__ import _run
from narrows.cli.explore import _serve
from narrows.errors import DataError
from narrows.support.log import log_as_before
from narrows.support.progress import going_on


@pytest.mark.parametrize(
    ("arguments", "begins", "opened"),
    [
        (("explore",), "narrows.tasks.opening.open_autoencoder", "m.safetensors"),
        (
            ("explore", "--export", "p.html"),
            "narrows.tasks.opening.open_autoencoder",
            "m.safetensors",
        ),
        (("compare", "--out", "p.html"), "narrows.tasks.compare.compare", "digits"),
    ],
)
def test_what_is_opened_is_said_before_anything_is_done(
    narrows: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
    begins: str,
    opened: str,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise DataError("it begins", hint="again")

    monkeypatch.chdir(tmp_path)
    Path("m.safetensors").touch()
    monkeypatch.setattr(begins, refuse)
    outcome = narrows(arguments[0], opened, *arguments[1:])
    failed(outcome, 1, "it begins")
    assert outcome.err.startswith(f"opening {opened}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fit", "digits"], ["working, 2 s so far", "working, 7 s so far"]),
        ([], []),
        (["--help"], []),
        (["fit", "-h"], []),
        (["--version"], []),
    ],
)
def test_a_command_that_loads_or_computes_without_a_word_goes_on(
    words: list[str],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock(monkeypatch)

    def work(arguments: list[str]) -> int:
        clock.wait(8)
        return 0

    monkeypatch.setattr("narrows.cli.app.run", work)
    monkeypatch.setattr("sys.meta_path", [*sys.meta_path])
    monkeypatch.setattr("sys.argv", ["narrows", *words])
    assert _run() == 0
    assert capsys.readouterr().err.splitlines() == said


def test_what_is_said_before_the_words_are_read_is_told_to_programs_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr("narrows.cli.app.run", lambda _: clock.wait(3) or 0)
    monkeypatch.setattr("sys.meta_path", [*sys.meta_path])
    for words in (["--log", "json"], ["--log=json"]):
        monkeypatch.setattr("sys.argv", ["narrows", "fit", "digits", *words])
        with log_as_before():
            assert _run() == 0
        told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert [(each["event"], each["work"]) for each in told] == [("progress", "working")]


def test_a_page_that_is_served_is_no_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    for name in ("pages.explore.build_explore_page", "server.requests.application"):
        monkeypatch.setattr(f"narrows.{name}", lambda *_, **__: None)
    monkeypatch.setattr("narrows.server.serving.address_of", lambda _: "http://here")
    monkeypatch.setattr("narrows.server.serving.serve", lambda *_: clock.wait(100))
    with going_on("working"):
        _serve(mock.Mock(), mock.Mock(), "127.0.0.1", browser=False)
    said = capsys.readouterr().err.splitlines()
    assert said == ["the page is at http://here", "Ctrl-C ends it"]


@pytest.mark.parametrize("verbose", [True, False])
def test_python_is_told_between_works_where_it_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verbose: bool
) -> None:
    clock = Clock(monkeypatch)

    def refuse(*_: Any, **__: Any) -> None:
        clock.wait(2)
        raise DataError("it begins", hint="again")

    rows = np.zeros((4, 3), np.float32)
    for where, call in (
        ("narrows.estimators.autoencoder.fit", Autoencoder(verbose=verbose).fit),
        ("narrows.estimators.comparing.job", partial(compare, verbose=verbose)),
    ):
        monkeypatch.setattr(where, refuse)
        with pytest.raises(DataError, match="it begins"):
            call(rows)
        assert capsys.readouterr().err == ("working, 2 s so far\n" if verbose else "")
