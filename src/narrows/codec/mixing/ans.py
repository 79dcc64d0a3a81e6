"""The entropy coder: asymmetric numeral systems for yes and no (Duda, arXiv:1311.2540).

Many *lanes* work side by side: of the answers that come together, answer i is coded by lane i
modulo their number. A lane is a state from 2^31 up to 2^63; whatever it has too much goes out, 32
bits at a time, into one row of words that all share, in the order in which the decoder wants them.

The coder goes backwards through the answers, so that the decoder goes forwards: it ends where every
lane began, with no word left, which tells a damaged block from a whole one.
"""

from collections.abc import Iterator

import numpy as np

from narrows.codec.mixing.logistic import ONE

_LOWEST, _HIGHEST = np.uint64(1 << 31), np.uint64((1 << 63) - 1)
_WORD_BITS, _ONE_BITS = np.uint64(32), np.uint64(16)
_MOST = np.uint64(47)
_BELOW_ONE = np.uint64(ONE - 1)
_YES = np.uint16(1)
# A lane costs 8 bytes, of which it wastes 6.
_VALUES_A_LANE, _MOST_LANES = 1024, 256


def first_states(lanes: int) -> np.ndarray:
    """The states of lanes before the first answer is coded, uint64."""
    return np.full(lanes, _LOWEST)


def joined(states: np.ndarray, words: np.ndarray) -> bytes:
    """What a stream of answers is in a file: states, 8 bytes each, and words, 4 each."""
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


def lanes_for(values: int) -> int:
    """How many lanes code a block of so many values."""
    return min(max(values // _VALUES_A_LANE, 1), _MOST_LANES)


class Recorder:
    """Takes answers and their probabilities, and codes them all in the end with ``lanes`` lanes."""

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        self._batches: list[np.ndarray] = []

    def answer(self, chances: np.ndarray, known: np.ndarray | None) -> np.ndarray:
        """Note answers ``known``, 0 or 1 (m,), of which each is 1 with a chance in 1/65536, an even
        number: gives them back."""
        assert known is not None
        self._batches.append((chances | known).astype(np.uint16))
        return known

    def finish(self) -> bytes:
        """The states of the lanes (8 bytes each) and the words (4 each)."""
        states = first_states(self._lanes)
        words: list[np.ndarray] = []
        for noted in reversed(self._batches):
            for start, stop in reversed(list(_pieces(len(noted), self._lanes))):
                yes = (noted[start:stop] & _YES).astype(bool)
                of = (noted[start:stop] & ~_YES).astype(np.uint64)
                width = np.where(yes, of, np.uint64(ONE) - of)
                first = np.where(yes, np.uint64(0), of)
                state = states[: stop - start]
                over = state >= width << _MOST
                if over.any():
                    words.append(state[over].astype(np.uint32))
                    state = np.where(over, state >> _WORD_BITS, state)
                quotient = state // width
                states[: stop - start] = (quotient << _ONE_BITS) + state - quotient * width + first
        return joined(states, np.concatenate([np.zeros(0, np.uint32), *reversed(words)]))


class Player:
    """Gives back the answers that a :class:`Recorder` coded, given the same chances and lanes.

    Raises:
        ValueError: this is not what a recorder made.
    """

    def __init__(self, content: bytes, lanes: int) -> None:
        self._states, words = taken_apart(content, lanes)
        self._words, self._next = words.astype(np.uint64), 0

    def answer(self, chances: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
        """The next answers, 0 or 1 (m,); ``known`` is not looked at."""
        answers = np.empty(len(chances), np.int64)
        for start, stop in _pieces(len(chances), len(self._states)):
            of, state = chances[start:stop].astype(np.uint64), self._states[: stop - start]
            within = state & _BELOW_ONE
            yes = within < of
            width = np.where(yes, of, np.uint64(ONE) - of)
            first = np.where(yes, np.uint64(0), of)
            state = width * (state >> _ONE_BITS) + within - first
            low = state < _LOWEST
            count = int(np.count_nonzero(low))
            if count:
                state[low] = state[low] << _WORD_BITS | self._take(count)
            self._states[: stop - start] = state
            answers[start:stop] = yes
        return answers

    def _take(self, count: int) -> np.ndarray:
        words = self._words[self._next : self._next + count]
        if len(words) < count:
            raise ValueError("a block ends before its values do")
        self._next += count
        return words

    def finish(self) -> None:
        """Make sure that everything was used up.

        Raises:
            ValueError: it was not.
        """
        check_end(self._states, len(self._words) - self._next)


def _pieces(count: int, lanes: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, lanes):
        yield start, min(start + lanes, count)
