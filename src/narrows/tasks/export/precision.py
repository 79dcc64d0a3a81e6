"""In how few bits a model's weights may be written, so that nobody sees a difference.

What is promised of a picture that a page computes: no pixel is more than one grey level from
Python's, and at most one in a thousand differs. The decoder's weights may use up a third of that,
those of both parts two thirds; the rest is for a browser's rounding and for pictures not tried.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Float64, Shaped

from narrows.data.limits import filled_range
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.planning.traits import is_rounded
from narrows.support.progress import Advance, Tracker, silent
from narrows.support.rounding import as_type
from narrows.support.shapes import is_image_shape
from narrows.tasks.denoise import damaged
from narrows.tasks.export.arrays import rounded_to_bits
from narrows.training import Noise

#: Bits of a weight that are tried, before all 32 of float32 are taken.
BITS = (*range(11, 20), 20, 22)
_LEVELS, _ALL_BITS = 255, 32
# An array of less than this share of the weights has more bits: it costs little, and as many units
# see what is lost of it.
_FEW, _MORE_BITS, _MOST_BITS = 1 / 16, 4, 24
_MOST_OFF, _DECODER_DIFFERS, _BOTH_DIFFER = 1, 1 / 3000, 2 / 3000
# Codes that tell, half of them moved as sliders move them; and of how many items' reconstructions.
_CODES, _ITEMS = 256, 100
_STREAM = 0x5114E


@dataclass(frozen=True, kw_only=True)
class Precision:
    """In how many bits the weights of each part are written, and what that changes.

    Attributes:
        encoder, decoder: bits of a weight; 32 for float32 as it is. Small arrays have more.
        tried: how many pictures were compared with Python's; 0 where all is written as it is.
        most_off: the largest difference of a pixel of these, in grey levels.
        equal: the share of their pixels that do not differ.
    """

    encoder: int = 32
    decoder: int = 32
    tried: int = 0
    most_off: int = 0
    equal: float = 1.0

    def bits(self, name: str, arrays: Mapping[str, np.ndarray]) -> int:
        """Of each value of the array of that name, such as ``encoder.1.weight``, among a model's;
        biases and the like, which cost little, have all 32."""
        bits = self.encoder if name.startswith("encoder.") else self.decoder
        if arrays[name].ndim < 2 or bits == _ALL_BITS:
            return _ALL_BITS
        is_small = arrays[name].size < _FEW * sum(array.size for array in arrays.values())
        return min(bits + _MORE_BITS, _MOST_BITS) if is_small else bits


def choose_precision(
    autoencoder: TrainedAutoencoder,
    items: Shaped[np.ndarray, "n *item"] | None = None,
    *,
    track: Tracker = silent,
) -> Precision:
    """The fewest bits that keep the promise for a model's pictures; all where items are no images,
    whose numbers are read and not seen.

    Args:
        autoencoder: the model.
        items: some that it is for; None for those that it makes of codes.
    """
    trained = autoencoder.trained
    crosses = bool(trained.model.spec.crosses)
    if trained.data.table is not None or not is_image_shape(trained.item_shape):
        return Precision()
    if crosses and items is None:
        return Precision()  # no code alone gives a picture to compare
    found = Precision()
    with track("choosing how many bits weights need", total=None, unit="tries") as advance:
        if not crosses:
            codes = tried_codes(autoencoder, items)
            found = _fewest(
                found,
                ("decoder",),
                _Trial(trained, lambda each: each.decode_floats(codes), _DECODER_DIFFERS),
                advance,
            )
            items = autoencoder.decode(codes) if items is None else items
        assert items is not None
        some = _with_noise(autoencoder, items[:_ITEMS])
        parts = ("encoder", "decoder") if crosses else ("encoder",)
        trial = _Trial(trained, lambda each: each.reconstruct_floats(some), _BOTH_DIFFER)
        return _fewest(found, parts, trial, advance)


def _with_noise(autoencoder: TrainedAutoencoder, items: np.ndarray) -> np.ndarray:
    """Items as they are shown to the model: half of them with noise where it undoes that."""
    noise = autoencoder.trained.training.noise
    if noise is None:
        return items
    half = len(items) // 2
    noisy = damaged(autoencoder, items[half:], Noise.parse(noise), _STREAM)
    return np.concatenate([items[:half], noisy])


def grey_levels(
    trained: TrainedModel, values: Float[np.ndarray, "..."]
) -> Float64[np.ndarray, "..."]:
    """Values in data units as the grey levels that they are shown in, from 0: the data's own where
    these are whole numbers and fewer than 256, else 0 to 255."""
    data = trained.data
    low, high = filled_range(data.value_range, trained.described.extent)
    width = high - low if high > low else 1.0
    dtype = np.dtype(data.dtype)
    if dtype.kind in "biu":
        values = as_type(values, data.value_type)
    levels = width if dtype.kind in "iu" and width < _LEVELS else _LEVELS
    return np.rint(np.clip((values.astype(np.float64) - low) / width, 0, 1) * levels)


def tried_codes(
    autoencoder: TrainedAutoencoder, items: Shaped[np.ndarray, "n *item"] | None
) -> Float32[np.ndarray, "n latent"]:
    """Codes of items, or drawn where there are none, and as many with one number moved anywhere
    within the training codes' range."""
    trained, half = autoencoder.trained, _CODES // 2
    random = np.random.default_rng(_STREAM)
    size = trained.model.spec.latent_size
    low = trained.latent.get("lowest", np.full(size, -1, np.float32))
    high = trained.latent.get("highest", np.full(size, 1, np.float32))
    if items is not None:
        codes = autoencoder.encode(items[:half])
    elif trained.learnt_density is not None:
        codes = trained.learnt_density.sample(half, random)
    else:
        codes = random.uniform(low, high, (half, size)).astype(np.float32)
    moved = codes.copy()
    place = random.integers(size, size=len(codes))
    moved[np.arange(len(codes)), place] = random.uniform(low[place], high[place])
    codes = np.concatenate([codes, moved])
    return np.rint(codes) if is_rounded(trained.model.spec) else codes


@dataclass(frozen=True)
class _Trial:
    """What is computed, and what share of the pixels may differ."""

    trained: TrainedModel
    run: Callable[[TrainedAutoencoder], np.ndarray]
    may_differ: float

    def pictures(self, trained: TrainedModel) -> Float64[np.ndarray, "n *item"]:
        return grey_levels(trained, self.run(TrainedAutoencoder(trained)))


def _fewest(found: Precision, parts: tuple[str, ...], trial: _Trial, advance: Advance) -> Precision:
    """``found`` with the fewest bits for ``parts`` that keep the promise beside all bits of all
    parts."""
    wanted = trial.pictures(trial.trained)
    first, end, kept = 0, len(BITS), found
    while first < end:  # more bits are never worse, so that half of the rest need no try
        middle = (first + end) // 2
        tried = replace(found, **dict.fromkeys(parts, BITS[middle]))
        off = np.abs(trial.pictures(rounded(trial.trained, tried)) - wanted)
        advance(1)
        if off.max() > _MOST_OFF or (off > 0).mean() > trial.may_differ:
            first = middle + 1
            continue
        end = middle
        kept = replace(
            tried,
            tried=found.tried + len(wanted),
            most_off=max(int(off.max()), found.most_off),
            equal=min(float((off == 0).mean()), found.equal),
        )
    return kept


def rounded(trained: TrainedModel, precision: Precision) -> TrainedModel:
    """The model that a page computes: ``trained`` with what such a precision leaves of weights."""
    given = trained.model.arrays
    arrays = {
        name: array if bits == _ALL_BITS else rounded_to_bits(array, bits)
        for name, array in given.items()
        for bits in (precision.bits(name, given),)
    }
    return replace(trained, model=replace(trained.model, arrays=arrays))
