"""The loops over steps and over items: what Python calls, once for each thread.

A step over one batch has two phases, and a barrier at its end:

1. *Items.* Panels of TILE_COLUMNS items go through the whole stack and back: they are read, every
   activation is computed, the loss and every delta (the loss's derivative by a layer's input sum).
   There are two ways to share that. Each thread may have panels of its own: items do not depend on
   one another, so no thread waits; but where codes are drawn, what the loss weighs against their
   divergence depends on the whole batch's loss, and threads wait for that halfway. Or all threads
   take the same panels, as one crew (`sharing.py`), each its part of a layer's values, and wait
   after every layer: then there is work for more threads than panels, and each fetches only its
   part of the weights, but threads must run at the same time, not in turns. Dense layers know both.
2. *Weights.* Each thread owns a share of the rows of every weight matrix, or several shares where
   fewer threads work than could. It sums their gradient over the batch in registers and updates
   them and Adam's moments at once: the gradient as a whole is never written to memory, and the
   moments seldom leave the core that owns them. A layer's turn comes when all threads have left it
   on their way back, the last layer's first: who is ahead does not wait for the phase's end.

Rows of a crew's products, and weights, are claimed in pieces, a thread's own before others'
(`sharing.py`): where a core is slow, or is taken away between two pieces, the other does more.

How many threads work, one or more, and in which crews, may change from call to call: the fastest
way is found in use (`fastest.py`), and threads that became slow end after a step where the caller
asks for it. One that waits for another spins for a moment and then sleeps, so that the other gets
the core where it has none. What is only run, not learnt from, has no barriers: threads claim groups
of panels until none is left.

Much of what is multiplied is zero: the rim of an image, the categories of a table that others
have, the deltas below a ReLU that gave 0. What is zero in all items of a panel is left out of its
products, and from a gradient every single value of the left factor that is.

No sum depends on which thread does what, so the result is the same bytes for any number of them.

Nothing in here takes memory or can fail. Where a thread fails before or after, or the caller is
interrupted, all others are stopped: no wait lasts from then on, and what they would still do is
left out.
"""

from pathlib import Path
from typing import Any

import numpy as np

from narrows.engine.evidence import SMALLEST_VARIANCE
from narrows.engine.fused.activating import draw_codes, through_drawing
from narrows.engine.fused.gradients import (
    keep_for_gradient,
    update,
)
from narrows.engine.fused.losses import output_deltas, panel_loss
from narrows.engine.fused.machine import (
    barrier,
    claim,
    flush_denormals,
    inner,
    is_asked_to_end,
    stopped,
)
from narrows.engine.fused.moving import (
    filled,
    place_of_wanted,
    read_batch_panel,
    read_panel,
    write_panel,
)
from narrows.engine.fused.products import backward, forward
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.sharing import (
    Worker,
    begin_to_claim,
    crew_of_all,
    layer_done,
    next_piece,
    wait_for_crew,
    wait_for_layer,
    worker_of,
)
from narrows.engine.fused.structure import (
    CLAIMED,
    ENDING,
    MADE,
    PANELS_AT_A_TIME,
    SQUARED,
    Adam,
    Batch,
    Group,
    Loss,
    Source,
    Stack,
    Steps,
    Target,
)
from narrows.support.compiling import checksum_of
from narrows.support.compiling.native import compiled


@inner
def _take_forward(s: Stack, batch: Batch, group: Group, loss: Loss, work: Any,
                  worker: Worker) -> None:  # fmt: skip
    """Take a group of panels forward to their losses."""
    part, panels, parts = worker.part, group.panels, worker.parts
    for i in range(part, panels, parts):
        number = group.first + i * group.apart
        read_batch_panel(s, batch, number, work, i * s.panel_size, worker.thread)
    wait_for_crew(s, worker)
    for layer in range(1, len(s.width)):
        forward(s, layer, panels, work, worker)
        wait_for_crew(s, worker)
        if layer == s.drawing:
            for i in range(part, panels, parts):
                number = group.first + i * group.apart
                at = batch.start + number * TILE_COLUMNS
                draw_codes(s, batch.noise, at, filled(batch, number), work, i * s.panel_size)
            wait_for_crew(s, worker)
    wanted_at = place_of_wanted(s, batch)
    for i in range(part, panels, parts):
        number = group.first + i * group.apart
        own = work[i * s.panel_size :]
        s.panel_losses[number] = panel_loss(s, loss, filled(batch, number), own, wanted_at)


@inner
def _take_back(s: Stack, batch: Batch, group: Group, loss: Loss, scale: np.float32,
               weight: np.float32, work: Any, worker: Worker) -> None:  # fmt: skip
    """Take them back, and leave both factors of every gradient. ``scale`` is what each value's loss
    counts, ``weight`` what each nat of divergence does. After a step's last group, who is done with
    a layer says so."""
    part, panels, parts = worker.part, group.panels, worker.parts
    wanted_at = place_of_wanted(s, batch)
    for i in range(part, panels, parts):
        count, own = filled(batch, group.first + i * group.apart), work[i * s.panel_size :]
        output_deltas(s, loss, count, scale, own, wanted_at, s.gradient[worker.thread])
    wait_for_crew(s, worker)
    for layer in range(len(s.width) - 1, 0, -1):
        if layer == s.drawing:
            for i in range(part, panels, parts):
                count = filled(batch, group.first + i * group.apart)
                through_drawing(s, weight, count, work, i * s.panel_size)
            wait_for_crew(s, worker)
        for i in range(panels):
            number = group.first + i * group.apart
            keep_for_gradient(s, layer, number, work, i * s.panel_size, worker)
        if layer > 1:
            backward(s, layer, panels, work, worker)
        if group.is_last:
            layer_done(s, layer)
        wait_for_crew(s, worker)


@inner
def _evidence_scale(s: Stack, loss: Loss, values: int) -> float:
    """What one value's loss counts in the negative ELBO of a batch, for a mean loss counts 1: the
    derivative of half the logarithm of the mean squared error, or 1."""
    if loss.kind != SQUARED:
        return 1.0
    total = 0.0
    for part in s.panel_losses:
        total += part
    return 0.5 / (total / values + SMALLEST_VARIANCE)


@inner
def _learn(s: Stack, now: Adam, count: int, done: int, worker: Worker) -> None:
    """Update all weights by a step over ``count`` items: those that the worker owns, and what it
    comes to of others', each when as many threads as ``done`` says have left its layer."""
    owners = len(s.task_bounds) - 1
    for shift in range(worker.parts):
        first = (worker.part + shift) % worker.parts
        for owner in range(first, owners, worker.parts):
            begin, end = s.task_bounds[owner], s.task_bounds[owner + 1]
            each = next_piece(s, worker, owner, end - begin, -1)
            while each >= 0:
                task = s.tasks[begin + each]
                wait_for_layer(s, task[0], done)
                if stopped(s.control):
                    return
                update(s, now, task, count, worker.thread)
                each = next_piece(s, worker, owner, end - begin, each)


@inner
def _take_items(s: Stack, batch: Batch, loss: Loss, threads: int, worker: Worker) -> None:
    """The worker's share of a batch, forward and back."""
    crews, owners = threads // worker.parts, len(s.task_bounds) - 1
    room = owners // crews  # of so many threads
    work = s.work[worker.crew * room * s.work_row :]
    panels, at_a_time = s.slots // TILE_COLUMNS, room * s.panels_at_a_time
    if not s.drawing:
        at_a_time = min(at_a_time, worker.parts * PANELS_AT_A_TIME)
    values = batch.size * s.width[0]
    scale = weight = np.float32(1.0 / values)
    # a crew for which there is no panel has a group of none: it must come to the barriers
    end = max(panels, crews)
    for panel in range(worker.crew, end, at_a_time * crews):
        if stopped(s.control):
            break
        size = min(at_a_time, -(-(panels - panel) // crews))
        group = Group(panel, size, crews, panel + at_a_time * crews >= end)
        _take_forward(s, batch, group, loss, work, worker)
        if s.drawing:  # all of a crew's panels are one group
            barrier(s.control, threads)
            scale = np.float32(_evidence_scale(s, loss, values) / values)
            weight = np.float32(s.beta / values)
        _take_back(s, batch, group, loss, scale, weight, work, worker)


@inner
def _batch_of(steps: Steps, step: int) -> Batch:
    """The items of a step."""
    start = step * steps.batch_size
    count = min(steps.batch_size, len(steps.order) - start)
    return Batch(steps.inputs, steps.wanted, steps.order, steps.noise, start, count)


def _train(
    s: Stack, steps: Steps, loss: Loss, constants: Adam, parts: int, threads: int, thread: int
) -> None:
    """Train a batch after the other, as one of ``threads``, which are one crew (``parts`` is as
    many) or one each (1), and a divisor of the most threads. They end early, after the same step,
    where the caller asks for it."""
    control = flush_denormals(0)
    worker, everyone = worker_of(thread, parts), crew_of_all(s, threads, thread)
    begin_to_claim(s, thread)
    for step in range(len(steps.rates)):
        batch = _batch_of(steps, step)
        _take_items(s, batch, loss, threads, worker)
        now = Adam(
            steps.rates[step], steps.decays[step], constants.keep_first, constants.keep_second,
            constants.epsilon,
        )  # fmt: skip
        done = (step + 1) * threads
        _learn(s, now, batch.size, done, everyone)
        if thread == 0:
            wait_for_layer(s, len(s.width) - 1, done)
            # before the barrier, so that all end after the same step
            s.control[ENDING] = is_asked_to_end(s.control)
            for part in s.panel_losses:
                steps.losses[step] += part
        barrier(s.control, threads)
        if thread == 0:
            s.control[MADE] = step + 1
        if s.control[ENDING] != 0 or stopped(s.control):
            break
    flush_denormals(control)


def _run(
    s: Stack, source: Source, measure: bool, loss: Loss, losses: Any, target: Target,
    threads: int, thread: int,
) -> None:  # fmt: skip
    """Take all items of a source through the stack, as one of ``threads``.

    With ``measure``, ``losses`` (float64) gets the loss of each panel; otherwise ``target`` gets
    what the last layer gives.
    """
    control = flush_denormals(0)
    layers, at_a_time = len(s.width), s.panels_at_a_time
    alone = worker_of(thread, 1)
    work = s.work[thread * s.work_row :]
    order = s.present[thread, 0]  # nobody needs it while items are read
    together = at_a_time * TILE_COLUMNS
    while True:
        group = claim(s.control, CLAIMED) * together
        if group >= source.rows or stopped(s.control):
            break
        panels = min(at_a_time, -(-(source.rows - group) // TILE_COLUMNS))
        for panel in range(panels):
            start, base = group + panel * TILE_COLUMNS, panel * s.panel_size
            count = min(TILE_COLUMNS, source.rows - start)
            for i in range(count):
                order[i] = start + i
            at = base + s.value_at[0]
            read_panel(source, order, 0, count, s, work, at, thread)
        for layer in range(1, layers):
            forward(s, layer, panels, work, alone)
        for panel in range(panels):
            start, base = group + panel * TILE_COLUMNS, panel * s.panel_size
            count = min(TILE_COLUMNS, source.rows - start)
            if measure:
                own = work[base:]
                losses[start // TILE_COLUMNS] = panel_loss(s, loss, count, own, s.value_at[0])
            else:
                at = base + s.value_at[layers - 1]
                write_panel(target, start, count, work, at, s.gradient[thread])
    flush_denormals(control)


_SOURCES = checksum_of(Path(__file__).parent)
train, run = compiled(_train, _SOURCES), compiled(_run, _SOURCES)
