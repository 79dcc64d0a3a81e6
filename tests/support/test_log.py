"""What is told to programs: a JSON object a line, whatever it is."""

import json
from datetime import UTC, datetime
from typing import Any

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
