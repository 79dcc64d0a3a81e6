"""Trainings of the article's model from one start in one order; see parity_keras.py.

    python benchmarks/parity_contestants.py NAME FOLDER SEED RESULT.json

Each gives, for every epoch, the mean loss of the epoch and the loss on the test images after it.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from article_keras import BATCH_SIZE, build, dense_layers
from common import leave_result, load_mnist
from narrows.engine import AdamSettings, TrainingState
from narrows.engine.fused.trainer import FusedTrainer
from narrows.engine.xla import XlaTrainer
from narrows.nn.model import Model, initial_model
from narrows.nn.objectives import Objective
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling

EPOCHS = 3
#: Steps from one common state to the next where two trainings are kept together.
STEPS_TOGETHER = 50

#: Loss and validation loss of each epoch.
Losses = list[tuple[float, float]]


@dataclass(frozen=True)
class Task:
    """What every contestant starts from, and the order it must take the images in."""

    x_train: np.ndarray
    x_test: np.ndarray
    model: Model
    orders: list[np.ndarray]

    @classmethod
    def make(cls, folder: str, seed: int) -> "Task":
        x_train, x_test = load_mnist(folder)
        random = np.random.default_rng(seed)
        orders = [random.permutation(len(x_train)) for _ in range(EPOCHS)]
        model = initial_model(preset_spec("simple", (28, 28)), Scaling(), seed)
        return cls(x_train, x_test, model, orders)


def compute_in_float64() -> None:
    """Make JAX, and Keras on it, compute in double precision in this process."""
    import jax
    import keras

    jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")


class KerasTraining:
    """The article's model in Keras, from the task's initial weights."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._encoder, self._decoder, self._autoencoder = build()
        for layer, name in self._layers():
            layer.set_weights([task.model.arrays[f"{name}.{part}"] for part in ("weight", "bias")])
        self._autoencoder.optimizer.build(self._autoencoder.trainable_variables)

    def _layers(self) -> Iterator[tuple[Any, str]]:
        return dense_layers(self._encoder, self._decoder)

    def train(self, order: np.ndarray) -> float:
        """Train on these images in this order: the mean loss of the steps."""
        items = self._task.x_train[order]
        history = self._autoencoder.fit(
            items, items, batch_size=BATCH_SIZE, shuffle=False, verbose=0
        )
        return history.history["loss"][0]

    def measure(self) -> float:
        items = self._task.x_test
        return self._autoencoder.evaluate(items, items, batch_size=BATCH_SIZE, verbose=0)

    def state(self) -> TrainingState:
        """Weights, Adam's moments and steps, as narrows holds them."""
        names = [f"{name}.{part}" for _, name in self._layers() for part in ("weight", "bias")]
        optimizer = self._autoencoder.optimizer

        def named(variables: list[Any]) -> dict[str, np.ndarray]:
            arrays = [np.asarray(variable, np.float32) for variable in variables]
            return dict(zip(names, arrays, strict=True))

        def moments(kind: str) -> list[Any]:
            return [v for v in optimizer.variables if v.path.endswith(kind)]

        return TrainingState(
            named(self._autoencoder.trainable_variables),
            named(moments("momentum")),
            named(moments("velocity")),
            int(optimizer.iterations),
        )


def keras(task: Task) -> Losses:
    """Keras, in the precision and on the backend this process is set to."""
    training = KerasTraining(task)
    return [(training.train(order), training.measure()) for order in task.orders]


def keras_float64(task: Task) -> Losses:
    compute_in_float64()
    return keras(task)


def narrows(engine: Any, task: Task) -> Losses:
    """One of narrows' engines, in the precision of the model's arrays."""
    trainer = engine(task.model, Objective(), AdamSettings(), BATCH_SIZE)
    return [
        (
            float(trainer.train(task.x_train, order).sum()) / task.x_train.size,
            trainer.measure(task.x_test) / task.x_test.size,
        )
        for order in task.orders
    ]


def narrows_fused(task: Task) -> Losses:
    return narrows(FusedTrainer, task)


def narrows_xla(task: Task) -> Losses:
    return narrows(XlaTrainer, task)


def narrows_xla_float64(task: Task) -> Losses:
    compute_in_float64()
    arrays = {name: array.astype(np.float64) for name, array in task.model.arrays.items()}
    return narrows(XlaTrainer, replace(task, model=replace(task.model, arrays=arrays)))


def kept_together(task: Task) -> dict[str, Losses]:
    """Keras in float64, and both engines in float32, put into Keras's state every few steps."""
    compute_in_float64()
    training = KerasTraining(task)
    engines = {
        name: engine(task.model, Objective(), AdamSettings(), BATCH_SIZE)
        for name, engine in (("fused", FusedTrainer), ("xla", XlaTrainer))
    }
    losses: dict[str, Losses] = {"keras": [], **{name: [] for name in engines}}
    for order in task.orders:
        totals = dict.fromkeys(losses, 0.0)
        for start in range(0, len(order), STEPS_TOGETHER * BATCH_SIZE):
            part = order[start : start + STEPS_TOGETHER * BATCH_SIZE]
            for name, trainer in engines.items():
                trainer.restore(training.state())
                totals[name] += float(trainer.train(task.x_train, part).sum())
            totals["keras"] += training.train(part) * len(part) * task.x_train[0].size
        validation = {
            "keras": training.measure(),
            **{
                name: engine.measure(task.x_test) / task.x_test.size
                for name, engine in engines.items()
            },
        }
        for name, history in losses.items():
            history.append((totals[name] / task.x_train.size, validation[name]))
    return losses


CONTESTANTS = {
    function.__name__: function
    for function in (
        keras, keras_float64, narrows_fused, narrows_xla, narrows_xla_float64, kept_together,
    )
}  # fmt: skip


def main(name: str, folder: str, seed: str, result: str) -> None:
    leave_result(result, CONTESTANTS[name](Task.make(folder, int(seed))))


if __name__ == "__main__":
    main(*sys.argv[1:])
