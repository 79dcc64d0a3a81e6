"""Space to depth and back: patches of an image as channels, and channels as patches."""

from dataclasses import dataclass
from typing import Any, ClassVar

from narrows.errors import UsageError
from narrows.nn.blocks.base import Arrays, Block, Shape, as_pair, image_shape, with_channels
from narrows.nn.blocks.shape import Reshape
from narrows.nn.flow import Flow


@dataclass(frozen=True)
class Patch(Block):
    """Each patch of ``size`` becomes one place whose channels are the patch's values, by row,
    column and channel: (h, w, c) to (h / size, w / size, size x size x c)."""

    size: int | tuple[int, int]

    name: ClassVar[str] = "patch"
    keeps_range: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_pair(self.name, "size", self.size))

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = image_shape(self.name, shape)
        high, wide = as_pair(self.name, "size", self.size)
        if height % high or width % wide:
            whole = [-(-height // high) * high, -(-width // wide) * wide, *shape[2:]]
            raise UsageError(
                f"patch of {high} by {wide} needs a height and a width that it divides and gets "
                f"shape {shape}",
                hint=f'put {{ block = "pad", shape = {whole} }} before it',
            )
        return height // high, width // wide, high * wide * channels

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        return to_patches(with_channels(x), as_pair(self.name, "size", self.size))

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        back = Unpatch(self.size)
        return (back,) if len(shape) == 3 else (back, Reshape(shape))


@dataclass(frozen=True)
class Unpatch(Block):
    """The inverse of :class:`Patch`: channels become a patch of ``size`` of fewer channels."""

    size: int | tuple[int, int]

    name: ClassVar[str] = "unpatch"
    keeps_range: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_pair(self.name, "size", self.size))

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = image_shape(self.name, shape)
        high, wide = as_pair(self.name, "size", self.size)
        if channels % (high * wide):
            raise UsageError(
                f"unpatch of {high} by {wide} needs a multiple of {high * wide} channels and gets "
                f"{channels}, in shape {shape}",
            )
        return height * high, width * wide, channels // (high * wide)

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        return from_patches(with_channels(x), as_pair(self.name, "size", self.size))

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        back = Patch(self.size)
        return (back,) if len(shape) == 3 else (back, Reshape(shape))


def to_patches(x: Any, size: tuple[int, int]) -> Any:
    """(n, h, w, c) to (n, h / size, w / size, size x size x c)."""
    count, height, width, channels = x.shape
    high, wide = size
    x = x.reshape(count, height // high, high, width // wide, wide, channels)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, height // high, width // wide, high * wide * channels)


def from_patches(x: Any, size: tuple[int, int]) -> Any:
    """(n, h, w, size x size x c) to (n, h x size, w x size, c)."""
    count, height, width, channels = x.shape
    high, wide = size
    depth = channels // (high * wide)
    x = x.reshape(count, height, width, high, wide, depth).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(count, height * high, width * wide, depth)
