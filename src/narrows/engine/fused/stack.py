"""A stack of layers, and the threads that compute it."""

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np

from narrows.engine.fused import loops
from narrows.engine.fused.fastest import Fastest, Way
from narrows.engine.fused.layers import Layer, held
from narrows.engine.fused.placement import lay_out, moment_places, padded
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.structure import SQUARED, Adam, Loss, Source, Steps, Target
from narrows.engine.fused.threads import run_in_threads, startable
from narrows.engine.interface import AdamSettings
from narrows.nn.scaling import Scaling
from narrows.support.compiling.kinds import address_of
from narrows.support.cores import usable_cores
from narrows.support.rounding import ValueType


class LayerStack:
    """Layers in memory, and the threads that compute them.

    Args:
        layers: at least one; each takes what the one before gives.
        batch_size: the most items of a training step.
        parameters: another stack's of the same layers, to be read in place of own ones.
        threads: at most so many; None for as many as there are cores.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        batch_size: int,
        parameters: np.ndarray | None = None,
        threads: int | None = None,
    ) -> None:
        self.layers = held(layers)
        self.batch_size = batch_size
        panels = -(-batch_size // TILE_COLUMNS)
        useful = _useful_threads(self.layers)
        most = usable_cores() if threads is None else threads
        self.threads = startable(max(1, min(most, max(panels, useful))))
        stack = lay_out(self.layers, panels * TILE_COLUMNS, self.threads)
        self.stack = stack if parameters is None else stack._replace(parameters=parameters)
        self._ways = Fastest(_ways(self.threads, useful))

    @property
    def drawn(self) -> int:
        """How many numbers of a code are drawn in training, or 0."""
        return next((x.given for x in self.layers if x.activation == "gaussian"), 0)

    def load_moment(self, target: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
        """Write named arrays into ``target``, one of the moments."""
        flat = np.zeros_like(self.stack.parameters)
        self.load(flat, arrays)
        target[moment_places(self.stack)] = flat

    def save_moment(self, source: np.ndarray) -> dict[str, np.ndarray]:
        """The named arrays that a moment holds: copies."""
        return self.save(source[moment_places(self.stack)])

    def load(self, target: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
        """Write named arrays into ``target``, which is laid out as the parameters are."""
        for number, layer in enumerate(self.layers, 1):
            weights, bias = self._views(target, number)
            matrix, bias[...] = layer.packed(arrays)
            weights[...] = matrix.T if layer.flipped else matrix

    def save(self, source: np.ndarray) -> dict[str, np.ndarray]:
        """The named arrays that ``source``, laid out as the parameters are, holds: copies."""
        arrays: dict[str, np.ndarray] = {}
        for number, layer in enumerate(self.layers, 1):
            weights, bias = self._views(source, number)
            arrays |= layer.unpacked(weights.T if layer.flipped else weights, bias)
        return arrays

    def _views(self, flat: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        layer, s = self.layers[number - 1], self.stack
        start, row = s.weight_at[number], s.weight_row[number]
        weights = flat[start : start + layer.rows * row].reshape(layer.rows, row)
        bias = flat[s.bias_at[number] : s.bias_at[number] + layer.bias_size]
        return weights[:, : layer.columns], bias

    def train(
        self,
        items: np.ndarray,
        inputs: np.ndarray,
        scaling: Scaling,
        order: np.ndarray,
        loss: Loss,
        adam: AdamSettings,
        first: int,
        noise: np.ndarray,
    ) -> np.ndarray:
        """Steps over the items that ``order`` names, the first of them numbered ``first`` counting
        from 1, going in as ``inputs``, which may be ``items``: their losses. ``noise`` has a row
        for each item where codes are drawn."""
        steps = math.ceil(len(order) / self.batch_size)
        rates, decays = adam.step_sizes(first, steps), adam.decays(first, steps)
        constants = Adam(
            np.float32(0),
            np.float32(0),
            np.float32(1 - adam.beta1),
            np.float32(1 - adam.beta2),
            np.float32(adam.epsilon),
        )
        if not (_is_readable(items, scaling) and _is_readable(inputs, scaling)):
            same = inputs is items
            items = scaling.to_network(items[order])
            inputs = items if same else scaling.to_network(inputs[order])
            order, scaling = np.arange(len(order)), Scaling()
        sources = source_of(inputs, scaling), source_of(items, scaling)
        losses, done = np.zeros(steps), 0
        while done < len(losses):
            turn = self._ways.pick(steps - done)
            some = slice(done, done + turn.steps)
            batches = slice(done * self.batch_size, (done + turn.steps) * self.batch_size)
            start = time.perf_counter()
            these = Steps(
                *sources, order[batches], noise[batches], self.batch_size, rates[some],
                decays[some], losses[some],
            )  # fmt: skip
            arguments = these, loss, constants, turn.way.parts
            made, computing = run_in_threads(
                loops.train, self.stack, arguments, turn.way.threads, turn.pace
            )
            self._ways.note(turn, made, time.perf_counter() - start, computing)
            done += made
        return losses

    def measure(self, items: np.ndarray, scaling: Scaling, loss: Loss) -> float:
        """The loss over all items, each being what its own output should be."""
        total = 0.0
        for chunk, chunk_scaling in _chunks(items, scaling):
            losses = np.zeros(-(-len(chunk) // TILE_COLUMNS))
            self._run(chunk, chunk_scaling, loss, losses, _NO_TARGET)
            total += float(losses.sum())
        return total

    def outputs(self, items: np.ndarray, scaling: Scaling) -> np.ndarray:
        """What the last layer gives, float32 (n, outputs)."""
        found = np.empty((len(items), self.layers[-1].given), np.float32)
        return self._filled(found, items, scaling, _NO_TARGET)

    def bytes_of(self, rows: np.ndarray, units: Scaling, to: ValueType) -> np.ndarray:
        """What the last layer gives of network values, in data units and rounded: uint8
        (n, outputs), the same that :func:`narrows.support.rounding.as_type` makes of floats.

        Args:
            units: of what comes out, with one offset for all values.
            to: how data hold their values, as uint8.
        """
        found = np.empty((len(rows), self.layers[-1].given), np.uint8)
        told = map(float, (units.scale, units.offset, *to.limits))
        return self._filled(found, rows, Scaling(), Target(0, 0, True, *told))

    def _filled(
        self, found: np.ndarray, items: np.ndarray, scaling: Scaling, target: Target
    ) -> np.ndarray:
        """``found``, filled with what the last layer gives."""
        done = 0
        for chunk, chunk_scaling in _chunks(items, scaling):
            here = target._replace(address=address_of(found[done:]), values=found.shape[1])
            self._run(chunk, chunk_scaling, None, _NO_LOSSES, here)
            done += len(chunk)
        return found

    def _run(
        self,
        items: np.ndarray,
        scaling: Scaling,
        loss: Loss | None,
        losses: np.ndarray,
        target: Target,
    ) -> None:
        source, measure = source_of(items, scaling), loss is not None
        arguments = source, measure, loss or Loss(SQUARED, np.float32(1)), losses, target
        pieces = -(-len(items) // (self.stack.panels_at_a_time * TILE_COLUMNS))
        run_in_threads(loops.run, self.stack, arguments, max(min(self.threads, pieces), 1))


# With fewer, threads wait longer for one another after each layer than they save.
_WEIGHTS_OF_A_THREAD = 1 << 16
_NO_LOSSES = np.zeros(0)
_NO_TARGET = Target(0, 0, False, 1.0, 0.0, 0.0, 0.0)
_CHUNK_VALUES = 1 << 22  # 16 MB of float32: what is converted at a time


def _useful_threads(layers: Sequence[Layer]) -> int:
    """How many threads can share every item's way through the layers."""
    if any(layer.has_windows for layer in layers):
        return 1
    return sum(layer.weights for layer in layers) // _WEIGHTS_OF_A_THREAD


def _ways(threads: int, useful: int) -> list[Way]:
    """How a step may be done: by one thread, or by more that share it evenly, up to ``threads``;
    one crew for each, and of up to ``useful`` threads one for all."""
    ways, count = [Way(1, 1)], threads
    while count > 1:
        ways += [Way(count, parts) for parts in (1, count) if parts <= useful]
        count = next(part for part in range(count // 2, 0, -1) if count % part == 0)
    return ways


_READABLE = frozenset(map(np.dtype, ("uint8", "float32")))


def _is_readable(items: np.ndarray, scaling: Scaling) -> bool:
    """Whether the kernels read these items where they lie."""
    plain = items.dtype in _READABLE and items.flags.c_contiguous
    return bool(plain and scaling.fits_float32 and scaling.centre is None)


def source_of(items: np.ndarray, scaling: Scaling) -> Source:
    """What the kernels are told of :func:`readable` items, which must be kept while they run."""
    return Source(
        address_of(items),
        items.dtype == np.uint8,
        len(items),
        np.float32(scaling.offset),
        np.float32(1 / scaling.scale),
    )


def _chunks(items: np.ndarray, scaling: Scaling) -> Iterator[tuple[np.ndarray, Scaling]]:
    """The items some whole panels at a time, converted where the kernels cannot read them."""
    rows = padded(max(_CHUNK_VALUES // max(items[:1].size, 1), 1), TILE_COLUMNS)
    for start in range(0, len(items), rows):
        chunk = items[start : start + rows]
        yield readable(chunk, scaling)


def readable(items: np.ndarray, scaling: Scaling) -> tuple[np.ndarray, Scaling]:
    """Items that the kernels can read, and the scaling through which they see them."""
    if _is_readable(items, scaling):
        return items, scaling
    return scaling.to_network(items), Scaling()
