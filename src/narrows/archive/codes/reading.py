"""The blocks of an archive of codes, read as the values that the codes stand for."""

from collections.abc import Callable
from functools import cache

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.blocks import LARGEST_BLOCK, BlockReader
from narrows.archive.codes.decoder import Decoder
from narrows.archive.validation import damaged


def decoded(
    codes: BlockReader, decoder: Callable[[], Decoder], layout: Layout, name: str
) -> Callable[[int, int], np.ndarray]:
    """What :meth:`BlockReader.values` of ``codes``, whose layout is (items, numbers), is of the
    values that they stand for.

    ``decoder`` gives what decodes them, once values are asked for: it may lie in a model file that
    is not there.

    Raises:
        ArchiveError: a block ends within a code, or has too many.
    """
    numbers, size, decode = codes.layout.item_size, layout.item_size, cache(decoder)
    if (codes.starts % numbers).any():
        raise damaged(name, "a block ends within a code")
    counts = np.diff(codes.starts) // numbers
    most = max(LARGEST_BLOCK // (size * layout.dtype.itemsize), 1)
    if counts.max(initial=0) > most:
        raise damaged(name, f"a block has {counts.max():,} codes, and may have {most:,}")

    def values(start: int, stop: int) -> np.ndarray:
        first, last = start // size, -(-stop // size)
        rows = codes.values(first * numbers, last * numbers).reshape(-1, numbers)
        return decode()(rows, layout).reshape(-1)[start - first * size : stop - first * size]

    return values
