"""The matrix products of a stack of layers, forward and back, for panels of items."""

from typing import Any

import numpy as np

from narrows.engine.fused.activating import activate, rectify, through_activation
from narrows.engine.fused.machine import inner
from narrows.engine.fused.moving import add_to_image, fill, find_present, gather
from narrows.engine.fused.registers import NO_FLOOR, TILE_COLUMNS, TILE_ROWS, tile
from narrows.engine.fused.sharing import Worker, share_of
from narrows.engine.fused.structure import (
    GAUSSIAN,
    NO_WINDOWS,
    RELU,
    WINDOWS_ABOVE,
    WINDOWS_BELOW,
    Stack,
)


@inner
def _panel_products(
    s: Stack, panels: int, rows: int, a: Any, a_at: int, a_row: int, a_step: int, work: Any,
    b_at: int, c_at: int, depth: int, starts: Any, starts_at: int, floor: np.float32,
    worker: Worker,
) -> None:  # fmt: skip
    """Panels of items through one matrix: c (rows, items) = a (rows, depth) b (depth, items), of
    which the worker computes its share of the rows.

    ``starts``, a value a row, is added, and the result limited to ``floor`` below. A tile's rows of
    the matrix meet every panel before the next rows are fetched: they may come from far, the panels
    lie in the cache. Rows of b that are zero in a whole panel are left out.
    """
    counts = s.present_count[worker.thread]
    for panel in range(panels):
        present = s.present[worker.thread, panel]
        counts[panel] = find_present(work, panel * s.panel_size + b_at, depth, present)
    start, end = share_of(rows, 1, worker)
    tiles = -(-(end - start) // TILE_ROWS)
    for each in range(tiles):
        first = start + (end - start) * each // tiles
        last = start + (end - start) * (each + 1) // tiles
        for panel in range(panels):
            base, found = panel * s.panel_size, counts[panel]
            tile(
                last - first, a, a_at + first * a_row, a_row, a_step,
                work, base + b_at, TILE_COLUMNS,
                work, base + c_at + first * TILE_COLUMNS, TILE_COLUMNS, found or depth,
                starts, starts_at + first, floor, s.present[worker.thread, panel, :found],
            )  # fmt: skip


@inner
def _up(s: Stack, layer: int, panels: int, work: Any, from_: int, to: int, biased: bool,
        floor: np.float32, worker: Worker) -> None:  # fmt: skip
    """The layer's matrix takes inputs at ``from_`` to outputs at ``to``."""
    row = s.weight_row[layer]
    row, step = (row, 1) if s.flipped[layer] else (1, row)
    starts = s.parameters if biased else s.no_starts
    starts_at = s.bias_at[layer] if biased else s.bias_at[0]
    _panel_products(
        s, panels, s.outputs[layer], s.parameters, s.weight_at[layer], row, step, work, from_, to,
        s.inputs[layer], starts, starts_at, floor, worker,
    )  # fmt: skip


@inner
def _down(s: Stack, layer: int, panels: int, work: Any, from_: int, to: int,
          worker: Worker) -> None:  # fmt: skip
    """Its transpose takes the outputs' deltas at ``from_`` to the inputs' at ``to``."""
    row = s.weight_row[layer]
    row, step = (1, row) if s.flipped[layer] else (row, 1)
    _panel_products(
        s, panels, s.inputs[layer], s.parameters, s.weight_at[layer], row, step, work, from_, to,
        s.outputs[layer], s.no_starts, s.bias_at[0], NO_FLOOR, worker,
    )  # fmt: skip


@inner
def forward(s: Stack, layer: int, panels: int, work: Any, worker: Worker) -> None:
    """The worker's share of values[layer] = activation(weights values[layer - 1] + bias), for the
    first ``panels``."""
    kind = s.activation[layer]
    floor = np.float32(0) if kind == RELU else NO_FLOOR
    one = min(panels, 1)  # a literal would have the products compiled anew for it
    below, above = s.value_at[layer - 1], s.value_at[layer]
    if s.windows[layer] == NO_WINDOWS:
        _up(s, layer, panels, work, below, above, True, floor, worker)
    first, end = share_of(s.width[layer], 1, worker)
    size = (end - first) * TILE_COLUMNS
    for panel in range(panels):
        base = panel * s.panel_size
        if s.windows[layer] == WINDOWS_BELOW:
            step = s.outputs[layer] * TILE_COLUMNS
            for place in range(s.places[layer]):
                gather(s, layer, place, base + below, work)
                to = base + above + place * step
                _up(s, layer, one, work, s.window_at, to, True, floor, worker)
        elif s.windows[layer] == WINDOWS_ABOVE:
            _lay_windows_above(s, layer, one, work, base + below, base + above, floor, worker)
        own = base + first * TILE_COLUMNS
        at, slope_at = own + above, own + s.slope_at[layer]
        if kind != GAUSSIAN:
            activate(kind, work[at : at + size], work[slope_at : slope_at + size])


@inner
def _lay_windows_above(s: Stack, layer: int, one: int, work: Any, from_: int, to: int,
                       floor: np.float32, worker: Worker) -> None:  # fmt: skip
    """An image of biases, and on it what every place below makes of its values."""
    channels, step = s.bias_size[layer], s.inputs[layer] * TILE_COLUMNS
    for i in range(s.width[layer]):
        at = to + i * TILE_COLUMNS
        fill(work[at : at + TILE_COLUMNS], s.parameters[s.bias_at[layer] + i % channels])
    for place in range(s.places[layer]):
        from_place = from_ + place * step
        _up(s, layer, one, work, from_place, s.window_at, False, NO_FLOOR, worker)
        add_to_image(s, layer, place, to, work)
    if floor == 0:
        rectify(work[to : to + s.width[layer] * TILE_COLUMNS])


@inner
def backward(s: Stack, layer: int, panels: int, work: Any, worker: Worker) -> None:
    """From deltas[layer] to the worker's share of deltas[layer - 1], for the first ``panels``."""
    one = min(panels, 1)
    above, below = s.delta_at[layer], s.delta_at[layer - 1]
    if s.windows[layer] == NO_WINDOWS:
        _down(s, layer, panels, work, above, below, worker)
    first, end = share_of(s.width[layer - 1], 1, worker)
    size = (end - first) * TILE_COLUMNS
    kind = s.activation[layer - 1]
    for panel in range(panels):
        base = panel * s.panel_size
        own = base + first * TILE_COLUMNS
        at, value_at = own + below, own + s.value_at[layer - 1]
        slope_at = own + s.slope_at[layer - 1]
        if s.windows[layer] == WINDOWS_BELOW:
            fill(work[at : at + size], np.float32(0))
            step = s.outputs[layer] * TILE_COLUMNS
            for place in range(s.places[layer]):
                _down(s, layer, one, work, base + above + place * step, s.window_at, worker)
                add_to_image(s, layer, place, at, work)
        elif s.windows[layer] == WINDOWS_ABOVE:
            step = s.inputs[layer] * TILE_COLUMNS
            for place in range(s.places[layer]):
                gather(s, layer, place, base + above, work)
                _down(s, layer, one, work, s.window_at, at + place * step, worker)
        if kind != GAUSSIAN:
            through_activation(
                kind, work[value_at : value_at + size], work[slope_at : slope_at + size],
                work[at : at + size],
            )  # fmt: skip
