"""Ways to use one trained encoder and decoder, each in a process of its own; see encode_speed.py.

    python benchmarks/encode_contestants.py NAME FOLDER MODEL RESULT.json

``FOLDER`` holds MNIST (:func:`common.save_mnist`) and ``MODEL.safetensors``, a stack of layers
all dense, whose codes are not refined.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common import leave_result, load_mnist
from narrows import Autoencoder
from narrows.engine import make_runner
from narrows.engine.fused.layers import layers_of
from narrows.model.file import load_model
from narrows.nn.model import Model

# Calls with all images, and with one; those with one that come first do not count.
_CALLS, _CALLS_OF_ONE, _WARM_UP = 5, 2000, 200
# How far whole grey levels are from what they were rounded from, and a little more.
_ROUNDED = 0.51
_KERAS_BATCH = 1024

Act = Callable[[np.ndarray], np.ndarray]
#: Codes of images, and images of codes.
Acts = tuple[Act, Act]


@dataclass(frozen=True)
class Net:
    """Dense layers, as other libraries are told of them: weights (inputs, outputs), bias and the
    activation's name; and what network values are, ``(grey level - offset) / scale``."""

    layers: list[tuple[np.ndarray, np.ndarray, str]]
    offset: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, model: Model, part: str) -> "Net":
        found = layers_of(model.spec, part)
        assert found is not None
        layers = [(*layer.packed(model.arrays), layer.activation) for layer in found]
        return cls(layers, model.scaling.offset, model.scaling.scale)


def narrows_estimator(model: Model, path: Path) -> Acts:
    """The public class; its images are whole grey levels again."""
    estimator = Autoencoder.load(path)
    return estimator.transform, estimator.inverse_transform


def narrows_engine(model: Model, path: Path) -> Acts:
    """What the public class calls."""
    runner = make_runner(model)
    return runner.encode, runner.decode


def around(model: Model, run: Callable[[Net], Act]) -> Acts:
    """A library's way through both halves, float32 rows to float32 rows, with grey levels outside
    of them."""
    encoder, decoder = (run(Net.of(model, part)) for part in ("encoder", "decoder"))
    offset, scale = np.float32(model.scaling.offset), np.float32(model.scaling.scale)

    def encode(images: np.ndarray) -> np.ndarray:
        values = images.reshape(len(images), -1).astype(np.float32)
        if (offset, scale) != (0, 1):
            values = (values - offset) / scale
        return encoder(values)

    def decode(codes: np.ndarray) -> np.ndarray:
        values = decoder(codes)
        if (offset, scale) != (0, 1):
            values = values * scale + offset
        return values.reshape(-1, 28, 28)

    return encode, decode


def keras(model: Model, path: Path) -> Acts:
    """On whatever backend KERAS_BACKEND names: ``predict`` in large batches, for one item what
    Keras advises for one batch, ``predict_on_batch``."""
    import keras

    def run(net: Net) -> Act:
        inputs = values = keras.layers.Input((net.layers[0][0].shape[0],))
        layers = [keras.layers.Dense(len(b), activation=kind) for _, b, kind in net.layers]
        for layer in layers:
            values = layer(values)
        whole = keras.Model(inputs, values)
        for layer, (weights, bias, _) in zip(layers, net.layers, strict=True):
            layer.set_weights([weights, bias])

        def act(rows: np.ndarray) -> np.ndarray:
            if len(rows) <= _KERAS_BATCH:
                return np.asarray(whole.predict_on_batch(rows))
            return np.asarray(whole.predict(rows, batch_size=_KERAS_BATCH, verbose=0))

        return act

    return around(model, run)


def torch_eager(model: Model, path: Path) -> Acts:
    """PyTorch, in its mode for inference."""
    return around(model, partial(_torch, compiled=lambda module: module))


def torch_compiled(model: Model, path: Path) -> Acts:
    """The same compiled, once for each number of items."""
    import torch

    return around(model, partial(_torch, compiled=partial(torch.compile, dynamic=False)))


def _torch(net: Net, compiled: Callable[[Any], Any]) -> Act:
    import torch
    from torch import nn

    kinds = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "silu": nn.SiLU, "linear": nn.Identity}
    parts: list[Any] = []
    for weights, bias, kind in net.layers:
        layer = nn.Linear(*weights.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))
        parts += [layer, kinds[kind]()]
    module = compiled(nn.Sequential(*parts).eval())

    def act(rows: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(rows)).numpy()

    return act


def onnx_runtime(model: Model, path: Path) -> Acts:
    """ONNX Runtime at its defaults."""
    return around(model, _onnx)


def _onnx(net: Net) -> Act:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    nodes, arrays, value = [], [], "x"
    for number, (weights, bias, kind) in enumerate(net.layers):
        names = [f"weights{number}", f"bias{number}"]
        for name, array in zip(names, (weights, bias), strict=True):
            arrays.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        nodes.append(helper.make_node("Gemm", [value, *names], [value := f"sums{number}"]))
        if kind == "relu":
            nodes.append(helper.make_node("Relu", [value], [value := f"relu{number}"]))
        elif kind in ("sigmoid", "silu"):
            nodes.append(helper.make_node("Sigmoid", [value], [f"chance{number}"]))
            if kind == "silu":
                product = [value, f"chance{number}"]
                nodes.append(helper.make_node("Mul", product, [f"silu{number}"]))
            value = f"{'silu' if kind == 'silu' else 'chance'}{number}"
    sizes = net.layers[0][0].shape[0], len(net.layers[-1][1])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in zip(("x", value), sizes, strict=True)
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], arrays)
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return lambda rows: session.run(None, {"x": rows})[0]


def numpy_products(model: Model, path: Path) -> Acts:
    """The layers as one writes them down."""
    activate: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "relu": lambda x: np.maximum(x, 0, out=x),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "silu": lambda x: x / (1 + np.exp(-x)),
        "linear": lambda x: x,
    }

    def run(net: Net) -> Act:
        def act(values: np.ndarray) -> np.ndarray:
            for weights, bias, kind in net.layers:
                values = values @ weights
                values += bias
                values = activate[kind](values)
            return values

        return act

    return around(model, run)


CONTESTANTS = {
    function.__name__: function
    for function in (
        narrows_estimator, narrows_engine, keras, torch_eager, torch_compiled, onnx_runtime,
        numpy_products,
    )
}  # fmt: skip


def seconds_of(act: Act, values: np.ndarray) -> list[float]:
    """Seconds of several calls with all values, after a first one."""
    return [_seconds(act, values) for _ in range(_CALLS + 1)][1:]


def seconds_of_one(act: Act, values: np.ndarray) -> list[float]:
    """Seconds of many calls with one item each, in turn, as they come to a service."""
    times = [_seconds(act, values[n % 1000][None]) for n in range(_WARM_UP + _CALLS_OF_ONE)]
    return times[_WARM_UP:]


def _seconds(act: Act, values: np.ndarray) -> float:
    start = time.perf_counter()
    act(values)
    return time.perf_counter() - start


def require_same(model: Model, images: np.ndarray, acts: Acts) -> None:
    """Stop if these codes and images are not those of the plain products.

    Raises:
        SystemExit: they differ by more than rounding does.
    """
    encode, decode = acts
    plain_encode, plain_decode = numpy_products(model, Path())
    codes = plain_encode(images)
    if np.abs(encode(images) - codes).max() > 1e-4 * np.abs(codes).max():
        raise SystemExit("the codes differ from those of the plain matrix products")
    found, expected = (np.clip(act(codes), 0, 255).astype(float) for act in (decode, plain_decode))
    if np.abs(found - expected).max() > _ROUNDED:
        raise SystemExit("the images differ from those of the plain matrix products")


def main(name: str, folder: str, of: str, result: str) -> None:
    path = Path(folder) / f"{of}.safetensors"
    model = load_model(path).model
    encode, decode = acts = CONTESTANTS[name](model, path)
    _, images = load_mnist(folder)
    require_same(model, images[:1000], acts)
    codes = encode(images)
    leave_result(
        result,
        {
            "encode 10,000": seconds_of(encode, images),
            "decode 10,000": seconds_of(decode, codes),
            "encode one": seconds_of_one(encode, images),
            "decode one": seconds_of_one(decode, codes),
        },
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
