"""Context mixing: what follows from which neighbours is learnt while the data are coded.

Every value is asked for in yes-or-no questions, is it the most common value, and if not, bit by bit
which one it is. For each question several *contexts*, sets of neighbours that are decoded already,
tell how the same question was answered before; *mixers*, layers of weights that learn as they go,
make one probability of what they say; the *coder* spends no more bits than that leaves open.
The decoder learns the same from the same values, so that no model has to be stored. (Mahoney,
"Adaptive Weighing of Context Models for Lossless Data Compression", 2005.)

Everything goes in batches, of values that do not look at one another: many items, or one large
image, give NumPy as much to do at once. It has two ways, which give the same bytes: ``in_numpy``,
and ``compiled`` by Numba, for blocks that are worth it. What looks at neighbours is written once
for both.

Everything is integer arithmetic: a block that was made anywhere opens everywhere.

    blocks.py            a block as bytes, in one stream or several
    scan_order.py        the order of the values
    learned.py           all that is learnt
    logistic.py          probabilities and their logits, as tables made of integers
    contexts.py          neighbours, and the numbers of the contexts they form
    counts.py            how questions were answered before
    mixer_selection.py   which of its weights a mixer uses
    mixer.py             one probability of many
    probability_map.py   how such probabilities came out before
    ans.py               the entropy coder
    in_numpy.py          through the items of a block, batch by batch
    compiled.py          the same with kernels.py, which Numba compiles
    check.py             whether that codes as NumPy does here
"""

from narrows.archive.mixing.blocks import decode_block, encode_block
from narrows.archive.mixing.scan_order import ScanOrder

__all__ = ["ScanOrder", "decode_block", "encode_block"]
