"""Fully connected layers."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from narrows.errors import UsageError
from narrows.nn.activations import apply_activation
from narrows.nn.blocks.base import (
    Arrays,
    Block,
    Shape,
    check_activation,
    check_size,
    glorot_uniform,
)
from narrows.nn.flow import Flow


@dataclass(frozen=True)
class Dense(Block):
    """activation(x weight + bias): arrays weight (values, units) and bias (units,)."""

    units: int
    activation: str = "linear"

    name: ClassVar[str] = "dense"
    is_layer: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_size(self.name, self.units, "units")
        check_activation(self.name, self.activation)

    def output_shape(self, shape: Shape) -> Shape:
        check_row(f"dense ({self.units} units)", shape)
        return (self.units,)

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (shape[0], self.units), "bias": (self.units,)}

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        weight = glorot_uniform((shape[0], self.units), shape[0], self.units, random)
        return {"weight": weight, "bias": np.zeros(self.units, np.float32)}

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        return apply_activation(self.activation, x @ arrays["weight"] + arrays["bias"])

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (Dense(shape[0], activation),)


def check_row(block: str, shape: Shape) -> None:
    """Refuse items that are no row of values."""
    if len(shape) != 1:
        raise UsageError(
            f"{block} needs items of one dimension and gets shape {shape}",
            hint='put { block = "flatten" } before it',
        )
