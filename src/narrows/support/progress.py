"""How long work tells how far it is, without knowing who listens.

A *tracker* is called with a label, a total and a unit, and gives a context manager whose value is
called with each amount done, and a note on how it goes where there is something to say::

    with track("downloading", total=1_648_877, unit="B") as advance:
        advance(65_536)

What a user should know of the data or of a result goes to a *note* likewise, a sentence at a time.
What only tells how far it is takes a tracker and defaults to :func:`silent`; what has something to
say as well takes a :class:`Listener`, which is both. The command line, and estimators with
``verbose``, pass :func:`shown`.
"""

import contextlib
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol, cast, runtime_checkable

from narrows.errors import NarrowsWarning
from narrows.support import pulse
from narrows.support.log import as_json, say, tell
from narrows.support.number_text import count_of
from narrows.support.pulse import looked_after
from narrows.support.speed import Speed
from narrows.support.streams import Report, standard_error

# Of work that no bar shows: when a line tells of it first, of two seconds less what starting takes
# and the pause between two looks; and how often then.
_FIRST_LINE_SECONDS, _LINE_EVERY_SECONDS = 1.5, 5.0


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


#: Makes blocks that KeyboardInterrupt does not break off: it is raised at their end.
Unbroken = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Who listens to a job.

    Attributes:
        track: told how far it is.
        note: told what a user should know, a sentence at a time.
        foretell: told how long a training takes; None for ``note``.
        unbroken: keeps steps of a training from being broken off in the middle.
    """

    track: Tracker = silent
    note: Note = unheard
    foretell: Note | None = None
    unbroken: Unbroken = contextlib.nullcontext

    def note_each(self, lines: Iterable[str]) -> None:
        """Tell several sentences."""
        for line in lines:
            self.note(line)

    def once(self) -> "Listener":
        """The same, told no sentence twice: what two models have in common is said of the first."""
        said = set[str]()

        def note(message: str) -> None:
            if message not in said:
                said.add(message)
                self.note(message)

        return replace(self, note=note)


#: The listener that hears nothing.
NOBODY = Listener()


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
        shown = (_Bar if _can_draw() else _Lines)(label, total, unit)
    if shown is None:
        with silent(label, total=total, unit=unit) as advance:
            yield advance
        return
    _harmless(shown.start)()
    try:
        with looked_after(shown.look):
            yield _harmless(shown.advance)
    finally:
        _harmless(shown.stop)()


@contextlib.contextmanager
def going_on(label: str) -> Iterator[None]:
    """The whole of a command, or of a call that tells: where no work in it is told of, and nothing
    is said, a line says that it goes on."""
    with looked_after(_Lines(label, None, "").look):
        yield


def _can_draw() -> bool:
    """Whether a bar can be drawn: a terminal that cannot move its cursor shows none."""
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return standard_error().isatty() and not as_json() and not dumb


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
        from rich.progress import BarColumn, Progress, TextColumn

        # a bar that is drawn already has put itself before standard error
        err: Any = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f}%" if total else "{task.fields[done]}"),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[note]}"),
            TextColumn("{task.fields[rate]}"),  # the first to go where the terminal is narrow
            console=Console(file=cast(IO[str], Report(err))),
            transient=True,
        )
        self.task = self.bar.add_task(label, total=total, left="", rate="", note="", done="")
        self.total, self.unit, self.done = total, unit, 0.0
        self.began = self.moved_at = pulse.now()
        self.speed = Speed()

    def start(self) -> None:
        self.bar.start()

    def advance(self, amount: float, note: str = "") -> None:
        self.done += amount
        self.moved_at = pulse.now()
        self.speed.add(amount)
        left = self.speed.seconds_for(max((self.total or 0) - self.done, 0))
        self.bar.update(
            self.task,
            completed=self.done,
            done=count_of(self.done, self.unit),
            left="" if left is None or not self.total else f"{_clock(left)} left",
            note=note,
            rate=self.speed.told(self.unit),
        )

    def look(self) -> None:
        """While it does not move, say for how long there has been work."""
        if pulse.now() - self.moved_at > _FIRST_LINE_SECONDS:
            self.bar.update(self.task, left=f"{_clock(pulse.now() - self.began)} so far")

    def stop(self) -> None:
        self.bar.stop()
        pulse.heard()


class _Lines:
    """A line now and then: when work tells that it advanced, or when nothing is said for as long,
    whatever the reason."""

    def __init__(self, label: str, total: float | None, unit: str) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.began = pulse.now()
        self.due = self.began + _FIRST_LINE_SECONDS
        self.wait = _FIRST_LINE_SECONDS
        self.done, self.note, self.has_moved = 0.0, "", False
        self.speed = Speed()

    def start(self) -> None:
        """Nothing is to be said yet."""

    def advance(self, amount: float, note: str = "") -> None:
        self.done += amount
        self.note, self.has_moved = note, True
        self.speed.add(amount)
        if pulse.now() > self.due:
            self._tell()

    def look(self) -> None:
        """Say that the work goes on, where nothing has been said for long."""
        if pulse.silence() > self.wait:
            self._tell()

    def _tell(self) -> None:
        now, self.wait = pulse.now(), _LINE_EVERY_SECONDS
        self.due, seconds = now + self.wait, now - self.began
        speed = self.speed.told(self.unit) if self.has_moved else ""
        self.has_moved = False
        if as_json():
            amount = {"done": self.done, "total": self.total, "unit": self.unit}
            tell("progress", work=self.label, **amount, seconds=round(seconds, 1))
            return
        share = f"{self.done / self.total:.0%}" if self.total else count_of(self.done, self.unit)
        how = f"{self.label} {share}" if self.done else self.label
        say(f"{how}, {speed or f'{_clock(seconds)} so far'}  {self.note}".rstrip())

    def stop(self) -> None:
        """Nothing is left to say."""


def _clock(seconds: float) -> str:
    """A time as a clock shows it, or in seconds below one minute."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest} s"
