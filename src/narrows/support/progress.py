"""How long work tells how far it is, without knowing who listens.

A *tracker* is called with a label, a total and a unit, and gives a context manager whose value is
called with each amount done, and a note on how it goes where there is something to say::

    with track("downloading", total=1_648_877, unit="B") as advance:
        advance(65_536)

What a user should know of the data or of a result goes to a *note* likewise, a sentence at a time.
Library code takes a tracker and defaults to :func:`silent`; the command line, and estimators with
``verbose``, pass :func:`shown`.
"""

import contextlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any, Protocol, cast, runtime_checkable

from narrows.errors import NarrowsWarning
from narrows.support.log import as_json, say, tell
from narrows.support.streams import Report, standard_error

# Of work that no bar shows: when a line tells of it first, and how often then.
_FIRST_LINE_SECONDS, _LINE_EVERY_SECONDS = 2.0, 10.0


class Advance(Protocol):
    """Told each amount of work done."""

    def __call__(self, amount: float, note: str = "") -> None: ...


@runtime_checkable
class Tracker(Protocol):
    """Anything that can be told how far some work is."""

    def __call__(
        self, label: str, *, total: float | None, unit: str
    ) -> AbstractContextManager[Advance]: ...


#: Told what a user should know, a sentence at a time.
Note = Callable[[str], None]


def unheard(message: str) -> None:
    """The note that nobody hears."""


@contextlib.contextmanager
def silent(label: str, *, total: float | None, unit: str) -> Iterator[Advance]:
    """The tracker that says nothing."""
    yield lambda amount, note="": None


def warn(message: str, *, stacklevel: int) -> None:
    """A warning to the caller so many calls above; lost where standard error is.

    Raises:
        NarrowsWarning: warnings are errors.
    """
    try:
        warnings.warn(message, NarrowsWarning, stacklevel=stacklevel + 1)
    except Warning:
        raise
    except Exception:  # a closed stream's is a ValueError
        pass


@contextlib.contextmanager
def shown(label: str, *, total: float | None, unit: str) -> Iterator[Advance]:
    """The tracker that draws a bar on stderr in a terminal, and some lines elsewhere. Work goes on
    where it cannot."""
    shown: _Bar | _Lines | None = None
    with contextlib.suppress(Exception):
        draws = standard_error().isatty() and not as_json()
        shown = (_Bar if draws else _Lines)(label, total, unit)
    if shown is None:
        with silent(label, total=total, unit=unit) as advance:
            yield advance
        return
    _harmless(shown.start)()
    try:
        yield _harmless(shown.advance)
    finally:
        _harmless(shown.stop)()


def _harmless(report: Callable[..., None]) -> Callable[..., None]:
    """``report``, whose failure is nothing to the work that it tells of: no thread can be started,
    a terminal's size makes no sense."""

    def harmless(*arguments: Any, **more: Any) -> None:
        with contextlib.suppress(Exception):
            report(*arguments, **more)

    return harmless


class _Bar:
    """A bar in a terminal."""

    def __init__(self, label: str, total: float | None, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        # a bar that is drawn already has put itself before standard error
        err: Any = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f}%" if total else "{task.completed:,.0f} " + unit),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}"),
            TextColumn("{task.fields[rate]}"),  # the first to go where the terminal is narrow
            console=Console(file=cast(IO[str], Report(err))),
            transient=True,
        )
        self.task = self.bar.add_task(label, total=total, rate="", note="")
        self.unit, self.began, self.done = unit, time.monotonic(), 0.0
        self.skipped: float | None = None

    def start(self) -> None:
        self.bar.start()

    def advance(self, amount: float, note: str = "") -> None:
        if self.skipped is None:
            # what an earlier run did says nothing about the speed of this one
            self.skipped = amount
        self.done += amount
        new = self.done - self.skipped
        rate = _rate(new / max(time.monotonic() - self.began, 1e-3), self.unit) if new > 0 else ""
        self.bar.update(self.task, completed=self.done, note=note, rate=rate)

    def stop(self) -> None:
        self.bar.stop()


class _Lines:
    """A line now and then."""

    def __init__(self, label: str, total: float | None, unit: str) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.began = time.monotonic()
        self.due = self.began + _FIRST_LINE_SECONDS
        self.done = 0.0

    def start(self) -> None:
        """Nothing is to be said yet."""

    def advance(self, amount: float, note: str = "") -> None:
        self.done += amount
        now = time.monotonic()
        if now > self.due:
            self.due = now + _LINE_EVERY_SECONDS
            self._tell(note, now - self.began)

    def _tell(self, note: str, seconds: float) -> None:
        done, unit = self.done, self.unit
        if as_json():
            tell("progress", work=self.label, done=done, total=self.total, unit=unit)
            return
        share = f"{done / self.total:.0%}" if self.total else f"{done:,.0f} {unit}"
        say(f"{self.label} {share}, {_rate(done / seconds, unit)}  {note}".rstrip())

    def stop(self) -> None:
        """Nothing is left to say."""


def _rate(amount: float, unit: str) -> str:
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.3g}{prefix} {unit}/s"
    return f"{amount:.3g} {unit}/s"
