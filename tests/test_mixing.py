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

from archive_cases import assert_same, assert_within
from narrows import Dataset, compress, decompress
from narrows.codec import Archive, write_archive
from narrows.codec.methods.mixing import Mixing
from narrows.codec.methods.stored import Stored
from narrows.codec.mixing import decode_block, encode_block
from narrows.codec.mixing.ans import Player, Recorder, lanes_for
from narrows.codec.mixing.contexts import NEIGHBOURS, context_keys
from narrows.codec.mixing.counts import Counts, opinions
from narrows.codec.mixing.logistic import LARGEST_LOGIT, logits, probabilities
from narrows.codec.mixing.mixer import Mixer
from narrows.codec.mixing.walk import MOST_ITEMS
from narrows.errors import ArchiveError

FEW = settings(max_examples=25, deadline=None)

BYTES = np.random.default_rng(0).integers(0, 4, (80, 3, 5, 2), "u1") * 80


def bits_a_value(values: np.ndarray) -> float:
    return len(encode_block(values)) * 8 / values.size


# Round trips


@st.composite
def mixed_blocks(draw: st.DrawFn) -> np.ndarray:
    """Blocks that the method takes, from single values an item to four dimensions."""
    dtype = np.dtype(draw(st.sampled_from(["u1", "i1", "u2", "i2"])))
    inner = draw(arrays.array_shapes(min_dims=1, max_dims=4, max_side=3))
    shape = draw(st.integers(64, 90)), *inner
    values = draw(arrays.arrays(dtype, shape, fill=arrays.from_dtype(dtype)))
    if draw(st.booleans()):
        seed = draw(st.integers(0, 2**32))
        return np.random.default_rng(seed).permuted(values.reshape(-1)).reshape(shape)
    return values


@FEW
@given(mixed_blocks())
def test_values_come_back(values: np.ndarray) -> None:
    method = Mixing()
    assert method.takes(values.shape, values.dtype)
    content = method.encode(values, "normal")
    assert_same(method.decode(content, values.shape, values.dtype), values)
    assert method.encode(values.copy(), "best") == content


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
def test_values_at_the_ends_of_a_dtype_come_back(dtype: str) -> None:
    limits = np.iinfo(dtype)
    ends = np.array([limits.min, limits.min + 1, limits.max - 1, limits.max, 0, 1], dtype)
    values = np.random.default_rng(0).choice(ends, (70, 2, 3))
    method = Mixing()
    assert_same(method.decode(method.encode(values, "normal"), (70, 2, 3), np.dtype(dtype)), values)


def test_as_many_items_as_are_taken_fit_the_counts() -> None:
    # All items in one cell: 32,768 answers at once, on top of those it has.
    values = np.zeros((MOST_ITEMS, 1, 4, 1), np.uint8)
    values[: MOST_ITEMS // 3, :, 2:] = 255
    np.testing.assert_array_equal(decode_block(encode_block(values), values.shape), values)


def test_what_is_taken() -> None:
    takes = Mixing().takes
    u1 = np.dtype("u1")
    assert takes((64, 1), u1) and takes((MOST_ITEMS, 1), u1)
    assert not takes((63, 1), u1) and not takes((MOST_ITEMS + 1, 1), u1)
    assert takes((64, 64, 128), u1) and not takes((64, 64, 129), u1)
    assert takes((64, 64, 64), np.dtype("i2")) and not takes((64, 64, 65), np.dtype("i2"))
    assert not takes((64,), u1) and not takes((64, 0), u1)
    assert not any(takes((64, 4), np.dtype(each)) for each in ("u4", "i8", "f4", "f2", "?"))


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
    for n, y in [(1, 0), (1, 1), (2, 1), (5, 4), (30, 3), (31, 30), (255, 0), (255, 255)]:
        logit, trusted = table[256 * n + y]
        chance = math.floor(65536 * (y + Fraction(2, 5)) / (n + Fraction(4, 5)))
        assert logit == logits(np.array(chance))
        assert trusted == math.floor(logit * min(n, 30) / 30)


def test_tables_cannot_be_changed() -> None:
    for table in (probabilities(), opinions()):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 0


# The coder


def coded(chances: list[np.ndarray], answers: list[np.ndarray], lanes: int) -> bytes:
    recorder = Recorder(lanes)
    for some, known in zip(chances, answers, strict=True):
        recorder.answer(some, known)
    return recorder.finish()


def batches(sizes: list[int], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    random = np.random.default_rng(seed)
    chances = [random.choice([24, 300, 9000, 32768, 65512], size) for size in sizes]
    return chances, [(random.random(len(p)) * 65536 < p).astype(np.int64) for p in chances]


@FEW
@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 9), st.integers(0, 2**32))
def test_the_coder_gives_back_its_answers(sizes: list[int], lanes: int, seed: int) -> None:
    chances, answers = batches(sizes, seed)
    player = Player(coded(chances, answers, lanes), lanes)
    for some, known in zip(chances, answers, strict=True):
        np.testing.assert_array_equal(player.answer(some), known)
    player.finish()


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
    counts = Counts(2, 12)
    places = counts.places(np.array([[128, 128, 256], [128, 256, 256]], np.uint32))
    counts.add(places, np.array([200, 100, 4], np.uint32), np.array([50, 25, 4], np.uint32))
    # 300 answers, 75 of them yes, are halved; 200 and 104 are below 256.
    assert counts._cells[places[0]].tolist() == [(150 << 16) + 37] * 2 + [(4 << 16) + 4]
    assert counts._cells[places[1]].tolist() == [(200 << 16) + 50] + [(104 << 16) + 29] * 2


def test_counts_hold_the_most_that_can_be_answered() -> None:
    counts = Counts(1, 12)
    place = counts.places(np.array([[7]], np.uint32))
    for _ in range(3):
        counts.add(place, np.array([255], np.uint32), np.array([255], np.uint32))
        counts.add(place, np.array([MOST_ITEMS], np.uint32), np.array([MOST_ITEMS], np.uint32))
        n, y = divmod(int(counts._cells[place[0, 0]]), 65536)
        assert 128 <= n == y <= 255


def test_a_mixer_learns_whom_to_trust() -> None:
    random = np.random.default_rng(0)
    mixer = Mixer(1, np.array([0.25, 0.25]))
    chosen, one = np.zeros(100, np.int64), np.ones(100, np.int64)
    costs = []
    for _ in range(300):
        truth = random.integers(0, 2, 100)
        # One always knows, the other never.
        inputs = np.stack(
            [600.0 * (2 * truth - 1), 600.0 * (2 * random.integers(0, 2, 100) - 1)], 1
        )
        chances = mixer.mix(inputs, chosen)
        costs.append(-np.log2(np.where(truth == 1, chances, 65536 - chances) / 65536).mean())
        mixer.learn(inputs, chosen, (65536 * truth - chances).astype(float), one)
    assert costs[0] > 0.5 and np.mean(costs[-20:]) < 0.05


def test_a_mixer_computes_what_integers_do() -> None:
    random = np.random.default_rng(0)
    mixer = Mixer(1, np.array([0.25, 0.0]))
    inputs = random.integers(-LARGEST_LOGIT, LARGEST_LOGIT + 1, (50, 2))
    errors, asked = random.integers(-(10**7), 10**7, 50), random.integers(1, 400, 50)
    chosen, weights = np.zeros(50, np.int64), [16384, 0]
    mixer.learn(inputs.astype(float), chosen, errors.astype(float), asked)
    divisor = 51200 * math.isqrt(sum(asked.tolist()) + 1)
    for number in range(2):
        terms = zip(errors.tolist(), inputs[:, number].tolist(), strict=True)
        weights[number] += sum(error * each for error, each in terms) // divisor
    assert mixer._weights[:, 0].tolist() == weights
    for (a, b), chance in zip(inputs.tolist(), mixer.mix(inputs * 1.0, chosen), strict=True):
        logit = (a * weights[0] + b * weights[1]) // 65536
        logit = min(max(logit, -LARGEST_LOGIT), LARGEST_LOGIT)
        assert chance == min(max(probabilities()[logit + LARGEST_LOGIT], 24), 65512)


def test_weights_stay_whole_and_within_their_limits() -> None:
    mixer = Mixer(2, np.array([0.25]))
    inputs = np.full((5000, 1), float(LARGEST_LOGIT))
    chosen = np.ones(5000, np.int64)
    for answer in (1.0, -1.0):
        for _ in range(100):
            errors = np.full(5000, answer * 65535)
            mixer.learn(inputs, chosen, errors, np.ones(5000, np.int64))
        assert mixer._weights[0, 1] == answer * 2**23
        assert mixer._weights[0, 0] == 2**14  # nobody used the other set
        chance = mixer.mix(inputs[:1], chosen[:1])[0]
        assert chance == (65512 if answer > 0 else 24)


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_every_neighbour_counts(name: str) -> None:
    near = {each: np.array([100], np.uint32) for each in NEIGHBOURS}
    before = [np.array([100], np.uint32)] * 2
    keys = context_keys(near, before, 3)
    near[name] = np.array([200], np.uint32)
    assert (context_keys(near, before, 3) != keys).any()
    assert len(np.unique(keys)) == len(keys)


def test_noise_costs_hardly_more_than_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1000, 8, 8, 1), "u1")
    assert 8 <= bits_a_value(noise) <= 8.4
    # what every context takes for a pattern is learnt away, but not at once
    assert bits_a_value(noise) < bits_a_value(noise[:250])


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
from narrows.codec.mixing import encode_block
random = np.random.default_rng(0)
values = np.minimum(random.integers(0, 256, (3000, 4, 4, 1)), 90).astype("u1")
print(hashlib.sha256(encode_block(values)).hexdigest())
"""


def test_the_bytes_do_not_depend_on_threads() -> None:
    digests = []
    for threads in ("1", "4"):
        variables = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(variables, threads)
        command = [sys.executable, "-c", PROGRAM]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        digests.append(run.stdout.strip())
    random = np.random.default_rng(0)
    values = np.minimum(random.integers(0, 256, (3000, 4, 4, 1)), 90).astype("u1")
    assert digests == [sha256(encode_block(values)).hexdigest()] * 2


# Damage


def damaged_contents(content: bytes) -> Iterator[bytes]:
    yield from (content[:length] for length in range(len(content)))
    yield content + b"\0\0\0\0"
    for place in range(len(content)):
        yield content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def test_a_damaged_block_is_refused_or_another_one() -> None:
    values = BYTES[:64, :1, :2, :1]
    content = encode_block(values)
    accepted = 0
    for damaged in damaged_contents(content):
        try:
            other = decode_block(damaged, values.shape)
        except ValueError:
            continue
        accepted += 1
        assert other.shape == values.shape and (other != values).any()
    assert accepted <= 2  # such as one with another most common value, which no one notices


@pytest.mark.parametrize("state", [0, (1 << 31) - 1, 1 << 63, (1 << 64) - 1])
def test_a_state_that_no_lane_has_is_refused(state: int) -> None:
    content = encode_block(BYTES)
    with pytest.raises(ValueError, match="damaged"):
        decode_block(content[:1] + state.to_bytes(8, "little") + content[9:], BYTES.shape)


def test_a_block_of_another_shape_is_refused() -> None:
    method, dtype = Mixing(), np.dtype("u1")
    content = method.encode(BYTES, "normal")
    for shape in [(79, 3, 5, 2), (81, 3, 5, 2), (80, 5, 3, 2), (80, 3, 5), (80 * 30,), (20, 120)]:
        with pytest.raises(ValueError):
            method.decode(content, shape, dtype)
    # What the walk would take and the method does not: more answers than a cell holds, many steps.
    for shape in [(80 * 30,), (20, 120), (MOST_ITEMS + 1, 1), (64, 1 << 20)]:
        with pytest.raises(ValueError, match="not of values that are mixed"):
            method.decode(content, shape, dtype)


def test_a_block_that_is_too_short_for_its_shape_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cut short"):
            Mixing().decode(bytes(2000), (MOST_ITEMS, 2048), np.dtype("u1"))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_decoding_takes_little_memory_besides_the_tables() -> None:
    values = np.zeros((MOST_ITEMS, 1, 1, 64), np.uint8)
    values[::50] = 7
    method = Mixing()
    content = method.encode(values, "normal")
    tracemalloc.start()
    try:
        method.decode(content, values.shape, values.dtype)
        tables = 12 * 4 << 22
        assert tracemalloc.get_traced_memory()[1] < tables + 16 * values.nbytes
    finally:
        tracemalloc.stop()


# In archives


@pytest.fixture
def only_mixing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("methods", "choosing"):
        monkeypatch.setattr(f"narrows.codec.{module}.METHODS", {"stored": Stored, "mixing": Mixing})


def test_the_archive_takes_it_where_it_is_smallest(digits: Dataset) -> None:
    items = digits.items[:300]
    out = io.BytesIO()
    account = write_archive(out, items)
    assert account.methods == {"mixing": 1}
    assert account.trials[0].method == "mixing"
    assert account.sizes["payload"] == account.trials[0].size
    assert account.trials[0].size < 0.95 * len(lzma.compress(items.tobytes(), preset=9))
    assert_same(decompress(out.getvalue()), items)


def test_it_is_not_tried_in_a_hurry(digits: Dataset) -> None:
    account = write_archive(io.BytesIO(), digits.items[:300], effort="fast")
    assert "mixing" not in {trial.method for trial in account.trials}


@pytest.mark.parametrize("dtype, bound", [("u1", 1), ("i2", 3), ("u1", 0), ("f2", 0), ("?", 0)])
def test_archives_of_any_levels_come_back(
    digits: Dataset, only_mixing: None, dtype: str, bound: float
) -> None:
    items = (digits.items[:200] - (8 if dtype == "i2" else 0)).astype(dtype)
    blob = compress(items, bound)
    with Archive(io.BytesIO(blob), "a") as archive:
        assert archive.account.methods == {"mixing": 1}
    assert_within(decompress(blob), items, bound)


def test_a_damaged_archive_is_refused(only_mixing: None) -> None:
    blob = compress(BYTES[:64, :1])
    for place in range(len(blob)):
        with pytest.raises(ArchiveError):
            decompress(blob[:place])
        with pytest.raises(ArchiveError):
            decompress(blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :])


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
