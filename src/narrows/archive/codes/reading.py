"""The blocks of an archive of codes, read as the values that the codes stand for."""

from collections.abc import Callable
from functools import cache

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.blocks import LARGEST_BLOCK, BlockReader
from narrows.archive.codes.decoder import Decoder
from narrows.archive.validation import damaged


class DecodedBlocks:
    """What :class:`narrows.archive.blocks.BlockReader` is, of codes that are decoded on the way.

    Attributes:
        layout: of the array that the codes stand for.
        starts: the number of the first value of each block, and of the one behind the last.
    """

    def __init__(
        self, codes: BlockReader, decoder: Callable[[], Decoder], layout: Layout, name: str
    ) -> None:
        """Read the blocks of ``codes``, whose layout is (items, numbers).

        ``decoder`` gives what decodes them, once values are asked for: it may lie in a model file
        that is not there.

        Raises:
            ArchiveError: a block ends within a code, or has too many.
        """
        self.layout = layout
        self._codes, self._decoder = codes, cache(decoder)
        self._numbers = codes.layout.item_size
        if (codes.starts % self._numbers).any():
            raise damaged(name, "a block ends within a code")
        counts = np.diff(codes.starts) // self._numbers
        most = max(LARGEST_BLOCK // (layout.item_size * layout.dtype.itemsize), 1)
        if counts.max(initial=0) > most:
            raise damaged(name, f"a block has {counts.max():,} codes, and may have {most:,}")
        self.starts = codes.starts // self._numbers * layout.item_size

    def __len__(self) -> int:
        return len(self._codes)

    def methods(self) -> dict[str, int]:
        """How many blocks each pipeline has coded, by its name."""
        return self._codes.methods()

    def content(self, number: int) -> bytes:
        """The bytes of a block, its checksum compared.

        Raises:
            ArchiveError: it is damaged.
        """
        return self._codes.content(number)

    def values(self, start: int, stop: int) -> np.ndarray:
        """The values from number ``start`` up to ``stop``, flat, from no more blocks than needed.

        Raises:
            ArchiveError: one of these blocks is damaged.
        """
        size, numbers = self.layout.item_size, self._numbers
        first, last = start // size, -(-stop // size)
        codes = self._codes.values(first * numbers, last * numbers).reshape(-1, numbers)
        items = self._decoder()(codes, self.layout)
        return items.reshape(-1)[start - first * size : stop - first * size]
