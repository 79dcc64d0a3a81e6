"""Measuring the evidence of a trained variational model: one code drawn for each item."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Shaped

from narrows.engine.evidence import Evidence, require_likelihood
from narrows.engine.xla.step import drawing_flow
from narrows.engine.xla.transfer import chunks, for_device, run_batch, to_network
from narrows.nn.blocks import Gaussian
from narrows.nn.flow import Flow
from narrows.nn.model import Model, apply_part
from narrows.nn.spec import Spec
from narrows.objectives import Objective

# The same draws for the same items, whoever measures them.
_SEED = 0xE1B0


def measure_evidence(
    model: Model, objective: Objective, items: Shaped[np.ndarray, "n *item"]
) -> Evidence:
    """What the ELBO of ``items`` (n, \\*item_shape) in data units is made of.

    Each code is drawn once, with the same random numbers at every call; everything else in the
    model does what it does after training.

    Raises:
        UsageError: ``objective`` is no likelihood.
    """
    import jax

    require_likelihood(objective)
    measured = jax.jit(partial(_measured, model, objective.in_model_units(model.scaling.scale)))
    total = divergence = 0.0
    for number, chunk in enumerate(chunks(items, run_batch(model.spec))):
        sums = measured(model.arrays, for_device(chunk, model.scaling), np.uint32(number))
        total += float(sums[0])
        divergence += float(sums[1])
    total *= objective.to_data_units(model.scaling.scale)
    return Evidence(objective, len(items), items.size, total, divergence)


def _measured(
    model: Model, objective: Objective, arrays: Mapping[str, Any], x: Any, number: Any
) -> Any:
    """The loss, in network units, and the divergence of a batch, each summed."""
    wanted = to_network(model.scaling, x)
    flow = drawing_flow(_SEED, number, np.float32, training=False)
    code = _drawn_codes(model.spec, arrays, wanted, flow)
    found = apply_part(model.spec, "decoder", arrays, code, flow)
    return objective.elementwise(found, wanted).sum(), sum(flow.penalties)


def _drawn_codes(spec: Spec, arrays: Mapping[str, Any], x: Any, flow: Flow) -> Any:
    """The encoder's blocks as after training, but for the one that draws: it draws, and leaves its
    divergence in ``flow`` with a beta of 1, whatever that weighed in training."""
    for prefix, block, _ in spec.placed("encoder"):
        own = {
            name.removeprefix(f"{prefix}."): array
            for name, array in arrays.items()
            if name.startswith(f"{prefix}.")
        }
        flow.prefix, flow.training = prefix, isinstance(block, Gaussian)
        if isinstance(block, Gaussian):
            block = replace(block, beta=1.0)
        x = block.apply(own, x, flow)
    flow.training = False
    return x
