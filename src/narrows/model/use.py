"""Using a trained model: codes, reconstructions, in the shape and dtype of the data."""

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Shaped

from narrows.data.file_arrays import in_file
from narrows.engine import make_runner, measure_evidence
from narrows.engine.evidence import is_variational
from narrows.errors import ShapeError, UsageError
from narrows.model.coded_items import CodedItems
from narrows.model.ranges import OrdinaryItems
from narrows.model.trained import TrainedModel
from narrows.nn.model import Model
from narrows.nn.objectives import Objective
from narrows.support.ahead import in_order
from narrows.support.chunks import RowSlices, pieces, release
from narrows.support.cores import usable_cores
from narrows.support.number_text import count_of
from narrows.support.progress import Tracker, silent
from narrows.support.rounding import ValueType, as_type
from narrows.support.spelling import spelt

_SMALLEST_VARIANCE = 1e-30


class TrainedAutoencoder:
    """Encodes and decodes with one trained model."""

    def __init__(self, trained: TrainedModel, track: Tracker = silent) -> None:
        self.trained = trained
        self._runner = make_runner(trained.model, trained.refinement, track)

    @cached_property
    def ordinary(self) -> OrdinaryItems | None:
        """Items whose range needs no other look."""
        return OrdinaryItems.of(self.trained)

    @cached_property
    def _value_type(self) -> ValueType:
        return self.trained.data.value_type

    def encode(self, items: Shaped[np.ndarray, "n ..."]) -> Float32[np.ndarray, "n latent"]:
        """Latent codes, float32 (n, latent_size); of items in a file in bounded memory.

        Args:
            items: (n, \\*item_shape), or flat rows (n, item_size); any real dtype, in data units.

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        items = self.shaped(items)
        if not in_file(items):
            return self._runner.encode(items)
        parts = list(self.encode_in_parts(items))
        return np.concatenate(parts) if parts else self._runner.encode(np.asarray(items))

    def encode_in_parts(self, items: RowSlices) -> Iterator[Float32[np.ndarray, "m latent"]]:
        """What :meth:`encode` gives, of some items after the others: of a file, two parts are
        worked on at once where the engine can, so that one is read while the other is encoded.

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        file = items if isinstance(items, np.ndarray) and in_file(items) else None
        threads = 1 if file is None else min(self._runner.calls_at_once, usable_cores())

        def codes(places: slice) -> np.ndarray:
            found = self._runner.encode(self.shaped(items[places]))
            if file is not None:
                release(file)
            return found

        width = self.trained.model.spec.latent_size
        yield from in_order(codes, pieces(items, width=width), threads, lambda: threads)

    def decode_floats(self, codes: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "n *item"]:
        """Reconstructions as the network gives them: floats (n, \\*item_shape), in data units.

        Args:
            codes: (n, latent_size), any real dtype.

        Raises:
            ShapeError: codes of another size.
        """
        return self._decode(codes, None)

    def _decode(self, codes: np.ndarray, to: ValueType | None) -> np.ndarray:
        self.require_codes(codes)
        return self._runner.decode(np.ascontiguousarray(codes, np.float32), to)

    def require_codes(self, codes: Shaped[np.ndarray, "..."]) -> None:
        """Make sure that an array holds codes of this model.

        Raises:
            ShapeError: it does not.
        """
        size = self.trained.model.spec.latent_size
        if codes.ndim != 2 or codes.shape[1] != size:
            raise ShapeError(
                f"codes of shape {codes.shape} do not fit a model whose codes "
                f"have {count_of(size, 'numbers')}",
                hint=f"give an array of shape (n, {size}), such as narrows encode writes",
            )

    def decode(self, codes: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "n *item"]:
        """Reconstructions in the dtype of the training data, rounded and clipped to fit it."""
        return self._decode(codes, self._value_type)

    def reconstruct(self, items: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "n *item"]:
        """What the model makes of ``items``, in the dtype of the training data, as of codes."""
        return self._runner.reconstruct(self.shaped(items), self._value_type)

    def reconstruct_floats(
        self, items: Shaped[np.ndarray, "n ..."]
    ) -> Float[np.ndarray, "n *item"]:
        """What the network makes of ``items``: floats (n, \\*item_shape), in data units.

        The two halves of the model run as one, so that a decoder may take more than the code.

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        return self._runner.reconstruct(self.shaped(items))

    def encode_and_reconstruct(
        self, items: Shaped[np.ndarray, "n ..."]
    ) -> tuple[Float32[np.ndarray, "n latent"], Float[np.ndarray, "n *item"]]:
        """What :meth:`encode` and :meth:`reconstruct_floats` give, finding each code once; what XLA
        computes may be rounded otherwise.

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        items = self.shaped(items)
        codes = self._runner.encode(items)
        # a decoder that takes more than the code needs the encoder's other results too
        crosses = self.trained.model.spec.crosses
        return codes, self._runner.reconstruct(items) if crosses else self._runner.decode(codes)

    def coded(self, items: Shaped[np.ndarray, "n ..."]) -> CodedItems:
        """``items`` with the codes that the model has for them, which are found once.

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        return CodedItems(self._runner, self.trained.model.spec, self.shaped(items))

    def elbo(self, items: Shaped[np.ndarray, "n ..."]) -> float:
        """The mean evidence lower bound of ``items``, in nats an item, from one draw of each code;
        higher is better. The draws are the same at every call.

        Under l2 it bounds the logarithm of a density over the data's own values, with the variance
        of the decoder that was fitted to the training set; see
        :meth:`narrows.engine.evidence.Evidence.elbo`.

        Raises:
            UsageError: the model is not variational, its file does not hold the variance, or there
                are no items.
            ShapeError: the model was trained on items of another shape.
        """
        model, training = self.trained.model, self.trained.training
        if not is_variational(model.spec):
            raise UsageError(
                "only variational models have an evidence lower bound, and this one has no "
                "gaussian block",
                hint=f"train one with {spelt('preset', 'variational')}",
            )
        if not len(items):
            raise UsageError("the evidence of 0 items is no number", hint="give at least one")
        objective = Objective.parse(training.objective or "l2")
        variance = 1.0 if objective.name == "bce" else training.noise_variance
        if variance is None or not variance > 0:
            raise UsageError(
                f"the model file has a decoder variance of {variance}, and needs a number above 0",
                hint="train it again with narrows fit",
            )
        return measure_evidence(model, objective, self.shaped(items)).elbo(variance)

    def as_data(self, values: Float[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """Values in data units in the dtype of the training data, rounded and clipped to fit it."""
        return as_type(values, self._value_type)

    def shaped(self, items: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "n *item"]:
        """``items`` as (n, \\*item_shape), if they are that or flat rows of as many values.

        Raises:
            ShapeError: they are neither.
        """
        shape = self.trained.item_shape
        if items.shape[1:] == shape:
            return items
        if items.shape[1:] == (math.prod(shape),):
            return items.reshape(len(items), *shape)
        hint, given = "give items of that shape, or flat rows of as many values", items.shape[1:]
        if len(given) == 3 and given != shape:
            if (*given[1:], given[0]) == shape:
                hint = "move the axis of the channels to the end: np.moveaxis(X, 1, -1)"
            elif (given[-1], *given[:-1]) == shape:
                hint = "move the axis of the channels to the front: np.moveaxis(X, -1, 1)"
        raise ShapeError(
            f"the items have shape {given}, and the model was trained on {shape}", hint=hint
        )


def noise_variance(model: Model, objective: Objective, items: np.ndarray) -> float | None:
    """The variance of the decoder that suits ``items`` (n, \\*item_shape) best, in the data's own
    unit squared, for a variational model under l2; None for any other.

    Of the training set, it is what a model file keeps as ``training.noise_variance``.
    """
    if not is_variational(model.spec) or objective.name != "l2":
        return None
    # a set that is reconstructed exactly has a density without bound
    return max(measure_evidence(model, objective, items).noise_variance, _SMALLEST_VARIANCE)
