"""The entropy coder: asymmetric numeral systems (Duda, arXiv:1311.2540) for intervals.

A value that is ``width`` of 65536 likely has the interval from ``first`` on, of that width. Many
*lanes* work side by side: of the values that come together, value i is coded by lane i modulo their
number. A lane is a state from 2^31 up to 2^63; whatever it has too much goes out, 32 bits at a
time, into one row of words that all share, in the order in which the decoder wants them.

The coder goes backwards through the values, so that the decoder goes forwards: it ends where every
lane began, with no word left, which tells a damaged block from a whole one.
"""

from collections.abc import Iterator

import numpy as np

_MOST_LANES = 256
_LOWEST, _HIGHEST = np.uint64(1 << 31), np.uint64((1 << 63) - 1)
_WORD_BITS, _ONE_BITS, _MOST = np.uint64(32), np.uint64(16), np.uint64(47)
_BELOW_ONE = np.uint64((1 << 16) - 1)


def lanes_for(values: int, values_a_lane: int) -> int:
    """How many lanes code a block of so many values, of which a lane shall have so many."""
    return min(max(values // values_a_lane, 1), _MOST_LANES)


def first_states(lanes: int) -> np.ndarray:
    """The states of lanes before the first value is coded, uint64."""
    return np.full(lanes, _LOWEST)


def joined(states: np.ndarray, words: np.ndarray) -> bytes:
    """What a stream of values is in a file: states, 8 bytes each, and words, 4 each."""
    return states.astype("<u8").tobytes() + words.astype("<u4").tobytes()


def taken_apart(content: bytes, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """The states, uint64, and words, uint32, of what :func:`joined` made.

    Raises:
        ValueError: it did not.
    """
    states_end = 8 * lanes
    if len(content) < states_end or (len(content) - states_end) % 4:
        raise ValueError("a block is cut short")
    states = np.frombuffer(content, "<u8", lanes).astype(np.uint64)
    if ((states < _LOWEST) | (states > _HIGHEST)).any():
        raise ValueError("a block is damaged")
    return states, np.frombuffer(content, "<u4", offset=states_end).astype(np.uint32)


def check_end(states: np.ndarray, words_left: int) -> None:
    """Make sure that all was used up, and every lane is where coding began.

    Raises:
        ValueError: it is not.
    """
    if words_left or (states != _LOWEST).any():
        raise ValueError("a block is damaged")


def pieces(count: int, lanes: int) -> Iterator[slice]:
    """Which of ``count`` values the lanes take together, again and again."""
    for start in range(0, count, lanes):
        yield slice(start, min(start + lanes, count))


class Writer:
    """Codes values backwards, the last first."""

    def __init__(self, lanes: int) -> None:
        self._states = first_states(lanes)
        self._words: list[np.ndarray] = []

    def put(self, first: np.ndarray, width: np.ndarray) -> None:
        """Code values with these intervals, uint64 (m,), one for each of the first m lanes."""
        states = self._states[: len(first)]
        state = states
        over = state >= width << _MOST
        if over.any():
            self._words.append(state[over].astype(np.uint32))
            state = np.where(over, state >> _WORD_BITS, state)
        quotient = state // width
        states[:] = (quotient << _ONE_BITS) + state - quotient * width + first

    def finish(self) -> bytes:
        """What :func:`joined` makes of it."""
        words = np.concatenate([np.zeros(0, np.uint32), *reversed(self._words)])
        return joined(self._states, words)


class Reader:
    """Gives back where in 0..65535 the values lie that a :class:`Writer` coded.

    Attributes:
        lanes: their number.

    Raises:
        ValueError: this is not what a writer made.
    """

    def __init__(self, content: bytes, lanes: int) -> None:
        self._states, words = taken_apart(content, lanes)
        self._words, self._next, self.lanes = words.astype(np.uint64), 0, lanes

    def places(self, count: int) -> np.ndarray:
        """Where the next value of each of the first ``count`` lanes lies: uint64 (count,)."""
        return self._states[:count] & _BELOW_ONE

    def take(self, first: np.ndarray, width: np.ndarray) -> None:
        """Go on to the next values, those there having these intervals, uint64 (m,).

        Raises:
            ValueError: there are none.
        """
        states = self._states[: len(first)]
        state = width * (states >> _ONE_BITS) + (states & _BELOW_ONE) - first
        low = state < _LOWEST
        count = int(np.count_nonzero(low))
        if count:
            words = self._words[self._next : self._next + count]
            if len(words) < count:
                raise ValueError("a block ends before its values do")
            state[low] = state[low] << _WORD_BITS | words
            self._next += count
        states[:] = state

    def finish(self) -> None:
        """Make sure that everything was used up.

        Raises:
            ValueError: it was not.
        """
        check_end(self._states, len(self._words) - self._next)
