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
from narrows.nn.model import Model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.support.tensor_file import (
    LARGEST_HEADER,
    DamagedError,
    NotOursError,
    arrays_under,
    grouped,
    header_size,
    read_tensors,
    require_floats,
    write_tensors,
)
from narrows.version import __version__

#: Raised by one whenever an older narrows could not read what a newer one writes: 2 added tables,
#: without which an older one would take a table's features for its values; 3 scalings with a centre
#: of each value; 4 how a column's texts are written, without which 1.234 may be another number. A
#: file says the lowest that reads it.
FORMAT_VERSION = 4


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
    """Make sure that what was written is what :func:`load_model` takes."""
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
        arrays_under(arrays, "scaling").get("centre"),
    )
    if not (np.isfinite(scaling.offset) and np.isfinite(scaling.scale) and scaling.scale > 0):
        raise ValueError("its scaling is not finite")
    return TrainedModel(
        model=Model(Spec.from_dict(entry["spec"]), arrays_under(arrays, "model"), scaling),
        data=DataDescription.from_dict(entry["data"]),
        training=TrainingRecord.from_dict(entry["training"]),
        baseline=arrays_under(arrays, "baseline"),
        latent=arrays_under(arrays, "latent"),
        versions={str(name): str(version) for name, version in entry["versions"].items()},
        refinement=_refinement(entry.get("refinement", 0)),
        density=arrays_under(arrays, "density"),
        detection=arrays_under(arrays, "detection"),
        parameters=_parameters(entry.get("parameters", {})),
        scores=arrays_under(arrays, "scores"),
        values=arrays_under(arrays, "values"),
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
    table, spec = trained.data.table, trained.model.spec
    size = math.prod(spec.item_shape)
    if table is not None and trained.item_shape != (table.width,):
        raise ValueError(f"its table has {table.width} features, and its spec {trained.item_shape}")
    require_floats(trained.model.arrays, spec.array_shapes(), "model")
    if trained.model.scaling.centre is not None:
        require_floats({"centre": trained.model.scaling.centre}, {"centre": (size,)}, "scaling")
    if trained.latent:
        ends = dict.fromkeys(("lowest", "highest", "mean"), (spec.latent_size,))
        require_floats(trained.latent, ends, "latent")
    if trained.values:
        require_floats(trained.values, dict.fromkeys(("lowest", "highest"), (size,)), "values")
    scores = trained.scores.get("training")
    if trained.scores and (
        scores is None or scores.ndim != 1 or scores.dtype.kind != "f" or np.isnan(scores).any()
    ):
        raise ValueError("scores/training must be a row of numbers")
    # each makes sure of its own arrays when it is asked for
    _ = trained.learnt_pca, trained.learnt_density, trained.learnt_detection
