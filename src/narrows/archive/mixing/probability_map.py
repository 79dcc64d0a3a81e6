"""An adaptive probability map: what the mixers' chance was worth before in such cases.

This is the secondary symbol estimation (SSE) of PAQ: a cell for each part of a value that is known,
each size of change around it and each of 36 buckets of logits counts the answers; what is coded
with is the mean of the mixers' chance and the cell's.
"""

import numpy as np

from narrows.archive.mixing.contexts import Number
from narrows.archive.mixing.logistic import LARGEST_LOGIT, ONE, probabilities
from narrows.archive.mixing.mixer_selection import CHANGES

# Buckets are twice this wide.
_HALF_BUCKET = 80
_BUCKETS = (2 * LARGEST_LOGIT + _HALF_BUCKET) // (2 * _HALF_BUCKET) + 1
# At first a cell counts as if the mixers had been right so often.
_AT_FIRST = 12
_NODES = 256


def first_cells() -> np.ndarray:
    """The cells before the first answer, uint32."""
    middles = np.arange(_BUCKETS) * 2 * _HALF_BUCKET - LARGEST_LOGIT
    chances = probabilities()[np.minimum(middles, LARGEST_LOGIT) + LARGEST_LOGIT]
    cells = (_AT_FIRST * ONE + (_AT_FIRST * chances >> 16)).astype(np.uint32)
    return np.tile(cells, _NODES * CHANGES)


def cell_of(node: Number, change: Number, logit: Number) -> Number:
    """Where the cell of a value is, or the cells of some."""
    bucket = (logit + LARGEST_LOGIT + _HALF_BUCKET) // (2 * _HALF_BUCKET)
    return (node * CHANGES + change) * _BUCKETS + bucket
