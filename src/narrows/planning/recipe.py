"""How to train: length, batches, learning rate, and what is done to the items on the way."""

import math

import numpy as np

from narrows.data import Dataset
from narrows.engine import AdamSettings
from narrows.nn.spec import Spec
from narrows.nn.summary import operations
from narrows.planning.options import FitOptions
from narrows.planning.traits import denoises, is_image, is_rounded, sees_places
from narrows.support.number_text import count_of
from narrows.training import TrainingSettings

# An update's cost counts for small batches, and its noise helps: fortieths of the set, within
# limits that fill the vector registers and keep the steps many.
_BATCHES_AN_EPOCH = 40
_SMALLEST_BATCH, _LARGEST_BATCH = 16, 128
# At the largest batch; smaller ones make noisier steps.
_LEARNING_RATE = 5e-3
# Twice as wide a net, on digits that little is seen of, ended in blank images at 0.005.
_DENOISING_RATE = 3e-3
# Of nets with copies across, which a few thousand steps teach most of what they learn.
_CROSSING_RATE, _CROSSING_BATCH = 8e-3, 32
_BETA2 = 0.95
# Operations of a whole training: on two cores of a laptop a minute and a half of dense layers, or
# four of convolutions.
_OPERATIONS = 2.1e13
# Steps that small data are given at most, and epochs that large ones are given at least.
_MOST_STEPS, _FEWEST_EPOCHS = 20_000, 4
#: Steps that a model is given which is to tell outliers: those are learnt last.
DETECTION_STEPS = 2_000
# The share of itself that a weight loses over a run of steps at the full learning rate.
_WEIGHT_DECAY = 0.05
# Items from which a validation loss that rises is no accident; fewer than this are few enough to
# be learnt by heart.
_FEW = 10_000
_SMALLEST_TO_SHIFT = 16


def choose_recipe(
    training: Dataset, spec: Spec, options: FitOptions, most_steps: int | None
) -> tuple[TrainingSettings, list[str]]:
    """How to train ``spec``, and why."""
    count, reasons, to_denoise = len(training), list[str](), denoises(training, options)
    batch_size, rate, epochs = options.batch_size, options.learning_rate, options.epochs
    if batch_size is None:
        batch_size = _batch_size(count, spec)
    if rate is None:
        rate = _highest_rate(spec, to_denoise)
        rate *= math.sqrt(min(max(batch_size, 1) / _LARGEST_BATCH, 1))
    if epochs is None:
        epochs = _epochs(count, batch_size, spec, most_steps or _MOST_STEPS)
    # the error alone does not say which epoch has the best codes of some length
    stops = options.patience is None and count < _FEW and not is_rounded(spec)
    patience = patience_for(epochs) if stops else options.patience
    if options.epochs is None:
        reasons.append(
            f"{'' if patience is None else 'at most '}{epochs:,} epochs in batches of "
            f"{batch_size:,}: fewer the larger the data and the model"
        )
    shift = options.shift
    if shift is None:
        # tiles are at random places already
        whole = training.tile is None and is_image(training)
        shift = int(whole and min(training.item_shape[:2]) >= _SMALLEST_TO_SHIFT)
        if shift:
            reasons.append("each image moved by up to a pixel, another way every time")
    if stops:
        reasons.append(
            f"the best epoch on the validation set: few data, {count_of(count, 'items')}"
        )
    decay = _WEIGHT_DECAY if options.weight_decay is None else options.weight_decay
    settings = TrainingSettings(
        objective=options.objective,
        epochs=epochs,
        batch_size=batch_size,
        adam=AdamSettings(learning_rate=rate, beta2=_BETA2, weight_decay=decay),
        seed=options.seed,
        patience=patience,
        schedule="cosine",
        shift=shift,
        noise=options.damage,
    )
    return settings, reasons


def patience_for(epochs: int) -> int:
    """Epochs without a better one on the validation set after which a run of so many ends."""
    return max(epochs // 5, 5)


def articles_recipe(options: FitOptions) -> TrainingSettings:
    """The article's training where the user says nothing else."""
    return TrainingSettings(
        objective=options.objective,
        epochs=50 if options.epochs is None else options.epochs,
        batch_size=64 if options.batch_size is None else options.batch_size,
        adam=AdamSettings(
            learning_rate=1e-3 if options.learning_rate is None else options.learning_rate,
            weight_decay=options.weight_decay or 0.0,
        ),
        seed=options.seed,
        patience=options.patience,
        shift=options.shift or 0,
        noise=options.damage,
    )


def _highest_rate(spec: Spec, to_denoise: bool) -> float:
    """The learning rate at the largest batch."""
    if spec.crosses:
        return _CROSSING_RATE
    return _DENOISING_RATE if to_denoise and not sees_places(spec) else _LEARNING_RATE


def _batch_size(count: int, spec: Spec) -> int:
    if sees_places(spec):
        return _SMALLEST_BATCH
    wanted = 2 ** int(math.log2(max(count / _BATCHES_AN_EPOCH, 1)))
    largest = _CROSSING_BATCH if spec.crosses else _LARGEST_BATCH
    return int(np.clip(wanted, _SMALLEST_BATCH, largest))


def _epochs(count: int, batch_size: int, spec: Spec, most_steps: int) -> int:
    """As many as the work allows, and as the steps do."""
    an_item = sum(operations(spec, part) for part in ("encoder", "decoder"))
    by_work = _OPERATIONS / (count * an_item)
    by_steps = most_steps / math.ceil(count / max(batch_size, 1))
    return max(int(min(by_work, by_steps)), _FEWEST_EPOCHS)
