"""Trainer of models that are stacks of layers."""

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from narrows.engine.evidence import require_likelihood
from narrows.engine.fused.layers import fused_layers
from narrows.engine.fused.placement import factor_bytes
from narrows.engine.fused.stack import LayerStack
from narrows.engine.fused.structure import (
    ABSOLUTE,
    CROSS_ENTROPY,
    HUBER,
    SQUARED,
    Loss,
)
from narrows.engine.interface import AdamSettings, Losses, Trainer, TrainingState
from narrows.nn.model import Model
from narrows.nn.objectives import Objective
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec

_LOSSES = {"l2": SQUARED, "l1": ABSOLUTE, "huber": HUBER, "bce": CROSS_ENTROPY}
# Under a tenth of a second on two fast cores, under a second on a slow one. Every call starts its
# threads anew, on cores whose caches have forgotten the moments: calls a quarter as long made an
# epoch 3 % longer.
_OPERATIONS_PER_CALL = 1.6e10


# Values whose losses are taken by NumPy at a time.
_MEASURED_VALUES = 1 << 20
# What the factors of a batch's gradients may take: beyond it XLA's own convolutions are used, which
# hold less at once.
_MOST_FACTOR_BYTES = 1 << 29


def can_train(spec: Spec, batch_size: int, objective: Objective) -> bool:
    """Whether a :class:`FusedTrainer` trains such a model, in memory that is no worry."""
    layers = fused_layers(spec)
    if layers is None or objective.name not in _LOSSES:
        return False
    return factor_bytes(layers, batch_size) <= _MOST_FACTOR_BYTES


class FusedTrainer(Trainer):
    """Trains a stack of layers; see :class:`narrows.engine.interface.Trainer`.

    ``seed`` governs the codes that are drawn.

    Raises:
        UsageError: a variational model, and an objective that is no likelihood.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        adam: AdamSettings,
        batch_size: int,
        seed: int = 0,
    ) -> None:
        layers = fused_layers(model.spec)
        assert layers is not None, "a model of other blocks is trained by XLA"
        self._stack = LayerStack(layers, batch_size)
        self._drawn = self._stack.drawn
        if self._drawn:
            require_likelihood(objective)
        self._scaling = model.scaling
        self._objective = objective.in_model_units(model.scaling.scale)
        self._loss = _kernel_loss(objective, model.scaling)
        self._adam = adam
        self._seed = seed
        self._steps = 0
        weights = sum(layer.weights * layer.places for layer in layers)
        self.steps_per_call = max(int(_OPERATIONS_PER_CALL / (6 * batch_size * weights)), 1)
        self.restore(TrainingState.start(model.arrays))

    def state(self) -> TrainingState:
        flat = self._stack.stack
        return TrainingState(
            self._stack.save(flat.parameters),
            self._stack.save_moment(flat.first_moment),
            self._stack.save_moment(flat.second_moment),
            self._steps,
        )

    def restore(self, state: TrainingState) -> None:
        flat = self._stack.stack
        self._stack.load(flat.parameters, state.arrays)
        self._stack.load_moment(flat.first_moment, state.first_moment)
        self._stack.load_moment(flat.second_moment, state.second_moment)
        self._steps = state.steps

    def begin(
        self,
        items: Shaped[np.ndarray, "n *item"],
        order: Int64[np.ndarray, " m"],
        inputs: Shaped[np.ndarray, "n *item"] | None = None,
    ) -> Losses:
        first, batch_size = self._steps + 1, self._stack.batch_size
        given = items if inputs is None else inputs
        noise = np.zeros((0, 0), np.float32)
        if self._drawn:
            noise = drawn_noise(self._seed, first, len(order), self._drawn, batch_size)
        losses = self._stack.train(
            items, given, self._scaling, order, self._loss, self._adam, first, noise
        )
        self._steps += len(losses)
        return lambda: losses

    def measure(
        self,
        items: Shaped[np.ndarray, "n *item"],
        inputs: Shaped[np.ndarray, "n *item"] | None = None,
    ) -> float:
        if inputs is None:
            return self._stack.measure(items, self._scaling, self._loss)
        total = 0.0
        rows = max(_MEASURED_VALUES // max(items[:1].size, 1), 1)
        for start in range(0, len(items), rows):
            found = self._stack.outputs(inputs[start : start + rows], self._scaling)
            wanted = self._scaling.to_network(items[start : start + rows])
            losses = self._objective.elementwise(found, wanted.reshape(found.shape))
            total += float(losses.sum(dtype=np.float64))
        return total


def drawn_noise(
    seed: int, first: int, count: int, numbers: int, batch_size: int
) -> Float32[np.ndarray, "items numbers"]:
    """Draws from the standard normal distribution for the codes of ``count`` items in batches, from
    step ``first`` on: float32 (count, numbers). Those of a step depend on the seed and on its
    number alone."""
    key = np.random.SeedSequence(seed)
    noise = np.empty((count, numbers), np.float32)
    for number, start in enumerate(range(0, count, batch_size), first):
        bits = np.random.Philox(key, counter=[0, 0, 0, number])
        part = noise[start : start + batch_size]
        np.random.Generator(bits).standard_normal(out=part, dtype=np.float32)
    return noise


def _kernel_loss(objective: Objective, scaling: Scaling) -> Loss:
    threshold = objective.in_model_units(scaling.scale).threshold
    return Loss(_LOSSES[objective.name], np.float32(threshold))
