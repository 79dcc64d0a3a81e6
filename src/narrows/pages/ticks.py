"""Where an axis has its ticks, and what stands beside them."""

import math
from collections.abc import Iterator, Sequence

# Between powers of ten, from the finest on.
_STEPS = ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1, 3), (1,))


def log_ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Round values from ``low`` to ``high``, both above 0, as evenly as a logarithm allows."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in _STEPS:
        ticks = _within((step * 10.0**power for power in decades for step in steps), low, high)
        if len(ticks) <= most:
            return ticks
    return ticks[:: math.ceil(len(ticks) / most)]


def linear_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten, from ``low`` to ``high``."""
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (1, 2, 2.5, 5, 10, 20):
        first, last = math.ceil(low / (step * power)), math.floor(high / (step * power))
        if last - first < most:
            return [number * step * power for number in range(first, last + 1)]
    raise AssertionError("twenty steps of that size span the axis")


def fitting(ticks: Sequence[float], places: Sequence[float], room: float) -> list[float]:
    """Those of the ticks whose places are at least ``room`` apart, the first one always there."""
    kept: list[tuple[float, float]] = []
    for tick, place in sorted(zip(ticks, places, strict=True), key=lambda pair: pair[1]):
        if not kept or place - kept[-1][1] >= room:
            kept.append((tick, place))
    return [tick for tick, _ in kept]


def tick_text(value: float) -> str:
    """A tick's value: ``1,000``, ``0.25``; powers of ten beyond nine digits.

    >>> tick_text(1000.0), tick_text(0.25), tick_text(0.1 + 0.2)
    ('1,000', '0.25', '0.3')
    """
    return f"{value:,.9g}" if 1e-5 <= abs(value) < 1e9 or not value else f"{value:.3g}"


def _within(values: Iterator[float], low: float, high: float) -> list[float]:
    slack = 1e-9
    return [value for value in values if low * (1 - slack) <= value <= high * (1 + slack)]
