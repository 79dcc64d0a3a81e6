"""A spec of narrows as a PyTorch module: the same layers, the same numbers from the same weights.

Tensors between layers have their channels last, as narrows' have; a convolution sees them as
PyTorch's channels_last format, which is a view, and which its CPU kernels like best.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models_common import LOG_VARIANCE_LIMIT, NORM_EPSILON, NORM_MOMENTUM, Padding, padding_of
from narrows.nn.model import Model

Arrays = Mapping[str, np.ndarray]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
}


def _parameter(array: np.ndarray) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.ascontiguousarray(array)))


def _linear(weight: np.ndarray, bias: np.ndarray) -> nn.Linear:
    layer = nn.Linear(*weight.shape)
    layer.weight, layer.bias = _parameter(weight.T), _parameter(bias)
    return layer


def _with_channels(x: Tensor) -> Tensor:
    return x if x.ndim == 4 else x[..., None]


class _Dense(nn.Module):
    def __init__(self, block: Any, shape: Any, arrays: Arrays) -> None:
        super().__init__()
        self.linear = _linear(arrays["weight"], arrays["bias"])
        self.activation = _ACTIVATIONS[block.activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.linear(x))


class _Conv(nn.Module):
    def __init__(self, block: Any, shape: Any, arrays: Arrays) -> None:
        super().__init__()
        self.stride, self.activation = block.stride, _ACTIVATIONS[block.activation]
        self.weight = _channels_last(arrays["weight"])
        self.bias = _parameter(arrays["bias"])
        down, across = padding_of(block, shape[:2], block.output_shape(shape)[:2])
        self.edges = _edges(down, across)
        symmetric = down.before == down.after and across.before == across.after
        self.padding = (down.before, across.before) if symmetric else None

    def forward(self, x: Tensor) -> Tensor:
        x = _with_channels(x).permute(0, 3, 1, 2)
        if self.padding is None:
            x = F.conv2d(F.pad(x, self.edges), self.weight, self.bias, self.stride)
        else:
            x = F.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return self.activation(x).permute(0, 2, 3, 1)


class _ConvTranspose(nn.Module):
    def __init__(self, block: Any, shape: Any, arrays: Arrays) -> None:
        super().__init__()
        self.stride, self.activation = block.stride, _ACTIVATIONS[block.activation]
        self.weight = _channels_last(arrays["weight"])
        self.bias = _parameter(arrays["bias"])
        down, across = padding_of(block, block.output_shape(shape)[:2], shape[:2])
        self.edges = _edges(down.negated(), across.negated())
        symmetric = 0 <= down.before == down.after and 0 <= across.before == across.after
        self.padding = (down.before, across.before) if symmetric else None

    def forward(self, x: Tensor) -> Tensor:
        x = _with_channels(x).permute(0, 3, 1, 2)
        if self.padding is not None:
            x = F.conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding)
        else:
            # the bias also belongs where no window reaches
            x = F.pad(F.conv_transpose2d(x, self.weight, None, self.stride), self.edges)
            x = x + self.bias[:, None, None]
        return self.activation(x).permute(0, 2, 3, 1)


def _channels_last(weight: np.ndarray) -> nn.Parameter:
    """(height, width, in, out) as PyTorch has it: (out, in, height, width), in that format."""
    tensor = torch.from_numpy(weight.transpose(3, 2, 0, 1).copy())
    return nn.Parameter(tensor.contiguous(memory_format=torch.channels_last))


def _edges(down: Padding, across: Padding) -> tuple[int, int, int, int]:
    return across.before, across.after, down.before, down.after


class _Norm(nn.Module):
    def __init__(self, block: Any, shape: Any, arrays: Arrays) -> None:
        super().__init__()
        self.layer = block.kind == "layer"
        self.scale, self.offset = _parameter(arrays["scale"]), _parameter(arrays["offset"])
        if not self.layer:
            for name in ("mean", "variance"):
                self.register_buffer(name, torch.from_numpy(arrays[name].copy()))

    def forward(self, x: Tensor) -> Tensor:
        if self.layer:
            return F.layer_norm(x, x.shape[-1:], self.scale, self.offset, NORM_EPSILON)
        x = x.movedim(-1, 1)
        learnt = (self.mean, self.variance, self.scale, self.offset)
        x = F.batch_norm(x, *learnt, self.training, 1 - NORM_MOMENTUM, NORM_EPSILON)
        return x.movedim(1, -1)


class _Gaussian(nn.Module):
    def __init__(self, block: Any, shape: Any, arrays: Arrays) -> None:
        super().__init__()
        self.beta = block.beta
        self.mean, self.log_variance = (
            _linear(arrays[f"{part}.weight"], arrays[f"{part}.bias"])
            for part in ("mean", "log_variance")
        )
        self.penalty: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        mean = self.mean(x)
        if not self.training:
            return mean
        log_variance = self.log_variance(x)
        log_variance = log_variance / (1 + log_variance.abs() / LOG_VARIANCE_LIMIT)
        divergence = mean**2 + log_variance.exp() - 1 - log_variance
        self.penalty = self.beta * 0.5 * divergence.sum()
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


class _Function(nn.Module):
    """A block without arrays."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def _to_patches(size: tuple[int, int]) -> Callable[[Tensor], Tensor]:
    def apply(x: Tensor) -> Tensor:
        count, height, width, channels = _with_channels(x).shape
        high, wide = size
        x = x.reshape(count, height // high, high, width // wide, wide, channels)
        return x.transpose(2, 3).reshape(count, height // high, width // wide, -1)

    return apply


def _from_patches(size: tuple[int, int]) -> Callable[[Tensor], Tensor]:
    def apply(x: Tensor) -> Tensor:
        count, height, width, channels = x.shape
        high, wide = size
        x = x.reshape(count, height, width, high, wide, channels // math.prod(size))
        return x.transpose(2, 3).reshape(count, height * high, width * wide, -1)

    return apply


_LAYERS: dict[str, Callable[[Any, Any, Arrays], nn.Module]] = {
    "dense": _Dense,
    "conv": _Conv,
    "conv_transpose": _ConvTranspose,
    "norm": _Norm,
    "gaussian": _Gaussian,
    "dropout": lambda block, shape, arrays: nn.Dropout(block.rate),
    "activation": lambda block, shape, arrays: _Function(_ACTIVATIONS[block.activation]),
    "flatten": lambda block, shape, arrays: _Function(lambda x: x.flatten(1)),
    "reshape": lambda block, shape, arrays: _Function(lambda x: x.reshape(-1, *block.shape)),
    "patch": lambda block, shape, arrays: _Function(_to_patches(block.size)),
    "unpatch": lambda block, shape, arrays: _Function(_from_patches(block.size)),
}


def torch_model(model: Model) -> nn.Sequential:
    """``model`` as a module, from its arrays.

    Raises:
        SystemExit: it has a block that is not translated.
    """
    layers = []
    for part in ("encoder", "decoder"):
        for prefix, block, shape in model.spec.placed(part):
            if block.name not in _LAYERS:
                raise SystemExit(f"{block.name} blocks are not translated to PyTorch")
            own = {
                name.removeprefix(f"{prefix}."): array
                for name, array in model.arrays.items()
                if name.startswith(f"{prefix}.")
            }
            layers.append(_LAYERS[block.name](block, shape, own))
    return nn.Sequential(*layers)


def penalties(model: nn.Module) -> list[Tensor]:
    """What the last pass through the model adds to its loss, summed over the batch."""
    return [
        layer.penalty
        for layer in model.modules()
        if isinstance(layer, _Gaussian) and layer.penalty is not None
    ]
