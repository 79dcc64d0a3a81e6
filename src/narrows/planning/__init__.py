"""What to train, and how: what the user says, and good choices for everything else.

The rules were chosen on training images held out for that (``benchmarks/recipe_holdout.py``) and on
scikit-learn's digits; they look at the number, shape and type of the items and at nothing else of
them.

:mod:`architecture <narrows.planning.architecture>` chooses the model, :mod:`recipe
<narrows.planning.recipe>` its training, :mod:`refinement <narrows.planning.refinement>` what
improves codes after it.
"""

from narrows.data import Dataset
from narrows.planning.architecture import CHANNELS_FIRST, articles_spec, choose_spec, user_spec
from narrows.planning.options import ModelChoice, Plan, TrainingOptions
from narrows.planning.recipe import DETECTION_STEPS, articles_recipe, choose_recipe
from narrows.planning.refinement import choose_refinement, require_refinable
from narrows.planning.traits import denoises, is_image, is_rounded

__all__ = [
    "CHANNELS_FIRST",
    "DETECTION_STEPS",
    "ModelChoice",
    "Plan",
    "TrainingOptions",
    "is_image",
    "is_rounded",
    "make_plan",
    "require_refinable",
]


def make_plan(
    training: Dataset,
    choice: ModelChoice,
    options: TrainingOptions,
    *,
    most_steps: int | None = None,
) -> Plan:
    """Decide what to train on ``training``, in ``most_steps`` steps at most where the user says
    nothing else.

    Raises:
        UsageError: an option that cannot be, or does not fit the items.
    """
    if choice.spec_file is None and choice.preset == "simple":
        return _articles_plan(training, choice, options)
    preset, reasons = None, list[str]()
    if choice.spec_file is not None:
        spec = user_spec(training, choice, options.objective)
    else:
        preset, spec, reasons = choose_spec(training, choice, options)
    settings, of_recipe = choose_recipe(training, spec, options, most_steps)
    refinement, of_refinement = choose_refinement(training, spec, options)
    return Plan(
        preset,
        spec,
        settings,
        raw=False,
        refinement=refinement,
        may_be_linear=choice.spec_file is None
        and choice.preset == "auto"
        and not denoises(training, options),
        reasons=(*reasons, *of_recipe, *of_refinement),
    )


def _articles_plan(training: Dataset, choice: ModelChoice, options: TrainingOptions) -> Plan:
    """The article's model, trained as there where the user says nothing else."""
    spec = articles_spec(training, choice, options.objective)
    raw, refinement = not options.objective.needs_probabilities, options.refinement or 0
    require_refinable(spec, refinement)
    return Plan("simple", spec, articles_recipe(options), raw, refinement, False, ())
