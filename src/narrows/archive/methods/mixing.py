"""Context mixing of integers: see :mod:`narrows.archive.mixing`."""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from narrows.archive.filters import FILTERS
from narrows.archive.methods.base import Effort, Method
from narrows.archive.mixing import ScanOrder, decode_block, encode_block
from narrows.archive.mixing.mixer_selection import ALL, FIRST, SOME, Mixers

# Contexts that are looked at.
_CONTEXTS: dict[Effort, int] = {"fast": 2, "normal": 14, "best": 18}
# Streams that are coded at the same time.
_STREAMS: dict[Effort, int] = {"fast": 2, "normal": 1, "best": 1}
# Streams of fewer values than this learn too little.
_VALUES_A_STREAM = 1 << 20
# Weights of more mixers learn later, each from fewer values.
_VALUES_FOR_SOME, _VALUES_FOR_ALL = 1 << 15, 1 << 20
# A block holds no more bytes than these, or so many for each of its code: what says that it does
# would take minutes.
_ALWAYS_PLAUSIBLE, _PLAUSIBLE = 1 << 24, 256
# Fewer do not pay for what stands in front of a block.
_FEWEST_VALUES = 256


class Mixing(Method):
    """Learns while it codes which values follow from which neighbours.

    Values less the lowest of the block, in 1, 2, 4 or 8 bytes, are coded byte by byte.

    Memory: for what it learns, up to 400 times the block and 4 MiB, and at most 300 MiB. Beside
    that, some 60 times the block where items are tiny and have wide margins, else a few times; to
    code it, up to 18 bytes for each byte: 2 for each answer.
    """

    name = "mixing"
    # A value takes at least one answer, and an answer at least log2(65536 / 65512) bits.
    largest_expansion = 1 << 14
    filtered = False
    # About a second a megabyte and way: what takes more than some minutes must be asked for.
    tried_up_to: ClassVar[Mapping[Effort, float]] = {
        "fast": 16 << 20,
        "normal": 32 << 20,
        "best": math.inf,
    }
    # Less is coded in a fraction of the time that it takes to load the kernels, or without them.
    tried_from: ClassVar[Mapping[Effort, float]] = {"fast": 1 << 16, "normal": 1 << 16, "best": 0}
    # One that is on its own has nothing to learn from.
    tried_alone = False

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        """Whether there are enough values for the steps that a block takes: not in long and narrow
        items, such as thousands of rows of three."""
        enough = math.prod(shape) >= _FEWEST_VALUES
        return dtype.kind in "iu" and enough and ScanOrder.of(shape, 1).quick

    def encode(self, values: np.ndarray, effort: Effort) -> bytes:
        front, raised = FILTERS["narrow"].apply(values)
        order = ScanOrder.of(values.shape, raised.dtype.itemsize)
        if not order.quick:
            raise ValueError("a block is not of values that are mixed")
        rows = _byte_rows(raised, order)
        streams = max(min(_STREAMS[effort], rows.size // _VALUES_A_STREAM), 1)
        mixers = _mixers_for(rows.size, effort)
        return front + encode_block(rows, order, _CONTEXTS[effort], mixers, streams)

    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        narrow = FILTERS["narrow"]
        if not self.takes(shape, dtype):
            raise ValueError("a block is not of values that are mixed")
        if len(content) < narrow.front:
            raise ValueError("a block is cut short")
        front = content[: narrow.front]
        _, narrowed = narrow.filtered(front, shape, dtype)
        order = ScanOrder.of(shape, narrowed.itemsize)
        # before any work: can a block be what so few bytes stand for?
        most = max(_ALWAYS_PLAUSIBLE, _PLAUSIBLE * len(content))
        if not order.quick or order.count * order.places > most:
            raise ValueError("a block is not of values that are mixed")
        rows = decode_block(content[narrow.front :], order)
        return narrow.undo(front, _values_of(rows, narrowed, shape), shape, dtype)


def _byte_rows(raised: np.ndarray, order: ScanOrder) -> np.ndarray:
    """The bytes of unsigned integers, the highest of each first: uint8 (items, places)."""
    planes = np.ascontiguousarray(raised, f">u{raised.dtype.itemsize}").view(np.uint8)
    return planes.reshape(order.count, order.places)


def _values_of(rows: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """The integers of ``dtype`` that :func:`_byte_rows` took apart."""
    return rows.reshape(-1).view(f">u{dtype.itemsize}").astype(dtype).reshape(shape)


def _mixers_for(values: int, effort: Effort) -> Mixers:
    """Which mixers weigh what the contexts say of so many bytes of values."""
    if effort == "fast" or values < _VALUES_FOR_SOME:
        return FIRST
    return ALL if effort == "best" and values >= _VALUES_FOR_ALL else SOME
