"""Codes coded by a predictor: they come back, and take what the distribution says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.codes_cases import (
    SIZE,
    counted_codes,
    counted_predictor,
    drawn_predictor,
    rounded_arrays,
)
from narrows.archive.codes.predicted import Predicted
from narrows.archive.codes.predictor import Reading, chances_below, quantised_predictor
from narrows.archive.mixing.logistic import ONE
from narrows.nn.blocks.rounded import code_lengths

PREDICTED = Predicted.of(counted_predictor())


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_codes_come_back(data: st.DataObject) -> None:
    size, count = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 30))
    dtype = np.dtype(data.draw(st.sampled_from(["i1", "i2"])))
    low = data.draw(st.integers(np.iinfo(dtype).min, np.iinfo(dtype).max))
    spread = data.draw(st.sampled_from([1, 2, 200, 2048]))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    high = min(low + spread - 1, np.iinfo(dtype).max)
    codes = random.integers(low, high, (count, size), dtype, endpoint=True)
    method = Predicted.of(drawn_predictor(size, data.draw(st.integers(1, 9))))
    back = method.decode(method.encode(codes, "normal"), codes.shape, dtype)
    assert back.dtype == dtype and (back == codes).all()


@pytest.mark.slow
def test_many_codes_of_several_lanes_come_back() -> None:
    codes = counted_codes(7000).astype("i2")
    content = PREDICTED.encode(codes, "normal")
    assert (PREDICTED.decode(content, codes.shape, codes.dtype) == codes).all()


@pytest.mark.parametrize("width", [2, 40])
def test_they_take_what_the_block_in_training_said(width: int) -> None:
    arrays = rounded_arrays(4, 12)
    arrays["width.bias"] -= np.float32(np.log(width))
    predictor, random = quantised_predictor(arrays), np.random.default_rng(1)
    codes = np.zeros((3000, 4), np.int64)
    reading = Reading(predictor, 3000)
    for number in range(4):
        middle, sharp = reading.next(codes[:, :number])
        drawn = middle / 256 + random.logistic(size=3000) * 4096 / sharp
        codes[:, number] = np.clip(np.rint(drawn), -1000, 1000)
    ideal = float(code_lengths(arrays, codes.astype(np.float32)).sum()) / np.log(2) / 8
    content = Predicted.of(predictor).encode(codes.astype("i2"), "normal")
    assert len(content) == pytest.approx(ideal, rel=0.01)


def test_every_value_has_a_part_and_all_parts_are_one() -> None:
    reading = Reading(counted_predictor(), 50)
    for number in range(SIZE):
        middle, sharp = reading.next(counted_codes(50)[:, :number])
        values = np.arange(-40, 61)
        below = chances_below(values, middle[:, None], sharp[:, None], -40, 100)
        assert (below[:, 0] == 0).all() and (below[:, -1] == ONE).all()
        assert (np.diff(below, axis=1) >= 1).all()


def test_a_number_is_told_of_by_those_before_it_only() -> None:
    codes = counted_codes(20)
    others = codes.copy()
    others[:, 1:] += 9
    for predictor in (counted_predictor(), drawn_predictor(SIZE, 7)):
        first, second = (
            [reading.next(each[:, :number]) for number in (0, 1)]
            for reading, each in ((Reading(predictor, 20), codes), (Reading(predictor, 20), others))
        )
        assert np.array_equal(first, second)


def test_codes_that_are_too_far_apart_are_none_of_its() -> None:
    codes = np.array([[-3000, 0, 3000]], "i2")
    with pytest.raises(ValueError, match="6,001 different values"):
        PREDICTED.encode(codes, "normal")


def test_it_takes_codes_of_its_size_only() -> None:
    assert PREDICTED.takes((4, SIZE), np.dtype("i1"))
    for shape, dtype in (((4, 2), "i1"), ((4, SIZE), "u1"), ((4, SIZE), "i4"), ((12,), "i1")):
        assert not PREDICTED.takes(shape, np.dtype(dtype))


def test_its_settings_and_part_make_it_again() -> None:
    parts, codes = PREDICTED.parts(), counted_codes(30).astype("i2")
    back = Predicted.from_archive(PREDICTED.settings(), parts.__getitem__)
    content = PREDICTED.encode(codes, "normal")
    assert (back.decode(content, codes.shape, codes.dtype) == codes).all()
    for wrong in ([1], [0, 5, 8, 9, 10], [3, 5, 8, 9, 17], [3, 1 << 30, 8, 9, 10], "abcde"):
        with pytest.raises(ValueError, match="no such predictor"):
            Predicted.from_archive({**PREDICTED.settings(), "predictor": wrong}, parts.__getitem__)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_it_did_not_make_is_noticed(data: st.DataObject) -> None:
    codes = counted_codes(30).astype("i2")
    content = bytearray(PREDICTED.encode(codes, "normal"))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.sampled_from([len(content), place]))
    try:
        back = PREDICTED.decode(bytes(content[:cut]), codes.shape, codes.dtype)
    except Exception as error:
        assert not isinstance(error, MemoryError)
    else:
        assert back.shape == codes.shape
