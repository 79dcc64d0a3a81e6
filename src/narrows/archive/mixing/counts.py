"""How questions were answered before: by context and question, how often, and how often yes.

A cell is one integer, answers * 65536 + yeses. Where several values of a batch ask the same
question in the same context they see the same cell, and all their answers are added at once: at
most 4096, which with those that it may hold before stay below 2^16.
"""

from functools import cache

import numpy as np

from narrows.archive.mixing.logistic import ONE, logits

#: More answers than this are scaled down, so that what was long ago counts for less.
MOST_ANSWERS = 255
#: The same where there are few cells, and much is to be learnt of each.
MANY_ANSWERS = 1023
# From so many answers on a cell is trusted altogether, by the mixer of images.
_TRUSTED = 60
_ANSWER = np.uint32(1 << 16)
_LOW = np.uint32(0xFFFF)


@cache
def opinions(trusted: int = _TRUSTED) -> np.ndarray:
    """What a mixer is told of a cell of n answers, y of them yes: int16 (65536, 2), entry
    256 n + y.

    First the logit of (y + 0.4) / (n + 0.8), 0 for no answers; then the same times
    min(n, trusted) / trusted, rounded down.
    """
    entry = np.arange(1 << 16)
    n, y = entry >> 8, np.minimum(entry & 255, entry >> 8)
    logit = np.where(n > 0, logits((5 * y + 2) * ONE // (5 * n + 4)), 0)
    sure = logit * np.minimum(n, trusted) // trusted
    table = np.stack([logit, sure], axis=1).astype(np.int16)
    table.setflags(write=False)
    return table


def opinions_of(cells: np.ndarray, trusted: int = _TRUSTED) -> np.ndarray:
    """What cells of at most MOST_ANSWERS say, see :func:`opinions`: int64 (..., 2)."""
    entry = (cells >> np.uint32(8) & np.uint32(0xFF00)) | (cells & _LOW)
    return opinions(trusted)[entry].astype(np.int64)


def chances_of(cells: np.ndarray) -> np.ndarray:
    """The share of yeses in cells, (y + 1/2) / (n + 1), in 1/65536: int64."""
    n, y = (cells >> np.uint32(16)).astype(np.int64), (cells & _LOW).astype(np.int64)
    return (2 * y + 1) * ONE // (2 * n + 2)


def add(cells: np.ndarray, places: np.ndarray, answers: np.ndarray, most: int) -> None:
    """Add answers, 0 or 1 (m,), to the cells at ``places``, (m,) or (m, contexts)."""
    more = _ANSWER + answers.astype(np.uint32)
    flat = places.reshape(len(answers), -1)
    # spread by hand: NumPy 2.4 reads beyond a row that it should repeat
    np.add.at(cells, flat, np.broadcast_to(more[:, None], flat.shape))
    now = cells[flat]
    full = now >= np.uint32(most + 1) * _ANSWER
    if full.any():
        where, now = flat[full], now[full]
        n = now >> np.uint32(16)
        by = n // np.uint32(most + 1) + np.uint32(1)
        cells[where] = (n // by) * _ANSWER + (now & _LOW) // by
