"""Measuring the evidence of a trained variational model: one code drawn for each item."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Shaped

from narrows.engine.evidence import Evidence, require_likelihood
from narrows.engine.xla.precision import compiled
from narrows.engine.xla.step import drawing_flow, short_seed
from narrows.engine.xla.transfer import (
    COMPILED_SPECS,
    Units,
    batches,
    for_device,
    run_batch,
    to_network,
)
from narrows.nn.blocks import Gaussian
from narrows.nn.flow import Flow
from narrows.nn.model import Model, apply_part, block_arrays
from narrows.nn.objectives import Objective
from narrows.nn.spec import Spec
from narrows.support.forks import require_xla_threads

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
    require_likelihood(objective)
    require_xla_threads()
    measured = _measured(model.spec, objective.in_model_units(model.scaling.scale))
    units = Units.of(model.scaling)
    total = divergence = 0.0
    for number, batch in enumerate(batches(items, run_batch(model.spec))):
        sums = measured(model.arrays, units, for_device(batch, model.scaling), np.uint32(number))
        total += float(sums[0])
        divergence += float(sums[1])
    total *= objective.to_data_units(model.scaling.scale)
    return Evidence(
        objective=objective,
        items=len(items),
        values=items.size,
        total=total,
        divergence=divergence,
    )


@lru_cache(COMPILED_SPECS)
def _measured(spec: Spec, objective: Objective) -> Any:
    """A function of arrays, units, a batch as it travels and its number, that gives the batch's
    loss, in network units, and its divergence, each summed."""

    def measured(arrays: Mapping[str, Any], units: Units, x: Any, number: Any) -> Any:
        wanted = to_network(units, x)
        flow = drawing_flow(short_seed(_SEED), number, training=False)
        code = _drawn_codes(spec, arrays, wanted, flow)
        found = apply_part(spec, "decoder", arrays, code, flow)
        return objective.elementwise(found, wanted).sum(), sum(flow.penalties)

    return compiled(measured)


def _drawn_codes(spec: Spec, arrays: Mapping[str, Any], x: Any, flow: Flow) -> Any:
    """The encoder's blocks as after training, but for the one that draws: it draws, and leaves its
    divergence in ``flow`` with a beta of 1, whatever that weighed in training."""
    for prefix, block, _ in spec.placed("encoder"):
        flow.prefix, flow.training = prefix, isinstance(block, Gaussian)
        if isinstance(block, Gaussian):
            block = replace(block, beta=1.0)
        x = block.apply(block_arrays(arrays, prefix), x, flow)
    flow.training = False
    return x
