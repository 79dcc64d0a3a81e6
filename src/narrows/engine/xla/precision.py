"""Which floats are computed in: float32, on every device."""

from collections.abc import Callable
from functools import wraps
from typing import Any


def compiled(function: Callable[..., Any], **how: Any) -> Any:
    """``function`` compiled by :func:`jax.jit`, with products of all bits of float32 values:
    accelerators would take 10 of 23 by themselves (TF32).

    bfloat16, with weights and sums in float32, was measured on the CPU
    (``benchmarks/bfloat16.py``): the errors of nets that learn 8-bit images stay as they are, but
    what could be learnt almost exactly is not, and which data that are is not known beforehand.
    """
    import jax

    @wraps(function)
    def exact(*arguments: Any) -> Any:
        with jax.default_matmul_precision("highest"):
            return function(*arguments)

    return jax.jit(exact, **how)
