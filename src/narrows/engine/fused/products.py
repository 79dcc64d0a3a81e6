"""The matrix products of a stack of layers, forward and back, for panels of items."""

from typing import Any

import numpy as np

from narrows.engine.fused.activating import activate, rectify, through_activation
from narrows.engine.fused.machine import inner
from narrows.engine.fused.moving import add_to_image, fill, find_present, gather
from narrows.engine.fused.registers import NO_FLOOR, TILE_COLUMNS, TILE_ROWS, tile
from narrows.engine.fused.sharing import Worker, next_piece, share_of
from narrows.engine.fused.structure import (
    LINEAR,
    NO_WINDOWS,
    RELU,
    WINDOWS_BELOW,
    Stack,
)

# What follows of the values of a product: an activation, or on the way back its derivative.
_BACK = 16


@inner
def _panel_products(
    s: Stack, panels: int, rows: int, a: Any, a_at: int, a_row: int, a_step: int, work: Any,
    b_at: int, c_at: int, depth: int, starts: Any, starts_at: int, floor: np.float32,
    finish: int, values_at: int, slopes_at: int, worker: Worker,
) -> None:  # fmt: skip
    """Panels of items through one matrix: c (rows, items) = a (rows, depth) b (depth, items), of
    which the worker computes its share of the rows, and of others' what they have not begun.

    ``starts``, a value a row, is added, and the result limited to ``floor`` below. A tile's rows of
    the matrix meet every panel before the next rows are fetched: they may come from far, the panels
    lie in the cache. Rows of b that are zero in a whole panel are left out. For ``finish`` and what
    comes after it see :func:`_finish`.
    """
    counts = s.present_count[worker.thread]
    for panel in range(panels):
        present = s.present[worker.thread, panel]
        counts[panel] = find_present(work, panel * s.panel_size + b_at, depth, present)
    for shift in range(worker.parts):
        owner = (worker.part + shift) % worker.parts
        start, end = share_of(rows, 1, owner, worker.parts)
        tiles = -(-(end - start) // TILE_ROWS)
        each = next_piece(s, worker, owner, tiles, -1)
        while each >= 0:
            first = start + (end - start) * each // tiles
            last = start + (end - start) * (each + 1) // tiles
            for panel in range(panels):
                base, found = panel * s.panel_size, counts[panel]
                own = base + first * TILE_COLUMNS
                tile(
                    last - first, a, a_at + first * a_row, a_row, a_step,
                    work, base + b_at, TILE_COLUMNS,
                    work, own + c_at, TILE_COLUMNS, found or depth,
                    starts, starts_at + first, floor, s.present[worker.thread, panel, :found],
                )  # fmt: skip
                size = (last - first) * TILE_COLUMNS
                _finish(finish, work, own + c_at, own + values_at, own + slopes_at, size)
            each = next_piece(s, worker, owner, tiles, each)


@inner
def _finish(finish: int, work: Any, at: int, values_at: int, slopes_at: int, size: int) -> None:
    """What follows of ``size`` values from ``at`` on: their activation, or _BACK + the one whose
    derivative they are multiplied by, which gave the values at ``values_at``."""
    own, slopes = work[at : at + size], work[slopes_at : slopes_at + size]
    if finish >= _BACK:
        through_activation(finish - _BACK, work[values_at : values_at + size], slopes, own)
    else:
        activate(finish, own, slopes)


@inner
def _up(s: Stack, layer: int, panels: int, work: Any, from_: int, to: int, biased: bool,
        floor: np.float32, finish: int, worker: Worker) -> None:  # fmt: skip
    """The layer's matrix takes inputs at ``from_`` to outputs at ``to``."""
    row = s.weight_row[layer]
    row, step = (row, 1) if s.flipped[layer] else (1, row)
    starts = s.parameters if biased else s.no_starts
    starts_at = s.bias_at[layer] if biased else s.bias_at[0]
    _panel_products(
        s, panels, s.outputs[layer], s.parameters, s.weight_at[layer], row, step, work, from_, to,
        s.inputs[layer], starts, starts_at, floor, finish, to, s.slope_at[layer], worker,
    )  # fmt: skip


@inner
def _down(s: Stack, layer: int, panels: int, work: Any, from_: int, to: int, finish: int,
          worker: Worker) -> None:  # fmt: skip
    """Its transpose takes the outputs' deltas at ``from_`` to the inputs' at ``to``."""
    row = s.weight_row[layer]
    row, step = (1, row) if s.flipped[layer] else (row, 1)
    _panel_products(
        s, panels, s.inputs[layer], s.parameters, s.weight_at[layer], row, step, work, from_, to,
        s.outputs[layer], s.no_starts, s.bias_at[0], NO_FLOOR,
        finish, s.value_at[layer - 1], s.slope_at[layer - 1], worker,
    )  # fmt: skip


@inner
def _activation(s: Stack, layer: int) -> int:
    """A layer's activation, where it is one of values: codes are drawn elsewhere."""
    return LINEAR if layer == s.drawing else s.activation[layer]


@inner
def forward(s: Stack, layer: int, panels: int, work: Any, worker: Worker) -> None:
    """The worker's share of values[layer] = activation(weights values[layer - 1] + bias), for the
    first ``panels``."""
    kind = _activation(s, layer)
    floor = np.float32(0) if kind == RELU else NO_FLOOR
    below, above = s.value_at[layer - 1], s.value_at[layer]
    if s.windows[layer] == NO_WINDOWS:
        _up(s, layer, panels, work, below, above, True, floor, kind, worker)
        return
    for panel in range(panels):
        base = panel * s.panel_size
        if s.windows[layer] == WINDOWS_BELOW:
            step = s.outputs[layer] * TILE_COLUMNS
            for place in range(s.places[layer]):
                gather(s, layer, place, base + below, work)
                to = base + above + place * step
                _up(s, layer, 1, work, s.window_at, to, True, floor, LINEAR, worker)
        else:
            _lay_windows_above(s, layer, work, base + below, base + above, floor, worker)
        at, slope_at = base + above, base + s.slope_at[layer]
        _finish(kind, work, at, at, slope_at, s.width[layer] * TILE_COLUMNS)


@inner
def _lay_windows_above(s: Stack, layer: int, work: Any, from_: int, to: int,
                       floor: np.float32, worker: Worker) -> None:  # fmt: skip
    """An image of biases, and on it what every place below makes of its values."""
    channels, step = s.bias_size[layer], s.inputs[layer] * TILE_COLUMNS
    for i in range(s.width[layer]):
        at = to + i * TILE_COLUMNS
        fill(work[at : at + TILE_COLUMNS], s.parameters[s.bias_at[layer] + i % channels])
    for place in range(s.places[layer]):
        from_place = from_ + place * step
        _up(s, layer, 1, work, from_place, s.window_at, False, NO_FLOOR, LINEAR, worker)
        add_to_image(s, layer, place, to, work)
    if floor == 0:
        rectify(work[to : to + s.width[layer] * TILE_COLUMNS])


@inner
def backward(s: Stack, layer: int, panels: int, work: Any, worker: Worker) -> None:
    """From deltas[layer] to the worker's share of deltas[layer - 1], for the first ``panels``."""
    above, below = s.delta_at[layer], s.delta_at[layer - 1]
    finish = _BACK + _activation(s, layer - 1)
    if s.windows[layer] == NO_WINDOWS:
        _down(s, layer, panels, work, above, below, finish, worker)
        return
    size = s.width[layer - 1] * TILE_COLUMNS
    for panel in range(panels):
        base = panel * s.panel_size
        at = base + below
        if s.windows[layer] == WINDOWS_BELOW:
            fill(work[at : at + size], np.float32(0))
            step = s.outputs[layer] * TILE_COLUMNS
            for place in range(s.places[layer]):
                there = base + above + place * step
                _down(s, layer, 1, work, there, s.window_at, LINEAR, worker)
                add_to_image(s, layer, place, at, work)
        else:
            step = s.inputs[layer] * TILE_COLUMNS
            for place in range(s.places[layer]):
                gather(s, layer, place, base + above, work)
                _down(s, layer, 1, work, s.window_at, at + place * step, LINEAR, worker)
        values_at, slopes_at = base + s.value_at[layer - 1], base + s.slope_at[layer - 1]
        _finish(finish, work, at, values_at, slopes_at, size)
