"""A kernel that is one step of Adam."""

from typing import Any

from narrows.engine.fused.registers import adam


def update(
    g: Any, p: Any, m: Any, v: Any, rate: float, keep_first: float, keep_second: float,
    epsilon: float, decay: float,
) -> None:  # fmt: skip
    adam(g, 0, p, m, v, 0, 0, rate, keep_first, keep_second, epsilon, decay)
