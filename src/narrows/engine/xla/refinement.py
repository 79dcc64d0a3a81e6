"""Better codes for a given decoder: what the encoder gives is where a search begins.

An encoder answers at once, and each answer is a guess; the decoder alone says what a code stands
for. A step of Gauss and Newton on the squared error of one item, in its latent numbers alone, costs
as much as decoding it once for each of them, and takes back a large part of what the guess lost
(the amortisation gap: Cremer, Li and Duvenaud, arXiv:1801.03558).
"""

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Shaped

from narrows.engine.interface import Runner
from narrows.engine.xla.convolution import with_native_convolutions
from narrows.engine.xla.decoder import flat_decoder, slopes_and_curvature
from narrows.engine.xla.precision import compiled
from narrows.engine.xla.transfer import (
    COMPILED_SPECS,
    Units,
    batches,
    filled,
    for_device,
    to_network,
)
from narrows.nn.model import Model
from narrows.nn.spec import Spec
from narrows.support.forks import require_xla_threads

# Derivatives of so many values by latent numbers are held at once (16 MB), of at most so many
# items. Always as many, and zeros after the last: an item's code must not depend on its company.
_DERIVATIVES = 1 << 22
_MOST_ITEMS = 128
# The damping of a first step, as a share of each latent number's own curvature, and what a step
# that made an item worse, or better, does to the next one (Marquardt, 1963).
_DAMPING, _MORE, _LESS = 1e-2, 10.0, 0.1
# Curvature that is added to all alike, as a share of the mean: a dead number has none of its own.
_LEAST_CURVATURE = 1e-6
_TINY = float(np.finfo(np.float32).tiny)


class RefiningRunner:
    """Runs a model and improves its codes; see :class:`narrows.engine.interface.Runner`.

    Args:
        model: what is run; its decoder must need nothing but a code.
        runner: runs the encoder and the decoder.
        steps: how many Levenberg-Marquardt steps each code takes.
    """

    calls_at_once = 1

    def __init__(self, model: Model, runner: Runner, steps: int) -> None:
        self._model, self._runner, self._steps = model, runner, steps
        held = model.spec.latent_size * math.prod(model.spec.item_shape)
        self._batch = min(max(_DERIVATIVES // held, 1), _MOST_ITEMS)
        # steps one by one: inside a loop of XLA's convolutions are slow on CPUs
        self._start, self._step = _start_and_step(with_native_convolutions(model.spec))

    def encode(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        require_xla_threads()
        codes = self._runner.encode(items)
        if len(items) <= self._batch:
            return self._refined(items, codes)
        both = zip(batches(items, self._batch), batches(codes, self._batch), strict=True)
        # one after the other: side by side in threads, XLA's products wait for one another for ever
        return np.concatenate([self._refined(*part) for part in both])

    def decode(self, codes: Shaped[np.ndarray, "n latent"]) -> Float[np.ndarray, "n *item"]:
        return self._runner.decode(codes)

    def reconstruct(self, items: Shaped[np.ndarray, "n *item"]) -> Float[np.ndarray, "n *item"]:
        return self.decode(self.encode(items))

    def _refined(self, items: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Codes whose reconstructions are at least as near to ``items`` as those of ``codes``."""
        count = len(items)
        values = filled(for_device(items, self._model.scaling), self._batch)
        codes = filled(codes, self._batch)
        arrays = self._model.arrays
        wanted, state = self._start(arrays, Units.of(self._model.scaling), values, codes)
        for _ in range(self._steps):
            state = self._step(arrays, wanted, state)
        return np.asarray(state[0])[:count]


@lru_cache(COMPILED_SPECS)
def _start_and_step(spec: Spec) -> tuple[Any, Any]:
    """A function of arrays, units, items (n, \\*item_shape) as they travel, and codes (n, latent)
    that gives the items' network values and a state; and one of arrays, these values and a state
    that gives the next state. A state is codes, what they decode to, and each item's damping."""
    import jax.numpy as jnp

    decode = flat_decoder(spec)

    def start(arrays: Any, units: Units, items: Any, codes: Any) -> Any:
        wanted = to_network(units, items).reshape(len(codes), -1)
        return wanted, (codes, decode(arrays, codes), jnp.full((len(codes), 1), _DAMPING))

    def step(arrays: Any, wanted: Any, state: Any) -> Any:
        codes, found, damping = state
        missed = wanted - found
        slopes, curvature = slopes_and_curvature(partial(decode, arrays), codes)
        own = jnp.einsum("nii->ni", curvature)
        least = _LEAST_CURVATURE * own.mean(axis=1, keepdims=True) + _TINY
        damped = curvature + jnp.eye(codes.shape[1]) * (damping * own + least)[:, None]
        downhill = jnp.einsum("ind,nd->ni", slopes, missed)
        there = codes + jnp.linalg.solve(damped, downhill[..., None])[..., 0]
        found_there = decode(arrays, there)
        # what is no number is not better
        better = (_squared(wanted - found_there) < _squared(missed))[:, None]
        return (
            jnp.where(better, there, codes),
            jnp.where(better, found_there, found),
            damping * jnp.where(better, _LESS, _MORE),
        )

    return compiled(start), compiled(step)


def _squared(differences: Any) -> Any:
    """The squared length of each row."""
    return (differences * differences).sum(axis=1)
