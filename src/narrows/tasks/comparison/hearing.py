"""Who is told how far a comparison is."""

import contextlib
from dataclasses import dataclass

from narrows.support.progress import Note, Tracker, silent, unheard
from narrows.training.loop import Unbroken


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """Who is told how far work is and what came up, and what keeps it from being broken off in
    the middle of a step."""

    track: Tracker = silent
    note: Note = unheard
    unbroken: Unbroken = contextlib.nullcontext
