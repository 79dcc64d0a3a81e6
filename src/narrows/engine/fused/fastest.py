"""The fastest of several ways to the same result, found while they are in use."""

from collections.abc import Sequence

# After how many uses the other ways are tried again; each time it takes twice as many.
_FIRST_TRIAL, _LONGEST_GAP = 8, 128


class Fastest:
    """Picks the way whose last use took least, and now and then tries the others again.

    How quickly threads can wait for one another depends on what else the machine does, which
    changes.

    Args:
        ways: what stands for each, at least one.
    """

    def __init__(self, ways: Sequence[int]) -> None:
        self._seconds = dict.fromkeys(ways, 0.0)  # none has taken less than an untried one
        self._gap = self._left = _FIRST_TRIAL

    def pick(self) -> int:
        """The way to go now."""
        self._left -= 1
        if self._left == 0:
            self._gap = self._left = min(2 * self._gap, _LONGEST_GAP)
            best = self._best()
            self._seconds |= {way: 0.0 for way in self._seconds if way != best}
        return self._best()

    def note(self, way: int, seconds: float) -> None:
        """What one and the same amount of work took that way."""
        self._seconds[way] = seconds

    def _best(self) -> int:
        return min(self._seconds, key=self._seconds.__getitem__)
