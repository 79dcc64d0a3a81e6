"""What will be trained, and how: what the user says, and good choices for everything else."""

from dataclasses import dataclass

from narrows.data import Dataset
from narrows.model.trained import TrainedModel
from narrows.nn.spec import Spec
from narrows.planning.architecture import articles_spec, choose_spec, user_spec
from narrows.planning.options import FitOptions
from narrows.planning.recipe import articles_recipe, choose_recipe
from narrows.planning.refinement import choose_refinement, require_refinable
from narrows.planning.traits import denoises
from narrows.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
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
        start: the trained model that it goes on from; None for weights drawn at random.
    """

    preset: str | None
    spec: Spec
    settings: TrainingSettings
    raw: bool
    refinement: int
    may_be_linear: bool
    reasons: tuple[str, ...]
    start: TrainedModel | None = None


def make_plan(training: Dataset, options: FitOptions, *, most_steps: int | None = None) -> Plan:
    """Decide what to train on ``training``, in ``most_steps`` steps at most where the user says
    nothing else.

    Raises:
        UsageError: an option that cannot be, or does not fit the items.
    """
    if options.spec is None and options.preset == "simple":
        return _articles_plan(training, options)
    preset, reasons = None, list[str]()
    if options.spec is not None:
        spec = user_spec(training, options)
    else:
        preset, spec, reasons = choose_spec(training, options)
    settings, of_recipe = choose_recipe(training, spec, options, most_steps)
    refinement, of_refinement = choose_refinement(training, spec, options)
    return Plan(
        preset=preset,
        spec=spec,
        settings=settings,
        raw=False,
        refinement=refinement,
        may_be_linear=options.spec is None
        and options.preset == "auto"
        and not denoises(training, options),
        reasons=(*reasons, *of_recipe, *of_refinement),
    )


def _articles_plan(training: Dataset, options: FitOptions) -> Plan:
    """The article's model, trained as there where the user says nothing else."""
    spec, refinement = articles_spec(training, options), options.refine or 0
    require_refinable(spec, refinement)
    return Plan(
        preset="simple",
        spec=spec,
        settings=articles_recipe(options),
        raw=not options.objective.needs_probabilities,
        refinement=refinement,
        may_be_linear=False,
        reasons=(),
    )
