"""The same as :mod:`narrows.archive.mixing.in_numpy`, by kernels that Numba compiles."""

import numpy as np

from narrows.archive.ans import check_end, first_states, joined, taken_apart
from narrows.archive.mixing.ans import lanes_for
from narrows.archive.mixing.contexts import levels_of
from narrows.archive.mixing.counts import opinions
from narrows.archive.mixing.kernels import (
    Answers,
    Round,
    State,
    code_round,
    work_for,
    write_answers,
)
from narrows.archive.mixing.learned import Learned, Settings, quiet_cells
from narrows.archive.mixing.logistic import probabilities
from narrows.archive.mixing.mixer import first_sets, rates
from narrows.archive.mixing.scan_order import ScanOrder, padded_places, padded_size

# Weights that a processor takes at once, where it takes them four by four.
_AT_ONCE = 16


def encode(order: ScanOrder, settings: Settings, values: np.ndarray) -> bytes:
    """Code values, uint8 (items, places)."""
    states = first_states(lanes_for(values.size))
    others = values.size - np.count_nonzero(values == settings.common)
    noted = np.empty(values.size + int(others) * settings.bits, np.uint16)
    # quiet ones, then others, and then each bit
    most = sum(len(each.starts) - 1 for each in _rounds(order, settings.common))
    sizes = np.empty(most * (2 + settings.bits), np.int32)
    answers = Answers(True, noted, sizes, states, np.zeros(0, np.uint32), np.zeros(3, np.int64))
    _go(order, settings, answers, values)
    assert answers.place[0] == len(noted)
    # An answer takes less than half of a word.
    words = np.empty(len(noted) // 2 + len(states), np.uint32)
    count = write_answers(noted, sizes[: answers.place[1]], states, words)
    return joined(states, words[:count][::-1])


def decode(order: ScanOrder, settings: Settings, content: bytes) -> np.ndarray:
    """The values that :func:`encode` was given.

    Raises:
        ValueError: ``content`` is not what it made.
    """
    states, words = taken_apart(content, lanes_for(order.count * order.places))
    noted, sizes = np.zeros(0, np.uint16), np.zeros(0, np.int32)
    answers = Answers(False, noted, sizes, states, words, np.zeros(3, np.int64))
    values = np.empty((order.count, order.places), np.uint8)
    _go(order, settings, answers, values)
    check_end(states, len(words) - int(answers.place[2]))
    return values


def _go(order: ScanOrder, settings: Settings, answers: Answers, values: np.ndarray) -> None:
    """Code all rounds of ``values``, uint8 (items, places), which answers know or tell."""
    state = _state(settings, Learned.nothing(order, settings))
    at, size = padded_places(order, np.arange(order.places)), padded_size(order)
    first = 0
    for each in _rounds(order, settings.common):
        items = each.values.reshape(each.items, size)
        items[:] = settings.common
        if answers.known:
            items[:, at] = values[first : first + each.items]
        most = int(np.diff(each.starts).max()) * each.items
        if not code_round(state, answers, each, work_for(state, most)):
            raise ValueError("a block ends before its values do")
        if not answers.known:
            values[first : first + each.items] = items[:, at]
        first += each.items


def _rounds(order: ScanOrder, common: int) -> list[Round]:
    """All rounds; those of as many items are the same one."""
    rounds: dict[int, Round] = {}
    sizes = [last - first for first, last in order.rounds()]
    for items in sizes:
        if items not in rounds:
            batches = order.batches(items)
            places = np.concatenate(batches)
            starts = np.cumsum([0, *map(len, batches)])
            values = np.full(items * padded_size(order), common, np.uint8)
            quiet = quiet_cells(order, places)
            rounds[items] = Round(
                values, items, places, quiet, starts, order.rows, order.columns, order.planes
            )
    return [rounds[items] for items in sizes]


def _padded(weights: np.ndarray) -> np.ndarray:
    """Weights, int32 (sets, inputs), with zeros behind the inputs: whole registers of them."""
    sets, inputs = weights.shape
    padded = np.zeros((sets, -(-inputs // _AT_ONCE) * _AT_ONCE), np.int32)
    padded[:, :inputs] = weights
    return padded if inputs > _AT_ONCE // 2 else weights


def _state(settings: Settings, learned: Learned) -> State:
    return State(
        cells=learned.cells,
        quiet=learned.quiet,
        mapped=learned.mapped,
        weights=_padded(learned.weights),
        opinions=opinions(),
        chances=probabilities().astype(np.int32),
        rates=rates(),
        levels=levels_of(settings.common, settings.top),
        contexts=settings.contexts,
        mixers=len(settings.mixers.cases),
        starts=first_sets(settings.mixers).astype(np.int32),
        least=settings.mixers.least,
        mask=np.uint32((1 << learned.bits - 2) - 1),
        bits=settings.bits,
    )
