"""Blocks: the pieces that encoders and decoders are put together from.

A block is pure description (its fields are what a spec says of it) and knows four things: the
shape it makes of a shape, the arrays it needs, what it computes, and the block that leads back. It
holds no arrays itself, so that a model is text plus named arrays, whoever computes it.

``apply`` takes a batch, items first, and works on NumPy and on JAX arrays alike.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from narrows.errors import UsageError
from narrows.nn.activations import ACTIVATIONS, apply_activation

Shape = tuple[int, ...]
Arrays = Mapping[str, Any]


class Block:
    """The interface of every block. Blocks are final: they derive from this and nothing else."""

    name: ClassVar[str]

    def output_shape(self, shape: Shape) -> Shape:
        """The shape this block makes of an item of ``shape``.

        Raises:
            UsageError: it does not take items of that shape.
        """
        raise NotImplementedError

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The shapes of the arrays it needs for items of ``shape``, by name; empty if none."""
        return {}

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Those arrays before training, float32."""
        return {}

    def apply(self, arrays: Arrays, x: Any) -> Any:
        """What the block makes of a batch ``x`` of shape (n, \\*shape)."""
        raise NotImplementedError

    def mirror(self, shape: Shape, activation: str) -> "Block":
        """The block that leads back to items of ``shape``; ``activation`` ends it if it has one."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The block as a spec writes it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {"block": self.name, **values}


@dataclass(frozen=True)
class Flatten(Block):
    """An item of any shape as one row of values."""

    name: ClassVar[str] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def apply(self, arrays: Arrays, x: Any) -> Any:
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def mirror(self, shape: Shape, activation: str) -> Block:
        return Reshape(shape)


@dataclass(frozen=True)
class Reshape(Block):
    """An item of any shape in another of as many values."""

    shape: Shape

    name: ClassVar[str] = "reshape"

    def __post_init__(self) -> None:
        sizes = self.shape
        if not isinstance(sizes, list | tuple) or not all(_is_size(size) for size in sizes):
            raise UsageError(
                f"reshape to {self.shape!r} does not name a shape",
                hint="give whole numbers of at least 1, as in shape = [28, 28]",
            )
        object.__setattr__(self, "shape", tuple(sizes))

    def output_shape(self, shape: Shape) -> Shape:
        if math.prod(shape) != math.prod(self.shape):
            raise UsageError(
                f"reshape to {self.shape} needs {math.prod(self.shape)} values "
                f"and gets {math.prod(shape)}, in shape {shape}",
            )
        return self.shape

    def apply(self, arrays: Arrays, x: Any) -> Any:
        return x.reshape(len(x), *self.shape)

    def mirror(self, shape: Shape, activation: str) -> Block:
        return Reshape(shape)

    def to_dict(self) -> dict[str, Any]:
        return {"block": self.name, "shape": list(self.shape)}


@dataclass(frozen=True)
class Dense(Block):
    """A fully connected layer: activation(x weight + bias)."""

    units: int
    activation: str = "linear"

    name: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        if not _is_size(self.units):
            raise UsageError(
                f"dense has {self.units!r} units, and needs a whole number of at least 1"
            )
        if self.activation not in ACTIVATIONS:
            raise UsageError(
                f"dense has no activation called {self.activation!r}",
                hint=f"take one of {', '.join(ACTIVATIONS)}",
            )

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise UsageError(
                f"dense ({self.units} units) needs items of one dimension and gets shape {shape}",
                hint='put { block = "flatten" } before it',
            )
        return (self.units,)

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (shape[0], self.units), "bias": (self.units,)}

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Glorot-uniform weights and zero biases (Glorot and Bengio, AISTATS 2010, eq. 16)."""
        limit = math.sqrt(6 / (shape[0] + self.units))
        weight = random.uniform(-limit, limit, (shape[0], self.units)).astype(np.float32)
        return {"weight": weight, "bias": np.zeros(self.units, np.float32)}

    def apply(self, arrays: Arrays, x: Any) -> Any:
        return apply_activation(self.activation, x @ arrays["weight"] + arrays["bias"])

    def mirror(self, shape: Shape, activation: str) -> Block:
        return Dense(shape[0], activation)


#: Every block by the name that a spec gives it.
BLOCKS: dict[str, type[Block]] = {block.name: block for block in (Flatten, Reshape, Dense)}


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
