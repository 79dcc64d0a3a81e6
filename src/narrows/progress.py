"""How long work tells how far it is, without knowing who listens.

A *tracker* is called with a label, a total and a unit, and gives a context manager whose value is
called with each amount done::

    with track("downloading", total=1_648_877, unit="B") as advance:
        advance(65_536)

Library code takes a tracker and defaults to :func:`silent`; the command line passes one that draws
a bar on stderr.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol


class Tracker(Protocol):
    """Anything that can be told how far some work is."""

    def __call__(
        self, label: str, *, total: float | None, unit: str
    ) -> AbstractContextManager[Callable[[float], None]]: ...


@contextlib.contextmanager
def silent(label: str, *, total: float | None, unit: str) -> Iterator[Callable[[float], None]]:
    """The tracker that says nothing."""
    yield lambda amount: None
