"""The training step of a stack of dense layers, written so that its data stay in the caches.

A step over one batch has two phases with a barrier after each:

1. *Items.* Each thread takes panels of TILE_COLUMNS items through the whole stack and back: it
   reads them, computes every activation, the loss and every delta (the loss's derivative by a
   layer's input sum). Items do not depend on one another, so no thread waits.
2. *Weights.* Each thread owns a share of the rows of every weight matrix. It sums their gradient
   over the batch in registers and updates them and Adam's moments at once: the gradient as a whole
   is never written to memory, and the moments never leave the core that owns them.

No sum depends on which thread does what, so the result is the same bytes for any number of them.

Activations and deltas are stored values x items ("columns are items"), so that every vector
instruction works on 8 or 16 items, whatever the width of a layer. The weight gradient needs one of
its two factors the other way around: ``right`` holds it, transposed while it is in the cache.

A weight matrix is held as (rows, columns) with the layer's larger side as columns, because the
gradient's vectors run along them: ``flipped`` says whether that is (outputs, inputs).
"""

from typing import Any, NamedTuple

import numpy as np
from numba import carray

from narrows.engine.fused.machine import inner, pointer_at, prefetch
from narrows.engine.fused.registers import (
    LANES,
    NO_FLOOR,
    TILE_COLUMNS,
    TILE_ROWS,
    adam,
    tile,
    transpose,
)
from narrows.engine.fused.vector_math import logistic

LINEAR, RELU, SIGMOID, TANH, SILU, GELU = range(6)
SQUARED, ABSOLUTE, HUBER, CROSS_ENTROPY = range(4)

# Twice the factor of the tanh form, and its cubic coefficient: arXiv:1606.08415, section 2.
_GELU_SCALE, _GELU_CUBE = np.float32(2 * np.sqrt(2 / np.pi)), np.float32(0.044715)
# The smallest probability that binary cross-entropy takes the logarithm of (Keras's epsilon).
_SMALLEST = np.float32(1e-7)


class Stack(NamedTuple):
    """Where everything of a stack of dense layers lies. Layer 0 is the input.

    The first group has one entry per layer, 0 to L; what belongs to weights is unused at 0.
    """

    width: np.ndarray  # values per item after this layer
    activation: np.ndarray  # LINEAR, RELU, SIGMOID, TANH, SILU or GELU
    flipped: np.ndarray  # weights are held (outputs, inputs), not (inputs, outputs)
    weight_at: np.ndarray  # offset into parameters and moments
    weight_row: np.ndarray  # row length there: the columns, padded to whole vectors
    bias_at: np.ndarray
    value_at: np.ndarray  # offset into a thread's work space: activations
    delta_at: np.ndarray  # and deltas; the last layer's lie where its activations were
    slope_at: np.ndarray  # and the derivatives of activations that their values do not determine
    left_at: np.ndarray  # offset into left
    right_at: np.ndarray  # offset into right
    right_row: np.ndarray  # row length there: the columns, padded to whole tiles and skewed

    parameters: np.ndarray  # float32, flat
    first_moment: np.ndarray
    second_moment: np.ndarray
    work: np.ndarray  # (threads, panels at a time x panel_size): blocks of (width, TILE_COLUMNS)
    panel_size: int  # values in there that belong to one panel
    wanted_at: int  # where in there what the loss compares with lies
    left: np.ndarray  # left factors of the gradients, (rows, slots) per layer
    right: np.ndarray  # right factors, (slots, right_row) per layer
    gradient: np.ndarray  # (threads, TILE_ROWS x the longest right_row)
    panel_losses: np.ndarray  # (panels,) float64

    tasks: np.ndarray  # (tasks, 3): layer, first row, last row + 1 of weights; 0 rows: the bias
    task_bounds: np.ndarray  # (threads + 1,): which tasks each thread owns
    counter: np.ndarray  # (1,) of the barrier
    no_starts: np.ndarray  # zeros, where a product adds nothing
    slots: int  # items that fit at once: the batch, padded to whole panels


class Source(NamedTuple):
    """Items in memory, seen through value = (raw - offset) * factor."""

    address: int
    is_bytes: bool  # uint8, else float32
    rows: int
    offset: np.float32
    factor: np.float32


class Loss(NamedTuple):
    """Which loss, and the threshold of Huber's."""

    kind: int
    threshold: np.float32


@inner
def _panel_products(
    s: Stack, panels: int, rows: int, a: Any, a_at: int, a_row: int, a_step: int, work: Any,
    b_at: int, c_at: int, depth: int, starts: Any, starts_at: int, starts_step: int,
    floor: np.float32,
) -> None:  # fmt: skip
    """Panels of items through one matrix: c (rows, items) = a (rows, depth) b (depth, items).

    ``starts``, a value a row or ``no_starts`` at a step of 0, is added, and the result limited to
    ``floor`` below. A tile's rows of the matrix meet every panel before the next rows are fetched:
    they may come from far, the panels lie in the cache.
    """
    shares = -(-rows // TILE_ROWS)
    for share in range(shares):
        first, last = rows * share // shares, rows * (share + 1) // shares
        for panel in range(panels):
            base = panel * s.panel_size
            tile(
                last - first, a, a_at + first * a_row, a_row, a_step,
                work, base + b_at, TILE_COLUMNS,
                work, base + c_at + first * TILE_COLUMNS, TILE_COLUMNS, depth,
                starts, starts_at + first * starts_step, floor,
            )  # fmt: skip


@inner
def copy(source: Any, target: Any) -> None:
    """A run of values from one place to another: NumPy's own way takes seconds to compile."""
    for i in range(len(source)):
        target[i] = source[i]


@inner
def turn(source: Any, at: int, row: int, rows: int, columns: int, to: Any, to_at: int,
          to_row: int) -> None:  # fmt: skip
    """Transpose (rows, columns) in whole squares of LANES; both sides are padded to take them."""
    for i in range(0, rows, LANES):
        for j in range(0, columns, LANES):
            transpose(source, at + i * row + j, row, to, to_at + j * to_row + i, to_row)


@inner
def read_panel(source: Source, order: Any, first: int, count: int, width: int, rows: Any,
               start: int, row: int, work: Any, at: int) -> None:  # fmt: skip
    """Read items order[first : first + count] both ways around, zeros after them.

    ``rows`` gets them as (TILE_COLUMNS, row) from ``start``, ``work`` as (width, TILE_COLUMNS) from
    ``at``.
    """
    shape = (source.rows, width)
    for i in range(TILE_COLUMNS):
        target = rows[start + i * row : start + i * row + width]
        if i >= count:
            for j in range(width):
                target[j] = 0
        elif source.is_bytes:
            bytes_ = carray(pointer_at(source.address), shape, np.uint8)[order[first + i]]
            for j in range(width):
                target[j] = (np.float32(bytes_[j]) - source.offset) * source.factor
        else:
            floats = carray(pointer_at(source.address), shape, np.float32)[order[first + i]]
            for j in range(width):
                target[j] = (floats[j] - source.offset) * source.factor
    turn(rows, start, row, TILE_COLUMNS, width, work, at, TILE_COLUMNS)


@inner
def read_batch_panel(inputs: Source, wanted: Source, order: Any, first: int, count: int, s: Stack,
                     panel: int, work: Any) -> None:  # fmt: skip
    """Read what a panel's items go in as, and what they should come out as where that differs."""
    width, row = s.width[0], s.right_row[0]
    start = s.right_at[0] + panel * TILE_COLUMNS * row
    if inputs.address != wanted.address:
        # its rows are needed only on the way: what goes in takes their place
        read_panel(wanted, order, first, count, width, s.right, start, row, work, s.wanted_at)
    read_panel(inputs, order, first, count, width, s.right, start, row, work, s.value_at[0])
    if inputs.address == wanted.address:
        at, size = s.value_at[0], width * TILE_COLUMNS
        copy(work[at : at + size], work[s.wanted_at : s.wanted_at + size])


@inner
def prefetch_items(source: Source, order: Any, first: int, count: int, width: int) -> None:
    """Ask for items order[first : first + count] ahead of time: a random row is far away."""
    size = width if source.is_bytes else 4 * width
    for i in range(count):
        start = source.address + order[first + i] * size
        for offset in range(0, size, 64):
            prefetch(start + offset)


@inner
def _logistic(values: Any) -> None:
    """The logistic function of a run of whole vectors."""
    for i in range(0, len(values), LANES):
        logistic(values, i)


@inner(fastmath={"contract"})
def _activate(kind: int, values: Any, slopes: Any) -> None:
    """The activations that :func:`_panel_product` does not do on its way out.

    ``slopes`` gets the derivative where the value alone does not determine it.
    """
    one, two, three = np.float32(1), np.float32(2), np.float32(3)
    if kind == SIGMOID:
        _logistic(values)
    elif kind == TANH:
        # tanh(x) = 2 logistic(2 x) - 1
        for i in range(len(values)):
            values[i] *= two
        _logistic(values)
        for i in range(len(values)):
            values[i] = two * values[i] - one
    elif kind == SILU:
        # x logistic(x)
        copy(values, slopes)
        _logistic(slopes)
        for i in range(len(values)):
            chance = slopes[i]
            values[i] *= chance
            slopes[i] = chance + values[i] * (one - chance)
    elif kind == GELU:
        # x logistic(2 sqrt(2 / pi) (x + 0.044715 x^3))
        for i in range(len(values)):
            x = values[i]
            slopes[i] = _GELU_SCALE * (x + _GELU_CUBE * x * x * x)
        _logistic(slopes)
        for i in range(len(values)):
            x, chance = values[i], slopes[i]
            values[i] = x * chance
            inner = _GELU_SCALE * (one + three * _GELU_CUBE * x * x)
            slopes[i] = chance + values[i] * (one - chance) * inner


@inner
def forward(s: Stack, layer: int, panels: int, work: Any) -> None:
    """values[layer] = activation(weights values[layer - 1] + bias) for the first ``panels``."""
    inputs, outputs, kind = s.width[layer - 1], s.width[layer], s.activation[layer]
    row = s.weight_row[layer]
    row, step = (row, 1) if s.flipped[layer] else (1, row)
    _panel_products(
        s, panels, outputs, s.parameters, s.weight_at[layer], row, step,
        work, s.value_at[layer - 1], s.value_at[layer], inputs,
        s.parameters, s.bias_at[layer], 1, np.float32(0) if kind == RELU else NO_FLOOR,
    )  # fmt: skip
    size = outputs * TILE_COLUMNS
    for panel in range(panels):
        at = panel * s.panel_size + s.value_at[layer]
        slope_at = panel * s.panel_size + s.slope_at[layer]
        _activate(kind, work[at : at + size], work[slope_at : slope_at + size])


@inner
def _through_activation(kind: int, values: Any, slopes: Any, deltas: Any) -> None:
    """Multiply deltas by the activation's derivative."""
    if kind == RELU:
        for i in range(len(values)):
            deltas[i] = deltas[i] if values[i] > 0 else np.float32(0)
    elif kind == SIGMOID:
        for i in range(len(values)):
            deltas[i] *= values[i] * (np.float32(1) - values[i])
    elif kind == TANH:
        for i in range(len(values)):
            deltas[i] *= np.float32(1) - values[i] * values[i]
    elif kind != LINEAR:
        for i in range(len(values)):
            deltas[i] *= slopes[i]


@inner(fastmath={"reassoc", "contract"})
def _measure(loss: Loss, wanted: Any, found: Any) -> np.float32:
    """The loss summed over a run of values; in any order, which vectors need."""
    one, half = np.float32(1), np.float32(0.5)
    total = np.float32(0)
    if loss.kind == SQUARED:
        for i in range(len(found)):
            difference = found[i] - wanted[i]
            total += difference * difference
    elif loss.kind == ABSOLUTE:
        for i in range(len(found)):
            total += abs(found[i] - wanted[i])
    elif loss.kind == HUBER:
        for i in range(len(found)):
            difference = found[i] - wanted[i]
            clipped = min(max(difference, -loss.threshold), loss.threshold)
            total += clipped * (difference - half * clipped)
    else:
        for i in range(len(found)):
            chance = min(max(found[i], _SMALLEST), one - _SMALLEST)
            total -= wanted[i] * np.log(chance) + (one - wanted[i]) * np.log(one - chance)
            total += found[i] - found[i]  # the limits above would hide a NaN
    return total


@inner
def _differentiate(loss: Loss, wanted: Any, found: Any, scale: np.float32) -> None:
    """``found`` becomes scale x d loss / d found."""
    one = np.float32(1)
    if loss.kind == SQUARED:
        scale *= np.float32(2)
        for i in range(len(found)):
            found[i] = (found[i] - wanted[i]) * scale
    elif loss.kind == ABSOLUTE:
        for i in range(len(found)):
            found[i] = np.sign(found[i] - wanted[i]) * scale
    elif loss.kind == HUBER:
        for i in range(len(found)):
            difference = found[i] - wanted[i]
            found[i] = min(max(difference, -loss.threshold), loss.threshold) * scale
    else:
        for i in range(len(found)):
            chance = min(max(found[i], _SMALLEST), one - _SMALLEST)
            found[i] = (chance - wanted[i]) / (chance * (one - chance)) * scale


@inner
def panel_loss(s: Stack, loss: Loss, count: int, work: Any) -> float:
    """The loss summed over the first ``count`` items of a panel and their values."""
    last = len(s.width) - 1
    size = s.width[last] * TILE_COLUMNS
    wanted = work[s.wanted_at : s.wanted_at + size]
    found = work[s.value_at[last] : s.value_at[last] + size]
    run = size if count == TILE_COLUMNS else TILE_COLUMNS
    total: Any = 0.0
    for start in range(0, size, run):
        end = start + run - TILE_COLUMNS + count
        total += _measure(loss, wanted[start:end], found[start:end])
    return total


@inner
def output_deltas(s: Stack, loss: Loss, count: int, scale: np.float32, work: Any) -> None:
    """The last layer's activations become its deltas times ``scale``."""
    last = len(s.width) - 1
    size = s.width[last] * TILE_COLUMNS
    found = work[s.value_at[last] : s.value_at[last] + size]
    wanted = work[s.wanted_at : s.wanted_at + size]
    slopes = work[s.slope_at[last] : s.slope_at[last] + size]
    _differentiate_output(s.activation[last], loss, wanted, found, slopes, scale)
    if count < TILE_COLUMNS:  # what stands beyond the batch's end must not teach
        for row in range(0, size, TILE_COLUMNS):
            for i in range(row + count, row + TILE_COLUMNS):
                found[i] = 0


@inner
def _differentiate_output(kind: int, loss: Loss, wanted: Any, found: Any, slopes: Any,
                          scale: np.float32) -> None:  # fmt: skip
    """Loss and activation at once, where the values are still needed for the derivative."""
    two = np.float32(2) * scale
    if loss.kind == SQUARED and kind == RELU:
        for i in range(len(found)):
            found[i] = (found[i] - wanted[i]) * two if found[i] > 0 else np.float32(0)
    elif loss.kind == CROSS_ENTROPY and kind == SIGMOID:
        for i in range(len(found)):
            found[i] = (found[i] - wanted[i]) * scale
    else:
        values = np.empty_like(found)
        copy(found, values)
        _differentiate(loss, wanted, found, scale)
        _through_activation(kind, values, slopes, found)


@inner
def keep_for_gradient(s: Stack, layer: int, panel: int, work: Any) -> None:
    """Lay out both factors of a layer's gradient: the left as (rows, slots), the right turned."""
    above, below = s.delta_at[layer], s.value_at[layer - 1]
    left, right = (above, below) if s.flipped[layer] else (below, above)
    rows = min(s.width[layer - 1], s.width[layer])
    columns = max(s.width[layer - 1], s.width[layer])
    for j in range(rows):
        to = s.left_at[layer] + j * s.slots + panel * TILE_COLUMNS
        for i in range(TILE_COLUMNS):
            s.left[to + i] = work[left + j * TILE_COLUMNS + i]
    if layer > 1 or not s.flipped[layer]:  # the items were read the right way around
        row = s.right_row[layer]
        to = s.right_at[layer] + panel * TILE_COLUMNS * row
        turn(work, right, TILE_COLUMNS, columns, TILE_COLUMNS, s.right, to, row)


@inner
def backward(s: Stack, layer: int, panels: int, work: Any) -> None:
    """From deltas[layer] to deltas[layer - 1] for the first ``panels``."""
    inputs, outputs = s.width[layer - 1], s.width[layer]
    row = s.weight_row[layer]
    row, step = (1, row) if s.flipped[layer] else (row, 1)
    size = inputs * TILE_COLUMNS
    _panel_products(
        s, panels, inputs, s.parameters, s.weight_at[layer], row, step,
        work, s.delta_at[layer], s.delta_at[layer - 1], outputs, s.no_starts, 0, 0, NO_FLOOR,
    )  # fmt: skip
    for panel in range(panels):
        base = panel * s.panel_size
        at, value_at = base + s.delta_at[layer - 1], base + s.value_at[layer - 1]
        slope_at = base + s.slope_at[layer - 1]
        _through_activation(
            s.activation[layer - 1], work[value_at : value_at + size],
            work[slope_at : slope_at + size], work[at : at + size],
        )  # fmt: skip


@inner
def fetch_weights(parameters: Any) -> np.float32:
    """Read one value of each cache line, in order.

    Half the weights were changed by other cores. The products walk them in strides that the
    prefetcher does not follow, so that every line would be waited for; in order they stream in.
    """
    total = np.float32(0)
    for i in range(0, len(parameters), 16):
        total += parameters[i]
    return total


class Adam(NamedTuple):
    """Adam's constants for one step; see :func:`narrows.engine.fused.registers.adam`."""

    rate: np.float32  # learning rate x sqrt(1 - beta2^t) / (1 - beta1^t)
    decay: np.float32  # learning rate x decoupled weight decay
    keep_first: np.float32  # 1 - beta1
    keep_second: np.float32  # 1 - beta2
    epsilon: np.float32


@inner
def _update(s: Stack, adam_: Adam, decay: np.float32, gradient: Any, gradient_at: int, at: int,
            size: int) -> None:  # fmt: skip
    """Adam on parameters at to at + size - 1; runs of parameters are padded to whole vectors."""
    for j in range(0, size, LANES):
        adam(
            gradient, gradient_at + j, s.parameters, s.first_moment, s.second_moment, at + j,
            adam_.rate, adam_.keep_first, adam_.keep_second, adam_.epsilon, decay,
        )  # fmt: skip


@inner
def update_weights(s: Stack, adam_: Adam, layer: int, first: int, last: int, count: int,
                    thread: int) -> None:  # fmt: skip
    """Sum the gradient of rows first to last - 1 of a weight matrix over the batch; apply it."""
    row = s.right_row[layer]
    gradient = s.gradient[thread]
    for j in range(0, s.weight_row[layer], TILE_COLUMNS):
        tile(
            last - first, s.left, s.left_at[layer] + first * s.slots, s.slots, 1,
            s.right, s.right_at[layer] + j, row, gradient, j, row, count, s.no_starts, 0, NO_FLOOR,
        )  # fmt: skip
    for i in range(last - first):
        at = s.weight_at[layer] + (first + i) * s.weight_row[layer]
        _update(s, adam_, adam_.decay, gradient, i * row, at, s.weight_row[layer])


@inner(fastmath={"reassoc", "contract"})
def _sum(values: Any) -> np.float32:
    total = np.float32(0)
    for value in values:
        total += value
    return total


@inner
def update_bias(s: Stack, adam_: Adam, layer: int, count: int, thread: int) -> None:
    """The bias's gradient is the sum of the layer's deltas over the batch: rows or columns."""
    width = s.width[layer]
    gradient = s.gradient[thread][: -(-width // LANES) * LANES]
    for j in range(len(gradient)):
        gradient[j] = 0
    if s.flipped[layer]:
        for j in range(width):
            at = s.left_at[layer] + j * s.slots
            gradient[j] = _sum(s.left[at : at + count])
    else:
        for i in range(count):
            at = s.right_at[layer] + i * s.right_row[layer]
            deltas = s.right[at : at + width]
            for j in range(width):
                gradient[j] += deltas[j]
    _update(s, adam_, np.float32(0), gradient, 0, s.bias_at[layer], width)
