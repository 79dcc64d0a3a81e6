"""Which model: a preset, its sizes, and how it ends."""

import math
from dataclasses import replace

from narrows.data import Dataset
from narrows.errors import UsageError
from narrows.nn.objectives import Objective
from narrows.nn.presets import Preset, default_latent_size, fitting_preset, preset_spec
from narrows.nn.spec import Spec
from narrows.planning.options import FitOptions
from narrows.planning.traits import denoises, is_image
from narrows.support.number_text import count_of
from narrows.support.shapes import has_channels_first
from narrows.support.spelling import spelt

#: What is said of small images that a model takes as they are.
CHANNELS_FIRST = (
    "the items look like images with their channels first, and images have them last here: "
    "np.moveaxis(X, 1, -1) moves the axis"
)


def user_spec(training: Dataset, options: FitOptions) -> Spec:
    """The spec of the user's own."""
    own, objective = options.spec, options.objective
    assert own is not None
    name = "the spec" if isinstance(own, Spec) else own
    if (options.latent, options.hidden, options.item_bytes) != (None, None, None):
        raise UsageError(
            f"{name} says what the layers are, so {spelt('latent')}, {spelt('hidden')} and "
            f"{spelt('item_bytes')} cannot",
            hint="write the sizes into the spec, or take a preset",
        )
    if isinstance(own, Spec):
        spec = Spec.from_dict(own.to_dict(), training.item_shape)
    else:
        spec = Spec.from_toml(own, training.item_shape)
    ending = spec.output_activation
    if objective.needs_probabilities and ending != "sigmoid":
        raise UsageError(
            f"the loss {objective} needs values in 0..1, and the decoder of {name} "
            f"ends in {ending}",
            hint='end it with activation = "sigmoid", or set output_activation',
        )
    return spec


def articles_spec(training: Dataset, options: FitOptions) -> Spec:
    """The article's model: it ends in a ReLU, or a sigmoid where the loss is of probabilities."""
    _check_item_bytes(options)
    return preset_spec(
        "simple",
        training.item_shape,
        latent=options.latent,
        hidden=options.hidden,
        output_activation="sigmoid" if options.objective.needs_probabilities else "relu",
    )


def choose_spec(training: Dataset, options: FitOptions) -> tuple[str, Spec, list[str]]:
    """The preset, the model, and why.

    Raises:
        UsageError: a size that the preset or the items cannot have.
    """
    _check_item_bytes(options)
    reasons, to_denoise = list[str](), denoises(training, options)
    preset = fitting_preset(
        options.preset,
        training.item_shape,
        latent=options.latent,
        item_bytes=options.item_bytes,
        denoises=to_denoise,
    )
    if options.preset == "auto":
        reasons.append(_why_preset(preset.name, training))
    if options.hidden is not None:
        preset = replace(preset, hidden=options.hidden)
    elif preset.name == "dense" and to_denoise and is_image(training):
        preset, why = _wide(training, preset, options.latent)
        reasons.append(why)
    elif preset.name in ("dense", "rounded"):
        preset, why = _narrowing(training, preset)
        reasons.append(why)
    if options.latent is None and preset.latent == default_latent_size(training.item_shape):
        reasons.append(_why_latent(preset.latent, training.item_size))
    ending = _ending(training, options.objective)
    spec = replace(preset, output_activation=ending).spec()
    if has_channels_first(training.item_shape):
        reasons.append(CHANNELS_FIRST)
    if ending == "sigmoid":
        reasons.append("a sigmoid at the end: the values fill the range they have")
    if spec.crosses and not to_denoise:
        reasons.append(
            f"copies across carry whole images: {spelt('noise')} says what they shall undo"
        )
    return preset.name, spec, reasons


def _check_item_bytes(options: FitOptions) -> None:
    if options.item_bytes is not None and options.preset != "rounded":
        raise UsageError(
            f"only the preset rounded has codes of so many bytes, and not {options.preset}",
            hint=f"add {spelt('preset', 'rounded')}, or leave {spelt('item_bytes')} out",
        )
    if options.item_bytes is not None and not 0 < options.item_bytes < math.inf:
        raise UsageError(
            f"codes of {options.item_bytes:g} bytes cannot be asked for",
            hint="give a number above 0, such as 8",
        )


def _wide(training: Dataset, preset: Preset, latent: int | None) -> tuple[Preset, str]:
    """The sizes of a net for images that shall lose their noise, and why: a layer twice as wide as
    another's, as no item is seen twice with the same noise, and a wide code where none is asked
    for."""
    units, *_ = _hidden_sizes(len(training), training.item_size)
    latent = min(units, training.item_size) if latent is None else latent
    hidden = max(2 * units, latent)
    return replace(preset, latent=latent, hidden=(hidden,)), (
        f"a hidden layer of {hidden} on each side of {latent} numbers: noise is to be "
        "undone, and a narrow code would lose more than that"
    )


def _narrowing(training: Dataset, preset: Preset) -> tuple[Preset, str]:
    """The sizes of the layers on the way to a small code, none smaller, and why."""
    units = _hidden_sizes(len(training), training.item_size)
    hidden = tuple(max(each, preset.latent) for each in units)
    return replace(preset, hidden=hidden), (
        f"hidden layers of {', '.join(map(str, hidden))}: "
        f"{len(training):,} items of {training.item_size:,} values"
    )


def _why_latent(latent: int, values: int) -> str:
    of = "as many as an item has values" if values == 1 else f"half of an item's {values:,} values"
    return (
        f"{count_of(latent, 'numbers')} in the code: {of}, 20 at most; "
        f"{spelt('latent')} asks for others"
    )


def _why_preset(preset: str, training: Dataset) -> str:
    shape = "x".join(map(str, training.item_shape))
    if preset == "unet":
        return f"preset unet: noise is undone in images of {shape}, and copies keep their places"
    if preset == "denoiser":
        return f"preset denoiser: noise is undone in images of {shape} by looking around each place"
    if preset == "conv":
        return f"preset conv: images of {shape} are too large for dense layers alone"
    if not is_image(training):
        return f"preset dense: items of {shape} are no images, and every value meets every unit"
    return f"preset dense: images of {shape} are small enough for every value to meet every unit"


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
