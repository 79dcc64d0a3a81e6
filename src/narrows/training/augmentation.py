"""Training items as they are shown: moved, damaged, or as they are.

What is done to them is drawn from the seed, the epoch and the place in it, never from a generator
that has to be carried along, so that a resumed run sees the same copies.
"""

import numpy as np

from narrows.engine.processes import have_joined
from narrows.errors import UsageError
from narrows.training.noise import NoiseLimits
from narrows.training.settings import TrainingSettings


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


class Varied:
    """Training items as they are shown: moved, damaged, or as they are.

    Args:
        items: what the loss compares with, (n, \\*item_shape).
        limits: of the damage.
        settings: what to do to them.
        inputs: what goes into the encoder in their place, of their shape; None for the same.

    Raises:
        UsageError: the settings ask for shifts, and the items are no images that could be moved.
    """

    def __init__(
        self,
        items: np.ndarray,
        limits: NoiseLimits,
        settings: TrainingSettings,
        inputs: np.ndarray | None = None,
    ) -> None:
        self._items, self._inputs, self._seed = items, inputs, settings.seed
        self._settled_from = settings.epochs - int(_SETTLED * settings.epochs)
        self._shift, self._noise = settings.shift, settings.noise
        self._limits = limits
        if self._shift and (items.ndim not in (3, 4) or self._shift >= min(items.shape[1:3])):
            raise UsageError(
                f"a shift of {self._shift} needs images of more pixels than that each way, "
                f"and the items have shape {items.shape[1:]}",
                hint="leave it out, or give 0",
            )

    @property
    def reads_file(self) -> bool:
        """Whether items are read from a file, each time they are shown: then it is seen how long
        that takes."""
        return isinstance(self._items, np.memmap) or isinstance(self._inputs, np.memmap)

    @property
    def reads_here(self) -> bool:
        """Whether :meth:`slice` is what reads them: processes that share a batch read their own
        parts of it."""
        return self.reads_file and not have_joined()

    @property
    def size(self) -> int:
        """Bytes of all items, with those that go in in their place."""
        return self._items.nbytes + (0 if self._inputs is None else self._inputs.nbytes)

    def slice(
        self, order: np.ndarray, epoch: int, place: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The items that ``order`` names as epoch ``epoch`` shows them from ``place`` in it on.

        Returns what :meth:`narrows.engine.Trainer.train` takes: items, the order to take them in,
        and what goes in instead of them, or None.
        """
        shift = 0 if epoch > self._settled_from else self._shift
        if not (shift or self._noise is not None or self.reads_here):
            return self._items, order, self._inputs
        key = [self._seed, _VARIATION_STREAM, epoch, place]
        random = np.random.default_rng(key)
        items = self._items[order]
        inputs = items if self._inputs is None else self._inputs[order]
        if shift:
            items = shifted(items, shift, random)
            # the same key draws the same moves
            paired = None if self._inputs is None else np.random.default_rng(key)
            inputs = items if paired is None else shifted(inputs, shift, paired)
        if self._noise is not None:
            inputs = self._limits.damaged(self._noise, inputs, random)
        return items, np.arange(len(order)), None if inputs is items else inputs


# The last epochs, a tenth of them, see images where they are: what the model will be used on.
_SETTLED = 0.1
# Keeps these random numbers apart from those of other uses of the same seed.
_VARIATION_STREAM = 0x5A1F
