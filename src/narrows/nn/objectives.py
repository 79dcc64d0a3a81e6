"""Reconstruction losses: how far a reconstruction is from its original, value by value.

Every formula here works on NumPy and on JAX arrays alike. A loss is averaged over all values of
all items, and reported in the data's own units: grey levels squared for 8-bit images under L2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from narrows.errors import UsageError

#: Probabilities are kept this far from 0 and 1 before a logarithm is taken, as Keras does.
SMALLEST_PROBABILITY = 1e-7


def _squared(reconstruction: Any, original: Any, threshold: float) -> Any:
    """(y - x)^2"""
    difference = reconstruction - original
    return difference * difference


def _absolute(reconstruction: Any, original: Any, threshold: float) -> Any:
    """|y - x|"""
    return reconstruction.__array_namespace__().abs(reconstruction - original)


def _huber(reconstruction: Any, original: Any, threshold: float) -> Any:
    """r^2 / 2 where |r| <= t, t (|r| - t / 2) beyond: Huber, Ann. Math. Stat. 35:73, 1964"""
    difference = reconstruction - original
    clipped = reconstruction.__array_namespace__().clip(difference, -threshold, threshold)
    return clipped * (difference - 0.5 * clipped)


def _cross_entropy(reconstruction: Any, original: Any, threshold: float) -> Any:
    """-(x log y + (1 - x) log(1 - y))"""
    xp = reconstruction.__array_namespace__()
    chance = xp.clip(reconstruction, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return -(original * xp.log(chance) + (1 - original) * xp.log(1 - chance))


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What is known of a loss.

    Attributes:
        formula: the loss of each value, of a reconstruction, an original and a threshold.
        power: of the data's unit that it is in: 2, 1, or 0 for nats.
        meaning: what it is, for people.
    """

    formula: Callable[[Any, Any, float], Any]
    power: int
    meaning: str


#: What ``--loss`` takes. Another one is an entry here; without a kernel of its own in
#: ``engine/fused``, XLA trains it.
LOSSES = {
    "l2": Loss(formula=_squared, power=2, meaning="squared error, in the data's unit squared"),
    "l1": Loss(formula=_absolute, power=1, meaning="absolute error, in the data's unit"),
    "huber": Loss(
        formula=_huber,
        power=2,
        meaning="squared near zero, absolute beyond a threshold: huber or huber:THRESHOLD",
    ),
    "bce": Loss(
        formula=_cross_entropy,
        power=0,
        meaning="binary cross-entropy in nats, of values scaled to 0..1",
    ),
}
_ALIASES = {"mse": "l2", "mae": "l1", "binary-crossentropy": "bce", "binary_crossentropy": "bce"}


@dataclass(frozen=True)
class Objective:
    """A reconstruction loss.

    Attributes:
        name: one of LOSSES.
        threshold: where Huber's loss turns from squared to absolute, in the unit of the values
            it is given; unused by the others.
    """

    name: str = "l2"
    threshold: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "Objective":
        """The objective that ``text`` names, such as ``l2``, ``mse`` or ``huber:2.5``.

        Raises:
            UsageError: no such loss, or a threshold that is not a number above 0.
        """
        name, colon, threshold = text.strip().lower().partition(":")
        name = _ALIASES.get(name, name)
        if name not in LOSSES:
            known = ", ".join(LOSSES)
            raise UsageError(f"there is no loss called {text!r}", hint=f"take one of {known}")
        if not colon:
            return cls(name)
        try:
            value = float(threshold)
        except ValueError:
            value = float("nan")
        if name != "huber" or not 0 < value < float("inf"):
            raise UsageError(
                f"the loss {text!r} does not say what it means",
                hint="only huber takes a threshold, a number above 0, as in huber:2.5",
            )
        return cls(name, value)

    def __str__(self) -> str:
        return f"huber:{self.threshold!r}" if self.name == "huber" else self.name

    @property
    def needs_probabilities(self) -> bool:
        """Whether originals must lie in 0..1 and the last layer end in a sigmoid."""
        return self.name == "bce"

    def elementwise(self, reconstruction: Any, original: Any) -> Any:
        """The loss of each value: arrays of one shape in, an array of that shape out."""
        return LOSSES[self.name].formula(reconstruction, original, self.threshold)

    def in_model_units(self, scale: float) -> "Objective":
        """The same objective for values that were divided by ``scale``."""
        return Objective(self.name, self.threshold / scale) if self.name == "huber" else self

    def to_data_units(self, scale: float) -> float:
        """What a loss of values divided by ``scale`` is multiplied by, to be in data units."""
        return float(scale ** LOSSES[self.name].power)
