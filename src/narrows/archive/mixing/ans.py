"""The entropy coder for yes and no: see :mod:`narrows.archive.ans`.

Of the answers that come together, answer i is coded by lane i modulo their number; a yes has the
interval from 0 on, of the width of its chance, and a no the rest.
"""

import numpy as np

from narrows.archive import ans
from narrows.archive.mixing.logistic import ONE

# A lane costs 8 bytes, of which it wastes 6.
_VALUES_A_LANE = 1024
_YES = np.uint16(1)


def lanes_for(values: int) -> int:
    """How many lanes code a block of so many values."""
    return ans.lanes_for(values, _VALUES_A_LANE)


def _interval(chances: np.ndarray, yes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and width of answers, bool (m,), of chances, uint64 (m,)."""
    width = np.where(yes, chances, np.uint64(ONE) - chances)
    return np.where(yes, np.uint64(0), chances), width


class Recorder:
    """Takes answers and their probabilities, and codes them all in the end.

    Attributes:
        batches: each answer with its chance, which is even: their sum, uint16 (m,).
    """

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    def answer(self, chances: np.ndarray, known: np.ndarray | None) -> np.ndarray:
        """Note answers ``known``, 0 or 1 (m,), of which each is 1 with a chance in 1/65536, an even
        number: gives them back."""
        assert known is not None
        self.batches.append((chances | known).astype(np.uint16))
        return known

    def finish(self, lanes: int) -> bytes:
        """The states of so many lanes (8 bytes each) and the words (4 each)."""
        writer = ans.Writer(lanes)
        for noted in reversed(self.batches):
            for some in reversed(list(ans.pieces(len(noted), lanes))):
                yes = (noted[some] & _YES).astype(bool)
                writer.put(*_interval((noted[some] & ~_YES).astype(np.uint64), yes))
        return writer.finish()


class Player:
    """Gives back the answers that a :class:`Recorder` coded, given the same chances and lanes.

    Raises:
        ValueError: this is not what a recorder made.
    """

    def __init__(self, content: bytes, lanes: int) -> None:
        self._reader = ans.Reader(content, lanes)

    def answer(self, chances: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
        """The next answers, 0 or 1 (m,), of which each is 1 with an even chance in 1/65536;
        ``known`` is not looked at."""
        answers = np.empty(len(chances), np.int64)
        for some in ans.pieces(len(chances), self._reader.lanes):
            of = chances[some].astype(np.uint64)
            yes = self._reader.places(len(of)) < of
            self._reader.take(*_interval(of, yes))
            answers[some] = yes
        return answers

    def finish(self) -> None:
        """Make sure that everything was used up.

        Raises:
            ValueError: it was not.
        """
        self._reader.finish()


#: Takes answers or gives them.
Coder = Recorder | Player
