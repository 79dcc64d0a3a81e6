"""A model as JSON, which `pages/scripts/net.js` computes."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from narrows.errors import UsageError
from narrows.model.trained import TrainedModel
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.tasks.export.arrays import packed, packed_in_bits
from narrows.tasks.export.precision import Precision

# The blocks that `pages/scripts/blocks.js` has a step for, with the arrays that each of them uses
# when nothing is learnt.
_COMPUTED: dict[str, tuple[str, ...]] = {
    "dense": ("weight", "bias"),
    "gaussian": ("mean.weight", "mean.bias"),
    "conv": ("weight", "bias"),
    "conv_transpose": ("weight", "bias"),
    "norm": ("scale", "offset", "mean", "variance"),
    **dict.fromkeys(
        (
            "activation",
            "copy",
            "crop",
            "dropout",
            "flatten",
            "join",
            "pad",
            "patch",
            "pool",
            "reshape",
            "rounded",
            "unpatch",
            "upsample",
        ),
        (),
    ),
}


def model_data(trained: TrainedModel, precision: Precision) -> dict[str, Any]:
    """A model as JSON values, with nothing that only learning needs.

    Args:
        precision: in how many bits weights are written, and what that was found to change, which
            goes along.

    Raises:
        UsageError: it has a block that pages cannot compute.
    """
    spec = trained.model.spec
    parts = {part: list(_blocks(spec, part)) for part in ("encoder", "decoder")}
    used = {
        f"{block['prefix']}.{name}"
        for blocks in parts.values()
        for block in blocks
        for name in _COMPUTED[block["block"]]
    }
    return {
        "shape": list(spec.item_shape),
        "latent": spec.latent_size,
        "crosses": bool(spec.crosses),
        "refinement": trained.refinement,
        "scaling": _scaling(trained.model.scaling),
        "precision": asdict(precision),
        **parts,
        "arrays": [
            {"name": name, **_array(array, precision.bits(name, trained.model.arrays))}
            for name, array in sorted(trained.model.arrays.items())
            if name in used
        ],
    }


def _blocks(spec: Spec, part: str) -> Iterator[dict[str, Any]]:
    """Each block as a spec writes it, with the shapes before and after it and the prefix of its
    arrays."""
    for (prefix, block, before), after in zip(
        spec.placed(part), spec.shapes(part)[1:], strict=True
    ):
        if block.name not in _COMPUTED:
            raise UsageError(
                f"the block {block.name} of the {part} cannot be computed in a page",
                hint="open the model with narrows explore, without --export",
            )
        shapes = {"from": list(before), "shape": list(after)}
        yield {**block.to_dict(), **shapes, "prefix": prefix}


def _array(array: np.ndarray, bits: int) -> dict[str, Any]:
    return packed(array) if bits == 32 else packed_in_bits(array, bits)


def _scaling(scaling: Scaling) -> dict[str, Any]:
    centre = scaling.centre
    return {
        "offset": scaling.offset,
        "scale": scaling.scale,
        "centre": None if centre is None else packed(centre.reshape(-1).astype(np.float64)),
    }
