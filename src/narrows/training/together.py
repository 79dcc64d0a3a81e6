"""Where several processes begin a run: all of them where process 0 is."""

import json
from typing import Any

import numpy as np

from narrows.engine import TrainingState
from narrows.engine.processes import arrays_from_first, from_first, have_joined, is_first
from narrows.errors import UsageError
from narrows.support.tensor_file import arrays_under, grouped
from narrows.training.checkpoint import Checkpoint, first_difference


def same_start(at: Checkpoint) -> Checkpoint:
    """Where process 0 is: at the beginning, or at its checkpoint, which others need not have.

    Raises:
        UsageError: this process was given other data or settings than process 0.
    """
    if not have_joined():
        return at
    told = {
        "identity": at.identity,
        "epoch": at.epoch,
        "steps": at.state.steps,
        "history": at.history,
        "losses": len(at.losses),
        "best": bool(at.best),
    }
    told = from_first("start", told)
    _require_same(at.identity, told["identity"])
    if not told["steps"]:
        return at
    state = at.state
    best = state.arrays if told["best"] and not at.best else at.best
    losses = at.losses if is_first() else np.zeros(told["losses"])
    groups = {
        "arrays": state.arrays,
        "first_moment": state.first_moment,
        "second_moment": state.second_moment,
        "best": best if told["best"] else {},
    }
    # 64-bit values would be rounded on the way
    shared = arrays_from_first(grouped(groups) | {"losses": losses.view(np.uint32)})
    return Checkpoint(
        identity=at.identity,
        state=TrainingState(
            arrays_under(shared, "arrays"),
            arrays_under(shared, "first_moment"),
            arrays_under(shared, "second_moment"),
            told["steps"],
        ),
        epoch=told["epoch"],
        losses=shared["losses"].view(np.float64),
        history=told["history"],
        spent=at.spent,
        best=arrays_under(shared, "best"),
    )


def _require_same(own: dict[str, Any], first: dict[str, Any]) -> None:
    own = json.loads(json.dumps(own))
    difference = first_difference(own, first)
    if difference is not None:
        raise UsageError(
            f"process 0 was given another {difference.name}: {difference.found}, and this process "
            f"{difference.wanted}",
            hint="give all processes the same data and options",
        )
