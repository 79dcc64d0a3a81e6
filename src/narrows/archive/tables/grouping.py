"""Coding a group of rows: each column alone, then together, whatever is smaller; decoded again."""

import math
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.choosing import choose
from narrows.archive.methods import Effort, Rows, Stored
from narrows.archive.pipeline import Pipeline
from narrows.archive.tables.cells import Cells
from narrows.archive.tables.column_prediction import MOST_BITS
from narrows.archive.tables.group import (
    ALL,
    BLOCK,
    COUNTS,
    NONE,
    SOME,
    TOLD,
    Kept,
    decode_group,
    same_cells,
)
from narrows.archive.tables.joint_coding import encode_jointly
from narrows.errors import ArchiveError

_STORED = Pipeline(Stored())
# Columns that lose by being coded together are left out, and the others coded again.
_ROUNDS, _SLACK = 3, 16
# Questions are put to as many lanes at once as the rows make, so that few rows take long: less is
# tried where there is little to gain. Cells of a group from which on it is tried once, or as often
# as it helps; with the effort "best" it always is.
_TRIED_ONCE, _TRIED_OFTEN = 1 << 14, 1 << 17


@dataclass(frozen=True)
class _Block:
    """Values with a pipeline, and what it made of them."""

    values: np.ndarray
    pipeline: Pipeline
    content: bytes

    @property
    def size(self) -> int:
        return BLOCK.size + len(self.content)


@dataclass
class _Coded:
    """A column on its way: its blocks, those of texts' letters first, that of its values last."""

    cells: Cells
    missing: int
    blocks: list[_Block]
    truth: _Block | None = None

    @property
    def alone(self) -> int:
        """The bytes that missing cells and values take without the other columns."""
        return (self.blocks[-1].size if self.blocks else 0) + (self.truth.size if self.truth else 0)


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A group of rows that is coded, and was decoded again.

    Attributes:
        content: its bytes.
        sizes: how many of them are each column's own, or its share.
        cells: what comes back.
        pipelines: of each column's values; None where all are missing.
        seconds_back: for decoding it.
    """

    content: bytes
    sizes: list[int]
    cells: list[Cells]
    pipelines: list[Pipeline | None]
    seconds_back: float


def encode_group(
    columns: Sequence[Kept],
    group: Sequence[Cells],
    effort: Effort,
    together: bool,
    tried: Callable[[], None] = lambda: None,
) -> Encoded:
    """Code the cells of each column in the smallest way that brings every value back within its
    column's bound: that is compared.

    Args:
        columns: how each is kept; their pipelines grow.
        group: the cells of each, of as many rows.
        effort: how much is tried for each column alone.
        together: whether columns are tried together as well.
        tried: called after each column that was tried alone.
    """
    alone = []
    for kept, own in zip(columns, group, strict=True):
        alone.append(_alone(kept, own, effort))
        tried()
    ways = [(alone, b"", [0] * len(alone))]
    count = len(group) * len(group[0].present) if group else 0
    if effort != "best":
        together = together and count >= _TRIED_ONCE
    often = effort == "best" or count >= _TRIED_OFTEN
    if together and (found := _together(columns, alone, often)) is not None:
        ways.insert(0, found)
    ways.sort(key=lambda way: sum(map(_size, way[0])) + len(way[1]))
    stored = [_stored(each) for each in alone]
    for coded, shared, shares in [*ways, (stored, b"", [0] * len(alone))]:
        content = _bytes(columns, coded, shared)
        begun = time.perf_counter()
        try:
            cells = decode_group(columns, content, len(group[0].present))
        # A library that fails on a block costs its bytes, not the archive.
        except (ArchiveError, ValueError, OSError, struct.error):
            continue
        seconds = time.perf_counter() - begun
        if all(map(same_cells, columns, group, cells)):
            sizes = [_size(each) + share for each, share in zip(coded, shares, strict=True)]
            pipelines = [each.blocks[-1].pipeline if each.blocks else None for each in coded]
            return Encoded(
                content=content, sizes=sizes, cells=cells, pipelines=pipelines, seconds_back=seconds
            )
    raise AssertionError("a group that is stored as it is must come back")


def _alone(kept: Kept, cells: Cells, effort: Effort) -> _Coded:
    """Each column by whatever suits it best."""
    count, present = len(cells.present), len(cells.values)
    missing = NONE if present == count else ALL if not present else SOME
    truth = _best(kept, cells.present, 0.0, effort) if missing == SOME else None
    streams = [cells.values]
    if cells.lengths is not None and cells.letters is not None:
        streams = [cells.lengths, cells.letters, cells.values]
    blocks = [
        _best(kept, values, kept.bound if values is cells.values else 0.0, effort)
        for values in streams
        if values.size
    ]
    return _Coded(cells, missing, blocks, truth)


def _best(kept: Kept, values: np.ndarray, bound: float, effort: Effort) -> _Block:
    if values.dtype.kind not in "f" and bound < 1:
        bound = 0.0
    layout = Layout(values.dtype, values.shape)
    choice = choose([(0, values)], layout, bound, effort)
    coded = choice.coded.get(0)
    if coded is None or len(coded.content) > values.nbytes or not kept.takes(choice.pipeline):
        return _stored_block(values)
    return _Block(values, choice.pipeline, coded.content)


def _together(
    columns: Sequence[Kept], alone: Sequence[_Coded], often: bool
) -> tuple[list[_Coded], bytes, list[int]] | None:
    """Those columns together that take less so; None where none does. Not ``often``: all that can
    be, at the first attempt."""
    numbers = range(len(alone))
    plain = _members(columns, alone, ())
    # Differences may have been the best for a column alone, and not be among others.
    delta = {
        number: member
        for number, member in _members(columns, alone, ("delta",)).items()
        if "delta" in alone[number].blocks[-1].pipeline.filters
    }
    best = _Attempt.of(plain)
    if best is not None and delta and often:
        other = _Attempt.of(plain | delta)
        assert other is not None
        costs = best.costs
        better = {
            n: member for n, member in delta.items() if other.costs[n] < costs.get(n, math.inf)
        }
        attempts = [best, other if better == delta else _Attempt.of(plain | better)]
        best = min(filter(None, attempts), key=lambda attempt: len(attempt.content))
    elif best is None and delta:
        best = _Attempt.of(delta)
    for _ in range(_ROUNDS if often else 0):
        if best is None:
            return None
        losing = {
            number
            for number, (coded, _) in best.members.items()
            if best.costs[number] + coded.blocks[-1].size > alone[number].alone + _SLACK
        }
        if not losing:
            break
        best = _Attempt.of({n: each for n, each in best.members.items() if n not in losing})
    if best is None:
        return None
    chosen = [best.members[n][0] if n in best.members else alone[n] for n in numbers]
    return chosen, best.content, [round(best.costs.get(n, 0)) for n in numbers]


# A column that is coded with others, and its integers.
_Members = dict[int, tuple[_Coded, np.ndarray]]


@dataclass(frozen=True)
class _Attempt:
    """Columns coded together: what they are, the bytes, and how many are due to each."""

    members: _Members
    content: bytes
    costs: dict[int, float]

    @classmethod
    def of(cls, members: _Members) -> "_Attempt | None":
        """These columns together; None where there are none."""
        if not members:
            return None
        members = dict(sorted(members.items()))
        content, costs = encode_jointly([symbols for _, symbols in members.values()])
        return cls(members, content, dict(zip(members, costs, strict=True)))


def _members(
    columns: Sequence[Kept], alone: Sequence[_Coded], filters: tuple[str, ...]
) -> _Members:
    """The columns that can be coded together, behind these filters."""
    joined = {
        number: _joined(kept, each, filters)
        for number, (kept, each) in enumerate(zip(columns, alone, strict=True))
    }
    return {number: found for number, found in joined.items() if found is not None}


def _joined(
    kept: Kept, coded: _Coded, filters: tuple[str, ...]
) -> tuple[_Coded, np.ndarray] | None:
    """A column as one of those that are coded together: integers from 0 on, 0 where missing."""
    if not coded.blocks:
        return None
    last = coded.blocks[-1]
    pipeline = Pipeline(Rows(), last.pipeline.quantiser, (*filters, "narrow"))
    front, levels = pipeline.prepare(last.values, kept.bound)
    some = coded.missing == SOME
    if int(levels.max()) + some >> MOST_BITS or not kept.takes(pipeline):
        return None
    symbols = levels.astype(np.int64)
    if some:
        symbols = np.zeros(len(coded.cells.present), np.int64)
        symbols[coded.cells.present] = levels.astype(np.int64) + 1
    blocks = [*coded.blocks[:-1], _Block(last.values, pipeline, front)]
    return _Coded(coded.cells, TOLD if some else NONE, blocks), symbols


def _stored(coded: _Coded) -> _Coded:
    """A column as it is."""
    blocks = [_stored_block(block.values) for block in coded.blocks]
    truth = _stored_block(coded.truth.values) if coded.truth else None
    return _Coded(coded.cells, coded.missing, blocks, truth)


def _stored_block(values: np.ndarray) -> _Block:
    return _Block(values, _STORED, _STORED.encode(values, 0.0, "fast"))


def _size(coded: _Coded) -> int:
    return 1 + sum(block.size for block in coded.blocks) + (coded.truth.size if coded.truth else 0)


def _bytes(columns: Sequence[Kept], coded: Sequence[_Coded], shared: bytes) -> bytes:
    pieces: list[bytes] = []
    for kept, each in zip(columns, coded, strict=True):
        pieces.append(bytes([each.missing]))
        blocks = [each.truth, *each.blocks] if each.truth else each.blocks
        if each.truth:
            pieces.append(_block_bytes(kept, blocks.pop(0)))
        if each.cells.lengths is not None and each.missing != ALL:
            assert each.cells.letters is not None
            pieces.append(COUNTS.pack(len(each.cells.lengths), len(each.cells.letters)))
        pieces += [_block_bytes(kept, block) for block in blocks]
    return b"".join(pieces) + shared


def _block_bytes(kept: Kept, block: _Block) -> bytes:
    return BLOCK.pack(kept.number(block.pipeline), len(block.content)) + block.content
