"""The pictures that a training run leaves in its folder."""

from pathlib import Path

import numpy as np

from narrows.data import Dataset
from narrows.report.evaluation import Evaluation, fitted_pca
from narrows.report.figures import COLUMNS, codes_figure, loss_figure, reconstructions_figure
from narrows.running import Codec
from narrows.training import History

LOSS, RECONSTRUCTIONS, CODES = "loss.png", "reconstructions.png", "codes.png"
# A figure of the latent space draws no more points than this.
_MOST_CODES = 5000


def draw_run(
    folder: Path, codec: Codec, history: History, shown: Dataset, evaluation: Evaluation, seed: int
) -> None:
    """Draw the losses, some items of ``shown`` with their reconstructions, and its codes.

    Raises:
        OutputError: a picture cannot be written.
    """
    trained = codec.trained
    numbers = trained.model.spec.latent_size
    plural = "" if numbers == 1 else "s"
    pca_label = f"PCA, {evaluation.pca.numbers} number{'' if evaluation.pca.numbers == 1 else 's'}"
    # Only a squared error can stand beside PCA's.
    squared = trained.training.get("objective") == "l2"
    loss_figure(
        history,
        folder / LOSS,
        pca_error=evaluation.pca.mse if squared else None,
        pca_label=pca_label,
    )
    random = np.random.default_rng([seed, _PICTURE_STREAM])
    order = random.permutation(len(shown))
    drawn = np.sort(order[:COLUMNS])
    some = codec.shaped(np.asarray(shown.items[drawn]))
    inputs = None if shown.inputs is None else codec.shaped(np.asarray(shown.inputs[drawn]))
    given = some if inputs is None else inputs
    reconstructions_figure(
        some,
        codec.reconstruct(given),
        folder / RECONSTRUCTIONS,
        value_range=trained.data.value_range,
        label=f"{numbers} number{plural}" if inputs is None else "denoised",
        pca=fitted_pca(trained).reconstruct(given),
        pca_label=pca_label,
        noisy=inputs,
    )
    rows = np.sort(order[:_MOST_CODES])
    labels = None if shown.labels is None else shown.labels[rows]
    codes_figure(codec.encode(np.asarray(shown.items[rows])), labels, folder / CODES)


# Keeps the choice of pictures apart from other uses of the same seed.
_PICTURE_STREAM = 0x91C7
