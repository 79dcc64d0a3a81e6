"""A stack of dense layers trained by optax: what schedules, decay and inputs are held against."""

from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from helpers.engine_cases import Case

ACTIVATIONS: dict[str, Any] = {
    "linear": lambda x: x,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "silu": jax.nn.silu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=True),
}
LOSSES = {"l2": lambda r: r * r, "l1": jnp.abs}

# Older releases of JAX have it elsewhere.
_x64 = (
    jax.enable_x64 if hasattr(jax, "enable_x64") else import_module("jax.experimental").enable_x64
)


def learning_rate(case: Case) -> optax.Schedule:
    """Up in a line, down along half a cosine, as optax puts it together."""
    adam = case.adam
    top, warmup = adam.learning_rate, adam.warmup_steps
    rise = optax.linear_schedule(top / (warmup + 1), top, max(warmup, 1))
    fall: optax.Schedule = optax.constant_schedule(top)
    if adam.total_steps is not None:
        fall = optax.cosine_decay_schedule(top, adam.total_steps - warmup)
    return optax.join_schedules([rise, fall], [warmup])


def train_with_optax(
    case: Case, inputs: np.ndarray | None = None
) -> tuple[list[float], dict[str, np.ndarray]]:
    """Each step's summed loss before it, and the arrays after the last, in float64."""
    with _x64(True):
        wanted = case.network_values()
        given = wanted if inputs is None else inputs.reshape(wanted.shape).astype(np.float64)
        arrays = {name: jnp.asarray(a, np.float64) for name, a in case.model().arrays.items()}
        activations = [*(case.activation for _ in case.widths), case.ending]

        def total(arrays: Any, x: Any, y: Any) -> Any:
            layers = [arrays[name] for name in case.model().arrays]  # JAX sorts dictionaries
            for weight, bias, activation in zip(
                layers[0::2], layers[1::2], activations, strict=True
            ):
                x = ACTIVATIONS[activation](x @ weight + bias)
            return LOSSES[case.loss](x - y).sum()

        adam = case.adam
        optimiser = optax.adamw(
            learning_rate(case),
            adam.beta1,
            adam.beta2,
            adam.epsilon,
            weight_decay=adam.weight_decay,
            mask={name: name.endswith("weight") for name in arrays},
        )

        @jax.jit
        def step(arrays: Any, state: Any, x: Any, y: Any) -> Any:
            loss, slopes = jax.value_and_grad(total)(arrays, x, y)
            slopes = jax.tree.map(lambda g: g / y.size, slopes)
            changes, state = optimiser.update(slopes, state, arrays)
            return optax.apply_updates(arrays, changes), state, loss

        state, losses = optimiser.init(arrays), []
        order = case.order()
        for start in range(0, case.count, case.batch_size):
            batch = order[start : start + case.batch_size]
            arrays, state, loss = step(arrays, state, given[batch], wanted[batch])
            losses.append(float(loss))
        return losses, {name: np.asarray(array) for name, array in arrays.items()}
