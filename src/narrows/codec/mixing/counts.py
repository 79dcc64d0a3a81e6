"""How questions were answered before: by context and question, how often, and how often yes.

A cell is one integer, answers * 65536 + yeses. Where several items ask the same question at the
same place they see the same cell, and all their answers are added at once: at most 2^15, which with
the 255 that it may hold before stay below 2^16.
"""

from functools import cache

import numpy as np

from narrows.codec.mixing.logistic import ONE, logits

#: More answers than this are scaled down, so that what was long ago counts for less.
MOST_ANSWERS = 255
# From so many answers on a cell is trusted altogether.
_TRUSTED = 30
_ANSWER = np.uint32(1 << 16)
_LOW = np.uint32(0xFFFF)


@cache
def opinions() -> np.ndarray:
    """What a mixer is told of a cell of n answers, y of them yes: float64 (65536, 2), entry
    256 n + y.

    First the logit of (y + 0.4) / (n + 0.8), 0 for no answers; then the same times min(n, 30) / 30,
    rounded down. Both are whole numbers.
    """
    entry = np.arange(1 << 16)
    n, y = entry >> 8, np.minimum(entry & 255, entry >> 8)
    logit = np.where(n > 0, logits((5 * y + 2) * ONE // (5 * n + 4)), 0)
    trusted = logit * np.minimum(n, _TRUSTED) // _TRUSTED
    table = np.stack([logit, trusted], axis=1).astype(np.float64)
    table.setflags(write=False)
    return table


class Counts:
    """The cells of ``contexts`` tables of 2^``bits`` cells each."""

    def __init__(self, contexts: int, bits: int) -> None:
        self._cells = np.zeros(contexts << bits, np.uint32)
        self._mask = np.uint32((1 << bits) - 1)
        self._first = (np.arange(contexts, dtype=np.uint32) << np.uint32(bits))[:, None]

    def places(self, keys: np.ndarray) -> np.ndarray:
        """Where the cells of hashes (contexts, m), uint32, are."""
        return (keys >> np.uint32(7) & self._mask) + self._first

    def opinions(self, places: np.ndarray) -> np.ndarray:
        """What these cells say: float64 (contexts, m, 2), see :func:`opinions`."""
        cells = self._cells[places]
        return opinions()[(cells >> np.uint32(8) & np.uint32(0xFF00)) | (cells & _LOW)]

    def add(self, places: np.ndarray, answers: np.ndarray, yeses: np.ndarray) -> None:
        """Add answers, uint32 (m,), of which so many are yes, to the cells of each context."""
        change = np.broadcast_to(answers * _ANSWER + yeses, places.shape)
        np.add.at(self._cells, places, change)
        cells = self._cells[places]
        full = cells >= np.uint32(MOST_ANSWERS + 1) * _ANSWER
        if full.any():
            where, cells = places[full], cells[full]
            n = cells >> np.uint32(16)
            by = n // np.uint32(MOST_ANSWERS + 1) + np.uint32(1)
            self._cells[where] = (n // by) * _ANSWER + (cells & _LOW) // by
