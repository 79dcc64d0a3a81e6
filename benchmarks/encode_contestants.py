"""Ways to use one trained encoder and decoder, each in a process of its own; see encode_speed.py.

    python benchmarks/encode_contestants.py NAME FOLDER RESULT.json

``FOLDER`` holds MNIST (:func:`common.save_mnist`) and ``model.safetensors``.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from article_keras import build, dense_layers
from common import leave_result, load_mnist
from narrows import Autoencoder
from narrows.engine import make_runner
from narrows.model.file import load_model
from narrows.model.trained import TrainedModel

_REPEATS = 5
# How far whole grey levels are from what they were rounded from, and a little more.
_ROUNDED = 0.51

#: Codes of images, and images of codes.
Acts = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]


def narrows_estimator(trained: TrainedModel, path: Path) -> Acts:
    """The public class; its images are whole grey levels again."""
    estimator = Autoencoder.load(path)
    return estimator.transform, estimator.inverse_transform


def narrows_engine(trained: TrainedModel, path: Path) -> Acts:
    """What the public class calls."""
    runner = make_runner(trained.model)
    return runner.encode, runner.decode


def keras_default(trained: TrainedModel, path: Path) -> Acts:
    """Keras as it comes: batches of 32."""
    encoder, decoder = _keras_models(trained)
    return (
        lambda images: encoder.predict(images, verbose=0),
        lambda codes: decoder.predict(codes, verbose=0),
    )


def keras_large_batches(trained: TrainedModel, path: Path) -> Acts:
    """Keras as one tunes it."""
    encoder, decoder = _keras_models(trained)
    return (
        lambda images: encoder.predict(images, batch_size=1024, verbose=0),
        lambda codes: decoder.predict(codes, batch_size=1024, verbose=0),
    )


def _keras_models(trained: TrainedModel) -> tuple[Any, Any]:
    encoder, decoder, _ = build()
    arrays = trained.model.arrays
    for layer, name in dense_layers(encoder, decoder):
        layer.set_weights([arrays[f"{name}.weight"], arrays[f"{name}.bias"]])
    return encoder, decoder


def numpy_products(trained: TrainedModel, path: Path) -> Acts:
    """Two layers each way, as one writes them down."""
    arrays = trained.model.arrays

    def through(values: np.ndarray, *names: str) -> np.ndarray:
        for name in names:
            values = values @ arrays[f"{name}.weight"]
            values += arrays[f"{name}.bias"]
            np.maximum(values, 0, out=values)
        return values

    def encode(images: np.ndarray) -> np.ndarray:
        flat = images.reshape(len(images), -1).astype(np.float32)
        return through(flat, "encoder.1", "encoder.2")

    def decode(codes: np.ndarray) -> np.ndarray:
        return through(codes, "decoder.0", "decoder.1").reshape(-1, 28, 28)

    return encode, decode


CONTESTANTS = {
    function.__name__: function
    for function in (
        narrows_estimator, narrows_engine, keras_default, keras_large_batches, numpy_products,
    )
}  # fmt: skip


def seconds_of(act: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> list[float]:
    """Seconds of several calls, after a first one."""
    times = []
    for _ in range(_REPEATS + 1):
        start = time.perf_counter()
        act(values)
        times.append(time.perf_counter() - start)
    return times[1:]


def require_same(trained: TrainedModel, images: np.ndarray, acts: Acts) -> None:
    """Stop if these codes and images are not those of the plain products.

    Raises:
        SystemExit: they differ by more than rounding does.
    """
    encode, decode = acts
    plain_encode, plain_decode = numpy_products(trained, Path())
    codes = plain_encode(images)
    if np.abs(encode(images) - codes).max() > 1e-4 * codes.max():
        raise SystemExit("the codes differ from those of the plain matrix products")
    found, expected = (np.clip(act(codes), 0, 255).astype(float) for act in (decode, plain_decode))
    if np.abs(found - expected).max() > _ROUNDED:
        raise SystemExit("the images differ from those of the plain matrix products")


def main(name: str, folder: str, result: str) -> None:
    path = Path(folder) / "model.safetensors"
    trained = load_model(path)
    acts = CONTESTANTS[name](trained, path)
    x_train, x_test = load_mnist(folder)
    require_same(trained, x_test[:1000], acts)
    encode, decode = acts
    seconds = {}
    for images in (x_test, np.concatenate([x_train, x_test])):
        codes = encode(images)
        seconds[f"encode {len(images)}"] = seconds_of(encode, images)
        seconds[f"decode {len(images)}"] = seconds_of(decode, codes)
    leave_result(result, seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
