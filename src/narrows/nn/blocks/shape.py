"""Blocks that only move values, leave some out, or put zeros beside them."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from narrows.errors import UsageError
from narrows.nn.blocks.base import Arrays, Block, Shape, as_shape
from narrows.nn.flow import Flow


@dataclass(frozen=True)
class Flatten(Block):
    """An item of any shape as one row of values."""

    name: ClassVar[str] = "flatten"
    keeps_range: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Reshape(shape),)


@dataclass(frozen=True)
class Reshape(Block):
    """An item of any shape in another of as many values."""

    shape: Shape

    name: ClassVar[str] = "reshape"
    keeps_range: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.name, self.shape))

    def output_shape(self, shape: Shape) -> Shape:
        if math.prod(shape) != math.prod(self.shape):
            raise UsageError(
                f"reshape to {self.shape} needs {math.prod(self.shape)} values "
                f"and gets {math.prod(shape)}, in shape {shape}",
            )
        return self.shape

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        return x.reshape(len(x), *self.shape)

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Reshape(shape),)


@dataclass(frozen=True)
class Crop(Block):
    """The part of an item that has ``shape``: the middle of an image, the first of its channels,
    the first of a row."""

    shape: Shape

    name: ClassVar[str] = "crop"
    keeps_range: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.name, self.shape))

    def output_shape(self, shape: Shape) -> Shape:
        if not _is_within(self.shape, shape):
            raise UsageError(
                f"crop to {self.shape} needs items at least as large along as many dimensions and "
                f"gets shape {shape}",
            )
        return self.shape

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        starts = _starts(self.shape, x.shape[1:])
        parts = (slice(start, start + size) for start, size in zip(starts, self.shape, strict=True))
        return x[(slice(None), *parts)]

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Pad(shape),)


@dataclass(frozen=True)
class Pad(Block):
    """An item with zeros beside it, so that it has ``shape`` and :class:`Crop` gives it back."""

    shape: Shape

    name: ClassVar[str] = "pad"
    keeps_range: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", as_shape(self.name, self.shape))

    def output_shape(self, shape: Shape) -> Shape:
        if not _is_within(shape, self.shape):
            raise UsageError(
                f"pad to {self.shape} needs items no larger along as many dimensions and gets "
                f"shape {shape}",
            )
        return self.shape

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        sizes = x.shape[1:]
        beside = [
            (start, whole - start - size)
            for start, whole, size in zip(
                _starts(sizes, self.shape), self.shape, sizes, strict=True
            )
        ]
        return x.__array_namespace__().pad(x, [(0, 0), *beside])

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Crop(shape),)


def _is_within(small: Shape, large: Shape) -> bool:
    return len(small) == len(large) and all(a <= b for a, b in zip(small, large, strict=True))


def _starts(small: Shape, large: Shape) -> Shape:
    """Where ``small`` begins within ``large``: centred along height and width."""
    image_axes = 2 if len(large) in (2, 3) else 0
    return tuple(
        (whole - size) // 2 if axis < image_axes else 0
        for axis, (size, whole) in enumerate(zip(small, large, strict=True))
    )
