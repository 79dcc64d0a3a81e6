"""Guard rails: what a user must know before relying on a model that was just trained.

Each check is a function of plain arrays and numbers that gives a :class:`Caution` or None;
:func:`find_warnings` looks at a model, its data and its history, and asks them all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from narrows.data import Dataset
from narrows.engine.evidence import is_variational
from narrows.model.coded_items import CodedItems
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.nn.flow import Flow
from narrows.nn.model import Model, block_arrays
from narrows.report.evaluation import Evaluation, fitted_pca
from narrows.report.measures import item_errors
from narrows.support.blas import one_blas_thread
from narrows.support.chunks import CHUNK_VALUES, evenly_spaced, sampled_places
from narrows.support.number_text import count_of, listed, measured_on, share, three_digits
from narrows.support.spelling import spelt
from narrows.training import History

#: Items that are looked at: enough to see a unit that one item in a thousand wakes.
MOST_ITEMS = 2000

#: A number, or a unit, that varies by less than this share of its size is constant: float32 has
#: seven digits, and the last one is noise.
CONSTANT_SPREAD = 1e-6
#: A latent number of a variational model whose mean varies by less than this, where the prior's
#: variance is 1, is inactive (Burda, Grosse and Salakhutdinov, arXiv:1509.00519, appendix C).
INACTIVE_VARIANCE = 0.01
#: From this share of dead latent numbers on, the code as a whole has collapsed.
COLLAPSED_SHARE = 0.5
#: Reconstructions that vary by less than this share of what PCA's vary are as good as all the same.
COLLAPSED_VARIANCE = 0.1
#: A ReLU layer works well with some units dead; without this share of them it is another layer.
DEAD_UNIT_SHARE = 0.25
#: The errors of real items differ by a tenth of their mean or more; below this they rank nothing.
CONSTANT_ERRORS = 1e-3
#: Up to here two errors are the same: PCA as a model computes in float32.
SAME_ERROR = 1.001
# An error of this share of the data's mean square is what float32 rounds off.
_ROUNDING = 1e-10
#: What a model has learnt by heart shows as a validation loss that much higher than the training's.
OVERFIT_RATIO = 1.5
#: Of losses of training, where the model refines codes and its other errors are after that.
BEFORE_REFINEMENT = " before its codes are refined"
#: So far above its lowest, a validation loss has risen and not just trembled.
RISEN_RATIO = 1.1
#: Rows for each latent number, below which a model can learn rows instead of what they share.
ROWS_PER_NUMBER = 10
#: Latent numbers that are correlated more than this say the same.
DUPLICATE_CORRELATION = 0.999
#: Over fewer items, numbers that have nothing in common may be correlated, and units asleep.
FEWEST_TO_TELL = 20
# Items taken through the hidden layers at once, each of which may hold many times their values.
_TOGETHER = 64
# Names that a message spells out.
_MOST_NAMED = 10


@dataclass(frozen=True)
class Caution:
    """One thing that may spoil a result.

    Attributes:
        kind: a stable name for programs, such as ``collapsed-code``.
        message: one sentence with the numbers.
        advice: what to do about it.
    """

    kind: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.message}: {self.advice}"


def find_warnings(
    autoencoder: TrainedAutoencoder,
    training: Dataset,
    validation: Dataset | None,
    history: History,
    evaluation: Evaluation | None = None,
    *,
    keeps_best: bool = False,
    most: int = MOST_ITEMS,
    coded: CodedItems | None = None,
) -> list[Caution]:
    """Everything that is suspicious about a model just trained, the gravest first.

    Looks at no more than ``most`` training items, and fewer of large ones.

    Args:
        autoencoder: the model.
        training: what it was trained on.
        validation: what it was validated on, or None.
        history: its losses, epoch by epoch.
        evaluation: its errors and PCA's, on the validation set where there is one; None to
            measure them on some of its items, and to say nothing of what was not held out.
        keeps_best: whether the model is that of the best epoch on the validation set already.
        coded: the training items with the codes that are known.
    """
    trained = autoencoder.trained
    coded = autoencoder.coded(training.items) if coded is None else coded
    affordable = min(most, _affordable(training.items))
    places = sampled_places(len(training), affordable, trained.training.seed or 0)
    items = np.asarray(training.items[places])
    codes, results = coded.codes(places), coded.reconstructions(places)
    size = trained.model.spec.latent_size
    kept = trained.training.epoch or len(history)
    linear = fitted_pca(trained).reconstruct(items)
    is_pca, preset = trained.training.linear, trained.training.preset
    some = measured_on(len(items), len(training), held_out=False)
    denoises = training.inputs is not None or trained.training.noise is not None
    idle = idle_numbers(trained, codes)
    # a code that only has to lose noise is as wide as it likes
    rows = None if denoises else len(training)
    # of PCA itself, kept for its error, rounding is all that differs
    errors = None if is_pca else _errors(autoencoder, training, validation, evaluation, most)
    found = [
        collapsed_code(idle, size, preset),
        collapsed_reconstructions(variance(items), variance(results), variance(linear), some),
        dead_numbers(idle, size, rows, preset),
        None
        if errors is None or _is_rounding(errors[0], items)
        else worse_than_pca(*errors, preset),
        None if evaluation is None else unmeasured(validation is None),
        # what was trained has gone with its history
        None
        if is_pca
        else overfitted(history, kept, keeps_best=keeps_best, refines=trained.refinement > 0),
        None if rows is None else few_rows(rows, size, idle),
        dead_units(dead_unit_counts(trained.model, items)),
        duplicate_numbers(codes),
        constant_errors(item_errors(items, results), some),
    ]
    return [caution for caution in found if caution is not None]


# The checks


def collapsed_code(idle: Sequence[int], size: int, preset: str | None = "auto") -> Caution | None:
    """``idle``: the latent numbers, of ``size``, that are the same for every item."""
    if len(idle) < max(COLLAPSED_SHARE * size, 1):
        return None
    return Caution(
        "collapsed-code",
        f"the code has collapsed: {len(idle)} of {size} latent numbers are dead, the same for "
        f"every training item",
        f"{_linear_code(preset)}lower the learning rate, or try another seed; in a variational "
        "model, lower beta",
    )


def dead_numbers(
    idle: Sequence[int], size: int, rows: int | None = None, preset: str | None = "auto"
) -> Caution | None:
    """``idle`` as above, where they are too few to call the code collapsed; ``rows``: to train on,
    where these say how long a code may be."""
    if not 0 < len(idle) < COLLAPSED_SHARE * size:
        return None
    live = _affordable_numbers(rows, size, idle) if rows is not None else size - len(idle)
    return Caution(
        "dead-numbers",
        f"{len(idle)} of {size} latent numbers are dead, the same for every training item: "
        f"{_named(idle)}",
        f"{_linear_code(preset)}ask for {count_of(live, 'numbers')}, or try another seed",
    )


def collapsed_reconstructions(
    data: float, model: float, linear: float, measured: str
) -> Caution | None:
    """The variances of the data, of the model's reconstructions and of PCA's, and on what they were
    ``measured``."""
    if data == 0 or model >= COLLAPSED_VARIANCE * linear:
        return None
    return Caution(
        "collapsed-reconstructions",
        f"the reconstructions are nearly all the same: they vary by {share(model / data)} of what "
        f"the data do, and PCA's by {share(linear / data)}, measured {measured}",
        "train longer, raise the learning rate if the loss has hardly fallen, lower it if the loss "
        "has jumped",
    )


def worse_than_pca(
    model: float, pca: float, measured: str, preset: str | None = "auto"
) -> Caution | None:
    """The mean squared errors of the model and of PCA with as many numbers, and on what they were
    ``measured``."""
    if not model > SAME_ERROR * pca:
        return None
    return Caution(
        "worse-than-pca",
        f"PCA keeps more in as many numbers: its mean squared error is {three_digits(pca)}, and "
        f"the model's {three_digits(model)}, measured {measured}",
        f"{_linear_code(preset)}train longer ({spelt('epochs')}), or choose another seed if many "
        "numbers are dead",
    )


def _linear_code(preset: str | None) -> str:
    """How a model gets a code whose numbers seldom die, as one of ReLUs does, as the beginning of
    advice; empty where it has one."""
    if preset is None:
        return "end the encoder of the spec in a layer without an activation, "
    return f"leave {spelt('preset', preset)} out, " if preset == "simple" else ""


def unmeasured(nothing_held_out: bool) -> Caution | None:
    """Errors on the training set say little about other items."""
    if not nothing_held_out:
        return None
    return Caution(
        "nothing-held-out",
        "measured on the training set itself: nothing was held out",
        f"hold out a part of the rows ({spelt('validation', 0.1)}) to see what other items lose",
    )


def overfitted(
    history: History, kept: int, *, keeps_best: bool = False, refines: bool = False
) -> Caution | None:
    """``kept``: the number of the epoch, from 1, that the model is from; whether that is the best
    one on the validation set by intention; and whether the model refines its codes, which the
    losses of training are without."""
    records = [record for record in history if "val_loss" in record]
    at = next((record for record in records if record["epoch"] == kept), None)
    if at is None:
        return None
    best = min(records, key=lambda record: record["val_loss"])
    advice = "give more rows, or take fewer hidden units or latent numbers"
    if not keeps_best:
        advice = f"stop at the best epoch ({spelt('patience')}), {advice}"
    losses = ", losses" + BEFORE_REFINEMENT if refines else ""
    # Both rise where a run becomes unstable, which is another matter.
    if at["val_loss"] > RISEN_RATIO * best["val_loss"] and at["loss"] <= best["loss"]:
        return Caution(
            "overfitting",
            f"the model learns its rows by heart: the validation loss was lowest, "
            f"{three_digits(best['val_loss'])}, in epoch {best['epoch']}, and is "
            f"{three_digits(at['val_loss'])} in epoch {kept} while the training loss is "
            f"{three_digits(at['loss'])}{losses}",
            advice,
        )
    if at["val_loss"] > OVERFIT_RATIO * at["loss"]:
        return Caution(
            "overfitting",
            f"the model knows its own rows better than others: the validation loss is "
            f"{three_digits(at['val_loss'])} and the training loss {three_digits(at['loss'])}, "
            f"{_times(at['val_loss'], at['loss'])}{losses}",
            advice,
        )
    return None


def _affordable_numbers(rows: int, size: int, idle: Sequence[int]) -> int:
    """The longest code, of ``size`` at most, that so many rows are enough for and that leaves
    nothing ``idle``, as far as either can be said."""
    live = size - len(idle) if len(idle) < COLLAPSED_SHARE * size else size
    enough = rows // ROWS_PER_NUMBER
    return min(live, enough) if enough > 1 else live


def few_rows(rows: int, size: int, idle: Sequence[int] = ()) -> Caution | None:
    """``rows`` to train on, for a code of ``size`` numbers, of which some are ``idle``."""
    if rows >= ROWS_PER_NUMBER * size:
        return None
    if size >= rows:
        why = "so a code can give every row a number of its own and learn nothing they share"
    else:
        why = f"and fewer than {ROWS_PER_NUMBER} rows a number say little about what rows share"
    affordable = _affordable_numbers(rows, size, idle)
    few = rows < 2 * ROWS_PER_NUMBER
    fewer = "give" if few else f"ask for at most {affordable} latent numbers, or give"
    return Caution(
        "few-rows",
        f"there {'is' if rows == 1 else 'are'} {count_of(rows, 'rows')} to learn "
        f"{count_of(size, 'latent numbers')} from, {why}",
        f"{fewer} {ROWS_PER_NUMBER * size:,} rows or more",
    )


def dead_units(counts: Mapping[str, tuple[int, int]]) -> Caution | None:
    """``counts``: of each hidden layer, how many units, or channels, say the same whatever they
    see, and how many it has."""
    poor = {
        name: (dead, units)
        for name, (dead, units) in counts.items()
        if dead >= max(DEAD_UNIT_SHARE * units, 1)
    }
    if not poor:
        return None
    named = ", ".join(f"{dead} of {units} in {name}" for name, (dead, units) in poor.items())
    return Caution(
        "dead-units",
        f"hidden units are dead, the same for every training item: {named}",
        "lower the learning rate, try another seed, or take gelu or silu in place of relu",
    )


def duplicate_numbers(codes: np.ndarray) -> Caution | None:
    """``codes``: (n, latent_size), of training items."""
    pairs = _correlated(codes)
    if not pairs:
        return None
    named = listed(pairs, _MOST_NAMED, lambda pair: f"{pair[0] + 1} and {pair[1] + 1}")
    repeated = len({second for _, second in pairs})
    return Caution(
        "duplicate-numbers",
        f"{repeated} of {codes.shape[1]} latent numbers repeat another one (a correlation above "
        f"{DUPLICATE_CORRELATION:g}): {named}",
        "ask for fewer latent numbers: these carry nothing of their own",
    )


def constant_errors(errors: np.ndarray, measured: str) -> Caution | None:
    """``errors``: the mean squared error of each item, (n,), ``measured`` on these."""
    if len(errors) < 2 or not np.isfinite(errors).all():
        return None
    mean, spread = errors.mean(), errors.std()
    if spread > CONSTANT_ERRORS * mean:
        return None
    return Caution(
        "constant-scores",
        f"every item has the same error, {three_digits(float(mean))} (they differ by "
        f"{three_digits(float(spread))}), measured {measured}, so it ranks none of them",
        "do not look for outliers with this model; give it fewer latent numbers, or see whether "
        "the rows differ at all",
    )


# What the checks are asked about


def idle_numbers(trained: TrainedModel, codes: np.ndarray) -> list[int]:
    """The latent numbers that say nothing: constant over the whole training set or, in a
    variational model, with a mean that hardly varies over ``codes`` (n, latent_size)."""
    if len(codes) < 2:
        return []  # one item says nothing of others
    low, high = trained.latent["lowest"], trained.latent["highest"]
    idle = high - low <= CONSTANT_SPREAD * np.maximum(np.abs(low), np.abs(high))
    if is_variational(trained.model.spec):
        idle |= codes.var(axis=0, dtype=np.float64) < INACTIVE_VARIANCE
    return np.flatnonzero(idle).tolist()


def variance(items: np.ndarray) -> float:
    """The variance of items (n, \\*item_shape) around their mean item, averaged over the values."""
    return float(items.var(axis=0, dtype=np.float64).mean())


@one_blas_thread()
def dead_unit_counts(model: Model, items: np.ndarray) -> dict[str, tuple[int, int]]:
    """Of each hidden layer that ends in a nonlinearity, by name: (dead units, units).

    A unit, in images a channel, is dead if each of its outputs is the same for all ``items``
    (n, \\*item_shape), in data units. The layers that give the code and the item are not hidden.
    Empty where the items are too few to tell.
    """
    if len(items) < FEWEST_TO_TELL:
        return {}
    lowest: dict[str, np.ndarray] = {}
    highest: dict[str, np.ndarray] = {}
    for start in range(0, len(items), _TOGETHER):
        for name, output in _hidden(model, items[start : start + _TOGETHER]):
            low, high = output.min(axis=0), output.max(axis=0)
            lowest[name] = np.minimum(lowest.get(name, low), low)
            highest[name] = np.maximum(highest.get(name, high), high)
    counts = {}
    for name, low in lowest.items():
        high = highest[name]
        alike = high - low <= CONSTANT_SPREAD * np.maximum(np.abs(low), np.abs(high))
        dead = alike.reshape(-1, alike.shape[-1]).all(axis=0)
        counts[name] = int(dead.sum()), dead.size
    return counts


def _hidden(model: Model, items: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The name and the output of each hidden layer that ends in a nonlinearity."""
    flow = Flow()
    x = model.scaling.to_network(items)
    for part in ("encoder", "decoder"):
        placed = list(model.spec.placed(part))
        last = max(
            (n for n, (_, block, given) in enumerate(placed) if block.array_shapes(given)),
            default=-1,
        )
        for number, (prefix, block, _) in enumerate(placed):
            flow.prefix = prefix
            x = block.apply(block_arrays(model.arrays, prefix), x, flow)
            if number < last and getattr(block, "activation", "linear") != "linear":
                yield prefix, x


def _errors(
    autoencoder: TrainedAutoencoder,
    training: Dataset,
    validation: Dataset | None,
    evaluation: Evaluation | None,
    most: int,
) -> tuple[float, float, str]:
    """The mean squared errors of the model and of PCA, and on what they were measured; where nobody
    measured them, of some items, and of none where these are to become others."""
    data, held_out = validation or training, validation is not None
    if evaluation is not None:
        measured = measured_on(evaluation.count, evaluation.total, held_out=held_out)
        return evaluation.model.mse, evaluation.pca.mse, measured
    if data.inputs is not None or autoencoder.trained.training.noise is not None:
        return 0.0, 0.0, ""
    affordable = min(most, _affordable(data.items))
    items = np.asarray(data.items[evenly_spaced(len(data), affordable)])
    results = (
        autoencoder.reconstruct_floats(items),
        fitted_pca(autoencoder.trained).reconstruct(items),
    )
    model, pca = (float(np.square(result - items, dtype=np.float64).mean()) for result in results)
    return model, pca, measured_on(len(items), len(data), held_out=held_out)


def _is_rounding(error: float, items: np.ndarray) -> bool:
    """Whether a mean squared error is no more than float32 rounds off."""
    return error <= _ROUNDING * float(np.square(items, dtype=np.float64).mean())


def _affordable(items: np.ndarray) -> int:
    """How many items are worth their memory."""
    return max(4 * CHUNK_VALUES // max(items[:1].size, 1), 100)


def _correlated(codes: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of columns of ``codes`` that are the same but for offset and scale, each of the
    repeated ones once."""
    if len(codes) < FEWEST_TO_TELL:
        return []
    centred = codes - codes.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(centred, axis=0)
    varying = np.flatnonzero(lengths > CONSTANT_SPREAD * np.abs(codes).max(axis=0) * len(codes))
    directions = centred[:, varying] / lengths[varying]
    alike = np.abs(np.tril(directions.T @ directions, -1)) > DUPLICATE_CORRELATION
    return [
        (int(varying[np.argmax(row)]), int(varying[number]))
        for number, row in enumerate(alike)
        if row.any()
    ]


def _named(numbers: Sequence[int]) -> str:
    """Latent numbers as people count them, from 1 on, as on all pages."""
    return listed(numbers, _MOST_NAMED, lambda number: str(number + 1))


def _times(value: float, other: float) -> str:
    return f"{value / other:.1f} times as much" if other else "which is 0"
