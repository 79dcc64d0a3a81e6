"""A uniform sample of rows that arrive one batch after the other."""

import numpy as np
from jaxtyping import Shaped

# Rows that are kept however large they are.
_FEWEST = 64


class Reservoir:
    """Keeps rows so that at any time each of those seen so far is among them with the same
    probability: algorithm R (Vitter, Random Sampling with a Reservoir, ACM Transactions on
    Mathematical Software 11, 1985).

    Args:
        most_bytes: of the rows that are kept.
        seed: decides which.

    Attributes:
        seen: how many rows came.
    """

    def __init__(self, most_bytes: int, seed: int) -> None:
        self._most_bytes, self._seed = most_bytes, seed
        self._kept: np.ndarray | None = None
        self.seen = 0

    def __len__(self) -> int:
        return 0 if self._kept is None else len(self._kept)

    def rows(self) -> np.ndarray | None:
        """What is kept, (m, \\*item_shape); None before anything came."""
        return self._kept

    def add(self, items: Shaped[np.ndarray, "n *item"]) -> None:
        """Take a batch of rows, all of the shape and dtype of the first."""
        if not len(items):
            return
        most = max(self._most_bytes // max(items[:1].nbytes, 1), _FEWEST)
        filling = min(most - len(self), len(items))
        if filling:
            first = np.array(items[:filling])
            self._kept = first if self._kept is None else np.concatenate([self._kept, first])
        assert self._kept is not None
        rest = items[filling:]
        if len(rest):
            numbers = self.seen + filling + 1 + np.arange(len(rest))
            random = np.random.default_rng([self._seed, _STREAM, self.seen])
            places = random.integers(0, numbers)
            taken = np.flatnonzero(places < len(self._kept))
            # where two rows of a batch would take one place, the later one has it
            for place, row in zip(places[taken], taken, strict=True):
                self._kept[place] = rest[row]
        self.seen += len(items)


# Keeps the reservoir's random numbers apart from those of other uses of the same seed.
_STREAM = 0x5E5E
