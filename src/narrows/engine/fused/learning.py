"""From what a batch leaves behind to new weights: gradients, summed in registers, and Adam."""

from typing import Any

import numpy as np

from narrows.engine.fused.machine import inlined, inner
from narrows.engine.fused.moving import copy, fill, gather, turn_to_tiles
from narrows.engine.fused.registers import (
    FLOATS_PER_LINE,
    LANES,
    NO_FLOOR,
    TILE_COLUMNS,
    adam,
    prefetch_to_write,
    spread,
    tile,
)
from narrows.engine.fused.structure import (
    WINDOWS_ABOVE,
    WINDOWS_BELOW,
    Adam,
    Stack,
)


@inner
def keep_for_gradient(s: Stack, layer: int, number: int, work: Any, base: int) -> None:
    """Lay out both factors of a layer's gradient for panel ``number``: the left as (rows, slots),
    the right turned. And sum the deltas of each bias."""
    above, below = base + s.delta_at[layer], base + s.value_at[layer - 1]
    _sum_deltas(s, layer, number, work, above)
    outputs, inputs = s.outputs[layer] * TILE_COLUMNS, s.inputs[layer] * TILE_COLUMNS
    for place in range(s.places[layer]):
        deltas, values = above + place * outputs, below + place * inputs
        if s.windows[layer] == WINDOWS_ABOVE:
            gather(s, layer, place, above, work)
            deltas = s.window_at
        elif s.windows[layer] == WINDOWS_BELOW:
            gather(s, layer, place, below, work)
            values = s.window_at
        _keep_factors(s, layer, number * s.places[layer] + place, work, deltas, values)


@inlined
def _keep_factors(s: Stack, layer: int, column: int, work: Any, deltas: int, values: int) -> None:
    """Those of one place: TILE_COLUMNS slots, the ``column``-th of them."""
    slots = s.slots * s.places[layer]
    left, right = (deltas, values) if s.flipped[layer] else (values, deltas)
    to = s.left_at[layer] + column * TILE_COLUMNS
    for j in range(min(s.inputs[layer], s.outputs[layer])):
        here, there = left + j * TILE_COLUMNS, to + j * slots
        copy(work[here : here + TILE_COLUMNS], s.left[there : there + TILE_COLUMNS])
    if s.right_at[layer] != s.right_at[layer - 1]:  # or the items were read the right way around
        to = s.right_at[layer] + column * TILE_COLUMNS * TILE_COLUMNS
        columns = max(s.inputs[layer], s.outputs[layer])
        turn_to_tiles(work, right, columns, s.right, to, slots * TILE_COLUMNS)


@inner(fastmath={"reassoc", "contract"})
def _sum(values: Any) -> np.float32:
    total = np.float32(0)
    for value in values:
        total += value
    return total


@inlined
def _sum_deltas(s: Stack, layer: int, number: int, work: Any, at: int) -> None:
    """The sum of a panel's deltas over its items and, in an image, its places."""
    size = s.bias_size[layer]
    sums = s.bias_sums[number, s.sums_at[layer] : s.sums_at[layer] + size]
    fill(sums, np.float32(0))
    for first in range(0, s.width[layer], size):
        for j in range(size):
            here = at + (first + j) * TILE_COLUMNS
            sums[j] += _sum(work[here : here + TILE_COLUMNS])


@inlined
def _update(
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


@inlined
def _fetch(parameters: Any, at: int, row: int, rows: int, size: int) -> None:
    """Ask for ``rows`` of ``size`` weights, a tile ahead: they come from far, in an order that the
    processor does not foresee, as it does the moments'."""
    for i in range(rows):
        for j in range(at + i * row, at + i * row + size, FLOATS_PER_LINE):
            prefetch_to_write(parameters, j)


@inner
def update_weights(s: Stack, adam_: Adam, layer: int, first: int, last: int, count: int,
                    thread: int) -> None:  # fmt: skip
    """Sum the gradient of rows first to last - 1 of a weight matrix over the batch's ``count``
    items, and apply it, a tile at a time."""
    places, row, rows = s.places[layer], s.weight_row[layer], last - first
    gradient, slots = s.gradient[thread], s.slots * places
    # where there are several places, every panel's slots follow those of the one before
    depth = count if places == 1 else -(-count // TILE_COLUMNS) * TILE_COLUMNS * places
    for j in range(0, row, TILE_COLUMNS):
        start = s.weight_at[layer] + first * row
        at, moments_at = start + j, start + j * rows
        if j == 0:
            _fetch(s.parameters, at, row, rows, TILE_COLUMNS)
        _fetch(
            s.parameters, at + TILE_COLUMNS, row, rows, min(row - j - TILE_COLUMNS, TILE_COLUMNS)
        )
        tile(
            rows, s.left, s.left_at[layer] + first * slots, slots, 1,
            s.right, s.right_at[layer] + j * slots, TILE_COLUMNS, gradient, 0, TILE_COLUMNS, depth,
            s.no_starts, 0, NO_FLOOR,
        )  # fmt: skip
        _update(
            s.parameters, s.first_moment, s.second_moment, at, row, moments_at, rows,
            min(TILE_COLUMNS, row - j), gradient, TILE_COLUMNS, adam_, adam_.decay,
        )  # fmt: skip


@inner
def update_first_weights(s: Stack, adam_: Adam, first: int, last: int, count: int,
                         thread: int) -> None:  # fmt: skip
    """The same for the first layer where it skips inputs: their gradient is zero.

    Tiles are of inputs that are present, the vectors that Adam updates of all of them: each as soon
    as the tiles reach beyond it.
    """
    row, rows, vectors = s.weight_row[1], last - first, len(s.present_in[thread])
    before, bits, gradient = s.present_before[thread], s.present_in[thread], s.gradient[thread]
    longest = -(-s.inputs[1] // TILE_COLUMNS) * TILE_COLUMNS
    spare = rows * longest
    vector = ready = 0
    while vector < vectors:
        ready_then, end = ready + TILE_COLUMNS, vector
        while end < vectors and before[end + 1] <= ready_then:
            end += 1
        at = s.weight_at[1] + first * row
        if vector == 0:
            _fetch(s.parameters, at, row, rows, end * LANES)
        # the next tile's vectors are at least two
        _fetch(s.parameters, at + end * LANES, row, rows, min(vectors - end, 3) * LANES)
        tile(
            rows, s.left, s.left_at[1] + first * s.slots, s.slots, 1,
            s.right, s.right_at[1] + ready * s.slots, TILE_COLUMNS, gradient, ready, longest, count,
            s.no_starts, 0, NO_FLOOR,
        )  # fmt: skip
        for each in range(vector, end):
            for i in range(rows):
                spread(gradient, i * longest + before[each], bits[each], gradient, spare)
                adam(
                    gradient, spare, s.parameters, s.first_moment, s.second_moment,
                    at + i * row + each * LANES, at + (each * rows + i) * LANES, adam_.rate,
                    adam_.keep_first, adam_.keep_second, adam_.epsilon, adam_.decay,
                )  # fmt: skip
        vector, ready = end, ready_then


@inner
def update_bias(s: Stack, adam_: Adam, layer: int, count: int, thread: int) -> None:
    """The bias's gradient is the sum of the layer's deltas over the batch."""
    size = s.bias_size[layer]
    gradient = s.gradient[thread][: -(-size // LANES) * LANES]
    fill(gradient, np.float32(0))
    for number in range(-(-count // TILE_COLUMNS)):
        sums = s.bias_sums[number, s.sums_at[layer] : s.sums_at[layer] + size]
        for j in range(size):
            gradient[j] += sums[j]
    _update(
        s.parameters, s.first_moment, s.second_moment, s.bias_at[layer], 0, s.bias_at[layer], 1,
        size, gradient, 0, adam_, np.float32(0),
    )  # fmt: skip
