"""How long trainings take, said as soon as it can be known: from what their first steps took."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from narrows.support.number_text import about
from narrows.support.progress import Advance, Listener, Note
from narrows.support.speed import Speed
from narrows.support.spelling import spelt

# Steps are timed for so long, and what takes less than the second time is not worth a word.
_TIMED, _WORTH_SAYING = 2.0, 15.0
# Beyond this a reader wants to know what would shorten it.
_LONG = 300.0


def timed_training(
    listener: Listener,
    what: str,
    before: float = 0.0,
    least: float = 1.0,
    fewer: str | None = None,
) -> Listener:
    """The same listener, told after two seconds of training how long it takes in all.

    Args:
        what: begins it, such as ``at most 3,334 epochs``.
        before: seconds of earlier trainings that will be taken once more, together with those of
            this one, by the other sizes of codes; 0 where none are trained.
        least: the share of it after which a training may stop, as nothing is gained any more; 1
            where it takes all of it.
        fewer: the option that makes a long one shorter; None for ``epochs``, empty for none.
    """

    foretell = listener.foretell or listener.note

    @contextlib.contextmanager
    def timed(label: str, *, total: float | None, unit: str) -> Iterator[Advance]:
        with listener.track(label, total=total, unit=unit) as advance:
            if label != "training" or total is None:
                yield advance
            else:
                yield _Timed(advance, total, said)

    def said(seconds: float) -> None:
        _say(foretell, what, seconds, before, least)
        shorter = spelt("epochs") if fewer is None else fewer
        if shorter and seconds + (seconds + before if before else 0) > _LONG:
            foretell(f"  {shorter} takes fewer")

    return replace(listener, track=timed)


def _say(note: Note, what: str, seconds: float, before: float, least: float) -> None:
    if seconds < _WORTH_SAYING:
        return
    # when nothing is gained any more cannot be foretold
    most, up_to = about(seconds), "" if least == 1 else "up to "
    length = most if least == 1 else f"from {about(least * seconds)} to {most}"
    then = f"; other sizes of codes then {up_to}{about(seconds + before)}" if before else ""
    note(f"  {what}: {length}{then}")


class _Timed:
    """Tells once what all work that is left takes, as soon as two seconds of it were timed."""

    def __init__(self, advance: Advance, total: float, tell: Callable[[float], None]) -> None:
        self.advance, self.total, self.tell = advance, total, tell
        self.speed, self.is_told, self.has_begun = Speed(), False, False

    def __call__(self, amount: float, note: str = "") -> None:
        self.advance(amount, note)
        if not self.has_begun:  # what an earlier run did is told first
            self.total, self.has_begun = self.total - amount, True
        self.speed.add(amount)
        seconds = self.speed.seconds_for(self.total)
        if not self.is_told and seconds is not None and self.speed.seconds > _TIMED:
            self.is_told = True
            self.tell(seconds)
