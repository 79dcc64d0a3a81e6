"""Dense networks in whole numbers: what they give is the same on every machine, to the last bit.

A layer is ``activation((x @ weight >> shift) + bias)``, all of it integers: results with f bits
after the binary point stand for themselves over 2^f. Sums are taken in float64, by whatever library
there is and with as many threads as it likes: inputs and weights have 16 bits and inputs are at
most 2^20, so every sum, in any order, is a whole number below 2^51, and exact. Activations are
made of the table of chances that context mixing has too.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from narrows.archive.mixing.logistic import LARGEST_LOGIT, probabilities
from narrows.archive.validation import damaged, whole_number

#: What inputs of a layer, weights and biases are cut to.
LARGEST = (1 << 15) - 1
#: Limits that keep sums exact, and memory bounded.
MOST_INPUTS, MOST_LAYERS = 1 << 20, 64
#: Weights and biases of a net together.
MOST_NUMBERS = 1 << 25
#: Activations that a layer in whole numbers may have.
ACTIVATIONS = ("linear", "relu", "sigmoid", "silu", "tanh")

#: Bits after the point of an argument that the table is asked for, and of what it answers.
ARGUMENT_BITS, CHANCE_BITS = 11, 19
# Results are cut to so much before their activation, which multiplies them.
_CUT = (1 << 31) - 1
# Values computed together: as float64 they stay in the processor's cache.
_AT_ONCE = 1 << 17


@dataclass(frozen=True, kw_only=True)
class IntegerLayer:
    """One layer.

    Attributes:
        weight: (inputs, units), whole numbers within ``LARGEST`` of any integer dtype.
        bias: (units,), likewise; in the unit of the results.
        activation: one of ``ACTIVATIONS``.
        shift: by how many bits a sum is too fine for a result.
        fraction: bits after the point of results, before the activation and, unless it is a
            sigmoid or a tanh, after it.
    """

    weight: np.ndarray
    bias: np.ndarray
    activation: str
    shift: int
    fraction: int

    @property
    def result_bits(self) -> int:
        """Bits after the binary point of what the layer gives."""
        return CHANCE_BITS if self.activation in ("sigmoid", "tanh") else self.fraction

    def sums(self, x: np.ndarray) -> np.ndarray:
        """What reaches the activation: int64 (n, units), of int64 (n, inputs) within LARGEST."""
        exact = x.astype(np.float64) @ self._factors
        sums = rounded_shift(exact.astype(np.int64), self.shift) + self.bias
        return np.clip(sums, -_CUT, _CUT)

    @cached_property
    def _factors(self) -> np.ndarray:
        return self.weight.astype(np.float64)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Results, int64 (n, units), of inputs that are whole numbers, int64 (n, inputs)."""
        return activated(self.activation, self.sums(x), self.fraction)


def rounded_shift(x: np.ndarray, bits: int) -> np.ndarray:
    """x / 2^bits, rounded to the nearest whole number, halves up."""
    return (x + (1 << bits >> 1)) >> bits


def chances(x: np.ndarray, fraction: int) -> np.ndarray:
    """1 / (1 + exp(-x / 2^fraction)) in units of 2^-CHANCE_BITS, between the table's entries."""
    table = probabilities()
    edge = LARGEST_LOGIT << 3
    fine = np.clip(x, -edge, edge) << (ARGUMENT_BITS - fraction)
    fine = np.clip(fine, -edge, edge - 1)
    place, part = (fine >> 3) + LARGEST_LOGIT, fine & 7
    return table[place] * (8 - part) + table[place + 1] * part


def activated(name: str, x: np.ndarray, fraction: int) -> np.ndarray:
    """The activation of whole numbers with ``fraction`` bits after the point."""
    if name == "relu":
        return np.maximum(x, 0)
    if name == "sigmoid":
        return chances(x, fraction)
    if name == "silu":
        return rounded_shift(x * chances(x, fraction), CHANCE_BITS)
    if name == "tanh":
        # tanh(x) = 2 / (1 + exp(-2 x)) - 1
        return 2 * chances(2 * x, fraction) - (1 << CHANCE_BITS)
    return x


@dataclass(frozen=True)
class IntegerNet:
    """Layers, one behind the other."""

    layers: tuple[IntegerLayer, ...]

    @property
    def units(self) -> int:
        """How many come out."""
        return len(self.layers[-1].bias)

    @property
    def result_bits(self) -> int:
        """Bits after the binary point of what comes out."""
        return self.layers[-1].result_bits

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """What whole numbers (n, inputs) of any integer dtype become: int64 (n, units)."""
        widest = max(max(layer.weight.shape) for layer in self.layers)
        step = max(_AT_ONCE // widest, 1)
        found = np.empty((len(codes), self.units), np.int64)
        for start in range(0, len(codes), step):
            x = codes[start : start + step].astype(np.int64)
            for before, layer in zip((None, *self.layers), self.layers, strict=False):
                if before is not None:
                    # chances are finer than 16 bits
                    x = rounded_shift(x, before.result_bits - _input_bits(before))
                x = layer(np.clip(x, -LARGEST, LARGEST))
            found[start : start + step] = x
        return found

    def numbers(self) -> np.ndarray:
        """All weights and biases in order: int16, flat."""
        each = [part.reshape(-1) for layer in self.layers for part in (layer.weight, layer.bias)]
        return np.concatenate(each).astype(np.int16)

    def to_header(self) -> list[list[Any]]:
        """What a header says of the layers."""
        return [
            [len(layer.bias), layer.activation, layer.shift, layer.fraction]
            for layer in self.layers
        ]


def _input_bits(layer: IntegerLayer) -> int:
    """Bits after the point of a layer's results as they go into the next."""
    return min(layer.result_bits, 14)


def net_from_header(entry: Any, inputs: int, name: str) -> IntegerNet:
    """The layers that a header describes, with weights and biases of 0 yet, that take no memory.

    Raises:
        ArchiveError: there can be no such net.
    """
    if not isinstance(entry, list) or not 1 <= len(entry) <= MOST_LAYERS:
        raise damaged(name, "its header does not say what its decoder is")
    layers, total = [], 0
    for each in entry:
        if not isinstance(each, list) or len(each) != 4 or each[1] not in ACTIVATIONS:
            raise damaged(name, "its header names layers that there are not")
        units = whole_number(each[0], 1, MOST_INPUTS, "a number of units", name)
        shift = whole_number(each[2], 0, 40, "a shift", name)
        most = 30 if each[1] in ("linear", "relu") else ARGUMENT_BITS
        fraction = whole_number(each[3], 0, most, "a number of bits", name)
        total += (inputs + 1) * units
        if inputs > MOST_INPUTS or total > MOST_NUMBERS:
            raise damaged(name, f"its decoder has more than {MOST_NUMBERS:,} numbers")
        layer = IntegerLayer(
            weight=np.broadcast_to(np.int16(0), (inputs, units)),
            bias=np.broadcast_to(0, (units,)),
            activation=each[1],
            shift=shift,
            fraction=fraction,
        )
        layers.append(layer)
        inputs = units
    return IntegerNet(tuple(layers))


def cut(numbers: np.ndarray, shapes: Iterable[tuple[int, ...]]) -> list[np.ndarray]:
    """The arrays of these shapes that lie one behind the other in ``numbers``, flat."""
    shapes = list(shapes)
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    assert ends[-1] == len(numbers)
    parts = np.split(numbers, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def with_numbers(net: IntegerNet, numbers: np.ndarray) -> IntegerNet:
    """A net of the same layers with these weights and biases, as :meth:`IntegerNet.numbers` has
    them."""
    shapes = [part.shape for layer in net.layers for part in (layer.weight, layer.bias)]
    parts = iter(cut(numbers, shapes))
    layers = [replace(layer, weight=next(parts), bias=next(parts)) for layer in net.layers]
    return IntegerNet(tuple(layers))


@dataclass(frozen=True)
class FloatLayer:
    """A dense layer in floats: weight (inputs, units), bias (units,), and an activation's name."""

    weight: np.ndarray
    bias: np.ndarray
    activation: str


def quantised(
    layers: Sequence[FloatLayer], codes: np.ndarray, weight_bits: int = LARGEST.bit_length()
) -> IntegerNet:
    """The net in whole numbers that is nearest to one in floats.

    Args:
        layers: whose activations are among ``ACTIVATIONS``.
        codes: (n, inputs), whole numbers: what usually goes in. By them it is known how large what
            lies between the layers becomes.
        weight_bits: of the largest weight of a layer, without its sign.
    """
    made: list[IntegerLayer] = []
    x, bits = codes.astype(np.float64), 0
    for number, layer in enumerate(layers):
        sums = x @ layer.weight + layer.bias
        last = number == len(layers) - 1
        curved = layer.activation not in ("linear", "relu")
        weight_fraction = min(_fraction(layer.weight, weight_bits), 40 - bits)
        most = ARGUMENT_BITS if curved else min(bits + weight_fraction, 30 if last else 14)
        # twice as large as what was seen shall fit; a sigmoid needs no more than its table
        largest = np.zeros(1) if last else 2 * sums
        fraction = max(min(_fraction(largest, 15), _fraction(layer.bias, 15), most), 0)
        finest = max(_fraction(layer.weight, 15), 0)
        weight_fraction = max(weight_fraction, min(fraction - bits, finest))
        fraction = min(fraction, bits + weight_fraction)
        integers = np.rint(layer.weight * 2.0**weight_fraction)
        bias = np.rint(layer.bias * 2.0**fraction)
        made.append(
            IntegerLayer(
                weight=np.clip(integers, -LARGEST, LARGEST).astype(np.int64),
                bias=np.clip(bias, -LARGEST, LARGEST).astype(np.int64),
                activation=layer.activation,
                shift=bits + weight_fraction - fraction,
                fraction=fraction,
            )
        )
        whole = np.rint(sums * 2.0**fraction).astype(np.int64)
        bits = _input_bits(made[-1])
        x = activated(layer.activation, whole, fraction) / 2.0 ** made[-1].result_bits
    return IntegerNet(tuple(made))


def in_floats(net: IntegerNet) -> list[FloatLayer]:
    """The layers in floats of which ``net`` is nearest: what its whole numbers stand for."""
    made, bits = [], 0
    for layer in net.layers:
        weight = layer.weight / 2.0 ** (layer.shift + layer.fraction - bits)
        made.append(FloatLayer(weight, layer.bias / 2.0**layer.fraction, layer.activation))
        bits = _input_bits(layer)
    return made


def _fraction(values: np.ndarray, bits: int) -> int:
    """How many bits after the point leave the largest of ``values`` below 2^bits."""
    largest = float(np.abs(values).max(initial=0.0))
    return 40 if largest == 0 else int(np.floor(np.log2(LARGEST / (1 << 15 - bits) / largest)))
