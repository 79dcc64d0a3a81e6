"""Normalisation: values brought to mean 0 and variance 1, then to a scale and offset learnt."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from narrows.errors import UsageError
from narrows.nn.blocks.base import Arrays, Block, Shape, check_choice
from narrows.nn.flow import Flow

_KINDS = ("batch", "layer")
# What a running statistic keeps of itself when a batch goes by.
_MOMENTUM = 0.9
# Added to a variance, which may be 0.
_SMALLEST_VARIANCE = 1e-5


@dataclass(frozen=True)
class Norm(Block):
    """(x - mean) / sqrt(variance) x scale + offset, with a scale and an offset a channel.

    kind "batch": mean and variance of each channel over the batch while a model learns, and their
    running averages afterwards (Ioffe and Szegedy, arXiv:1502.03167). kind "layer": those of each
    place over its channels (Ba et al., arXiv:1607.06450). Images without channels have one.
    """

    kind: str = "batch"

    name: ClassVar[str] = "norm"

    def __post_init__(self) -> None:
        check_choice(self.name, "kind", self.kind, _KINDS)

    def output_shape(self, shape: Shape) -> Shape:
        if self.kind == "layer" and _channels(shape) == 1:
            raise UsageError(
                f"norm of kind layer needs more than one channel and gets shape {shape}",
                hint='take kind = "batch": one value less its own mean is always 0',
            )
        return shape

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        size = (_channels(shape),)
        return dict.fromkeys(("scale", "offset", *self.statistics()), size)

    def statistics(self) -> tuple[str, ...]:
        return ("mean", "variance") if self.kind == "batch" else ()

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        start = {"scale": 1, "offset": 0, "mean": 0, "variance": 1}
        return {
            name: np.full(size, start[name], np.float32)
            for name, size in self.array_shapes(shape).items()
        }

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        if self.kind == "layer":
            mean = x.mean(axis=-1, keepdims=True)
            variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
        elif flow.training:
            axes = tuple(range(x.ndim if _channels(x.shape[1:]) == 1 else x.ndim - 1))
            mean = x.mean(axis=axes, keepdims=True).reshape(-1)
            variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True).reshape(-1)
            for name, new in (("mean", mean), ("variance", variance)):
                running = arrays[name] + (new - arrays[name]) * (1 - _MOMENTUM)
                flow.updates[f"{flow.prefix}.{name}"] = running
        else:
            mean, variance = arrays["mean"], arrays["variance"]
        normal = (x - mean) / (variance + _SMALLEST_VARIANCE) ** 0.5
        return normal * arrays["scale"] + arrays["offset"]

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        return (self,)


def _channels(shape: Shape) -> int:
    """How many there are: all values of a row, one of an image that has no axis for them."""
    return 1 if len(shape) in (0, 2) else shape[-1]
