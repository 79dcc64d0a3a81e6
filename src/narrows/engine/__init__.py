"""Engines: the ways of computing a model. This picks one.

    fused/   stacks of dense and convolutional layers on the CPU: our own kernels, every core
    xla/     any model on any device, or on many, through JAX; processes.py joins several processes

Both take the same model, give the same numbers to within float32 rounding (a test holds them to
it), and keep their state in the same named arrays, so a model trained by one runs on the other.
choice.py says which one computes what both can. What only XLA does, searching codes and measuring
evidence, is offered here too: nobody outside needs to know of an engine's insides.
"""

from narrows.engine.choice import begin_trying, chosen_engine, uses_fused
from narrows.engine.fused.layers import fused_layers, layers_of
from narrows.engine.interface import AdamSettings, Losses, Runner, Trainer, TrainingState
from narrows.engine.processes import have_joined
from narrows.engine.refinement import RefiningRunner
from narrows.engine.xla import CodeSearch, XlaRefiner, XlaRunner, XlaTrainer, measure_evidence
from narrows.nn.model import Model
from narrows.nn.objectives import Objective
from narrows.nn.spec import Spec
from narrows.support.memory import XLA, require_compilers
from narrows.support.progress import Tracker, silent

__all__ = [
    "MOST_REFINEMENT",
    "AdamSettings",
    "CodeSearch",
    "Losses",
    "Runner",
    "Trainer",
    "TrainingState",
    "begin_trying",
    "chosen_engine",
    "make_runner",
    "make_trainer",
    "measure_evidence",
    "refining_needs_xla",
]

#: Steps that improve a code at most: far more than it ever takes.
MOST_REFINEMENT = 100


def make_trainer(
    model: Model,
    objective: Objective,
    adam: AdamSettings,
    batch_size: int,
    *,
    seed: int = 0,
    devices: int | None = None,
    track: Tracker = silent,
) -> Trainer:
    """The engine that trains ``model`` fastest here; ``seed`` governs what its blocks draw, and
    ``track`` is told where an engine is tried first. Several ``devices``, or processes that have
    joined, are XLA's; None for all accelerators there are.

    Raises:
        UsageError: there are not so many devices.
    """
    is_shared = devices not in (None, 1) or have_joined()
    if not is_shared and fused_layers(model.spec) is not None and uses_fused(track):
        from narrows.engine.fused.trainer import FusedTrainer, can_train

        if can_train(model.spec, batch_size, objective):
            return FusedTrainer(model, objective, adam, batch_size, seed)
    require_compilers(XLA)
    return XlaTrainer(model, objective, adam, batch_size, seed, devices=devices)


def make_runner(model: Model, refinement: int = 0, track: Tracker = silent) -> Runner:
    """The engine that runs ``model`` fastest here; its codes improved by so many steps, as
    :mod:`narrows.engine.refinement` has it. ``track`` as for a trainer."""
    if fused_layers(model.spec) is not None and uses_fused(track):
        from narrows.engine.fused.runner import FusedRunner, can_run

        if can_run(model.spec):
            return _refining(model, FusedRunner(model), refinement)
    require_compilers(XLA)
    return _refining(model, XlaRunner(model), refinement)


def _refining(model: Model, runner: Runner, refinement: int) -> Runner:
    """``runner``, whose codes are improved by so many steps."""
    if not refinement:
        return runner
    if not (isinstance(runner, XlaRunner) or refining_needs_xla(model.spec)):
        from narrows.engine.fused.refinement import FusedRefiner

        return RefiningRunner(runner, FusedRefiner(model, refinement))
    require_compilers(XLA)
    return RefiningRunner(runner, XlaRefiner(model, refinement))


def refining_needs_xla(spec: Spec) -> bool:
    """Whether nothing else refines codes of such a model."""
    layers = layers_of(spec, "decoder")
    return layers is None or any(layer.has_windows for layer in layers)
