"""One way from values to bytes: a quantiser, filters, a method. An archive has a few of them.

A block in bytes is: for a ``Grid``, the number of exceptions (4 bytes), the bytes that they take
(4) and they themselves; what each filter puts in front; what the method makes of the rest.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.archive.bounds import (
    AS_THEY_ARE,
    Grid,
    Quantiser,
    bits_of,
    quantiser_from_header,
    within,
)
from narrows.archive.deflated import deflated, inflated
from narrows.archive.filters import FILTERS, joined_planes, planes
from narrows.archive.methods import METHODS, Effort, Method, ReadPart
from narrows.archive.validation import damaged, field
from narrows.errors import ArchiveError

_EXCEPTIONS = struct.Struct("<II")
_MOST_FILTERS = 8
# A method that there was: it started from a model that archives had in common.
_NO_LONGER = "primed"


@dataclass(frozen=True)
class ExactValues:
    """Exceptions of a block: values that no level stands for, at their places, bit for bit.

    In bytes they are a raw DEFLATE stream of, for n values: the distances between their places (n
    times 4 bytes, the first counted from 0), then their bits, each group of bytes of equal weight
    together (lowest first).

    Attributes:
        places: numbers of values in their block, rising, int64 (n,).
        bits: their bits, unsigned (n,).
    """

    places: np.ndarray
    bits: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, chosen: np.ndarray) -> "ExactValues":
        """Those of ``values`` where ``chosen``, an array of truth values of the same shape."""
        places = np.flatnonzero(chosen)
        return cls(places, bits_of(values.reshape(-1)[places]))

    def to_bytes(self) -> bytes:
        """The exceptions packed, without their number."""
        distances = np.diff(self.places, prepend=0).astype("<u4")
        return deflated(planes(distances) + planes(self.bits))

    @classmethod
    def from_bytes(cls, content: bytes, count: int, width: int, size: int) -> "ExactValues":
        """Unpack ``count`` exceptions of ``width`` bytes each in a block of ``size`` values.

        Raises:
            ValueError, zlib.error: they are not what was packed.
        """
        unpacked = inflated(content, count * (4 + width))
        distances = joined_planes(unpacked[: 4 * count], np.dtype("<u4"))
        places = np.cumsum(distances.astype(np.int64))
        if count and (places[-1] >= size or distances[1:].min(initial=1) == 0):
            raise ValueError("an exception lies outside its block")
        return cls(places, joined_planes(unpacked[4 * count :], np.dtype(f"<u{width}")))

    def put_into(self, values: np.ndarray) -> None:
        """Set the values at their places in ``values``, contiguous and writable."""
        bits_of(values.reshape(-1))[self.places] = self.bits


@dataclass(frozen=True)
class Pipeline:
    """Codes blocks of values within a bound.

    Attributes:
        method: what makes bytes of integers.
        quantiser: what makes integers of values.
        filters: names of the filters between, in the order of their work.
    """

    method: Method
    quantiser: Quantiser = AS_THEY_ARE
    filters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it does, for people: ``delta, shuffle, xz``."""
        return ", ".join([*self.filters, self.method.name])

    def to_header(self) -> dict[str, Any]:
        """What a header says of it."""
        levels = self.quantiser.to_header()
        return {
            "method": self.method.name,
            **({"filters": list(self.filters)} if self.filters else {}),
            **({"levels": levels} if levels is not None else {}),
            **self.method.settings(),
        }

    @classmethod
    def from_header(cls, entry: Any, dtype: np.dtype, read_part: ReadPart, name: str) -> "Pipeline":
        """The pipeline that a header describes, for values of ``dtype``.

        Raises:
            ArchiveError: there is no such method or filter, or it lacks something.
        """
        if not isinstance(entry, Mapping):
            raise damaged(name, "its header does not say how it is coded")
        wanted = field(entry, "method", str, name)
        if wanted == _NO_LONGER:
            raise ArchiveError(
                f"{name} starts from a model for lossless archives, which narrows has no more",
                hint="compress the data again",
            )
        if wanted not in METHODS:
            raise ArchiveError(
                f"{name} is coded with the method {wanted[:40]!r}, which this narrows does not "
                f"have: it has {', '.join(METHODS)}",
                hint="update narrows",
            )
        filters = field(entry, "filters", list, name) if "filters" in entry else []
        if len(filters) > _MOST_FILTERS or not all(
            isinstance(each, str) and each in FILTERS for each in filters
        ):
            raise damaged(name, "its header names filters that there are not")
        try:
            method = METHODS[wanted].from_archive(entry, read_part)
        except (LookupError, TypeError, ValueError) as error:
            if isinstance(error, ArchiveError):
                raise
            raise damaged(name, f"the settings of its method {wanted} are none: {error}") from error
        quantiser = quantiser_from_header(entry.get("levels"), dtype, name)
        return cls(method, quantiser, tuple(filters))

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        """Whether it codes a block of values of this shape and dtype."""
        return bool(self.filters) or self.method.takes(shape, self.quantiser.level_dtype(dtype))

    def encode(self, values: np.ndarray, bound: float, effort: Effort) -> bytes:
        """Code a block so that every value comes back within ``bound``.

        Args:
            values: contiguous, any shape that the method takes, in the machine's byte order.
        """
        front, levels = self.prepare(values, bound)
        return front + self.method.encode(levels, effort)

    def prepare(self, values: np.ndarray, bound: float) -> tuple[bytes, np.ndarray]:
        """What stands in front of a block, and the integers that the method codes behind it."""
        levels = self.quantiser.levels(values)
        front = b""
        if isinstance(self.quantiser, Grid):
            front, levels = self._with_exceptions(values, levels, bound)
        for name in self.filters:
            more, levels = FILTERS[name].apply(levels)
            front += more
        return front, levels

    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """The block of ``shape`` and ``dtype`` that is coded in ``content``.

        Raises:
            Exception: of any kind, where it is none.
        """
        place, exact = 0, None
        if isinstance(self.quantiser, Grid):
            count, size = _EXCEPTIONS.unpack_from(content)
            place = _EXCEPTIONS.size + size
            values = int(np.prod(shape, dtype=np.int64))
            if count > values or place > len(content):
                raise ValueError(f"{count:,} exceptions in {size:,} bytes")
            packed = content[_EXCEPTIONS.size : place]
            if count:
                exact = ExactValues.from_bytes(packed, count, dtype.itemsize, values)
            elif packed:
                raise ValueError("bytes of no exceptions")
        levels = self._decode_levels(content, place, shape, self.quantiser.level_dtype(dtype))
        restored = self.quantiser.restore(levels, dtype)
        if exact is not None:
            exact.put_into(restored)
        return restored

    def _decode_levels(
        self, content: bytes, place: int, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.ndarray:
        steps = []
        for name in self.filters:
            each = FILTERS[name]
            front = content[place : place + each.front]
            if len(front) < each.front:
                raise ValueError("a block ends too early")
            steps.append((each, front, shape, dtype))
            shape, dtype = each.filtered(front, shape, dtype)
            place += each.front
        levels = self.method.decode(content[place:], shape, dtype)
        for each, front, shape, dtype in reversed(steps):
            levels = each.undo(front, levels, shape, dtype)
        return levels

    def _with_exceptions(
        self, values: np.ndarray, levels: np.ndarray, bound: float
    ) -> tuple[bytes, np.ndarray]:
        """The exceptions as bytes, and levels without what they would have been there."""
        fails = ~within(values, self.quantiser.restore(levels, values.dtype), bound)
        if not fails.any():
            return _EXCEPTIONS.pack(0, 0), levels
        exact = ExactValues.of(values, fails)
        packed = exact.to_bytes()
        front = _EXCEPTIONS.pack(len(exact.places), len(packed)) + packed
        return front, _filled(levels, fails)


def _filled(levels: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """``levels`` with the last one before it in each hole, or 0: what costs little to code."""
    flat, open_ = levels.reshape(-1), holes.reshape(-1)
    source = np.where(open_, -1, np.arange(flat.size))
    np.maximum.accumulate(source, out=source)
    return np.where(source < 0, 0, flat[source]).reshape(levels.shape)
