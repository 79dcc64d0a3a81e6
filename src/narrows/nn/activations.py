"""Elementwise nonlinearities, on NumPy and on JAX arrays alike."""

import math
from typing import Any

#: Names that a spec may use.
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "gelu", "silu")


def apply_activation(name: str, x: Any) -> Any:
    """The activation ``name`` of each value of ``x``."""
    xp = x.__array_namespace__()
    if name == "relu":
        # max(x, 0), written so that the slope at 0 is 0 and a NaN stays one
        return xp.where(x <= 0, xp.zeros_like(x), x)
    if name == "sigmoid":
        return _sigmoid(xp, x)
    if name == "tanh":
        return xp.tanh(x)
    if name == "gelu":
        # Hendrycks and Gimpel, arXiv:1606.08415, section 2; where it is cut, tanh is -1 or 1
        inner = xp.clip(x, -10, 10)
        slope = math.sqrt(2 / math.pi)
        return 0.5 * x * (1 + xp.tanh(slope * (inner + 0.044715 * inner * inner * inner)))
    if name == "silu":
        return x * _sigmoid(xp, x)
    return x


def _sigmoid(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)), in a form that no x overflows."""
    return 0.5 * (xp.tanh(0.5 * x) + 1)
