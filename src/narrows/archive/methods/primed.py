"""Context mixing that starts from what it had learnt of other data: see
:mod:`narrows.archive.mixing.prior`."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from narrows.archive.filters import NARROW
from narrows.archive.methods.base import EFFORTS, Effort, ReadPart
from narrows.archive.methods.mixing import (
    Mixing,
    byte_rows,
    require_plausible,
    streams_for,
    values_of,
)

if TYPE_CHECKING:
    from narrows.archive.mixing import Prior

#: The part that holds a prior: what the filter ``narrow`` puts in front, then the prior.
PART = "prior"
# A block that starts from the prior, where others have the width of their values.
_FROM_PRIOR = b"\0"


class Primed(Mixing):
    """As ``mixing``, from a prior, which lies in the archive or in a model file of its own.

    A block whose values are beyond those that the prior knows starts from nothing.

    Memory: that of ``mixing``, and up to 294 MB for the prior, and again for each stream.
    """

    name = "primed"
    trained: ClassVar[bool] = True
    tried_from: ClassVar[Mapping[Effort, float]] = dict.fromkeys(EFFORTS, 0)
    # Each takes a copy of the prior.
    alone = 8

    def __init__(self, read_part: ReadPart, model: str | None = None) -> None:
        """A method of what ``read_part`` gives, once it is needed.

        Args:
            read_part: gives the part ``prior``.
            model: the SHA-256 of the model file that it lies in; None where the archive holds it.
        """
        self._read_part, self.model = read_part, model

    @classmethod
    def from_archive(cls, settings: Mapping[str, Any], read_part: ReadPart) -> "Primed":
        return cls(read_part)

    def parts(self) -> dict[str, bytes]:
        return {} if self.model else {PART: self._read_part(PART)}

    @cached_property
    def _front(self) -> bytes:
        """The width and the lowest of the values that the prior knows."""
        front = self._read_part(PART)[: NARROW.front]
        if len(front) < NARROW.front:
            raise ValueError("a prior is cut short")
        return front

    @cached_property
    def _prior(self) -> "Prior":
        from narrows.archive.mixing import Prior

        return Prior.from_bytes(self._read_part(PART)[NARROW.front :])

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        from narrows.archive.mixing.course import Course

        return dtype.kind in "iu" and 0 not in shape and Course.of(shape, 1).quick

    def encode(self, values: np.ndarray, effort: Effort) -> bytes:
        from narrows.archive.mixing import Course, encode_block

        _, narrowed = NARROW.filtered(self._front, values.shape, values.dtype)
        course, lowest = Course.of(values.shape, narrowed.itemsize), self._lowest(values.dtype)
        spread = int(values.max()) - lowest
        if values.min() < lowest or spread > np.iinfo(narrowed).max or not course.quick:
            return self._from_nothing(values, effort)
        rows = byte_rows(NARROW.raised(values, self._front), course)
        settings = self._prior.settings
        if int(rows.max()) >> settings.bits:
            return self._from_nothing(values, effort)
        streams = streams_for(rows, effort)
        return _FROM_PRIOR + encode_block(rows, course, settings.contexts, streams, self._prior)

    def _from_nothing(self, values: np.ndarray, effort: Effort) -> bytes:
        if not super().takes(values.shape, values.dtype):
            raise ValueError("a block is not of values that are mixed")
        return super().encode(values, effort)

    def _lowest(self, dtype: np.dtype) -> int:
        return NARROW.lowest(self._front, dtype)

    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        from narrows.archive.mixing import Course, decode_block

        if not content.startswith(_FROM_PRIOR):
            return super().decode(content, shape, dtype)
        _, narrowed = NARROW.filtered(self._front, shape, dtype)
        course = Course.of(shape, narrowed.itemsize)
        if not self.takes(shape, dtype):
            raise ValueError("a block is not of values that are mixed")
        require_plausible(course, content)
        rows = decode_block(content[1:], course, self._prior)
        return NARROW.undo(self._front, values_of(rows, narrowed, shape), shape, dtype)
