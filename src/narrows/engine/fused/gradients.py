"""From what a batch leaves behind to new weights: gradients, summed in registers, and Adam."""

from typing import Any

import numpy as np

from narrows.engine.fused.machine import inner
from narrows.engine.fused.moving import fill, gather, turn_to_tiles
from narrows.engine.fused.registers import (
    FLOATS_PER_LINE,
    LANES,
    NO_FLOOR,
    TILE_COLUMNS,
    adam,
    prefetch_to_write,
    tile,
)
from narrows.engine.fused.rows import copy_row, sum_of_row
from narrows.engine.fused.sharing import Worker, share_of
from narrows.engine.fused.structure import WINDOWS_ABOVE, WINDOWS_BELOW, Adam, Stack
from narrows.engine.fused.zeros import BLOCK_TILES, add_nonzero, count_bits, nonzero

_BLOCK = BLOCK_TILES * TILE_COLUMNS
# Up to how many of a tile's left factors may be other than zero for the rest to be left out.
_SPARSE = 0.6


@inner
def keep_for_gradient(s: Stack, layer: int, number: int, work: Any, base: int,
                      worker: Worker) -> None:  # fmt: skip
    """Lay out the worker's share of both factors of a layer's gradient for panel ``number``: the
    left as (rows, slots), the right turned. And sum the deltas of each bias."""
    above, below = base + s.delta_at[layer], base + s.value_at[layer - 1]
    _sum_deltas(s, layer, number, work, above, worker)
    outputs, inputs = s.outputs[layer] * TILE_COLUMNS, s.inputs[layer] * TILE_COLUMNS
    for place in range(s.places[layer]):
        deltas, values = above + place * outputs, below + place * inputs
        if s.windows[layer] == WINDOWS_ABOVE:
            gather(s, layer, place, above, work)
            deltas = s.window_at
        elif s.windows[layer] == WINDOWS_BELOW:
            gather(s, layer, place, below, work)
            values = s.window_at
        _keep_factors(s, layer, number * s.places[layer] + place, work, deltas, values, worker)


@inner
def _keep_factors(s: Stack, layer: int, column: int, work: Any, deltas: int, values: int,
                  worker: Worker) -> None:  # fmt: skip
    """Those of one place: TILE_COLUMNS slots, the ``column``-th of them."""
    slots = s.slots * s.places[layer]
    left, right, rows, columns = values, deltas, s.inputs[layer], s.outputs[layer]
    if s.flipped[layer]:
        left, right, rows, columns = right, left, columns, rows
    to = s.left_at[layer] + column * TILE_COLUMNS
    first, end = share_of(rows, 1, worker.part, worker.parts)
    for j in range(first, end):
        copy_row(work, left + j * TILE_COLUMNS, s.left, to + j * slots)
    to = s.right_at[layer] + column * TILE_COLUMNS * TILE_COLUMNS
    first, end = share_of(columns, LANES, worker.part, worker.parts)
    turn_to_tiles(work, right, first, end, s.right, to, slots * TILE_COLUMNS)


@inner
def _sum_deltas(s: Stack, layer: int, number: int, work: Any, at: int,
                worker: Worker) -> None:  # fmt: skip
    """The sum of a panel's deltas over its items and, in an image, its places."""
    size = s.bias_size[layer]
    sums = s.bias_sums[number, s.sums_at[layer] : s.sums_at[layer] + size]
    first, end = share_of(size, 1, worker.part, worker.parts)
    fill(sums[first:end], np.float32(0))
    for place in range(0, s.width[layer], size):
        for j in range(first, end):
            here = at + (place + j) * TILE_COLUMNS
            sums[j] += sum_of_row(work, here)


@inner
def _adam_on(
    parameters: Any, first_moment: Any, second_moment: Any, at: int, row: int, moments_at: int,
    rows: int, size: int, gradient: Any, gradient_row: int, adam_: Adam, decay: np.float32,
) -> None:  # fmt: skip
    """Adam on ``rows`` of ``size`` parameters from ``at`` on, which are padded to whole vectors."""
    for j in range(0, size, LANES):
        for i in range(rows):
            adam(
                gradient, i * gradient_row + j, parameters, first_moment, second_moment,
                at + i * row + j, moments_at + j * rows + i * LANES, adam_.rate, adam_.keep_first,
                adam_.keep_second, adam_.epsilon, decay,
            )  # fmt: skip


@inner
def _fetch(parameters: Any, at: int, row: int, rows: int, size: int) -> None:
    """Ask for ``rows`` of ``size`` weights, a tile ahead: they come from far, in an order that the
    processor does not foresee, as it does the moments'."""
    for i in range(rows):
        for j in range(at + i * row, at + i * row + size, FLOATS_PER_LINE):
            prefetch_to_write(parameters, j)


@inner
def update(s: Stack, adam_: Adam, task: Any, count: int, thread: int) -> None:
    """Do one task, of a step over ``count`` items: a piece of a weight matrix, or a bias."""
    if task[2] > task[1]:
        _update_weights(s, adam_, task, count, thread)
    else:
        _update_bias(s, adam_, task, count, thread)


@inner
def _update_weights(s: Stack, adam_: Adam, task: Any, count: int, thread: int) -> None:
    """Sum the gradient of a piece of a weight matrix over the batch's ``count`` items, and apply
    it, a block of columns at a time."""
    layer, first, last, columns, moments_at = task
    places, row, rows = s.places[layer], s.weight_row[layer], last - first
    gradient, slots = s.gradient[thread], s.slots * places
    # where there are several places, every panel's slots follow those of the one before
    depth = count if places == 1 else -(-count // TILE_COLUMNS) * TILE_COLUMNS * places
    left_at = s.left_at[layer] + first * slots
    sparse = places == 1 and _find_nonzero(s, left_at, rows, count, thread)
    start = s.weight_at[layer] + first * row
    _fetch(s.parameters, start, row, rows, min(columns, _BLOCK))
    for j in range(0, columns, _BLOCK):
        ahead = max(min(columns - j - _BLOCK, _BLOCK), 0)
        right_at = s.right_at[layer] + j * slots
        tiles = min(BLOCK_TILES, -(-(columns - j) // TILE_COLUMNS))
        if sparse:
            for i in range(rows):
                _fetch(s.parameters, start + i * row + j + _BLOCK, row, 1, ahead)
                _sum_nonzero(s, left_at + i * slots, i, right_at, tiles, count, thread)
        else:
            _fetch(s.parameters, start + j + _BLOCK, row, rows, ahead)
            for each in range(tiles):
                tile(
                    rows, s.left, left_at, slots, 1,
                    s.right, right_at + each * slots * TILE_COLUMNS, TILE_COLUMNS,
                    gradient, each * TILE_COLUMNS, _BLOCK, depth,
                    s.no_starts, 0, NO_FLOOR, s.present[thread, 0, :0],
                )  # fmt: skip
        _adam_on(
            s.parameters, s.first_moment, s.second_moment, start + j, row,
            moments_at + j * rows, rows, min(_BLOCK, columns - j), gradient, _BLOCK,
            adam_, adam_.decay,
        )  # fmt: skip


@inner
def _find_nonzero(s: Stack, left_at: int, rows: int, count: int, thread: int) -> bool:
    """Note where a tile's left factor is not zero; whether leaving out the rest pays."""
    words, found = -(-count // 64), 0
    for i in range(rows):
        for word in range(words):
            at = left_at + i * s.slots + word * 64
            bits = nonzero(s.left, at, min(count - word * 64, 64))
            s.nonzero[thread, i * words + word] = bits
            found += count_bits(bits)
    return found < _SPARSE * rows * count


@inner
def _sum_nonzero(s: Stack, left_at: int, row: int, right_at: int, tiles: int, count: int,
                 thread: int) -> None:  # fmt: skip
    """A block of one of a tile's rows of the gradient, without what is zero of the left factor."""
    gradient, words = s.gradient[thread], -(-count // 64)
    at, anew = row * _BLOCK, True
    for word in range(words):
        bits = s.nonzero[thread, row * words + word]
        if bits:
            add_nonzero(
                bits, s.left, left_at + word * 64,
                tiles, s.right, right_at + word * 64 * TILE_COLUMNS, s.slots * TILE_COLUMNS,
                gradient, at, anew,
            )  # fmt: skip
            anew = False
    if anew:
        fill(gradient[at : at + tiles * TILE_COLUMNS], np.float32(0))


@inner
def _update_bias(s: Stack, adam_: Adam, task: Any, count: int, thread: int) -> None:
    """The bias's gradient is the sum of the layer's deltas over the batch."""
    layer, moments_at = task[0], task[4]
    size = s.bias_size[layer]
    gradient = s.gradient[thread][: -(-size // LANES) * LANES]
    fill(gradient, np.float32(0))
    for number in range(-(-count // TILE_COLUMNS)):
        sums = s.bias_sums[number, s.sums_at[layer] : s.sums_at[layer] + size]
        for j in range(size):
            gradient[j] += sums[j]
    _adam_on(
        s.parameters, s.first_moment, s.second_moment, s.bias_at[layer], 0, moments_at, 1,
        size, gradient, 0, adam_, np.float32(0),
    )  # fmt: skip
