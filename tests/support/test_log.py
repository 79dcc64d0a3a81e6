"""What is told to programs: a JSON object a line, whatever it is."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from narrows.support import progress
from narrows.support.log import as_json, log_as_before, log_json, say


def test_lines_for_programs_end_with_their_block(capsys: Any) -> None:
    message = 'a "note"\nof two lines, caf\udce9'
    with log_as_before():
        log_json()
        say(message)
    assert not as_json()
    say("for people")
    line, people = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert people == "for people"
    assert (told["event"], told["message"]) == ("note", message)
    assert datetime.fromisoformat(told["time"]).utcoffset() == datetime.now(UTC).utcoffset()


@pytest.mark.parametrize("total", [40, None])
def test_progress_for_programs_has_numbers(
    total: float | None, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_FIRST_LINE_SECONDS", "_LINE_EVERY_SECONDS"):
        monkeypatch.setattr(progress, name, -1.0)
    with log_as_before():
        log_json()
        with progress.shown("training", total=total, unit="items") as advance:
            advance(10, "epoch 1")
            advance(20)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for each, done in zip(told, (10, 30), strict=True):
        assert each.pop("time")
        expected = {"work": "training", "done": done, "total": total, "unit": "items"}
        assert each == {"event": "progress", **expected}
