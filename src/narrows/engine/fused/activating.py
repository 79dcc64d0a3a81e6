"""Activations and their slopes, over runs of values; and codes that are drawn."""

from typing import Any

import numpy as np

from narrows.engine.fused.machine import inner
from narrows.engine.fused.moving import copy
from narrows.engine.fused.registers import LANES, TILE_COLUMNS
from narrows.engine.fused.structure import GELU, LINEAR, RELU, SIGMOID, SILU, TANH, Stack
from narrows.engine.fused.vector_math import logistic
from narrows.nn.blocks.gaussian import LARGEST_LOG_VARIANCE

# Twice the factor of the tanh form, and its cubic coefficient: arXiv:1606.08415, section 2.
_GELU_SCALE, _GELU_CUBE = np.float32(2 * np.sqrt(2 / np.pi)), np.float32(0.044715)
_LARGEST_LOG_VARIANCE = np.float32(LARGEST_LOG_VARIANCE)


@inner
def _logistic(values: Any) -> None:
    """The logistic function of a run of whole vectors."""
    for i in range(0, len(values), LANES):
        logistic(values, i)


@inner
def rectify(values: Any) -> None:
    """ReLU, where no product did it on its way out."""
    for i in range(len(values)):
        # a NaN passes
        values[i] = np.float32(0) if values[i] < 0 else values[i]


@inner(fastmath={"contract"})
def activate(kind: int, values: Any, slopes: Any) -> None:
    """The activations that a product does not do on its way out.

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
def through_activation(kind: int, values: Any, slopes: Any, deltas: Any) -> None:
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


@inner
def draw_codes(s: Stack, noise: Any, first: int, count: int, work: Any, base: int) -> None:
    """Means and log variances become codes: mean + exp(log variance / 2) noise.

    ``noise`` (items, size) has the draws of this panel's ``count`` items from ``first`` on. Means
    and deviations are kept for the way back.
    """
    layer = s.drawing
    size = s.outputs[layer] // 2 * TILE_COLUMNS
    at, slope_at = base + s.value_at[layer], base + s.slope_at[layer]
    for i in range(size):
        item, number = i % TILE_COLUMNS, i // TILE_COLUMNS
        drawn = noise[first + item, number] if item < count else np.float32(0)
        raw = work[at + size + i]
        deviation = np.exp(np.float32(0.5) * raw * _shrinking(raw)) * drawn
        work[slope_at + i] = work[at + i]
        work[slope_at + size + i] = deviation
        work[at + i] += deviation


@inner
def through_drawing(s: Stack, scale: np.float32, count: int, work: Any, base: int) -> None:
    """Deltas of codes become those of means and log variances, the divergence's among them:
    ``scale`` x half the sum of mean^2 + variance - 1 - log variance."""
    layer = s.drawing
    half, one = np.float32(0.5), np.float32(1)
    size = s.outputs[layer] // 2 * TILE_COLUMNS
    at, slope_at, delta_at = (
        base + s.value_at[layer], base + s.slope_at[layer], base + s.delta_at[layer],
    )  # fmt: skip
    for i in range(size):
        raw = work[at + size + i]
        shrinking = _shrinking(raw)
        own = scale if i % TILE_COLUMNS < count else np.float32(0)
        delta, deviation = work[delta_at + i], work[slope_at + size + i]
        by_log_variance = half * (delta * deviation + own * (np.exp(raw * shrinking) - one))
        work[delta_at + size + i] = by_log_variance * shrinking * shrinking
        work[delta_at + i] = delta + own * work[slope_at + i]


@inner
def _shrinking(raw: np.float32) -> np.float32:
    """What a log variance is multiplied by to stay within its limit; its square is the slope."""
    one = np.float32(1)
    return one / (one + abs(raw) / _LARGEST_LOG_VARIANCE)
