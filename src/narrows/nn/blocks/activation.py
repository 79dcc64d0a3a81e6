"""An activation as a block of its own, for what comes after a norm or a join."""

from dataclasses import dataclass
from typing import Any, ClassVar

from narrows.nn.activations import apply_activation
from narrows.nn.blocks.base import (
    NOTHING_KEPT,
    Arrays,
    Block,
    KeptShapes,
    Shape,
    check_activation,
)
from narrows.nn.flow import Flow


@dataclass(frozen=True)
class Activation(Block):
    """activation(x), value by value."""

    activation: str

    name: ClassVar[str] = "activation"

    def __post_init__(self) -> None:
        check_activation(self.name, self.activation)

    def output_shape(self, shape: Shape, kept: KeptShapes = NOTHING_KEPT) -> Shape:
        return shape

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        return apply_activation(self.activation, x)

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        # the mirror of the layer after it ends in this activation already
        return ()
