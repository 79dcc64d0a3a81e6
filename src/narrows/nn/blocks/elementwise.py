"""Blocks that change each value by itself: an activation of its own, and what leaves values out."""

from dataclasses import dataclass
from typing import Any, ClassVar

from narrows.errors import UsageError
from narrows.nn.activations import apply_activation
from narrows.nn.blocks.base import Arrays, Block, check_activation, is_number
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


@dataclass(frozen=True)
class Dropout(Block):
    """In training each value is 0 with a chance of ``rate`` and otherwise divided by 1 - rate, so
    that its mean stays; else nothing happens (Srivastava et al., JMLR 2014, section 10)."""

    rate: float

    name: ClassVar[str] = "dropout"

    def __post_init__(self) -> None:
        if not is_number(self.rate) or not 0 <= self.rate < 1:
            raise UsageError(
                f"dropout has a rate of {self.rate!r}, and needs a number from 0 to below 1",
                hint="write rate = 0.1 to drop a tenth of the values",
            )

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        if not flow.training or self.rate == 0:
            return x
        assert flow.uniform is not None, "a flow that trains draws"
        xp = x.__array_namespace__()
        return xp.where(flow.uniform(x.shape) >= self.rate, x / (1 - self.rate), xp.zeros_like(x))
