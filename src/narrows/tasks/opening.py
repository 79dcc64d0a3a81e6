"""What a job begins with: a trained model, and data as it takes them."""

import os
from dataclasses import replace
from pathlib import Path

from narrows.data import Dataset, load_data
from narrows.data.read_options import ReadOptions
from narrows.data.sources import BUILT_IN
from narrows.errors import DataError
from narrows.model.file import load_model
from narrows.model.ranges import require_familiar
from narrows.model.trained import DataDescription, TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.planning.refinement import refining_told, require_refinable
from narrows.support.progress import NOBODY, Listener, Tracker, silent


def open_autoencoder(
    path: str | os.PathLike[str], refine: int | None = None, *, track: Tracker = silent
) -> TrainedAutoencoder:
    """The model of a file.

    Args:
        refine: steps that improve each code; None for those of the model.

    Raises:
        ModelFileError: the file is missing, damaged, from a newer narrows, or not ours.
        UsageError: its codes cannot be refined.
    """
    trained = load_model(path)
    if refine is not None:
        require_refinable(trained.model.spec, refine)
        trained = replace(trained, refinement=refine)
    return TrainedAutoencoder(trained, track)


def load_for(
    autoencoder: TrainedAutoencoder,
    source: str,
    *,
    reading: ReadOptions | None = None,
    check_range: bool = True,
    finding: bool = False,
    labels: bool = False,
    listener: Listener = NOBODY,
) -> Dataset:
    """Data whose items have the shape that the model takes: images changed as those that it was
    trained on were, and as ``reading`` wants it.

    Args:
        source: as :func:`narrows.load_data` takes it.
        reading: how images of a folder and CSV files are read.
        check_range, finding: whether to refuse what is in another unit, and whether odd items are
            what is looked for: see :func:`narrows.model.ranges.require_familiar`.
        labels: read the labels too, where the source has them.

    Raises:
        DataError: they are no table and the model was trained on one, or the reverse; or they are
            not what they must be.
        ShapeError: their items have another shape.
        UsageError: they are in another unit.
    """
    trained = autoencoder.trained.data
    said = reading_for(autoencoder.trained, source, reading or ReadOptions()).keywords
    data = load_data(source, labels=labels, table=trained.table, track=listener.track, **said)
    if trained.table is None and data.table is not None:
        raise DataError(
            f"{source} is a table, and the model was trained on {trained.name}, which is none",
            hint="give data of the kind that the model was trained on, or train one on the table",
        )
    listener.note_each(data.notes)
    made = autoencoder.trained
    listener.note_each(refining_told(made.model.spec, made.refinement, len(data)))
    items = autoencoder.shaped(data.items)  # a mistake must show before a file is opened
    if check_range:
        listener.note_each(require_familiar(made, items, source, finding=finding))
    return replace(data, items=items)


def items_learnt(trained: DataDescription, name: str, count: int) -> int:
    """How many of ``count`` items of a data set a model was trained on, as their name tells; 0
    where it does not."""
    if name not in BUILT_IN and not Path(name).exists():
        return 0
    same = name == trained.name or Path(name).resolve() == Path(trained.name).resolve()
    return trained.count if same and trained.count <= count else 0


def reading_for(trained: TrainedModel, source: str, reading: ReadOptions) -> ReadOptions:
    """How ``source`` is read: its images as the model keeps it, and as is asked for."""
    if source in BUILT_IN or not Path(source).is_dir():
        return reading
    return replace(reading, images=reading.images.over(trained.data.images))
