"""Filters: rearranging integers, without loss, into what general compressors take better.

==============  =========================================================================
``delta``       each value less the one before it
``item-delta``  each value less the same one of the item before
``narrow``      values less the lowest of the block, in as few bytes as they need
``shuffle``     all lowest bytes first, then all second ones, and so on
==============  =========================================================================

Differences wrap around, and become unsigned: 0, -1, 1, -2, 2 … are 0, 1, 2, 3, 4 …
A filter may put a few bytes of its own, always as many, in front of the block.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

Shape = tuple[int, ...]


def planes(values: np.ndarray) -> bytes:
    """The bytes of ``values``, those of equal weight together, lowest first."""
    width = values.dtype.itemsize
    little = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little.reshape(-1).view("u1").reshape(-1, width).T).tobytes()


def joined_planes(content: bytes | np.ndarray, dtype: np.dtype) -> np.ndarray:
    """What :func:`planes` made of values of ``dtype``: shape (n,), in the machine's byte order."""
    flat = np.frombuffer(content, "u1")
    little = np.ascontiguousarray(flat.reshape(dtype.itemsize, -1).T).view(dtype.newbyteorder("<"))
    return little.reshape(-1).astype(dtype.newbyteorder("="), copy=False)


class Filter(ABC):
    """Takes an integer array of any shape, and gives one back, with some bytes in front."""

    #: How many bytes it puts in front.
    front: ClassVar[int] = 0

    @abstractmethod
    def apply(self, values: np.ndarray) -> tuple[bytes, np.ndarray]:
        """The bytes in front, and the filtered values."""

    @abstractmethod
    def filtered(self, front: bytes, shape: Shape, dtype: np.dtype) -> tuple[Shape, np.dtype]:
        """The shape and dtype that values of ``shape`` and ``dtype`` get.

        Raises:
            ValueError: ``front`` is not what the filter puts there.
        """

    @abstractmethod
    def undo(self, front: bytes, values: np.ndarray, shape: Shape, dtype: np.dtype) -> np.ndarray:
        """The values of ``shape`` and ``dtype`` from which :meth:`apply` made ``values``."""


class Delta(Filter):
    """Differences of neighbours, along the flat order or from item to item."""

    def __init__(self, of_items: bool) -> None:
        self._of_items = of_items

    def apply(self, values: np.ndarray) -> tuple[bytes, np.ndarray]:
        unsigned = self._lined_up(_as_unsigned(values))
        differences = unsigned.copy()
        differences[1:] -= unsigned[:-1]
        top = differences >> _top(differences.dtype)
        folded = (differences << differences.dtype.type(1)) ^ (np.zeros_like(top) - top)
        return b"", folded.reshape(values.shape)

    def filtered(self, front: bytes, shape: Shape, dtype: np.dtype) -> tuple[Shape, np.dtype]:
        return shape, _unsigned_dtype(dtype)

    def undo(self, front: bytes, values: np.ndarray, shape: Shape, dtype: np.dtype) -> np.ndarray:
        one = values.dtype.type(1)
        sign = np.zeros_like(values) - (values & one)
        differences = self._lined_up((values >> one) ^ sign)
        sums = np.add.accumulate(differences, axis=0, dtype=values.dtype)
        return sums.reshape(shape).view(dtype)

    def _lined_up(self, values: np.ndarray) -> np.ndarray:
        return values if self._of_items and values.ndim > 1 else values.reshape(-1)


class Narrow(Filter):
    """Values less the lowest of the block, in 1, 2, 4 or 8 bytes.

    In front: the width in bytes (1), then the lowest value (8, signed where values are).
    """

    front: ClassVar[int] = 9

    def apply(self, values: np.ndarray) -> tuple[bytes, np.ndarray]:
        lowest, highest = (int(values.min()), int(values.max())) if values.size else (0, 0)
        width = next(width for width in (1, 2, 4, 8) if highest - lowest < 1 << 8 * width)
        signed = values.dtype.kind == "i"
        raised = (_as_unsigned(values) - _wrapped(lowest, values.dtype)).astype(f"u{width}")
        return bytes([width]) + lowest.to_bytes(8, "little", signed=signed), raised

    def filtered(self, front: bytes, shape: Shape, dtype: np.dtype) -> tuple[Shape, np.dtype]:
        if front[0] not in (1, 2, 4, 8) or front[0] > dtype.itemsize:
            raise ValueError(f"values of {front[0]} bytes")
        return shape, np.dtype(f"u{front[0]}")

    def undo(self, front: bytes, values: np.ndarray, shape: Shape, dtype: np.dtype) -> np.ndarray:
        raised = values.astype(_unsigned_dtype(dtype))
        lowest = int.from_bytes(front[1:9], "little", signed=dtype.kind == "i")
        return (raised + _wrapped(lowest, dtype)).view(dtype)


class Shuffle(Filter):
    """Bytes of equal weight together; the result is flat."""

    def apply(self, values: np.ndarray) -> tuple[bytes, np.ndarray]:
        return b"", np.frombuffer(planes(values), "u1")

    def filtered(self, front: bytes, shape: Shape, dtype: np.dtype) -> tuple[Shape, np.dtype]:
        return (int(np.prod(shape, dtype=np.int64)) * dtype.itemsize,), np.dtype("u1")

    def undo(self, front: bytes, values: np.ndarray, shape: Shape, dtype: np.dtype) -> np.ndarray:
        return joined_planes(np.ascontiguousarray(values), dtype).reshape(shape)


FILTERS: dict[str, Filter] = {
    "delta": Delta(of_items=False),
    "item-delta": Delta(of_items=True),
    "narrow": Narrow(),
    "shuffle": Shuffle(),
}


def _unsigned_dtype(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{dtype.itemsize}")


def _as_unsigned(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(_unsigned_dtype(values.dtype))


def _top(dtype: np.dtype) -> np.integer:
    return dtype.type(8 * dtype.itemsize - 1)


def _wrapped(value: int, dtype: np.dtype) -> np.integer:
    """``value`` modulo the dtype's range, unsigned."""
    return _unsigned_dtype(dtype).type(value % (1 << 8 * dtype.itemsize))
