"""What a model keeps of a data set, beside what simpler codes of the same size keep."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from narrows.baselines.dct import dct_reconstruct
from narrows.data import Dataset
from narrows.data.dataset import selected_rows
from narrows.engine.evidence import is_variational
from narrows.errors import ModelFileError
from narrows.learnt.pca import PCA
from narrows.model.coded_items import CodedItems
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.report.columns import ColumnMeter, ColumnScore, columns_told
from narrows.report.measures import ErrorMeter, psnr
from narrows.support.chunks import CACHED_VALUES, pieces
from narrows.support.number_text import count_of, items_of, readable, share
from narrows.support.progress import Tracker, silent
from narrows.support.shapes import is_image_shape
from narrows.support.text_tables import Shown, TextTable, Told


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well one method reconstructs: errors in the data's units, PSNR in dB.

    ``psnr`` is None where no peak is known to compare an error with. ``relative`` is the root of
    the mean squared error as a share of that of the mean item, whatever the unit; None where the
    mean item leaves nothing.
    """

    method: str
    numbers: int
    mse: float
    mae: float
    largest: float
    psnr: float | None
    relative: float | None = None

    def told(self, unit: str) -> str:
        """The mean squared error with its unit, and how good that is, for people."""
        quality = f"({self.quality})" if self.quality else ""
        return " ".join(filter(None, [f"mean squared error {readable(self.mse)}", unit, quality]))

    @property
    def quality(self) -> str:
        """The PSNR, or where no peak is known the relative error, for people."""
        if self.psnr is not None:
            return f"PSNR {self.psnr:.2f} dB"
        return "" if self.relative is None else f"relative error {share(self.relative)}"


@dataclass(frozen=True, kw_only=True)
class Evaluation(Shown):
    """A model's errors on a data set and those of the simpler codes, PCA the first of them.

    Of a table, errors are those of its features, which are standardised; ``columns`` has those in
    the units of its columns. ``elbo`` is a variational model's evidence lower bound, in nats an
    item. ``bytes_before`` and ``bytes_after`` are of one item, of a table's its encoded row, and of
    its code. ``noisy`` is the mean squared error of what went in, where that was not the items.
    ``count`` items were measured, of ``total``.
    """

    source: str
    count: int
    total: int
    unit: str
    model: Score
    baselines: tuple[Score, ...]
    bytes_before: int
    bytes_after: int
    columns: tuple[ColumnScore, ...] = ()
    elbo: float | None = None
    noisy: float | None = None

    @property
    def pca(self) -> Score:
        return self.baselines[0]

    def told(self) -> Told:
        """A table of the methods, the model's row first; of a table's columns too."""
        if not self.columns:
            return [_methods_table(self)]
        return [_methods_table(self), "", *columns_told(self.columns, self.model.numbers)]

    def sentence(self) -> str:
        """The result as a person reads it."""
        error = self.model.told(self.unit)
        if self.elbo is not None:
            error += f", ELBO {self.elbo:,.2f} nats an item"
        source = self.source
        if self.count < self.total:
            source += f", {items_of(self.count, self.total)}"
        if self.noisy is not None:
            return (
                f"{source}: {error} is left of {readable(self.noisy)}; "
                f"PCA, {count_of(self.pca.numbers, 'numbers')}, leaves {readable(self.pca.mse)}"
            )
        return (
            f"{source}: {error} with {count_of(self.model.numbers, 'numbers')} an item; "
            f"PCA with as many {readable(self.pca.mse)}; {self._bytes()}"
        )

    def _bytes(self) -> str:
        """What an item and its code take; of a row as the net takes it, whatever its file does."""
        thing = "a row, as the numbers that the net takes," if self.columns else "an item"
        more = ", which is more" * (self.bytes_after > self.bytes_before)
        return (
            f"{thing} takes {self.bytes_before:,} bytes and its code {self.bytes_after:,}{more}: "
            "4 a number"
        )


def evaluate(
    autoencoder: TrainedAutoencoder,
    data: Dataset,
    *,
    coded: CodedItems | None = None,
    at: np.ndarray | None = None,
    track: Tracker = silent,
) -> Evaluation:
    """Reconstruct the items of ``data``, from its inputs where it has others, and measure, in
    bounded memory.

    The baselines were fitted to what the model was trained on, never to ``data``: PCA with as many
    numbers, the mean item (no numbers at all) and, for grey images, a cosine transform. A table is
    measured column by column as well.

    Args:
        coded: what goes in, with the codes that are known; None where nobody has any.
        at: the places of the items that are measured; None for all.

    Raises:
        ShapeError: the model was trained on items of another shape.
        ModelFileError: the model came without a PCA to compare it with.
    """
    trained, baselines = autoencoder.trained, _baselines(autoencoder.trained)
    size, meter = trained.model.spec.latent_size, ErrorMeter()
    columns = None if data.table is None else ColumnMeter(data.table)
    noisy = None if data.inputs is None else ErrorMeter()
    if coded is None:
        coded = autoencoder.coded(data.items if data.inputs is None else data.inputs)
    count = len(data) if at is None else len(at)
    with track("measuring", total=count, unit="items") as advance:
        for places in pieces(data.items, values=CACHED_VALUES, at=at):
            items = autoencoder.shaped(data.items[places])
            inputs = items if data.inputs is None else autoencoder.shaped(data.inputs[places])
            found = coded.reconstructions(places)
            simpler = [each.measured(items, inputs) for each in baselines]
            meter.add(items, found)
            if noisy is not None:
                noisy.add(items, inputs)
            if columns is not None:
                columns.add(items, found, simpler[0])
            advance(len(items))
    of_mean = baselines[1].meter
    return Evaluation(
        source=data.name,
        count=count,
        total=len(data),
        unit=error_unit(trained),
        model=score_of(trained, "autoencoder", size, meter, of_mean),
        baselines=tuple(
            score_of(trained, each.name, each.numbers, each.meter, of_mean) for each in baselines
        ),
        bytes_before=data.items[:1].nbytes,
        bytes_after=4 * size,
        columns=() if columns is None else columns.scores(),
        elbo=_elbo(autoencoder, data.items if at is None else selected_rows(data.items, at)),
        noisy=None if noisy is None else noisy.mse,
    )


@dataclass(frozen=True)
class _Baseline:
    """A simpler code: its name, how many numbers it has, what comes back of items, and how far off
    that was."""

    name: str
    numbers: int
    reconstruct: Callable[[np.ndarray], np.ndarray]
    meter: ErrorMeter = field(default_factory=ErrorMeter)

    def measured(self, items: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """What comes back of ``inputs``, measured against ``items``."""
        found = self.reconstruct(inputs)
        self.meter.add(items, found)
        return found


def _baselines(trained: TrainedModel) -> list[_Baseline]:
    """What a model is measured beside: PCA, the mean item and, for grey images, cosines."""
    pca, shape = fitted_pca(trained), trained.item_shape
    mean = pca.mean.reshape(shape)
    found = [
        _Baseline("PCA", len(pca.components), pca.reconstruct),
        _Baseline("mean item", 0, lambda items: np.broadcast_to(mean, items.shape)),
    ]
    if len(shape) == 2:
        kept = min(trained.model.spec.latent_size, math.prod(shape))
        cosines = partial(dct_reconstruct, numbers=kept)
        found.append(_Baseline("cosine transform", kept, cosines))
    return found


def _elbo(autoencoder: TrainedAutoencoder, items: np.ndarray) -> float | None:
    """The evidence lower bound of ``items`` in nats an item, of a model that has one."""
    trained = autoencoder.trained
    if not is_variational(trained.model.spec) or not len(items):
        return None
    known = trained.training.noise_variance is not None or trained.training.objective == "bce"
    return autoencoder.elbo(items) if known else None


def fitted_pca(trained: TrainedModel) -> PCA:
    """The PCA that came with a model, fitted to the same items with as many numbers.

    Raises:
        ModelFileError: it came without one.
    """
    pca = trained.learnt_pca
    if pca is None:
        raise ModelFileError(
            "the model has no PCA to compare it with", hint="train it with narrows fit"
        )
    return pca


def error_unit(trained: TrainedModel) -> str:
    """The unit of a squared error, where the data have one with a name."""
    is_image = is_image_shape(trained.item_shape) and trained.data.dtype in ("uint8", "uint16")
    return "grey levels²" if is_image else ""


def score_of(
    trained: TrainedModel, name: str, numbers: int, meter: ErrorMeter, of_mean: ErrorMeter
) -> Score:
    """What ``meter`` found of a method, beside what it found of the mean item."""
    peak = trained.described.peak
    return Score(
        method=name,
        numbers=numbers,
        mse=meter.mse,
        mae=meter.mae,
        largest=meter.largest,
        psnr=None if peak is None else psnr(meter.mse, peak),
        relative=math.sqrt(meter.mse / of_mean.mse) if of_mean.mse > 0 else None,
    )


def _methods_table(result: Evaluation) -> TextTable:
    known = result.model.psnr is not None
    unit = f" ({result.unit})" if result.unit else ""
    last = "PSNR" if known else "relative"
    rows = [["method", "numbers", f"mean squared error{unit}", "mean error", "largest", last]]
    for score in (result.model, *result.baselines):
        if known:
            quality = "" if score.psnr is None else f"{score.psnr:.2f} dB"
        else:
            quality = "" if score.relative is None else f"{score.relative:.2%}"
        figures = [readable(value) for value in (score.mse, score.mae, score.largest)]
        rows.append([score.method, str(score.numbers), *figures, quality])
    return TextTable(f"{result.source}, {items_of(result.count, result.total)}", rows)
