"""Context mixing: what follows from which neighbours is learnt while the data are coded.

Every value is asked for in yes-or-no questions, is it the most common value, and if not, bit by bit
which one it is. For each question several *contexts*, sets of neighbours that are decoded already,
tell how the same question was answered before; a *mixer*, a layer of weights that learns as it
goes, makes one probability of what they say; the *coder* spends no more bits than that leaves open.
The decoder learns the same from the same values, so that no model has to be stored. (Mahoney,
"Adaptive Weighing of Context Models for Lossless Data Compression", 2005.)

All items of a block advance together, one value at a time: NumPy works on all of them at once, and
a question that many of them ask alike is answered once.

Everything is integer arithmetic, or sums of integers in float64 that stay below 2^53, which are
exact in any order: a block that was made anywhere opens everywhere.

    logistic.py   probabilities and their logits, as tables made of integers
    contexts.py   neighbours, and the numbers of the contexts they form
    counts.py     how questions were answered before
    mixer.py      one probability of many
    ans.py        the entropy coder
    walk.py       through the values of a block, one place after the other
"""

from narrows.codec.mixing.walk import decode_block, encode_block

__all__ = ["decode_block", "encode_block"]
