"""Ways to train narrows' presets, each in a process of its own; see models_speed.py.

    python benchmarks/models_contestants.py NAME PRESET FOLDER ITEMS EPOCHS RESULT.json

Each trains the preset on ``ITEMS`` MNIST images of ``FOLDER`` (:func:`common.save_mnist`) in
batches of 64 with AdamW, from the same weights: an epoch to warm up, then those that count.
It leaves the seconds of each of those, and the mean loss of the last.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from common import leave_result, load_mnist
from narrows.engine.evidence import is_variational
from narrows.nn.model import Model, initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling

BATCH_SIZE, LATENT = 64, 20
LEARNING_RATE, WEIGHT_DECAY, EPSILON = 1e-3, 0.01, 1e-7
_COMPARED = 64

#: Trains on the images at some indices, in their order or another: their mean loss.
Train = Callable[[np.ndarray], float]


def start(preset: str) -> Model:
    """What everybody starts from; networks get 0..1."""
    spec = preset_spec(preset, (28, 28), latent=LATENT)
    return initial_model(spec, Scaling.to_unit_range(0, 255), 0)


def narrows(model: Model, x_train: np.ndarray) -> Train:
    """The engine that ``narrows fit`` takes, in the slices it takes."""
    from narrows.engine import AdamSettings, make_trainer
    from narrows.nn.objectives import Objective

    adam = AdamSettings(learning_rate=LEARNING_RATE, epsilon=EPSILON, weight_decay=WEIGHT_DECAY)
    trainer = make_trainer(model, Objective(), adam, BATCH_SIZE)
    step = trainer.steps_per_call * BATCH_SIZE

    def train(order: np.ndarray) -> float:
        slices = (order[first : first + step] for first in range(0, len(order), step))
        total = sum(trainer.train(x_train, part).sum() for part in slices)
        return float(total) / (len(order) * x_train[0].size)

    return train


def torch_eager(model: Model, x_train: np.ndarray) -> Train:
    """PyTorch as a careful user writes it: bytes in memory, channels last, AdamW in one kernel."""
    return _torch(model, x_train, lambda function: function)


def torch_compiled(model: Model, x_train: np.ndarray) -> Train:
    """The same with forward and backward pass compiled, once for each size of batch."""
    import torch

    return _torch(model, x_train, lambda function: torch.compile(function, dynamic=False))


def _torch(model: Model, x_train: np.ndarray, compiled: Callable[[Any], Any]) -> Train:
    import torch
    from torch.nn import functional as F

    from models_common import SMALLEST_VARIANCE, require_same
    from models_torch import penalties, torch_model

    net = torch_model(model)
    with torch.inference_mode():
        images = torch.from_numpy(x_train[:_COMPARED]).float() / 255
        found = net.eval()(images).numpy()
    count = sum(p.numel() for p in net.parameters())
    require_same(model, "PyTorch", found, x_train[:_COMPARED], count)
    net.train()
    weights = [p for name, p in net.named_parameters() if name.endswith("weight")]
    others = [p for name, p in net.named_parameters() if not name.endswith("weight")]
    groups = [
        {"params": weights, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, eps=EPSILON, fused=True)
    data = torch.from_numpy(x_train)
    variational = is_variational(model.spec)

    @compiled
    def loss_of(batch: Any) -> tuple[Any, Any]:
        items = batch.float() / 255
        loss = F.mse_loss(net(items), items)
        if not variational:
            return loss, loss
        # the negative ELBO a value (Rybkin et al., arXiv:2006.13202, eq. 5), as in narrows
        likelihood = 0.5 * torch.log(loss + SMALLEST_VARIANCE)
        return likelihood + sum(penalties(net)) / items.numel(), loss

    def train(order: np.ndarray) -> float:
        total = torch.zeros(())
        for rows in torch.from_numpy(order).split(BATCH_SIZE):
            minimised, loss = loss_of(data[rows])
            optimizer.zero_grad(set_to_none=True)
            minimised.backward()
            optimizer.step()
            total += loss.detach() * len(rows)
        return float(total) / len(order)

    return train


def keras(model: Model, x_train: np.ndarray) -> Train:
    """``fit`` on whatever backend KERAS_BACKEND names, on values that are float32 already."""
    from keras import ops
    from keras.optimizers import AdamW

    from models_common import SMALLEST_VARIANCE, require_same
    from models_keras import keras_model

    net = keras_model(model)
    data = x_train.astype(np.float32) / 255
    found = net.predict(data[:_COMPARED], verbose=0)
    count = sum(int(np.prod(weight.shape)) for weight in net.trainable_weights)
    require_same(model, "Keras", found, x_train[:_COMPARED], count)
    optimizer = AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, epsilon=EPSILON)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])

    def likelihood(items: Any, found: Any) -> Any:
        return 0.5 * ops.log(ops.mean((items - found) ** 2) + SMALLEST_VARIANCE)

    loss = likelihood if is_variational(model.spec) else "mse"
    net.compile(optimizer=optimizer, loss=loss, metrics=["mse"])

    def train(order: np.ndarray) -> float:
        # all of the images but in the warm-up, and fit shuffles
        items = data if len(order) == len(data) else data[order]
        history = net.fit(items, items, batch_size=BATCH_SIZE, epochs=1, verbose=0)
        return float(history.history["mse"][-1])

    return train


CONTESTANTS = {
    function.__name__: function for function in (narrows, torch_eager, torch_compiled, keras)
}


def main(name: str, preset: str, folder: str, items: str, epochs: str, result: str) -> None:
    x_train, _ = load_mnist(folder)
    x_train = x_train[: int(items)]
    train = CONTESTANTS[name](start(preset), x_train)
    random = np.random.default_rng(0)
    # a whole one: its last batch, and its last steps, are compiled by themselves
    train(random.permutation(len(x_train)))
    seconds, loss = [], float("nan")
    for _ in range(int(epochs)):
        order = random.permutation(len(x_train))
        begin = time.perf_counter()
        loss = train(order)
        seconds.append(time.perf_counter() - begin)
    leave_result(result, {"epochs": seconds, "loss": loss})


if __name__ == "__main__":
    main(*sys.argv[1:])
