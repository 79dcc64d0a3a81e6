"""What the translations of a spec to PyTorch and to Keras share; see models_speed.py."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.nn.model import Model, apply_part

# Constants of narrows' blocks, which are no options of theirs.
NORM_EPSILON, NORM_MOMENTUM, LOG_VARIANCE_LIMIT = 1e-5, 0.9, 10.0
# And of its likelihood of variational models.
SMALLEST_VARIANCE = 1e-12

# In network units, where values are around 1: summed in another order, and no more.
_TOLERANCE = 2e-4


@dataclass(frozen=True)
class Padding:
    """How many places lie around an image along one axis; less than 0 where some are left out."""

    before: int
    after: int

    def negated(self) -> "Padding":
        return Padding(-self.before, -self.after)


def padding_of(
    block: Any, image: tuple[int, int], windows: tuple[int, int]
) -> tuple[Padding, Padding]:
    """What a convolution lays around an image along both axes, so that its windows fill exactly
    what there is then; a transposed one takes as much away."""
    down, across = (
        _padding(whole, count, kernel, stride, block.padding)
        for whole, count, kernel, stride in zip(
            image, windows, block.kernel, block.stride, strict=True
        )
    )
    return down, across


def _padding(whole: int, windows: int, kernel: int, stride: int, padding: str) -> Padding:
    missing = (windows - 1) * stride + kernel - whole
    before = max(missing, 0) // 2 if padding == "same" else 0
    return Padding(before, missing - before)


def require_same(
    model: Model, name: str, found: np.ndarray, images: np.ndarray, count: int
) -> None:
    """Stop unless another library's net is ``model``.

    Args:
        name: the library's.
        found: what its net makes of the images, in network units.
        images: uint8 (n, 28, 28).
        count: how many numbers its net learns.

    Raises:
        SystemExit: it learns another number of them, or gives other values.
    """
    learnt = parameter_count(model)
    if count != learnt:
        raise SystemExit(f"{name} learns {count:,} numbers, and narrows {learnt:,}")
    values = model.scaling.to_network(images)
    for part in ("encoder", "decoder"):
        values = apply_part(model.spec, part, model.arrays, values)
    farthest = float(np.abs(np.asarray(found) - values).max())
    if not farthest <= _TOLERANCE * max(1.0, float(np.abs(values).max())):
        raise SystemExit(f"{name} gives values that are up to {farthest:.2g} off narrows'")


def parameter_count(model: Model) -> int:
    """How many numbers a gradient changes."""
    statistics = {
        f"{prefix}.{name}"
        for part in ("encoder", "decoder")
        for prefix, block, _ in model.spec.placed(part)
        for name in block.statistics()
    }
    return sum(array.size for name, array in model.arrays.items() if name not in statistics)
