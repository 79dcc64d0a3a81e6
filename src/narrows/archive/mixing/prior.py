"""What was learnt of some data, for others to start from: a prior, as an object and as bytes.

Most cells of a prior have seen next to nothing. Of each context those are kept that have answered
often enough to be worth their bytes, and a bit for every cell says which; the answers and how many
of them were yes follow in the same order, a byte each, then all that is small: cells of quiet
places, of refining, and weights. Each of the four is packed by itself, as xz packs.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from narrows.archive.filters import joined_planes, planes
from narrows.archive.methods.xz import Xz
from narrows.archive.mixing.counts import MANY_ANSWERS, MOST_ANSWERS
from narrows.archive.mixing.learned import (
    FEWEST_CELL_BITS,
    Learned,
    Settings,
    cell_bits,
)
from narrows.archive.mixing.mixer import LARGEST_WEIGHT, first_sets

#: Binary digits of the cells of a context, at most: 294 MB for all contexts.
MOST_BITS = 21
# Cells of fewer answers are forgotten.
_FEWEST_ANSWERS = 4
# The bits, then the packed bytes of cells kept, of answers and of yeses.
_FRONT = struct.Struct("<BIII")


@dataclass(frozen=True)
class Prior:
    """A start that is not from nothing.

    Attributes:
        settings: of every block that starts from it.
        learned: all cells and weights; a block learns on in a copy.
    """

    settings: Settings
    learned: Learned

    @classmethod
    def before(cls, settings: Settings, values: int) -> Self:
        """One that has learnt nothing yet, and shall learn from so many values."""
        return cls(settings, Learned.blank(settings, cell_bits(values, MOST_BITS)))

    def to_bytes(self) -> bytes:
        """As bytes, cells of few answers left out."""
        learned = self.learned
        answers = (learned.cells >> np.uint32(16)).astype(np.uint8)
        kept = answers >= _FEWEST_ANSWERS
        pieces = [
            np.packbits(kept).tobytes(),
            answers[kept].tobytes(),
            (learned.cells[kept] & np.uint32(0xFF)).astype(np.uint8).tobytes(),
            b"".join(planes(array) for array in _small(self.settings, learned)),
        ]
        packed = [Xz().compress(piece, "fast") for piece in pieces]
        front = _FRONT.pack(learned.bits, *map(len, packed[:-1]))
        return self.settings.to_bytes() + front + b"".join(packed)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What :meth:`to_bytes` made.

        Raises:
            ValueError: it did not.
        """
        settings, place = Settings.from_bytes(content), Settings.SIZE + _FRONT.size
        if len(content) < place:
            raise ValueError("a prior is cut short")
        bits, *sizes = _FRONT.unpack_from(content, Settings.SIZE)
        if not FEWEST_CELL_BITS <= bits <= MOST_BITS or place + sum(sizes) > len(content):
            raise ValueError("a prior is damaged")
        packed = []
        for size in [*sizes, len(content)]:
            packed.append(content[place : place + size])
            place += size
        learned, unpack = Learned.blank(settings, bits), Xz().decompress
        kept = np.unpackbits(np.frombuffer(unpack(packed[0], len(learned.cells) // 8), np.uint8))
        count = int(kept.sum())
        answers, yeses = (
            np.frombuffer(unpack(each, count), np.uint8).astype(np.uint32) for each in packed[1:3]
        )
        learned.cells[kept.astype(bool)] = answers << np.uint32(16) | yeses
        small = _small(settings, learned)
        _fill(small, unpack(packed[3], sum(array.nbytes for array in small)))
        _check(learned)
        return cls(settings, learned)


def _small(settings: Settings, learned: Learned) -> list[np.ndarray]:
    """What is not cells of contexts: views of the cells of quiet places, of those of refining and
    of each mixer's weights."""
    weights = np.split(learned.weights, first_sets(settings.mixers)[1:])
    return [learned.quiet, learned.refined, *weights]


def _fill(arrays: Sequence[np.ndarray], content: bytes) -> None:
    """Give arrays the values that lie in ``content``, one after the other."""
    place = 0
    for array in arrays:
        piece = content[place : place + array.nbytes]
        array[...] = joined_planes(piece, array.dtype.newbyteorder("<")).reshape(array.shape)
        place += array.nbytes


def _check(learned: Learned) -> None:
    """Make sure that sums of cells and weights stay as small as they are while they are learnt.

    Raises:
        ValueError: a cell or a weight is none that was learnt.
    """
    limits = (
        (learned.cells, MOST_ANSWERS),
        (learned.quiet, MANY_ANSWERS),
        (learned.refined, MANY_ANSWERS),
    )
    for cells, most in limits:
        answers = cells >> np.uint32(16)
        if (answers > most).any() or ((cells & np.uint32(0xFFFF)) > answers).any():
            raise ValueError("a prior has a cell that there is not")
    if (np.abs(learned.weights.astype(np.int64)) > LARGEST_WEIGHT).any():
        raise ValueError("a prior has a weight that there is not")
