"""Codes of whole numbers, and what it takes to store them."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from narrows.errors import UsageError
from narrows.nn.activations import apply_activation
from narrows.nn.blocks.base import Arrays, Block, Shape, check_size, glorot_uniform, is_number
from narrows.nn.blocks.dense import check_row
from narrows.nn.flow import Flow

# Nats in a byte.
_BYTE = 8 * math.log(2)
# What a nat costs before training, in squared network units; and by how much of its logarithm the
# price follows at each step what the codes take too much: within some hundred steps it is right.
_FIRST_PRICE, _PRICE_RATE = 1e-2, 1e-2
# Where codes may take more than they can use, the price would fall for as long as that lasts, and
# take as long to come back when they have grown.
_LEAST_PRICE = 1e-6
#: Logarithms of inverse widths stay within this.
WIDEST_LOG = 4.0
_LEAST_CHANCE = 1e-9


@dataclass(frozen=True)
class Rounded(Block):
    """Each number rounded to a whole one; in training noise of up to half of one in its place.

    How likely a whole number is, is what a logistic distribution has between half a number below
    and above it. Its middle and width are said by two layers from the numbers before (a masked
    network: Germain et al., arXiv:1502.03509), so that numbers may tell of one another. The
    logarithm of that is what an item takes in a file, and is added to the loss at a price that
    follows it until the items take ``item_bytes`` on average (noise and rate: Balle, Laparra and
    Simoncelli, arXiv:1611.01704; the price: Rezende and Viola, arXiv:1810.00597).
    """

    item_bytes: float
    context: int = 128

    name: ClassVar[str] = "rounded"

    def __post_init__(self) -> None:
        check_size(self.name, self.context, "units of context")
        if not is_number(self.item_bytes) or self.item_bytes <= 0:
            raise UsageError(
                f"rounded has {self.item_bytes!r} as item_bytes, and needs a number above 0",
                hint="write item_bytes = 10 for codes of ten bytes an item",
            )

    def output_shape(self, shape: Shape) -> Shape:
        check_row(self.name, shape)
        return shape

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        (size,) = shape
        return {
            "context.weight": (size, self.context),
            "context.bias": (self.context,),
            "middle.weight": (self.context, size),
            "middle.bias": (size,),
            "width.weight": (self.context, size),
            "width.bias": (size,),
            "price": (),
        }

    def statistics(self) -> tuple[str, ...]:
        return ("price",)

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        """A price to start with, and no distribution that depends on another number yet."""
        arrays = {
            name: np.zeros(size, np.float32) for name, size in self.array_shapes(shape).items()
        }
        size = (shape[0], self.context)
        arrays["context.weight"] = glorot_uniform(size, *size, random)
        arrays["price"] = np.array(_FIRST_PRICE, np.float32)
        return arrays

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        xp = x.__array_namespace__()
        if not flow.training:
            return xp.round(x)
        assert flow.uniform is not None, "a flow that trains draws"
        x = x + flow.uniform(x.shape) - 0.5
        nats = code_lengths(arrays, x).sum(dtype=np.float32)
        flow.penalties.append(arrays["price"] * nats)
        # log of what the codes take over what they may, at most one either way
        excess = xp.log((nats + 1e-9) / (len(x) * self.item_bytes * _BYTE))
        change = xp.exp(_PRICE_RATE * xp.clip(excess, -1, 1))
        price = xp.maximum(arrays["price"] * change, xp.float32(_LEAST_PRICE))
        flow.updates[f"{flow.prefix}.price"] = price
        return x


def context_degrees(size: int, units: int) -> np.ndarray:
    """How many numbers, from the first on, each unit of the context sees: int64 (units,)."""
    return 1 + np.arange(units) * max(size - 1, 1) // units


def context_masks(size: int, units: int) -> tuple[np.ndarray, np.ndarray]:
    """What of the weights to the context (size, units) and from it (units, size) there is: number i
    is told of by units that see no more than those before it."""
    degrees, numbers = context_degrees(size, units), np.arange(size)
    seen = numbers[:, None] < degrees
    told = degrees[:, None] <= numbers
    return seen.astype(np.float32), told.astype(np.float32)


def distributions(arrays: Arrays, codes: Any) -> tuple[Any, Any]:
    """The middle of each number's distribution, and the logarithm of one over its width before that
    is cut: (n, size) each, of codes (n, size)."""
    seen, told = context_masks(*arrays["context.weight"].shape)
    context = codes @ (arrays["context.weight"] * seen) + arrays["context.bias"]
    context = apply_activation("silu", context)
    middles = context @ (arrays["middle.weight"] * told) + arrays["middle.bias"]
    widths = context @ (arrays["width.weight"] * told) + arrays["width.bias"]
    return middles, widths


def code_lengths(arrays: Arrays, codes: Any) -> Any:
    """What each number of ``codes`` (n, size) takes, in nats: float32 (n, size)."""
    return chance_lengths(codes, *distributions(arrays, codes))


def chance_lengths(codes: Any, middles: Any, widths: Any) -> Any:
    """-log of the chance of each whole number, by the middle of its distribution and the logarithm
    of one over its width, before that is cut: arrays of one shape in, one of that shape out."""
    xp = codes.__array_namespace__()
    # within the limit, with a slope everywhere
    sharpness = xp.exp(widths / (1 + abs(widths) / WIDEST_LOG))
    # the logistic distribution is symmetric: taken where both ends are below the middle, the
    # difference keeps its digits; far out it is rounding, and may be less than nothing
    distance = -abs(codes - middles)
    above, below = ((distance + half) * sharpness for half in (0.5, -0.5))
    chance = apply_activation("sigmoid", above) - apply_activation("sigmoid", below)
    return -xp.log(xp.maximum(chance, 0) + _LEAST_CHANCE)
