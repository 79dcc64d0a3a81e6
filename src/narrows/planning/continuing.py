"""Going on from a trained model with new data: what stays as it is, and how it is trained."""

from dataclasses import fields, replace

from narrows.data import Dataset
from narrows.errors import ShapeError, UsageError
from narrows.model.trained import TrainedModel
from narrows.planning.options import FitOptions
from narrows.planning.plan import Plan
from narrows.planning.recipe import articles_recipe, choose_recipe
from narrows.planning.refinement import require_refinable
from narrows.support.number_text import count_of
from narrows.support.spelling import unsaid

#: Steps that a model is trained on new data at most, where the user does not say how many epochs:
#: a tenth of those that small data are given at first.
MOST_STEPS = 2_000
# The highest learning rate, as a share of that of a new model.
_RATE = 0.5
#: What a model is, and what its losses are measured by.
SETTLED = ("preset", "spec", "latent", "hidden", "item_bytes", "loss", "noise", "types")


def continuing_plan(
    start: TrainedModel, training: Dataset, options: FitOptions, *, most_steps: int | None = None
) -> Plan:
    """How to go on from ``start`` with ``training``: its net, scaling, loss and noise, and as many
    steps as new data of this size take, at half the learning rate of a new model. It rises from 0
    and falls to 0, so that what was learnt is neither thrown away at once nor kept for good.

    Args:
        start: the model.
        training: new items, of a table features as the model's schema makes them.
        options: what the user says, of which :func:`require_settled` holds.
        most_steps: of training, where ``options`` do not say the epochs; None for
            :data:`MOST_STEPS`.

    Raises:
        ShapeError: items of another shape.
    """
    require_same_shape(start, training)
    spec, record = start.model.spec, start.training
    said = replace(
        options,
        loss=record.objective or "l2",
        noise=record.noise,
        shift=record.shift if options.shift is None else options.shift,
        weight_decay=record.weight_decay if options.weight_decay is None else options.weight_decay,
        preset="auto",
        spec=None,
        types=None,
    )
    settings, reasons = choose_recipe(training, spec, said, most_steps or MOST_STEPS)
    if options.learning_rate is None:
        # not the record's: a model that goes on many times would learn less each time
        first = start.parameters.get("values", {}).get("learning_rate")
        usual = articles_recipe(said) if record.preset == "simple" else settings
        rate = _RATE * float(first or usual.adam.learning_rate)
        settings = replace(settings, adam=replace(settings.adam, learning_rate=rate))
    refinement = start.refinement if options.refine is None else options.refine
    require_refinable(spec, refinement)
    told = f"going on from a model of {count_of(start.data.count, 'items')} of {start.data.name}"
    rate_told = f"a learning rate of {settings.adam.learning_rate:.3g}: what was learnt stays"
    return Plan(
        preset=record.preset,
        spec=spec,
        settings=settings,
        raw=False,
        refinement=refinement,
        may_be_linear=record.linear,
        reasons=(told, *reasons, *([rate_told] if options.learning_rate is None else [])),
        start=start,
    )


def require_same_shape(start: TrainedModel, data: Dataset) -> None:
    """Make sure that a model takes new items.

    Raises:
        ShapeError: they have another shape than those that it was trained on.
    """
    if data.item_shape != start.item_shape:
        raise ShapeError(
            f"{data.name} has items of shape {data.item_shape}, and the model was trained on "
            f"{start.item_shape}",
            hint="give items of that shape, or train a new model",
        )


def require_settled(start: TrainedModel, options: FitOptions) -> None:
    """Make sure that options which a model has settled are those that it was trained with, or not
    given.

    Raises:
        UsageError: they are others.
    """
    usual = {each.name: each.default for each in fields(FitOptions)}
    known = start.parameters.get("values", {})
    for name in SETTLED:
        given, before = getattr(options, name), known.get(name)
        if isinstance(given, tuple):
            given = list(given)
        if name == "spec" and start.parameters.get("spec"):
            continue  # the model's own is taken
        if given not in (usual[name], before):
            raise UsageError(
                f"{name} is {given}, and a model that goes on keeps its own",
                hint=f"{unsaid(name, usual[name])}, or train a new model",
            )


def describes_squares(start: TrainedModel) -> bool:
    """Whether a squared error tells which of two models of this kind is better."""
    record = start.training
    return (record.objective or "l2") == "l2" and record.noise is None
