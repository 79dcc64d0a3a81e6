"""From a plan to a trained model: scaling, training, and what is measured on the way."""

import math
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np

from narrows.data import Dataset
from narrows.data.dataset import selected_rows
from narrows.data.file_arrays import FileArray
from narrows.engine import make_runner, refining_needs_xla
from narrows.engine.evidence import is_variational
from narrows.engine.processes import leave
from narrows.errors import DataError
from narrows.learnt.density import MOST_CODES, MOST_NUMBERS, fit_density
from narrows.learnt.pca import PCA, fit_pca
from narrows.model.coded_items import CodedItems
from narrows.model.file import require_storable
from narrows.model.ranges import column_ranges
from narrows.model.trained import DataDescription, TrainedModel
from narrows.nn.model import Model, initial_model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.planning.continuing import describes_squares
from narrows.planning.plan import Plan
from narrows.support.chunks import chunks, measured_places, pieces, sampled_places
from narrows.support.forks import require_xla_threads
from narrows.support.memory import LLVM, XLA, require_compilers, require_memory
from narrows.support.progress import NOBODY, Tracker, silent
from narrows.tasks.detector import fit_detection
from narrows.tasks.linear import (
    linear_model,
    linear_scaling,
    where_linear_is_better,
    where_start_is_better,
)
from narrows.tasks.training_record import describe_data, record_training
from narrows.tasks.versions import installed_packages
from narrows.training import History, train
from narrows.training.loop import RunKeywords, Trained
from narrows.training.noise import noise_limits


@dataclass(frozen=True)
class Coded:
    """The items of a fit with the codes that are known; None where nothing was held out."""

    training: CodedItems
    held_out: CodedItems | None

    @property
    def shown(self) -> CodedItems:
        """Those that a run is judged by."""
        return self.training if self.held_out is None else self.held_out


@dataclass(frozen=True)
class Fitted:
    """A trained model, the history of its training, and what a user should know of both.

    Attributes:
        coded: what it was trained on, and what was held out, with the codes that are known.
    """

    trained: TrainedModel
    history: History
    notes: tuple[str, ...]
    coded: Coded


def fit_plan(
    training: Dataset,
    validation: Dataset | None,
    plan: Plan,
    *,
    detection: bool = False,
    density: bool = True,
    **run: Unpack[RunKeywords],
) -> Fitted:
    """Train what ``plan`` says on ``training`` and measure what later use needs.

    ``run`` is what :func:`narrows.training.train` takes; ``detection`` says whether to learn what
    :mod:`narrows.tasks.detector` needs, which takes as long as a short training, and ``density``
    whether to learn how codes lie, which generating needs.
    """
    spec, settings, track = plan.spec, plan.settings, run.get("listener", NOBODY).track
    start = plan.start
    described, of_data = describe_data(training, None if start is None else start.data)
    require_storable(described)
    result = learn(training, validation, plan, **run)
    model, refinement, notes = result.model, plan.refinement, list[str]()
    if start is not None and validation is not None and describes_squares(start):
        notes = where_start_is_better(model, start.model, validation, settings.seed)
        model = start.model if notes else model
    with track("comparing with PCA", total=2, unit="steps") as advance:
        measured = measured_places(len(training), settings.seed)
        learnt = training.items if measured is None else selected_rows(training.items, measured)
        pca = fit_pca(learnt, min(spec.latent_size, _MOST_COMPONENTS))
        advance(1)
        linear, found = _better_linear(model, pca, training, validation, plan)
        if found:
            notes, model, refinement = found, linear, 0  # its codes are the best there are
        advance(1)
    coded = _coded(model, refinement, training, validation)
    statistics, lie = dict[str, np.ndarray](), dict[str, np.ndarray]()
    if density:
        statistics = place_codes(coded.training, bool(refinement), settings.seed, track)
        if spec.latent_size <= MOST_NUMBERS and not model.spec.crosses:
            lie = _density(coded.training, bool(refinement), settings.seed, track)
    notes += [*of_data, *result.notes]
    if measured is not None:
        notes.append(
            f"PCA, the ranges of codes and errors are learnt from {len(measured):,} of the "
            f"{len(training):,} items or fewer, drawn by the seed"
        )
    if start is not None and model is start.model:  # it learnt nothing of another range
        data = replace(start.data, name=described.name, count=described.count)
        values = start.values
    else:
        data = _with_masses(described, training, model, refinement)
        values = column_ranges(training, None if start is None else start.values)
    trained = TrainedModel(
        model=model,
        data=data,
        training=record_training(plan, result, model, training, pca),
        baseline=pca.to_arrays(),
        latent=statistics,
        versions=installed_packages(),
        refinement=refinement,
        density=lie,
        values=values,
    )
    if detection:
        arrays = fit_detection(trained, coded.training, coded.held_out, settings.seed, track=track)
        trained = replace(trained, detection=arrays)
    return Fitted(trained, result.history, tuple(notes), coded)


def _with_masses(
    described: DataDescription, training: Dataset, model: Model, refinement: int
) -> DataDescription:
    """The same, of a table with how near to its frequent numbers the model comes."""
    if described.table is None:
        return described
    some = np.asarray(training.items[:: max(len(training) // _MASS_ROWS, 1)])
    made = make_runner(model, refinement).reconstruct(some)
    return replace(described, table=described.table.with_masses(some, made))


def learn(
    training: Dataset, validation: Dataset | None, plan: Plan, **run: Unpack[RunKeywords]
) -> Trained:
    """The training itself, of :func:`fit_plan`: what several processes do together. Each is by
    itself afterwards."""
    spec, settings = plan.spec, plan.settings
    if (plan.refinement and refining_needs_xla(spec)) or is_variational(spec):
        require_xla_threads()  # what is measured after the training needs them
        require_compilers(LLVM, XLA)
    _require_memory(spec, min(settings.batch_size, len(training)))
    result = train(
        _first_model(training, plan) if plan.start is None else plan.start.model,
        training.items,
        None if validation is None else validation.items,
        settings,
        inputs=training.inputs,
        validation_inputs=None if validation is None else validation.inputs,
        limits=noise_limits(training),
        **run,
    )
    leave()
    return result


def _better_linear(
    model: Model, pca: PCA, training: Dataset, validation: Dataset | None, plan: Plan
) -> tuple[Model, list[str]]:
    """What takes a trained model's place where PCA does better, and what to say of that; the model
    and nothing elsewhere."""
    if not plan.may_be_linear:
        return model, []
    # few items can be learnt by heart: what chose the epoch judges here too
    held_out = validation if plan.settings.patience is not None else None
    judges = training if held_out is None else held_out
    linear = linear_model(training.item_shape, pca, linear_scaling(training, pca))
    seed = plan.settings.seed
    return linear, where_linear_is_better(
        model, linear, judges, plan.refinement, seed, held_out=held_out is not None
    )


def _coded(model: Model, refinement: int, training: Dataset, validation: Dataset | None) -> Coded:
    runner = make_runner(model, refinement)
    held_out = None if validation is None else CodedItems(runner, model.spec, validation.items)
    return Coded(CodedItems(runner, model.spec, training.items), held_out)


def _require_memory(spec: Spec, batch_size: int) -> None:
    """Make sure that there is memory for training a model.

    Raises:
        NotEnoughMemoryError: there is not.
    """
    parameters = sum(map(math.prod, spec.array_shapes().values()))
    given = [shape for part in ("encoder", "decoder") for _, _, shape in spec.placed(part)]
    values = batch_size * sum(map(math.prod, given))
    require_memory(
        _PARAMETER_BYTES * parameters + _VALUE_BYTES * values,
        f"training {parameters:,} parameters in batches of {batch_size:,}",
        "lower --hidden, --latent or --batch-size (hidden, latent, batch_size), or give smaller "
        "items",
    )


# The weight, its gradient and two moments in float32, the same once more in a checkpoint, and the
# weight as it is drawn in float64; a value on its way there and back.
_PARAMETER_BYTES, _VALUE_BYTES = 40, 8


def _first_model(training: Dataset, plan: Plan) -> Model:
    """The model before its first step.

    Where copies cross to a decoder that ends in a sigmoid, its last bias makes the mean of the
    items. From a half everywhere, the way down to dark images is so steep that the sigmoid is 0 at
    every place before the copies have taught anything, and there its slope is 0 too: a U-shaped net
    left MNIST's images blank. The bias of a rare class is set so for the same reason (Lin, Goyal,
    Girshick, He and Dollar, arXiv:1708.02002, section 4.1).
    """
    spec, scaling = plan.spec, choose_scaling(training, plan)
    model = initial_model(spec, scaling, plan.settings.seed)
    biases = [name for name in model.arrays if name.startswith("decoder.") and "bias" in name]
    if not (spec.crosses and biases and spec.output_activation == "sigmoid"):
        return model
    mean = np.clip(scaling.to_network(_mean(training.items)), *_MEANS)
    bias = np.full_like(model.arrays[biases[-1]], np.log(mean / (1 - mean)))
    return replace(model, arrays={**model.arrays, biases[-1]: bias})


def _mean(items: np.ndarray) -> np.ndarray:
    if not isinstance(items, FileArray):
        return np.asarray(items.mean(dtype=np.float64))
    sums = [chunk.sum(dtype=np.float64) for chunk in chunks(items)]
    return np.asarray(np.sum(sums) / items.size)


# Beyond these a sigmoid is too flat to start from.
_MEANS = (0.01, 0.99)


# Rows that tell how near to frequent numbers a model comes.
_MASS_ROWS = 4096
# What the linear code that a model is compared with has at most, and what more of would fill files.
_MOST_COMPONENTS = 512
# The square of an error must be a number.
_WIDEST = 1e150


def choose_scaling(training: Dataset, plan: Plan) -> Scaling:
    """How data values become network values.

    The features of a table and, in the article's model, 8-bit values go in as they are. Where the
    model ends in a sigmoid the whole range of the values becomes 0..1; other values are taken to
    0..1 from the lowest to the highest there is, for weights drawn for inputs near 1 learn nothing
    from inputs near a million.
    """
    if training.table is not None or (plan.raw and training.items.dtype == np.uint8):
        return Scaling()
    if plan.spec.output_activation == "sigmoid" and training.value_range is not None:
        return Scaling.to_unit_range(*training.value_range)
    lowest, highest = training.extent
    if highest - lowest > _WIDEST:
        raise DataError(
            f"{training.name} spans {lowest:g} to {highest:g}, and more than {_WIDEST:g} cannot be "
            "squared",
            hint="divide the values by a large number, or take their logarithm",
        )
    return Scaling.to_unit_range(lowest, highest)


# Refined codes take longer, and so many tell how all of them lie.
_REFINED_FOR_STATISTICS = 10_000


def place_codes(
    coded: CodedItems, refined: bool, seed: int, track: Tracker = silent
) -> dict[str, np.ndarray]:
    """``lowest``, ``highest`` and ``mean`` of each latent number over items; of many, and where
    codes are refined of more than ten thousand, over some that are sampled by the seed."""
    at = measured_places(len(coded), seed)
    if refined and len(coded) > _REFINED_FOR_STATISTICS:
        at = sampled_places(len(coded), _REFINED_FOR_STATISTICS, seed)
    count = len(coded) if at is None else len(at)
    lowest, highest, total = list[np.ndarray](), list[np.ndarray](), np.zeros(())
    with track("placing codes", total=count, unit="items") as advance:
        for places in pieces(coded.items, at=at):
            codes = coded.codes(places)
            lowest.append(codes.min(axis=0))
            highest.append(codes.max(axis=0))
            total = total + codes.sum(axis=0, dtype=np.float64)
            advance(len(codes))
    return {
        "lowest": np.min(lowest, axis=0),
        "highest": np.max(highest, axis=0),
        "mean": (total / count).astype(np.float32),
    }


def _density(coded: CodedItems, refined: bool, seed: int, track: Tracker) -> dict[str, np.ndarray]:
    """How codes of the training items lie, those that :func:`place_codes` found among them."""
    most = min(MOST_CODES, _REFINED_FOR_STATISTICS) if refined else MOST_CODES
    places = sampled_places(len(coded), most, seed)
    codes = [coded.codes(some) for some in pieces(coded.items, at=places)]
    return fit_density(np.concatenate(codes), seed, track=track).to_arrays()
