"""Codes refined on any device, for any decoder."""

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from narrows.engine.refinement import begun, filled, stepped
from narrows.engine.xla.convolution import with_native_convolutions
from narrows.engine.xla.decoder import flat_decoder, slopes_and_curvature
from narrows.engine.xla.precision import compiled
from narrows.engine.xla.transfer import (
    COMPILED_SPECS,
    Units,
    batches,
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


class XlaRefiner:
    """Improves codes; see :class:`narrows.engine.refinement.Refiner`.

    Args:
        model: its decoder must need nothing but a code.
        steps: how many Levenberg-Marquardt steps each code takes.
    """

    def __init__(self, model: Model, steps: int) -> None:
        self._model, self._steps = model, steps
        held = model.spec.latent_size * math.prod(model.spec.item_shape)
        self._batch = min(max(_DERIVATIVES // held, 1), _MOST_ITEMS)
        # steps one by one: inside a loop of XLA's convolutions are slow on CPUs
        self._start, self._step = _start_and_step(with_native_convolutions(model.spec))

    def refined(
        self, items: Shaped[np.ndarray, "n *item"], codes: Float32[np.ndarray, "n latent"]
    ) -> Float32[np.ndarray, "n latent"]:
        require_xla_threads()
        if len(items) <= self._batch:
            return self._some(items, codes)
        both = zip(batches(items, self._batch), batches(codes, self._batch), strict=True)
        # one after the other: side by side in threads, XLA's products wait for one another for ever
        return np.concatenate([self._some(*part) for part in both])

    def _some(self, items: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """As many as are improved at once, or fewer."""
        count = len(items)
        values = filled(for_device(items, self._model.scaling), self._batch)
        codes = filled(codes, self._batch)
        arrays = self._model.arrays
        wanted, search = self._start(arrays, Units.of(self._model.scaling), values, codes)
        for _ in range(self._steps):
            search = self._step(arrays, wanted, search)
        return np.asarray(search.codes)[:count]


@lru_cache(COMPILED_SPECS)
def _start_and_step(spec: Spec) -> tuple[Any, Any]:
    """A function of arrays, units, items (n, \\*item_shape) as they travel, and codes (n, latent)
    that gives the items' network values and a search; and one of arrays, these values and a search
    that gives the next one."""
    import jax.numpy as jnp

    decode = flat_decoder(spec)

    def start(arrays: Any, units: Units, items: Any, codes: Any) -> Any:
        wanted = to_network(units, items).reshape(len(codes), -1)
        return wanted, begun(codes, decode(arrays, codes))

    def step(arrays: Any, wanted: Any, search: Any) -> Any:
        of_codes = partial(decode, arrays)
        return stepped(
            search,
            wanted,
            decode=of_codes,
            slopes_and_curvature=partial(slopes_and_curvature, of_codes),
            solve=jnp.linalg.solve,
        )

    return compiled(start), compiled(step)
