"""A spec of narrows as a Keras model: the same layers, the same numbers from the same weights."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from models_common import LOG_VARIANCE_LIMIT, NORM_EPSILON, NORM_MOMENTUM, padding_of
from narrows.nn.model import Model

# Keras layers, and the weights to give them in their order.
Layers = tuple[list[Any], list[str]]

_WEIGHTS = ["weight", "bias"]


def _activation(name: str) -> Any:
    if name == "gelu":
        return lambda x: keras.activations.gelu(x, approximate=True)
    return name


def _dense(block: Any, shape: Any) -> Layers:
    return [layers.Dense(block.units, activation=_activation(block.activation))], _WEIGHTS


def _conv(block: Any, shape: Any) -> Layers:
    layer = layers.Conv2D(
        block.channels,
        block.kernel,
        block.stride,
        block.padding,
        activation=_activation(block.activation),
    )
    return [*_channels(shape), layer], _WEIGHTS


def _conv_transpose(block: Any, shape: Any) -> Layers:
    end = block.output_shape(shape)[:2]
    natural = all(s * n == e for s, n, e in zip(block.stride, shape, end, strict=False))
    padding = block.padding if block.padding == "valid" or natural else "valid"
    layer = layers.Conv2DTranspose(
        block.channels,
        block.kernel,
        block.stride,
        padding,
        activation=_activation(block.activation),
    )
    edges = padding_of(block, end, shape[:2])
    cut = tuple((edge.before, edge.after) for edge in edges)
    if padding == "same" or not any(map(any, cut)):
        return [*_channels(shape), layer], _WEIGHTS
    if min(map(min, cut)) < 0:
        raise SystemExit(f"{block} reaches beyond its windows, which is not translated to Keras")
    return [*_channels(shape), layer, layers.Cropping2D(cut)], _WEIGHTS


def _channels(shape: Sequence[int]) -> list[Any]:
    """What gives images without channels one."""
    return [layers.Reshape((*shape, 1))] if len(shape) == 2 else []


def _norm(block: Any, shape: Any) -> Layers:
    if block.kind == "layer":
        return [layers.LayerNormalization(epsilon=NORM_EPSILON)], ["scale", "offset"]
    layer = layers.BatchNormalization(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON)
    return [layer], ["scale", "offset", "mean", "variance"]


class Gaussian(layers.Layer):
    """The end of a variational encoder: a draw in training, else the mean."""

    def __init__(self, size: int, beta: float, values: int) -> None:
        super().__init__()
        self.mean, self.log_variance = layers.Dense(size), layers.Dense(size)
        self.beta, self.values = beta, values
        self.seed = keras.random.SeedGenerator(0)

    def build(self, shape: Any) -> None:
        self.mean.build(shape)
        self.log_variance.build(shape)

    def call(self, x: Any, training: bool = False) -> Any:
        mean = self.mean(x)
        if not training:
            return mean
        log_variance = self.log_variance(x)
        log_variance = log_variance / (1 + ops.abs(log_variance) / LOG_VARIANCE_LIMIT)
        divergence = mean**2 + ops.exp(log_variance) - 1 - log_variance
        # the loss is a mean over the batch's values
        self.add_loss(self.beta * 0.5 * ops.mean(ops.sum(divergence, axis=1)) / self.values)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed)
        return mean + ops.exp(0.5 * log_variance) * noise


def _patch(block: Any, shape: Any) -> Layers:
    height, width = shape[:2]
    (high, wide), channels = block.size, shape[2] if len(shape) == 3 else 1
    apart = (height // high, high, width // wide, wide, channels)
    end = block.output_shape(shape)
    return [layers.Reshape(apart), layers.Permute((1, 3, 2, 4, 5)), layers.Reshape(end)], []


def _unpatch(block: Any, shape: Any) -> Layers:
    height, width, _ = shape
    high, wide = block.size
    end = block.output_shape(shape)
    apart = (height, width, high, wide, end[2])
    return [layers.Reshape(apart), layers.Permute((1, 3, 2, 4, 5)), layers.Reshape(end)], []


_LAYERS: dict[str, Callable[[Any, Any], Layers]] = {
    "dense": _dense,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "norm": _norm,
    "dropout": lambda block, shape: ([layers.Dropout(block.rate)], []),
    "activation": lambda block, shape: ([layers.Activation(_activation(block.activation))], []),
    "flatten": lambda block, shape: ([layers.Flatten()], []),
    "reshape": lambda block, shape: ([layers.Reshape(block.shape)], []),
    "patch": _patch,
    "unpatch": _unpatch,
}


def keras_model(model: Model) -> Any:
    """``model`` as a Keras model, from its arrays.

    Raises:
        SystemExit: it has a block that is not translated.
    """
    item_shape = model.spec.item_shape
    start = x = layers.Input(item_shape)
    for part in ("encoder", "decoder"):
        for prefix, block, shape in model.spec.placed(part):
            if block.name == "gaussian":
                layer: Any = Gaussian(block.size, block.beta, int(np.prod(item_shape)))
                x = layer(x)
                for own, name in ((layer.mean, "mean"), (layer.log_variance, "log_variance")):
                    own.set_weights([model.arrays[f"{prefix}.{name}.{w}"] for w in _WEIGHTS])
                continue
            if block.name not in _LAYERS:
                raise SystemExit(f"{block.name} blocks are not translated to Keras")
            own_layers, names = _LAYERS[block.name](block, shape)
            for layer in own_layers:
                x = layer(x)
                if layer.weights and names:
                    layer.set_weights([model.arrays[f"{prefix}.{name}"] for name in names])
    return keras.Model(start, x)
