"""Convolution and its transpose, each as one matrix product.

XLA's own convolution is slow on CPUs inside a compiled loop, a matrix product is not: every place's
window is laid out as a row, and rows are multiplied by the kernel as a matrix. The rows are put
together from plain slices of the image's phases (its places modulo the stride), never strided
ones, so that the way back for gradients is as cheap.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from narrows.errors import UsageError
from narrows.nn.activations import apply_activation
from narrows.nn.blocks.base import (
    Arrays,
    Block,
    Shape,
    as_pair,
    check_activation,
    check_choice,
    check_size,
    glorot_uniform,
    image_shape,
    with_channels,
)
from narrows.nn.blocks.patches import from_patches, to_patches
from narrows.nn.blocks.shape import Reshape
from narrows.nn.flow import Flow

Pair = tuple[int, int]

_PADDINGS = ("same", "valid")


@dataclass(frozen=True)
class Conv(Block):
    """activation(kernel * x + bias): (h, w, c) or (h, w) to (rows, columns, channels).

    padding "same" puts zeros around an image so that there are ceil(h / stride) rows, as
    TensorFlow and JAX lay them; "valid" takes only windows that lie within it. Arrays: weight
    (kernel height, kernel width, c, channels) and bias (channels,).
    """

    channels: int
    kernel: int | Pair = (3, 3)
    stride: int | Pair = (1, 1)
    padding: str = "same"
    activation: str = "linear"

    name: ClassVar[str] = "conv"
    is_layer: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_options(self)

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = image_shape(self.name, shape)
        windows = _windows((height, width), *sizes_of(self), self.padding)
        if min(windows) < 1:
            raise UsageError(
                f"conv of kernel {self.kernel} without padding needs images at least as large and "
                f"gets shape {shape}",
                hint='take padding = "same", or a smaller kernel',
            )
        return (*windows, self.channels)

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        channels = image_shape(self.name, shape)[2]
        return {"weight": (*sizes_of(self)[0], channels, self.channels), "bias": (self.channels,)}

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        return _initial(self.array_shapes(shape), random)

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        x = with_channels(x)
        weight = arrays["weight"]
        rows = _rows(x, *sizes_of(self), self.padding)
        product = rows @ weight.reshape(-1, weight.shape[-1])
        return apply_activation(self.activation, product + arrays["bias"])

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        height, width, channels = image_shape(self.name, shape)
        back = ConvTranspose(
            channels, self.kernel, self.stride, self.padding, activation, (height, width)
        )
        return (back,) if len(shape) == 3 else (back, Reshape(shape))


@dataclass(frozen=True)
class ConvTranspose(Block):
    """activation(x taken through the transpose of :class:`Conv` as a matrix, plus bias).

    Every value lays a multiple of the kernel onto the result. ``size`` (height, width) is that of
    the result, of all that a convolution would take to the size of x; if left out, the stride
    times x's for padding "same", and all that the windows cover for "valid". Arrays: weight
    (kernel height, kernel width, channels, c) and bias (channels,).
    """

    channels: int
    kernel: int | Pair = (3, 3)
    stride: int | Pair = (1, 1)
    padding: str = "same"
    activation: str = "linear"
    size: int | Pair | None = None

    name: ClassVar[str] = "conv_transpose"
    is_layer: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_options(self)
        if self.size is not None:
            object.__setattr__(self, "size", as_pair(self.name, "size", self.size))

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = image_shape(self.name, shape)
        size = self._size((height, width))
        needed = _windows(size, *sizes_of(self), self.padding)
        if needed != (height, width):
            raise UsageError(
                f"conv_transpose to size {size} (kernel {self.kernel}, stride {self.stride}, "
                f"padding {self.padding}) needs a height and width of {needed} and gets shape "
                f"{shape}",
                hint=f"leave the size out for {self._natural_size((height, width))}",
            )
        return (*size, self.channels)

    def _size(self, given: Pair) -> Pair:
        if self.size is None:
            return self._natural_size(given)
        return as_pair(self.name, "size", self.size)

    def _natural_size(self, given: Pair) -> Pair:
        high, wide = (
            count * stride if self.padding == "same" else (count - 1) * stride + kernel
            for count, kernel, stride in zip(given, *sizes_of(self), strict=True)
        )
        return high, wide

    def array_shapes(self, shape: Shape) -> dict[str, Shape]:
        channels = image_shape(self.name, shape)[2]
        return {"weight": (*sizes_of(self)[0], self.channels, channels), "bias": (self.channels,)}

    def initial_arrays(self, shape: Shape, random: np.random.Generator) -> dict[str, np.ndarray]:
        return _initial(self.array_shapes(shape), random)

    def apply(self, arrays: Arrays, x: Any, flow: Flow) -> Any:
        x = with_channels(x)
        weight = arrays["weight"]
        rows = x @ weight.reshape(-1, weight.shape[-1]).T
        size = self._size(x.shape[1:3])
        image = _images(rows, size, *sizes_of(self), self.padding)
        return apply_activation(self.activation, image + arrays["bias"])

    def mirror(self, shape: Shape, activation: str) -> tuple[Block, ...]:
        channels = image_shape(self.name, shape)[2]
        back = Conv(channels, self.kernel, self.stride, self.padding, activation)
        return (back,) if len(shape) == 3 else (back, Reshape(shape))


def _check_options(block: Conv | ConvTranspose) -> None:
    check_size(block.name, block.channels, "channels")
    for option in ("kernel", "stride"):
        pair = as_pair(block.name, option, getattr(block, option))
        object.__setattr__(block, option, pair)
    check_choice(block.name, "padding", block.padding, _PADDINGS)
    check_activation(block.name, block.activation)


def sizes_of(block: Conv | ConvTranspose) -> tuple[Pair, Pair]:
    """The kernel and the stride, each with a height and a width."""
    kernel = as_pair(block.name, "kernel", block.kernel)
    return kernel, as_pair(block.name, "stride", block.stride)


def _initial(shapes: dict[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
    high, wide, *channels = shapes["weight"]
    inputs, outputs = (high * wide * count for count in channels)
    weight = glorot_uniform(shapes["weight"], inputs, outputs, random)
    return {"weight": weight, "bias": np.zeros(shapes["bias"], np.float32)}


def _windows(size: Pair, kernel: Pair, stride: Pair, padding: str) -> Pair:
    """How many windows there are along the height and the width."""
    high, wide = (
        -(-whole // step) if padding == "same" else (whole - window) // step + 1
        for whole, window, step in zip(size, kernel, stride, strict=True)
    )
    return high, wide


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """How the windows lie along one axis of an image.

    The image's value number t is number t + ``before`` of a strip of ``cells`` whole strides, which
    the windows just fit into: window i begins at i times the stride. What the strip has beyond
    the image is zeros; what the image has beyond the strip is in no window.
    """

    whole: int
    windows: int
    kernel: int
    stride: int
    padding: str

    @property
    def _covered(self) -> int:
        return (self.windows - 1) * self.stride + self.kernel

    @property
    def cells(self) -> int:
        return -(-self._covered // self.stride)

    @property
    def before(self) -> int:
        return max(self._covered - self.whole, 0) // 2 if self.padding == "same" else 0

    @property
    def after(self) -> int:
        """Zeros after the image; negative for values after the strip."""
        return self.cells * self.stride - self.before - self.whole

    def cell(self, offset: int) -> slice:
        """The cells in which the windows have their value number ``offset``."""
        first = offset // self.stride
        return slice(first, first + self.windows)


def _axes(size: Pair, kernel: Pair, stride: Pair, padding: str) -> tuple[_Axis, _Axis]:
    counts = _windows(size, kernel, stride, padding)
    down, across = (
        _Axis(whole=whole, windows=windows, kernel=wide, stride=step, padding=padding)
        for whole, windows, wide, step in zip(size, counts, kernel, stride, strict=True)
    )
    return down, across


def window_places(size: Pair, kernel: int | Pair, stride: int | Pair, padding: str) -> np.ndarray:
    """Which of an image's places (in rows, from 0 on) each window is made of, -1 for the zeros
    around it: int64 (windows, kernel height x kernel width), both in the order of rows."""
    kernel, stride = as_pair("conv", "kernel", kernel), as_pair("conv", "stride", stride)
    down, across = (
        np.arange(axis.windows)[:, None] * axis.stride - axis.before + np.arange(axis.kernel)
        for axis in _axes(size, kernel, stride, padding)
    )
    rows, columns = down[:, None, :, None], across[None, :, None, :]
    inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
    return np.where(inside, rows * size[1] + columns, -1).reshape(
        len(down) * len(across), kernel[0] * kernel[1]
    )


def _resized(x: Any, before: Pair, after: Pair) -> Any:
    """Images (n, h, w, c) with so many zeros before and after, or without so many values where
    the number is negative."""
    for axis in (1, 2):
        first, last = max(-before[axis - 1], 0), max(-after[axis - 1], 0)
        if first or last:
            kept = slice(first, x.shape[axis] - last)
            x = x[:, kept] if axis == 1 else x[:, :, kept]
    edges = [(max(a, 0), max(b, 0)) for a, b in zip(before, after, strict=True)]
    if not any(first or last for first, last in edges):
        return x
    return x.__array_namespace__().pad(x, [(0, 0), *edges, (0, 0)])


def _rows(x: Any, kernel: Pair, stride: Pair, padding: str) -> Any:
    """Every window of images (n, h, w, c) as a row: (n, rows, columns, kernel x kernel x c)."""
    count, height, width, channels = x.shape
    xp = x.__array_namespace__()
    down, across = _axes((height, width), kernel, stride, padding)
    x = _resized(x, (down.before, across.before), (down.after, across.after))
    if kernel == stride:
        return to_patches(x, kernel)
    phases = x.reshape(count, down.cells, stride[0], across.cells, stride[1], channels)
    slices = [
        phases[:, down.cell(i), i % stride[0], across.cell(j), j % stride[1]]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]
    return xp.concatenate(slices, axis=-1)


def _images(rows: Any, size: Pair, kernel: Pair, stride: Pair, padding: str) -> Any:
    """The transpose of :func:`_rows`: each row laid over its window, and what overlaps added."""
    count, _, _, values = rows.shape
    xp = rows.__array_namespace__()
    down, across = _axes(size, kernel, stride, padding)
    if kernel == stride:
        strip = from_patches(rows, kernel)
    else:
        channels = values // (kernel[0] * kernel[1])
        phases = [
            [_phase(rows, channels, down, across, (row, column)) for column in range(stride[1])]
            for row in range(stride[0])
        ]
        strip = xp.stack([xp.stack(line, axis=3) for line in phases], axis=2)
        strip = strip.reshape(count, down.cells * stride[0], across.cells * stride[1], channels)
    return _resized(strip, (-down.before, -across.before), (-down.after, -across.after))


def _phase(rows: Any, channels: int, down: _Axis, across: _Axis, at: tuple[int, int]) -> Any:
    """What the rows lay onto every place whose row and column are ``at`` modulo the stride:
    (n, cells down, cells across, channels)."""
    row, column = at
    xp = rows.__array_namespace__()
    total = None
    for i in range(row, down.kernel, down.stride):
        for j in range(column, across.kernel, across.stride):
            first = (i * across.kernel + j) * channels
            part = rows[..., first : first + channels]
            cells = down.cell(i), across.cell(j)
            ends = down.cells - cells[0].stop, across.cells - cells[1].stop
            part = _resized(part, (cells[0].start, cells[1].start), ends)
            total = part if total is None else total + part
    if total is None:  # a stride beyond the kernel leaves places that no row reaches
        return xp.zeros((len(rows), down.cells, across.cells, channels), rows.dtype)
    return total
