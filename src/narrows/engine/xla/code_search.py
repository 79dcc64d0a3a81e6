"""Better codes of whole numbers for a given decoder: fewer bits, less error, or both.

The encoder's code is a guess, and rounding it looks at each number alone. Here a code is changed by
one in one of its numbers at a time, as long as error plus price times length becomes less (trellis
quantisation, as video coders do it, on a decoder's own curvature). What a change does to the
squared error is told by the decoder's derivatives at the code, for some changes in a row; then it
is decoded, and what turned out to be no better is taken back.
"""

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from narrows.engine.refinement import filled
from narrows.engine.xla.decoder import flat_decoder, slopes_and_curvature
from narrows.engine.xla.precision import compiled
from narrows.engine.xla.transfer import (
    COMPILED_SPECS,
    Units,
    batches,
    for_device,
    to_network,
)
from narrows.nn.activations import apply_activation
from narrows.nn.blocks.rounded import Rounded, chance_lengths, code_lengths, context_masks
from narrows.nn.model import Model, apply_part, block_arrays
from narrows.nn.spec import Spec
from narrows.support.forks import require_xla_threads

# Derivatives, and units of context of all changed codes, of so many values are held at once
# (64 MB), of at most so many items. Always as many, and zeros after the last.
_HELD = 1 << 24
_MOST_ITEMS = 128
# Changes before a code is decoded again; of one that was no better, a quarter of them next time.
_CHANGES, _FEWER = 16, 4


class CodeSearch:
    """Searches for the codes of a model whose encoder ends in a ``rounded`` block."""

    def __init__(self, model: Model, rounds: int = 3) -> None:
        """``rounds`` is how often each code is decoded and changed."""
        self._model, self._rounds = model, rounds
        self._units = Units.of(model.scaling)
        prefix, block, _ = list(model.spec.placed("encoder"))[-1]
        assert isinstance(block, Rounded)
        #: The arrays of the block, by name.
        self.arrays = block_arrays(model.arrays, prefix)
        latent, size = model.spec.latent_size, math.prod(model.spec.item_shape)
        held = max(latent * size, 2 * latent * block.context)
        self._batch = min(max(_HELD // held, 1), _MOST_ITEMS)
        self._guess, self._cost, self._change = _functions(model.spec)

    @property
    def price(self) -> float:
        """What a nat was worth at the end of training, in squared network units."""
        return float(self.arrays["price"])

    def guesses(self, items: Shaped[np.ndarray, "n *item"]) -> Float32[np.ndarray, "n latent"]:
        """The encoder's codes of items in data units, rounded."""
        parts = []
        for part in batches(items, self._batch):
            guess = self._guess(self._model.arrays, self._units, self._sent(part))
            parts.append(np.asarray(guess)[: len(part)])
        return np.concatenate(parts)

    def __call__(
        self,
        items: Shaped[np.ndarray, "n *item"],
        codes: Float32[np.ndarray, "n latent"],
        price: float,
    ) -> Float32[np.ndarray, "n latent"]:
        """Codes for items in data units, from ``codes`` on, where a nat costs ``price``."""
        both = zip(batches(items, self._batch), batches(codes, self._batch), strict=True)
        return np.concatenate([self._searched(*part, np.float32(price)) for part in both])

    def nats(self, codes: Float32[np.ndarray, "n latent"]) -> float:
        """How long codes are on average."""
        parts = [code_lengths(self.arrays, part).sum() for part in batches(codes, 1 << 12)]
        return float(sum(parts)) / max(len(codes), 1)

    def _searched(self, items: np.ndarray, codes: np.ndarray, price: Any) -> np.ndarray:
        arrays, count = self._model.arrays, len(items)
        items = self._sent(items)
        codes = filled(codes, self._batch)
        state = self._cost(arrays, self.arrays, self._units, items, codes, price)
        for _ in range(self._rounds):
            state = self._change(arrays, self.arrays, self._units, items, state, price)
        return np.asarray(state[0])[:count]

    def _sent(self, items: np.ndarray) -> np.ndarray:
        """Items as they travel, and zeros behind them."""
        require_xla_threads()
        return filled(for_device(items, self._model.scaling), self._batch)


@lru_cache(COMPILED_SPECS)
def _functions(spec: Spec) -> tuple[Any, Any, Any]:
    """Functions of a model's arrays and units: the rounded guess for items; the state of codes,
    which is the codes, what each item costs, and how many changes it may make in a row; and from
    there the next state."""
    import jax
    import jax.numpy as jnp

    decode = flat_decoder(spec)

    def guess(arrays: Any, units: Units, items: Any) -> Any:
        return apply_part(spec, "encoder", arrays, to_network(units, items))

    def cost(arrays: Any, own: Any, units: Units, items: Any, codes: Any, price: Any) -> Any:
        missed = to_network(units, items).reshape(len(codes), -1) - decode(arrays, codes)
        return (missed * missed).sum(axis=1) + price * code_lengths(own, codes).sum(axis=1)

    def start(arrays: Any, own: Any, units: Units, items: Any, codes: Any, price: Any) -> Any:
        most = jnp.full(len(codes), _CHANGES)
        return codes, cost(arrays, own, units, items, codes, price), most

    def change(arrays: Any, own: Any, units: Units, items: Any, state: Any, price: Any) -> Any:
        codes, before, most = state
        count, latent = codes.shape
        missed = to_network(units, items).reshape(count, -1) - decode(arrays, codes)
        slopes, curvature = slopes_and_curvature(partial(decode, arrays), codes)
        downhill = jnp.einsum("ind,nd->ni", slopes, missed)
        own_curvature = jnp.einsum("nii->ni", curvature)
        numbers = jnp.arange(count)

        def going(carry: Any) -> Any:
            done, wanted, _, _ = carry
            return (done < _CHANGES) & wanted.any()

        def one(carry: Any) -> Any:
            done, _, codes, downhill = carry
            # |missed - s slope|^2 - |missed|^2 for s = 1, -1
            error = own_curvature[:, None] - 2 * jnp.stack([downhill, -downhill], axis=1)
            gain = error + price * _longer(own, codes)
            best = gain.reshape(count, -1).argmin(axis=1)
            wanted = (gain.reshape(count, -1)[numbers, best] < 0) & (done < most)
            which, by = best % latent, jnp.where(best < latent, 1.0, -1.0) * wanted
            codes = codes.at[numbers, which].add(by)
            return done + 1, wanted, codes, downhill - by[:, None] * curvature[numbers, which]

        all_of_them = jnp.ones(count, bool)
        begun = jnp.zeros((), most.dtype), all_of_them, codes, downhill
        _, _, there, _ = jax.lax.while_loop(going, one, begun)
        after = cost(arrays, own, units, items, there, price)
        better = after < before
        return (
            jnp.where(better[:, None], there, codes),
            jnp.where(better, after, before),
            jnp.where(better, most, jnp.maximum(most // _FEWER, 1)),
        )

    return compiled(guess), compiled(start), compiled(change)


def _longer(own: Any, codes: Any) -> Any:
    """How many nats longer each code (n, latent) becomes by one more, and one less, in each of its
    numbers: (n, 2, latent)."""
    import jax.numpy as jnp

    latent = codes.shape[1]
    seen, told = context_masks(*own["context.weight"].shape)
    weight = own["context.weight"] * seen
    context = codes @ weight + own["context.bias"]
    steps = jnp.array([1.0, -1.0], codes.dtype)
    # (n, 2, latent, units): of the code with the change
    changed = context[:, None, None] + steps[:, None, None] * weight
    changed = apply_activation("silu", changed)
    middles = changed @ (own["middle.weight"] * told) + own["middle.bias"]
    widths = changed @ (own["width.weight"] * told) + own["width.bias"]
    values = codes[:, None, None] + steps[:, None, None] * jnp.eye(latent)
    lengths = chance_lengths(values, middles, widths).sum(axis=-1)
    return lengths - code_lengths(own, codes).sum(axis=1)[:, None, None]
