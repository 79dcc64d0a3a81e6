"""Copies that are kept and joined again later: residual and U-shaped nets."""

from dataclasses import dataclass
from typing import Any, ClassVar

from narrows.errors import UsageError
from narrows.nn.blocks.base import Arrays, Block, KeptShapes, Shape, check_choice
from narrows.nn.blocks.shape import Crop
from narrows.nn.flow import Flow

_HOW = ("add", "concatenate")


@dataclass(frozen=True)
class Copy(Block):
    """Lets items through and keeps them under the name ``to`` for a later :class:`Join`."""

    to: str

    name: ClassVar[str] = "copy"
    keeps_range: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_name(self.name, self.to)

    def keeps(self, shape: Shape) -> dict[str, Shape]:
        return {self.to: shape}

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        flow.kept[self.to] = x
        return x

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        """What was added behind a layer is added behind its mirror."""
        return (Join(self.to, "add"),)


@dataclass(frozen=True)
class Join(Block):
    """Items together with what was kept under ``copy``: their sum, or both along the channels."""

    copy: str
    how: str = "add"

    name: ClassVar[str] = "join"

    def __post_init__(self) -> None:
        _check_name(self.name, self.copy)
        check_choice(self.name, "way", self.how, _HOW)

    def joined_shape(self, shape: Shape, kept: KeptShapes) -> Shape:
        if self.copy not in kept:
            raise UsageError(
                f"join takes the copy {self.copy!r}, which no block before it keeps",
                hint=f'put {{ block = "copy", to = "{self.copy}" }} where it is to be kept',
            )
        other = kept[self.copy]
        if self.how == "add":
            if other != shape:
                raise UsageError(
                    f"join adds the copy {self.copy!r} of shape {other}, needs items of the same "
                    f"shape and gets shape {shape}",
                )
            return shape
        if len(shape) not in (1, 3) or shape[:-1] != other[:-1] or len(shape) != len(other):
            raise UsageError(
                f"join concatenates the copy {self.copy!r} of shape {other} with items of shape "
                f"{shape}, and needs rows, or images that differ in nothing but their channels",
            )
        return (*shape[:-1], shape[-1] + other[-1])

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        other = flow.kept[self.copy]
        if self.how == "add":
            return x + other
        return x.__array_namespace__().concatenate((x, other), axis=-1)

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Copy(self.copy),) if self.how == "add" else (Crop(shape),)


def _check_name(block: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise UsageError(
            f"{block} has the copy {name!r}, and needs a name for it",
            hint='give a word in quotes, such as "skip"',
        )
