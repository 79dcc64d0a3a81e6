"""What to train, and how: the user's wishes, and good choices for everything they leave open.

The rules below were chosen on training images held out for that (``benchmarks/recipe_holdout.py``)
and on scikit-learn's digits; they look at the number, shape and type of the items and at nothing
else of them.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from narrows.data import Dataset
from narrows.engine import MOST_REFINEMENT, AdamSettings
from narrows.engine.evidence import is_variational
from narrows.errors import UsageError
from narrows.nn.blocks import Dense, Gaussian, Rounded
from narrows.nn.presets import auto_preset, default_latent_size, preset_spec
from narrows.nn.spec import Spec
from narrows.objectives import Objective
from narrows.training import Noise, TrainingSettings


@dataclass(frozen=True)
class ModelChoice:
    """Which model to train: a preset with its sizes, or a spec file instead.

    Attributes:
        preset: a name from :data:`narrows.nn.presets.PRESETS`.
        latent: the size of the latent code, or None for the preset's own.
        hidden: units of the hidden layers, or None for the preset's own.
        spec_file: a TOML file that says it all; what is beside it must then be None.
        item_bytes: what the codes of the preset ``rounded`` shall take; None for what suits their
            size.
    """

    preset: str = "auto"
    latent: int | None = None
    hidden: tuple[int, ...] | None = None
    spec_file: Path | None = None
    item_bytes: float | None = None


@dataclass(frozen=True)
class Wishes:
    """How to train, where the user says; None where the choice is ours.

    The attributes are those of :class:`narrows.training.TrainingSettings`, and ``refinement``: how
    many steps improve each code after the encoder.
    """

    objective: Objective = field(default_factory=Objective)
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    patience: int | None = None
    shift: int | None = None
    noise: Noise | None = None
    refinement: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        TrainingSettings(seed=self.seed)  # what else governs must not wait for the data to be read


@dataclass(frozen=True)
class Plan:
    """What will be trained, and why.

    Attributes:
        preset: the preset that the spec is from, or None if it is the user's own.
        spec: the model.
        settings: the training run.
        raw: whether 8-bit values go in as they are, as in the article, not as 0..1.
        refinement: how many steps improve each code after the encoder.
        may_be_linear: whether the best linear model may turn out to be the answer.
        reasons: one line for each choice that was ours.
    """

    preset: str | None
    spec: Spec
    settings: TrainingSettings
    raw: bool
    refinement: int
    may_be_linear: bool
    reasons: tuple[str, ...]


def make_plan(
    training: Dataset, choice: ModelChoice, wishes: Wishes, *, most_steps: int | None = None
) -> Plan:
    """Decide what to train on ``training``, in ``most_steps`` steps at most where the user says
    nothing else.

    Raises:
        UsageError: a wish that cannot be, or does not fit the items.
    """
    if choice.spec_file is not None:
        spec = _own_spec(training, choice, wishes.objective)
        settings, own_reasons = _recipe(training, spec, wishes, most_steps)
        steps, why = _refinement(training, spec, wishes)
        return Plan(None, spec, settings, False, steps, False, (*own_reasons, *why))
    if choice.item_bytes is not None and choice.preset != "rounded":
        raise UsageError(
            f"only the preset rounded has codes of so many bytes, and not {choice.preset}",
            hint="add --preset rounded, or leave --item-bytes out",
        )
    if choice.item_bytes is not None and not 0 < choice.item_bytes < math.inf:
        raise UsageError(
            f"codes of {choice.item_bytes:g} bytes cannot be asked for",
            hint="give a number above 0, such as 8",
        )
    if choice.preset == "simple":
        ending = "sigmoid" if wishes.objective.needs_probabilities else "relu"
        spec = _preset_spec(choice, "simple", training, ending, choice.hidden)
        raw = not wishes.objective.needs_probabilities
        steps = wishes.refinement or 0
        require_refinable(spec, steps)
        return Plan("simple", spec, _articles_settings(wishes), raw, steps, False, ())
    preset, reasons = choice.preset, list[str]()
    denoises = _denoises(training, wishes)
    if preset == "auto":
        preset = auto_preset(training.item_shape, denoises)
        reasons.append(_why_preset(preset, training))
    hidden = choice.hidden
    if hidden is None and preset == "dense" and denoises and is_image(training):
        wide = _denoising_units(len(training), training.item_size)
        latent = min(wide // 2, training.item_size) if choice.latent is None else choice.latent
        choice, hidden = replace(choice, latent=latent), (max(wide, latent),)
        reasons.append(
            f"a hidden layer of {hidden[0]} on each side of {latent} numbers: noise is to be "
            "undone, and a narrow code would lose more than that"
        )
    elif hidden is None and preset in ("dense", "rounded"):
        latent = choice.latent or default_latent_size(training.item_shape, choice.item_bytes)
        units = _hidden_sizes(len(training), training.item_size)
        hidden = tuple(max(each, latent) for each in units)
        reasons.append(
            f"hidden layers of {', '.join(map(str, hidden))}: "
            f"{len(training):,} items of {training.item_size:,} values"
        )
    ending = _ending(training, wishes.objective)
    spec = _preset_spec(choice, preset, training, ending, hidden)
    if ending == "sigmoid":
        reasons.append("a sigmoid at the end: the values fill the range they have")
    if spec.crosses and not denoises:
        reasons.append("copies across carry whole images: --noise says what they shall undo")
    settings, more = _recipe(training, spec, wishes, most_steps)
    steps, why = _refinement(training, spec, wishes)
    may_be_linear = choice.preset == "auto" and not denoises
    return Plan(preset, spec, settings, False, steps, may_be_linear, (*reasons, *more, *why))


def _own_spec(training: Dataset, choice: ModelChoice, objective: Objective) -> Spec:
    """The spec of the user's file."""
    assert choice.spec_file is not None
    if (choice.latent, choice.hidden, choice.item_bytes) != (None, None, None):
        raise UsageError(
            f"{choice.spec_file} says what the layers are, so --latent, --hidden and --item-bytes "
            "cannot",
            hint="write the sizes into the spec, or take a preset",
        )
    spec = Spec.from_toml(choice.spec_file, training.item_shape)
    ending = spec.output_activation
    if objective.needs_probabilities and ending != "sigmoid":
        raise UsageError(
            f"the loss {objective} needs values in 0..1, and the decoder of {choice.spec_file} "
            f"ends in {ending}",
            hint='end it with activation = "sigmoid", or set output_activation',
        )
    return spec


def _preset_spec(
    choice: ModelChoice,
    preset: str,
    training: Dataset,
    ending: str,
    hidden: tuple[int, ...] | None,
) -> Spec:
    return preset_spec(
        preset,
        training.item_shape,
        latent=choice.latent,
        hidden=hidden,
        output_activation=ending,
        item_bytes=choice.item_bytes,
    )


def _articles_settings(wishes: Wishes) -> TrainingSettings:
    """The article's training where the user says nothing else."""
    return TrainingSettings(
        wishes.objective,
        50 if wishes.epochs is None else wishes.epochs,
        64 if wishes.batch_size is None else wishes.batch_size,
        AdamSettings(
            1e-3 if wishes.learning_rate is None else wishes.learning_rate,
            weight_decay=wishes.weight_decay or 0.0,
        ),
        wishes.seed,
        wishes.patience,
        shift=wishes.shift or 0,
        noise=wishes.noise,
    )


def _why_preset(preset: str, training: Dataset) -> str:
    shape = "x".join(map(str, training.item_shape))
    if preset == "denoiser":
        return f"preset denoiser: noise is undone in images of {shape} by looking around each place"
    if preset == "conv":
        return f"preset conv: images of {shape} are too large for dense layers alone"
    return f"preset dense: items of {shape} are small enough for every value to meet every unit"


def _ending(training: Dataset, objective: Objective) -> str:
    """A sigmoid for values that fill a range with two ends; otherwise no limit."""
    if objective.needs_probabilities:
        return "sigmoid"
    limits = training.value_range
    if training.table is not None or limits is None:
        return "linear"
    sample = training.items[:: max(len(training) // _LOOKED_AT, 1)]
    spread = float(sample.max()) - float(sample.min())
    return "sigmoid" if spread > (limits[1] - limits[0]) / 2 else "linear"


# Items that tell whether values use the range that they could.
_LOOKED_AT = 1000
# With more weights than half the training values, the digits of scikit-learn are learnt by heart.
_VALUES_PER_WEIGHT = 2
_NARROWEST, _WIDEST = 16, 512


def _hidden_sizes(count: int, size: int) -> tuple[int, ...]:
    """Two hidden layers, the second half as wide, of as many units as the data can teach; one where
    the second would be narrow."""
    affordable = count * size / _VALUES_PER_WEIGHT
    # 2 (size h + h^2 / 2) weights in both halves
    most = math.sqrt(size * size + affordable) - size
    wanted = min(most, max(8 * size, 128), _WIDEST)
    units = max(2 ** int(math.log2(max(wanted, 1))), _NARROWEST)
    return (units, units // 2) if units >= 128 and size < 8 * units else (units,)


def _denoising_units(count: int, size: int) -> int:
    """Hidden units of a net for images that shall lose their noise: twice as many as of another,
    as no item is seen twice with the same noise."""
    first, *_ = _hidden_sizes(count, size)
    return 2 * first


# An update's cost counts for small batches, and its noise helps: fortieths of the set, within
# limits that fill the vector registers and keep the steps many.
_BATCHES_AN_EPOCH = 40
_SMALLEST_BATCH, _LARGEST_BATCH = 16, 128
# At the largest batch; smaller ones make noisier steps.
_LEARNING_RATE = 5e-3
# Twice as wide a net, on digits that little is seen of, ended in blank images at 0.005.
_DENOISING_RATE = 3e-3
_BETA2 = 0.95
# Operations of a whole training: about a minute and a half on two cores of a laptop; and how many
# times as many where noise is undone, which is another every time.
_OPERATIONS = 2.1e13
_TIMES_TO_DENOISE = 2
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


def _recipe(
    training: Dataset, spec: Spec, wishes: Wishes, most_steps: int | None
) -> tuple[TrainingSettings, list[str]]:
    """How to train ``spec``, and why."""
    count, reasons = len(training), list[str]()
    batch_size, rate, epochs = wishes.batch_size, wishes.learning_rate, wishes.epochs
    if batch_size is None:
        batch_size = _SMALLEST_BATCH if _sees_places(spec) else _batch_size(count)
    if rate is None:
        highest = _LEARNING_RATE
        if _denoises(training, wishes) and not _sees_places(spec):
            highest = _DENOISING_RATE
        rate = highest * math.sqrt(min(max(batch_size, 1) / _LARGEST_BATCH, 1))
    if epochs is None:
        epochs = _epochs(
            count, batch_size, spec, most_steps or _MOST_STEPS, _denoises(training, wishes)
        )
        reasons.append(
            f"{epochs} epochs in batches of {batch_size}: fewer the larger the data and the model"
        )
    shift = wishes.shift
    if shift is None:
        # tiles are at random places already
        whole = training.tile is None and is_image(training)
        shift = int(whole and min(training.item_shape[:2]) >= _SMALLEST_TO_SHIFT)
        if shift:
            reasons.append("each image moved by up to a pixel, another way every time")
    patience = wishes.patience
    # the error alone does not say which epoch has the best codes of some length
    if patience is None and count < _FEW and not is_rounded(spec):
        patience = max(epochs // 5, 5)
        reasons.append(f"the best epoch on the validation set: {count:,} items are few")
    decay = _WEIGHT_DECAY if wishes.weight_decay is None else wishes.weight_decay
    settings = TrainingSettings(
        wishes.objective,
        epochs,
        batch_size,
        AdamSettings(rate, beta2=_BETA2, weight_decay=decay),
        wishes.seed,
        patience,
        schedule="cosine",
        shift=shift,
        noise=wishes.noise,
    )
    return settings, reasons


def require_refinable(spec: Spec, steps: int) -> None:
    """Make sure that the codes of a model can be refined in so many steps.

    Raises:
        UsageError: the number is outside its limits, or the decoder takes more than one code.
    """
    if not 0 <= steps <= MOST_REFINEMENT:
        raise UsageError(
            f"{steps} steps of refinement are outside 0 to {MOST_REFINEMENT}",
            hint="2 take back most of what an encoder loses",
        )
    if steps and not _is_refinable(spec):
        what = "draws from a distribution"
        if spec.crosses or is_rounded(spec):
            what = "tensors that its encoder kept" if spec.crosses else "whole numbers"
        raise UsageError(
            f"codes cannot be refined in {steps} steps: this model's decoder takes {what}",
            hint="leave it out, or give 0",
        )


def _is_refinable(spec: Spec) -> bool:
    return not (spec.crosses or is_variational(spec) or is_rounded(spec))


def _sees_places(spec: Spec) -> bool:
    """Whether a model treats every place of an image alike, so that each is an example and a few
    images are many."""
    return not any(isinstance(block, Dense | Gaussian) for block in (*spec.encoder, *spec.decoder))


def is_rounded(spec: Spec) -> bool:
    """Whether codes are whole numbers, trained to be short."""
    return any(isinstance(block, Rounded) for block in spec.encoder)


# Two steps take back nine tenths of what an encoder loses to the best codes for its decoder.
_REFINEMENT = 2
# Operations an item above which that would keep a user waiting: 500 items a second.
_MOST_FOR_REFINEMENT = 2e8


def _denoises(training: Dataset, wishes: Wishes) -> bool:
    """Whether what goes in is not what shall come out."""
    return wishes.noise is not None or training.inputs is not None


def _refinement(training: Dataset, spec: Spec, wishes: Wishes) -> tuple[int, list[str]]:
    """How many steps improve each code, and why.

    They make the squared error of what went in smaller. That is no aim where what went in is noise
    to be undone, where another loss is asked for, or where codes are distributions.
    """
    if wishes.refinement is not None:
        require_refinable(spec, wishes.refinement)
        return wishes.refinement, []
    if not _is_refinable(spec) or _denoises(training, wishes) or wishes.objective.name != "l2":
        return 0, []
    an_item = _REFINEMENT * (spec.latent_size + 1) * _operations(spec, "decoder") / 3
    if an_item > _MOST_FOR_REFINEMENT:
        return 0, []
    return _REFINEMENT, [
        f"{_REFINEMENT} Gauss-Newton steps refine each code: the decoder knows what was missed"
    ]


def is_image(training: Dataset) -> bool:
    """Whether items have the shape of images, grey or with channels."""
    return training.table is None and len(training.item_shape) in (2, 3)


def _batch_size(count: int) -> int:
    wanted = 2 ** int(math.log2(max(count / _BATCHES_AN_EPOCH, 1)))
    return int(np.clip(wanted, _SMALLEST_BATCH, _LARGEST_BATCH))


def _epochs(count: int, batch_size: int, spec: Spec, most_steps: int, denoises: bool) -> int:
    """As many as the work allows, and as the steps do."""
    operations = sum(_operations(spec, part) for part in ("encoder", "decoder"))
    work = (_TIMES_TO_DENOISE if denoises else 1) * _OPERATIONS
    by_work = work / (count * operations)
    by_steps = most_steps / math.ceil(count / max(batch_size, 1))
    return max(int(min(by_work, by_steps)), _FEWEST_EPOCHS)


def _operations(spec: Spec, part: str) -> int:
    """Operations of a training step in a part for each item: a multiplication and an addition for
    every weight at every place, once forward and twice back."""
    total = 0
    results = spec.shapes(part)[1:]
    for (_, block, shape), result in zip(spec.placed(part), results, strict=True):
        weights = math.prod(block.array_shapes(shape).get("weight", (0,)))
        # a convolution's places are its results', a transposed one's what it gets
        places = min(math.prod(x[:-1]) for x in (shape, result))
        total += 6 * weights * places
    return total
