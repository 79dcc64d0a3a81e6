"""What travels with a batch on its way through the blocks of a model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Flow:
    """Everything a block may need to know, or leave behind, besides the batch itself.

    The functions that draw come from the engine, which knows the kind of array that it computes
    with. Each call of one gives other numbers, float32 of the shape that it is given.

    Attributes:
        training: whether the pass is one that teaches; blocks that act otherwise then, do.
        uniform: draws from [0, 1), for blocks that are random in training.
        normal: draws from the standard normal distribution, likewise.
        kept: tensors that ``copy`` blocks have kept, by the name they were given.
        updates: new values of statistics, arrays that change without a gradient, by full name.
        penalties: what blocks add to the loss, each summed over the items of the batch.
        prefix: of the names of the block's own arrays, such as ``encoder.3``.
    """

    training: bool = False
    uniform: Callable[[tuple[int, ...]], Any] | None = None
    normal: Callable[[tuple[int, ...]], Any] | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    updates: dict[str, Any] = field(default_factory=dict)
    penalties: list[Any] = field(default_factory=list)
    prefix: str = ""
