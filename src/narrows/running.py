"""Using a trained model: codes, reconstructions, in the shape and dtype of the data."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32, Shaped

from narrows.engine import make_runner
from narrows.errors import ShapeError
from narrows.model_file import TrainedModel
from narrows.nn.scaling import as_dtype

#: Values that go through a model at a time when results are streamed: 4 MB of 8-bit data.
CHUNK_VALUES = 1 << 22


class Codec:
    """Encodes and decodes with one trained model."""

    def __init__(self, trained: TrainedModel) -> None:
        self.trained = trained
        self._runner = make_runner(trained.model)

    def encode(self, items: Shaped[np.ndarray, "n ..."]) -> Float32[np.ndarray, "n latent"]:
        """Latent codes, float32 (n, latent_size).

        Args:
            items: (n, \\*item_shape), or flat rows (n, item_size); any real dtype, in data units.

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        return self._runner.encode(self.shaped(items))

    def decode_floats(self, codes: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "n *item"]:
        """Reconstructions as the network gives them: floats (n, \\*item_shape), in data units.

        Args:
            codes: (n, latent_size), any real dtype.

        Raises:
            ShapeError: codes of another size.
        """
        self.require_codes(codes)
        return self._runner.decode(np.ascontiguousarray(codes, np.float32))

    def require_codes(self, codes: Shaped[np.ndarray, "..."]) -> None:
        """Make sure that an array holds codes of this model.

        Raises:
            ShapeError: it does not.
        """
        size = self.trained.model.spec.latent_size
        if codes.ndim != 2 or codes.shape[1] != size:
            raise ShapeError(
                f"codes of shape {codes.shape} do not fit a model whose codes have {size} numbers",
                hint=f"give an array of shape (n, {size}), such as narrows encode writes",
            )

    def decode(self, codes: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "n *item"]:
        """Reconstructions in the dtype of the training data, rounded and clipped to fit it."""
        return self._as_data(self.decode_floats(codes))

    def reconstruct(self, items: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "n *item"]:
        """What the model makes of ``items``, in the dtype of the training data, as of codes."""
        return self._as_data(self.reconstruct_floats(items))

    def reconstruct_floats(
        self, items: Shaped[np.ndarray, "n ..."]
    ) -> Float[np.ndarray, "n *item"]:
        """What the network makes of ``items``: floats (n, \\*item_shape), in data units.

        The two halves of the model run as one, so that a decoder may take more than the code.

        Raises:
            ShapeError: the model was trained on items of another shape.
        """
        return self._runner.reconstruct(self.shaped(items))

    def _as_data(self, values: Float[np.ndarray, "n *item"]) -> Shaped[np.ndarray, "n *item"]:
        data = self.trained.data
        return as_dtype(values, np.dtype(data.dtype), data.value_range)

    def shaped(self, items: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "n *item"]:
        """``items`` as (n, \\*item_shape), if they are that or flat rows of as many values.

        Raises:
            ShapeError: they are neither.
        """
        shape = self.trained.item_shape
        size = int(np.prod(shape, dtype=np.int64))
        if items.shape[1:] == shape:
            return items
        if items.shape[1:] == (size,):
            return items.reshape(len(items), *shape)
        raise ShapeError(
            f"the items have shape {items.shape[1:]}, and the model was trained on {shape}",
            hint="give items of that shape, or flat rows of as many values",
        )


def chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """``rows`` a bounded number of values at a time, so that a file larger than memory will do."""
    step = max(CHUNK_VALUES // max(rows[:1].size, 1), 1)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
