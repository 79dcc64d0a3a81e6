"""Elementwise nonlinearities, on NumPy and on JAX arrays alike."""

from typing import Any

#: Names that a spec may use.
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh")


def apply_activation(name: str, x: Any) -> Any:
    """The activation ``name`` of each value of ``x``."""
    xp = x.__array_namespace__()
    if name == "relu":
        # max(x, 0), written so that the slope at 0 is 0 and a NaN stays one
        return xp.where(x <= 0, xp.zeros_like(x), x)
    if name == "sigmoid":
        # 1 / (1 + exp(-x)), in a form that no x overflows
        return 0.5 * (xp.tanh(0.5 * x) + 1)
    if name == "tanh":
        return xp.tanh(x)
    return x
