"""The fastest of several ways to the same result, found while they are in use.

How quickly threads can wait for one another depends on what else the machine does, which changes
within moments: on a busy one two may take ten times as long as one. So a turn ends where it becomes
slow, what each way took is remembered, and one that was not gone for a moment, or lost, is trusted
with a few steps only. One that has just lost is tried again soon, for it may have had bad luck: a
core is taken away for a moment now and then. The more often it lost in a row, the later.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from narrows.engine.fused.threads import NO_PACE, Pace

# How often it is looked whether a way is still as fast, but not after fewer steps, and how many
# times as long they may take.
_LOOK_SECONDS, _LOOK_STEPS = 0.02, 3
_PATIENCE = 1.5
# Enough steps to see which way is faster; of long steps fewer, but one. And what the threads may
# take to begin with it.
_TRIAL_STEPS, _TRIAL_SECONDS = 8, 0.005
_BEGIN_SECONDS = 0.002
# How long what was measured is believed of a way that was not gone since.
_FRESH_SECONDS = 0.1
# When a way that lost is tried again: twice as late each time, and from the second time on so late
# that trials cost no more than a share of all time.
_SHORTEST_GAP, _LONGEST_GAP = 0.05, 0.8
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
            look = max(_LOOK_SECONDS, _LOOK_STEPS * seconds)
            return Turn(fastest, left, Pace(look, int(look / (_PATIENCE * seconds))))
        steps = min(max(int(_TRIAL_SECONDS / seconds), 1), _TRIAL_STEPS, left)
        return Turn(doubted, steps, Pace(_BEGIN_SECONDS + _PATIENCE * steps * seconds, steps))

    def _fastest(self) -> Way:
        return min(self._seconds, key=self._seconds.__getitem__)

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
            self._gap[way] = min(2 * gap, _LONGEST_GAP)
