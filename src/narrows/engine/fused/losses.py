"""The loss of a panel of items, and its derivative by what the last layer gives."""

from typing import Any

import numpy as np

from narrows.engine.fused.activating import through_activation
from narrows.engine.fused.machine import inner
from narrows.engine.fused.moving import copy
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.structure import (
    ABSOLUTE,
    CROSS_ENTROPY,
    HUBER,
    RELU,
    SIGMOID,
    SQUARED,
    Loss,
    Stack,
)

# The smallest probability that binary cross-entropy takes the logarithm of (Keras's epsilon).
_SMALLEST = np.float32(1e-7)


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
def panel_loss(s: Stack, loss: Loss, count: int, work: Any, wanted_at: int) -> float:
    """The loss summed over the first ``count`` items of a panel and their values."""
    last = len(s.width) - 1
    size = s.width[last] * TILE_COLUMNS
    wanted = work[wanted_at : wanted_at + size]
    found = work[s.value_at[last] : s.value_at[last] + size]
    run = size if count == TILE_COLUMNS else TILE_COLUMNS
    total: Any = 0.0
    for start in range(0, size, run):
        end = start + run - TILE_COLUMNS + count
        total += _measure(loss, wanted[start:end], found[start:end])
    return total


@inner
def output_deltas(s: Stack, loss: Loss, count: int, scale: np.float32, work: Any, wanted_at: int,
                  room: Any) -> None:  # fmt: skip
    """The last layer's activations become its deltas times ``scale``; ``room`` is the thread's."""
    last = len(s.width) - 1
    size = s.width[last] * TILE_COLUMNS
    found = work[s.value_at[last] : s.value_at[last] + size]
    wanted = work[wanted_at : wanted_at + size]
    slopes = work[s.slope_at[last] : s.slope_at[last] + size]
    _differentiate_output(s.activation[last], loss, wanted, found, slopes, scale, room)
    if count < TILE_COLUMNS:  # what stands beyond the batch's end must not teach
        for row in range(0, size, TILE_COLUMNS):
            for i in range(row + count, row + TILE_COLUMNS):
                found[i] = 0


@inner
def _differentiate_output(kind: int, loss: Loss, wanted: Any, found: Any, slopes: Any,
                          scale: np.float32, room: Any) -> None:  # fmt: skip
    """Loss and activation at once, where the values are still needed for the derivative."""
    two = np.float32(2) * scale
    if loss.kind == SQUARED and kind == RELU:
        for i in range(len(found)):
            found[i] = (found[i] - wanted[i]) * two if found[i] > 0 else np.float32(0)
    elif loss.kind == CROSS_ENTROPY and kind == SIGMOID:
        for i in range(len(found)):
            found[i] = (found[i] - wanted[i]) * scale
    else:
        for first in range(0, len(found), len(room)):
            end = min(first + len(room), len(found))
            part, values = found[first:end], room[: end - first]
            copy(part, values)
            _differentiate(loss, wanted[first:end], part, scale)
            through_activation(kind, values, slopes[first:end], part)
