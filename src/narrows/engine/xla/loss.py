"""What a batch loses, and what training minimises."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from narrows.nn.activations import apply_activation
from narrows.nn.blocks import Dense
from narrows.nn.flow import Flow
from narrows.nn.model import apply_part
from narrows.nn.spec import Spec
from narrows.objectives import Objective


@dataclass(frozen=True)
class LossFunction:
    """The loss of a model's reconstructions.

    Attributes:
        spec: the model's.
        objective: in network units.
    """

    spec: Spec
    objective: Objective

    def total(self, arrays: Mapping[str, Any], inputs: Any, wanted: Any, flow: Flow) -> Any:
        """The loss summed over the values of a batch, a float32 scalar.

        Args:
            arrays: the model's, in the dtype to compute in.
            inputs: what goes into the encoder: network values (n, \\*item_shape) of that dtype.
            wanted: what its reconstruction is compared with: float32 network values.
            flow: goes through the encoder and the decoder, and holds afterwards what the blocks
                left in it.
        """
        logits = _without_last_sigmoid(self.spec) if self.objective.needs_probabilities else None
        found = reconstructed(logits or self.spec, arrays, inputs, flow).astype(np.float32)
        if logits:
            return _cross_entropy(self.objective, found, wanted)
        return self.objective.elementwise(found, wanted).sum()


def reconstructed(spec: Spec, arrays: Mapping[str, Any], x: Any, flow: Flow) -> Any:
    """What encoder and decoder make of a batch ``x`` of network values, in one flow, so that what
    the encoder keeps the decoder can take."""
    code = apply_part(spec, "encoder", arrays, x)
    return apply_part(spec, "decoder", arrays, code)


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
