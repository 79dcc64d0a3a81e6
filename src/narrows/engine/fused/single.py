"""A few items through dense layers, one by one: without threads, and without the panel that 31
others would share.

Whoever serves a model encodes one item at a time. What the loops over panels cost then is not the
item: it is the zeros beside it, threads to start, and fifty arrays to tell a kernel of. Here an
item is a row, and what is zero of it costs nothing. Every value is summed in the same order as in a
panel, so that a code does not depend on the items beside it, to the last bit.
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from narrows.engine.fused.activating import activate, rectify
from narrows.engine.fused.layers import Arrays, Layer
from narrows.engine.fused.machine import flush_denormals
from narrows.engine.fused.moving import copy, read_item
from narrows.engine.fused.placement import ACTIVATIONS, padded
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.stack import readable, source_of
from narrows.engine.fused.structure import GAUSSIAN, RELU, Source
from narrows.engine.fused.zeros import BLOCK_TILES, add_nonzero, nonzero
from narrows.nn.scaling import Scaling
from narrows.support.compiling import checksum_of
from narrows.support.compiling.kinds import address_of, addressed, hold
from narrows.support.compiling.native import compiled

#: Items up to which this is faster than a panel, which takes as long for one as for all.
MOST_ITEMS = 8
# Weights of which there is no second copy: it would take 64 MB.
_MOST_WEIGHTS = 1 << 24
# What of a row is looked at in one piece for what is not zero.
_WORD = 64


def can_take(layers: Sequence[Layer]) -> bool:
    """Whether a :class:`SinglePath` goes through such layers."""
    weights = sum(layer.weights for layer in layers)
    return weights <= _MOST_WEIGHTS and not any(layer.has_windows for layer in layers)


@hold
class _Weights(NamedTuple):
    """All layers as they are met.

    Attributes:
        layers: int64, a row for each: inputs, padded outputs, activation, and where in
            ``parameters`` the biases are and the weights, tiles of (inputs, TILE_COLUMNS).
        parameters: float32.
    """

    layers: np.ndarray
    parameters: np.ndarray


class _Work(NamedTuple):
    """Room for what a call works out: it lies where it lay at the last one, in the cache."""

    values: np.ndarray
    address: int

    @classmethod
    def of(cls, size: int) -> "_Work":
        values = np.empty(size, np.float32)
        return cls(values, address_of(values))


class SinglePath:
    """Dense layers, and a copy of their weights as a row meets them.

    Args:
        layers: of which :func:`can_take` says so.
        arrays: a model's, which hold the weights.
    """

    def __init__(self, layers: Sequence[Layer], arrays: Arrays) -> None:
        rows, pieces, at = [], [], 0
        for layer in layers:
            matrix, bias = layer.packed(arrays)
            width = padded(layer.outputs, TILE_COLUMNS)
            held = np.zeros((layer.inputs + 1, width), np.float32)
            held[0, : layer.outputs], held[1:, : layer.outputs] = bias, matrix
            tiles = held[1:].reshape(layer.inputs, -1, TILE_COLUMNS).transpose(1, 0, 2)
            pieces += [held[0], tiles.ravel()]
            rows.append((layer.inputs, width, ACTIVATIONS[layer.activation], at, at + width))
            at += held.size
        widths = [width for _, width, *_ in rows]
        widest = max(max(layer.inputs for layer in layers), *widths)
        self._weights = addressed(_Weights(np.array(rows, np.int64), np.concatenate(pieces)))
        self._room = 3 * padded(widest, _WORD)
        self._idle = list[_Work]()
        self._given = layers[-1].given
        self._entry: Callable[[bytes], None] | None = None

    def outputs(self, items: np.ndarray, scaling: Scaling) -> np.ndarray:
        """What the last layer gives of every item, float32 (n, outputs)."""
        items, scaling = readable(items, scaling)
        found = np.empty((len(items), self._given), np.float32)
        try:
            work = self._idle.pop()
        except IndexError:  # one for each thread that calls at once
            work = _Work.of(self._room)
        if self._entry is None:
            source = source_of(items, scaling)
            self._entry = run_single.prepare((source, self._weights, work.values, found))
        words = _WORDS.pack(
            address_of(items), items.dtype.itemsize == 1, len(items), scaling.offset,
            1 / scaling.scale, self._weights.address, work.address, self._room,
            address_of(found), len(found), self._given,
        )  # fmt: skip
        self._entry(words)
        self._idle.append(work)
        return found


# A source, the address of the weights, and two arrays, as kinds.py packs them: that takes as long
# as the kernel.
_WORDS = struct.Struct("=qqqf4xf4xqqqqqq")


def _run_single(source: Source, weights: _Weights, work: Any, outputs: Any) -> None:
    """Take all items of a source through the layers.

    ``work`` has room for three runs of values. ``outputs`` (items, values) gets what the last layer
    gives.
    """
    layers, parameters = weights.layers, weights.parameters
    control = flush_denormals(0)
    room = len(work) // 3
    for item in range(source.rows):
        below, above = work[:room], work[room : 2 * room]
        read_item(source, item, layers[0, 0], below, 0, TILE_COLUMNS)
        for inputs, width, kind, bias_at, weights_at in layers:
            copy(parameters[bias_at : bias_at + width], above)
            for first in range(0, width, BLOCK_TILES * TILE_COLUMNS):
                tiles = min(BLOCK_TILES, (width - first) // TILE_COLUMNS)
                for start in range(0, inputs, _WORD):
                    word = nonzero(below, start, min(_WORD, inputs - start))
                    if word:
                        at = weights_at + first * inputs + start * TILE_COLUMNS
                        add_nonzero(
                            word, below, start, tiles, parameters, at, inputs * TILE_COLUMNS,
                            above, first, False,
                        )  # fmt: skip
            if kind == RELU:
                rectify(above[:width])
            elif kind != GAUSSIAN:
                activate(kind, above[:width], work[2 * room : 2 * room + width])
            below, above = above, below
        copy(below[: outputs.shape[1]], outputs[item])
    flush_denormals(control)


run_single = compiled(_run_single, checksum_of(Path(__file__).parent))
