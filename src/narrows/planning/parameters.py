"""What estimators are constructed with: made sure of, and kept in model files.

The names are those of :class:`narrows.Autoencoder`; ``narrows fit`` keeps its options under them,
so that either face can train again what the other has trained.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from narrows.data import Dataset
from narrows.data.tables import KINDS
from narrows.errors import UsageError
from narrows.model.file import TrainedModel
from narrows.nn.blocks import Dense
from narrows.nn.objectives import LOSSES, Objective
from narrows.nn.spec import Spec
from narrows.planning import ModelChoice, TrainingOptions
from narrows.support import arguments
from narrows.training import Noise

_SHARE_HINT = (
    "scikit-learn's PCA takes a share of the variance here, and a net has to know how many numbers "
    "its code has: give a whole number, such as 8, and compare losses"
)
_NOISE_HINT = "name the kind too, as in noise='gaussian:0.3', or leave it out for none"


def model_choice(given: Mapping[str, Any]) -> ModelChoice:
    """The model that parameters by name ask for.

    Raises:
        UsageError: one of them cannot be meant.
    """
    latent = arguments.scalar(given.get("latent"))
    if isinstance(latent, float) and 0 < latent <= 1:
        raise arguments.refused("latent", latent, "a whole number or None", _SHARE_HINT)
    spec = given.get("spec")
    if spec is not None and not isinstance(spec, Spec):
        spec = Path(arguments.path("spec", spec, hint="give the path of a TOML file"))
    return ModelChoice(
        arguments.text("preset", given.get("preset", "auto")) or "",
        arguments.whole("latent", latent, optional=True),
        arguments.sizes("hidden", given.get("hidden")),
        spec,
        arguments.number("item_bytes", given.get("item_bytes"), optional=True),
    )


def training_options(given: Mapping[str, Any], seed: int) -> TrainingOptions:
    """How to train, as parameters by name say.

    Raises:
        UsageError: one of them cannot be meant.
    """

    def whole(name: str) -> int | None:
        return arguments.whole(name, given.get(name), optional=True)

    loss = arguments.text("loss", given.get("loss", "l2"), hint=f"give one of {', '.join(LOSSES)}")
    noise = arguments.text("noise", given.get("noise"), optional=True, hint=_NOISE_HINT)
    return TrainingOptions(
        Objective.parse(loss or ""),
        whole("epochs"),
        whole("batch_size"),
        arguments.number("learning_rate", given.get("learning_rate"), optional=True),
        arguments.number("weight_decay", given.get("weight_decay"), optional=True),
        whole("patience"),
        whole("shift"),
        None if noise is None else Noise.parse(noise),
        whole("refine"),
        seed,
    )


def held_out_share(value: Any) -> float:
    """``validation_fraction``.

    Raises:
        UsageError: it is no share.
    """
    hint = "0.1 holds a tenth of the rows out, and 0 none"
    share = arguments.required_number("validation_fraction", value, hint=hint)
    if not 0 <= share < 1:
        raise UsageError(
            f"validation_fraction is {share:g}, and must be from 0 to below 1", hint=hint
        )
    return share


def column_types(value: Any) -> dict[str, str]:
    """``types``: kinds of columns by name, empty for None.

    Raises:
        UsageError: they are none.
    """
    takes = f"kinds of columns by name ({', '.join(KINDS)}), or None"
    found = arguments.mapping("types", value, takes) or {}
    for name, kind in found.items():
        arguments.one_of(f"types[{name!r}]", kind, KINDS)
    return found


def require_types(types: Mapping[str, str], data: Any) -> None:
    """Make sure that what is no data frame has columns of the declared types.

    Raises:
        UsageError: it has no columns, or was read with others.
    """
    if not types:
        return
    table = data.table if isinstance(data, Dataset) else None
    if table is None:
        raise UsageError(
            f"types says what {next(iter(types))!r} is, and X has no named columns",
            hint="give a data frame, or leave types out",
        )
    kinds = {column.name: column.kind for column in table.columns}
    for name, kind in types.items():
        if kinds.get(name) not in (kind, "constant"):
            found = f"was read as {kinds[name]}" if name in kinds else "is not there"
            raise UsageError(
                f"types says that column {name!r} is {kind}, and in {data.name} it {found}",
                hint="declare it where the table is read: load_data(..., types={...})",
            )


def kept(trained: TrainedModel, of: str, given: Mapping[str, Any], epochs: int) -> TrainedModel:
    """The model with the parameters that it was trained with.

    Args:
        of: the class that they are parameters of.
        given: by name; a generator of random numbers is kept as the seed that it gave.
        epochs: how many were planned, for classes that plan others where nothing is said.
    """
    values = {name: _plain(value) for name, value in given.items() if name != "spec"}
    state = given.get("random_state")
    if isinstance(state, np.random.RandomState | np.random.Generator):
        values["random_state"] = trained.training["seed"]
    own = given.get("spec") is not None
    return replace(
        trained, parameters={"of": of, "values": values, "spec": own, "epochs": int(epochs)}
    )


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
    preset, linear = known.get("preset"), known.get("linear", False)
    values = {name: known[name] for name in _TOLD if name in known}
    values |= {
        "loss": known.get("objective", "l2"),
        "refine": trained.refinement,
        "random_state": known.get("seed", 0),
    }
    if preset is None:
        return {**values, "spec": spec}
    values |= {"preset": preset, "latent": spec.latent_size}
    if linear:  # what was trained beside PCA, and lost, is not in the file
        return {**values, "refine": None}
    layers = [block.units for block in spec.encoder if isinstance(block, Dense)]
    if preset in ("dense", "simple", "rounded") and len(layers) > 1:
        values["hidden"] = tuple(layers[:-1])
    return values


_TOLD = ("epochs", "batch_size", "learning_rate", "weight_decay", "shift", "noise")
