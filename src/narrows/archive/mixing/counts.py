"""How questions were answered before: by context and question, how often, and how often yes.

A cell is one integer, answers * 65536 + yeses. Where several values of a batch ask the same
question in the same context they see the same cell, and all their answers are added at once: at
most 4096, which with those that it may hold before stay below 2^16.
"""

from functools import cache
from typing import Any

import numpy as np

from narrows.archive.mixing.logistic import ONE, logits

#: More answers than this are scaled down, so that what was long ago counts for less.
MOST_ANSWERS = 255
#: The same where there are few cells, and much is to be learnt of each.
MANY_ANSWERS = 1023
# From so many answers on a cell is trusted altogether, by the mixer of images.
_TRUSTED = 60
_ANSWER = np.uint32(1 << 16)
_U8, _U16, _HIGH, _LOW = np.uint32(8), np.uint32(16), np.uint32(0xFF00), np.uint32(0xFFFF)
_W1, _W16 = np.uint64(1), np.uint64(16)


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
    return opinions(trusted)[entry_of(cells)].astype(np.int64)


def entry_of(cell: Any) -> Any:
    """The entry of :func:`opinions` of a cell of at most MOST_ANSWERS, or those of some."""
    return ((cell >> _U8) & _HIGH) | (cell & _LOW)


def chance_of(cell: Any) -> Any:
    """The share of yeses in a cell or in some, (y + 1/2) / (n + 1), in 1/65536: int64.

    Unsigned, they are divided without a look at their signs.
    """
    n, y = np.uint64(cell >> _U16), np.uint64(cell & _LOW)
    return np.int64((((y << _W1) + _W1) << _W16) // ((n + _W1) << _W1))


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
