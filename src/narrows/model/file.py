"""Model files: a trained model as one safetensors file, the only reader and writer of them.

The file holds no code and loading one from a stranger is safe. Its tensors are the model's arrays
by name and the PCA that it is compared with; one metadata entry, ``narrows``, is a JSON object with
everything else. It says nothing of the time or the place, so that the same training gives the same
bytes.
"""

import json
import math
import os
from typing import Any

import numpy as np

from narrows.engine import MOST_REFINEMENT
from narrows.errors import DataError, ModelFileError, NarrowsError
from narrows.model.trained import DataDescription, TrainedModel, TrainingRecord
from narrows.nn.blocks import Shape
from narrows.nn.model import Model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.support.tensor_file import (
    LARGEST_HEADER,
    DamagedError,
    NotOursError,
    group,
    grouped,
    header_size,
    read_tensors,
    write_tensors,
)
from narrows.version import __version__

#: Raised by one whenever an older narrows could not read what a newer one writes: 2 added tables,
#: without which an older one would take a table's features for its values; 3 scalings with a centre
#: of each value; 4 how a column's texts are written, without which 1.234 may be another number. A
#: file says the lowest that reads it.
FORMAT_VERSION = 4
#: Comparisons of a tree of a model's isolation forest: eight, one after the other.
FOREST_NODES = 255
#: Values of an item that detection tells apart; of larger items, runs of them.
MOST_PLACES = 1 << 16


def places_of(size: int) -> int:
    """How many runs, equally long but the last, detection takes the values of an item for: as many
    as there are values, up to :data:`MOST_PLACES`."""
    run = -(-size // MOST_PLACES)
    return -(-size // run)


def require_storable(data: DataDescription) -> None:
    """Make sure, before long work, that a model file can hold what it says of its training set, and
    that the same comes back.

    Raises:
        DataError: it cannot.
    """
    entry = data.to_dict()
    size = header_size(entry)
    if size > LARGEST_HEADER - _ROOM:
        raise DataError(
            f"what is known of the columns of {data.name}, their names and classes, takes {size:,} "
            f"bytes in a model file, and {LARGEST_HEADER - _ROOM:,} are read at most",
            hint="leave columns out, or declare some of them ignored",
        )
    try:
        back = DataDescription.from_dict(json.loads(json.dumps(entry)))
        wrong = None if back == data else "it would come back as something else"
    except _WRONG_CONTENT as error:
        wrong = str(error)
    if wrong is not None:
        raise DataError(
            f"{data.name} cannot be described in a model file: {wrong}",
            hint="declare the column ignored, or give it another name",
        )


# What else a header holds: the spec, and names and shapes of arrays.
_ROOM = 4 << 20


def save_model(path: str | os.PathLike[str], trained: TrainedModel) -> None:
    """Write a model file, all at once, after reading it back.

    Raises:
        OutputError: it cannot be written, or could not be read again.
    """
    model = trained.model
    entry = {
        "model": _lowest_version(trained),
        "spec": model.spec.to_dict(),
        "scaling": {"offset": model.scaling.offset, "scale": model.scaling.scale},
        "data": trained.data.to_dict(),
        "training": trained.training.to_dict(),
        "refinement": trained.refinement,
        "versions": {"narrows": __version__, **trained.versions},
    }
    if trained.parameters:
        entry["parameters"] = trained.parameters
    write_tensors(path, _all_arrays(trained), entry, _require_readable)


def _lowest_version(trained: TrainedModel) -> int:
    """The lowest format that a model needs."""
    table = trained.data.table
    if table is not None and (
        table.csv is not None
        or any(column.cell_format or column.invalid for column in table.columns)
    ):
        return 4
    return 2 if trained.model.scaling.centre is None else 3


def _require_readable(arrays: dict[str, np.ndarray], entry: dict[str, Any]) -> None:
    """Make sure that what was written is what :func:`load_model` takes.

    Raises:
        ValueError: it is not.
    """
    try:
        _check_arrays(_assemble(entry, arrays))
    except _WRONG_CONTENT as error:
        wrong = error.message if isinstance(error, NarrowsError) else str(error)
        raise ValueError(wrong) from error


def _all_arrays(trained: TrainedModel) -> dict[str, np.ndarray]:
    """Every array of a model file, by its name there."""
    centre = trained.model.scaling.centre
    return grouped(
        {
            "model": trained.model.arrays,
            "scaling": {} if centre is None else {"centre": centre},
            "baseline": trained.baseline,
            "latent": trained.latent,
            "density": trained.density,
            "detection": trained.detection,
            "scores": trained.scores,
            "values": trained.values,
        }
    )


_AGAIN = "take a fresh copy, or train it again"
_WHICH = "give the file that narrows fit wrote to --out"
# What an entry makes of us that its checksum covers but that we did not write.
_WRONG_CONTENT = (NarrowsError, LookupError, TypeError, ValueError, AttributeError, OverflowError)


def load_model(path: str | os.PathLike[str]) -> TrainedModel:
    """Read a model file.

    Raises:
        ModelFileError: it is missing, damaged, from a newer narrows, or not ours.
    """
    try:
        arrays, entry = read_tensors(path, refused=ModelFileError)
    except OSError as error:
        reason = error.strerror or error
        raise ModelFileError(f"{path} cannot be read: {reason}", hint=_WHICH) from error
    except NotOursError as error:
        raise ModelFileError(f"{path} is {error}", hint=_WHICH) from error
    except DamagedError as error:
        raise ModelFileError(f"{path} is damaged: {error}", hint=_AGAIN) from error
    version = entry.get("model")
    if not isinstance(version, int):
        raise ModelFileError(f"{path} is not a narrows model", hint=_WHICH)
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has model format {version}, and narrows {__version__} reads up to "
            f"{FORMAT_VERSION}",
            hint="upgrade narrows: python -m pip install --upgrade narrows",
        )
    try:
        trained = _assemble(entry, arrays)
        _check_arrays(trained)
    except _WRONG_CONTENT as error:
        wrong = error.message if isinstance(error, NarrowsError) else str(error)
        raise ModelFileError(f"{path} is damaged: {wrong}", hint=_AGAIN) from error
    return trained


def _assemble(entry: dict[str, Any], arrays: dict[str, np.ndarray]) -> TrainedModel:
    scaling = Scaling(
        float(entry["scaling"]["offset"]),
        float(entry["scaling"]["scale"]),
        group(arrays, "scaling").get("centre"),
    )
    if not (np.isfinite(scaling.offset) and np.isfinite(scaling.scale) and scaling.scale > 0):
        raise ValueError("its scaling is not finite")
    return TrainedModel(
        model=Model(Spec.from_dict(entry["spec"]), group(arrays, "model"), scaling),
        data=DataDescription.from_dict(entry["data"]),
        training=TrainingRecord.from_dict(entry["training"]),
        baseline=group(arrays, "baseline"),
        latent=group(arrays, "latent"),
        versions={str(name): str(version) for name, version in entry["versions"].items()},
        refinement=_refinement(entry.get("refinement", 0)),
        density=group(arrays, "density"),
        detection=group(arrays, "detection"),
        parameters=_parameters(entry.get("parameters", {})),
        scores=group(arrays, "scores"),
        values=group(arrays, "values"),
    )


def _refinement(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= MOST_REFINEMENT:
        raise ValueError(f"it refines codes in {value!r} steps")
    return value


def _parameters(entry: Any) -> dict[str, Any]:
    """The parameters that a file holds, once they are of the types that they may have."""
    if entry == {}:
        return {}
    values, of, epochs = entry["values"], entry["of"], entry["epochs"]
    if not (isinstance(of, str) and isinstance(values, dict) and isinstance(entry["spec"], bool)):
        raise ValueError("its parameters are not by name")
    if isinstance(epochs, bool) or not isinstance(epochs, int):
        raise ValueError(f"it was to be trained for {epochs!r} epochs")
    for name, value in values.items():
        parts = value if isinstance(value, list) else [value]
        parts = list(value.values()) if isinstance(value, dict) else parts
        if not all(isinstance(part, bool | int | float | str | None) for part in parts):
            raise ValueError(f"its parameter {name!r} is none")
    found = {"of": of, "values": values, "spec": entry["spec"], "epochs": epochs}
    if "contamination" in entry:
        share, others = entry["contamination"], entry["others"]
        if not (isinstance(share, float) and 0 < share <= 0.5):
            raise ValueError(f"its contamination is {share!r}")
        if not (isinstance(others, list) and all(isinstance(name, str) for name in others)):
            raise ValueError("its parameters have no names")
        found |= {"contamination": share, "others": others}
    return found


def _check_arrays(trained: TrainedModel) -> None:
    """Refuse arrays other than those that the spec needs, before anything computes with them."""
    table = trained.data.table
    if table is not None and trained.item_shape != (table.width,):
        raise ValueError(f"its table has {table.width} features, and its spec {trained.item_shape}")
    found = _all_arrays(trained)
    for name, shape in _expected_shapes(trained).items():
        array = found.get(name)
        if array is None:
            wrong = "is missing"
        elif array.shape != shape or array.dtype.kind != "f":
            wrong = f"is {array.dtype.name} of shape {array.shape}"
        elif not np.isfinite(array).all():
            wrong = "is not finite"
        else:
            continue
        raise ValueError(f"{name} {wrong}, and must be finite floats of shape {shape}")
    scores = trained.scores.get("training")
    if trained.scores and (
        scores is None or scores.ndim != 1 or scores.dtype.kind != "f" or np.isnan(scores).any()
    ):
        raise ValueError("scores/training must be a row of numbers")
    if trained.density:
        _check_density("density", trained.density)
    if trained.detection:
        _check_density("detection", trained.detection)
        _check_detection(trained.detection, math.prod(trained.item_shape))


def _check_density(name: str, density: dict[str, np.ndarray]) -> None:
    """Refuse what is no mixture of normal distributions."""
    weights, cholesky = density["weights"], density["cholesky"]
    if (weights < 0).any() or not np.isclose(weights.sum(dtype=np.float64), 1, atol=1e-3):
        raise ValueError(f"{name}/weights are no shares of 1")
    if (np.diagonal(cholesky, axis1=1, axis2=2) <= 0).any() or (density["scale"] < 0).any():
        raise ValueError(f"{name}/cholesky and {name}/scale must be widths above 0")
    if np.triu(cholesky, 1).any():
        raise ValueError(f"{name}/cholesky must be lower triangles")


def _check_detection(detection: dict[str, np.ndarray], size: int) -> None:
    """Refuse spreads that are none, trees that compare what is not there, unordered scores."""
    feature = detection["feature"]
    if (detection["spread"] <= 0).any():
        raise ValueError("detection/spread must be above 0")
    if (feature < 0).any() or (feature >= size).any() or (feature % 1).any():
        raise ValueError("detection/feature must be numbers of values")
    for name in ("reference", "calibration"):
        if (np.diff(detection[name], axis=0) < 0).any():
            raise ValueError(f"detection/{name} must rise")


def _expected_shapes(trained: TrainedModel) -> dict[str, Shape]:
    spec = trained.model.spec
    shapes = {f"model/{name}": shape for name, shape in spec.array_shapes().items()}
    if trained.model.scaling.centre is not None:
        shapes["scaling/centre"] = (math.prod(spec.item_shape),)
    if trained.latent:
        shapes |= {f"latent/{name}": (spec.latent_size,) for name in ("lowest", "highest", "mean")}
    if trained.density:
        shapes |= _density_shapes("density", trained.density, spec.latent_size)
    if trained.detection:
        shapes |= _detection_shapes(trained.detection, spec)
    if trained.values:
        shapes |= {
            f"values/{name}": (math.prod(spec.item_shape),) for name in ("lowest", "highest")
        }
    if trained.baseline:
        size = math.prod(spec.item_shape)
        kept = len(trained.baseline.get("components", ()))
        shapes |= {"baseline/mean": (size,), "baseline/components": (kept, size)}
    return shapes


def _density_shapes(name: str, density: dict[str, np.ndarray], size: int) -> dict[str, Shape]:
    k = np.size(density.get("weights", ()))
    return {
        f"{name}/centre": (size,),
        f"{name}/scale": (size,),
        f"{name}/weights": (max(k, 1),),
        f"{name}/means": (k, size),
        f"{name}/cholesky": (k, size, size),
    }


def _detection_shapes(detection: dict[str, np.ndarray], spec: Spec) -> dict[str, Shape]:
    size, numbers = math.prod(spec.item_shape), 0 if spec.crosses else spec.latent_size
    directions, (trees, nodes) = _second(detection, "projection"), np.shape(detection["feature"])
    rows = {name: max(len(detection[name]), 1) for name in ("reference", "calibration")}
    # before there were runs, every value had a place
    places = size if len(detection["spread"]) == size else places_of(size)
    return {
        **_density_shapes("detection", detection, numbers + directions),
        "detection/average": (places,),
        "detection/spread": (places,),
        "detection/projection": (places, directions),
        "detection/feature": (max(trees, 1), FOREST_NODES),
        "detection/threshold": (trees, nodes),
        "detection/length": (trees, nodes + 1),
        "detection/reference": (rows["reference"], 3),
        "detection/calibration": (rows["calibration"], 4),
    }


def _second(arrays: dict[str, np.ndarray], name: str) -> int:
    return int(np.shape(arrays[name])[1])
