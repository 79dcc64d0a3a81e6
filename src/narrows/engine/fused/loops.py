"""The loops over steps and over items: what Python calls, once for each thread."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from narrows.engine.fused.kernels import (
    Adam,
    Loss,
    Source,
    Stack,
    backward,
    copy,
    fetch_weights,
    forward,
    keep_for_gradient,
    output_deltas,
    panel_loss,
    prefetch_items,
    read_batch_panel,
    read_panel,
    turn,
    update_bias,
    update_weights,
)
from narrows.engine.fused.machine import barrier, flush_denormals, inlined
from narrows.engine.fused.registers import TILE_COLUMNS


@inlined
def _learn_from_panels(
    s: Stack, inputs: Source, wanted: Source, order: Any, start: int, count: int, first: int,
    panels: int, apart: int, loss: Loss, scale: np.float32, work: Any,
) -> None:  # fmt: skip
    """Take ``panels`` of a batch, numbered from ``first`` and ``apart``, forward and back.

    The batch is the ``count`` items of ``order`` from ``start`` on. It leaves their losses and both
    factors of every gradient.
    """
    layers = len(s.width)
    for i in range(panels):
        number = first + i * apart
        filled = min(max(count - number * TILE_COLUMNS, 0), TILE_COLUMNS)
        own = work[i * s.panel_size : (i + 1) * s.panel_size]
        at = start + number * TILE_COLUMNS
        read_batch_panel(inputs, wanted, order, at, filled, s, number, own)
    for layer in range(1, layers):
        forward(s, layer, panels, work)
    for i in range(panels):
        number = first + i * apart
        filled = min(max(count - number * TILE_COLUMNS, 0), TILE_COLUMNS)
        own = work[i * s.panel_size : (i + 1) * s.panel_size]
        s.panel_losses[number] = panel_loss(s, loss, filled, own)
        output_deltas(s, loss, filled, scale, own)
    for layer in range(layers - 1, 0, -1):
        for i in range(panels):
            own = work[i * s.panel_size : (i + 1) * s.panel_size]
            keep_for_gradient(s, layer, first + i * apart, own)
        if layer > 1:
            backward(s, layer, panels, work)


@inlined
def _train(
    s: Stack, inputs: Source, wanted: Source, order: Any, batch_size: int, loss: Loss, rates: Any,
    decays: Any, constants: Adam, threads: int, thread: int, losses: Any,
) -> np.float32:  # fmt: skip
    """Train on the items ``order`` (int64) names, a batch after the other, as one of ``threads``.

    ``rates``, ``decays`` (float32) and ``losses`` (float64, written) have one entry per step. The
    loss of a step is the sum over its items and values, taken before the step changes the weights.
    What is returned only keeps the compiler from dropping the fetches.
    """
    control = flush_denormals(0)
    width, work = s.width[0], s.work[thread]
    panels, at_a_time = s.slots // TILE_COLUMNS, len(work) // s.panel_size
    fetched = np.float32(0)
    for step in range(len(rates)):
        start = step * batch_size
        count = min(batch_size, len(order) - start)
        scale = np.float32(1.0 / (count * width))
        if threads > 1:
            fetched += fetch_weights(s.parameters)
        for panel in range(thread, panels, at_a_time * threads):
            group = min(at_a_time, -(-(panels - panel) // threads))
            _learn_from_panels(
                s, inputs, wanted, order, start, count, panel, group, threads, loss, scale, work
            )
        barrier(s.counter, threads)
        if thread == 0:
            for part in s.panel_losses:
                losses[step] += part
        ahead = start + batch_size + thread * TILE_COLUMNS
        prefetch_items(inputs, order, ahead, min(TILE_COLUMNS, len(order) - ahead), width)
        now = Adam(
            rates[step], decays[step], constants.keep_first, constants.keep_second,
            constants.epsilon,
        )  # fmt: skip
        for task in range(s.task_bounds[thread], s.task_bounds[thread + 1]):
            layer, first, last = s.tasks[task]
            if last > first:
                update_weights(s, now, layer, first, last, count, thread)
            else:
                update_bias(s, now, layer, count, thread)
        barrier(s.counter, threads)
    flush_denormals(control)
    return fetched


@inlined
def _run(
    s: Stack, source: Source, first: int, last: int, measure: bool, loss: Loss,
    threads: int, thread: int, losses: Any, outputs: Any, outputs_row: int,
) -> None:  # fmt: skip
    """Take items first to last - 1 through the stack, as one of ``threads``.

    With ``measure``, ``losses`` (float64) gets the loss of each panel; otherwise ``outputs``
    (float32, flat, rows of ``outputs_row``, both sides padded to whole tiles) gets what the last
    layer gives.
    """
    control = flush_denormals(0)
    layers, width, work = len(s.width), s.width[0], s.work[thread]
    at_a_time = len(work) // s.panel_size
    row = s.right_row[0]
    rows_at = s.right_at[0] + thread * TILE_COLUMNS * row
    order = np.empty(TILE_COLUMNS, np.int64)
    together = at_a_time * TILE_COLUMNS
    for group in range(first + thread * together, last, threads * together):
        panels = min(at_a_time, -(-(last - group) // TILE_COLUMNS))
        for panel in range(panels):
            start, base = group + panel * TILE_COLUMNS, panel * s.panel_size
            count = min(TILE_COLUMNS, last - start)
            for i in range(count):
                order[i] = start + i
            at = base + s.value_at[0]
            read_panel(source, order, 0, count, width, s.right, rows_at, row, work, at)
        for layer in range(1, layers):
            forward(s, layer, panels, work)
        for panel in range(panels):
            start, base = group + panel * TILE_COLUMNS, panel * s.panel_size
            if measure:
                own = work[base : base + s.panel_size]
                at, size = s.value_at[0], width * TILE_COLUMNS
                copy(own[at : at + size], own[s.wanted_at : s.wanted_at + size])
                count = min(TILE_COLUMNS, last - start)
                losses[(start - first) // TILE_COLUMNS] = panel_loss(s, loss, count, own)
            else:
                turn(
                    work, base + s.value_at[layers - 1], TILE_COLUMNS, s.width[layers - 1],
                    TILE_COLUMNS, outputs, (start - first) * outputs_row, outputs_row,
                )  # fmt: skip
    flush_denormals(control)


def _entry_points(sources: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compiled ``train`` and ``run``, kept on disk from one process to the next.

    Numba looks at the date of this file alone to see whether what it kept is stale. What a function
    captures is part of its key too: that is what ``sources`` is for.
    """

    def train(
        s: Stack, inputs: Source, wanted: Source, order: Any, batch_size: int, loss: Loss,
        rates: Any, decays: Any, constants: Adam, threads: int, thread: int, losses: Any,
    ) -> np.float32:  # fmt: skip
        fetched = _train(
            s, inputs, wanted, order, batch_size, loss, rates, decays, constants, threads, thread,
            losses,
        )  # fmt: skip
        return fetched if sources else np.float32(0)

    def run(
        s: Stack, source: Source, first: int, last: int, measure: bool, loss: Loss,
        threads: int, thread: int, losses: Any, outputs: Any, outputs_row: int,
    ) -> None:  # fmt: skip
        if sources:
            _run(
                s, source, first, last, measure, loss, threads, thread, losses, outputs,
                outputs_row,
            )  # fmt: skip

    return _compiled(train), _compiled(run)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` compiled at its first call, without Python's lock while it runs."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # nowhere to write to: a read-only installation, and no home
        return njit(nogil=True)(function)


def _checksum_of_sources() -> int:
    """A number above 0 that changes with any file of this package."""
    checksum = 0
    for path in sorted(Path(__file__).parent.glob("*.py")):
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return checksum | 1


train, run = _entry_points(_checksum_of_sources())
