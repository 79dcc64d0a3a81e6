"""Checkpoints: all that a run needs to go on as if it had never stopped.

A safetensors file: the training state's arrays, those of the best epoch so far where patience asks
for them, and the losses of the current epoch's steps; one JSON entry holds the rest.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from narrows.engine import TrainingState
from narrows.errors import DataError, UsageError
from narrows.nn.spec import Spec
from narrows.support.number_text import count_of
from narrows.support.tensor_file import (
    DamagedError,
    NotOursError,
    arrays_under,
    grouped,
    read_tensors,
    write_tensors,
)
from narrows.training.history import History
from narrows.training.pace import Spent

_FORMAT = 2


@dataclass(kw_only=True)
class Checkpoint:
    """Where a run is.

    Attributes:
        identity: what this run is: spec, settings and data. Another run cannot go on from it.
        state: the training state after the steps below.
        epoch: the epoch under way, counting from 1.
        losses: the losses of its steps so far, network units, float64.
        history: the epochs before it.
        spent: seconds of the epoch under way.
        best: the arrays after the best epoch, where patience asks for them.
    """

    identity: dict[str, Any]
    state: TrainingState
    epoch: int = 1
    losses: np.ndarray = field(default_factory=lambda: np.zeros(0))
    history: History = field(default_factory=list)
    spent: Spent = field(default_factory=Spent)
    best: dict[str, np.ndarray] = field(default_factory=dict)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``path`` all at once.

    Raises:
        OutputError: it cannot be written.
    """
    state = checkpoint.state
    arrays = grouped(
        {
            "arrays": state.arrays,
            "first_moment": state.first_moment,
            "second_moment": state.second_moment,
            "best": checkpoint.best,
        }
    )
    entry = {
        "checkpoint": _FORMAT,
        "identity": checkpoint.identity,
        "epoch": checkpoint.epoch,
        "steps": state.steps,
        "history": checkpoint.history,
        "spent": asdict(checkpoint.spent),
    }
    write_tensors(path, {**arrays, "losses": checkpoint.losses}, entry)


def read_checkpoint(path: Path, identity: dict[str, Any]) -> Checkpoint:
    """Read ``path``, which must be of a run with this ``identity``.

    Raises:
        DataError: the file is damaged or no checkpoint.
        UsageError: it is of a run with other data or settings, which the message names.
    """
    try:
        arrays, entry = read_tensors(path)
        if entry.get("checkpoint") != _FORMAT:
            raise NotOursError("not a checkpoint of this version")
    except (OSError, NotOursError, DamagedError) as error:
        raise DataError(
            f"{path} cannot be resumed from: {error}", hint="start again without --resume"
        ) from error
    found = entry["identity"]
    _require_same(path, json.loads(json.dumps(identity)), found)
    state = TrainingState(
        arrays_under(arrays, "arrays"),
        arrays_under(arrays, "first_moment"),
        arrays_under(arrays, "second_moment"),
        entry["steps"],
    )
    return Checkpoint(
        identity=found,
        state=state,
        epoch=entry["epoch"],
        losses=arrays["losses"],
        history=entry["history"],
        spent=Spent(**entry["spent"]),
        best=arrays_under(arrays, "best"),
    )


class Difference(NamedTuple):
    """Where two runs' identities differ: the name, and what each has there, in words."""

    name: str
    wanted: str
    found: str


def first_difference(wanted: dict[str, Any], found: dict[str, Any]) -> Difference | None:
    """The first difference between the identities of two runs; None where there is none."""
    name = next((name for name in wanted if wanted[name] != found.get(name)), None)
    if name is None:
        return None
    texts = [_told(name, each.get(name)) for each in (wanted, found)]
    if texts[0] == texts[1]:
        texts[1] += ", of other layers"
    return Difference(name.replace("_", " "), *texts)


def _require_same(path: Path, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    difference = first_difference(wanted, found)
    if difference is not None:
        hint = (
            "resume with the data and options of the first start, or start again without --resume"
        )
        if difference.name == "epochs":
            hint = (
                f"the learning rate falls to 0 over them: resume with --epochs {difference.found}, "
                "and then train the finished model on with narrows fit DATA --from MODEL"
            )
        raise UsageError(
            f"{path} is of another run: its {difference.name} is {difference.found}, and this "
            f"one's is {difference.wanted}",
            hint=hint,
        )


def _told(name: str, value: Any) -> str:
    """What a run has under a name, in short: of a net no more than tells it from most others."""
    if name != "spec" or value is None:
        return str(value)
    spec = Spec.from_dict(value)
    weights = sum(map(math.prod, spec.array_shapes().values()))
    return f"a net of {count_of(spec.latent_size, 'latent numbers')} and {weights:,} parameters"
