"""Blocks: the pieces that encoders and decoders are put together from, one family a module."""

from narrows.nn.blocks.base import Arrays, Block, KeptShapes, Shape
from narrows.nn.blocks.convolution import Conv, ConvTranspose
from narrows.nn.blocks.dense import Dense
from narrows.nn.blocks.elementwise import Activation, Dropout
from narrows.nn.blocks.gaussian import Gaussian
from narrows.nn.blocks.joining import Copy, Join
from narrows.nn.blocks.normalisation import Norm
from narrows.nn.blocks.patches import Patch, Unpatch
from narrows.nn.blocks.pooling import Pool, Upsample
from narrows.nn.blocks.rounded import Rounded
from narrows.nn.blocks.shape import Crop, Flatten, Pad, Reshape

__all__ = [
    "BLOCKS",
    "Activation",
    "Arrays",
    "Block",
    "Conv",
    "ConvTranspose",
    "Copy",
    "Crop",
    "Dense",
    "Dropout",
    "Flatten",
    "Gaussian",
    "Join",
    "KeptShapes",
    "Norm",
    "Pad",
    "Patch",
    "Pool",
    "Reshape",
    "Rounded",
    "Shape",
    "Unpatch",
    "Upsample",
]

#: Every block by the name that a spec gives it.
BLOCKS: dict[str, type[Block]] = {
    block.name: block
    for block in (
        Dense,
        Conv,
        ConvTranspose,
        Patch,
        Unpatch,
        Pool,
        Upsample,
        Norm,
        Dropout,
        Activation,
        Copy,
        Join,
        Crop,
        Pad,
        Flatten,
        Reshape,
        Gaussian,
        Rounded,
    )
}
