"""What every source of data becomes: items of one shape, and what is known about their values."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from narrows.errors import DataError


@dataclass(frozen=True)
class Dataset:
    """Items of one shape, all in one array, which may be memory-mapped.

    Attributes:
        name: what the user called it: ``mnist``, ``scans/``, ``readings.npy``.
        items: array of shape (n, \\*item_shape) and any real dtype. 8-bit data stay uint8.
        value_range: the lowest and the highest value that the source's format can hold, such as
            (0, 255) for 8-bit images, or None where it sets no limit.
        labels: integer array of shape (n,), or None. Nothing is ever trained on them.
    """

    name: str
    items: np.ndarray
    value_range: tuple[float, float] | None = None
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of one item; () where items are single numbers."""
        return self.items.shape[1:]

    @cached_property
    def item_size(self) -> int:
        """How many values one item holds."""
        return int(np.prod(self.item_shape, dtype=np.int64))

    def rows(self, indices: np.ndarray) -> "Dataset":
        """The items (and labels) at ``indices``, an integer array of shape (m,)."""
        labels = None if self.labels is None else self.labels[indices]
        return replace(self, items=self.items[indices], labels=labels)

    def split(self, fraction: float, seed: int) -> tuple["Dataset", "Dataset"]:
        """Hold out a random ``fraction`` of the rows: (the rest, the held-out rows).

        Both keep the order of the source. The same seed always holds out the same rows.

        Raises:
            DataError: fewer than two rows, so that one part would be empty.
        """
        count = len(self)
        if count < 2:
            raise DataError(
                f"{self.name} has {count} row{'s' if count != 1 else ''}, "
                "and 2 are needed to hold one out for validation",
                hint="give more rows, or a validation set of its own",
            )
        held = min(max(round(count * fraction), 1), count - 1)
        order = np.random.default_rng([seed, _SPLIT_STREAM]).permutation(count)
        return self.rows(np.sort(order[held:])), self.rows(np.sort(order[:held]))


# Keeps the split's random numbers apart from those of other uses of the same seed.
_SPLIT_STREAM = 0x5B117
