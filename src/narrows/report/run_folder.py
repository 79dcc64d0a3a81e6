"""The pictures that a training run leaves in its folder."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from narrows.data import Dataset
from narrows.errors import OutputError
from narrows.model.coded_items import CodedItems
from narrows.model.use import TrainedAutoencoder
from narrows.report.evaluation import Evaluation, fitted_pca
from narrows.report.figures import COLUMNS
from narrows.report.figures.column_errors import column_errors_figure
from narrows.report.figures.latent_space import MOST_POINTS, codes
from narrows.report.figures.loss_curves import loss_figure
from narrows.report.figures.reconstructions import reconstructions
from narrows.report.figures.style import save_figure
from narrows.support.number_text import count_of
from narrows.support.progress import Tracker, silent
from narrows.training import History

PICTURES = LOSS, RECONSTRUCTIONS, CODES = "loss.png", "reconstructions.png", "codes.png"


def draw_run(
    folder: Path,
    autoencoder: TrainedAutoencoder,
    history: History,
    *,
    shown: Dataset,
    evaluation: Evaluation,
    seed: int,
    coded: CodedItems | None = None,
    track: Tracker = silent,
) -> dict[str, str]:
    """Draw the losses, some items of ``shown`` with their reconstructions, and its codes; of a
    table the error of each column, as a row is no curve.

    A picture that cannot be drawn or written keeps nothing from the others.

    Args:
        coded: the items of ``shown`` with the codes that are known.
        track: told about the progress, in pictures.

    Returns:
        what to say of each picture that is not there, by the name of its file.
    """
    trained = autoencoder.trained
    numbers = count_of(trained.model.spec.latent_size, "numbers")
    labels = {
        "label": numbers if shown.inputs is None else "denoised",
        "pca_label": f"PCA, {count_of(evaluation.pca.numbers, 'numbers')}",
    }
    order = np.random.default_rng([seed, _PICTURE_STREAM]).permutation(len(shown))

    def losses(path: Path) -> None:
        # Only a squared error can stand beside PCA's.
        error = evaluation.pca.mse if trained.training.objective == "l2" else None
        loss_figure(history, path, pca_error=error, pca_label=labels["pca_label"])

    def items(path: Path) -> None:
        if evaluation.columns:
            column_errors_figure(evaluation.columns, path, **labels)
        else:
            _draw_items(autoencoder, shown, np.sort(order[:COLUMNS]), path, labels)

    def latent_space(path: Path) -> None:
        rows = np.sort(order[:MOST_POINTS])
        classes = None if shown.labels is None else shown.labels[rows]
        known = autoencoder.coded(shown.items) if coded is None else coded
        save_figure(codes(known.codes(rows), classes), path)

    failures = dict[str, str]()
    with track("drawing pictures", total=len(PICTURES), unit="pictures") as advance:
        for name, draw in zip(PICTURES, (losses, items, latent_space), strict=True):
            failures[name] = _failure(draw, folder / name)
            advance(1)
    return {name: failure for name, failure in failures.items() if failure}


def _draw_items(
    autoencoder: TrainedAutoencoder,
    shown: Dataset,
    rows: np.ndarray,
    path: Path,
    labels: Mapping[str, str],
) -> None:
    """Draw some items with what the model and PCA make of them, or of their noisy inputs."""
    trained, inputs = autoencoder.trained, None
    some = autoencoder.shaped(np.asarray(shown.items[rows]))
    if shown.inputs is not None:
        inputs = autoencoder.shaped(np.asarray(shown.inputs[rows]))
    given = some if inputs is None else inputs
    axes = reconstructions(
        some,
        autoencoder.reconstruct(given),
        value_range=trained.data.value_range,
        pca=fitted_pca(trained).reconstruct(given),
        noisy=inputs,
        label=labels["label"],
        pca_label=labels["pca_label"],
    )
    save_figure(axes, path)


def _failure(draw: Callable[[Path], None], path: Path) -> str:
    """Draw a picture; what to say where it cannot be had, and nothing where it is there."""
    try:
        draw(path)
    except OutputError as error:
        said = error.message
    except Exception as error:  # the library that draws wants fonts, and folders of its own
        said = f"{path} was not drawn: {type(error).__name__}: {error}"
    else:
        return ""
    return f"{said}; the one that is there is of an earlier run" if path.exists() else said


# Keeps the choice of pictures apart from other uses of the same seed.
_PICTURE_STREAM = 0x91C7
