"""What is learnt while a block is coded, and the settings that the block carries."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from narrows.archive.mixing import contexts
from narrows.archive.mixing.mixer import FIRST_SUM, NODES
from narrows.archive.mixing.mixer_selection import MIXERS, Mixers
from narrows.archive.mixing.probability_map import first_cells
from narrows.archive.mixing.scan_order import ScanOrder

# A row and a column of quiet places is told apart up to so many, and so many planes.
_QUIET_SIDE, _QUIET_PLANES = 32, 4
# A block adds so much to its number of contexts for each number of its mixers.
_A_NUMBER = 64
# Binary digits of the number of cells of a context.
_FEWEST_CELL_BITS, _MOST_CELL_BITS = 12, 22


@dataclass(frozen=True)
class Settings:
    """What is said in front of a block.

    Attributes:
        contexts: how many are looked at, 1 to contexts.COUNT.
        common: the most common value.
        top: the largest.
        mixers: which weigh what the contexts say.
    """

    contexts: int
    common: int
    top: int
    mixers: Mixers

    SIZE = 3

    @classmethod
    def for_values(cls, planes: np.ndarray, contexts: int, mixers: Mixers) -> Self:
        """Those that suit ``planes``, uint8."""
        common = int(np.bincount(planes.ravel(), minlength=256).argmax())
        return cls(contexts, common, int(planes.max()), mixers)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Those that :meth:`to_bytes` wrote.

        Raises:
            ValueError: it did not.
        """
        if len(content) < cls.SIZE:
            raise ValueError("a block is cut short")
        first, common, top = content[: cls.SIZE]
        number, count = divmod(first, _A_NUMBER)
        known = number < len(MIXERS) and 1 <= count <= contexts.COUNT
        if not known or common > top:
            raise ValueError("a block is damaged")
        return cls(count, common, top, MIXERS[number])

    def to_bytes(self) -> bytes:
        """As three bytes."""
        first = MIXERS.index(self.mixers) * _A_NUMBER + self.contexts
        return bytes([first, self.common, self.top])

    @property
    def bits(self) -> int:
        """How many bits are asked for."""
        return self.top.bit_length()


@dataclass
class Learned:
    """All cells and weights.

    Attributes:
        cells: of the contexts, one after the other, uint32 (contexts << bits,).
        bits: each context has 2^bits cells.
        quiet: cells of quiet places.
        mapped: those of the adaptive probability map.
        weights: of all mixers, one after the other, int32 (sets, inputs).
    """

    cells: np.ndarray
    bits: int
    weights: np.ndarray
    quiet: np.ndarray = field(
        default_factory=lambda: np.zeros(_QUIET_SIDE**2 * _QUIET_PLANES, np.uint32)
    )
    mapped: np.ndarray = field(default_factory=first_cells)

    @classmethod
    def nothing(cls, order: ScanOrder, settings: Settings) -> Self:
        """Before the first value."""
        bits = cell_bits(order.count * order.places)
        count = settings.contexts
        weights = np.tile(np.array([FIRST_SUM // count, 0], np.int32), count)
        sets = sum(settings.mixers.cases) * NODES
        return cls(np.zeros(count << bits, np.uint32), bits, np.tile(weights, (sets, 1)))


def cell_bits(values: int) -> int:
    """The binary digits of a context's number of cells, for so many values."""
    return min(max((4 * values).bit_length(), _FEWEST_CELL_BITS), _MOST_CELL_BITS)


def quiet_cells(order: ScanOrder, places: np.ndarray) -> np.ndarray:
    """Where the cells of quiet places are, int64."""
    line, plane = np.divmod(places, order.planes)
    row, column = np.divmod(line, order.columns)
    row = row * min(order.rows, _QUIET_SIDE) // order.rows
    column = column * min(order.columns, _QUIET_SIDE) // order.columns
    return (row * _QUIET_SIDE + column) * _QUIET_PLANES + plane % _QUIET_PLANES
