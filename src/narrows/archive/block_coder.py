"""Blocks of values to bytes, each decoded again and compared before it counts."""

import hashlib
import math
import struct
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from narrows.archive.blocks import LARGEST_BLOCK, MOST_PIPELINES, BlockWriter
from narrows.archive.bounds import distance, within
from narrows.archive.choosing import Choice
from narrows.archive.container import Part
from narrows.archive.methods import Effort, Stored
from narrows.archive.pipeline import Pipeline
from narrows.errors import ArchiveError

# Values measured together.
_AT_ONCE = 1 << 16
_STORED = Pipeline(Stored())
NOTHING_TO_CHOOSE = Choice(_STORED, ())


def little_endian_bytes(values: np.ndarray) -> bytes:
    """The values' bytes in C order, the lowest of each first: what SHA-256 is taken of."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


class DifferenceMeter:
    """The largest and the mean squared difference of values that arrive block by block."""

    def __init__(self) -> None:
        self._count, self._squares, self.largest = 0, 0.0, 0.0

    def add(self, values: np.ndarray, decoded: np.ndarray) -> None:
        """Count two arrays of one shape and dtype; what is the same bits differs by nothing."""
        self._count += values.size
        values, decoded = values.reshape(-1), decoded.reshape(-1)
        for start in range(0, values.size, _AT_ONCE):
            self._add(values[start : start + _AT_ONCE], decoded[start : start + _AT_ONCE])

    def _add(self, values: np.ndarray, decoded: np.ndarray) -> None:
        if values.dtype.kind in "iub":
            sizes = distance(values, decoded).astype(np.float64)
        else:
            with np.errstate(all="ignore"):
                sizes = np.abs(values.astype(np.float64) - decoded.astype(np.float64))
            sizes[np.isnan(sizes)] = 0
        self.largest = max(self.largest, float(sizes.max(initial=0.0)))
        with np.errstate(over="ignore"):
            self._squares += float(np.square(sizes).sum())

    @property
    def mean_square(self) -> float | None:
        """Σ (x̂ - x)² / N over all N values; None where it is beyond float64."""
        mean = self._squares / self._count if self._count else 0.0
        return mean if math.isfinite(mean) else None


class BlockCoder:
    """Codes blocks with what was chosen, and stores as they are those that it does not get right.

    Attributes:
        writer: has the blocks.
        errors: of all values so far, where they are measured.
        seconds_back: for decoding them.
    """

    def __init__(
        self,
        choice: Choice,
        bound: float,
        effort: Effort,
        decode: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """A coder of blocks.

        Args:
            choice: how, and what is coded already.
            bound: the largest error of a value of a block.
            effort: how much is tried.
            decode: from a block of codes to the values that they stand for; None where a block is
                of values.
        """
        self.writer, self.errors, self.seconds_back = BlockWriter(), DifferenceMeter(), 0.0
        self._choice, self._bound, self._effort, self._decode = choice, bound, effort, decode
        self._digest = hashlib.sha256()
        # in the order in which blocks first needed them
        self._pipelines: list[Pipeline] = []
        self._methods = Counter[str]()

    def add(self, start: int, values: np.ndarray, originals: np.ndarray | None = None) -> None:
        """Code one more block.

        Args:
            start: the number of its first value.
            values: of the block.
            originals: what they are compared with, where they are codes.
        """
        pipeline, content, back = self._coded(start, values)
        assert len(content) <= LARGEST_BLOCK
        self.writer.append(content, values.size, self._number(pipeline))
        begun = time.perf_counter()
        decoded = back if self._decode is None else self._decode(back)
        self.seconds_back += time.perf_counter() - begun
        self._digest.update(little_endian_bytes(decoded))
        if self._bound or originals is not None:
            self.errors.add(values if originals is None else originals, decoded)

    def _number(self, pipeline: Pipeline) -> int:
        header, headers = pipeline.to_header(), [used.to_header() for used in self._pipelines]
        if header not in headers:
            headers.append(header)
            self._pipelines.append(pipeline)
            assert len(self._pipelines) <= MOST_PIPELINES
        self._methods[pipeline.name] += 1
        return headers.index(header)

    def _coded(self, start: int, values: np.ndarray) -> tuple[Pipeline, bytes, np.ndarray]:
        tried = self._choice.coded.pop(start, None)
        if tried is not None and len(tried.content) <= values.nbytes:
            self.seconds_back += tried.seconds_back
            return self._choice.pipeline, tried.content, tried.decoded
        for pipeline in (self._choice.pipeline, _STORED):
            if not pipeline.takes(values.shape, values.dtype):
                continue
            try:
                content = pipeline.encode(values, self._bound, self._effort)
                if len(content) > values.nbytes:
                    continue
                begun = time.perf_counter()
                decoded = pipeline.decode(content, values.shape, values.dtype)
                self.seconds_back += time.perf_counter() - begun
            # A library that fails on a block costs its bytes, not the archive.
            except (ArchiveError, ValueError, OSError, struct.error):
                continue
            if within(values, decoded, self._bound).all():
                return pipeline, content, decoded
        raise AssertionError("a block that is stored as it is must come back")

    def close(self) -> None:
        """Give the memory or the temporary file of the blocks back."""
        self.writer.close()

    def to_header(self) -> dict[str, Any]:
        """What a header says of the blocks."""
        return {
            "pipelines": [pipeline.to_header() for pipeline in self._pipelines],
            "sha256": self._digest.hexdigest(),
        }

    def error_to_header(self) -> dict[str, Any]:
        """What a header says of the errors."""
        return {"largest": self.errors.largest, "mean_squared": self.errors.mean_square}

    def method_parts(self) -> list[Part]:
        """What the methods need to decode."""
        used = [pipeline.method.parts() for pipeline in self._pipelines]
        return [Part.of(name, content) for parts in used for name, content in parts.items()]

    def methods(self) -> dict[str, int]:
        """How blocks are coded, and how many of them so."""
        return dict(self._methods)
