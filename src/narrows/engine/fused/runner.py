"""Runner of models that are stacks of layers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from jaxtyping import Float32, Shaped

from narrows.engine.fused.layers import Layer, layers_of
from narrows.engine.fused.placement import work_bytes
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.single import MOST_ITEMS, SinglePath, can_take
from narrows.engine.fused.stack import LayerStack
from narrows.engine.fused.structure import PANELS_AT_A_TIME
from narrows.nn.model import Model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.support.cores import usable_cores
from narrows.support.rounding import ValueType, as_type

# What a panel may take: beyond it XLA, which runs fewer items at once.
_MOST_WORK_BYTES = 1 << 28
# Stacks that are kept for later calls: as many as threads commonly ask at once.
_MOST_IDLE = 4


def can_run(spec: Spec) -> bool:
    """Whether a :class:`FusedRunner` runs such a model, in memory that is no worry."""
    parts = layers_of(spec, "encoder"), layers_of(spec, "decoder")
    return all(layers and work_bytes(layers) <= _MOST_WORK_BYTES for layers in parts)


class FusedRunner:
    """Runs a stack of layers; see :class:`narrows.engine.interface.Runner`.

    Threads may use one at the same time: they share the weights, and each call has memory of its
    own to work in.
    """

    calls_at_once = 2

    def __init__(self, model: Model) -> None:
        self._model = model
        self._parts = {part: _Part(model, part) for part in ("encoder", "decoder")}

    def encode(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        return self._parts["encoder"].outputs(items, self._model.scaling)

    def decode(
        self, codes: Shaped[np.ndarray, "n latent"], to: ValueType | None = None
    ) -> Shaped[np.ndarray, "n *item"]:
        values = self._parts["decoder"].data(codes, self._model.scaling, to)
        return values.reshape(-1, *self._model.spec.item_shape)

    def reconstruct(
        self, items: Shaped[np.ndarray, "n *item"], to: ValueType | None = None
    ) -> Shaped[np.ndarray, "n *item"]:
        return self.decode(self.encode(items), to)


class LayerStacks:
    """Layers and their weights, and stacks that read them.

    A call takes a stack that no other one has, or lays out a new one. Taking from a list and
    putting back are one step each, so no lock is needed, which a fork could leave closed for ever.

    Args:
        arrays: the weights by name.
        threads: of each stack at most so many; None for as many as there are cores.
    """

    def __init__(
        self, layers: Sequence[Layer], arrays: dict[str, np.ndarray], threads: int | None = None
    ) -> None:
        self.layers, self._threads = layers, threads
        self._together = PANELS_AT_A_TIME * TILE_COLUMNS * (threads or usable_cores())
        first = LayerStack(layers, self._together, threads=threads)
        first.load(first.stack.parameters, arrays)
        self._parameters, self._idle = first.stack.parameters, [first]

    def outputs(self, rows: np.ndarray, scaling: Scaling) -> np.ndarray:
        """What the last layer gives of rows, float32 (n, outputs)."""
        with self._stack() as stack:
            return stack.outputs(rows, scaling)

    def bytes_of(self, rows: np.ndarray, units: Scaling, to: ValueType) -> np.ndarray:
        """See :meth:`LayerStack.bytes_of`."""
        with self._stack() as stack:
            return stack.bytes_of(rows, units, to)

    @contextmanager
    def _stack(self) -> Iterator[LayerStack]:
        try:
            stack = self._idle.pop()
        except IndexError:
            stack = LayerStack(self.layers, self._together, self._parameters, self._threads)
        yield stack
        # after an error it may still be in use by the threads of the call
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(stack)


class _Part:
    """One half of a model, by whichever way is quicker for so many rows."""

    def __init__(self, model: Model, part: str) -> None:
        layers = layers_of(model.spec, part)
        assert layers is not None, "a model of other blocks is run by XLA"
        self._stacks, self._arrays = LayerStacks(layers, model.arrays), model.arrays
        self._takes_few = can_take(layers)
        self._single: SinglePath | None = None

    def outputs(self, rows: np.ndarray, scaling: Scaling) -> np.ndarray:
        """What the last layer gives of rows, float32 (n, outputs)."""
        if self._are_few(rows):
            if self._single is None:  # two threads may lay it out at once, alike
                self._single = SinglePath(self._stacks.layers, self._arrays)
            return self._single.outputs(rows, scaling)
        return self._stacks.outputs(rows, scaling)

    def data(self, rows: np.ndarray, units: Scaling, to: ValueType | None) -> np.ndarray:
        """What the last layer gives of rows of network values, in the units of data, (n, outputs):
        as ``to`` says, or floats."""
        if to is None or to.dtype != np.uint8 or units.centre is not None or self._are_few(rows):
            return as_type(units.to_data(self.outputs(rows, Scaling())), to)
        # by the threads that compute them: of floats there are eight times as many bytes
        return self._stacks.bytes_of(rows, units, to)

    def _are_few(self, rows: np.ndarray) -> bool:
        return self._takes_few and len(rows) <= MOST_ITEMS
