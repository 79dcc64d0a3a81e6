"""Context mixing: what goes in comes out, on every machine, in about as many bits as it should."""

import io
import lzma
import math
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from helpers.archive_cases import assert_same, assert_within
from narrows import Dataset, compress, decompress
from narrows.archive import opening, write_archive
from narrows.archive.methods.compressors import Stored
from narrows.archive.methods.mixing import Mixing
from narrows.archive.mixing import ScanOrder, blocks, compiled, decode_block, encode_block, in_numpy
from narrows.archive.mixing.ans import Player, Recorder, lanes_for
from narrows.archive.mixing.contexts import COUNT, Neighbours, fill_keys, levels_of, neighbours_of
from narrows.archive.mixing.counts import add, opinions
from narrows.archive.mixing.learned import Learned, Settings
from narrows.archive.mixing.logistic import LARGEST_LOGIT, logits, probabilities
from narrows.archive.mixing.mixer import Mixer, rates
from narrows.archive.mixing.mixer_selection import ALL, FIRST, MIXERS, SOME, Mixers, select
from narrows.archive.mixing.scan_order import MOST_AT_ONCE, padded_places, padded_size
from narrows.errors import ArchiveError

FEW_TIMES = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def both_ways_are_at_hand() -> None:
    """They give the same, which is tested: once there is the compiled one, blocks of any size take
    it."""
    assert blocks._compiled() is not None


BYTES = np.random.default_rng(0).integers(0, 4, (80, 3, 5, 2), "u1") * 80


def coded_block(values: np.ndarray, contexts: int = COUNT, streams: int = 1) -> bytes:
    """Bytes of any shape as a block."""
    order = ScanOrder.of(values.shape, 1)
    return encode_block(values.reshape(order.count, -1), order, contexts, ALL, streams)


def bits_a_value(values: np.ndarray) -> float:
    return len(coded_block(values)) * 8 / values.size


# Round trips


@st.composite
def mixed_blocks(draw: st.DrawFn) -> np.ndarray:
    """Blocks of many items, of one, and without items, with few values or many."""
    dtype = np.dtype(draw(st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i8"])))
    inner = draw(arrays.array_shapes(min_dims=0, max_dims=4, max_side=4))
    shape = draw(st.integers(-(-256 // math.prod(inner)), 300)), *inner
    limits = np.iinfo(dtype)
    spread = draw(st.sampled_from([1, 3, 200, 300, 70_000, 2**40]))
    low = draw(st.integers(limits.min, max(limits.max - spread, limits.min)))
    seed = draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    values = random.integers(low, min(low + spread, limits.max), shape, dtype, endpoint=True)
    return np.sort(values, axis=0) if draw(st.booleans()) else values


@pytest.mark.slow
@FEW_TIMES
@given(mixed_blocks(), st.sampled_from(["fast", "normal", "best"]))
def test_values_come_back(values: np.ndarray, effort: str) -> None:
    method = Mixing()
    if not method.takes(values.shape, values.dtype):
        return
    content = method.encode(values, effort)
    assert_same(method.decode(content, values.shape, values.dtype), values)
    assert method.encode(values.copy(), effort) == content


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u8", "i8"])
def test_values_at_the_ends_of_a_dtype_come_back(dtype: str) -> None:
    limits = np.iinfo(dtype)
    ends = np.array([limits.min, limits.min + 1, limits.max - 1, limits.max, 0, 1], dtype)
    values = np.random.default_rng(0).choice(ends, (70, 2, 3))
    method = Mixing()
    assert_same(method.decode(method.encode(values, "normal"), (70, 2, 3), np.dtype(dtype)), values)


def test_what_is_taken() -> None:
    takes = Mixing().takes
    u1 = np.dtype("u1")
    assert takes((64, 4), u1) and takes((1, 16, 16), u1) and takes((256,), u1)
    assert not takes((63, 4), u1) and not takes((64, 0), u1)
    # large images and long rows have steps enough for NumPy, a tall and narrow one has not
    assert takes((1, 4000, 4000, 3), u1) and takes((3, 1 << 20), u1) and takes((1 << 23,), u1)
    assert not takes((1, 1 << 20, 3), u1)
    assert not any(takes((640, 4), np.dtype(each)) for each in ("f4", "f2", "?"))


def test_planes_for_what_the_values_need_and_no_more() -> None:
    values = np.random.default_rng(0).integers(0, 200, (300, 4))
    method = Mixing()
    size = len(method.encode(values.astype("u1"), "normal"))
    assert abs(len(method.encode(values + 10**12, "normal")) - size) < 16
    assert len(method.encode(values * 300, "normal")) > size


# The order


@pytest.mark.parametrize(
    "shape", [(50, 6, 5, 2), (1, 40, 30), (3, 7), (2, 1500), (5000,), (2000, 1, 1), (1, 300, 1)]
)
def test_a_place_comes_once_and_after_all_that_it_looks_at(shape: tuple[int, ...]) -> None:
    order = ScanOrder.of(shape, 1)
    seen, batch_of = [], {}
    for number, batch in enumerate(order.batches(order.count)):
        assert len(batch) > 0 and (np.diff(batch) > 0).all()
        seen += batch.tolist()
        batch_of.update(dict.fromkeys(padded_places(order, batch).tolist(), number))
    assert sorted(seen) == list(range(order.places))
    numbers, row = np.arange(padded_size(order)), order.columns + 4
    plane = (order.rows + 2) * row
    for at, number in batch_of.items():
        for other in neighbours_of(numbers, at, row, plane):
            assert batch_of.get(int(other), -1) < number


@pytest.mark.parametrize("shape", [(10_000, 28, 28), (7, 3), (1, 5, 5), (100_000, 4), (33, 900)])
def test_rounds_are_all_items_and_batches_fit_a_cell(shape: tuple[int, ...]) -> None:
    order = ScanOrder.of(shape, 1)
    rounds = order.rounds()
    assert [0, *(last for _, last in rounds)] == [*(first for first, _ in rounds), shape[0]]
    for items in {last - first for first, last in rounds}:
        assert max(map(len, order.batches(items))) * items <= MOST_AT_ONCE


# Two ways


@st.composite
def byte_blocks(draw: st.DrawFn) -> np.ndarray:
    """Bytes with quiet regions, edges and noise, in any shape."""
    inner = draw(arrays.array_shapes(min_dims=0, max_dims=3, max_side=6))
    shape = draw(st.integers(1, max(400 // math.prod(inner), 1))), *inner
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    top = draw(st.sampled_from([0, 1, 5, 100, 255]))
    values = random.integers(0, top + 1, shape, "u1")
    noise = random.random(shape) < draw(st.sampled_from([0.02, 0.3, 1]))
    return np.where(noise, values, top // 2).astype("u1")


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(byte_blocks(), st.integers(1, COUNT), st.sampled_from(MIXERS))
def test_both_ways_give_the_same_bytes_and_values(
    values: np.ndarray, contexts: int, mixers: Mixers
) -> None:
    order = ScanOrder.of(values.shape, 1)
    rows = values.reshape(order.count, order.places)
    chosen = Settings.for_values(rows, contexts, mixers)
    content = in_numpy.encode(order, chosen, rows)
    assert compiled.encode(order, chosen, rows) == content
    assert_same(compiled.decode(order, chosen, content), rows)
    assert_same(in_numpy.decode(order, chosen, content), rows)


def test_many_answers_in_one_batch_are_counted_alike() -> None:
    values = np.random.default_rng(0).choice([0, 0, 9], (4000, 3)).astype("u1")
    order = ScanOrder.of(values.shape, 1)
    chosen = Settings.for_values(values, 5, ALL)
    assert in_numpy.encode(order, chosen, values) == compiled.encode(order, chosen, values)


@pytest.mark.slow
def test_both_ways_refuse_the_same_damage() -> None:
    values = BYTES[:20].reshape(20, -1)
    order = ScanOrder.of(BYTES[:20].shape, 1)
    chosen = Settings.for_values(values, 6, ALL)
    content = in_numpy.encode(order, chosen, values)
    for place in range(0, len(content), len(content) // 6):
        damaged = content[:place] + bytes([content[place] ^ 9]) + content[place + 1 :]
        results = []
        for way in (in_numpy, compiled):
            try:
                results.append(way.decode(order, chosen, damaged).tobytes())
            except ValueError as error:
                results.append(str(error).encode())
        assert results[0] == results[1]


@pytest.mark.slow
def test_without_numba_numpy_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 3, (60, 5, 5), "u1") * 90
    content = coded_block(values, 3)
    monkeypatch.setitem(sys.modules, "narrows.archive.mixing.kernels", None)
    monkeypatch.delitem(sys.modules, "narrows.archive.mixing.compiled")
    monkeypatch.delattr("narrows.archive.mixing.compiled")
    blocks._compiled.cache_clear()
    try:
        assert blocks._compiled() is None
        assert coded_block(values, 3) == content
        order = ScanOrder.of(values.shape, 1)
        assert_same(decode_block(content, order), values.reshape(60, 25))
    finally:
        blocks._compiled.cache_clear()


# Streams


@pytest.mark.slow
@pytest.mark.parametrize("streams", [1, 2, 5, 16])
def test_streams_come_back(streams: int) -> None:
    content = coded_block(BYTES, 4, streams)
    assert content[0] == streams
    decoded = decode_block(content, ScanOrder.of(BYTES.shape, 1))
    assert_same(decoded, BYTES.reshape(80, -1))


def test_there_are_no_more_streams_than_items() -> None:
    assert coded_block(BYTES[:3], streams=16)[0] == 3


@pytest.mark.parametrize("streams", [0, 17, 81, 255])
def test_streams_that_no_block_has_are_refused(streams: int) -> None:
    content = coded_block(BYTES, streams=2)
    with pytest.raises(ValueError, match="damaged"):
        decode_block(bytes([streams]) + content[1:], ScanOrder.of(BYTES.shape, 1))


def test_a_stream_that_ends_behind_the_block_is_refused() -> None:
    content = coded_block(BYTES, streams=2)
    with pytest.raises(ValueError, match="cut short"):
        decode_block(content[:1] + b"\xff\xff\xff\xff" + content[5:], ScanOrder.of(BYTES.shape, 1))


# The tables


def test_probabilities_are_the_logistic_function_rounded() -> None:
    table = probabilities()
    assert len(table) == 2 * LARGEST_LOGIT + 1
    with localcontext(prec=40):
        for logit, found in zip(range(-LARGEST_LOGIT, LARGEST_LOGIT + 1), table, strict=True):
            exact = 65536 / (1 + (-Decimal(logit) / 256).exp())
            assert abs(found - exact) <= Decimal("0.5") or (found == 65535 and exact > 65535)


def test_logits_are_the_inverse() -> None:
    of = np.arange(1, 65536)
    places = logits(of) + LARGEST_LOGIT
    assert (probabilities()[places] >= of).all()
    assert places[0] == 0 and (probabilities()[places[1:] - 1] < of[1:]).all()
    near = 256 * np.log(of / (65536 - of)) - logits(of)
    assert np.abs(near)[200:-200].max() < 2


def test_opinions_are_logits_of_what_was_counted() -> None:
    table = opinions()
    assert (table == np.floor(table)).all() and not table[:256].any()
    for n, y in [(1, 0), (1, 1), (2, 1), (5, 4), (60, 3), (61, 30), (255, 0), (255, 255)]:
        logit, trusted = table[256 * n + y].tolist()
        chance = math.floor(65536 * (y + Fraction(2, 5)) / (n + Fraction(4, 5)))
        assert logit == logits(np.array(chance))
        assert trusted == math.floor(logit * min(n, 60) / 60)


def test_tables_cannot_be_changed() -> None:
    for table in (probabilities(), opinions()):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0


# The coder


def coded(chances: list[np.ndarray], answers: list[np.ndarray], lanes: int) -> bytes:
    recorder = Recorder()
    for some, known in zip(chances, answers, strict=True):
        recorder.answer(some, known)
    return recorder.finish(lanes)


def batches(sizes: list[int], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    random = np.random.default_rng(seed)
    chances = [random.choice([24, 300, 9000, 32768, 65512], size) for size in sizes]
    return chances, [(random.random(len(p)) * 65536 < p).astype(np.int64) for p in chances]


@FEW_TIMES
@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 9), st.integers(0, 2**32))
def test_the_coder_gives_back_its_answers(sizes: list[int], lanes: int, seed: int) -> None:
    chances, answers = batches(sizes, seed)
    player = Player(coded(chances, answers, lanes), lanes)
    for some, known in zip(chances, answers, strict=True):
        np.testing.assert_array_equal(player.answer(some), known)
    player.finish()


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 7, 64])
def test_the_coder_takes_its_ideal_length(lanes: int) -> None:
    chances, answers = batches([500] * 80, 0)
    chance, yes = np.concatenate(chances) / 65536, np.concatenate(answers) == 1
    ideal = -np.log2(np.where(yes, chance, 1 - chance)).sum() / 8
    length = len(coded(chances, answers, lanes))
    assert ideal < length <= ideal * 1.001 + 8 * lanes


def test_the_coder_takes_answers_that_are_all_unlikely() -> None:
    chances, answers = [np.full(300, 24)], [np.ones(300, np.int64)]
    content = coded(chances, answers, 4)
    assert len(content) == pytest.approx(300 * math.log2(65536 / 24) / 8, abs=32)
    np.testing.assert_array_equal(Player(content, 4).answer(chances[0]), 1)


def test_the_coder_must_end_where_it_began() -> None:
    chances, answers = [np.full(20, 32768)], [np.arange(20) % 2]
    content = coded(chances, answers, 1)
    assert len(content) == 8  # a state that holds all of it

    def read(content: bytes) -> None:
        player = Player(content, 1)
        player.answer(chances[0])
        player.finish()

    read(content)
    state = int.from_bytes(content, "little")
    for other in (state ^ 1, state ^ 1 << 40, state + (1 << 52)):
        with pytest.raises(ValueError):
            read(other.to_bytes(8, "little"))
    with pytest.raises(ValueError, match="damaged"):
        read(content + bytes(4))


def test_lanes_grow_with_the_block() -> None:
    assert [lanes_for(size) for size in (1, 1023, 2048, 1 << 18, 1 << 26)] == [1, 1, 2, 256, 256]


# What is learnt


def test_a_full_cell_keeps_its_share() -> None:
    cells = np.zeros(3, np.uint32)
    answers = np.repeat([1, 0, 1], [75, 225, 204])
    add(cells, np.repeat([0, 0, 2], [75, 225, 204]), answers, 255)
    # 300 answers, 75 of them yes, are halved; 204 are below 256
    assert cells.tolist() == [(150 << 16) + 37, 0, (204 << 16) + 204]


def test_counts_hold_the_most_that_can_be_answered() -> None:
    for most in (255, 1023):
        cells = np.array([(most << 16) + most], np.uint32)
        for _ in range(3):
            add(cells, np.zeros((MOST_AT_ONCE, 1), np.int64), np.ones(MOST_AT_ONCE, int), most)
            n, y = divmod(int(cells[0]), 65536)
            assert most // 2 <= n == y <= most


def test_a_mixer_learns_whom_to_trust() -> None:
    random = np.random.default_rng(0)
    mixer, chosen = Mixer(np.full((1, 2), 16384, np.int32)), np.zeros(100, np.int64)
    costs = []
    for _ in range(300):
        truth = random.integers(0, 2, 100)
        # One always knows, the other never.
        inputs = np.stack([1200 * truth - 600, 1200 * random.integers(0, 2, 100) - 600], 1)
        chances = probabilities()[mixer.logits(inputs, chosen) + LARGEST_LOGIT]
        costs.append(-np.log2(np.where(truth == 1, chances, 65536 - chances) / 65536).mean())
        mixer.learn(inputs, chosen, 65536 * truth - chances)
    assert costs[0] > 0.5 and np.mean(costs[-20:]) < 0.05


def test_a_mixer_computes_what_integers_do() -> None:
    random = np.random.default_rng(0)
    table = np.array([[16384, 0], [500, -7], [9, 9]], np.int32)
    weights, mixer = table.tolist(), Mixer(table)
    inputs = random.integers(-LARGEST_LOGIT, LARGEST_LOGIT + 1, (50, 2))
    errors, chosen = random.integers(-65536, 65536, 50), random.choice([0, 2], 50)
    mixer.learn(inputs, chosen, errors)
    for number in (0, 2):
        used = [each for each in range(50) if chosen[each] == number]
        rate = math.isqrt(2**64 // (51200**2 * (len(used) + 1)))
        for j in range(2):
            slope = sum(int(errors[each]) * int(inputs[each, j]) for each in used)
            weights[number][j] += slope * rate >> 32
    assert table.tolist() == weights
    logits_now = mixer.logits(inputs, chosen).tolist()
    for (a, b), number, logit in zip(inputs.tolist(), chosen.tolist(), logits_now, strict=True):
        wanted = a * weights[number][0] + b * weights[number][1] >> 16
        assert logit == min(max(wanted, -LARGEST_LOGIT), LARGEST_LOGIT)


def test_rates_are_those_of_real_numbers() -> None:
    m = np.arange(len(rates()))
    np.testing.assert_allclose(rates(), 2**32 / (51200 * np.sqrt(m + 1)), rtol=1e-3)


def test_weights_stay_within_their_limits() -> None:
    table = np.full((2, 1), 16384, np.int32)
    mixer, inputs = Mixer(table), np.full((4000, 1), LARGEST_LOGIT)
    for error in (65535, -65535):
        for _ in range(200):
            mixer.learn(inputs, np.ones(4000, np.int64), np.full(4000, error))
        assert table[1, 0] == np.sign(error) * 2**23
        assert table[0, 0] == 2**14  # nobody used the other set


@FEW_TIMES
@given(st.integers(0, 2**32), st.sampled_from([1, 9, 255]))
def test_cases_are_numbered_from_0_and_tell_apart_what_they_say(seed: int, top: int) -> None:
    random = np.random.default_rng(seed)
    near = Neighbours(*random.choice([0, top // 2, top], (len(Neighbours._fields), 60)))
    row, column, planes = (random.integers(0, most, 60) for most in (30, 5, 3))
    found = []
    for mixers in (ALL, SOME, FIRST):
        cases = np.empty((len(mixers.cases), 60), np.int64)
        select(cases, near, row * 5 + column, planes, (30, 5), levels_of(0, top))
        found.append(cases.T)
    assert (found[0] >= 0).all() and (found[0] < ALL.cases).all()
    assert_same(found[1], found[0][:, :3])
    assert_same(found[2], found[0][:, [2, 1]])
    eight = [getattr(near, name) for name in ("w", "n", "nw", "ne", "ww", "nn", "nww", "nee")]
    differ = np.array([values != 0 for values in eight]).astype(int)
    bright = np.array([values * 255 // top >= 128 for values in eight]).astype(int)
    assert_same(found[0][:, 0], 2 ** np.arange(7, -1, -1) @ differ)
    assert_same(found[0][:, 3], 2 ** np.arange(7, -1, -1) @ bright)
    assert_same(found[0][:, 6], (row * 14 // 30) * 14 + column)


@pytest.mark.slow
def test_errors_below_the_least_move_no_weight() -> None:
    values, learnt = BYTES.reshape(80, -1), {}
    order = ScanOrder.of(BYTES.shape, 1)
    for least in (0, 1 << 15, 1 << 17):
        chosen = Settings.for_values(values, 4, SOME._replace(least=least))
        recorder, coding = Recorder(), in_numpy.Coding(order, chosen)
        for first, last in order.rounds():
            coding.go(recorder, values[first:last], last - first)
        learnt[least] = coding.learned.weights
    start = Learned.nothing(order, chosen).weights
    moved = {least: int((weights != start).sum()) for least, weights in learnt.items()}
    assert moved[0] > moved[1 << 15] > moved[1 << 17] == 0


def keys_of(near: Neighbours) -> np.ndarray:
    keys = np.empty((COUNT, 1), np.uint32)
    fill_keys(keys, near, np.array([3]), levels_of(0, 255), COUNT)
    return keys


@pytest.mark.parametrize("name", Neighbours._fields)
def test_every_neighbour_counts(name: str) -> None:
    near = Neighbours(*np.full((len(Neighbours._fields), 1), 100))
    keys = keys_of(near)
    assert (keys_of(near._replace(**{name: np.array([200])})) != keys).any()
    assert len(np.unique(keys)) == COUNT


@pytest.mark.slow
def test_noise_costs_hardly_more_than_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 8, 8, 1), "u1")
    assert 8 <= bits_a_value(noise) <= 8.4
    # what every context takes for a pattern is learnt away, but not at once
    assert bits_a_value(noise) < bits_a_value(noise[:250])


@pytest.mark.slow
def test_what_follows_from_its_neighbours_costs_next_to_nothing() -> None:
    random = np.random.default_rng(0)
    first = random.integers(0, 256, (600, 1, 1, 1), "u1")
    stripes = np.repeat(np.repeat(first, 8, 1), 8, 2)
    shuffled = random.permuted(stripes.reshape(600, -1), axis=0).reshape(stripes.shape)
    assert bits_a_value(stripes) < 1.5
    assert bits_a_value(shuffled) > 7.5  # the same values, without their neighbours


def test_planes_are_learnt_from_those_before() -> None:
    random = np.random.default_rng(0)
    colours = np.repeat(random.integers(0, 8, (500, 4, 4, 1), "u1") * 30, 3, 3)
    assert bits_a_value(colours) < 2  # on their own 3 each, together 1


def test_no_byte_stands_for_more_values_than_is_promised() -> None:
    # The most likely answer, by test_weights_stay_whole_and_within_their_limits.
    assert 8 / math.log2(65536 / 65512) < Mixing.largest_expansion
    answers = np.ones(1 << 20, np.int64)
    content = coded([np.full(len(answers), 65512)], [answers], 256)
    states = np.frombuffer(content, "<u8").astype(float)
    assert np.log2(states / 2**31).sum() / 8 > len(answers) / Mixing.largest_expansion


# The same everywhere

PROGRAM = """
import hashlib, numpy as np
from narrows.archive.mixing import ScanOrder, encode_block
from narrows.archive.mixing.mixer_selection import ALL
random = np.random.default_rng(0)
values = np.minimum(random.integers(0, 256, (1000, 4, 4)), 90).astype("u1")
order = ScanOrder.of(values.shape, 1)
print(hashlib.sha256(encode_block(values.reshape(1000, 16), order, 18, ALL, 3)).hexdigest())
"""


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_threads() -> None:
    digests = []
    for threads in ("1", "4"):
        variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(variables, threads)
        command = [sys.executable, "-c", PROGRAM]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        digests.append(run.stdout.strip())
    random = np.random.default_rng(0)
    values = np.minimum(random.integers(0, 256, (1000, 4, 4)), 90).astype("u1")
    assert digests == [sha256(coded_block(values, streams=3)).hexdigest()] * 2


# Damage


def damaged_contents(content: bytes) -> Iterator[bytes]:
    yield from (content[:length] for length in range(len(content)))
    yield content + b"\0\0\0\0"
    for place in range(len(content)):
        yield content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def test_a_damaged_block_is_refused_or_another_one() -> None:
    values = BYTES[:20, :1, :2, :1]
    order, content = ScanOrder.of(values.shape, 1), coded_block(values, 4)
    for damaged in damaged_contents(content):
        try:
            other = decode_block(damaged, order)
        except ValueError:
            continue
        assert other.shape == (20, 2)


@pytest.mark.parametrize("state", [0, (1 << 31) - 1, 1 << 63, (1 << 64) - 1])
def test_a_state_that_no_lane_has_is_refused(state: int) -> None:
    content = coded_block(BYTES)
    with pytest.raises(ValueError, match="damaged"):
        decode_block(
            content[:4] + state.to_bytes(8, "little") + content[12:], ScanOrder.of(BYTES.shape, 1)
        )


def test_a_block_of_another_shape_is_refused() -> None:
    method, dtype = Mixing(), np.dtype("u1")
    content = method.encode(BYTES, "normal")
    for shape in [(79, 3, 5, 2), (81, 3, 5, 2), (80, 5, 3, 2), (80, 3, 5), (80 * 30,), (20, 120)]:
        with pytest.raises(ValueError):
            method.decode(content, shape, dtype)
    # What would take too many steps.
    for shape in [(5, 3), (1, 1 << 20, 3), (200, 1 << 16, 1)]:
        with pytest.raises(ValueError, match="not of values that are mixed"):
            method.decode(content, shape, dtype)


def test_a_block_that_is_too_short_for_its_shape_takes_no_memory() -> None:
    content = bytes([1, *bytes(8), 1, 18, 0, 255]) + bytes(100)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cut short"):
            Mixing().decode(content, (1 << 14, 28, 28), np.dtype("u1"))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_decoding_takes_little_memory_besides_the_tables() -> None:
    values = np.zeros((1 << 12, 1, 1, 64), np.uint8)
    values[::50] = 7
    method = Mixing()
    content = method.encode(values, "best")
    tracemalloc.start()
    try:
        method.decode(content, values.shape, values.dtype)
        tables = COUNT * 4 << (4 * values.size).bit_length()
        assert tracemalloc.get_traced_memory()[1] < tables + 60 * values.nbytes
    finally:
        tracemalloc.stop()


# In archives


@pytest.fixture
def only_mixing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("methods", "choosing"):
        monkeypatch.setattr(
            f"narrows.archive.{module}.METHODS", {"stored": Stored, "mixing": Mixing}
        )


@pytest.mark.slow
def test_the_archive_takes_it_where_it_is_smallest(digits: Dataset) -> None:
    items = digits.items[:300]
    out = io.BytesIO()
    account = write_archive(out, items, effort="best")  # others try it on more only
    assert account.methods == {"mixing": 1}
    assert account.trials[0].method == "mixing"
    assert account.sizes["payload"] == account.trials[0].size
    assert account.trials[0].size < 0.95 * len(lzma.compress(items.tobytes(), preset=9))
    assert_same(decompress(out.getvalue()), items)


@pytest.mark.slow
@pytest.mark.parametrize("dtype, bound", [("u1", 1), ("i2", 3), ("u1", 0), ("f2", 0), ("?", 0)])
def test_archives_of_any_levels_come_back(
    digits: Dataset, only_mixing: None, dtype: str, bound: float
) -> None:
    items = (digits.items[:200] - (8 if dtype == "i2" else 0)).astype(dtype)
    blob = compress(items, bound, effort="best")
    with opening.opened(io.BytesIO(blob), "a") as archive:
        assert archive.size_breakdown.methods == {"mixing": 1}
    assert_within(decompress(blob), items, bound)


def test_a_damaged_archive_is_refused(only_mixing: None) -> None:
    blob = compress(BYTES[:64, :1], effort="fast")
    for place in range(len(blob)):
        with pytest.raises(ArchiveError):
            decompress(blob[:place])
        with pytest.raises(ArchiveError):
            decompress(blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :])


@pytest.mark.slow
def test_it_is_tried_on_larger_sets_only_where_asked_for(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = digits.items[:100]
    monkeypatch.setattr(Mixing, "tried_up_to", {"normal": items.nbytes - 1, "best": math.inf})
    tried = {
        effort: {trial.method for trial in write_archive(io.BytesIO(), items, effort=effort).trials}
        for effort in ("normal", "best")
    }
    assert "mixing" in tried["best"] - tried["normal"]
