"""The order in which an epoch takes its items, drawn from the seed and the epoch's number.

Up to :data:`MOST_SHUFFLED` bytes it is drawn over all of them. Files that are larger than memory
would be read a row here and a row there, each from the disk. Of these the order is uniform over one
window after another: a window is made of runs of rows that lie side by side, drawn from the whole
file, and its rows are taken in any order. It depends on seed, epoch and shape alone, and is made
window by window: no list of all items is held.
"""

import numpy as np
from jaxtyping import Int64

#: Bytes of items up to which their order is drawn over all of them.
MOST_SHUFFLED = 4 << 30
#: Bytes of a window, and of a run of rows in it.
WINDOW_BYTES, RUN_BYTES = 1 << 30, 1 << 18
# Rows of a window, whose places are held: 128 MiB.
_MOST_IN_WINDOW = 1 << 24
# Keeps the order's random numbers apart from those of other uses of the same seed.
_ORDER_STREAM = 0x0DE4


class EpochOrder:
    """The places of ``count`` items in the order of an epoch; a slice of it is an array.

    Args:
        count: how many items.
        size: bytes of one.
        seed, epoch: what the order is drawn from.
    """

    def __init__(self, count: int, size: int, seed: int, epoch: int) -> None:
        self._key, self._count = [seed, _ORDER_STREAM, epoch], count
        random = np.random.default_rng(self._key)
        if count * size <= MOST_SHUFFLED:
            self._all: np.ndarray | None = random.permutation(count)
            return
        self._all, self._run = None, max(RUN_BYTES // max(size, 1), 1)
        self._runs = random.permutation(-(-count // self._run))
        most = min(WINDOW_BYTES // (self._run * size), _MOST_IN_WINDOW // self._run)
        self._runs_in_window = max(most, 1)
        # all windows are as long, but that with the last run, which may be short
        lengths = [
            np.minimum(self._run, count - runs * self._run).sum()
            for runs in np.split(
                self._runs, range(self._runs_in_window, len(self._runs), self._runs_in_window)
            )
        ]
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        self._held = -1, np.zeros(0, np.int64)

    def __getitem__(self, places: slice) -> Int64[np.ndarray, " m"]:
        if self._all is not None:
            return self._all[places]
        start, stop, _ = places.indices(self._count)
        windows = self._windows(start, stop)
        parts = []
        for window in windows:
            first = int(self._starts[window])
            parts.append(self._window(window)[max(start - first, 0) : stop - first])
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def entered(self, start: int, stop: int) -> list[tuple[int, int]]:
        """The runs of rows, from one place to another each, of the windows after those that the
        slice from ``start`` to ``stop`` of the order begins, and at its beginning of the first:
        what the disk may begin to read."""
        if self._all is not None or start >= stop:
            return []
        begun = [w + 1 for w in self._windows(start, stop) if self._starts[w] >= start]
        windows = [w for w in ([0] if start == 0 else []) + begun if w < len(self._starts) - 1]
        runs = [int(run) for window in windows for run in np.sort(self._runs_of(window))]
        return [(run * self._run, min((run + 1) * self._run, self._count)) for run in runs]

    def _windows(self, start: int, stop: int) -> range:
        if start >= stop:
            return range(0)
        ends = np.searchsorted(self._starts, [start, stop - 1], side="right") - 1
        return range(int(ends[0]), int(ends[1]) + 1)

    def _runs_of(self, window: int) -> np.ndarray:
        first = window * self._runs_in_window
        return self._runs[first : first + self._runs_in_window]

    def _window(self, number: int) -> np.ndarray:
        """The places of a window in their order."""
        if self._held[0] != number:
            places = (self._runs_of(number)[:, None] * self._run + np.arange(self._run)).ravel()
            places = places[places < self._count]
            random = np.random.default_rng([*self._key, number])
            self._held = number, random.permutation(places)
        return self._held[1]
