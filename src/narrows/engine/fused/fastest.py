"""The fastest of several ways to the same result, found while they are in use.

How quickly threads can wait for one another depends on what else the machine does, which changes.
"""

from collections.abc import Sequence

# After how many uses all ways are tried again; each time it takes twice as many.
_FIRST_GAP, _LONGEST_GAP = 8, 128


class Fastest:
    """Picks the way whose last use took least, and now and then tries all of them again.

    Args:
        ways: what stands for each, at least one.
    """

    def __init__(self, ways: Sequence[int]) -> None:
        self._untried = list(ways)
        self._seconds: dict[int, float] = {}
        self._gap = self._left = _FIRST_GAP

    def pick(self) -> tuple[int, bool]:
        """The way to go now, and whether that is a trial, which may go badly: of little work."""
        if self._untried:
            return self._untried[0], True
        return min(self._seconds, key=self._seconds.__getitem__), False

    def note(self, way: int, seconds: float) -> None:
        """What one and the same amount of work took that way."""
        self._seconds[way] = seconds
        if way in self._untried:
            self._untried.remove(way)
            return
        self._left -= 1
        if self._left == 0:
            self._gap = self._left = min(2 * self._gap, _LONGEST_GAP)
            self._untried = list(self._seconds)
