"""The entropy coder of codes: asymmetric numeral systems (Duda, arXiv:1311.2540) for intervals.

A value that is ``width`` of 65536 likely has the interval from ``first`` on, of that width. Lanes
and words are those of :mod:`narrows.codec.mixing.ans`, which codes yes and no.
"""

import numpy as np

#: A chance of 1.
ONE = 1 << 16

_LOWEST = np.uint64(1 << 31)
_WORD_BITS, _ONE_BITS, _MOST = np.uint64(32), np.uint64(16), np.uint64(47)
_BELOW_ONE = np.uint64(ONE - 1)
# A lane costs 8 bytes, of which it wastes 4.
_VALUES_A_LANE, _MOST_LANES = 4096, 256


def lanes_for(values: int) -> int:
    """How many lanes code a block of so many values."""
    return min(max(values // _VALUES_A_LANE, 1), _MOST_LANES)


class Recorder:
    """Takes the intervals of values in order, and codes them all in the end."""

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        self._batches: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, first: np.ndarray, width: np.ndarray) -> None:
        """Note the intervals of values (m,), value i for lane i modulo their number."""
        self._batches.append((first.astype(np.uint16), width.astype(np.uint32)))

    def finish(self) -> bytes:
        """The states of the lanes (8 bytes each) and the words (4 each)."""
        states = np.full(self._lanes, _LOWEST)
        words: list[np.ndarray] = []
        for batch in reversed(self._batches):
            for start in reversed(range(0, len(batch[0]), self._lanes)):
                first, width = (x[start : start + self._lanes].astype(np.uint64) for x in batch)
                state = states[: len(first)]
                over = state >= width << _MOST
                if over.any():
                    words.append(state[over].astype(np.uint32))
                    state = np.where(over, state >> _WORD_BITS, state)
                quotient = state // width
                states[: len(first)] = (quotient << _ONE_BITS) + state - quotient * width + first
        body = np.concatenate([np.zeros(0, np.uint32), *reversed(words)])
        return states.astype("<u8").tobytes() + body.astype("<u4").tobytes()


class Player:
    """Gives back where in 0..65535 the values lie that a :class:`Recorder` coded.

    Raises:
        ValueError: this is not what a recorder made.
    """

    def __init__(self, content: bytes, lanes: int) -> None:
        states_end = 8 * lanes
        if len(content) < states_end or (len(content) - states_end) % 4:
            raise ValueError("a block is cut short")
        self._states = np.frombuffer(content[:states_end], "<u8").astype(np.uint64)
        self._words = np.frombuffer(content[states_end:], "<u4").astype(np.uint64)
        self._next, self.lanes = 0, lanes
        if (self._states < _LOWEST).any() or (self._states >> np.uint64(63)).any():
            raise ValueError("a block is damaged")

    def places(self, count: int) -> np.ndarray:
        """Where the next value of each of the first ``count`` lanes lies: int64 (count,)."""
        return (self._states[:count] & _BELOW_ONE).astype(np.int64)

    def take(self, first: np.ndarray, width: np.ndarray) -> None:
        """Go on to the next values, those there having these intervals."""
        count = len(first)
        state = self._states[:count]
        state = (
            width.astype(np.uint64) * (state >> _ONE_BITS)
            + (state & _BELOW_ONE)
            - first.astype(np.uint64)
        )
        low = state < _LOWEST
        missing = int(np.count_nonzero(low))
        words = self._words[self._next : self._next + missing]
        if len(words) < missing:
            raise ValueError("a block ends before its values do")
        state[low] = state[low] << _WORD_BITS | words
        self._next += missing
        self._states[:count] = state

    def finish(self) -> None:
        """Make sure that everything was used up.

        Raises:
            ValueError: it was not.
        """
        if self._next != len(self._words) or (self._states != _LOWEST).any():
            raise ValueError("a block is damaged")
