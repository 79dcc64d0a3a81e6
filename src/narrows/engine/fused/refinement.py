"""Codes refined through a decoder of dense layers, on every core.

The kernels that run the decoder multiply the derivatives too: no sum in them depends on what else
is computed, or where. Nothing more is compiled, and JAX not loaded, which together take seconds.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float32, Shaped

from narrows.engine.fused.layers import Layer, layers_of
from narrows.engine.fused.placement import padded
from narrows.engine.fused.registers import TILE_COLUMNS
from narrows.engine.fused.runner import LayerStacks
from narrows.engine.refinement import begun, filled, stepped
from narrows.nn.activations import activation_and_slope, apply_activation
from narrows.nn.model import Model
from narrows.nn.scaling import Scaling
from narrows.support.blas import side_by_side
from narrows.support.cores import usable_cores

# Derivatives of so many values by latent numbers are held at once (8 MB, three times) by a thread,
# of at most so many items: with fewer at a time, threads wait for Python.
_DERIVATIVES = 1 << 21
_MOST_ITEMS, _MOST_THREADS = 128, 16


class FusedRefiner:
    """Improves codes; see :class:`narrows.engine.refinement.Refiner`.

    Args:
        model: one whose decoder is dense layers alone.
        steps: how many Levenberg-Marquardt steps each code takes.
    """

    def __init__(self, model: Model, steps: int) -> None:
        self._scaling, self._steps = model.scaling, steps
        layers = layers_of(model.spec, "decoder") or []
        held = model.spec.latent_size * max(layer.outputs for layer in layers)
        most = min(max(_DERIVATIVES // held, 1), _MOST_ITEMS)
        # what NumPy does with an array's last values may differ from what it does with the others:
        # parts are whole panels, or all of one size
        self._whole = min(most, TILE_COLUMNS)
        self._most = most // self._whole * self._whole
        self._decoder = _Decoder(layers, model.arrays)

    def refined(
        self, items: Shaped[np.ndarray, "n *item"], codes: Float32[np.ndarray, "n latent"]
    ) -> Float32[np.ndarray, "n latent"]:
        of_a_core = padded(-(-len(items) // usable_cores()), self._whole)
        size = max(min(of_a_core, self._most), 1)
        parts = (slice(start, start + size) for start in range(0, len(items), size))
        some = partial(self._some, items, codes)
        return np.concatenate([codes[:0], *side_by_side(some, parts, _MOST_THREADS)])

    def _some(self, items: np.ndarray, codes: np.ndarray, part: slice) -> np.ndarray:
        """Those of a part."""
        values = self._scaling.to_network(items[part]).reshape(len(items[part]), -1)
        count = padded(len(values), self._whole)
        wanted, given = filled(values, count), filled(codes[part], count)
        # a step may leave the range of numbers: it is not taken then
        with np.errstate(all="ignore"):
            search = begun(given, self._decoder.decode(given))
            for _ in range(self._steps):
                search = stepped(
                    search,
                    wanted,
                    decode=self._decoder.decode,
                    slopes_and_curvature=self._decoder.slopes_and_curvature,
                    solve=_solved,
                )
        return search.codes[: len(values)]


class _Layer:
    """A dense layer: what it gives, and how that answers to what goes in."""

    def __init__(self, layer: Layer, arrays: dict[str, np.ndarray]) -> None:
        self.matrix, self._bias = layer.packed(arrays)
        self._activation = layer.activation
        (weight, bias), *_ = layer.names
        plain = replace(layer, activation="linear")
        self._product = LayerStacks(
            [plain], {weight: arrays[weight], bias: np.zeros_like(self._bias)}, threads=1
        )

    def product(self, rows: np.ndarray) -> np.ndarray:
        """Rows times the matrix."""
        return self._product.outputs(rows, Scaling())

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        return apply_activation(self._activation, self.product(rows) + self._bias)

    def outputs_and_slopes(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What it gives, and the derivative of each value by its sum of products."""
        return activation_and_slope(self._activation, self.product(rows) + self._bias)


class _Decoder:
    """Dense layers, one after the other."""

    def __init__(self, layers: Sequence[Layer], arrays: dict[str, np.ndarray]) -> None:
        self._layers = [_Layer(layer, arrays) for layer in layers]

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The network values of codes."""
        for layer in self._layers:
            codes = layer.outputs(codes)
        return codes

    def slopes_and_curvature(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :func:`narrows.engine.xla.decoder.slopes_and_curvature` has it."""
        (count, latent), slopes = codes.shape, None
        for layer in self._layers:
            codes, own = layer.outputs_and_slopes(codes)
            if slopes is None:
                slopes = layer.matrix[:, None] * own
            else:
                rows = layer.product(slopes.reshape(latent * count, -1))
                slopes = rows.reshape(latent, count, -1)
                slopes *= own
        assert slopes is not None, "a decoder has a layer"
        of_items = slopes.transpose(1, 0, 2)
        return slopes, of_items @ of_items.swapaxes(1, 2)


def _solved(matrices: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The solutions of linear systems; not a number where there is none."""
    try:
        return np.linalg.solve(matrices, right)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(right, np.nan)
        each = zip(matrices[:, None], right[:, None], strict=True)
        return np.concatenate([_solved(*one) for one in each])
