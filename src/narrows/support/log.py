"""What a program tells while it works, on standard error: sentences for people, or a JSON object a
line for programs."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from narrows.support import pulse
from narrows.support.streams import standard_error


class _State:
    as_json = False


def as_json() -> bool:
    """Whether what is told is told to programs."""
    return _State.as_json


def log_json() -> None:
    """From now on, in this whole process, tell programs."""
    _State.as_json = True


def log_as_asked(words: Sequence[str]) -> None:
    """The same where the words of a command line ask for it: what is said before they are read is
    told to programs too."""
    if "--log=json" in words or ("--log", "json") in pairwise(words):
        log_json()


@contextlib.contextmanager
def log_as_before() -> Iterator[None]:
    """What :func:`log_json` does in the block ends with it."""
    before = _State.as_json
    try:
        yield
    finally:
        _State.as_json = before


def say(message: str) -> None:
    """A message to the person who waits, on stderr; never fails."""
    if _State.as_json:
        tell("note", message=message)
    else:
        _write(message)


def tell(event: str, **values: Any) -> None:
    """A line for programs, on stderr: an object with ``event``, the ``time`` in UTC and ``values``;
    never fails."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    _write(json.dumps({"event": event, "time": now, **values}))


def _write(line: str) -> None:
    err = standard_error()
    err.write(f"{line}\n")
    err.flush()
    pulse.heard()
