"""Engines: the ways of computing a model. This picks one.

    fused/   stacks of dense and convolutional layers on the CPU: our own kernels, every core
    xla/     any model on any device, through JAX

Both take the same model, give the same numbers to within float32 rounding (a test holds them to
it), and keep their state in the same named arrays, so a model trained by one runs on the other.
"""

import importlib.util
import os
from importlib import metadata

from narrows.engine.interface import AdamSettings, Runner, Trainer, TrainingState
from narrows.nn.model import Model
from narrows.objectives import Objective

__all__ = [
    "MOST_REFINEMENT",
    "AdamSettings",
    "Runner",
    "Trainer",
    "TrainingState",
    "make_runner",
    "make_trainer",
]

#: Steps that improve a code at most: far more than it ever takes.
MOST_REFINEMENT = 100


def make_trainer(
    model: Model, objective: Objective, adam: AdamSettings, batch_size: int, seed: int = 0
) -> Trainer:
    """The engine that trains ``model`` fastest here; ``seed`` governs what its blocks draw."""
    if not _has_accelerator():
        from narrows.engine.fused.trainer import FusedTrainer, can_train

        if can_train(model.spec, batch_size):
            return FusedTrainer(model, objective, adam, batch_size, seed)
    from narrows.engine.xla import XlaTrainer

    return XlaTrainer(model, objective, adam, batch_size, seed)


def make_runner(model: Model, refinement: int = 0) -> Runner:
    """The engine that runs ``model`` fastest here; its codes improved by so many steps, as
    :mod:`narrows.engine.xla.refinement` has it."""
    if refinement:
        from narrows.engine.xla import RefiningRunner

        return RefiningRunner(model, make_runner(model), refinement)
    if not _has_accelerator():
        from narrows.engine.fused.runner import FusedRunner, can_run

        if can_run(model.spec):
            return FusedRunner(model)
    from narrows.engine.xla import XlaRunner

    return XlaRunner(model)


def _has_accelerator() -> bool:
    """Whether JAX would compute on something other than the CPU; imports JAX only if it might."""
    if os.environ.get("JAX_PLATFORMS", "") == "cpu":
        return False
    plugged_in = metadata.entry_points(group="jax_plugins")
    if not plugged_in and importlib.util.find_spec("jax_plugins") is None:
        return False
    import jax

    return jax.default_backend() != "cpu"
