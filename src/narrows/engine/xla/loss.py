"""What a batch loses, and what training minimises."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from narrows.engine.evidence import is_variational, negative_elbo
from narrows.nn.activations import apply_activation
from narrows.nn.blocks import (
    Activation,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    Patch,
    Reshape,
    Unpatch,
)
from narrows.nn.flow import Flow
from narrows.nn.model import apply_part
from narrows.nn.objectives import Objective
from narrows.nn.spec import Spec


@dataclass(frozen=True)
class LossFunction:
    """What a model's reconstructions lose, and what training makes of that.

    Attributes:
        spec: the model's.
        objective: in network units.
    """

    spec: Spec
    objective: Objective

    def total(self, arrays: Mapping[str, Any], inputs: Any, wanted: Any, flow: Flow) -> Any:
        """The reconstruction loss summed over the values of a batch, a float32 scalar.

        Args:
            arrays: the model's.
            inputs: what goes into the encoder: float32 network values (n, \\*item_shape).
            wanted: what its reconstruction is compared with: float32 network values.
            flow: goes through the encoder and the decoder, and holds afterwards what the blocks
                left in it.
        """
        logits = without_last_sigmoid(self.spec) if self.objective.needs_probabilities else None
        found = reconstructed(logits or self.spec, arrays, inputs, flow)
        if logits:
            return _cross_entropy(self.objective, found, wanted)
        return self.objective.elementwise(found, wanted).sum()

    def minimised(self, total: Any, values: int, flow: Flow) -> Any:
        """What training minimises, given :meth:`total` of a batch of so many values and its flow:
        the mean of the loss, and of what blocks added to it; for a variational model the negative
        ELBO a value, in nats."""
        penalties = sum(flow.penalties)
        if is_variational(self.spec):
            return negative_elbo(self.objective, total, values, penalties) / values
        return (total + penalties) / values


def reconstructed(spec: Spec, arrays: Mapping[str, Any], x: Any, flow: Flow) -> Any:
    """What encoder and decoder make of a batch ``x`` of network values, in one flow, so that what
    the encoder keeps the decoder can take."""
    code = apply_part(spec, "encoder", arrays, x, flow)
    return apply_part(spec, "decoder", arrays, code, flow)


# Blocks that give no other values than those that they get.
_MOVING = (Crop, Flatten, Patch, Reshape, Unpatch)


def without_last_sigmoid(spec: Spec) -> Spec | None:
    """``spec`` with a decoder that gives what its last sigmoid gets, or None if other values come
    out of it than that sigmoid's."""
    decoder = list(spec.decoder)
    last = max((n for n, block in enumerate(decoder) if not isinstance(block, _MOVING)), default=0)
    for block in decoder[last : last + 1]:
        if isinstance(block, Activation | Conv | ConvTranspose | Dense):
            decoder[last] = replace(block, activation="linear")
            return replace(spec, decoder=tuple(decoder)) if block.activation == "sigmoid" else None
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
