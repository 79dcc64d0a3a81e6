"""From an array to an archive: block by block, each decoded again and compared before it counts."""

import hashlib
import math
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.blocks import MOST_PIPELINES, BlockWriter, block_extents
from narrows.archive.bounds import checked_bound, distance, within
from narrows.archive.choosing import Choice, choose, sampled_blocks
from narrows.archive.container import Part, write_container
from narrows.archive.error_bounds import ErrorBounds
from narrows.archive.files import PART as FILES
from narrows.archive.files import files_part
from narrows.archive.methods import EFFORTS, Effort, Stored
from narrows.archive.pipeline import Pipeline
from narrows.archive.size_breakdown import SizeBreakdown, trials_to_header
from narrows.data.file_arrays import FileArray, loaded
from narrows.data.image_files import ImageFiles
from narrows.errors import ArchiveError, UsageError
from narrows.support import arguments
from narrows.support.chunks import release
from narrows.support.outputs import require_other_file
from narrows.support.progress import Tracker, silent


def write_archive(
    out: IO[bytes],
    items: np.ndarray,
    *,
    max_error: Any = None,
    effort: Effort = "normal",
    files: ImageFiles | None = None,
    name: str = "X",
    track: Tracker = silent,
) -> SizeBreakdown:
    """Write an array as an archive, which opens everywhere with the same values.

    Args:
        out: takes bytes, from where it stands.
        items: of any shape, of truth values, integers or floats of up to 64 bits; may be
            memory-mapped and larger than memory.
        max_error: no value comes back further from what it was: a number in the data's own units,
            or ``1%`` of the range of the finite values. 0 or None is lossless, to the last bit.
            Truth values, NaN and infinity are always exact.
        effort: how much is tried.
        files: the files that the items came from, to be kept with them.
        name: what messages call the data.
        track: told how far it is.

    Raises:
        UsageError: ``max_error`` or ``effort`` cannot be meant.
        DataError: values that an archive does not hold.
    """
    arguments.one_of("effort", effort, EFFORTS)
    begun = time.perf_counter()
    require_other_file(out, items, name)
    items = items if isinstance(items, FileArray) else np.asarray(items)
    layout = Layout.of(items)
    items = items.reshape(1) if items.ndim == 0 else items
    bound = _array_bound(items, layout, max_error, name)
    extents = list(block_extents(layout))
    writer = BlockWriter()
    try:
        with track(f"compressing {name}", total=len(extents) or None, unit="block") as advance:
            numbers = sampled_blocks(len(extents), effort)
            samples = [(extents[n][0], block_values(items, layout, *extents[n])) for n in numbers]
            choice = choose(samples, layout, bound, effort) if samples else _NOTHING_TO_CHOOSE
            del samples
            coder = _Coder(choice, bound, effort, writer)
            for start, values in _blocks(items, layout, extents):
                coder.add(start, values)
                advance(1)
        breakdown = _finish(out, layout, bound, writer, coder, len(numbers), files)
        return replace(breakdown, seconds=time.perf_counter() - begun)
    finally:
        writer.close()


def _array_bound(items: np.ndarray, layout: Layout, max_error: Any, name: str) -> float:
    """The largest error that ``max_error`` allows, in the array's own units; 0 where its dtype
    leaves no room for it.

    Raises:
        UsageError: ``max_error`` cannot be meant.
    """
    bound = _allowed(items, layout, max_error, name)
    exact = (bound < 1 and layout.dtype.kind in "iu") or layout.dtype.kind == "b"
    return 0.0 if exact else bound


def _allowed(items: np.ndarray, layout: Layout, max_error: Any, name: str) -> float:
    max_error = arguments.scalar(max_error)
    if max_error is None or isinstance(max_error, int | float):
        return checked_bound(arguments.number("max_error", max_error, optional=True))
    error_bounds = ErrorBounds.of(max_error)
    if error_bounds.named:
        raise UsageError(
            f"a largest error is asked of {', '.join(map(repr, error_bounds.named))}, and {name} "
            "is an array, which has no columns",
            hint="give one number, or one in per cent",
        )
    error_bound, lowest, highest = error_bounds.general, [], []
    for _, values in (
        _blocks(items, layout, list(block_extents(layout))) if error_bound.of_range else ()
    ):
        finite = values[np.isfinite(values)]
        if finite.size:
            lowest.append(finite.min().item())
            highest.append(finite.max().item())
    return error_bound.in_units(min(lowest, default=0), max(highest, default=0))


# Values measured together.
_AT_ONCE = 1 << 16
_STORED = Pipeline(Stored())
_NOTHING_TO_CHOOSE = Choice(_STORED, ())


def block_values(items: np.ndarray, layout: Layout, start: int, size: int) -> np.ndarray:
    """A block of an array: contiguous, in the machine's byte order, of the block's shape."""
    shape = layout.block_shape(start, size)
    if isinstance(items, FileArray):
        piece = loaded(items.reshape(-1)[start : start + size]).reshape(shape)
        return _block(piece, layout)
    first, place = divmod(start, layout.item_size)
    if place or size < layout.item_size:
        piece = items[first].reshape(-1)[place : place + size]
    else:
        piece = items[first : first + size // layout.item_size]
    return _block(piece, layout).reshape(shape)


def _block(piece: np.ndarray, layout: Layout) -> np.ndarray:
    if layout.dtype.kind == "b":  # of which NumPy takes any byte but 0 for true
        piece = np.ascontiguousarray(piece).view(np.uint8) != 0
    return np.ascontiguousarray(piece, layout.working_dtype)


def little_endian_bytes(values: np.ndarray) -> bytes:
    """The values' bytes in C order, the lowest of each first: what SHA-256 is taken of."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _blocks(
    items: np.ndarray, layout: Layout, extents: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, np.ndarray]]:
    for start, size in extents:
        yield start, block_values(items, layout, start, size)
        release(items)


class ErrorMeter:
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


class _Coder:
    """Codes blocks with what was chosen, and stores as they are those that it does not get right.

    Attributes:
        digest: SHA-256 of the values that the archive gives.
        errors: measured on all blocks so far.
        pipelines: those in use, in the order in which blocks first needed them.
        blocks: how many blocks each of them has coded.
        seconds_back: for decoding them.
    """

    def __init__(self, choice: Choice, bound: float, effort: Effort, writer: BlockWriter) -> None:
        self.choice, self.digest, self.errors = choice, hashlib.sha256(), ErrorMeter()
        self.pipelines: list[Pipeline] = []
        self.blocks: list[int] = []
        self.seconds_back = 0.0
        self._bound, self._effort, self._writer = bound, effort, writer

    def add(self, start: int, values: np.ndarray) -> None:
        """Code one more block."""
        pipeline, content, decoded = self._coded(start, values)
        headers = [used.to_header() for used in self.pipelines]
        header = pipeline.to_header()
        if header not in headers:
            headers.append(header)
            self.pipelines.append(pipeline)
            self.blocks.append(0)
            assert len(self.pipelines) <= MOST_PIPELINES
        number = headers.index(header)
        self.blocks[number] += 1
        self._writer.append(content, values.size, number)
        self.digest.update(little_endian_bytes(decoded))
        if self._bound:
            self.errors.add(values, decoded)

    def _coded(self, start: int, values: np.ndarray) -> tuple[Pipeline, bytes, np.ndarray]:
        tried = self.choice.coded.pop(start, None)
        if tried is not None and len(tried.content) <= values.nbytes:
            self.seconds_back += tried.seconds_back
            return self.choice.pipeline, tried.content, tried.decoded
        for pipeline in (self.choice.pipeline, _STORED):
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


def _finish(
    out: IO[bytes],
    layout: Layout,
    bound: float,
    writer: BlockWriter,
    coder: _Coder,
    sampled: int,
    files: ImageFiles | None,
) -> SizeBreakdown:
    header: dict[str, Any] = {
        "data": {"kind": "array", **layout.to_header()},
        "bound": bound,
        "pipelines": [pipeline.to_header() for pipeline in coder.pipelines],
        "sha256": coder.digest.hexdigest(),
    }
    errors = coder.errors
    if bound:
        header["error"] = {"largest": errors.largest, "mean_squared": errors.mean_square}
    if coder.choice.trials:
        header["tried"] = trials_to_header(coder.choice.trials, sampled)
    parts = [
        Part.of(name, content)
        for pipeline in coder.pipelines
        for name, content in pipeline.method.parts().items()
    ]
    names: list[Part] = []
    if files is not None:
        header[FILES], part = files_part(files)
        names.append(part)
    sizes = write_container(out, header, [*parts, *names, *writer.parts()])
    methods: dict[str, int] = {}
    for pipeline, blocks in zip(coder.pipelines, coder.blocks, strict=True):
        methods[pipeline.name] = methods.get(pipeline.name, 0) + blocks
    return SizeBreakdown(
        layout,
        bound,
        sizes,
        methods,
        coder.choice.trials,
        sampled,
        errors.largest,
        errors.mean_square,
        seconds_back=coder.seconds_back,
        changes="" if files is None else files.options.described(),
    )
