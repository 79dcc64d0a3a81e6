"""Runner of any model, compiled by XLA for whatever device JAX finds."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from narrows.engine.xla.convolution import with_native_convolutions
from narrows.engine.xla.loss import reconstructed
from narrows.engine.xla.precision import compiled
from narrows.engine.xla.transfer import (
    COMPILED_SPECS,
    Units,
    batches,
    for_device,
    run_batch,
    to_network,
)
from narrows.nn.flow import Flow
from narrows.nn.model import Model, apply_part
from narrows.nn.spec import Spec
from narrows.support.forks import require_xla_threads
from narrows.support.rounding import ValueType, as_type


class XlaRunner:
    """Runs any model; see :class:`narrows.engine.interface.Runner`."""

    calls_at_once = 1

    def __init__(self, model: Model) -> None:
        spec = with_native_convolutions(model.spec)
        self._model = model
        self._run_batch = run_batch(spec)
        self._encode, self._decode, self._reconstruct = _compiled(spec)

    def encode(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        return self._by_chunks(self._encode, items)

    def decode(
        self, codes: Shaped[np.ndarray, "n latent"], to: ValueType | None = None
    ) -> Shaped[np.ndarray, "n *item"]:
        values = self._by_chunks(self._decode, codes.astype(np.float32, copy=False), sent=True)
        return as_type(self._model.scaling.to_data(values), to)

    def reconstruct(
        self, items: Shaped[np.ndarray, "n *item"], to: ValueType | None = None
    ) -> Shaped[np.ndarray, "n *item"]:
        values = self._by_chunks(self._reconstruct, items)
        return as_type(self._model.scaling.to_data(values), to)

    def _by_chunks(
        self, run: Callable[[Any, Units, Any], Any], rows: np.ndarray, *, sent: bool = False
    ) -> np.ndarray:
        """What ``run`` makes of ``rows``; they are network values already if ``sent``."""
        require_xla_threads()
        import jax

        # once a call, and not with every chunk
        arrays, units = jax.device_put((self._model.arrays, Units.of(self._model.scaling)))
        parts = []
        for chunk in batches(rows, self._run_batch):
            values = chunk if sent else for_device(chunk, self._model.scaling)
            parts.append(np.asarray(run(arrays, units, values)))
        return np.concatenate(parts)


@lru_cache(COMPILED_SPECS)
def _compiled(spec: Spec) -> tuple[Any, Any, Any]:
    """Encoder, decoder, and both: functions of arrays, units and what goes in."""

    def encode(arrays: Any, units: Units, x: Any) -> Any:
        return apply_part(spec, "encoder", arrays, to_network(units, x))

    def decode(arrays: Any, units: Units, codes: Any) -> Any:
        return apply_part(spec, "decoder", arrays, codes)

    def reconstruct(arrays: Any, units: Units, x: Any) -> Any:
        return reconstructed(spec, arrays, to_network(units, x), Flow())

    return compiled(encode), compiled(decode), compiled(reconstruct)
