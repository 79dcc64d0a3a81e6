"""Whether codes are refined after the encoder, and in how many steps."""

from narrows.data import Dataset
from narrows.engine import MOST_REFINEMENT
from narrows.engine.evidence import is_variational
from narrows.errors import UsageError
from narrows.nn.spec import Spec
from narrows.nn.summary import operations
from narrows.planning.options import FitOptions
from narrows.planning.traits import denoises, is_rounded
from narrows.support.number_text import about
from narrows.support.spelling import spelt

# Two steps take back nine tenths of what an encoder loses to the best codes for its decoder.
_REFINEMENT = 2
# Operations an item above which that would keep a user waiting: 500 items a second.
_MOST_FOR_REFINEMENT = 2e8
# Of all training items: some two minutes of two cores. Whoever learns from millions of items will
# encode millions.
_MOST_FOR_ALL = 1e13
# Such operations a second on two cores of a common machine.
_RATE = 1e11


def choose_refinement(training: Dataset, spec: Spec, options: FitOptions) -> tuple[int, list[str]]:
    """How many steps improve each code, and why.

    They make the squared error of what went in smaller. That is no aim where what went in is noise
    to be undone, where another loss is asked for, or where codes are distributions.
    """
    if options.refine is not None:
        require_refinable(spec, options.refine)
        return options.refine, []
    if not _is_refinable(spec) or denoises(training, options) or options.objective.name != "l2":
        return 0, []
    an_item = _operations(spec, _REFINEMENT)
    if an_item > _MOST_FOR_REFINEMENT:
        return 0, []
    if an_item * len(training) > _MOST_FOR_ALL:
        return 0, [
            f"codes are not refined: of {len(training):,} items that would take "
            f"{about(an_item * len(training) / _RATE)} each time; "
            f"{spelt('refine', _REFINEMENT)} does it"
        ]
    return _REFINEMENT, [
        f"{_REFINEMENT} optimisation steps refine each code after the encoder, for a smaller error"
    ]


def require_refinable(spec: Spec, steps: int) -> None:
    """Make sure that the codes of a model can be refined in so many steps.

    Raises:
        UsageError: the number is outside its limits, or the decoder takes more than one code.
    """
    if not 0 <= steps <= MOST_REFINEMENT:
        raise UsageError(
            f"{steps} steps of refinement are outside 0 to {MOST_REFINEMENT}",
            hint="2 take back most of what an encoder loses",
        )
    if steps and not _is_refinable(spec):
        what = "draws from a distribution"
        if spec.crosses or is_rounded(spec):
            what = "tensors that its encoder kept" if spec.crosses else "whole numbers"
        raise UsageError(
            f"codes cannot be refined in {steps} steps: this model's decoder takes {what}",
            hint="leave it out, or give 0",
        )


def _is_refinable(spec: Spec) -> bool:
    return not (spec.crosses or is_variational(spec) or is_rounded(spec))


def _operations(spec: Spec, steps: int) -> float:
    """What refining a code takes: in each step, to decode it once for itself and each number."""
    return steps * (spec.latent_size + 1) * operations(spec, "decoder") / 3


def refining_told(spec: Spec, steps: int, count: int) -> list[str]:
    """What to say of refining the codes of very many items before it is done: how long it takes."""
    seconds = _operations(spec, steps) * count / _RATE
    if seconds < _SECONDS_TOLD:
        return []
    return [
        f"refining the codes of {count:,} items takes {about(seconds)} of two cores; encode, "
        f"reconstruct and evaluate leave it out with {spelt('refine', 0)}"
    ]


# What refining takes at most of which nothing is said.
_SECONDS_TOLD = 120
