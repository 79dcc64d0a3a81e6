"""What ``narrows fit`` trains and validates on: data sets, pairs of images, and tiles of images."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from narrows.data import Dataset, Pages, load_data, open_pages, validation_source
from narrows.data.pages import TILE, cut_tiles, needs_tiles, require_pairs, whole_pages
from narrows.data.read_options import ReadOptions, is_csv_file
from narrows.data.tables import is_table_path
from narrows.errors import DataError, UsageError
from narrows.model.ranges import require_familiar
from narrows.model.trained import TrainedModel
from narrows.planning.continuing import require_same_shape
from narrows.support.number_text import count_of
from narrows.support.progress import NOBODY, Listener
from narrows.support.standard_input import renamed
from narrows.tasks.opening import reading_for
from narrows.tasks.options import SourceOptions

#: The share of the rows that is held out where the data have no validation set of their own.
HELD_OUT = 0.1


def share_held_out(source: str, validation: str | None) -> float:
    """The share of the rows that is held out; 0 where other data are validated on.

    Raises:
        UsageError: ``validation`` is a number outside 0 to 1.
    """
    if validation is None:
        return 0.0 if validation_source(source) is not None else HELD_OUT
    return _share(validation) or 0.0


def load_training(
    source: str,
    options: SourceOptions,
    seed: int,
    *,
    types: Mapping[str, str] | None,
    start: TrainedModel | None,
    **how: Any,
) -> tuple[Dataset, Dataset | None]:
    """What is learnt from, and what is held out: see :func:`load_for_training`, and
    :func:`load_pages` where there is a target or are tiles."""
    if options.target is None and options.tile is None:
        training, held_out = load_for_training(
            source, options.validation, seed, start=start, types=types, **how
        )
    else:
        training, held_out = load_pages(source, options, seed, **how)
    return replace(training, name=renamed(training.name)), held_out


def load_for_training(
    source: str,
    validation: str | None = None,
    seed: int = 0,
    *,
    start: TrainedModel | None = None,
    types: Mapping[str, str] | None = None,
    reading: ReadOptions | None = None,
    listener: Listener = NOBODY,
) -> tuple[Dataset, Dataset | None]:
    """The training set and the validation set.

    Args:
        source: as :func:`narrows.load_data` takes it.
        validation: other data, or the share of the rows to hold out as a text; None for what suits
            ``source``.
        seed: draws what is held out.
        start: a model that goes on with the data, which are read as it takes them.
        types: kinds of a table's columns, by name.
        reading: how images of folders and CSV files are read.
        listener: told how far it is.

    Raises:
        DataError: a source is missing or not what it must be.
        UsageError: ``validation`` is a number outside 0 to 1.
    """
    reading = reading or ReadOptions()
    if start is not None:
        reading = reading_for(start, source, reading)
    table = None if start is None else start.data.table
    fraction = HELD_OUT if validation is None else _share(validation)
    own = validation_source(source) if validation is None else validation
    other = own if fraction is None or validation is None else None
    # options are for those that are CSV files, and for DATA to refuse where none is
    is_for_other = is_csv_file(other) and not is_csv_file(source)
    of_data = replace(reading, csv={}) if is_for_other else reading
    data = _with_labels(source, types=types, table=table, track=listener.track, **of_data.keywords)
    if start is not None:
        data = taken_by(start, data)
    if own is not None and (validation is None or fraction is None):
        said = reading.fitting(own).keywords
        held_out = _with_labels(own, table=data.table, track=listener.track, **said)
        require_alike(data, source, held_out, own)
        return data, held_out
    if fraction == 0:
        return data, None
    assert fraction is not None
    return data.split(fraction, seed, restated=start is None, in_place=True)


def taken_by(start: TrainedModel, data: Dataset) -> Dataset:
    """New data for a model to go on with, with a note where they have another range: it is learnt,
    in the scaling that the model has, and columns of a table have both ranges from then on.

    Raises:
        DataError: they are none, or no table and the model was trained on one.
        ShapeError: they have another shape.
    """
    if start.data.table is not None and data.table is None:
        raise DataError(
            f"{data.name} is no table, and the model was trained on {start.data.name}, which is",
            hint="give a table with the same columns, or train a new model",
        )
    if not len(data):
        raise DataError(
            f"n_samples=0: {data.name} has no rows, and a model goes on with 1 at least",
            hint="give more rows",
        )
    require_same_shape(start, data)
    try:
        notes = require_familiar(start, data.items, data.name)
    except UsageError as error:
        notes = [f"{error.message}; the model keeps its scaling"]
    table = None if data.table is None else data.table.covering(*data.column_extents)
    return replace(data, table=table, notes=(*data.notes, *notes))


def _with_labels(source: str, **how: Any) -> Dataset:
    """Data with their labels, which colour a picture; without them where these are no good."""
    try:
        return load_data(source, labels=True, **how)
    except DataError as error:
        data = load_data(source, **how)  # what is wrong with the items is said again
        note = f"its labels, which nothing is learnt from, are left out: {error.message}"
        return replace(data, notes=(*data.notes, note))


def load_pages(
    source: str,
    options: SourceOptions,
    seed: int,
    *,
    reading: ReadOptions,
    listener: Listener = NOBODY,
) -> tuple[Dataset, Dataset | None]:
    """The same of images: items that go in from ``source``, and what they shall become from
    ``options.target``, whole or in tiles of so many pixels each way.

    Whole images are held out, before any is cut: tiles of one page overlap.

    Raises:
        DataError: a source is missing, or the two do not have the same items.
        UsageError: ``validation`` is no share of the rows, or a source is a table.
    """
    reading.require_no_csv(source)
    target, tile, validation = options.target, options.tile, options.validation
    for name in filter(None, (source, target)):
        if is_table_path(name):
            raise UsageError(
                f"{name} is a table, and --target and --tile are for arrays and images",
                hint="train on it with --noise masking:0.3, and missing cells can be filled in",
            )
    fraction = HELD_OUT if validation is None else _share(validation)
    if fraction is None:
        raise UsageError(
            f"--validation {validation} is no share of the rows, which --target and --tile need",
            hint="give a number from 0 (none) to below 1",
        )
    images = reading.images
    given = open_pages(source, options=images, track=listener.track)
    wanted = given if target is None else open_pages(target, options=images, track=listener.track)
    require_pairs(given, wanted)
    if tile is None and needs_tiles(wanted):
        tile = TILE
    kept, held = list(range(len(wanted))), list[int]()
    if fraction:
        kept, held = wanted.split(fraction, seed)
    listener.note(f"{count_of(len(kept), 'images')} to learn from, {len(held):,} to validate on")

    def part(indices: list[int], number: int) -> Dataset:
        clean = wanted.take(indices)
        noisy: Pages | None = None if target is None else given.take(indices)
        if tile is None:
            return whole_pages(noisy, clean)
        return cut_tiles(noisy, clean, tile, seed + number, track=listener.track)

    return part(kept, 0), part(held, 1) if held else None


def _share(text: str) -> float | None:
    """``text`` as a share of rows, or None if it is no number and so names data."""
    try:
        value = float(text)
    except ValueError:
        return None
    if not 0 <= value < 1:
        raise UsageError(
            f"--validation {text} is no share of the rows",
            hint="give a number from 0 (none) to below 1, or data to validate on",
        )
    return value


def require_alike(data: Dataset, source: str, held_out: Dataset, own: str) -> None:
    """Make sure that what is validated on is like what is trained on.

    Raises:
        DataError: it is not.
    """
    if data.table is None and held_out.table is not None:
        raise DataError(
            f"{own} is a table, and {source} is none",
            hint="validate on data of the same kind",
        )
    if held_out.item_shape != data.item_shape:
        raise DataError(
            f"{own} has items of shape {held_out.item_shape}, and {source} has {data.item_shape}",
            hint="validate on items of the shape that the model is trained on",
        )
