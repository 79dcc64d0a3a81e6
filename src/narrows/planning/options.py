"""What the user wants, and what comes of it."""

from dataclasses import dataclass, field
from pathlib import Path

from narrows.nn.objectives import Objective
from narrows.nn.spec import Spec
from narrows.training import Noise, TrainingSettings


@dataclass(frozen=True)
class ModelChoice:
    """Which model to train: a preset with its sizes, or a spec file instead.

    Attributes:
        preset: a name from :data:`narrows.nn.presets.PRESETS`.
        latent: the size of the latent code, or None for the preset's own.
        hidden: units of the hidden layers, or None for the preset's own.
        spec_file: a TOML file, or the spec itself, that says it all; what is beside it must then
            be None.
        item_bytes: what the codes of the preset ``rounded`` shall take; None for what suits their
            size.
    """

    preset: str = "auto"
    latent: int | None = None
    hidden: tuple[int, ...] | None = None
    spec_file: Path | Spec | None = None
    item_bytes: float | None = None


@dataclass(frozen=True)
class TrainingOptions:
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
