"""Coding the items of a block in NumPy, batch by batch.

Coding and decoding are one, and differ only in who knows the answers.
"""

import numpy as np

from narrows.archive.mixing import contexts, counts
from narrows.archive.mixing.ans import Coder, Player, Recorder, lanes_for
from narrows.archive.mixing.learned import Learned, Settings, quiet_cells
from narrows.archive.mixing.logistic import LARGEST_LOGIT, ONE, probabilities
from narrows.archive.mixing.mixer import Mixer, allowed, first_sets, set_of
from narrows.archive.mixing.mixer_selection import select
from narrows.archive.mixing.probability_map import cell_of
from narrows.archive.mixing.scan_order import ScanOrder, padded_places, padded_size


def encode(order: ScanOrder, settings: Settings, values: np.ndarray) -> bytes:
    """Code values, uint8 (items, places)."""
    recorder, coding = Recorder(), Coding(order, settings)
    for first, last in order.rounds():
        coding.go(recorder, values[first:last], last - first)
    return recorder.finish(lanes_for(values.size))


def decode(order: ScanOrder, settings: Settings, content: bytes) -> np.ndarray:
    """The values that :func:`encode` was given.

    Raises:
        ValueError: ``content`` is not what it made.
    """
    player = Player(content, lanes_for(order.count * order.places))
    coding, rounds = Coding(order, settings), order.rounds()
    values = np.concatenate([coding.go(player, None, last - first) for first, last in rounds])
    player.finish()
    return values


class Coding:
    """Coding in NumPy, which works on all values of a batch at once.

    Attributes:
        learned: what the values so far have taught.
    """

    def __init__(self, order: ScanOrder, settings: Settings) -> None:
        self._order, self._settings = order, settings
        self.learned = Learned.nothing(order, settings)
        self._mixer = Mixer(self.learned.weights)
        self._first_sets = first_sets(settings.mixers)
        self._levels = contexts.levels_of(settings.common, settings.top)

    def go(self, coder: Coder, known: np.ndarray | None, items: int) -> np.ndarray:
        """Code a round, (items, places) of which the coder learns the values ``known``, uint8, or
        tells them."""
        size = padded_size(self._order)
        padded = np.full(items * size, self._settings.common, np.uint8)
        first = np.arange(items) * size
        for places in self._order.batches(items):
            values = None if known is None else known[:, places].T.reshape(-1)
            at = (padded_places(self._order, places)[:, None] + first).reshape(-1)
            padded[at] = self._batch(coder, padded, np.repeat(places, items), at, values)
        everywhere = padded_places(self._order, np.arange(self._order.places))
        return padded.reshape(items, size)[:, everywhere]

    def _batch(
        self,
        coder: Coder,
        padded: np.ndarray,
        places: np.ndarray,
        at: np.ndarray,
        known: np.ndarray | None,
    ) -> np.ndarray:
        """The values at some places, which lie at ``at``: uint8 (m,)."""
        row = self._order.columns + 4
        near = contexts.neighbours_of(padded, at, row, (self._order.rows + 2) * row)
        common, levels, settings = self._settings.common, self._levels, self._settings
        quiet = contexts.is_quiet(near, common)
        calm, busy = np.flatnonzero(quiet), np.flatnonzero(~quiet)
        keys = np.empty((contexts.COUNT, len(at)), np.uint32)
        contexts.fill_keys(keys, near, places, levels, settings.contexts)
        cases = np.empty((len(settings.mixers.cases), len(at)), np.int64)
        line, plane = np.divmod(places, self._order.planes)
        select(cases, near, line, plane, (self._order.rows, self._order.columns), levels)
        keys, cases = np.ascontiguousarray(keys[: settings.contexts].T), cases.T
        others = np.zeros(len(quiet), bool)
        if len(calm):
            cells = quiet_cells(self._order, places)[calm]
            others[calm] = self._ask_quiet(coder, cells, _whether(known, calm, common)) == 0
        if len(busy):
            asked = _Asked(keys[busy], cases[busy])
            others[busy] = self._ask(coder, asked, 0, _whether(known, busy, common)) == 0
        result = np.full(len(quiet), common, np.uint8)
        left = np.flatnonzero(others)
        if len(left):
            asked = _Asked(keys[left], cases[left])
            result[left] = self._ask_bits(coder, asked, None if known is None else known[left])
        return result

    def _ask_quiet(self, coder: Coder, cells: np.ndarray, known: np.ndarray | None) -> np.ndarray:
        """Whether values in quiet places have the most common value, too."""
        answers = coder.answer(allowed(counts.chance_of(self.learned.quiet[cells])) & ~1, known)
        counts.add(self.learned.quiet, cells, answers, counts.MANY_ANSWERS)
        return answers

    def _ask_bits(self, coder: Coder, asked: "_Asked", known: np.ndarray | None) -> np.ndarray:
        """The bits of each value, the highest first."""
        bits = self._settings.bits
        asked.nodes[:] = 1
        for question in range(1, bits + 1):
            wanted = None if known is None else (known >> (bits - question) & 1).astype(np.int64)
            answers = self._ask(coder, asked, question, wanted)
            asked.nodes = 2 * asked.nodes + answers
        return (asked.nodes - (1 << bits)).astype(np.uint8)

    def _ask(
        self, coder: Coder, asked: "_Asked", question: int, known: np.ndarray | None
    ) -> np.ndarray:
        """One question, put to all that are asked; everything learns from the answers."""
        learned = self.learned
        cells = asked.cells(question, learned.bits)
        inputs = counts.opinions_of(learned.cells[cells]).reshape(len(cells), -1)
        sets = (set_of(asked.cases, asked.nodes[:, None], question) + self._first_sets).T
        logits = np.sum([self._mixer.logits(inputs, each) for each in sets], axis=0) // len(sets)
        mixed = probabilities()[logits + LARGEST_LOGIT]
        places = cell_of(asked.nodes, asked.cases[:, 1], logits)
        mapped = counts.chance_of(learned.mapped[places])
        answers = coder.answer(allowed((mixed + mapped) >> 1) & ~1, known)
        errors = answers * ONE - allowed(mixed)
        heard = np.flatnonzero(np.abs(errors) >= self._settings.mixers.least)
        for each in sets:
            self._mixer.learn(inputs[heard], each[heard], errors[heard])
        counts.add(learned.cells, cells, answers, counts.MOST_ANSWERS)
        counts.add(learned.mapped, places, answers, counts.MANY_ANSWERS)
        return answers


class _Asked:
    """Values that questions are put to.

    Attributes:
        keys: of their contexts, uint32 (m, contexts).
        cases: which weights they use, of each mixer: int64 (m, mixers).
        nodes: the bits that are known of them, behind a 1; 0 before the first.
    """

    def __init__(self, keys: np.ndarray, cases: np.ndarray) -> None:
        self.keys, self.cases = keys, cases
        self.nodes = np.zeros(len(keys), np.int64)

    def cells(self, question: int, bits: int) -> np.ndarray:
        """Where the cells of a question are, int64 (m, contexts).

        Four cells lie side by side: of two bits, the first of them and the second after a 0 and
        after a 1; and before the first two bits the question for the most common value.
        """
        if question < 3:
            groups = np.zeros(len(self.nodes), np.int64)
        else:
            groups = self.nodes if question & 1 else self.nodes >> 1
        mask = np.uint32((1 << bits - 2) - 1)
        found = contexts.group_of(self.keys, groups.astype(np.uint32)[:, None], mask)
        first = found.astype(np.int64) * 4
        if question == 0:
            within = np.zeros(len(self.nodes), np.int64)
        else:
            within = np.ones_like(self.nodes) if question & 1 else 2 + (self.nodes & 1)
        tables = np.arange(self.keys.shape[1], dtype=np.int64) << bits
        return first + within[:, None] + tables


def _whether(known: np.ndarray | None, chosen: np.ndarray, common: int) -> np.ndarray | None:
    """Answers to the question for the most common value, 0 or 1."""
    return None if known is None else (known[chosen] == common).astype(np.int64)
