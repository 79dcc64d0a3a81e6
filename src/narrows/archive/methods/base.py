"""What every method of coding is: a block of integers to bytes and back, exactly.

A method that has been trained, or keeps tables, brings them as *parts* of the archive and as
*settings* in its header, and is made from both when the archive is opened.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from narrows.errors import ArchiveError

Effort = Literal["fast", "normal", "best"]
EFFORTS: tuple[Effort, ...] = ("fast", "normal", "best")

#: Gives a part of the archive by name, its checksum compared.
ReadPart = Callable[[str], bytes]


class Method(ABC):
    """Codes blocks of integers. What it decodes is what it was given, on every machine."""

    #: As headers, tables and messages call it.
    name: ClassVar[str]
    #: Whether filters may stand before it, which lose the items' shape.
    filtered: ClassVar[bool] = True
    #: The most bytes of values that it is tried on, at each effort.
    tried_up_to: ClassVar[Mapping[Effort, float]] = dict.fromkeys(EFFORTS, math.inf)
    #: The fewest, where it takes long to start and there is little to gain.
    tried_from: ClassVar[Mapping[Effort, float]] = dict.fromkeys(EFFORTS, 0)
    #: Whether it is made for data at hand: tried only where it is given.
    trained: ClassVar[bool] = False
    #: The most bytes of a block that a byte of its code can stand for.
    largest_expansion: ClassVar[int] = 1 << 26
    #: Whether it is tried what items take alone.
    tried_alone: ClassVar[bool] = True
    #: What to install where it is not available.
    needs: ClassVar[str | None] = None

    @classmethod
    def from_archive(cls, settings: Mapping[str, Any], read_part: ReadPart) -> "Method":
        """The method that a header describes.

        Raises:
            ArchiveError, LookupError, TypeError, ValueError: the settings or parts are none.
        """
        return cls()

    def settings(self) -> dict[str, Any]:
        """What the header must say besides the name; not ``levels``, ``filters`` or ``method``."""
        return {}

    def parts(self) -> dict[str, bytes]:
        """Parts of the archive that it needs, such as ``model`` and ``tables``, by name."""
        return {}

    def available(self) -> bool:
        """Whether the libraries that it needs are installed."""
        return True

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        """Whether it codes a block of this shape and dtype at all."""
        return True

    def require_available(self, name: str) -> None:
        """Make sure that what the archive ``name`` is coded with can be decoded here.

        Raises:
            ArchiveError: a library is not installed.
        """
        if not self.available():
            raise ArchiveError(
                f"{name} is coded with {self.name}, which is not installed here",
                hint=f"install it: {self.needs}",
            )

    @abstractmethod
    def encode(self, values: np.ndarray, effort: Effort) -> bytes:
        """Code a block: integers of any shape that it takes; the first axis counts the items.

        Raises:
            ValueError: it cannot code these values.
        """

    @abstractmethod
    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """The block of ``shape`` and ``dtype`` that :meth:`encode` made ``content`` of.

        Takes no more memory than a small multiple of the block, whatever ``content`` is.

        Raises:
            Exception: of any kind, where ``content`` is not what :meth:`encode` made.
        """
