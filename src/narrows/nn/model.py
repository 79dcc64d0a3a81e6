"""A model: a spec and the arrays it speaks of, nothing else."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from narrows.errors import UsageError
from narrows.nn.blocks import Arrays
from narrows.nn.flow import Flow
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec


@dataclass(frozen=True)
class Model:
    """An autoencoder as pure data.

    Attributes:
        spec: its encoder and decoder.
        arrays: float32 arrays by name, such as ``encoder.1.weight``.
        scaling: between the data's units and the network's.
    """

    spec: Spec
    arrays: dict[str, np.ndarray]
    scaling: Scaling = field(default_factory=Scaling)


def initial_model(spec: Spec, scaling: Scaling, seed: int) -> Model:
    """A model before training; the same seed gives the same arrays on every machine."""
    random = np.random.default_rng([seed, _INITIALISATION_STREAM])
    arrays = {
        f"{prefix}.{name}": array
        for part in ("encoder", "decoder")
        for prefix, block, shape in spec.placed(part)
        for name, array in block.initial_arrays(shape, random).items()
    }
    return Model(spec, arrays, scaling)


def apply_part(spec: Spec, part: str, arrays: Arrays, x: Any, flow: Flow | None = None) -> Any:
    """Take a batch of network values through the encoder or the decoder.

    ``x`` has shape (n, \\*item_shape) for the encoder and (n, latent_size) for the decoder; it and
    ``arrays`` may be NumPy's or JAX's. A ``flow`` that goes through both parts takes the encoder's
    copies to the decoder; None is a fresh one, for a pass that teaches nothing.

    Raises:
        UsageError: the decoder joins copies that ``flow`` has not got.
    """
    flow = Flow() if flow is None else flow
    if part == "decoder" and not flow.kept.keys() >= set(spec.crosses):
        raise UsageError(
            "this model's decoder uses tensors that its encoder kept, and codes alone are not "
            "enough for it",
            hint="use reconstruct or denoise, which take items through both",
        )
    for prefix, block, _ in spec.placed(part):
        flow.prefix = prefix
        x = block.apply(block_arrays(arrays, prefix), x, flow)
    return x


def block_arrays(arrays: Arrays, prefix: str) -> dict[str, Any]:
    """The arrays of one block of a model by the names that the block knows: of those under
    ``prefix``, such as ``encoder.1``."""
    start = f"{prefix}."
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


# Keeps the initial weights' random numbers apart from those of other uses of the same seed.
_INITIALISATION_STREAM = 0x1417
