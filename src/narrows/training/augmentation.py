"""Changed copies of training items: what a model should not tell apart, and what it should undo.

Both are drawn from the seed, the epoch and the place in it, never from a generator that has to be
carried along, so that a resumed run sees the same copies.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from narrows.errors import UsageError
from narrows.nn.scaling import Scaling

if TYPE_CHECKING:
    from narrows.training.settings import TrainingSettings

_KINDS = ("gaussian", "masking", "salt-pepper")
_HINT = "write the kind and the amount, as in gaussian:0.3, masking:0.3 or salt-pepper:0.1"


def shifted(items: np.ndarray, largest: int, random: np.random.Generator) -> np.ndarray:
    """Each image moved by up to ``largest`` pixels up or down and left or right.

    What comes in from outside is the nearest pixel of the edge, so that a grey ground stays grey.

    Args:
        items: (n, height, width) or (n, height, width, channels).

    Returns: an array of the same shape and dtype.
    """
    edges = [(0, 0), (largest, largest), (largest, largest)] + [(0, 0)] * (items.ndim - 3)
    padded = np.pad(items, edges, mode="edge")
    height, width = items.shape[1:3]
    steps = 2 * largest + 1
    moves = random.integers(0, steps * steps, len(items))
    result = np.empty_like(items)
    # all images that move alike at once: one by one would take as long as a tenth of the training
    for move in range(steps * steps):
        alike = np.flatnonzero(moves == move)
        down, right = divmod(move, steps)
        result[alike] = padded[alike, down : down + height, right : right + width]
    return result


@dataclass(frozen=True)
class Noise:
    """Damage done to what goes into the encoder, which the model learns to undo.

    Attributes:
        kind: "gaussian", added to every value; "masking", values set to the lowest (Vincent et
            al., ICML 2008); "salt-pepper", values set to the lowest or the highest.
        amount: the noise's standard deviation as a share of the width of the value range, or the
            share of the values that are hit.
    """

    kind: str
    amount: float

    @classmethod
    def parse(cls, text: str) -> "Noise":
        """Read ``KIND:AMOUNT``.

        Raises:
            UsageError: no such kind, or an amount outside its limits.
        """
        kind, _, number = text.partition(":")
        try:
            amount = float(number)
        except ValueError:
            amount = float("nan")
        if kind not in _KINDS:
            raise UsageError(f"there is no noise called {kind!r}", hint=_HINT)
        limit = 10.0 if kind == "gaussian" else 1.0
        if not 0 < amount <= limit:
            raise UsageError(
                f"noise {text!r} has no amount above 0 and up to {limit:g}", hint=_HINT
            )
        return cls(kind, amount)

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount:g}"

    def apply(
        self, items: np.ndarray, lowest: float, highest: float, random: np.random.Generator
    ) -> np.ndarray:
        """Damaged copies of ``items``, within ``lowest`` to ``highest``: in their dtype if they are
        8-bit, else float32."""
        if self.kind == "gaussian":
            noise = random.standard_normal(items.shape, np.float32)
            damaged = items + noise * np.float32(self.amount * (highest - lowest))
            damaged = np.clip(damaged, lowest, highest)
            if items.dtype == np.uint8:
                damaged = np.rint(damaged)
            return damaged.astype(items.dtype if items.dtype == np.uint8 else np.float32)
        damaged = items.copy() if items.dtype == np.uint8 else items.astype(np.float32)
        chance = random.random(items.shape, np.float32)
        damaged[chance < self.amount] = lowest
        if self.kind == "salt-pepper":
            damaged[chance < self.amount / 2] = highest
        return damaged


class Varied:
    """Training items as they are shown: moved, damaged, or as they are.

    Raises:
        UsageError: the settings ask for shifts, and the items are no images that could be moved.
    """

    def __init__(self, items: np.ndarray, scaling: Scaling, settings: "TrainingSettings") -> None:
        self._items, self._seed = items, settings.seed
        self._settled_from = settings.epochs - int(_SETTLED * settings.epochs)
        self._shift, self._noise = settings.shift, settings.noise
        # network values from 0 to 1 span what the training set holds
        self._limits = scaling.offset, scaling.offset + scaling.scale
        if self._shift and (items.ndim not in (3, 4) or self._shift >= min(items.shape[1:3])):
            raise UsageError(
                f"a shift of {self._shift} needs images of more pixels than that each way, "
                f"and the items have shape {items.shape[1:]}",
                hint="leave it out, or give 0",
            )

    def slice(
        self, order: np.ndarray, epoch: int, place: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The items that ``order`` names as epoch ``epoch`` shows them from ``place`` in it on.

        Returns what :meth:`narrows.engine.Trainer.train` takes: items, the order to take them in,
        and what goes in instead of them, or None.
        """
        shift = 0 if epoch > self._settled_from else self._shift
        if not shift and self._noise is None:
            return self._items, order, None
        random = np.random.default_rng([self._seed, _VARIATION_STREAM, epoch, place])
        items = self._items[order]
        if shift:
            items = shifted(items, shift, random)
        inputs = None if self._noise is None else self._noise.apply(items, *self._limits, random)
        return items, np.arange(len(order)), inputs


# The last epochs, a tenth of them, see images where they are: what the model will be used on.
_SETTLED = 0.1
# Keeps these random numbers apart from those of other uses of the same seed.
_VARIATION_STREAM = 0x5A1F
