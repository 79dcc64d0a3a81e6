"""Through the values of a block, place by place, all items at once; coding and decoding are one
walk, which differs only in who knows the answers."""

import math
from typing import Protocol

import numpy as np

from narrows.codec.mixing import contexts
from narrows.codec.mixing.ans import Player, Recorder, lanes_for
from narrows.codec.mixing.counts import Counts
from narrows.codec.mixing.logistic import ONE
from narrows.codec.mixing.mixer import Mixer

#: Items that walk together: the answers of one step must fit a cell.
MOST_ITEMS = 1 << 15
_BITS = 8
# First the question whether it is the most common value, then one for each bit.
_QUESTIONS = 1 + _BITS
_KINDS = 3
_FEWEST_CELLS, _MOST_CELLS = 12, 22
_FIRST_WEIGHT = 0.25
# What tells the questions of a context apart: the bits that are known, behind a 1; 0 for the first.
_NODES = (np.arange(1 << (_BITS + 1), dtype=np.uint32) + np.uint32(1)) * np.uint32(0x85EBCA6B)


class _Coder(Protocol):
    def answer(self, chances: np.ndarray, known: np.ndarray | None) -> np.ndarray: ...


def encode_block(planes: np.ndarray) -> bytes:
    """Code values, uint8 (n, rows, columns, planes), 1 to MOST_ITEMS of them."""
    common = int(np.bincount(planes.ravel(), minlength=256).argmax())
    recorder = Recorder(lanes_for(planes.size))
    _Walk(planes.shape, common).go(recorder, planes)
    return bytes([common]) + recorder.finish()


def decode_block(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The values of this shape that :func:`encode_block` was given.

    Raises:
        ValueError: ``content`` is not what it made.
    """
    if not content:
        raise ValueError("a block is cut short")
    player = Player(content[1:], lanes_for(math.prod(shape)))
    values = _Walk(shape, content[0]).go(player, None)
    player.finish()
    return values


class _Walk:
    """The walk, and what is learnt on it."""

    def __init__(self, shape: tuple[int, ...], common: int) -> None:
        self._count, self._rows, self._columns, self._planes = shape
        self._common = common
        bits = min(max((4 * math.prod(shape)).bit_length(), _FEWEST_CELLS), _MOST_CELLS)
        self._counts = Counts(contexts.COUNT, bits)
        first = np.repeat([_FIRST_WEIGHT, 0.0], contexts.COUNT)
        self._mixers = [Mixer(_KINDS, first) for _ in range(_QUESTIONS)]
        # Items last: the values of a neighbour lie side by side.
        inner = (self._rows, self._columns, self._planes, self._count)
        self._values = np.empty(inner, np.uint8)
        self._outside = np.full(self._count, common, np.uint8)

    def go(self, coder: _Coder, known: np.ndarray | None) -> np.ndarray:
        """Walk through all places, uint8 (n, rows, columns, planes)."""
        for row in range(self._rows):
            for column in range(self._columns):
                for plane in range(self._planes):
                    here = None if known is None else known[:, row, column, plane]
                    self._values[row, column, plane] = self._place(coder, row, column, plane, here)
        return np.ascontiguousarray(np.moveaxis(self._values, -1, 0))

    def _place(
        self, coder: _Coder, row: int, column: int, plane: int, known: np.ndarray | None
    ) -> np.ndarray:
        """The value of every item at one place, uint8 (n,)."""
        near = {
            name: self._at(row + down, column + right, plane)
            for name, (down, right) in contexts.NEIGHBOURS.items()
        }
        before = [self._at(row, column, plane - back) for back in (1, 2)]
        quiet = np.ones(self._count, bool)
        for around in (*near.values(), *before):
            quiet &= around == self._common
        busy = np.flatnonzero(~quiet)
        calm = np.flatnonzero(quiet)
        # Of all that see nothing but the most common value, one stands for the others.
        items = np.concatenate([busy, calm[:1]])
        place = (row * self._columns + column) * self._planes + plane
        shown = {name: values[items].astype(np.uint32) for name, values in near.items()}
        keys = contexts.context_keys(shown, [v[items].astype(np.uint32) for v in before], place)
        kinds = contexts.activity(shown)
        asked = np.concatenate([busy, calm])
        is_common = None if known is None else known[asked] == self._common
        answers = self._ask_if_common(coder, keys, kinds, len(busy), len(calm), is_common)
        result = np.full(self._count, self._common, np.uint8)
        other = np.flatnonzero(answers == 0)
        if len(other):
            column_of = np.minimum(other, len(items) - 1)
            values = None if known is None else known[asked[other]]
            result[asked[other]] = self._ask_bits(
                coder, keys[:, column_of], kinds[column_of], values
            )
        return result

    def _at(self, row: int, column: int, plane: int) -> np.ndarray:
        """The values at a place that is decoded, or lies outside."""
        if row < 0 or not 0 <= column < self._columns or plane < 0:
            return self._outside
        return self._values[row, column, plane]

    def _ask_if_common(
        self,
        coder: _Coder,
        keys: np.ndarray,
        kinds: np.ndarray,
        busy: int,
        calm: int,
        known: np.ndarray | None,
    ) -> np.ndarray:
        """Whether each item has the most common value: those that are busy, then the calm ones."""
        places = self._counts.places(keys)
        inputs = self._inputs(places)
        chances = self._mixers[0].mix(inputs, kinds)
        repeated = np.concatenate([chances[:busy], np.repeat(chances[busy:], calm)])
        answers = coder.answer(repeated, known)
        asked = np.ones(busy + (calm > 0), np.int64)
        yeses = np.concatenate([answers[:busy], [answers[busy:].sum()] if calm else []])
        if calm:
            asked[busy] = calm
        self._learn(self._mixers[0], places, inputs, kinds, chances, asked, yeses.astype(np.int64))
        return answers

    def _ask_bits(
        self, coder: _Coder, keys: np.ndarray, kinds: np.ndarray, known: np.ndarray | None
    ) -> np.ndarray:
        """The bits of each item's value, the highest first."""
        node, once = np.ones(len(kinds), np.int64), np.ones(len(kinds), np.int64)
        for question in range(_BITS):
            asked = keys + _NODES[node]
            asked ^= asked >> np.uint32(13)
            places = self._counts.places(asked * np.uint32(0x2C1B3C6D))
            inputs, mixer = self._inputs(places), self._mixers[question + 1]
            chances = mixer.mix(inputs, kinds)
            bits = None if known is None else (known >> (_BITS - 1 - question) & 1).astype(np.int64)
            answers = coder.answer(chances, bits)
            self._learn(mixer, places, inputs, kinds, chances, once, answers)
            node = 2 * node + answers
        return (node - (1 << _BITS)).astype(np.uint8)

    def _inputs(self, places: np.ndarray) -> np.ndarray:
        said = self._counts.opinions(places)  # (contexts, m, 2)
        return said.transpose(1, 2, 0).reshape(said.shape[1], -1)

    def _learn(
        self,
        mixer: Mixer,
        places: np.ndarray,
        inputs: np.ndarray,
        chosen: np.ndarray,
        chances: np.ndarray,
        asked: np.ndarray,
        yeses: np.ndarray,
    ) -> None:
        errors = (yeses * ONE - asked * chances).astype(np.float64)
        mixer.learn(inputs, chosen, errors, asked)
        self._counts.add(places, asked.astype(np.uint32), yeses.astype(np.uint32))
