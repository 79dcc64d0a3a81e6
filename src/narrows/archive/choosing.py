"""How an array shall be coded: what looks promising is tried on some of its blocks.

The smallest wins, whatever time it takes, so that the same data are always coded alike; where two
are equal, the one that is named first.
"""

import itertools
import math
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.bounds import (
    EXACT_INTEGERS,
    AsTheyAre,
    Grid,
    Quantiser,
    Steps,
    bits_of,
    within,
)
from narrows.archive.methods import METHODS, Effort, Stored
from narrows.archive.methods.compressors import Xz
from narrows.archive.pipeline import Pipeline
from narrows.archive.size_breakdown import Trial
from narrows.errors import ArchiveError

# Blocks that are coded in every way that is tried, and orders of filters that are tried with each.
_SAMPLED: dict[Effort, int] = {"fast": 1, "normal": 2, "best": 4}
_CHAINS: dict[Effort, int] = {"fast": 1, "normal": 2, "best": 3}

# Filters are ranked on no more bytes than this.
_PIECE_BYTES = 1 << 19
# Filters that leave more than this times as much as the best are not tried further.
_RUNNER_UP = 1.1
# Where a block holds more bytes, everything is tried on a piece of so many first, and on the whole
# block only what leaves of the piece up to this times as much as the best.
_TRIED_BYTES: dict[Effort, float] = {"fast": 1 << 18, "normal": 1 << 20, "best": math.inf}
_STILL_PROMISING = 1.15
# Items that are coded on their own.
_SINGLE_ITEMS = 64
# Values that are looked at for being multiples of something.
_GRID_VALUES = 1 << 16
# Where fewer of them are, they are not taken for it.
_GRID_SHARE = 0.9

_PLAIN: tuple[tuple[str, ...], ...] = ((), ("delta",), ("item-delta",))
_WIDE: tuple[tuple[str, ...], ...] = (
    (),
    ("shuffle",),
    ("narrow",),
    ("narrow", "shuffle"),
    ("delta", "narrow"),
    ("delta", "narrow", "shuffle"),
    ("item-delta", "narrow"),
    ("item-delta", "narrow", "shuffle"),
)


@dataclass(frozen=True)
class Choice:
    """What was found.

    Attributes:
        pipeline: the best.
        trials: what each method came to, the smallest first.
        coded: what the best one made of the blocks that it was tried on, by their first value.
    """

    pipeline: Pipeline
    trials: tuple[Trial, ...]
    coded: dict[int, "Coded"] = field(default_factory=dict)


@dataclass(frozen=True)
class Coded:
    """A block that was coded, decoded again and found to keep the bound.

    Attributes:
        content: its bytes.
        decoded: what comes of them.
        seconds_back: how long that took.
    """

    content: bytes
    decoded: np.ndarray
    seconds_back: float


def sampled_blocks(count: int, effort: Effort) -> list[int]:
    """The numbers of the blocks to try on, evenly spread over ``count``."""
    wanted = min(_SAMPLED[effort], count)
    return [(2 * index + 1) * count // (2 * wanted) for index in range(wanted)]


def choose(
    blocks: Sequence[tuple[int, np.ndarray]],
    layout: Layout,
    bound: float,
    effort: Effort,
    *,
    more: Sequence[Pipeline] = (),
) -> Choice:
    """Find the smallest way to code an array.

    Args:
        blocks: first value and values of those to try on, at least one.
        layout: of the whole array.
        bound: the largest error allowed.
        effort: how much to try.
        more: ways to try besides those that need no training.
    """
    untrained = [method() for method in METHODS.values() if not method.trained]
    starts = _starts(blocks[0][1], layout, bound, effort)
    # Methods that know the items, such as formats of images, take levels without filters.
    plain = [Pipeline(Stored(), quantiser) for quantiser in _candidates(blocks[0][1], bound)]
    # Without filters too: whoever compares will have run a compressor on the file as it is.
    known = [(start.quantiser, start.filters) for start in starts]
    starts += [each for each in plain if (each.quantiser, each.filters) not in known]
    pipelines = [
        replace(start, method=method)
        for method in untrained
        if method.tried_from[effort] <= layout.nbytes <= method.tried_up_to[effort]
        and method.available()
        for start in (starts if method.filtered else plain)
    ]
    pipelines += more
    promising, others = _promising(pipelines, blocks, layout, bound, effort)
    found = []
    for pipeline in promising:
        if (tried := _try(pipeline, blocks, layout, bound, effort)) is not None:
            found.append(tried)
    if not found:
        return Choice(Pipeline(Stored()), ())
    found.sort(key=lambda each: each.trial.size)
    smallest: dict[str, _Tried] = {}
    for each in [*found, *others]:
        smallest.setdefault(each.trial.method, each)
    single = _single_items(blocks[0][1], layout)
    trials = [
        replace(each.trial, item_bytes=_item_bytes(each.pipeline, single, bound, effort))
        for each in smallest.values()
    ]
    trials.sort(key=lambda trial: trial.size)
    return Choice(found[0].pipeline, tuple(trials), found[0].coded)


def _promising(
    pipelines: Sequence[Pipeline],
    blocks: Sequence[tuple[int, np.ndarray]],
    layout: Layout,
    bound: float,
    effort: Effort,
) -> tuple[list[Pipeline], list["_Tried"]]:
    """The pipelines to try on whole blocks, and what the others made of pieces of them.

    Which methods are far behind shows on the first piece of a block: only those that come near the
    best are worth the time that a whole block takes, and, so that no rival is made out to be worse
    than it is, xz without filters and the best that learns nothing. With the effort ``best`` all
    are.
    """
    pieces = [(start, _piece(values, effort)) for start, values in blocks]
    if all(
        len(piece) == len(values) for (_, piece), (_, values) in zip(pieces, blocks, strict=True)
    ):
        return list(pipelines), []
    tried = []
    for pipeline in pipelines:
        tried.append(_try(pipeline, pieces, layout, bound, effort))
    found = sorted((each for each in tried if each is not None), key=lambda each: each.trial.size)
    most = found[0].trial.size * _STILL_PROMISING if found else 0
    rival = next((each for each in found if not each.trial.learns), None)
    near, far = list[Pipeline](), list[_Tried]()
    for each in found:
        if each.trial.size <= most or each is rival or _is_plain_xz(each.pipeline):
            near.append(each.pipeline)
        else:
            far.append(each)
    return near, [replace(each, trial=replace(each.trial, in_part=True)) for each in far]


def _is_plain_xz(pipeline: Pipeline) -> bool:
    return pipeline.method.name == Xz.name and not pipeline.filters


def _piece(values: np.ndarray, effort: Effort) -> np.ndarray:
    """The first items of a block, or all of them where everything shall be tried."""
    most = _TRIED_BYTES[effort]
    return values if values.nbytes <= most else values[: max(int(most) // values[:1].nbytes, 1)]


def _single_items(values: np.ndarray, layout: Layout) -> list[np.ndarray]:
    """Some items of a block, evenly spread, each as a block of its own; none where they are large.

    Where an item is a single number it has no size of its own to speak of, and there are none.
    """
    if values.shape[1:] != layout.item_shape or layout.item_size < 2:
        return []
    count = min(_SINGLE_ITEMS, len(values), _PIECE_BYTES // values[:1].nbytes)
    numbers = [(2 * index + 1) * len(values) // (2 * count) for index in range(count)]
    return [values[number : number + 1] for number in numbers]


def _item_bytes(
    pipeline: Pipeline, items: Sequence[np.ndarray], bound: float, effort: Effort
) -> float | None:
    able = all(pipeline.takes(item.shape, item.dtype) for item in items)
    if not items or not pipeline.method.tried_alone or not able:
        return None
    return sum(len(pipeline.encode(item, bound, effort)) for item in items) / len(items)


@dataclass(frozen=True)
class _Tried:
    pipeline: Pipeline
    trial: Trial
    coded: dict[int, Coded]


def _try(
    pipeline: Pipeline,
    blocks: Sequence[tuple[int, np.ndarray]],
    layout: Layout,
    bound: float,
    effort: Effort,
) -> _Tried | None:
    """What a pipeline makes of the blocks; None where it does not take one, or gets it wrong."""
    coded: dict[int, Coded] = {}
    seconds = 0.0
    for start, values in blocks:
        if not pipeline.takes(values.shape, values.dtype):
            return None
        begun = time.perf_counter()
        try:
            content = pipeline.encode(values, bound, effort)
            half = time.perf_counter()
            decoded = pipeline.decode(content, values.shape, values.dtype)
        except (ArchiveError, ValueError, OSError):
            return None
        seconds += half - begun
        coded[start] = Coded(content, decoded, time.perf_counter() - half)
        if not within(values, decoded, bound).all():
            return None
    scale = layout.size / sum(values.size for _, values in blocks)
    parts = sum(map(len, pipeline.method.parts().values()))
    size = math.ceil(sum(len(each.content) for each in coded.values()) * scale) + parts
    seconds_back = sum(each.seconds_back for each in coded.values())
    trial = Trial(
        method=pipeline.method.name,
        name=pipeline.name,
        size=size,
        seconds=seconds,
        seconds_back=seconds_back,
    )
    return _Tried(pipeline, trial, coded)


def _starts(values: np.ndarray, layout: Layout, bound: float, effort: Effort) -> list[Pipeline]:
    """Quantisers with filters that look best before a general compressor."""
    piece = np.ascontiguousarray(values[: max(_PIECE_BYTES // max(values[:1].nbytes, 1), 1)])
    ranked = []
    for quantiser in _candidates(values, bound):
        chains = _PLAIN if quantiser.level_dtype(values.dtype).itemsize == 1 else _WIDE
        for filters in chains:
            if "item-delta" in filters and layout.item_size == 1:
                continue
            pipeline = Pipeline(Stored(), quantiser, filters)
            content = pipeline.encode(piece, bound, effort)
            ranked.append((len(zlib.compress(content, 6)), pipeline))
    ranked.sort(key=lambda each: each[0])
    most = ranked[0][0] * _RUNNER_UP
    return [pipeline for size, pipeline in ranked[: _CHAINS[effort]] if size <= most]


def _candidates(values: np.ndarray, bound: float) -> list[Quantiser]:
    """Quantisers that suit ``values`` and keep ``bound``."""
    if values.dtype.kind in "iu":
        return [Steps.for_bound(bound, values.dtype)] if bound >= 1 else [AsTheyAre()]
    if values.dtype.kind == "b":
        return [AsTheyAre()]
    found: list[Quantiser] = [AsTheyAre()]
    sample = _sampled_values(values)
    divisor = grid_divisor(sample)
    if bound == 0:
        return found if divisor is None else [*found, Grid(1, divisor)]
    if divisor is not None:
        steps = math.floor(min(bound * divisor, EXACT_INTEGERS / 4))
        # A bound that is a multiple of the grid is missed by rounding as often as kept.
        found += [Grid(2 * step + 1, divisor) for step in (steps, steps - 1) if step >= 0]
    if (grid := Grid.for_bound(bound)) is not None:
        found.append(grid)
    return found


def _sampled_values(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(-1)
    sample = flat[:: max(flat.size // _GRID_VALUES, 1)]
    return sample[np.isfinite(sample)]


def grid_divisor(values: np.ndarray) -> float | None:
    """The least of some divisors d with which nearly all of ``values`` are integers over d.

    Powers of 10 are those of decimal numbers, 255 and 65535 of images scaled to 0..1, and powers of
    2 of measurements by a converter.
    """
    if not values.size:
        return None
    powers = itertools.chain((10**power for power in range(10)), (2**power for power in range(25)))
    for divisor in sorted({*powers, 255, 65535}):
        grid = Grid(1, float(divisor))
        restored = grid.restore(grid.levels(values), values.dtype)
        if np.mean(bits_of(restored) == bits_of(values)) >= _GRID_SHARE:
            return float(divisor)
    return None
