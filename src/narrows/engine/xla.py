"""Trainer and runner of any model, compiled by XLA for whatever device JAX finds."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, Shaped

from narrows.engine.interface import AdamSettings, TrainingState
from narrows.nn.activations import apply_activation
from narrows.nn.blocks import Dense
from narrows.nn.model import Model, apply_part
from narrows.nn.spec import Spec
from narrows.objectives import Objective

# Steps in one compiled call. More hide the cost of a call better; this many take a fraction of a
# second even for models a thousand times the size of the simple one.
_STEPS_PER_CALL = 64
# Items that go through a model at once when nothing is learnt.
_RUN_BATCH = 2048


class XlaTrainer:
    """Trains any model; see :class:`narrows.engine.interface.Trainer`."""

    def __init__(
        self, model: Model, objective: Objective, adam: AdamSettings, batch_size: int
    ) -> None:
        import jax

        self.steps_per_call = _STEPS_PER_CALL
        self._scaling = model.scaling
        self._batch_size = batch_size
        self._adam = adam
        self._steps = 0
        loss = objective.in_model_units(model.scaling.scale)
        self._train = jax.jit(partial(_train_slice, model, loss, adam), donate_argnums=0)
        self._measure = jax.jit(partial(_total_loss, model, loss))
        self.restore(TrainingState.start(model.arrays))

    def state(self) -> TrainingState:
        arrays, first, second = (
            {name: np.array(array) for name, array in part.items()} for part in self._carry
        )
        return TrainingState(arrays, first, second, self._steps)

    def restore(self, state: TrainingState) -> None:
        import jax

        parts = (state.arrays, state.first_moment, state.second_moment)
        # copies: what goes into the compiled step is given up to it
        self._carry = jax.tree.map(lambda array: jax.numpy.array(array, copy=True), parts)
        self._steps = state.steps

    def train(
        self, items: Shaped[np.ndarray, "n *item"], order: Int64[np.ndarray, " m"]
    ) -> Float64[np.ndarray, " steps"]:
        whole = len(order) // self._batch_size * self._batch_size
        runs = [order[:whole].reshape(-1, self._batch_size), order[whole:].reshape(1, -1)]
        losses = [self._slice(items, run) for run in runs if run.size]
        return np.concatenate(losses) if losses else np.zeros(0)

    def _slice(self, items: np.ndarray, order: np.ndarray) -> np.ndarray:
        steps = len(order)
        rates = self._adam.step_sizes(self._steps + 1, steps)
        batches = _for_device(items[order], self._scaling)
        self._carry, losses = self._train(self._carry, batches, rates)
        self._steps += steps
        return np.asarray(losses, np.float64)

    def measure(self, items: Shaped[np.ndarray, "n *item"]) -> float:
        total = 0.0
        for chunk in _chunks(items):
            total += float(self._measure(self._carry[0], _for_device(chunk, self._scaling)))
        return total


class XlaRunner:
    """Runs any model; see :class:`narrows.engine.interface.Runner`."""

    def __init__(self, model: Model) -> None:
        import jax

        def encode(arrays: Any, x: Any) -> Any:
            return apply_part(model.spec, "encoder", arrays, _to_network(model, x))

        self._model = model
        self._encode = jax.jit(encode)
        self._decode = jax.jit(partial(apply_part, model.spec, "decoder"))

    def encode(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        parts = [
            np.asarray(self._encode(self._model.arrays, _for_device(chunk, self._model.scaling)))
            for chunk in _chunks(items)
        ]
        return np.concatenate(parts)

    def decode(self, codes: Shaped[np.ndarray, "n latent"]) -> Float[np.ndarray, "n *item"]:
        parts = [
            np.asarray(self._decode(self._model.arrays, chunk.astype(np.float32)))
            for chunk in _chunks(codes)
        ]
        return self._model.scaling.to_data(np.concatenate(parts))


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    """At least one, so that no items give an array of no results."""
    starts = range(0, max(len(rows), 1), _RUN_BATCH)
    return [rows[start : start + _RUN_BATCH] for start in starts]


def _for_device(items: np.ndarray, scaling: Any) -> np.ndarray:
    """8-bit data travel as they are; others become float32 network values first."""
    return items if items.dtype == np.uint8 else scaling.to_network(items)


def _to_network(model: Model, x: Any) -> Any:
    """What :func:`_for_device` sent, as network values, on the device."""
    if x.dtype != np.uint8:
        return x
    scaling = model.scaling
    return (x.astype(np.float32) - np.float32(scaling.offset)) * np.float32(1 / scaling.scale)


def _without_last_sigmoid(spec: Spec) -> Spec | None:
    """``spec`` with a decoder that ends before its last sigmoid, or None if it ends otherwise."""
    decoder = list(spec.decoder)
    dense = [number for number, block in enumerate(decoder) if isinstance(block, Dense)]
    for number in dense[-1:]:
        block = decoder[number]
        if isinstance(block, Dense) and block.activation == "sigmoid":
            decoder[number] = replace(block, activation="linear")
            return replace(spec, decoder=tuple(decoder))
    return None


def _total_loss(model: Model, loss: Objective, arrays: Any, x: Any) -> Any:
    """The loss summed over the values of a batch of items as :func:`_for_device` sent them."""
    logits = _without_last_sigmoid(model.spec) if loss.needs_probabilities else None
    wanted = _to_network(model, x)
    spec = logits or model.spec
    code = apply_part(spec, "encoder", arrays, wanted)
    found = apply_part(spec, "decoder", arrays, code)
    return _cross_entropy(loss, found, wanted) if logits else loss.elementwise(found, wanted).sum()


def _cross_entropy(loss: Objective, logits: Any, wanted: Any) -> Any:
    """The loss of sigmoid(logits), with the slope chance - wanted by each logit.

    Differentiated as it stands, the formula has no slope where the sigmoid has reached 0 or 1: what
    is certain and wrong would never be unlearnt.
    """
    import jax

    fixed = jax.lax.stop_gradient
    chance = fixed(apply_activation("sigmoid", logits))
    value = loss.elementwise(chance, wanted).sum()
    return value + ((chance - wanted) * (logits - fixed(logits))).sum()


def _train_slice(
    model: Model, loss: Objective, adam: AdamSettings, carry: Any, batches: Any, rates: Any
) -> Any:
    """A step for each of ``batches`` (steps, batch, \\*item_shape): the carry and the losses."""
    import jax

    def mean_loss(arrays: Any, x: Any) -> Any:
        total = _total_loss(model, loss, arrays, x)
        return total / x.size, total

    def step(carry: Any, inputs: Any) -> Any:
        x, rate = inputs
        arrays, first, second = carry
        slopes, total = jax.grad(mean_loss, has_aux=True)(arrays, x)
        # Kingma and Ba, arXiv:1412.6980, end of section 2
        first = jax.tree.map(lambda m, g: m + (g - m) * (1 - adam.beta1), first, slopes)
        second = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - adam.beta2), second, slopes)
        arrays = jax.tree.map(
            lambda p, m, v: p - rate * m / (v**0.5 + adam.epsilon), arrays, first, second
        )
        return (arrays, first, second), total

    return jax.lax.scan(step, carry, (batches, rates))
