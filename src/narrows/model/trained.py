"""A trained model: spec and arrays, what it was trained on and how, what was learnt beside it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from narrows.data import TableSchema
from narrows.data.image_options import ImageOptions
from narrows.data.limits import known_peak
from narrows.learnt.density import Density
from narrows.learnt.detection import Detection
from narrows.learnt.pca import PCA
from narrows.nn.blocks import Shape
from narrows.nn.model import Model
from narrows.support.rounding import ValueType


@dataclass(frozen=True, kw_only=True)
class DataDescription:
    """What a model was trained on.

    Attributes:
        name: what the user called it.
        count: how many items.
        dtype: NumPy's name of their dtype, which decoding gives back.
        value_range: the lowest and highest value the source's format can hold, or None.
        table: how a table's columns became features; None if it was no table.
        extent: the lowest and the highest of all values; None for a table.
        peak: what a PSNR is measured against, see :func:`narrows.data.limits.known_peak`.
        images: what was done to the images of a folder, as is done to those that are given later.
        whole: whether all values are whole numbers; None where nobody looked.
        narrowest: what nearly all items' highest and lowest value differ by at least, or None.
        sums: columns of a table that follow exactly from one another, as a total from its parts.
    """

    name: str
    count: int
    dtype: str
    value_range: tuple[float, float] | None = None
    table: TableSchema | None = None
    extent: tuple[float, float] | None = None
    peak: float | None = None
    images: ImageOptions = ImageOptions()  # noqa: RUF009
    whole: bool | None = None
    narrowest: float | None = None
    sums: tuple[str, ...] = ()

    @property
    def value_type(self) -> ValueType:
        """What results are given back as."""
        return ValueType(np.dtype(self.dtype), self.value_range)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        measured = {
            "extent": self.extent,
            "peak": self.peak,
            "whole": self.whole,
            "narrowest": self.narrowest,
        }
        return {
            "name": self.name,
            "count": self.count,
            "dtype": self.dtype,
            "value_range": self.value_range,
            "table": None if self.table is None else self.table.to_dict(),
            **({"images": self.images.to_dict()} if self.images.changes else {}),
            **({"sums": list(self.sums)} if self.sums else {}),
            **{key: value for key, value in measured.items() if value is not None},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DataDescription":
        """From JSON values that may be a stranger's.

        Raises:
            ValueError, TypeError, KeyError: they are no description's.
        """
        dtype = np.dtype(str(values["dtype"]))
        if dtype.kind not in "biuf":
            raise ValueError(f"its data have dtype {dtype}")
        table, peak = values.get("table"), values.get("peak")
        if peak is not None and not 0 < float(peak) < math.inf:
            raise ValueError(f"its data have a peak of {peak!r}")
        whole, narrowest = values.get("whole"), values.get("narrowest")
        if not (whole is None or isinstance(whole, bool)):
            raise ValueError(f"whether its data are whole numbers is {whole!r}")
        if narrowest is not None and not 0 <= float(narrowest) < math.inf:
            raise ValueError(f"its items span {narrowest!r} at least")
        return cls(
            name=str(values["name"]),
            count=int(values["count"]),
            dtype=dtype.name,
            value_range=_ends(values["value_range"]),
            table=None if table is None else TableSchema.from_dict(table),
            extent=_ends(values.get("extent")),
            peak=None if peak is None else float(peak),
            images=ImageOptions.from_dict(values.get("images")),
            whole=whole,
            narrowest=None if narrowest is None else float(narrowest),
            sums=tuple(map(str, values.get("sums", ()))),
        )


def _ends(values: Any) -> tuple[float, float] | None:
    """The two ends of a range from JSON values, or None."""
    if values is None:
        return None
    lowest, highest = (float(value) for value in values)
    if not (math.isfinite(lowest) and math.isfinite(highest) and lowest <= highest):
        raise ValueError(f"its data have a range from {lowest} to {highest}")
    return lowest, highest


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """How a model was trained, and the losses that it ended with: nothing that depends on the
    clock. What nobody said is None.

    Attributes:
        preset: the preset that its spec is from; None for a spec of the user's own.
        objective: the loss.
        epochs: passes over the training set.
        epoch: the one that the model is of, from 1.
        batch_size: items a step.
        learning_rate: Adam's, at its highest, and its ``weight_decay``.
        schedule: how the learning rate went.
        shift: pixels that images were moved by at most.
        noise: what was done to what went in.
        seed: governed everything drawn at random.
        tile: the height and width of the tiles that it was trained on.
        filters: of a model that learnt to denoise images, the filters that it is compared with, by
            name, with their numbers.
        linear: whether PCA took the place of what was trained.
        loss: of that epoch, in the data's own units, as ``val_loss``.
        continued: what the model had been trained on that this training went on from.
        error: mean squared error of held-out items, as ``narrows evaluate`` counts it, and
            ``pca_error`` that of PCA with as many numbers; ``measured`` of them.
        noise_variance: of a variational model, the variance of its decoder, see
            :func:`narrows.model.use.noise_variance`.
    """

    preset: str | None = None
    objective: str | None = None
    epochs: int | None = None
    epoch: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    shift: int | None = None
    noise: str | None = None
    seed: int | None = None
    tile: int | None = None
    filters: dict[str, dict[str, float]] | None = None
    linear: bool = False
    loss: float | None = None
    val_loss: float | None = None
    noise_variance: float | None = None
    continued: str | None = None
    error: float | None = None
    pca_error: float | None = None
    measured: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values; none where nothing is known."""
        values = {} if self == TrainingRecord() else asdict(self)
        told = {name for name in values if name not in _WHERE_THERE}
        return {
            name: value
            for name, value in values.items()
            if name in told or (value is not None and value is not False)
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainingRecord":
        """From JSON values that may be a stranger's, or an older version's.

        Raises:
            ValueError, TypeError: they are no record's.
        """
        values = dict(values)
        found = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        for name, value in found.items():
            if value is not None and not _is_told_as(name, value):
                raise ValueError(f"its training has {value!r} for its {name}")
        return cls(**found)


# What a record has only where there is such a thing.
_WHERE_THERE = (
    *("tile", "filters", "linear", "loss", "val_loss", "noise_variance", "continued"),
    *("error", "pca_error", "measured"),
)
_TEXTS = ("preset", "objective", "schedule", "noise", "continued")
_WHOLE = ("epochs", "epoch", "batch_size", "shift", "seed", "tile", "measured")


def _is_told_as(name: str, value: Any) -> bool:
    """Whether a value of a record is of the type that it must have."""
    if name == "linear":
        return isinstance(value, bool)
    if name in _TEXTS:
        return isinstance(value, str)
    if name == "filters":
        parts = list(value.values()) if isinstance(value, dict) else [value]
        return all(
            isinstance(one, dict) and all(isinstance(each, int | float) for each in one.values())
            for one in parts
        )
    kind = int if name in _WHOLE else int | float
    return isinstance(value, kind) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A model with all that belongs to it.

    Attributes:
        model: spec, arrays and scaling.
        data: what it was trained on.
        training: how: preset, loss, epochs, seed and the losses it ended with.
        baseline: the linear code of the same size, fitted to the same items, the arrays of a
            :class:`narrows.learnt.pca.PCA`.
        latent: what is known of the codes of the training set: ``lowest``, ``highest`` and ``mean``
            of each number, float32 (latent_size,).
        density: how those codes lie, the arrays of a :class:`narrows.learnt.density.Density`; empty
            in older files, and where codes are too long for one.
        detection: what tells odd items, the arrays of a
            :class:`narrows.learnt.detection.Detection`; empty in older files, and where codes are
            too long for it.
        versions: what computed it.
        refinement: how many steps improve each code after the encoder, see
            :mod:`narrows.engine.refinement`.
        parameters: those of the estimator that trained it, see :mod:`narrows.planning.parameters`;
            empty in older files.
        values: of flat rows, ``lowest`` and ``highest`` of each value, float64 (item_size,); empty
            in older files and for other items.
        scores: of a :class:`narrows.PyODDetector`: ``training``, how odd each training item is,
            float64 (n,); empty otherwise.
    """

    model: Model
    data: DataDescription
    training: TrainingRecord = field(default_factory=TrainingRecord)
    baseline: dict[str, np.ndarray] = field(default_factory=dict)
    latent: dict[str, np.ndarray] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    refinement: int = 0
    density: dict[str, np.ndarray] = field(default_factory=dict)
    detection: dict[str, np.ndarray] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def item_shape(self) -> Shape:
        return self.model.spec.item_shape

    @property
    def described(self) -> DataDescription:
        """What the training set was, with the range that it filled and the peak of a PSNR in files
        too that were written before these were kept, as far as the scaling tells them: where it
        changes anything, 0 to 1 is the range that was filled."""
        data, scaling = self.data, self.model.scaling
        if data.extent is not None or data.table is not None:
            return data
        extent = data.value_range
        if (scaling.offset, scaling.scale) != (0, 1):
            extent = scaling.offset, scaling.offset + scaling.scale
        dtype = np.dtype(data.dtype)
        whole = dtype.kind != "f"
        peak = known_peak(self.item_shape, dtype, data.value_range, extent, whole)
        return replace(data, extent=extent, peak=peak)

    @cached_property
    def learnt_pca(self) -> PCA | None:
        """The linear code of the same size; None where the model came without one.

        Raises:
            ValueError: its arrays are none; also below.
        """
        return PCA.from_arrays(self.baseline, self._size) if self.baseline else None

    @cached_property
    def learnt_density(self) -> Density | None:
        """How the codes of the training set lie; None where nothing is known of it."""
        size = self.model.spec.latent_size
        return Density.from_arrays(self.density, size) if self.density else None

    @cached_property
    def learnt_detection(self) -> Detection | None:
        """What tells odd items; None where nothing is known of it."""
        spec = self.model.spec
        # codes that are not all that the decoder takes say little of an item
        numbers = 0 if spec.crosses else spec.latent_size
        return (
            Detection.from_arrays(self.detection, self._size, numbers) if self.detection else None
        )

    def __getstate__(self) -> dict[str, Any]:
        # copies make again what is made of the arrays
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def _size(self) -> int:
        return math.prod(self.item_shape)

    @property
    def dead(self) -> np.ndarray:
        """The indices of latent numbers that were constant over the training set."""
        if not self.latent:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.latent["lowest"] == self.latent["highest"])
