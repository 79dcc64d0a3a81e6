"""What travels with a batch on its way through the blocks of a model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Flow:
    """Everything a block may need to know, or leave behind, besides the batch itself.

    Attributes:
        training: whether the pass is one that teaches; blocks that act otherwise then, do.
        key: gives a fresh JAX random key at every call, for blocks that draw; only in training.
        kept: tensors that ``copy`` blocks have kept, by the name they were given.
        updates: new values of statistics, arrays that change without a gradient, by full name.
        penalties: what blocks add to the loss, each summed over the items of the batch.
        prefix: of the names of the block's own arrays, such as ``encoder.3``.
    """

    training: bool = False
    key: Callable[[], Any] | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    updates: dict[str, Any] = field(default_factory=dict)
    penalties: list[Any] = field(default_factory=list)
    prefix: str = ""
