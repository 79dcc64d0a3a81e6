"""From an array to an archive: block by block, each decoded again and compared before it counts."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.block_coder import NOTHING_TO_CHOOSE, BlockCoder
from narrows.archive.blocks import block_extents
from narrows.archive.bounds import checked_bound
from narrows.archive.choosing import choose, sampled_blocks
from narrows.archive.container import write_container
from narrows.archive.error_bounds import ErrorBounds
from narrows.archive.files import PART as FILES
from narrows.archive.files import files_part
from narrows.archive.methods import EFFORTS, Effort
from narrows.archive.size_breakdown import SizeBreakdown, Trial, trials_to_header
from narrows.data.file_arrays import FileArray, loaded
from narrows.data.image_files import ImageFiles
from narrows.errors import UsageError
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
    with track(f"compressing {name}", total=len(extents) or None, unit="blocks") as advance:
        numbers = sampled_blocks(len(extents), effort)
        samples = [(extents[n][0], block_values(items, layout, *extents[n])) for n in numbers]
        choice = choose(samples, layout, bound, effort) if samples else NOTHING_TO_CHOOSE
        del samples
        with contextlib.closing(BlockCoder(choice, bound, effort)) as coder:
            for start, values in _blocks(items, layout, extents):
                coder.add(start, values)
                advance(1)
            tried = choice.trials, len(numbers)
            breakdown = _finish(out, layout, bound, coder, tried=tried, files=files)
    return replace(breakdown, seconds=time.perf_counter() - begun)


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


def _blocks(
    items: np.ndarray, layout: Layout, extents: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, np.ndarray]]:
    for start, size in extents:
        yield start, block_values(items, layout, start, size)
        release(items)


def _finish(
    out: IO[bytes],
    layout: Layout,
    bound: float,
    coder: BlockCoder,
    *,
    tried: tuple[tuple[Trial, ...], int],
    files: ImageFiles | None,
) -> SizeBreakdown:
    header = {"data": {"kind": "array", **layout.to_header()}, "bound": bound, **coder.to_header()}
    trials, sampled = tried
    if bound:
        header["error"] = coder.error_to_header()
    if trials:
        header["tried"] = trials_to_header(trials, sampled)
    parts = coder.method_parts()
    if files is not None:
        header[FILES], part = files_part(files)
        parts.append(part)
    sizes = write_container(out, header, [*parts, *coder.writer.parts()])
    return SizeBreakdown(
        layout=layout,
        bound=bound,
        sizes=sizes,
        methods=coder.methods(),
        trials=trials,
        sampled=sampled,
        largest_error=coder.errors.largest,
        mean_squared_error=coder.errors.mean_square,
        seconds_back=coder.seconds_back,
        changes="" if files is None else files.options.described(),
    )
