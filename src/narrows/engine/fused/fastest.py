"""The fastest of several ways to the same result, found while they are in use.

How quickly threads can wait for one another depends on what else the machine does, which changes
within moments: on a busy one two may take ten times as long as one. So a turn ends where it becomes
slow, what each way took is remembered, and one that was not gone for a moment, or lost, is trusted
with a few steps only. One that has just lost is tried again soon, for it may have had bad luck: a
core is taken away for a moment now and then. The more often it lost in a row, the later.

Where a core is taken away, the steps themselves tell. Where one becomes free nothing does but a
trial of more threads: these are tried often, and a turn ends when a trial is due.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from narrows.engine.fused.threads import NO_PACE, Pace

# How often it is looked whether a way is still as fast, but not after fewer steps; how many times
# as long they may take, and how many times as long as another way took of late.
_LOOK_SECONDS, _LOOK_STEPS = 0.02, 3
_PATIENCE, _PATIENCE_BESIDE_ANOTHER = 1.5, 1.15
# Enough steps to see which way is faster; of long steps fewer, but one. And what the threads may
# take to begin with it.
_TRIAL_STEPS, _TRIAL_SECONDS = 8, 0.005
_BEGIN_SECONDS = 0.002
# How long what was measured is believed of a way that was not gone since.
_FRESH_SECONDS = 0.1
# When a way that lost is tried again: twice as late each time, and from the second time on so late
# that trials cost no more than a share of all time. More threads, each by itself, lose only while a
# core is taken away, and are tried again sooner; as crews, which wait for one another more often,
# they lose then too, and more.
_SHORTEST_GAP, _LONGEST_GAP, _LONGEST_GAP_OF_MORE_THREADS = 0.05, 0.8, 0.2
_LARGEST_SHARE = 0.01


class Way(NamedTuple):
    """So many threads, in crews of so many ``parts``: see :mod:`narrows.engine.fused.loops`."""

    threads: int
    parts: int


class Turn(NamedTuple):
    """Which way to go, and for how many steps at most."""

    way: Way
    steps: int
    pace: Pace


class Fastest:
    """Picks the way that took least of late, and now and then tries the others.

    Args:
        ways: at least one; the first is tried first.
        clock: seconds that pass.
    """

    def __init__(self, ways: Sequence[Way], clock: Callable[[], float] = time.perf_counter) -> None:
        self._ways, self._clock = list(ways), clock
        # of each way what a step took, and when that was found; when it is tried again where it
        # lost, and how much later the next time
        self._seconds: dict[Way, float] = {}
        self._found: dict[Way, float] = {}
        self._again: dict[Way, float] = {}
        self._gap = dict.fromkeys(ways, _SHORTEST_GAP)

    def pick(self, left: int) -> Turn:
        """What to do now, where ``left`` steps are to be made."""
        if len(self._ways) == 1:
            return Turn(self._ways[0], left, NO_PACE)
        if not self._seconds:
            return Turn(self._ways[0], 1, NO_PACE)
        fastest = self._fastest()
        seconds, now = self._seconds[fastest], self._clock()
        doubted = self._doubted(fastest, now)
        if doubted is None:
            return self._long_turn(fastest, left, now)
        steps = min(max(int(_TRIAL_SECONDS / seconds), 1), _TRIAL_STEPS, left)
        return Turn(doubted, steps, Pace(_BEGIN_SECONDS + _PATIENCE * steps * seconds, steps))

    def _long_turn(self, fastest: Way, left: int, now: float) -> Turn:
        """The fastest way until it has become slow, or more threads are to be tried."""
        seconds, others = self._seconds[fastest], [way for way in self._ways if way != fastest]
        beside = max(min(self._seconds[way] for way in others), seconds)
        slow = min(_PATIENCE * seconds, _PATIENCE_BESIDE_ANOTHER * beside)
        look = max(_LOOK_SECONDS, _LOOK_STEPS * seconds)
        due = min((self._again[way] for way in others if _is_wider(way, fastest)), default=math.inf)
        steps = min(left, max(due - now, look) / seconds)
        return Turn(fastest, math.ceil(steps), Pace(look, int(look / slow)))

    def _fastest(self) -> Way:
        """The first, before any was gone."""
        return min(self._seconds, key=self._seconds.__getitem__, default=self._ways[0])

    def _doubted(self, fastest: Way, now: float) -> Way | None:
        """A way to try: one that never was, the fastest if that is long ago, or another whose time
        has come."""
        for way in self._ways:
            if way not in self._seconds:
                return way
        if now > self._found[fastest] + _FRESH_SECONDS:
            return fastest
        others = [way for way in self._ways if way != fastest and now >= self._again[way]]
        return min(others, key=self._again.__getitem__, default=None)

    def note(self, turn: Turn, steps: int, seconds: float, computing: float) -> None:
        """What the steps that were made took, with all that went before and after, and what
        ``computing`` alone did, which is all that a few steps can tell of many."""
        way, now = turn.way, self._clock()
        has_slowed = steps < turn.steps and way == self._fastest()
        is_short = seconds < _LOOK_SECONDS
        self._seconds[way] = (computing if is_short else seconds) / steps
        self._found[way] = now
        fastest, gap = self._fastest(), self._gap[way]
        if way == fastest:
            self._gap[way] = _SHORTEST_GAP
            self._again[way] = now
        else:
            lost = seconds - steps * self._seconds[fastest] if gap > _SHORTEST_GAP else 0.0
            self._again[way] = now + max(gap, lost / _LARGEST_SHARE)
            wider = _is_wider(way, fastest)
            longest = _LONGEST_GAP_OF_MORE_THREADS if wider else _LONGEST_GAP
            self._gap[way] = min(2 * gap, longest)
        if has_slowed:  # what fewer threads lost by before tells nothing of now
            fewer = [each for each in self._ways if each.threads < way.threads]
            self._gap |= dict.fromkeys(fewer, _SHORTEST_GAP)


def _is_wider(way: Way, fastest: Way) -> bool:
    """Whether it has more threads than the fastest, each by itself."""
    return way.threads > fastest.threads and way.parts == 1
