"""A stack of dense layers laid out for the kernels, with its threads."""

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from narrows.engine.fused import kernels, loops
from narrows.engine.fused.registers import LANES, TILE_COLUMNS, TILE_ROWS
from narrows.nn.scaling import Scaling

_ACTIVATIONS = {
    "linear": kernels.LINEAR,
    "relu": kernels.RELU,
    "sigmoid": kernels.SIGMOID,
    "tanh": kernels.TANH,
    "silu": kernels.SILU,
    "gelu": kernels.GELU,
}
# Of these the value does not determine the derivative, which has its own place.
_WITH_SLOPES = ("silu", "gelu")
_FLOATS_PER_LINE = 16
# Rows a power of two apart would all want the same few places of the cache.
_SKEW = _FLOATS_PER_LINE
# Weights that do not fit in the cache are fetched once for so many panels; the panels have to fit.
PANELS_AT_A_TIME = 4


@dataclass(frozen=True)
class Layer:
    """A dense layer: its arrays are called ``prefix``.weight (inputs, outputs) and .bias."""

    prefix: str
    inputs: int
    outputs: int
    activation: str

    @property
    def flipped(self) -> bool:
        return self.inputs >= self.outputs

    @property
    def rows(self) -> int:
        return min(self.inputs, self.outputs)

    @property
    def columns(self) -> int:
        return max(self.inputs, self.outputs)


class DenseStack:
    """Dense layers in memory, and the threads that compute them.

    Args:
        layers: at least one; each takes what the one before gives.
        batch_size: the most items of a training step.
    """

    def __init__(self, layers: Sequence[Layer], batch_size: int) -> None:
        self.layers = list(layers)
        self.batch_size = batch_size
        panels = -(-batch_size // TILE_COLUMNS)
        self.threads = max(1, min(usable_cores(), panels))
        self.stack = _lay_out(self.layers, panels * TILE_COLUMNS, self.threads)

    def load(self, target: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
        """Write named arrays into ``target``: the stack's parameters or one of its moments."""
        for number, layer in enumerate(self.layers, 1):
            weights, bias = self._views(target, number)
            weight = arrays[f"{layer.prefix}.weight"]
            weights[...] = weight.T if layer.flipped else weight
            bias[...] = arrays[f"{layer.prefix}.bias"]

    def save(self, source: np.ndarray) -> dict[str, np.ndarray]:
        """The named arrays that ``source``, parameters or a moment, holds: copies."""
        arrays = {}
        for number, layer in enumerate(self.layers, 1):
            weights, bias = self._views(source, number)
            arrays[f"{layer.prefix}.weight"] = np.array(weights.T if layer.flipped else weights)
            arrays[f"{layer.prefix}.bias"] = bias.copy()
        return arrays

    def _views(self, flat: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        layer, s = self.layers[number - 1], self.stack
        start, row = s.weight_at[number], s.weight_row[number]
        weights = flat[start : start + layer.rows * row].reshape(layer.rows, row)
        bias = flat[s.bias_at[number] : s.bias_at[number] + layer.outputs]
        return weights[:, : layer.columns], bias

    def train(
        self,
        items: np.ndarray,
        inputs: np.ndarray,
        scaling: Scaling,
        order: np.ndarray,
        loss: kernels.Loss,
        rates: np.ndarray,
        decays: np.ndarray,
        constants: kernels.Adam,
    ) -> np.ndarray:
        """One step per entry of ``rates`` and ``decays`` over the items that ``order`` names, going
        in as ``inputs``, which may be ``items``: their losses."""
        if not (_is_readable(items, scaling) and _is_readable(inputs, scaling)):
            same = inputs is items
            items = scaling.to_network(items[order])
            inputs = items if same else scaling.to_network(inputs[order])
            order, scaling = np.arange(len(order)), Scaling()
        sources = _source(inputs, scaling), _source(items, scaling)
        losses = np.zeros(len(rates))
        self.stack.counter[0] = 0

        def share(thread: int) -> None:
            loops.train(
                self.stack, *sources, order, self.batch_size, loss, rates, decays, constants,
                self.threads, thread, losses,
            )  # fmt: skip

        self._in_threads(share)
        return losses

    def measure(self, items: np.ndarray, scaling: Scaling, loss: kernels.Loss) -> float:
        """The loss over all items, each being what its own output should be."""
        total = 0.0
        for chunk, chunk_scaling in _chunks(items, scaling):
            losses = np.zeros(-(-len(chunk) // TILE_COLUMNS))
            self._run(chunk, chunk_scaling, loss, losses, _NO_OUTPUTS, 0)
            total += float(losses.sum())
        return total

    def outputs(self, items: np.ndarray, scaling: Scaling) -> np.ndarray:
        """What the last layer gives, float32 (n, outputs)."""
        width = self.layers[-1].outputs
        row = _padded(width, LANES)
        flat = np.empty(_padded(len(items), TILE_COLUMNS) * row, np.float32)
        done = 0
        for chunk, chunk_scaling in _chunks(items, scaling):
            self._run(chunk, chunk_scaling, None, _NO_LOSSES, flat[done * row :], row)
            done += len(chunk)
        return np.ascontiguousarray(flat.reshape(-1, row)[: len(items), :width])

    def _run(
        self,
        items: np.ndarray,
        scaling: Scaling,
        loss: kernels.Loss | None,
        losses: np.ndarray,
        outputs: np.ndarray,
        row: int,
    ) -> None:
        source = _source(items, scaling)
        measure = loss is not None
        kind = loss or kernels.Loss(kernels.SQUARED, np.float32(1))

        def share(thread: int) -> None:
            loops.run(
                self.stack, source, 0, len(items), measure, kind,
                self.threads, thread, losses, outputs, row,
            )  # fmt: skip

        self._in_threads(share)

    def _in_threads(self, share: Callable[[int], None]) -> None:
        """Call ``share`` with every thread's number, this one's being 0."""
        others = [
            threading.Thread(target=share, args=(number,), daemon=True)
            for number in range(1, self.threads)
        ]
        for thread in others:
            thread.start()
        share(0)
        for thread in others:
            thread.join()


_NO_LOSSES = np.zeros(0)
_NO_OUTPUTS = np.zeros(0, np.float32)
_CHUNK_VALUES = 1 << 22  # 16 MB of float32: what is converted at a time


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _padded(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _is_readable(items: np.ndarray, scaling: Scaling) -> bool:
    """Whether the kernels read these items where they lie."""
    # they multiply by 1 / scale in float32, which a very narrow range would overflow
    representable = scaling.scale * float(np.finfo(np.float32).max) > 1
    plain = items.dtype in (np.uint8, np.float32) and items.flags.c_contiguous
    return bool(plain and representable)


def _source(items: np.ndarray, scaling: Scaling) -> kernels.Source:
    return kernels.Source(
        items.ctypes.data,
        items.dtype == np.uint8,
        len(items),
        np.float32(scaling.offset),
        np.float32(1 / scaling.scale),
    )


def _chunks(items: np.ndarray, scaling: Scaling) -> Iterator[tuple[np.ndarray, Scaling]]:
    """The items some whole panels at a time, converted where the kernels cannot read them."""
    rows = _padded(max(_CHUNK_VALUES // max(items[:1].size, 1), 1), TILE_COLUMNS)
    for start in range(0, len(items), rows):
        chunk = items[start : start + rows]
        if _is_readable(chunk, scaling):
            yield chunk, scaling
        else:
            yield scaling.to_network(chunk), Scaling()


def _zeros(size: int) -> np.ndarray:
    """Float32 zeros that begin at a cache line."""
    raw = np.zeros(size + _FLOATS_PER_LINE, np.float32)
    skip = (-raw.ctypes.data % (4 * _FLOATS_PER_LINE)) // 4
    return raw[skip : skip + size]


def _offsets(sizes: Sequence[int]) -> tuple[np.ndarray, int]:
    """Where runs of these sizes begin when they lie one behind the other, and where they end."""
    ends = np.cumsum([0, *(_padded(size, _FLOATS_PER_LINE) for size in sizes)])
    return ends[:-1].copy(), int(ends[-1])


def _lay_out(layers: Sequence[Layer], slots: int, threads: int) -> kernels.Stack:
    """Give everything its place. Entry 0 of each array stands for the input."""
    widths = [layers[0].inputs, *(layer.outputs for layer in layers)]
    weight_rows = [0, *(_padded(layer.columns, LANES) for layer in layers)]
    columns = [widths[0], *(layer.columns for layer in layers)]
    right_rows = [_padded(size, TILE_COLUMNS) + _SKEW for size in columns]
    blocks = [_padded(width, LANES) * TILE_COLUMNS for width in widths]

    runs = [0, 0]
    for layer, row in zip(layers, weight_rows[1:], strict=True):
        runs += [layer.rows * row, layer.outputs]
    places, parameters = _offsets([_padded(run, LANES) for run in runs])
    slopes = [
        block if layer.activation in _WITH_SLOPES else 0
        for layer, block in zip(layers, blocks[1:], strict=True)
    ]
    # What goes in comes out again: the panel that the loss compares with is as large as the input.
    panels, work = _offsets([*blocks, *blocks[1:-1], *slopes, blocks[0]])
    count = len(layers)
    value_at, delta_at, slope_at = np.split(panels[:-1], [count + 1, 2 * count])
    # The deltas of the last layer take the place of its activations; the input has none.
    delta_at = np.array([0, *delta_at, value_at[-1]])
    left_at, left = _offsets([0, *(layer.rows * slots for layer in layers)])
    right_at, right = _offsets([slots * row for row in right_rows])
    if layers[0].flipped:
        right_at[1] = right_at[0]  # the first layer's right factor is the items as they were read
    at_a_time = min(PANELS_AT_A_TIME, -(-slots // (TILE_COLUMNS * threads)))
    tasks, bounds = _share_out(layers, threads)
    return kernels.Stack(
        width=np.array(widths),
        activation=np.array([kernels.LINEAR, *(_ACTIVATIONS[x.activation] for x in layers)]),
        flipped=np.array([False, *(layer.flipped for layer in layers)]),
        weight_at=places[0::2].copy(),
        weight_row=np.array(weight_rows),
        bias_at=places[1::2].copy(),
        value_at=value_at.copy(),
        delta_at=delta_at,
        slope_at=np.array([0, *slope_at]),
        left_at=left_at,
        right_at=right_at,
        right_row=np.array(right_rows),
        parameters=_zeros(parameters),
        first_moment=_zeros(parameters),
        second_moment=_zeros(parameters),
        work=_zeros(threads * at_a_time * work).reshape(threads, at_a_time * work),
        panel_size=work,
        wanted_at=int(panels[-1]),
        left=_zeros(left),
        right=_zeros(right),
        gradient=_zeros(threads * TILE_ROWS * max(right_rows)).reshape(threads, -1),
        panel_losses=np.zeros(slots // TILE_COLUMNS),
        tasks=tasks,
        task_bounds=bounds,
        counter=np.zeros(1, np.int64),
        no_starts=np.zeros(TILE_ROWS, np.float32),
        slots=slots,
    )


def _share_out(layers: Sequence[Layer], threads: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide the rows of all weight matrices evenly among threads, in tiles of even height.

    Returns the tasks, (layer, first row, last row + 1), where equal rows stand for the layer's
    bias, and the bounds of each thread's tasks.
    """
    total = sum(layer.rows * layer.columns for layer in layers)
    tasks: list[tuple[int, int, int]] = []
    bounds = [0]
    for thread in range(threads):
        first, last = (total * (thread + more) / threads for more in (0, 1))
        before = 0
        for number, layer in enumerate(layers, 1):
            start, end = (
                min(max(round((edge - before) / layer.columns), 0), layer.rows)
                for edge in (first, last)
            )
            tiles = -(-(end - start) // TILE_ROWS)
            edges = [start + (end - start) * tile // tiles for tile in range(tiles)] + [end]
            tasks += [(number, *edge) for edge in itertools.pairwise(edges)]
            if start == 0 < end:
                tasks.append((number, 0, 0))
            before += layer.rows * layer.columns
        bounds.append(len(tasks))
    return np.array(tasks), np.array(bounds)
