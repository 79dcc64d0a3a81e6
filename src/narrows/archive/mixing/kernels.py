"""Coding a round of items, compiled: what :mod:`narrows.archive.mixing.in_numpy` does, number for
number, and a few times faster.

Numba compiles it on the user's own machine when the first large block is met, and keeps it on disk.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable

from narrows.archive.mixing.contexts import (
    COMPILED,
    COUNT,
    Levels,
    Neighbours,
    fill_keys,
    group_of,
    is_quiet,
    neighbours_of,
)
from narrows.archive.mixing.counts import MANY_ANSWERS, MOST_ANSWERS, chance_of, entry_of
from narrows.archive.mixing.logistic import LARGEST_LOGIT, ONE
from narrows.archive.mixing.mixer import LARGEST_WEIGHT, RATE_BITS, allowed, set_of
from narrows.archive.mixing.mixer_selection import select
from narrows.archive.mixing.probability_map import cell_of
from narrows.support.compiling import checksum_of, compiled
from narrows.support.compiling.held import hold
from narrows.support.compiling.parts import PART, part

# What is called for every value lies where it is called.
_within = partial(part, forceinline=True)
# So is what NumPy calls too: it stays as it is, and Numba compiles it for the functions below.
for _function in (*COMPILED, select, cell_of, set_of, allowed, chance_of, entry_of):
    register_jitable(forceinline=True, **PART)(_function)

_U1, _U16, _LOW = np.uint32(1), np.uint32(16), np.uint32(0xFFFF)
_LOWEST, _W32, _W16 = np.uint64(1 << 31), np.uint64(32), np.uint64(16)
_BELOW_ONE, _ONE64 = np.uint64(ONE - 1), np.uint64(ONE)
_W47 = np.uint64(47)


@hold
class State(NamedTuple):
    """All that is learnt, as :mod:`narrows.archive.mixing.in_numpy` keeps it."""

    cells: np.ndarray  # uint32 (contexts x cells)
    quiet: np.ndarray  # uint32 (cells,)
    mapped: np.ndarray  # uint32 (cells,)
    weights: np.ndarray  # int32 (sets, inputs): those of all mixers; zeros behind the contexts'
    opinions: np.ndarray  # int16 (65536, 2)
    chances: np.ndarray  # int32, of logits
    rates: np.ndarray  # int64, by the number of answers
    levels: Levels
    contexts: int
    mixers: int
    starts: np.ndarray  # int32 (mixers,): each one's first set
    least: int  # error from which on weights move
    mask: np.uint32  # groups of cells of a context, less 1
    bits: int


@hold
class Round(NamedTuple):
    """The items of a round, and the way through them."""

    values: np.ndarray  # uint8, flat: items with their margins, see scan_order.py
    items: int
    places: np.ndarray  # int64: those of all batches
    quiet: np.ndarray  # int64: their cells where they are quiet
    starts: np.ndarray  # int64 (batches + 1,)
    rows: int
    columns: int
    planes: int


@hold
class Answers(NamedTuple):
    """Where answers go, or come from."""

    known: bool
    noted: np.ndarray  # uint16: chance of a yes, even, and 1 for a yes
    sizes: np.ndarray  # int32: answers to each question put
    states: np.ndarray  # uint64, of the lanes
    words: np.ndarray  # uint32
    place: np.ndarray  # int64 (3,): the next of noted, sizes, words


@hold
class Work(NamedTuple):
    """Room for a batch."""

    at: np.ndarray  # int64: where the values lie
    where: np.ndarray  # int64: their places
    cell: np.ndarray  # int64: their cells where they are quiet
    keys: np.ndarray  # uint32 (values, COUNT)
    groups: np.ndarray  # int64 (values, contexts)
    node: np.ndarray  # int32
    cases: np.ndarray  # int32 (values, mixers): which weights
    asked: np.ndarray  # int32: those that a question is put to
    logit: np.ndarray
    chance: np.ndarray
    answer: np.ndarray
    error: np.ndarray
    inputs: np.ndarray  # int32 (values, inputs)
    cells: np.ndarray  # int64 (values, contexts)
    single: np.ndarray  # int64 (values, 1): cells of quiet and mapped
    sets: np.ndarray  # int32 (mixers, values)
    slopes: np.ndarray  # int64 (values, inputs): of the sets that a question uses, in order
    slot: np.ndarray  # int32 (sets,): which of these a set is
    uses: np.ndarray  # int64 (values,): how often each is used
    full: np.ndarray  # int64


@_within
def _clip(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


@_within
def _look_around(s: State, r: Round, k: Work, near: Neighbours, place: int, number: int) -> None:
    """The keys of a value, and which weights it uses."""
    line, plane = place // r.planes, place % r.planes
    fill_keys(k.keys[number], near, place, s.levels, s.contexts)
    select(k.cases[number], near, line, plane, (r.rows, r.columns), s.levels)


@part
def _find_groups(s: State, k: Work, asked: int, first: bool) -> None:
    """Where the cells of the next questions lie."""
    chosen, nodes, keys, groups = k.asked, k.node, k.keys, k.groups
    mask, size, cells, seen = s.mask, np.int64(s.mask) + 1, s.cells, np.uint32(0)
    for x in range(asked):
        number = chosen[x]
        node = np.uint32(0) if first else np.uint32(nodes[number])
        for c in range(s.contexts):
            at = (np.int64(group_of(keys[number, c], node, mask)) + c * size) * 4
            groups[number, c] = at
            # Looks that wait for nothing wait for memory together: the cells are at hand later.
            seen ^= cells[at]
    k.full[0] = seen


@part
def _predict(s: State, k: Work, asked: int, question: int) -> None:
    """The logit of a yes for each that is asked."""
    chosen, nodes, groups, places, rows = k.asked, k.node, k.groups, k.cells, k.inputs
    cells, opinions, cases, sets, logits = s.cells, s.opinions, k.cases, k.sets, k.logit
    weights, mixers, starts, inputs = s.weights, s.mixers, s.starts, s.weights.shape[1]
    for x in range(asked):
        number = chosen[x]
        node = nodes[number]
        cell_in_group = 0 if question == 0 else (1 if question & 1 else 2 + (node & 1))
        for c in range(s.contexts):
            at = groups[number, c] + cell_in_group
            places[x, c] = at
            entry = entry_of(cells[at])
            rows[x, 2 * c] = opinions[entry, 0]
            rows[x, 2 * c + 1] = opinions[entry, 1]
        a = starts[0] + set_of(cases[number, 0], node, question)
        b = starts[1] + set_of(cases[number, 1], node, question)
        sets[0, x], sets[1, x] = a, b
        one, other = np.int64(0), np.int64(0)
        for i in range(inputs):
            one += np.int64(rows[x, i]) * np.int64(weights[a, i])
            other += np.int64(rows[x, i]) * np.int64(weights[b, i])
        one = _clip(one >> 16, -LARGEST_LOGIT, LARGEST_LOGIT)
        other = _clip(other >> 16, -LARGEST_LOGIT, LARGEST_LOGIT)
        two = one + other
        logits[x] = two >> 1 if mixers == 2 else _more_mixed(s, k, x, number, question, two)


@_within
def _more_mixed(s: State, k: Work, x: int, number: int, question: int, total: int) -> int:
    """The mean logit of all mixers, ``total`` being that of the first two."""
    weights, row, mixers = s.weights, k.inputs[x], s.mixers
    for m in range(2, mixers):
        a = s.starts[m] + set_of(k.cases[number, m], k.node[number], question)
        logit = np.int64(0)
        k.sets[m, x] = a
        for i in range(weights.shape[1]):
            logit += np.int64(row[i]) * np.int64(weights[a, i])
        total += _clip(logit >> 16, -LARGEST_LOGIT, LARGEST_LOGIT)
    return total // mixers


@part
def _map(s: State, k: Work, asked: int) -> None:
    """The chance that is coded with, and that from which the mixers learn (in ``error``)."""
    chosen, nodes, cases, logits, cells = k.asked, k.node, k.cases, k.logit, k.single
    chances, mapped, errors, coded = s.chances, s.mapped, k.error, k.chance
    for x in range(asked):
        number, logit = chosen[x], logits[x]
        mixed = chances[logit + LARGEST_LOGIT]
        at = cell_of(nodes[number], cases[number, 1], logit)
        cells[x, 0] = at
        errors[x] = allowed(mixed)
        coded[x] = allowed((mixed + chance_of(mapped[at])) >> 1) & ~1


@part
def _count(k: Work, table: Any, cells: Any, asked: int, most: int) -> None:
    """Add answers to cells, and scale down those that are full."""
    answers, fuller, full = k.answer, k.full, 0
    for x in range(asked):
        more = np.uint32(ONE + answers[x])
        for c in range(cells.shape[1]):
            at = cells[x, c]
            cell = table[at] + more
            table[at] = cell
            if cell >= np.uint32((most + 1) << 16):
                fuller[full] = at
                full += 1
    for i in range(full):
        cell = table[fuller[i]]
        n = cell >> _U16
        if n > np.uint32(most):
            by = n // np.uint32(most + 1) + _U1
            table[fuller[i]] = ((n // by) << _U16) | ((cell & _LOW) // by)


@part
def _learn(s: State, k: Work, mixer: int, asked: int) -> None:
    """Move a mixer's weights by what was answered."""
    sets, uses, slopes, slot, rows, errors = k.sets, k.uses, k.slopes, k.slot, k.inputs, k.error
    weights, rates, inputs, touched, used = s.weights, s.rates, s.weights.shape[1], k.full, 0
    for x in range(asked):
        error, number = np.int64(errors[x]), sets[mixer, x]
        if abs(error) < s.least:
            continue
        at = slot[number]
        if at < 0:
            at = used
            slot[number] = at
            touched[at] = number
            uses[at] = 0
            used += 1
        uses[at] += 1
        for i in range(inputs):
            slopes[at, i] += error * np.int64(rows[x, i])
    for u in range(used):
        number, rate = touched[u], rates[uses[u]]
        slot[number] = -1
        for i in range(inputs):
            moved = np.int64(weights[number, i]) + (slopes[u, i] * rate >> RATE_BITS)
            weights[number, i] = _clip(moved, -LARGEST_WEIGHT, LARGEST_WEIGHT)
            slopes[u, i] = 0


@part
def _answer(a: Answers, k: Work, values: Any, asked: int, question: int, s: State) -> bool:
    """Note the answers, or read them; whether there were any left to read."""
    chosen, chances, answers = k.asked, k.chance, k.answer
    if a.known:
        a.sizes[a.place[1]] = asked
        a.place[1] += 1
        noted, place, where = a.noted, a.place[0], k.at
        for x in range(asked):
            value = np.int32(values[where[chosen[x]]])
            yes = value == s.levels.common if question == 0 else (value >> (s.bits - question)) & 1
            answers[x] = yes
            noted[place + x] = chances[x] | answers[x]
        a.place[0] += asked
        return True
    states, words, lanes, lane, word = a.states, a.words, len(a.states), 0, a.place[2]
    for x in range(asked):
        state, of = states[lane], np.uint64(chances[x])
        within = state & _BELOW_ONE
        if within < of:
            answers[x] = 1
            state = of * (state >> _W16) + within
        else:
            answers[x] = 0
            state = (_ONE64 - of) * (state >> _W16) + within - of
        if state < _LOWEST:
            if word == len(words):
                return False
            state = state << _W32 | np.uint64(words[word])
            word += 1
        states[lane] = state
        lane += 1
        if lane == lanes:
            lane = 0
    a.place[2] = word
    return True


@part
def _teach(s: State, k: Work, asked: int) -> None:
    """Everything learns from the answers to a question that was mixed."""
    errors, answers = k.error, k.answer
    for x in range(asked):
        errors[x] = ONE * answers[x] - errors[x]
    for mixer in range(s.mixers):
        _learn(s, k, mixer, asked)
    _count(k, s.cells, k.cells, asked, MOST_ANSWERS)
    _count(k, s.mapped, k.single, asked, MANY_ANSWERS)


@part
def _ask_quiet(s: State, a: Answers, k: Work, values: Any, asked: int) -> bool:
    chosen, at_quiet, cells, quiet, chances = k.asked, k.cell, k.single, s.quiet, k.chance
    for x in range(asked):
        at = at_quiet[chosen[x]]
        cells[x, 0] = at
        chances[x] = allowed(chance_of(quiet[at])) & ~1
    if not _answer(a, k, values, asked, 0, s):
        return False
    _count(k, s.quiet, k.single, asked, MANY_ANSWERS)
    return True


@part
def _ask(s: State, a: Answers, k: Work, values: Any, asked: int, question: int) -> bool:
    if question == 0 or question & 1:
        _find_groups(s, k, asked, question < 2)
    _predict(s, k, asked, question)
    _map(s, k, asked)
    if not _answer(a, k, values, asked, question, s):
        return False
    _teach(s, k, asked)
    return True


@part
def _gather(s: State, r: Round, k: Work, start: int, stop: int) -> tuple[int, int]:
    """Look at the values of a batch: how many there are, and how many of them are quiet, which are
    asked first."""
    row = r.columns + 4
    plane = (r.rows + 2) * row
    size, count, quiet = (r.planes + 2) * plane, 0, 0
    values, places, quiet_cells, ats, wheres = r.values, r.places, r.quiet, k.at, k.where
    cells, nodes, chosen, common = k.cell, k.node, k.asked, s.levels.common
    for i in range(start, stop):
        place, cell = places[i], quiet_cells[i]
        line, p = place // r.planes, place % r.planes
        base = (p + 2) * plane + (line // r.columns + 2) * row + line % r.columns + 2
        for item in range(r.items):
            at = item * size + base
            ats[count], wheres[count], cells[count] = at, place, cell
            near = neighbours_of(values, at, row, plane)
            if is_quiet(near, common):
                nodes[count] = -1
                chosen[quiet] = count
                quiet += 1
            else:
                nodes[count] = 0
                _look_around(s, r, k, near, place, count)
            count += 1
    return count, quiet


@part
def _select(k: Work, count: int, node: int) -> int:
    """Ask those of which this is known: how many they are."""
    nodes, chosen, asked = k.node, k.asked, 0
    for number in range(count):
        if nodes[number] == node:
            chosen[asked] = number
            asked += 1
    return asked


@part
def _batch(s: State, a: Answers, r: Round, k: Work, start: int, stop: int) -> bool:
    """Go through one batch; whether the answers sufficed."""
    row = r.columns + 4
    plane = (r.rows + 2) * row
    values, chosen, nodes, answers, ats, wheres = r.values, k.asked, k.node, k.answer, k.at, k.where
    count, quiet = _gather(s, r, k, start, stop)
    if quiet and not _ask_quiet(s, a, k, values, quiet):
        return False
    for x in range(quiet):
        if not answers[x]:
            number = chosen[x]
            nodes[number] = 1
            near = neighbours_of(values, ats[number], row, plane)
            _look_around(s, r, k, near, wheres[number], number)
    asked = _select(k, count, 0)
    if asked and not _ask(s, a, k, values, asked, 0):
        return False
    for x in range(asked):
        nodes[chosen[x]] = -1 if answers[x] else 1
    asked = _select(k, count, 1)
    for question in range(1, s.bits + 1):
        if asked and not _ask(s, a, k, values, asked, question):
            return False
        for x in range(asked):
            number = chosen[x]
            nodes[number] = 2 * nodes[number] + answers[x]
    for x in range(asked):
        number = chosen[x]
        values[ats[number]] = np.uint8(nodes[number] - (1 << s.bits))
    return True


def work_for(s: State, most: int) -> Work:
    """Room for batches of up to ``most`` values."""
    sets, inputs = s.weights.shape
    return Work(
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64),
        np.empty((most, COUNT), np.uint32),
        np.empty((most, s.contexts), np.int64), np.empty(most, np.int32),
        np.empty((most, s.mixers), np.int32), np.empty(most, np.int32), np.empty(most, np.int32),
        np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32),
        np.zeros((most, inputs), np.int32), np.empty((most, s.contexts), np.int64),
        np.empty((most, 1), np.int64), np.empty((s.mixers, most), np.int32),
        np.zeros((most, inputs), np.int64), np.full(sets, -1, np.int32), np.empty(most, np.int64),
        np.empty(most * s.contexts, np.int64),
    )  # fmt: skip


def _code_round(s: State, a: Answers, r: Round, k: Work) -> bool:
    """Go through a round; whether the answers sufficed."""
    for batch in range(len(r.starts) - 1):
        if not _batch(s, a, r, k, r.starts[batch], r.starts[batch + 1]):
            return False
    return True


def _write_answers(noted: Any, sizes: Any, states: Any, words: Any) -> int:
    """Code all answers, the last first; how many words there are, the last first."""
    place, count, lanes = len(noted), 0, len(states)
    for i in range(len(sizes) - 1, -1, -1):
        place -= sizes[i]
        for x in range(sizes[i] - 1, -1, -1):
            entry, lane = np.uint64(noted[place + x]), x % lanes
            yes = entry & np.uint64(1)
            of = entry - yes
            width = of if yes else _ONE64 - of
            first = np.uint64(0) if yes else of
            state = states[lane]
            if state >= width << _W47:
                words[count] = np.uint32(state & np.uint64(0xFFFFFFFF))
                count += 1
                state >>= _W32
            quotient = state // width
            states[lane] = (quotient << _W16) + state - quotient * width + first
    return count


_SOURCES = checksum_of(Path(__file__).parent)
code_round = compiled(_code_round, _SOURCES)
write_answers = compiled(_write_answers, _SOURCES)
