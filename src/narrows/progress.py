"""How long work tells how far it is, without knowing who listens.

A *tracker* is called with a label, a total and a unit, and gives a context manager whose value is
called with each amount done, and a note on how it goes where there is something to say::

    with track("downloading", total=1_648_877, unit="B") as advance:
        advance(65_536)

Library code takes a tracker and defaults to :func:`silent`; the command line, and estimators with
``verbose``, pass :func:`shown`.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

_LINE_EVERY_SECONDS = 10.0


class Advance(Protocol):
    """Told each amount of work done."""

    def __call__(self, amount: float, note: str = "") -> None: ...


@runtime_checkable
class Tracker(Protocol):
    """Anything that can be told how far some work is."""

    def __call__(
        self, label: str, *, total: float | None, unit: str
    ) -> AbstractContextManager[Advance]: ...


@contextlib.contextmanager
def silent(label: str, *, total: float | None, unit: str) -> Iterator[Advance]:
    """The tracker that says nothing."""
    yield lambda amount, note="": None


def say(message: str) -> None:
    """A message to the person who waits, on stderr."""
    print(message, file=sys.stderr, flush=True)


@contextlib.contextmanager
def shown(label: str, *, total: float | None, unit: str) -> Iterator[Advance]:
    """The tracker that draws a bar on stderr in a terminal, and some lines elsewhere."""
    shown = _bar(label, total, unit) if sys.stderr.isatty() else _lines(label, total, unit)
    with shown as advance:
        yield advance


@contextlib.contextmanager
def _bar(label: str, total: float | None, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
        TextColumn("{task.fields[rate]}"),  # the first to go where the terminal is narrow
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(label, total=total, rate="", note="")
    start, done, skipped = time.monotonic(), 0.0, None

    def advance(amount: float, note: str = "") -> None:
        nonlocal done, skipped
        if skipped is None:
            skipped = amount  # what an earlier run did says nothing about the speed of this one
        done += amount
        rate = _rate((done - skipped) / max(time.monotonic() - start, 1e-3), unit)
        bar.update(task, completed=done, note=note, rate=rate if done > skipped else "")

    with bar:
        yield advance


@contextlib.contextmanager
def _lines(label: str, total: float | None, unit: str) -> Iterator[Advance]:
    start = last = time.monotonic()
    done = 0.0

    def advance(amount: float, note: str = "") -> None:
        nonlocal done, last
        done += amount
        now = time.monotonic()
        if now - last > _LINE_EVERY_SECONDS:
            last = now
            share = f"{done / total:.0%}" if total else f"{done:,.0f} {unit}"
            say(f"{label} {share}, {_rate(done / (now - start), unit)}  {note}".rstrip())

    yield advance


def _rate(amount: float, unit: str) -> str:
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.3g}{prefix} {unit}/s"
    return f"{amount:.3g} {unit}/s"
