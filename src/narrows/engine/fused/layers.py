"""The layers of a stack: each block as a matrix, applied at one place of an item or at many."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from narrows.nn.blocks import Block, Conv, ConvTranspose, Dense, Flatten, Gaussian, Reshape, Shape
from narrows.nn.blocks.base import image_shape
from narrows.nn.blocks.convolution import window_places
from narrows.nn.spec import Spec

NO_TAPS = np.zeros((1, 0), np.int64)

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """activation(matrix x + bias), at each place of an item.

    Attributes:
        names: of the arrays that the matrix and the bias are made of, (weight, bias) each, side by
            side.
        shapes: of these weights.
        inputs: columns of the matrix as it is applied; (inputs, outputs) is how it is held.
        outputs: its rows.
        activation: by the name that a spec gives it, or ``gaussian``: means and log variances.
        lays_windows: whether the windows are of the image above, not below.
        taps: the first value of every image place that a window is made of, -1 for none: int64
            (places, taps). Without taps there is one place, and no image.
        run: how many values each tap has.
        bias_size: how many biases there are: as many as an image has channels.
        taken: values of an item that the layer takes.
        width: values that it makes of them.
        given: values of these that the next layer gets.
        beta: of a ``gaussian`` one.
        flipped: whether the matrix is held as (outputs, inputs); see :func:`held`.
    """

    names: tuple[tuple[str, str], ...]
    shapes: tuple[Shape, ...]
    inputs: int
    outputs: int
    activation: str
    bias_size: int
    taken: int
    width: int
    given: int
    lays_windows: bool = False
    taps: np.ndarray = field(default_factory=lambda: NO_TAPS)
    run: int = 0
    beta: float = 0.0
    flipped: bool = False

    @property
    def places(self) -> int:
        return len(self.taps)

    @property
    def has_windows(self) -> bool:
        return self.taps.size > 0

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs

    @property
    def rows(self) -> int:
        return self.outputs if self.flipped else self.inputs

    @property
    def columns(self) -> int:
        return self.inputs if self.flipped else self.outputs

    def packed(self, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
        """The matrix (inputs, outputs) and the bias of named arrays."""
        weights = [self._matrix(arrays[name]) for name, _ in self.names]
        return np.concatenate(weights, axis=1), np.concatenate([arrays[b] for _, b in self.names])

    def unpacked(self, matrix: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
        """The named arrays of a matrix and a bias: copies."""
        arrays = {}
        count = len(self.names)
        weights, biases = np.split(matrix, count, axis=1), np.split(bias, count)
        for (name, bias_name), shape, weight, part in zip(
            self.names, self.shapes, weights, biases, strict=True
        ):
            arrays[name] = np.array((weight.T if self.lays_windows else weight).reshape(shape))
            arrays[bias_name] = part.copy()
        return arrays

    def _matrix(self, weight: np.ndarray) -> np.ndarray:
        rows = weight.reshape(-1, weight.shape[-1])
        return rows.T if self.lays_windows else rows


def layers_of(spec: Spec, part: str) -> list[Layer] | None:
    """The layers of a part, in which shapes do not matter; None where a block is none of them."""
    layers = []
    for prefix, block, shape in spec.placed(part):
        if isinstance(block, Flatten | Reshape):
            continue
        make = _MAKERS.get(type(block))
        if make is None:
            return None
        layers.append(make(prefix, block, shape))
    return layers or None


def fused_layers(spec: Spec) -> list[Layer] | None:
    """The layers of a whole model; None where one of its blocks is no layer of a stack."""
    encoder, decoder = layers_of(spec, "encoder"), layers_of(spec, "decoder")
    return encoder + decoder if encoder and decoder else None


def held(layers: Sequence[Layer]) -> list[Layer]:
    """The layers of a stack, each with its matrix as it is best held.

    What is zero can be left out of a gradient's sums along the rows. So the rows are what goes into
    the stack, often zero, and what comes out of a ReLU, as often; else the smaller side is.
    """
    last = len(layers)
    found = []
    for number, layer in enumerate(layers, 1):
        flipped = layer.inputs >= layer.outputs
        if not layer.has_windows and number == 1:
            flipped = False
        elif not layer.has_windows and number == last and layer.activation == "relu":
            flipped = True
        found.append(replace(layer, flipped=flipped))
    return found


def _dense(prefix: str, block: Dense, shape: Shape) -> Layer:
    inputs, outputs = shape[0], block.units
    names = ((f"{prefix}.weight", f"{prefix}.bias"),)
    return Layer(
        names=names,
        shapes=((inputs, outputs),),
        inputs=inputs,
        outputs=outputs,
        activation=block.activation,
        bias_size=outputs,
        taken=inputs,
        width=outputs,
        given=outputs,
    )


def _gaussian(prefix: str, block: Gaussian, shape: Shape) -> Layer:
    inputs, outputs = shape[0], 2 * block.size
    parts = [f"{prefix}.{part}" for part in ("mean", "log_variance")]
    names = tuple((f"{part}.weight", f"{part}.bias") for part in parts)
    return Layer(
        names=names,
        shapes=((inputs, block.size),) * 2,
        inputs=inputs,
        outputs=outputs,
        activation=Gaussian.name,
        bias_size=outputs,
        taken=inputs,
        width=outputs,
        given=block.size,
        beta=block.beta,
    )


def _conv(prefix: str, block: Conv | ConvTranspose, shape: Shape) -> Layer:
    """A convolution gathers windows of the image below it, its transpose lays them above."""
    lays = isinstance(block, ConvTranspose)
    below, above = image_shape(block.name, shape), block.output_shape(shape)
    height, width, channels = image_shape(block.name, above if lays else below)
    taps = window_places((height, width), block.kernel, block.stride, block.padding)
    window = taps.shape[1] * channels
    inputs, outputs = (below[2], window) if lays else (window, above[2])
    values = math.prod(above)
    return Layer(
        names=((f"{prefix}.weight", f"{prefix}.bias"),),
        shapes=(block.array_shapes(shape)["weight"],),
        inputs=inputs,
        outputs=outputs,
        activation=block.activation,
        lays_windows=lays,
        taps=np.where(taps < 0, -1, taps * channels),
        run=channels,
        bias_size=above[2],
        taken=math.prod(below),
        width=values,
        given=values,
    )


_MAKERS: dict[type[Block], Callable[[str, Any, Shape], Layer]] = {
    Dense: _dense,
    Gaussian: _gaussian,
    Conv: _conv,
    ConvTranspose: _conv,
}
