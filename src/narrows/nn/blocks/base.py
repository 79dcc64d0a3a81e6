"""What every block is, and the checks that their options share.

A block is pure description (its fields are what a spec says of it) and knows four things: the
shape it makes of a shape, the arrays it needs, what it computes, and the blocks that lead back. It
holds no arrays itself, so that a model is text plus named arrays, whoever computes it.

``apply`` takes a batch, items first and channels last, and works on NumPy and on JAX arrays alike.
"""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np

from narrows.errors import UsageError
from narrows.nn.activations import ACTIVATIONS
from narrows.nn.flow import Flow

Shape = tuple[int, ...]
Arrays = Mapping[str, Any]
#: The shapes of tensors that copy blocks have kept, by the name they were given.
KeptShapes = Mapping[str, Shape]


class Block:
    """The interface of every block. Blocks are final: they derive from this and nothing else."""

    #: What a spec calls it.
    name: ClassVar[str]
    #: Whether its weights make new values of those it gets, so that its mirror can end anyhow.
    is_layer: ClassVar[bool] = False
    #: Whether a range that holds 0 and its inputs, such as 0..1, holds its outputs too.
    keeps_range: ClassVar[bool] = False

    def output_shape(self, shape: Shape) -> Shape:
        """The shape this block makes of an item of ``shape``, where it is another.

        Raises:
            UsageError: it does not take items of that shape.
        """
        return shape

    def joined_shape(self, shape: Shape, kept: KeptShapes) -> Shape:
        """The same where there are copies that it may join."""
        return self.output_shape(shape)

    def keeps(self, shape: Shape) -> dict[str, Shape]:
        """The shapes of the tensors it keeps for blocks after it, by name; empty if none."""
        return {}

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The shapes of the arrays it needs for items of ``shape``, by name; empty if none."""
        return {}

    def statistics(self) -> tuple[str, ...]:
        """Which of those arrays change by :attr:`Flow.updates` and not by a gradient."""
        return ()

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Those arrays before training, float32."""
        return {}

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        """What the block makes of a batch ``x`` of shape (n, \\*shape)."""
        raise NotImplementedError

    def mirror(self, shape: Shape, activation: str) -> tuple["Block", ...]:
        """The blocks that lead back to items of ``shape``, where there is a way to go; a layer
        among them ends in ``activation``."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """The block as a spec writes it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }
        return {"block": self.name, **plain}


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and -math.inf < value < math.inf


def is_size(value: Any) -> bool:
    """Whether it is a whole number of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def check_size(block: str, value: Any, unit: str) -> None:
    """Refuse a number of ``unit`` that is no whole number of at least 1."""
    if not is_size(value):
        raise UsageError(
            f"{block} has {value!r} {unit}, and needs a whole number of at least 1",
        )


def check_choice(block: str, option: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse a value of ``option`` that is none of ``choices``."""
    if value not in choices:
        raise UsageError(
            f"{block} has no {option} called {value!r}", hint=f"take one of {', '.join(choices)}"
        )


def check_activation(block: str, activation: Any) -> None:
    """Refuse what is no activation's name."""
    check_choice(block, "activation", activation, ACTIVATIONS)


def as_pair(block: str, option: str, value: Any) -> tuple[int, int]:
    """A height and a width, given as both or as one number for both."""
    sizes = [value, value] if isinstance(value, int) else value
    if not isinstance(sizes, list | tuple) or len(sizes) != 2 or not all(map(is_size, sizes)):
        raise UsageError(
            f"{block} has {option} {value!r}, and needs one or two whole numbers of at least 1",
            hint=f"write {option} = 3, or {option} = [3, 5] for 3 high and 5 wide",
        )
    return sizes[0], sizes[1]


def as_shape(block: str, value: Any) -> Shape:
    """A shape as a spec writes it, as a tuple."""
    if not isinstance(value, list | tuple) or not all(map(is_size, value)):
        raise UsageError(
            f"{block} to {value!r} does not name a shape",
            hint="give whole numbers of at least 1, as in shape = [28, 28]",
        )
    return tuple(value)


def image_shape(block: str, shape: Shape) -> tuple[int, int, int]:
    """Height, width and channels of an image: (h, w, c), or (h, w) with one channel.

    Raises:
        UsageError: items of ``shape`` are no images.
    """
    if len(shape) not in (2, 3):
        raise UsageError(
            f"{block} needs images of shape (height, width) or (height, width, channels) and gets "
            f"shape {shape}",
            hint='put { block = "reshape", shape = [height, width, channels] } before it',
        )
    return (*shape, 1)[:3]  # type: ignore[return-value]


def with_channels(x: Any) -> Any:
    """A batch of images as (n, h, w, c), where those without channels have one."""
    return x if x.ndim == 4 else x[..., None]


def glorot_uniform(
    shape: Shape, inputs: int, outputs: int, random: np.random.Generator
) -> np.ndarray:
    """Weights within sqrt(6 / (inputs + outputs)) of 0 (Glorot and Bengio, AISTATS 2010, eq. 16).

    ``inputs`` and ``outputs`` are how many values each sum takes and how many sums each takes part
    in: for a convolution its channels times its kernel's size.
    """
    limit = math.sqrt(6 / (inputs + outputs))
    return random.uniform(-limit, limit, shape).astype(np.float32)
