"""What a model file says of its training set and of its training: nothing that depends on the clock
or on the place."""

from dataclasses import replace

import numpy as np

from narrows.baselines.filters import Settings, choose_filters
from narrows.data import Dataset
from narrows.data.dataset import selected_rows
from narrows.data.limits import holds_whole_numbers, known_peak
from narrows.data.tables.sums import exact_sums
from narrows.learnt.pca import PCA
from narrows.model.ranges import described_range
from narrows.model.trained import DataDescription, TrainingRecord
from narrows.model.use import noise_variance
from narrows.nn.model import Model
from narrows.planning.plan import Plan
from narrows.planning.traits import is_image
from narrows.support.chunks import evenly_spaced, measured_places
from narrows.support.number_text import count_of
from narrows.training import Trained
from narrows.training.noise import damaged_parts, noise_limits


def describe_data(
    training: Dataset, before: DataDescription | None = None
) -> tuple[DataDescription, list[str]]:
    """What a model file says of its training set, and what a user should know of it.

    Args:
        training: the items.
        before: of a model that goes on with them, what it was trained on: ranges are of both.
    """
    dtype, limits, table = training.items.dtype, training.value_range, training.table
    extent = peak = None
    notes = list[str]()
    if table is None:
        extent = training.extent
        may_be_whole = is_image(training) or dtype.kind != "f"
        whole = may_be_whole and holds_whole_numbers(training.items)
        peak = known_peak(training.item_shape, dtype, limits, extent, whole)
        if peak is not None and peak >= 255 and dtype != np.uint8:
            notes.append(
                f"the values are whole numbers up to {extent[1]:,.0f}, which take "
                f"{int(peak).bit_length()} bits: PSNR is measured against a peak of {peak:,.0f}"
            )
    more = described_range(training)
    if table is not None:
        some = training.items[evenly_spaced(len(training), _MARGINAL_ROWS)]
        more["sums"] = exact_sums(table, some)
        table = table.with_marginals(some)
    described = DataDescription(
        name=training.name,
        count=len(training),
        dtype=dtype.name,
        value_range=limits,
        table=table,
        extent=extent,
        peak=peak,
        images=training.changes,
        **more,
    )
    return (described if before is None else _of_both(before, described)), notes


def _of_both(before: DataDescription, new: DataDescription) -> DataDescription:
    """What is known of the data that a model was trained on first and of what it goes on with."""
    extents = [each.extent for each in (before, new) if each.extent is not None]
    narrowest = [each.narrowest for each in (before, new) if each.narrowest is not None]
    lows, highs = zip(*extents, strict=True) if extents else ((), ())
    return replace(
        new,
        dtype=before.dtype,
        value_range=before.value_range,
        extent=(min(lows), max(highs)) if extents else None,
        peak=before.peak,
        images=before.images,
        whole=None if new.whole is None else bool(new.whole and before.whole),
        narrowest=min(narrowest, default=None),
        sums=tuple(name for name in new.sums if name in before.sums),
    )


# Rows that tell how the numbers of a table lie.
_MARGINAL_ROWS = 20_000


def record_training(
    plan: Plan, result: Trained, model: Model, training: Dataset, pca: PCA
) -> TrainingRecord:
    """What a model file says of its training."""
    last, settings, start = result.history[result.epoch - 1], plan.settings, plan.start
    record = TrainingRecord(
        preset=plan.preset,
        objective=str(settings.objective),
        epochs=len(result.history),
        epoch=result.epoch,
        batch_size=settings.batch_size,
        learning_rate=settings.adam.learning_rate,
        weight_decay=settings.adam.weight_decay,
        schedule=settings.schedule,
        shift=settings.shift,
        noise=None if settings.noise is None else str(settings.noise),
        seed=settings.seed,
        tile=training.tile,
        filters=_filters(plan, model, training, pca) or None,
        continued=None
        if start is None
        else f"{start.data.name}, {count_of(start.data.count, 'items')}",
    )
    if model.spec != plan.spec:  # PCA took its place: the history is not its own
        return replace(record, preset="auto", linear=True)
    some = measured_places(len(training), settings.seed)
    items = training.items if some is None else selected_rows(training.items, some)
    return replace(
        record,
        loss=last.get("loss"),
        val_loss=last.get("val_loss"),
        noise_variance=noise_variance(model, settings.objective, items),
    )


# Items that are damaged to choose filters on.
_FILTERED = 32


def _filters(plan: Plan, model: Model, training: Dataset, pca: PCA) -> dict[str, Settings]:
    """The filters that the model will be compared with where it learns to denoise images, with
    their numbers chosen on what it learns from."""
    noise, inputs = plan.settings.noise, training.inputs
    if (noise is None and inputs is None) or not is_image(training):
        return {}
    some = evenly_spaced(len(training), _FILTERED)
    clean = training.items[some]
    given = None if inputs is None else inputs[some]
    limits = noise_limits(training)
    parts = list(damaged_parts(clean, given, noise, limits, plan.settings.seed))
    noisy = np.concatenate([damaged for _, damaged in parts if damaged is not None])
    return choose_filters(noisy, clean, limits.ends, pca)
