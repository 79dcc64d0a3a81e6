"""The method that codes a trained model's codes, each number predicted from those before it."""

import struct
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from narrows.archive.ans import Reader, Writer, lanes_for, pieces
from narrows.archive.codes.numbers import pack_numbers, unpack_numbers
from narrows.archive.codes.predictor import (
    MOST_NUMBERS,
    MOST_UNITS,
    MOST_VALUES,
    Predictor,
    Reading,
    chances_below,
    predictor_shapes,
)
from narrows.archive.methods import Effort, Method, ReadPart, register

# The lowest value of a block, and how many there are from there on.
_FRONT = struct.Struct("<hH")
# Distributions computed together: so many values of them.
_AT_ONCE = 1 << 18
# A lane of the coder costs 8 bytes, of which it wastes 4.
_VALUES_A_LANE = 4096

#: The part that holds a predictor.
PART = "predictor"


@register
class Predicted(Method):
    """What a trained model says of how its own codes are distributed.

    Memory: some times the block, and 32 MB.
    """

    name = "predicted"
    filtered = False
    trained = True
    # A value that is nearly certain takes log2(65536 / 65535) bits.
    largest_expansion = 1 << 20

    def __init__(self, settings: Mapping[str, Any], read_part: ReadPart) -> None:
        """A method of a net that is read once it is needed.

        Args:
            settings: what a header says of the net, as :meth:`settings` gives it.
            read_part: gives the net's bytes.
        """
        self._settings, self._read_part = settings, read_part
        # the SHA-256 of the model file that the net lies in; None where the archive holds it
        self.model: str | None = None

    @classmethod
    def of(cls, predictor: Predictor) -> "Predicted":
        """The method of a net at hand."""
        numbers, content = pack_numbers(predictor.numbers())
        whole = [predictor.size, predictor.units, *predictor.bits]
        found = cls({"predictor": whole, "numbers": numbers}, {PART: content}.__getitem__)
        found.predictor = predictor
        return found

    @cached_property
    def predictor(self) -> Predictor:
        """The net in whole numbers.

        Raises:
            ArchiveError: the part is missing, or is none.
        """
        size, units, *bits = self._settings["predictor"]
        count = sum(int(np.prod(shape)) for shape in predictor_shapes(size, units))
        packed, content = self._settings["numbers"], self._read_part(PART)
        numbers = unpack_numbers(packed, content, count, "the predictor")
        return Predictor.of_numbers(numbers, size, units, (bits[0], bits[1], bits[2]))

    @property
    def size(self) -> int:
        """How many numbers a code has."""
        return int(self._settings["predictor"][0])

    @classmethod
    def from_archive(cls, settings: Mapping[str, Any], read_part: ReadPart) -> "Predicted":
        limits = (MOST_NUMBERS, MOST_UNITS, 16, 16, 16)
        whole = list(settings["predictor"])
        if len(whole) != 5 or not all(
            isinstance(each, int) and not isinstance(each, bool) and low <= each <= most
            for each, low, most in zip(whole, (1, 1, 0, 0, 0), limits, strict=True)
        ):
            raise ValueError("there is no such predictor")
        return cls({"predictor": whole, "numbers": settings["numbers"]}, read_part)

    def settings(self) -> dict[str, Any]:
        return dict(self._settings)

    def parts(self) -> dict[str, bytes]:
        return {} if self.model else {PART: self._read_part(PART)}

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        """Whether a block is of codes as long as the predictor's."""
        fits = len(shape) == 2 and shape[1] == self.size
        return fits and dtype.kind == "i" and dtype.itemsize <= 2

    def encode(self, values: np.ndarray, effort: Effort) -> bytes:
        codes = values.astype(np.int64)
        lowest, count = int(codes.min()), int(codes.max() - codes.min()) + 1
        if count > MOST_VALUES:
            raise ValueError(f"codes of {count:,} different values")
        noted = []
        reading = Reading(self.predictor, len(codes))
        for number in range(codes.shape[1]):
            middle, sharp = reading.next(codes[:, :number])
            first, end = (
                chances_below(codes[:, number] + more, middle, sharp, lowest, count)
                for more in (0, 1)
            )
            noted.append((first.astype(np.uint64), (end - first).astype(np.uint64)))
        lanes = lanes_for(codes.size, _VALUES_A_LANE)
        writer = Writer(lanes)
        for first, width in reversed(noted):
            for some in reversed(list(pieces(len(first), lanes))):
                writer.put(first[some], width[some])
        return _FRONT.pack(lowest, count) + writer.finish()

    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        lowest, count = _FRONT.unpack_from(content)
        limits = np.iinfo(dtype)
        if not self.takes(shape, dtype) or not 1 <= count <= MOST_VALUES:
            raise ValueError("a block is not of codes that are predicted")
        if lowest < limits.min or lowest + count - 1 > limits.max:
            raise ValueError("a block has codes that its dtype does not hold")
        codes = np.zeros(shape, np.int64)
        lanes = lanes_for(codes.size, _VALUES_A_LANE)
        reader = Reader(content[_FRONT.size :], lanes)
        reading = Reading(self.predictor, len(codes))
        values = lowest + np.arange(count + 1)
        step = max(_AT_ONCE // (count + 1) // lanes, 1) * lanes
        for number in range(shape[1]):
            middle, sharp = reading.next(codes[:, :number])
            for start in range(0, len(codes), step):
                some = slice(start, start + step)
                below = chances_below(values, middle[some, None], sharp[some, None], lowest, count)
                codes[some, number] = lowest + _read(reader, below)
        reader.finish()
        return codes.astype(dtype)


def _read(reader: Reader, below: np.ndarray) -> np.ndarray:
    """The next values, counted from the lowest, of whom ``below`` (m, values + 1) has the chances
    that lie below each."""
    found = np.empty(len(below), np.int64)
    for some in pieces(len(below), reader.lanes):
        rows = below[some].astype(np.uint64)
        numbers = np.arange(len(rows))
        value = (rows <= reader.places(len(rows))[:, None]).sum(axis=1) - 1
        first = rows[numbers, value]
        reader.take(first, rows[numbers, value + 1] - first)
        found[some] = value
    return found
