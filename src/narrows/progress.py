"""How long work tells how far it is, without knowing who listens.

A *tracker* is called with a label, a total and a unit, and gives a context manager whose value is
called with each amount done, and a note on how it goes where there is something to say::

    with track("downloading", total=1_648_877, unit="B") as advance:
        advance(65_536)

Library code takes a tracker and defaults to :func:`silent`; the command line passes one that draws
a bar on stderr.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol


class Advance(Protocol):
    """Told each amount of work done."""

    def __call__(self, amount: float, note: str = "") -> None: ...


class Tracker(Protocol):
    """Anything that can be told how far some work is."""

    def __call__(
        self, label: str, *, total: float | None, unit: str
    ) -> AbstractContextManager[Advance]: ...


@contextlib.contextmanager
def silent(label: str, *, total: float | None, unit: str) -> Iterator[Advance]:
    """The tracker that says nothing."""
    yield lambda amount, note="": None
