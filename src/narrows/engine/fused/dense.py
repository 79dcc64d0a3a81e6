"""Trainer and runner of models that are stacks of dense layers."""

import math

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, Shaped

from narrows.engine.fused import kernels
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.stack import PANELS_AT_A_TIME, DenseStack, Layer, usable_cores
from narrows.engine.interface import AdamSettings, TrainingState
from narrows.nn.blocks import Dense, Flatten, Reshape
from narrows.nn.model import Model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.objectives import Objective

_LOSSES = {
    "l2": kernels.SQUARED,
    "l1": kernels.ABSOLUTE,
    "huber": kernels.HUBER,
    "bce": kernels.CROSS_ENTROPY,
}
# Under a tenth of a second on two fast cores, under a second on a slow one. Every call starts its
# threads anew, on cores whose caches have forgotten the moments: calls a quarter as long made an
# epoch 3 % longer.
_OPERATIONS_PER_CALL = 1.6e10


def is_dense(spec: Spec) -> bool:
    """Whether a model is a stack of dense layers, whatever shapes its items take in between."""
    return all(
        isinstance(block, Flatten | Reshape | Dense) for block in (*spec.encoder, *spec.decoder)
    ) and all(dense_layers(spec, part) for part in ("encoder", "decoder"))


def dense_layers(spec: Spec, part: str) -> list[Layer]:
    """The dense layers of a part: flat rows go through them, so shapes do not matter."""
    return [
        Layer(prefix, shape[0], block.units, block.activation)
        for prefix, block, shape in spec.placed(part)
        if isinstance(block, Dense)
    ]


class DenseTrainer:
    """Trains a stack of dense layers; see :class:`narrows.engine.interface.Trainer`."""

    def __init__(
        self, model: Model, objective: Objective, adam: AdamSettings, batch_size: int
    ) -> None:
        layers = dense_layers(model.spec, "encoder") + dense_layers(model.spec, "decoder")
        self._stack = DenseStack(layers, batch_size)
        self._scaling = model.scaling
        self._loss = _kernel_loss(objective, model.scaling)
        self._adam = adam
        self._steps = 0
        operations = 6 * batch_size * sum(layer.inputs * layer.outputs for layer in layers)
        self.steps_per_call = max(int(_OPERATIONS_PER_CALL / operations), 1)
        self.restore(TrainingState.start(model.arrays))

    def state(self) -> TrainingState:
        flat = self._stack.stack
        return TrainingState(
            self._stack.save(flat.parameters),
            self._stack.save(flat.first_moment),
            self._stack.save(flat.second_moment),
            self._steps,
        )

    def restore(self, state: TrainingState) -> None:
        flat = self._stack.stack
        self._stack.load(flat.parameters, state.arrays)
        self._stack.load(flat.first_moment, state.first_moment)
        self._stack.load(flat.second_moment, state.second_moment)
        self._steps = state.steps

    def train(
        self,
        items: Shaped[np.ndarray, "n *item"],
        order: Int64[np.ndarray, " m"],
        inputs: Shaped[np.ndarray, "n *item"] | None = None,
    ) -> Float64[np.ndarray, " steps"]:
        steps = math.ceil(len(order) / self._stack.batch_size)
        rates = self._adam.step_sizes(self._steps + 1, steps)
        decays = self._adam.decays(self._steps + 1, steps)
        constants = kernels.Adam(
            np.float32(0),
            np.float32(0),
            np.float32(1 - self._adam.beta1),
            np.float32(1 - self._adam.beta2),
            np.float32(self._adam.epsilon),
        )
        given = items if inputs is None else inputs
        losses = self._stack.train(
            items, given, self._scaling, order, self._loss, rates, decays, constants
        )
        self._steps += steps
        return losses

    def measure(self, items: Shaped[np.ndarray, "n *item"]) -> float:
        return self._stack.measure(items, self._scaling, self._loss)


class DenseRunner:
    """Runs a stack of dense layers; see :class:`narrows.engine.interface.Runner`."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._stacks = {}
        for part in ("encoder", "decoder"):
            together = PANELS_AT_A_TIME * TILE_COLUMNS * usable_cores()
            stack = DenseStack(dense_layers(model.spec, part), together)
            stack.load(stack.stack.parameters, model.arrays)
            self._stacks[part] = stack

    def encode(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        return self._stacks["encoder"].outputs(items, self._model.scaling)

    def decode(self, codes: Shaped[np.ndarray, "n latent"]) -> Float[np.ndarray, "n *item"]:
        values = self._stacks["decoder"].outputs(codes, Scaling())
        return self._model.scaling.to_data(values).reshape(-1, *self._model.spec.item_shape)

    def reconstruct(self, items: Shaped[np.ndarray, "n *item"]) -> Float[np.ndarray, "n *item"]:
        return self.decode(self.encode(items))


def _kernel_loss(objective: Objective, scaling: Scaling) -> kernels.Loss:
    threshold = objective.in_model_units(scaling.scale).threshold
    return kernels.Loss(_LOSSES[objective.name], np.float32(threshold))
