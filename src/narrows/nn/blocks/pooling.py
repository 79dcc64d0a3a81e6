"""Pooling, and repetition as its way back."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from narrows.errors import UsageError
from narrows.nn.blocks.base import Arrays, Block, Shape, as_pair, check_choice, image_shape
from narrows.nn.flow import Flow

_KINDS = ("max", "mean")


@dataclass(frozen=True)
class Pool(Block):
    """The largest value or the mean of each window of ``size``, channel by channel.

    Windows lie side by side. Where they do not divide an image, the last ones are smaller and hold
    what is left.
    """

    size: int | tuple[int, int] = (2, 2)
    kind: str = "max"

    name: ClassVar[str] = "pool"
    keeps_range: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_pair(self.name, "size", self.size))
        check_choice(self.name, "kind", self.kind, _KINDS)

    def output_shape(self, shape: Shape) -> Shape:
        image_shape(self.name, shape)
        return (*_windows(shape[:2], as_pair(self.name, "size", self.size)), *shape[2:])

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        if self.kind == "max":
            return self._in_windows(x, -math.inf).max(axis=(2, 4))
        # ones where there are values: what each window's sum is divided by
        there = self._in_windows(np.ones((1, *x.shape[1:3]), np.float32), 0).sum(axis=(2, 4))
        sums = self._in_windows(x, 0).sum(axis=(2, 4))
        return sums / there.reshape(*there.shape, *[1] * (x.ndim - 3)).astype(x.dtype)

    def _in_windows(self, x: Any, beside: float) -> Any:
        """(n, h, w, ...) as (n, rows, high, columns, wide, ...), filled up with ``beside``."""
        high, wide = as_pair(self.name, "size", self.size)
        rows, columns = _windows(x.shape[1:3], (high, wide))
        missing = (rows * high - x.shape[1], columns * wide - x.shape[2])
        if any(missing):
            xp = x.__array_namespace__()
            edges = [(0, 0), (0, missing[0]), (0, missing[1]), *[(0, 0)] * (x.ndim - 3)]
            x = xp.pad(x, edges, constant_values=beside)
        return x.reshape(len(x), rows, high, columns, wide, *x.shape[3:])

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Upsample(self.size, (shape[0], shape[1])),)


@dataclass(frozen=True)
class Upsample(Block):
    """Each value repeated over a window of ``size``; ``to`` (height, width) cuts the last ones."""

    size: int | tuple[int, int] = (2, 2)
    to: int | tuple[int, int] | None = None

    name: ClassVar[str] = "upsample"
    keeps_range: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_pair(self.name, "size", self.size))
        if self.to is not None:
            object.__setattr__(self, "to", as_pair(self.name, "to", self.to))

    def output_shape(self, shape: Shape) -> Shape:
        image_shape(self.name, shape)
        to, window = self._to(shape), as_pair(self.name, "size", self.size)
        if _windows(to, window) != shape[:2]:
            raise UsageError(
                f"upsample to {to} by windows of {window} needs {_windows(to, window)} of them "
                f"and gets shape {shape}",
                hint="leave out what it is to be cut to",
            )
        return (*to, *shape[2:])

    def _to(self, shape: Shape) -> tuple[int, int]:
        if self.to is not None:
            return as_pair(self.name, "to", self.to)
        high, wide = as_pair(self.name, "size", self.size)
        return shape[0] * high, shape[1] * wide

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        height, width = self._to(x.shape[1:])
        high, wide = as_pair(self.name, "size", self.size)
        repeat = x.__array_namespace__().repeat
        x = repeat(repeat(x, high, axis=1), wide, axis=2)
        return x[:, :height, :width]

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Pool(self.size, "mean"),)


def _windows(sizes: Shape, window: tuple[int, int]) -> tuple[int, int]:
    """How many windows cover a height and a width."""
    return -(-sizes[0] // window[0]), -(-sizes[1] // window[1])
