"""What the mixers' chance was worth before: a last look at how it came out in such cases.

A cell for each part of a value that is known, each size of change around it and each of 36 buckets
of logits counts the answers; what is coded with is the mean of the mixers' chance and the cell's.
"""

import numpy as np

from narrows.archive.mixing.kinds import CHANGES
from narrows.archive.mixing.logistic import LARGEST_LOGIT, ONE, probabilities

#: Buckets are twice this wide.
HALF_BUCKET = 80
BUCKETS = (2 * LARGEST_LOGIT + HALF_BUCKET) // (2 * HALF_BUCKET) + 1
# At first a cell counts as if the mixers had been right so often.
_AT_FIRST = 12
_NODES = 256


def first_cells() -> np.ndarray:
    """The cells before the first answer, uint32."""
    middles = np.arange(BUCKETS) * 2 * HALF_BUCKET - LARGEST_LOGIT
    chances = probabilities()[np.minimum(middles, LARGEST_LOGIT) + LARGEST_LOGIT]
    cells = (_AT_FIRST * ONE + (_AT_FIRST * chances >> 16)).astype(np.uint32)
    return np.tile(cells, _NODES * CHANGES)


def cells_of(nodes: np.ndarray, changes: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Where the cells of values are, int64 (m,)."""
    buckets = (logits + LARGEST_LOGIT + HALF_BUCKET) // (2 * HALF_BUCKET)
    return (nodes * CHANGES + changes) * BUCKETS + buckets
