"""``narrows compare`` as a function: data and models as Python has them."""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Unpack

from narrows.data.read_options import ReadKeywords, ReadOptions
from narrows.errors import UsageError
from narrows.estimators.autoencoder import Autoencoder
from narrows.estimators.fit_data import seed_of
from narrows.estimators.outliers import OutlierDetector
from narrows.report.comparison.compared import Compared
from narrows.support import arguments
from narrows.support.log import say
from narrows.support.progress import NOBODY, Listener, going_on, shown
from narrows.support.temporary import temporary_folder
from narrows.tasks.compare import compare as job
from narrows.tasks.comparison.candidates import named
from narrows.tasks.comparison.parts import Reading
from narrows.tasks.options import CompareOptions

_MODEL_HINT = "give paths of model files, or fitted Autoencoders"


class CompareKeywords(ReadKeywords, total=False):
    """What is trained, and how data are read, as :func:`compare` says."""

    numbers: Sequence[int] | None
    epochs: int | None
    latent: int | None
    keep_models: str | os.PathLike[str] | None


def compare(
    data: Any,
    models: Any = (),
    *,
    test: Any = None,
    labels: Any = None,
    random_state: Any = 0,
    verbose: bool = True,
    **more: Unpack[CompareKeywords],
) -> Compared:
    """Compare an autoencoder of ``data`` with everything that one would use instead.

    It is what ``narrows compare`` does, which docs/compare.md describes: PCA, cosine transforms,
    image formats, compressors and archives, measured on items that nothing was learnt from and
    nothing chosen by. Without models it trains the article's and the default one.

    Args:
        data: as :func:`narrows.load_data` takes them: a path or a name, an array, a pandas or
            polars DataFrame, or a Dataset.
        models: a trained model, or several: paths of model files, or fitted Autoencoders. A dict
            has them by the names that the page calls them; otherwise a file's name and an
            estimator's class say it.
        test: what to measure on, in place of a fifth of ``data`` (for ``mnist`` without
            ``labels``, ``mnist:test``).
        labels: classes, to see what codes are good for. Of a table the name of a column, which
            nothing is learnt from; of other data one label an item, an array or a file.
        random_state: governs everything drawn at random: an integer, a RandomState, or None for
            another draw every time.
        verbose: whether to say on stderr what the program says: how far it is, and what a user
            should know.
        more: ``numbers``, sizes of codes to train models of for the curve of error over numbers,
            () for none; ``epochs``, of each training at most; ``latent``, numbers in the codes of
            those that are trained, by default as many as ``Autoencoder`` would take;
            ``keep_models``, a folder for them; and how images and CSV files are read, as for
            ``load_data``.

    Returns:
        All that the page shows; in a notebook its sentences and the table of errors.
        ``write("page.html")`` makes the page.

    Raises:
        DataError, ShapeError: the data are not what they must be.
        ModelFileError: a file is no model.
        UsageError: an argument that cannot be meant.

    Example:
        >>> found = compare("digits", numbers=(), epochs=2, verbose=False)
        >>> len(found.in_short), found.split.measured
        (3, 360)
    """
    options = _taken(more, seed_of(random_state))
    reading = Reading(test=test, labels=labels, options=ReadOptions.of(more))
    tells = arguments.truth("verbose", verbose)
    listener = Listener(track=shown, note=say) if tells else NOBODY
    with temporary_folder() as kept, going_on("working") if tells else nullcontext():
        found = job(data, _files(models, kept), options, reading, listener=listener)
    return Compared(**vars(found))


def _taken(more: CompareKeywords, seed: int) -> CompareOptions:
    """What is trained, which is taken out of ``more``: what is left says how data are read.

    Raises:
        UsageError: a value cannot be meant.
    """
    numbers, folder = more.pop("numbers", None), more.pop("keep_models", None)
    return CompareOptions(
        seed=seed,
        numbers=None if numbers is None else arguments.sizes("numbers", numbers),
        epochs=arguments.whole("epochs", more.pop("epochs", None), optional=True),
        latent=arguments.whole("latent", more.pop("latent", None), optional=True),
        folder=None if folder is None else Path(arguments.path("keep_models", folder)),
    )


def _files(models: Any, folder: Path) -> dict[str, Path]:
    """Files of models by what the page calls them, those of fitted ones in a folder.

    Raises:
        UsageError: one is neither, or two have one name.
    """
    if isinstance(models, Mapping):
        names = [str(name) for name in models]
        paths = [_file(each, folder, str(place)) for place, each in enumerate(models.values())]
        return dict(zip(names, paths, strict=True))
    alone = isinstance(models, str | os.PathLike | Autoencoder | OutlierDetector)
    given = [models] if alone else list(models)
    classes = [type(each).__name__ for each in given]
    paths = []
    for place, (model, name) in enumerate(zip(given, classes, strict=True)):
        several = classes.count(name) > 1
        number = f" {classes[: place + 1].count(name)}" if several else ""
        paths.append(_file(model, folder, f"{name}{number}"))
    return named(paths)


def _file(model: Any, folder: Path, name: str) -> Path:
    """A model's file: its own, or of a fitted one a file of that name in a folder."""
    if isinstance(model, str | os.PathLike):
        return Path(arguments.path("models", model))
    if not isinstance(model, Autoencoder | OutlierDetector):
        raise UsageError(f"models has a {type(model).__name__}", hint=_MODEL_HINT)
    path = folder / f"{name}.safetensors"
    model.save(path)
    return path
