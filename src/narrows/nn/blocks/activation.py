"""An activation as a block of its own, for what comes after a norm or a join."""

from dataclasses import dataclass
from typing import Any, ClassVar

from narrows.nn.activations import apply_activation
from narrows.nn.blocks.base import Arrays, Block, check_activation
from narrows.nn.flow import Flow


@dataclass(frozen=True)
class Activation(Block):
    """activation(x), value by value."""

    activation: str

    name: ClassVar[str] = "activation"

    def __post_init__(self) -> None:
        check_activation(self.name, self.activation)

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        return apply_activation(self.activation, x)

    # It has no mirror: that of the layer after it ends in this activation already.
