"""How far each latent number goes, and how much it moves what is decoded."""

import math
from dataclasses import dataclass

import numpy as np

from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.support.progress import Tracker, silent
from narrows.tasks.explore.noise import denoises

_CODES = 4096
# The ends of a slider: beyond them lies one training code in a hundred.
_ENDS = (0.5, 50.0, 99.5)
# Codes whose numbers are moved, and values that may be decoded for it, in all.
_MOVED, _MOST_DECODED = 16, 1 << 27
_STREAM = 0x511DE
# A share of the largest effect that is shown as 0 %.
_IDLE = 0.005
# So long a code of a denoiser nobody turns: `fit` makes them about as large as the image.
_LONG = 256


@dataclass(frozen=True, kw_only=True)
class LatentNumber:
    """One number of the code.

    Attributes:
        index: its place in the code.
        low, median, high: the 0.5th, 50th and 99.5th of 100 parts of the training codes.
        effect: the root mean squared change of an item's values from ``low`` to ``high``, in the
            data's own units.
        idle: whether it hardly tells items apart: it is the same for every training item, or has
            next to nothing of the largest effect.
    """

    index: int
    low: float
    median: float
    high: float
    effect: float
    idle: bool


def turns(trained: TrainedModel) -> bool:
    """Whether a model has latent numbers to turn: not one whose decoder takes more than them, nor a
    denoiser whose code was not made to be short."""
    spec = trained.model.spec
    short = spec.latent_size < min(math.prod(spec.item_shape), _LONG)
    is_narrow = short or not denoises(trained)
    return not spec.crosses and (is_narrow or trained.data.table is not None)


def typical_codes(
    autoencoder: TrainedAutoencoder, codes: np.ndarray | None
) -> tuple[np.ndarray, str]:
    """Codes like those of the training items, float32 (n, latent), and what they are.

    The model file keeps how its training codes are distributed; where it does not, the codes of
    data that are at hand stand for them, else any within the ends that it keeps of each number, and
    of a file without these a normal distribution.

    Args:
        codes: of data that are at hand, (n, latent), or None.
    """
    random = np.random.default_rng(_STREAM)
    density = autoencoder.trained.learnt_density
    if density is not None:
        return density.sample(_CODES, random), "of the training codes"
    if codes is not None and len(codes):
        return codes, "of the codes of these items"
    latent, size = autoencoder.trained.latent, autoencoder.trained.model.spec.latent_size
    if latent:
        drawn = random.uniform(latent["lowest"], latent["highest"], (_CODES, size))
        return drawn.astype(np.float32), "of the numbers between the ends of the training codes"
    drawn = random.standard_normal((_CODES, size)).astype(np.float32)
    return drawn, "of a normal distribution: the model file does not say how its codes lie"


def start_code(autoencoder: TrainedAutoencoder, typical: np.ndarray) -> np.ndarray:
    """A code to begin with, float32 (latent,): the centre of the largest group of training codes,
    which looks like an item, as the mean of all of them need not."""
    density = autoencoder.trained.learnt_density
    if density is None:
        return np.median(typical, axis=0).astype(np.float32)
    largest = int(np.argmax(density.weights))
    return (density.centre + density.scale * density.means[largest]).astype(np.float32)


def latent_numbers(
    autoencoder: TrainedAutoencoder, typical: np.ndarray, *, track: Tracker = silent
) -> tuple[LatentNumber, ...]:
    """All numbers of the code, the one that moves the most first, and those that are idle last.

    Args:
        typical: codes as :func:`typical_codes` gives them.
    """
    low, median, high = np.percentile(typical.astype(np.float64), _ENDS, axis=0)
    size = len(median)
    item_size = int(np.prod(autoencoder.trained.item_shape, dtype=np.int64))
    some = typical[: int(np.clip(_MOST_DECODED // (2 * size * item_size), 1, _MOVED))]
    effects = []
    with track("moving each latent number", total=size, unit="numbers") as advance:
        for index in range(size):
            moved = np.repeat(some[None], 2, axis=0)
            moved[0, :, index], moved[1, :, index] = low[index], high[index]
            ends = autoencoder.decode_floats(moved.reshape(-1, size)).astype(np.float64)
            before, after = ends.reshape(2, -1)
            effects.append(float(np.sqrt(np.square(after - before).mean())))
            advance(1)
    dead = set(autoencoder.trained.dead.tolist())
    found = [
        LatentNumber(
            index=index,
            low=float(low[index]),
            median=float(median[index]),
            high=float(high[index]),
            effect=effect,
            idle=index in dead or effect < _IDLE * max(effects),
        )
        for index, effect in enumerate(effects)
    ]
    return tuple(sorted(found, key=lambda number: (number.idle, -number.effect)))
