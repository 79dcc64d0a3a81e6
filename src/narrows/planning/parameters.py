"""What model files keep of how a model was asked for: the parameters of estimators.

The names are those of :class:`narrows.Autoencoder`; ``narrows fit`` keeps its options under them,
so that either face can train again what the other has trained.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from narrows.model.trained import TrainedModel
from narrows.nn.blocks import Dense
from narrows.support import arguments


def kept(trained: TrainedModel, of: str, given: Mapping[str, Any], epochs: int) -> TrainedModel:
    """The model with the parameters that it was trained with.

    Args:
        of: the class that they are parameters of.
        given: by name; a generator of random numbers is kept as the seed that it gave.
        epochs: how many were planned, for classes that plan others where nothing is said.
    """
    values = {name: _plain(value) for name, value in given.items() if name not in _NOT_KEPT}
    state = given.get("random_state")
    if isinstance(state, np.random.RandomState | np.random.Generator):
        values["random_state"] = trained.training.seed
    own = given.get("spec") is not None
    return replace(
        trained, parameters={"of": of, "values": values, "spec": own, "epochs": int(epochs)}
    )


# A spec is in the file itself, and on what a model was trained, and where its curves went, is no
# part of it.
_NOT_KEPT = ("spec", "devices", "tensorboard")

#: Parameters about the use of a model: changed later, they hold at once, and are kept so.
ABOUT_USE = ("refine", "check_range", "criterion", "false_alarms")


def with_values(trained: TrainedModel, given: Mapping[str, Any]) -> TrainedModel:
    """The model with other values of parameters that are kept with it; of others nothing."""
    parameters = trained.parameters
    if not parameters:
        return trained
    values = dict(parameters["values"])
    values |= {name: _plain(value) for name, value in given.items() if name in values}
    return replace(trained, parameters={**parameters, "values": values})


def _plain(value: Any) -> Any:
    """A parameter as JSON has it."""
    value = arguments.scalar(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 8.0 units are 8
    return value if isinstance(value, bool | int | float | str | None) else None


def parameters_of(trained: TrainedModel, of: str) -> dict[str, Any]:
    """Parameters by name that train a model again as a class ``of`` does; of files that do not hold
    them, as far as the model itself tells."""
    found = trained.parameters
    if not found:
        return _guessed(trained)
    values = dict(found["values"])
    if isinstance(values.get("hidden"), list):
        values["hidden"] = tuple(values["hidden"])
    if found["spec"]:
        values["spec"] = trained.model.spec
    if found["of"] != of and values.get("epochs") is None:
        values["epochs"] = found["epochs"]
    return values


def _guessed(trained: TrainedModel) -> dict[str, Any]:
    """What the model itself tells of the parameters."""
    known, spec = trained.training, trained.model.spec
    preset = known.preset
    values: dict[str, Any] = {name: getattr(known, name) for name in _TOLD}
    values |= {
        "loss": known.objective or "l2",
        "refine": trained.refinement,
        "random_state": known.seed or 0,
    }
    if preset is None:
        return {**values, "spec": spec}
    values |= {"preset": preset, "latent": spec.latent_size}
    if known.linear:  # what was trained beside PCA, and lost, is not in the file
        return {**values, "refine": None}
    layers = [block.units for block in spec.encoder if isinstance(block, Dense)]
    if preset in ("dense", "simple", "rounded") and len(layers) > 1:
        values["hidden"] = tuple(layers[:-1])
    return values


_TOLD = ("epochs", "batch_size", "learning_rate", "weight_decay", "shift", "noise")
