"""What a terminal shows: progress and messages on stderr, results on stdout."""

import contextlib
import json
import math
import os
from collections.abc import Iterator
from typing import Any

from narrows.errors import NarrowsError, OutputError
from narrows.support.files import is_standard_output
from narrows.support.interruption import unbroken
from narrows.support.log import as_json as log_is_json
from narrows.support.log import say as say_plainly
from narrows.support.log import tell
from narrows.support.progress import Advance, Listener, shown
from narrows.support.standard_input import renamed
from narrows.support.streams import output_error, printable, standard_error, standard_output
from narrows.tasks.outputs import Written


def say(message: str) -> None:
    """A message to the person at the terminal; never fails."""
    say_plainly(renamed(message))


@contextlib.contextmanager
def progress(label: str, *, total: float | None, unit: str) -> Iterator[Advance]:
    """A tracker, as in :mod:`narrows.support.progress`: a bar in a terminal, lines elsewhere."""
    with shown(renamed(label), total=total, unit=unit) as advance:
        yield advance


#: The person at the terminal, who listens to every job.
PERSON = Listener(track=progress, note=say, unbroken=unbroken)


def show(
    text: str,
    values: dict[str, Any],
    as_json: bool,
    *,
    beside: str | os.PathLike[str] | None = None,
) -> None:
    """A command's result: for people, or as JSON for machines. Where the data of ``beside`` went to
    standard output, it is a message.

    Raises:
        OutputError: standard output takes no more.
        BrokenPipeError: whoever read it has seen enough.
    """
    if beside is not None and is_standard_output(beside):
        say(text)
        return
    line = renamed(json.dumps(_plain(values)) if as_json else text)
    try:
        out = standard_output()
        out.write(printable(f"{line}\n", out.encoding))
        out.flush()
    except OSError as error:
        output_error()
        if isinstance(error, BrokenPipeError):
            raise
        raise unwritten(error) from error


def show_work(text: str, values: dict[str, Any], as_json: bool) -> None:
    """What became of a job whose result lies in files: a message, or as JSON."""
    if as_json:
        show("", values, as_json)
    else:
        say(text)


def show_written(written: Written, as_json: bool, **more: Any) -> None:
    """What a job wrote: a message, or as JSON with ``more``."""
    show_work(written.sentence(), {**written.values, **more}, as_json)


def unwritten(error: OSError) -> OutputError:
    """What to say where standard output takes no more."""
    return OutputError(
        f"the result cannot be written to standard output: {error.strerror or error}",
        hint="send it where there is room; what was written to files is there",
    )


def show_error(error: NarrowsError) -> None:
    """An error in one sentence, and what to do about it."""
    if log_is_json():
        tell("error", message=renamed(error.message), hint=renamed(error.hint or ""))
        return
    say(f"{_styled('error:', '1;31')} {error.message}")
    if error.hint:
        say(f"{_styled('hint:', '1')} {error.hint}")


def _styled(text: str, code: str) -> str:
    plain = os.environ.get("NO_COLOR") or not standard_error().isatty()
    return text if plain else f"\x1b[{code}m{text}\x1b[0m"


def _plain(value: Any) -> Any:
    """``value`` in what JSON can say: it has no infinity and no NaN."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
