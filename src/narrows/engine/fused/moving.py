"""Moving values: in from memory, turned around, in and out of windows."""

from typing import Any

import numpy as np

from narrows.engine.fused.machine import byte_at, float_at, inner, prefetch, set_byte, set_float
from narrows.engine.fused.registers import (
    CHOSEN_AHEAD,
    FLOATS_PER_LINE,
    LANES,
    TILE_COLUMNS,
    transpose,
)
from narrows.engine.fused.rows import read_bytes, read_floats, write_bytes, write_floats
from narrows.engine.fused.structure import Batch, Source, Stack, Target
from narrows.engine.fused.zeros import nonzero

#: Values from one tile of items to the next: a square, and a line of the cache, so that an item's
#: values do not fall on few places of it and throw one another out.
TILES_APART = TILE_COLUMNS * TILE_COLUMNS + FLOATS_PER_LINE
# How many items ahead one is asked for.
_ITEMS_AHEAD = 2


@inner
def copy(source: Any, target: Any) -> None:
    """A run of values from one place to another."""
    for i in range(len(source)):
        target[i] = source[i]


@inner
def fill(target: Any, value: np.float32) -> None:
    """The same value everywhere in a run."""
    for i in range(len(target)):
        target[i] = value


@inner
def write_panel(target: Target, number: int, count: int, work: Any, at: int,
                turned: Any) -> None:  # fmt: skip
    """Write a panel (values, TILE_COLUMNS), padded to whole vectors, as ``count`` items from
    ``number`` on. ``turned`` has room for a vector of each."""
    for i in range(0, target.values, LANES):
        for j in range(0, TILE_COLUMNS, LANES):
            here = at + i * TILE_COLUMNS + j
            transpose(work, here, TILE_COLUMNS, turned, j * LANES, LANES)
        size = min(LANES, target.values - i)
        for j in range(count):
            place, here = (number + j) * target.values + i, j * LANES
            if size < LANES:
                _write_values(target, place, turned[here : here + size])
            elif target.is_bytes:
                write_bytes(
                    turned, here, target.address, place, target.scale, target.offset,
                    target.lowest, target.highest,
                )  # fmt: skip
            else:
                write_floats(turned, here, target.address, place)


@inner
def _write_values(target: Target, place: int, values: Any) -> None:
    """Write values of an item, the first as the ``place``-th of all."""
    if target.is_bytes:
        for k in range(len(values)):
            # in float64, as `Scaling.to_data` takes it; what is no number becomes the lowest
            raw = max(target.lowest, values[k] * target.scale + target.offset)
            set_byte(target.address, place + k, np.rint(min(raw, target.highest)))
    else:
        for k in range(len(values)):
            set_float(target.address, place + k, values[k])


@inner
def turn_to_tiles(source: Any, at: int, first: int, end: int, to: Any, to_at: int,
                  apart: int) -> None:  # fmt: skip
    """The same for values first to end - 1, the first a multiple of LANES, as tiles (TILE_COLUMNS
    items, TILE_COLUMNS values), ``apart`` from one another."""
    for i in range(first, end, LANES):
        there = to_at + i // TILE_COLUMNS * apart + i % TILE_COLUMNS
        for j in range(0, TILE_COLUMNS, LANES):
            transpose(
                source, at + i * TILE_COLUMNS + j, TILE_COLUMNS,
                to, there + j * TILE_COLUMNS, TILE_COLUMNS,
            )  # fmt: skip


@inner
def _turn_from_tiles(source: Any, at: int, apart: int, values: int, to: Any, to_at: int) -> None:
    """The way back from :func:`turn_to_tiles`."""
    for i in range(0, values, LANES):
        here = at + i // TILE_COLUMNS * apart + i % TILE_COLUMNS
        for j in range(0, TILE_COLUMNS, LANES):
            transpose(
                source, here + j * TILE_COLUMNS, TILE_COLUMNS,
                to, to_at + i * TILE_COLUMNS + j, TILE_COLUMNS,
            )  # fmt: skip


@inner
def read_item(source: Source, number: int, width: int, to: Any, at: int, apart: int) -> None:
    """Network values of one item, TILE_COLUMNS of them ``apart`` from the next."""
    start = number * width
    for first in range(0, width, TILE_COLUMNS):
        size, place = min(TILE_COLUMNS, width - first), start + first
        there = at + first // TILE_COLUMNS * apart
        if size == TILE_COLUMNS and source.is_bytes:
            read_bytes(source.address, place, source.offset, source.factor, to, there)
        elif size == TILE_COLUMNS:
            read_floats(source.address, place, source.offset, source.factor, to, there)
        else:
            for j in range(size):
                if source.is_bytes:
                    value = np.float32(byte_at(source.address, place + j))
                else:
                    value = float_at(source.address, place + j)
                to[there + j] = (value - source.offset) * source.factor


@inner
def _ask_for_item(source: Source, number: int, width: int) -> None:
    """Ask for an item ahead of time: a random one is far away."""
    size = width if source.is_bytes else 4 * width
    start = source.address + number * size
    for offset in range(0, size, 64):
        prefetch(start + offset)


@inner
def read_panel(source: Source, order: Any, first: int, count: int, s: Stack, work: Any, at: int,
               thread: int) -> None:  # fmt: skip
    """Read items order[first : first + count], zeros after them, as (width, TILE_COLUMNS) from
    ``at``; by way of the thread's tiles."""
    width, apart = s.width[0], TILES_APART
    start = s.tiles_at + thread * -(-width // TILE_COLUMNS) * apart
    for i in range(TILE_COLUMNS):
        there = start + i * TILE_COLUMNS
        if i < count:
            if i + _ITEMS_AHEAD < count:
                _ask_for_item(source, order[first + i + _ITEMS_AHEAD], width)
            read_item(source, order[first + i], width, s.right, there, apart)
        else:
            for tile in range(-(-width // TILE_COLUMNS)):
                fill(s.right[there + tile * apart : there + tile * apart + TILE_COLUMNS],
                     np.float32(0))  # fmt: skip
    _turn_from_tiles(s.right, start, apart, width, work, at)


@inner
def filled(batch: Batch, number: int) -> int:
    """How many of a batch's items lie in panel ``number``."""
    return min(max(batch.size - number * TILE_COLUMNS, 0), TILE_COLUMNS)


@inner
def place_of_wanted(s: Stack, batch: Batch) -> int:
    """Where in a panel lies what its items should come out as: where they went in, unless they
    should come out otherwise. A second copy would drive the panels out of the cache."""
    same = batch.inputs.address == batch.wanted.address
    return s.value_at[0] if same else s.wanted_at


@inner
def read_batch_panel(s: Stack, batch: Batch, number: int, work: Any, base: int,
                     thread: int) -> None:  # fmt: skip
    """Read what a panel's items go in as, and what they should come out as where that differs."""
    inputs, wanted, order = batch.inputs, batch.wanted, batch.order
    first, count = batch.start + number * TILE_COLUMNS, filled(batch, number)
    wanted_at = place_of_wanted(s, batch)
    if wanted_at != s.value_at[0]:
        read_panel(wanted, order, first, count, s, work, base + wanted_at, thread)
    read_panel(inputs, order, first, count, s, work, base + s.value_at[0], thread)


@inner
def find_present(panel: Any, at: int, depth: int, present: Any) -> int:
    """Note in ``present`` which rows of a panel (depth, TILE_COLUMNS) are not zero in all of its
    items; gives how many, at least 1, or 0 where leaving the others out would not pay."""
    found = 0
    for i in range(depth):
        present[found] = i
        found += nonzero(panel, at + i * TILE_COLUMNS, TILE_COLUMNS) != 0
    for i in range(found, found + CHOSEN_AHEAD):
        present[i] = 0
    if found > depth - depth // 16:
        return 0
    return max(found, 1)


@inner
def gather(s: Stack, layer: int, place: int, image_at: int, work: Any) -> None:
    """Lay the window of a layer's place together, zeros for what lies outside the image."""
    count, size = s.taps_count[layer], s.taps_run[layer] * TILE_COLUMNS
    for tap in range(count):
        first = s.taps[s.taps_at[layer] + place * count + tap]
        at = s.window_at + tap * size
        if first < 0:
            fill(work[at : at + size], np.float32(0))
        else:
            here = image_at + first * TILE_COLUMNS
            copy(work[here : here + size], work[at : at + size])


@inner
def add_to_image(s: Stack, layer: int, place: int, image_at: int, work: Any) -> None:
    """The transpose of :func:`gather`: add the window to what the image holds."""
    count, size = s.taps_count[layer], s.taps_run[layer] * TILE_COLUMNS
    for tap in range(count):
        first = s.taps[s.taps_at[layer] + place * count + tap]
        if first >= 0:
            at, there = s.window_at + tap * size, image_at + first * TILE_COLUMNS
            source, target = work[at : at + size], work[there : there + size]
            for i in range(size):
                target[i] += source[i]
