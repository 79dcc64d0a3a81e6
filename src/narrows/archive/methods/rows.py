"""A column of a table that is coded together with others: see :mod:`narrows.archive.tables`."""

from typing import ClassVar

import numpy as np

from narrows.archive.methods.base import Effort, Method


class Rows(Method):
    """Integers that lie elsewhere in their group of rows: in its block there is nothing of them.

    Nothing else can be coded so, and it is tried only where a table is written.
    """

    name = "rows"
    trained: ClassVar[bool] = True

    def __init__(self, levels: np.ndarray | None = None) -> None:
        """Without ``levels`` it codes nothing; with them, integers (m,), it gives these."""
        self._levels = levels

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        return False

    def encode(self, values: np.ndarray, effort: Effort) -> bytes:
        raise ValueError("columns of a table are coded together")

    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        if self._levels is None or self._levels.shape != shape or content:
            raise ValueError("there are no columns of a table")
        limits = np.iinfo(dtype)
        if self._levels.size and self._levels.max() > limits.max:
            raise ValueError("an integer is too large")
        return self._levels.astype(dtype)
