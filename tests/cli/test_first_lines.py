"""Commands that take long to begin say so before they begin."""

from pathlib import Path
from typing import Any

import pytest

from helpers.command_line import Command, failed
from narrows.errors import DataError
from narrows.support import progress


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


def test_where_no_bar_is_work_is_told_of_after_two_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    told = []
    with progress.shown("encoding", total=10, unit="items") as advance:
        for _ in range(9):
            now[0] += 1.5
            advance(1)
            told.append(capsys.readouterr().err.count("encoding"))
    assert told == [0, 1, 0, 0, 0, 0, 0, 0, 1]
