"""What a user may say of a fit: once, for the command line, the estimators and the planner.

A new option is a field of :class:`FitOptions`, with what makes sure of it and its help text; the
place that uses it; and a parameter of :class:`narrows.Autoencoder`, whose signature scikit-learn
reads. ``narrows fit`` takes its own from the fields (:mod:`narrows.cli.fit`).

Nothing heavy is imported here: asking for help needs this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from narrows.errors import UsageError
from narrows.nn.objectives import LOSSES, Objective
from narrows.support import arguments
from narrows.support.option_fields import option

if TYPE_CHECKING:
    from narrows.nn.spec import Spec
    from narrows.training import Noise

_SHARE_HINT = (
    "scikit-learn's PCA takes a share of the variance here, and a net has to know how many numbers "
    "its code has: give a whole number, such as 8, and compare losses"
)
_NOISE_HINT = "name the kind too, as in noise='gaussian:0.3', or leave it out for none"
_HELD_OUT_HINT = "0.1 holds a tenth of the rows out, and 0 none"


def _latent(name: str, value: Any) -> int | None:
    given = arguments.scalar(value)
    if isinstance(given, float) and 0 < given <= 1:
        raise arguments.refused(name, given, "a whole number or None", _SHARE_HINT)
    return arguments.whole(name, given, optional=True)


def _spec(name: str, value: Any) -> "Path | Spec | None":
    from narrows.nn.spec import Spec

    if value is None or isinstance(value, Spec):
        return value
    return Path(arguments.path(name, value, hint="give the path of a TOML file"))


def _loss(name: str, value: Any) -> str:
    text = arguments.text(name, value, hint=f"give one of {', '.join(LOSSES)}") or ""
    Objective.parse(text)
    return text


def _noise(name: str, value: Any) -> str | None:
    from narrows.training import Noise

    text = arguments.text(name, value, optional=True, hint=_NOISE_HINT)
    if text is not None:
        Noise.parse(text)
    return text


def _share(name: str, value: Any) -> float:
    share = arguments.required_number(name, value, hint=_HELD_OUT_HINT)
    if not 0 <= share < 1:
        raise UsageError(f"{name} is {share:g}, and must be from 0 to below 1", hint=_HELD_OUT_HINT)
    return share


def _types(name: str, value: Any) -> dict[str, str] | None:
    from narrows.data.tables import KINDS

    takes = f"kinds of columns by name ({', '.join(KINDS)}), or None"
    found = arguments.mapping(name, value, takes)
    for column, kind in (found or {}).items():
        arguments.one_of(f"{name}[{column!r}]", kind, KINDS)
    return found


def _seed(name: str, value: Any) -> int:
    from narrows.training import TrainingSettings

    return TrainingSettings(seed=arguments.required_whole(name, value)).seed


def _devices(name: str, value: Any) -> int | None:
    count, hint = arguments.whole(name, value, optional=True), "leave it out for all GPUs"
    if count is not None and count < 1:
        raise UsageError(f"{name} is {count}, and must be at least 1", hint=hint)
    return count


_whole = partial(arguments.whole, optional=True)
_number = partial(arguments.number, optional=True)


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """Which model to train, and how; None where the choice is the planner's.

    The names and the defaults are those of :class:`narrows.Autoencoder`, which says what each is;
    ``seed`` is what comes of its ``random_state``.

    Raises:
        UsageError: a value that cannot be meant.
    """

    preset: str = option(
        "auto",
        "auto looks at the data; dense, conv, variational, rounded, unet, denoiser; simple is "
        "the article's.",
        check=arguments.text,
    )
    spec: "Path | Spec | None" = option(
        None, "A model of your own, as TOML.", "FILE.toml", check=_spec
    )
    latent: int | None = option(
        None, "Numbers in the code; half as many as an item has values, 20 at most.", check=_latent
    )
    hidden: tuple[int, ...] | None = option(
        None, "Units of the hidden layers, outermost first.", "N,N", check=arguments.sizes
    )
    item_bytes: float | None = option(
        None,
        "What a code of the preset rounded shall take; a third of its numbers.",
        "BYTES",
        check=_number,
    )
    loss: str = option(
        "l2", "l2, l1, huber, huber:THRESHOLD, or bce (values become 0..1).", check=_loss
    )
    epochs: int | None = option(
        None,
        "Passes over the training set; fewer the larger the data, 50 for simple.",
        check=_whole,
    )
    batch_size: int | None = option(
        None, "Items a step; by the size of the data, 64 for simple.", check=_whole
    )
    learning_rate: float | None = option(
        None, "Adam's, at its highest; 0.001 for simple.", check=_number
    )
    weight_decay: float | None = option(
        None, "Decoupled from the gradient; 0 for simple.", check=_number
    )
    shift: int | None = option(
        None, "Move images by up to so many pixels each time; 1 for most, 0 for none.", check=_whole
    )
    noise: str | None = option(
        None,
        "Damage to undo: gaussian:0.3, masking:0.3 or salt-pepper:0.1; gaussian:0.1-0.8 for an "
        "amount that is not known.",
        "KIND:AMOUNT",
        check=_noise,
    )
    refine: int | None = option(
        None,
        "Optimisation steps that improve each code after the encoder; 2 for most, 0 for none, "
        "which is faster to encode.",
        "STEPS",
        check=_whole,
    )
    patience: int | None = option(
        None,
        "Stop after so many epochs without a better validation loss; keep the best.",
        check=_whole,
    )
    types: Mapping[str, str] | None = option(
        None,
        "A table's types, where they are not what they look like.",
        "COLUMN=TYPE,...",
        check=_types,
    )
    devices: int | None = option(
        None,
        "How many devices of this machine share every batch; all of its GPUs, or one CPU.",
        check=_devices,
    )
    seed: int = option(0, "Governs everything drawn at random.", check=_seed)
    validation_fraction: float = option(0.1, check=_share)

    def __post_init__(self) -> None:
        for each in fields(self):
            checked = each.metadata["check"](each.name, getattr(self, each.name))
            object.__setattr__(self, each.name, checked)

    @classmethod
    def of(cls, given: Mapping[str, Any], seed: int) -> Self:
        """The options among parameters by name; others are passed over."""
        names = [each.name for each in fields(cls) if each.name in given]
        return cls(**{name: given[name] for name in names} | {"seed": seed})

    @property
    def objective(self) -> Objective:
        """The loss."""
        return Objective.parse(self.loss)

    @property
    def damage(self) -> "Noise | None":
        """What ``noise`` does to what goes in."""
        from narrows.training import Noise

        return None if self.noise is None else Noise.parse(self.noise)
