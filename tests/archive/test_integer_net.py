"""Nets in whole numbers: what they give is what Python's own integers give, and near the floats."""

import math
from typing import Any

import numpy as np
import pytest

from helpers.codes_cases import SIZE, counted_decoder, drawn_layers, drawn_net
from narrows.archive.arrays import Layout
from narrows.archive.codes.decoder import Decoder
from narrows.archive.codes.integer_net import (
    ACTIVATIONS,
    LARGEST,
    IntegerLayer,
    IntegerNet,
    net_from_header,
    quantised,
    with_numbers,
)
from narrows.archive.codes.numbers import pack_numbers, unpack_numbers
from narrows.errors import ArchiveError
from narrows.nn.activations import apply_activation

P = [min(round(65536 / (1 + math.exp(-x / 256))), 65535) for x in range(-2839, 2840)]


def curve(x: int, f: int) -> int:
    y = min(max(min(max(x, -22712), 22712) << (11 - f), -22712), 22711)
    place, part = (y >> 3) + 2839, y % 8
    return P[place] * (8 - part) + P[place + 1] * part


def moved(x: int, bits: int) -> int:
    return (x + 2 ** (bits - 1)) >> bits if bits else x


def plainly(net: IntegerNet, code: list[int]) -> list[int]:
    """What the net gives, one number after the other, by integers of any length."""
    x, bits = code, 0
    for layer in net.layers:
        x = [max(min(moved(each, max(bits - 14, 0)), LARGEST), -LARGEST) for each in x]
        f, found = layer.fraction, []
        for column, bias in zip(layer.weight.T.tolist(), layer.bias.tolist(), strict=True):
            total = sum(a * b for a, b in zip(x, column, strict=True))
            s = max(min(moved(total, layer.shift) + bias, 2**31 - 1), 1 - 2**31)
            results: dict[str, Any] = {
                "linear": lambda s=s: s,
                "relu": lambda s=s: max(s, 0),
                "sigmoid": lambda s=s, f=f: curve(s, f),
                "silu": lambda s=s, f=f: moved(s * curve(s, f), 19),
                "tanh": lambda s=s, f=f: 2 * curve(2 * s, f) - 2**19,
            }
            found.append(results[layer.activation]())
        x, bits = found, 19 if layer.activation in ("sigmoid", "tanh") else f
    return x


@pytest.mark.parametrize("ending", ACTIVATIONS)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_it_gives_what_integers_of_any_length_give(hidden: str, ending: str) -> None:
    net, codes = drawn_net(1, ending, hidden)
    assert net(codes).tolist() == [plainly(net, code) for code in codes.tolist()]


def test_extreme_weights_and_codes_are_exact_too() -> None:
    random = np.random.default_rng(3)
    extreme = random.choice([-LARGEST, -1, 0, 1, LARGEST], (3, 40, 40))
    layers = [
        IntegerLayer(weight=weight, bias=weight[0], activation=name, shift=shift, fraction=11)
        for weight, name, shift in zip(
            extreme, ("silu", "tanh", "linear"), (15, 0, 24), strict=True
        )
    ]
    net = IntegerNet(tuple(layers))
    codes = random.choice([-(2**15), -1, 0, 3, 2**15 - 1], (20, 40)).astype(np.int16)
    assert net(codes).tolist() == [plainly(net, code) for code in codes.tolist()]


@pytest.mark.parametrize("ending", ACTIVATIONS)
@pytest.mark.parametrize("hidden", ["silu", "relu", "tanh"])
def test_it_is_near_the_net_in_floats(hidden: str, ending: str) -> None:
    net, codes = drawn_net(2, ending, hidden)
    x: Any = codes.astype(float)
    for layer in drawn_layers(2, (4, 16, 9, 7), hidden, hidden, ending):
        x = apply_activation(layer.activation, x @ layer.weight + layer.bias)
    np.testing.assert_allclose(net(codes) / 2.0**net.result_bits, x, atol=6e-3)


def test_coarser_weights_are_smaller_and_further_off() -> None:
    layers = drawn_layers(5, (4, 16, 9, 7), "silu", "silu", "linear")
    codes = np.random.default_rng(0).integers(-6, 7, (50, 4))
    nets = [quantised(layers, codes, bits) for bits in (15, 5)]
    fine, coarse = (len(pack_numbers(net.numbers())[1]) for net in nets)
    assert coarse < fine
    ours, theirs = (net(codes) / 2.0**net.result_bits for net in nets)
    assert 0 < np.abs(ours - theirs).max() < 1


def test_its_numbers_make_the_same_net_again() -> None:
    net, codes = drawn_net(4, "sigmoid")
    entry, content = pack_numbers(net.numbers())
    empty = net_from_header(net.to_header(), 4, "a")
    back = with_numbers(empty, unpack_numbers(entry, content, len(net.numbers()), "a"))
    assert (back(codes) == net(codes)).all()


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        [[2, "gelu", 0, 0]],
        [[0, "linear", 0, 0]],
        [[2, "linear", 41, 0]],
        [[2, "sigmoid", 0, 12]],
        [[True, "linear", 0, 0]],
        [[2, "linear", 0]],
        [[1 << 20, "linear", 0, 0]] * 2,
        [[1, "linear", 0, 0]] * 65,
    ],
)
def test_a_net_that_there_cannot_be_is_refused_before_it_takes_memory(entry: object) -> None:
    with pytest.raises(ArchiveError, match="a is damaged"):
        net_from_header(entry, 4, "a")


def test_numbers_that_are_not_there_are_refused() -> None:
    entry, content = pack_numbers(np.arange(-50, 50, dtype=np.int16))
    assert unpack_numbers(entry, content, 100, "a").tolist() == list(range(-50, 50))
    for wrong in ({}, None, {"method": "predicted"}, {"method": "no such"}, {"method": 3}):
        with pytest.raises(ArchiveError):
            unpack_numbers(wrong, content, 100, "a")
    for few in (99, 101):
        with pytest.raises(ArchiveError, match="a is damaged"):
            unpack_numbers(entry, content, few, "a")


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", ">i4", "u8", "i8", "f2", ">f4", "f8"])
def test_a_decoder_gives_values_of_every_dtype(dtype: str) -> None:
    codes = np.arange(-30, 30).reshape(-1, SIZE)
    layout = Layout(np.dtype(dtype), (len(codes), 4, 5))
    plain = counted_decoder().net(codes) * (3e9 / 2**19) - 1e9
    decoder = Decoder(counted_decoder().net, 3e9 / 2**19, -1e9)
    found = decoder(codes, layout)
    assert found.shape == (20, 4, 5) and found.dtype == layout.working_dtype
    if layout.dtype.kind in "iu":
        limits = np.iinfo(found.dtype)
        expected = [min(max(round(each), int(limits.min)), int(limits.max)) for each in plain.flat]
        assert found.reshape(-1).tolist() == expected
