"""The loops over steps and over items: what Python calls, once for each thread.

A step over one batch has two phases with a barrier after each:

1. *Items.* Each thread takes panels of TILE_COLUMNS items through the whole stack and back: it
   reads them, computes every activation, the loss and every delta (the loss's derivative by a
   layer's input sum). Items do not depend on one another, so no thread waits; but where codes are
   drawn, what the loss weighs against their divergence depends on the whole batch's loss, and
   threads wait for that halfway.
2. *Weights.* Each thread owns a share of the rows of every weight matrix. It sums their gradient
   over the batch in registers and updates them and Adam's moments at once: the gradient as a whole
   is never written to memory, and the moments never leave the core that owns them.

Much of what is multiplied is zero: the rim of an image, the categories of a table that others
have, the deltas below a ReLU that gave 0. What is zero in all items of a panel is left out of its
products, and from a gradient every single value of the left factor that is.

No sum depends on which thread does what, so the result is the same bytes for any number of them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from narrows.compiling import checksum_of, compiled
from narrows.engine.evidence import SMALLEST_VARIANCE
from narrows.engine.fused.activating import draw_codes, through_drawing
from narrows.engine.fused.learning import (
    keep_for_gradient,
    update_bias,
    update_weights,
)
from narrows.engine.fused.losses import output_deltas, panel_loss
from narrows.engine.fused.machine import barrier, flush_denormals, inlined
from narrows.engine.fused.moving import (
    copy,
    prefetch_items,
    read_batch_panel,
    read_panel,
    turn_to_rows,
)
from narrows.engine.fused.products import backward, forward
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.structure import SQUARED, Adam, Loss, Source, Stack


@inlined
def _filled(count: int, number: int) -> int:
    """How many of a batch's ``count`` items lie in panel ``number``."""
    return min(max(count - number * TILE_COLUMNS, 0), TILE_COLUMNS)


@inlined
def _take_forward(
    s: Stack, inputs: Source, wanted: Source, order: Any, start: int, count: int, first: int,
    panels: int, apart: int, loss: Loss, noise: Any, thread: int,
) -> None:  # fmt: skip
    """Take ``panels`` of a batch, numbered from ``first`` and ``apart``, forward to their losses.

    The batch is the ``count`` items of ``order`` from ``start`` on; ``noise`` has their draws.
    """
    work = s.work[thread]
    for i in range(panels):
        number, base = first + i * apart, i * s.panel_size
        filled, at = _filled(count, number), start + number * TILE_COLUMNS
        read_batch_panel(inputs, wanted, order, at, filled, s, number, work, base)
    for layer in range(1, len(s.width)):
        forward(s, layer, panels, work, thread)
        if layer == s.drawing:
            for i in range(panels):
                number = first + i * apart
                at = start + number * TILE_COLUMNS
                draw_codes(s, noise, at, _filled(count, number), work, i * s.panel_size)
    for i in range(panels):
        number = first + i * apart
        own = work[i * s.panel_size : (i + 1) * s.panel_size]
        s.panel_losses[number] = panel_loss(s, loss, _filled(count, number), own)


@inlined
def _take_back(
    s: Stack, count: int, first: int, panels: int, apart: int, loss: Loss, scale: np.float32,
    weight: np.float32, work: Any, thread: int,
) -> None:  # fmt: skip
    """Take them back, and leave both factors of every gradient. ``scale`` is what each value's loss
    counts, ``weight`` what each nat of divergence does."""
    for i in range(panels):
        own = work[i * s.panel_size : (i + 1) * s.panel_size]
        output_deltas(s, loss, _filled(count, first + i * apart), scale, own)
    for layer in range(len(s.width) - 1, 0, -1):
        for i in range(panels):
            number, base = first + i * apart, i * s.panel_size
            if layer == s.drawing:
                through_drawing(s, weight, _filled(count, number), work, base)
            keep_for_gradient(s, layer, number, work, base)
        if layer > 1:
            backward(s, layer, panels, work, thread)


@inlined
def _evidence_scale(s: Stack, loss: Loss, values: int) -> float:
    """What one value's loss counts in the negative ELBO of a batch, for a mean loss counts 1: the
    derivative of half the logarithm of the mean squared error, or 1."""
    if loss.kind != SQUARED:
        return 1.0
    total = 0.0
    for part in s.panel_losses:
        total += part
    return 0.5 / (total / values + SMALLEST_VARIANCE)


@inlined
def _train(
    s: Stack, inputs: Source, wanted: Source, order: Any, batch_size: int, loss: Loss, rates: Any,
    decays: Any, constants: Adam, noise: Any, threads: int, thread: int, losses: Any,
) -> None:  # fmt: skip
    """Train on the items ``order`` (int64) names, a batch after the other, as one of ``threads``.

    ``rates``, ``decays`` (float32) and ``losses`` (float64, written) have one entry per step, and
    ``noise`` (float32) a row per item where codes are drawn. The loss of a step is the sum over its
    items and values, taken before the step changes the weights.
    """
    control = flush_denormals(0)
    width, work = s.width[0], s.work[thread]
    panels, at_a_time = s.slots // TILE_COLUMNS, s.panels_at_a_time
    for step in range(len(rates)):
        start = step * batch_size
        count = min(batch_size, len(order) - start)
        values = count * width
        scale = weight = np.float32(1.0 / values)
        for panel in range(thread, panels, at_a_time * threads):
            group = min(at_a_time, -(-(panels - panel) // threads))
            _take_forward(
                s, inputs, wanted, order, start, count, panel, group, threads, loss, noise, thread
            )
            if s.drawing:  # all of a thread's panels are one group
                barrier(s.counter, threads)
                scale = np.float32(_evidence_scale(s, loss, values) / values)
                weight = np.float32(s.beta / values)
            _take_back(s, count, panel, group, threads, loss, scale, weight, work, thread)
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
    at_a_time = s.panels_at_a_time
    order = np.empty(TILE_COLUMNS, np.int64)
    together = at_a_time * TILE_COLUMNS
    for group in range(first + thread * together, last, threads * together):
        panels = min(at_a_time, -(-(last - group) // TILE_COLUMNS))
        for panel in range(panels):
            start, base = group + panel * TILE_COLUMNS, panel * s.panel_size
            count = min(TILE_COLUMNS, last - start)
            for i in range(count):
                order[i] = start + i
            read_panel(source, order, 0, count, s, thread, work, base + s.value_at[0])
        for layer in range(1, layers):
            forward(s, layer, panels, work, thread)
        for panel in range(panels):
            start, base = group + panel * TILE_COLUMNS, panel * s.panel_size
            if measure:
                own = work[base : base + s.panel_size]
                at, size = s.value_at[0], width * TILE_COLUMNS
                copy(own[at : at + size], own[s.wanted_at : s.wanted_at + size])
                count = min(TILE_COLUMNS, last - start)
                losses[(start - first) // TILE_COLUMNS] = panel_loss(s, loss, count, own)
            else:
                turn_to_rows(
                    work, base + s.value_at[layers - 1], outputs_row,
                    outputs, (start - first) * outputs_row, outputs_row,
                )  # fmt: skip
    flush_denormals(control)


def _entry_points(sources: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compiled ``train`` and ``run``; ``sources`` changes with every file that they are made of."""

    def train(
        s: Stack, inputs: Source, wanted: Source, order: Any, batch_size: int, loss: Loss,
        rates: Any, decays: Any, constants: Adam, noise: Any, threads: int, thread: int,
        losses: Any,
    ) -> None:  # fmt: skip
        if sources:
            _train(
                s, inputs, wanted, order, batch_size, loss, rates, decays, constants, noise,
                threads, thread, losses,
            )  # fmt: skip

    def run(
        s: Stack, source: Source, first: int, last: int, measure: bool, loss: Loss,
        threads: int, thread: int, losses: Any, outputs: Any, outputs_row: int,
    ) -> None:  # fmt: skip
        if sources:
            _run(
                s, source, first, last, measure, loss, threads, thread, losses, outputs,
                outputs_row,
            )  # fmt: skip

    return compiled(njit, train), compiled(njit, run)


train, run = _entry_points(checksum_of(Path(__file__).parent))
