"""From data to a trained model: spec, scaling, training, and what is measured on the way."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from narrows.baselines.pca import fit_pca
from narrows.data import Dataset
from narrows.engine import make_runner
from narrows.errors import DataError, UsageError
from narrows.model_file import DataDescription, TrainedModel
from narrows.nn.blocks import Dense
from narrows.nn.model import Model, initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.objectives import Objective
from narrows.progress import Tracker, silent
from narrows.running import chunks
from narrows.training import History, TrainingSettings, train
from narrows.training.loop import CHECKPOINT_SECONDS


@dataclass(frozen=True)
class ModelChoice:
    """Which model to train: a preset with its sizes, or a spec file instead.

    Attributes:
        preset: a name from :data:`narrows.nn.presets.PRESETS`.
        latent: the size of the latent code, or None for the preset's own.
        hidden: units of the hidden layers, or None for the preset's own.
        spec_file: a TOML file that says it all; latent and hidden must then be None.
    """

    preset: str = "simple"
    latent: int | None = None
    hidden: tuple[int, ...] | None = None
    spec_file: Path | None = None

    def spec(self, item_shape: tuple[int, ...], objective: Objective) -> Spec:
        """The spec for items of ``item_shape``, ending as the objective needs it.

        Raises:
            UsageError: it does not fit the items or the objective.
        """
        if self.spec_file is None:
            ending = "sigmoid" if objective.needs_probabilities else "relu"
            return preset_spec(
                self.preset,
                item_shape,
                latent=self.latent,
                hidden=self.hidden,
                output_activation=ending,
            )
        if self.latent is not None or self.hidden is not None:
            raise UsageError(
                f"{self.spec_file} says what the layers are, so --latent and --hidden cannot",
                hint="write the sizes into the spec, or take a preset",
            )
        spec = Spec.from_toml(self.spec_file, item_shape)
        dense = [block for block in spec.decoder if isinstance(block, Dense)]
        if objective.needs_probabilities and dense and dense[-1].activation != "sigmoid":
            raise UsageError(
                f"the loss {objective} needs values in 0..1, and the decoder of {self.spec_file} "
                f"ends in {dense[-1].activation}",
                hint='end it with activation = "sigmoid", or set output_activation',
            )
        return spec


@dataclass(frozen=True)
class Fitted:
    """A trained model and the history of its training."""

    trained: TrainedModel
    history: History


def fit(
    training: Dataset,
    validation: Dataset | None,
    choice: ModelChoice,
    settings: TrainingSettings,
    *,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    resume: bool = False,
    on_epoch: Callable[[History], None] = lambda history: None,
    track: Tracker = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Fitted:
    """Train the chosen model on ``training`` and measure what later use needs.

    The arguments after the settings are those of :func:`narrows.training.train`.
    """
    objective = settings.objective
    spec = choice.spec(training.item_shape, objective)
    scaling = choose_scaling(training, objective)
    result = train(
        initial_model(spec, scaling, settings.seed),
        training.items,
        None if validation is None else validation.items,
        settings,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        resume=resume,
        on_epoch=on_epoch,
        track=track,
        should_stop=should_stop,
    )
    pca = fit_pca(training.items, spec.latent_size)
    dtype = training.items.dtype
    trained = TrainedModel(
        result.model,
        DataDescription(training.name, len(training), dtype.name, training.value_range),
        _training_summary(choice, settings, result.history, result.epoch),
        {"mean": pca.mean, "components": pca.components},
        latent_statistics(result.model, training.items),
        {name: importlib.metadata.version(name) for name in ("numpy", "numba", "jax")},
    )
    return Fitted(trained, result.history)


# The square of an error must be a number.
_WIDEST = 1e150


def choose_scaling(training: Dataset, objective: Objective) -> Scaling:
    """How data values become network values: 8-bit data as they are, other data taken to 0..1.

    A network that ends in ReLU gives no value below 0, and weights drawn for inputs near 1 learn
    nothing from inputs near a million. Where the loss needs probabilities, the whole range of the
    values becomes 0..1.
    """
    if objective.needs_probabilities and training.value_range is not None:
        return Scaling.to_unit_range(*training.value_range)
    if training.items.dtype == np.uint8 and not objective.needs_probabilities:
        return Scaling()
    ends = [(float(chunk.min()), float(chunk.max())) for chunk in chunks(training.items)]
    lowest, highest = min(low for low, _ in ends), max(high for _, high in ends)
    if highest - lowest > _WIDEST:
        raise DataError(
            f"{training.name} spans {lowest:g} to {highest:g}, and more than {_WIDEST:g} cannot be "
            "squared",
            hint="divide the values by a large number, or take their logarithm",
        )
    return Scaling.to_unit_range(lowest, highest)


def latent_statistics(model: Model, items: np.ndarray) -> dict[str, np.ndarray]:
    """``lowest``, ``highest`` and ``mean`` of each latent number over ``items``."""
    runner = make_runner(model)
    size = model.spec.latent_size
    lowest = np.full(size, np.inf, np.float32)
    highest = np.full(size, -np.inf, np.float32)
    total = np.zeros(size)
    for chunk in chunks(items):
        codes = runner.encode(chunk)
        lowest = np.minimum(lowest, codes.min(axis=0))
        highest = np.maximum(highest, codes.max(axis=0))
        total += codes.sum(axis=0, dtype=np.float64)
    return {
        "lowest": lowest,
        "highest": highest,
        "mean": (total / len(items)).astype(np.float32),
    }


def _training_summary(
    choice: ModelChoice, settings: TrainingSettings, history: History, epoch: int
) -> dict[str, Any]:
    """What a model file says of its training: nothing that depends on the clock."""
    last = history[epoch - 1]
    summary: dict[str, Any] = {
        "preset": None if choice.spec_file else choice.preset,
        "objective": str(settings.objective),
        "epochs": len(history),
        "epoch": epoch,
        "batch_size": settings.batch_size,
        "learning_rate": settings.adam.learning_rate,
        "seed": settings.seed,
        "loss": last["loss"],
    }
    if "val_loss" in last:
        summary["val_loss"] = last["val_loss"]
    return summary
