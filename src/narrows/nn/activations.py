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
        return x * _gelu_share(xp, xp.clip(x, -10, 10))
    if name == "silu":
        return x * _sigmoid(xp, x)
    return x


def activation_and_slope(name: str, x: Any) -> tuple[Any, Any]:
    """The activation ``name`` of each value of ``x``, and its derivative there; at 0 that of a ReLU
    is 0."""
    given = apply_activation(name, x)
    return given, _slope(x.__array_namespace__(), name, x, given)


def _slope(xp: Any, name: str, x: Any, given: Any) -> Any:
    """The derivative at ``x``, where the activation is ``given``."""
    if name == "relu":
        return (x > 0).astype(x.dtype)
    if name == "sigmoid":
        return given * (1 - given)
    if name == "tanh":
        return 1 - given * given
    if name == "gelu":
        inner = xp.clip(x, -10, 10)
        share = _gelu_share(xp, inner)
        return share + given * (1 - share) * 2 * _GELU_SLOPE * (1 + 3 * _GELU_CUBIC * inner * inner)
    if name == "silu":
        share = _sigmoid(xp, x)
        return share + given * (1 - share)
    return xp.ones_like(x)


# Hendrycks and Gimpel, arXiv:1606.08415, section 2
_GELU_SLOPE, _GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715


def _gelu_share(xp: Any, inner: Any) -> Any:
    """The share of each value that GELU lets through; where values are cut, 0 or 1."""
    return 0.5 * (1 + xp.tanh(_GELU_SLOPE * (inner + _GELU_CUBIC * inner * inner * inner)))


def _sigmoid(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)), in a form that no x overflows."""
    return 0.5 * (xp.tanh(0.5 * x) + 1)
