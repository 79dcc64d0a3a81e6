"""Context mixing of 1- and 2-byte integers: see :mod:`narrows.codec.mixing`."""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from narrows.codec.methods.base import Effort, Method

# The walk takes a step of about a millisecond for each byte of an item, and all items take it
# together: few items, or large ones, would keep a user waiting.
_FEWEST_ITEMS, _MOST_STEPS = 64, 1 << 13


class Mixing(Method):
    """Learns while it codes which values follow from which neighbours.

    Memory: for what it learns, up to 400 times the block and at most 192 MiB. Beside that, a few
    times the block to decode it, and up to 30 times to code it: 3 bytes for each of up to 9 answers
    that a value takes.
    """

    name = "mixing"
    # A value takes at least one answer, and an answer at least log2(65536 / 65512) bits.
    largest_expansion = 1 << 14
    filtered = False
    # Up to 15 microseconds a value each way: what takes more than some minutes must be asked for.
    tried_up_to: ClassVar[Mapping[Effort, float]] = {"fast": 0, "normal": 8 << 20, "best": math.inf}

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        """Whether a block is of enough items, each of some 1- or 2-byte values but not many."""
        from narrows.codec.mixing.walk import MOST_ITEMS

        if dtype.kind not in "iu" or dtype.itemsize > 2 or len(shape) < 2:
            return False
        steps = math.prod(shape[1:]) * dtype.itemsize
        return _FEWEST_ITEMS <= shape[0] <= MOST_ITEMS and 0 < steps <= _MOST_STEPS

    def encode(self, values: np.ndarray, effort: Effort) -> bytes:
        from narrows.codec.mixing import encode_block

        return encode_block(_planes(values))

    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        from narrows.codec.mixing import decode_block

        if not self.takes(shape, dtype):
            raise ValueError("a block is not of values that are mixed")
        planes = decode_block(content, _planes_shape(shape, dtype))
        # highest byte first
        return (
            planes.view(f">u{dtype.itemsize}")
            .astype(f"u{dtype.itemsize}")
            .view(dtype)
            .reshape(shape)
        )


def _planes_shape(shape: tuple[int, ...], dtype: np.dtype) -> tuple[int, ...]:
    """(n, rows, columns, planes): a row of values has one row, and an image of more than two
    dimensions a plane for each value of the others and for each of its bytes."""
    count, *inner = shape
    rows, columns, *others = [1, *inner] if len(inner) == 1 else inner
    return count, rows, columns, math.prod(others) * dtype.itemsize


def _planes(values: np.ndarray) -> np.ndarray:
    unsigned = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
    highest_first = unsigned.astype(f">u{values.dtype.itemsize}")
    return highest_first.view(np.uint8).reshape(_planes_shape(values.shape, values.dtype))
