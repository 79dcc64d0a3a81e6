"""Runner of models that are stacks of layers."""

import numpy as np
from jaxtyping import Float, Float32, Shaped

from narrows.engine.fused.layers import layers_of
from narrows.engine.fused.memory import PANELS_AT_A_TIME, work_bytes
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.stack import LayerStack, usable_cores
from narrows.nn.model import Model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec

# What a panel may take: beyond it XLA, which runs fewer items at once.
_MOST_WORK_BYTES = 1 << 28


def can_run(spec: Spec) -> bool:
    """Whether a :class:`FusedRunner` runs such a model, in memory that is no worry."""
    parts = layers_of(spec, "encoder"), layers_of(spec, "decoder")
    return all(layers and work_bytes(layers) <= _MOST_WORK_BYTES for layers in parts)


class FusedRunner:
    """Runs a stack of layers; see :class:`narrows.engine.interface.Runner`."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._stacks = {}
        for part in ("encoder", "decoder"):
            layers = layers_of(model.spec, part)
            assert layers is not None, "a model of other blocks is run by XLA"
            together = PANELS_AT_A_TIME * TILE_COLUMNS * usable_cores()
            stack = LayerStack(layers, together)
            stack.load(stack.stack.parameters, model.arrays)
            self._stacks[part] = stack

    def encode(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        return self._stacks["encoder"].outputs(items, self._model.scaling)

    def decode(self, codes: Shaped[np.ndarray, "n latent"]) -> Float[np.ndarray, "n *item"]:
        values = self._stacks["decoder"].outputs(codes, Scaling())
        return self._model.scaling.to_data(values).reshape(-1, *self._model.spec.item_shape)

    def reconstruct(self, items: Shaped[np.ndarray, "n *item"]) -> Float[np.ndarray, "n *item"]:
        return self.decode(self.encode(items))
