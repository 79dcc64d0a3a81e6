"""Who is told how far a comparison is."""

import contextlib
from dataclasses import dataclass, replace

from narrows.support.progress import Note, Tracker, silent, unheard
from narrows.training.loop import Unbroken


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """Who is told how far work is and what came up, and what keeps it from being broken off in
    the middle of a step."""

    track: Tracker = silent
    note: Note = unheard
    unbroken: Unbroken = contextlib.nullcontext

    def once(self) -> "Hearing":
        """The same, told no sentence twice: what two models have in common is said of the first."""
        said = set[str]()

        def note(message: str) -> None:
            if message not in said:
                said.add(message)
                self.note(message)

        return replace(self, note=note)
