"""What to train, and how: the user's wishes, and good choices for everything they leave open.

The rules were chosen on training images held out for that (``benchmarks/recipe_holdout.py``) and on
scikit-learn's digits; they look at the number, shape and type of the items and at nothing else of
them.

:mod:`architecture <narrows.planning.architecture>` chooses the model, :mod:`recipe
<narrows.planning.recipe>` its training, :mod:`refinement <narrows.planning.refinement>` what
improves codes after it.
"""

from narrows.data import Dataset
from narrows.planning.architecture import CHANNELS_FIRST, articles_spec, choose_spec, own_spec
from narrows.planning.kinds import denoises, is_image, is_rounded
from narrows.planning.recipe import DETECTION_STEPS, articles_recipe, choose_recipe
from narrows.planning.refinement import choose_refinement, require_refinable
from narrows.planning.wishes import ModelChoice, Plan, Wishes

__all__ = [
    "CHANNELS_FIRST",
    "DETECTION_STEPS",
    "ModelChoice",
    "Plan",
    "Wishes",
    "is_image",
    "is_rounded",
    "make_plan",
    "require_refinable",
]


def make_plan(
    training: Dataset, choice: ModelChoice, wishes: Wishes, *, most_steps: int | None = None
) -> Plan:
    """Decide what to train on ``training``, in ``most_steps`` steps at most where the user says
    nothing else.

    Raises:
        UsageError: a wish that cannot be, or does not fit the items.
    """
    if choice.spec_file is None and choice.preset == "simple":
        return _articles_plan(training, choice, wishes)
    preset, reasons = None, list[str]()
    if choice.spec_file is not None:
        spec = own_spec(training, choice, wishes.objective)
    else:
        preset, spec, reasons = choose_spec(training, choice, wishes)
    settings, of_recipe = choose_recipe(training, spec, wishes, most_steps)
    refinement, of_refinement = choose_refinement(training, spec, wishes)
    return Plan(
        preset,
        spec,
        settings,
        raw=False,
        refinement=refinement,
        may_be_linear=choice.spec_file is None
        and choice.preset == "auto"
        and not denoises(training, wishes),
        reasons=(*reasons, *of_recipe, *of_refinement),
    )


def _articles_plan(training: Dataset, choice: ModelChoice, wishes: Wishes) -> Plan:
    """The article's model, trained as there where the user says nothing else."""
    spec = articles_spec(training, choice, wishes.objective)
    raw, refinement = not wishes.objective.needs_probabilities, wishes.refinement or 0
    require_refinable(spec, refinement)
    return Plan("simple", spec, articles_recipe(wishes), raw, refinement, False, ())
