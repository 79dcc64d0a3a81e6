"""The best linear encoder and decoder, PCA, as a model like any other."""

import numpy as np

from narrows.data import Dataset
from narrows.engine import make_runner
from narrows.learnt.pca import PCA
from narrows.nn.blocks import Dense, Flatten, Shape
from narrows.nn.model import Model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec, mirrored
from narrows.support.chunks import chunks, measured_places
from narrows.support.number_text import measured_on, readable


def linear_scaling(training: Dataset, pca: PCA) -> Scaling:
    """How the values of the linear model are centred and scaled.

    8-bit values, and the features of a table, are near 0 as they are. Of others the mean item is
    taken off before float32 rounds them, and the widest range becomes 1.
    """
    if training.table is not None or training.items.dtype == np.uint8:
        return Scaling()
    lowest, highest = training.extent
    return Scaling(0.0, highest - lowest if highest > lowest else 1.0, pca.mean.astype(np.float64))


def linear_model(item_shape: Shape, pca: PCA, scaling: Scaling | None = None) -> Model:
    """The best linear encoder and decoder, as a model like any other: PCA in two dense layers.

    Its codes are PCA's, in data units, or, where squares of these would be no numbers in float32,
    divided by the scale of ``scaling``; None for values as they are.
    """
    scaling = Scaling() if scaling is None else scaling
    latent = len(pca.components)
    encoder = (Flatten(), Dense(latent))
    spec = Spec(item_shape, encoder, mirrored(encoder, item_shape, "linear"))
    components = pca.components.astype(np.float64)
    unit = scaling.scale if _SMALLEST_UNIT < scaling.scale < 1 / _SMALLEST_UNIT else 1.0
    centre = scaling.offset if scaling.centre is None else scaling.offset + scaling.centre
    mean = (pca.mean - centre) / scaling.scale
    arrays = {
        "encoder.1.weight": components.T * unit,
        "encoder.1.bias": -components @ mean * unit,
        "decoder.0.weight": components / unit,
        "decoder.0.bias": mean,
    }
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    return Model(spec, arrays, scaling)


# Codes of this size have squares, and sums of them, that float32 holds.
_SMALLEST_UNIT = 1e-15


def where_linear_is_better(
    model: Model, linear: Model, data: Dataset, refinement: int, seed: int, *, held_out: bool
) -> list[str]:
    """What to say if the linear model keeps more of ``data``, or of a sample of very many items;
    nothing if it does not. ``held_out`` says whether ``data`` are."""
    some = measured_places(len(data), seed)
    found, best = (_mean_squared_error(each, data.items, some) for each in (model, linear))
    if found > best and refinement:  # which never makes it larger, and takes longer
        some = measured_places(len(data), seed, refined=True)
        found = _mean_squared_error(model, data.items, some, refinement)
        best = _mean_squared_error(linear, data.items, some)
    if found <= best:
        return []
    return [
        f"kept the best linear model, PCA: its squared error is {readable(best)}, and with "
        f"hidden layers it is {readable(found)}, {_measured(some, data, held_out)}"
    ]


def where_start_is_better(model: Model, start: Model, held_out: Dataset, seed: int) -> list[str]:
    """What to say if a model that was trained further keeps less of ``held_out`` than it did
    before, as :func:`where_linear_is_better` does."""
    some = measured_places(len(held_out), seed)
    found, before = (_mean_squared_error(each, held_out.items, some) for each in (model, start))
    if found <= before:
        return []
    return [
        f"kept the model as it was: its squared error is {readable(before)}, and after going on "
        f"it is {readable(found)}, {_measured(some, held_out, True)}"
    ]


def _measured(some: np.ndarray | None, data: Dataset, held_out: bool) -> str:
    count = len(data) if some is None else len(some)
    return measured_on(count, len(data), held_out=held_out)


def _mean_squared_error(
    model: Model, items: np.ndarray, at: np.ndarray | None, refinement: int = 0
) -> float:
    runner, total = make_runner(model, refinement), 0.0
    for chunk in chunks(items, at=at):
        difference = runner.reconstruct(chunk).astype(np.float64) - chunk
        total += float(np.vdot(difference, difference))
    return total / (items.size if at is None else len(at) * items[:1].size)
