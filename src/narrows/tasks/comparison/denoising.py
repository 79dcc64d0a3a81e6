"""What models that denoise leave of noise, beside filters and Hopfield's memory."""

import numpy as np

from narrows.baselines.hopfield import store
from narrows.report.comparison.result import DenoisingPart
from narrows.report.denoising import TITLES, DenoisingMeter
from narrows.support.chunks import evenly_spaced
from narrows.tasks.comparison.candidates import Candidate
from narrows.tasks.comparison.parts import Parts
from narrows.tasks.denoise import damaged, denoise
from narrows.training import Noise
from narrows.training.noise import noise_limits

#: Items that are measured, and those of them that are shown.
MOST_MEASURED, SHOWN = 100, 8
HOPFIELD = "Hopfield's memory"
# The couplings of a memory: 64 MiB.
_MOST_UNITS = 2_896


def denoising(parts: Parts, candidate: Candidate) -> DenoisingPart | None:
    """What a model leaves of noise that it learnt to undo; None where it learnt no such thing, or
    of a table, whose cells have no filters."""
    trained = candidate.autoencoder.trained
    if trained.training.noise is None or trained.data.table is not None:
        return None
    noise = Noise.parse(trained.training.noise)
    some = evenly_spaced(len(candidate.kept.items), MOST_MEASURED)
    clean = candidate.kept.items[some]
    noisy = damaged(candidate.autoencoder, clean, noise, parts.seed)
    made = denoise(candidate.autoencoder, noisy)
    recalled = _recalled(candidate, clean, noisy)
    meter = DenoisingMeter(trained, len(clean), MOST_MEASURED)
    for place in range(len(clean)):
        others = None if recalled is None else {HOPFIELD: recalled[place]}
        meter.add(noisy[place], made[place], clean[place], others)
    shown = slice(0, SHOWN)
    versions = [(candidate.name, made[shown])]
    for name, settings in meter.filters.items():
        found = np.stack([meter.filtered(name, each, settings) for each in noisy[shown]])
        versions.append((TITLES.get(name, name), candidate.autoencoder.as_data(found)))
    if recalled is not None:
        versions.append((HOPFIELD, recalled[shown]))
    return DenoisingPart(
        model=candidate.name,
        noise=str(noise),
        scores=meter.result(parts.name).scores,
        count=len(clean),
        clean=clean[shown],
        noisy=noisy[shown],
        versions=tuple(versions),
    )


def _recalled(candidate: Candidate, clean: np.ndarray, noisy: np.ndarray) -> np.ndarray | None:
    """What a Hopfield network that remembers the clean items makes of the noisy ones, in the dtype
    of the data; None where items are too large for one.

    Its units know two values, the ends of the data's range. That it remembers the very items that
    it is asked for is more than any other method has.
    """
    size = int(np.prod(clean.shape[1:]))
    if size > _MOST_UNITS or not size:
        return None
    low, high = noise_limits(candidate.autoencoder.trained.described).ends
    middle = (low + high) / 2

    def states(items: np.ndarray) -> np.ndarray:
        return np.where(items.reshape(len(items), -1) > middle, 1, -1)

    memory = store(states(clean), "pseudo-inverse")
    found = np.where(memory.recall(states(noisy)) > 0, high, low).reshape(clean.shape)
    return candidate.autoencoder.as_data(found.astype(np.float64))
