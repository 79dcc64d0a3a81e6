"""Nets and archives of codes that nobody trained: their weights are drawn, or counted out."""

import io
from typing import Any

import numpy as np

from narrows.archive.codes.decoder import Decoder
from narrows.archive.codes.integer_net import FloatLayer, IntegerLayer, IntegerNet, quantised
from narrows.archive.codes.predicted import Predicted
from narrows.archive.codes.predictor import (
    Predictor,
    Reading,
    predictor_shapes,
    quantised_predictor,
)
from narrows.archive.codes.writing import Decoding, write_codes
from narrows.data import Dataset
from narrows.nn.blocks import Rounded

SIZE, ITEM = 3, (4, 5)


def counted(*shape: int, most: int = 60) -> np.ndarray:
    """Whole numbers that are the same for ever."""
    key = (np.arange(np.prod(shape, dtype=int)) + 1) * 2654435761 % 2**32
    key = (key ^ key >> 15) * 2246822519 % 2**32
    return ((key ^ key >> 13) % (2 * most + 1) - most).reshape(shape)


def counted_decoder(ending: str = "sigmoid", scale: float = 255 / 2**19) -> Decoder:
    layers = (
        IntegerLayer(
            weight=counted(SIZE, 6, most=300),
            bias=counted(6),
            activation="silu",
            shift=5,
            fraction=9,
        ),
        IntegerLayer(
            weight=counted(6, 20, most=500),
            bias=counted(20),
            activation=ending,
            shift=9,
            fraction=9,
        ),
    )
    return Decoder(IntegerNet(layers), scale, 0.0)


def counted_predictor() -> Predictor:
    """One that is sure of each number but the first."""
    shapes = predictor_shapes(SIZE, 5)
    parts = [counted(*shape, most=900) for shape in shapes]
    parts[2] *= 6
    parts[5] += np.array([0, 9000, 9000])
    return Predictor.of_numbers(np.concatenate([x.reshape(-1) for x in parts]), SIZE, 5, (8, 9, 10))


def counted_codes(count: int) -> np.ndarray:
    """Codes that are mostly what that predictor says."""
    codes, reading = np.zeros((count, SIZE), np.int64), Reading(counted_predictor(), count)
    surprises = counted(SIZE, count, most=20)
    for number in range(SIZE):
        middle, _ = reading.next(codes[:, :number])
        codes[:, number] = (middle + 128 >> 8) + surprises[number] // 20
        if number == 0:
            codes[:, 0] = surprises[0]
    return codes


def counted_archive(dtype: str = "u1", count: int = 300, predicted: bool = True) -> bytes:
    """An archive of codes, and of items that are about three from what they decode to."""
    codes, decoder = counted_codes(count), counted_decoder()
    out = io.BytesIO()
    methods = [Predicted.of(counted_predictor())] if predicted else []
    decoding = Decoding(decoder=decoder, methods=methods)
    write_codes(out, codes, counted_items(dtype, count), decoding)
    return out.getvalue()


def counted_items(dtype: str = "u1", count: int = 300) -> np.ndarray:
    """What that archive was made of."""
    found = counted_decoder().net(counted_codes(count)) * (255 / 2**19)
    return np.rint(np.clip(found + 3, 0, 255)).astype(dtype).reshape(-1, *ITEM)


def drawn_layers(seed: int, sizes: tuple[int, ...], *activations: str) -> list[FloatLayer]:
    random = np.random.default_rng(seed)
    return [
        FloatLayer(
            random.normal(0, 1 / np.sqrt(inputs), (inputs, units)),
            random.normal(0, 0.3, units),
            activation,
        )
        for inputs, units, activation in zip(sizes, sizes[1:], activations, strict=False)
    ]


def drawn_net(seed: int, ending: str, hidden: str = "silu") -> tuple[IntegerNet, np.ndarray]:
    """A net of three layers, and codes for it."""
    codes = np.random.default_rng(seed).integers(-6, 7, (50, 4))
    return quantised(drawn_layers(seed, (4, 16, 9, 7), hidden, hidden, ending), codes), codes


def rounded_arrays(size: int, units: int, seed: int = 0) -> dict[str, Any]:
    """Arrays of a ``rounded`` block that tell numbers from one another."""
    random = np.random.default_rng(seed)
    block = Rounded(1.0, units)
    arrays = block.initial_arrays((size,), random)
    return {
        name: (array + random.normal(0, 0.3, array.shape)).astype(np.float32)
        for name, array in arrays.items()
    }


def drawn_predictor(size: int, units: int, seed: int = 0) -> Predictor:
    return quantised_predictor(rounded_arrays(size, units, seed))


def blots(side: int = 7) -> Dataset:
    """8-bit blots of one size that move about in a square: two numbers say where."""
    random = np.random.default_rng(0)
    middle = random.uniform(1, side - 1, (600, 2, 1, 1))
    rows, columns = np.mgrid[:side, :side]
    distance = (rows - middle[:, 0]) ** 2 + (columns - middle[:, 1]) ** 2
    return Dataset("blots", np.rint(255 * np.exp(-distance / 4)).astype(np.uint8), (0.0, 255.0))
