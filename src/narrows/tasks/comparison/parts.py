"""What a comparison learns from, validates on and measures on, with labels where there are any."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np

from narrows.data import Dataset, TableSchema, load_data, validation_source
from narrows.data.named_arrays import page_name
from narrows.data.read_options import ReadOptions
from narrows.data.tables import is_frame, is_table
from narrows.data.tables.frames.objects import missing_mark
from narrows.errors import DataError, UsageError
from narrows.model.ranges import judging_rows
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.report.comparison.classes import MOST_CLASSES, NO_CLASS
from narrows.support.progress import Tracker, silent
from narrows.support.spelling import spelt
from narrows.support.standard_input import renamed
from narrows.tasks.training_data import HELD_OUT, require_alike

#: The share of the items that everything is measured on, where the data have no test set.
MEASURED = 0.2

#: What data come from: as :func:`narrows.load_data` takes it, read already or not.
Source = Any


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How data are read.

    Attributes:
        test: data of their own to measure on, a source too; None for what suits the source, which
            is a part of it where labels are given.
        labels: of a table, the column that holds classes, which nothing is learnt from; of other
            data, a source of whole numbers, one an item, or an array of numbers or texts.
        types: kinds of a table's columns, by name.
        options: how images of folders and CSV files are read.
        table: the schema to read a table by; None for one of its own.
    """

    test: Source = None
    labels: Any = None
    types: Mapping[str, str] | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    table: TableSchema | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """The data of a comparison.

    Attributes:
        name: their file's or folder's, without the path to it: pages are sent to others.
        count: items in all.
        held_out: whether ``test`` is a part of them, and no source of its own.
        named: what the program reads them by, and by which what is measured on, as they were given;
            None where they have no names.
        training: what is learnt from.
        validation: what decides when to stop; None where nothing is decided so.
        test: what everything is measured on. It decided nothing.
        wild: rows of a table that would be measured too, with numbers far outside those of the
            training rows: they are in no figure; None where there are none.
        places: where each measured item is in the source that it is from, from 0 on, int (n,).
        rows: of a table all of them, for what is said of its columns and of no model; None of
            other data.
        seed: drew what was held out.
    """

    name: str
    count: int
    held_out: bool
    named: tuple[str, str] | None
    training: Dataset
    validation: Dataset | None
    test: Dataset
    wild: Dataset | None
    places: np.ndarray
    rows: Dataset | None
    seed: int

    @property
    def shown(self) -> Dataset:
        """What a training run shows losses of beside its own: the test set where nothing is
        validated on, as the article does it. It decides nothing there."""
        return self.test if self.validation is None else self.validation

    @property
    def things(self) -> str:
        """What sentences call several of them."""
        return "items" if self.test.table is None else "rows"

    @property
    def unlabelled(self) -> int:
        """How many of the items have no class, where others have one."""
        parts = (self.training, self.validation, self.test)
        labels = [part.labels for part in parts if part is not None and part.labels is not None]
        return sum(int((some == NO_CLASS).sum()) for some in labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the labels' numbers; () without labels."""
        return self.training.classes or ()


def load_parts(
    source: Source,
    reading: Reading,
    seed: int,
    *,
    validated: bool = True,
    track: Tracker = silent,
) -> Parts:
    """Read data, hold out what is measured on, and then what training may be decided by.

    Args:
        source: as :func:`narrows.load_data` takes it, or a Dataset.
        reading: how.
        seed: draws what is held out.
        validated: whether anything will be trained, and decided by what is held out for it.

    Raises:
        DataError: a source is missing, or not what it must be.
        UsageError: ``reading`` says something of other data.
    """
    read = _read(source, reading, track)
    data, test = (
        None if each is None else replace(each, name=page_name(renamed(each.name))) for each in read
    )
    assert data is not None
    held_out = test is None
    count = len(data) if test is None else len(data) + len(test)
    if test is None:
        places = data.split_places(MEASURED, seed)[1]
        training, test = data.split(MEASURED, seed)
    else:
        places = np.arange(len(test))
        training = data
    validation = None
    if validated and make_plan(training, FitOptions(seed=seed)).settings.patience is not None:
        training, validation = training.split(HELD_OUT, seed)
        if training.table is not None:
            test = test.reencoded(training.table)
    usual, wild = judging_rows(training, test), None
    if usual is not None:
        wild = test.rows(np.setdiff1d(np.arange(len(test)), usual))
        test, places = test.rows(usual), places[usual]
    return Parts(
        name=data.name,
        count=count,
        held_out=held_out,
        named=_named(source, read[1]),
        training=training,
        validation=validation,
        test=test,
        wild=wild,
        places=places,
        rows=None if data.table is None else data,
        seed=seed,
    )


def _read(source: Source, reading: Reading, track: Tracker) -> tuple[Dataset, Dataset | None]:
    """The data, and what they are measured on where that is a source of its own."""
    own = reading.test
    if own is None and reading.labels is None and has_name(source):
        own = validation_source(source)
    how = reading.options.keywords
    if reading.labels is not None and (is_frame(source) or (has_name(source) and is_table(source))):
        return _labelled_tables(source, own, reading, how, track)
    data = load_data(
        source, labels=True, types=reading.types, table=reading.table, track=track, **how
    )
    if reading.labels is not None:
        if own is not None:
            raise UsageError(
                f"{spelt('labels')} are those of {data.name}, and {_called(own)} has none",
                hint=f"leave {spelt('test')} out, or give data with labels, such as a table",
            )
        data = _labelled(data, reading.labels, track)
    test = None
    if own is not None:
        test = load_data(own, labels=True, table=data.table, track=track, **_for_own(reading, own))
        require_alike(data, data.name, test, _called(own))
    return _numbered_alike(data, test)


def _numbered_alike(data: Dataset, test: Dataset | None) -> tuple[Dataset, Dataset | None]:
    """Both with the classes of both, by their names: a folder that lacks some numbers the others
    otherwise, and numbers need not begin at 0."""
    if data.labels is None:
        return data, test
    classes, numbers = _names_of(data)
    if test is not None and test.labels is not None:
        theirs, others = _names_of(test)
        classes = tuple(dict.fromkeys([*classes, *theirs]))
        places = {name: place for place, name in enumerate(classes)}
        renumbered = np.array([*(places[name] for name in theirs), NO_CLASS])  # -1 is the last
        test = replace(test, labels=renumbered[others], classes=classes)
    return replace(data, labels=numbers, classes=classes), test


def _names_of(data: Dataset) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of classes, and the place of each item's among them or NO_CLASS: of numbers
    without names those that there are, each its own."""
    assert data.labels is not None
    if data.classes is not None:
        return data.classes, data.labels
    values = np.unique(data.labels[data.labels != NO_CLASS])
    places = np.where(data.labels == NO_CLASS, NO_CLASS, np.searchsorted(values, data.labels))
    return tuple(map(str, values.tolist())), places


def has_name(source: Source) -> bool:
    """Whether data are given by a name, as on the command line."""
    return isinstance(source, str | os.PathLike)


def _named(source: Source, test: Dataset | None) -> tuple[str, str] | None:
    """By what names a command reads the data, and what is measured on: what came through
    standard input, and what lies in memory, has none."""
    if not has_name(source):
        return None
    names = os.fspath(source), os.fspath(source) if test is None else test.name
    return names if all(renamed(name) == name for name in names) else None


def _called(given: Any) -> str:
    """What messages call data or labels."""
    return os.fspath(given) if has_name(given) else "those given"


def _for_own(reading: Reading, own: Source) -> dict[str, Any]:
    """How data of their own to measure on are read: as the others, where they are of that kind."""
    return reading.options.fitting(os.fspath(own)).keywords if has_name(own) else {}


def _labelled(data: Dataset, labels: Any, track: Tracker) -> Dataset:
    """Items with the labels of another source, or of an array.

    Raises:
        DataError: it has no whole number for each, or in an array no text.
    """
    given = _called(labels) if has_name(labels) else "the array of labels"
    if has_name(labels):
        labels = load_data(labels, as_is=True, track=track).items
    found = labels if isinstance(labels, np.ma.MaskedArray) else np.asarray(labels)
    if found.shape not in ((len(data),), (len(data), 1)):
        raise DataError(
            f"{given} has the shape {found.shape}, and labels of {data.name} are "
            f"{len(data):,} whole numbers",
            hint="give an array of one class a row, and of a table the name of a column",
        )
    found = found.reshape(-1)
    known, found = ~_missing(found), np.ma.getdata(found)
    values, numbers = np.unique(_as_classes(found[known], given), return_inverse=True)
    _require_classes(given, len(values))
    classes = np.full(len(data), NO_CLASS, np.int64)
    classes[known] = numbers
    names = (each if isinstance(each, str) else str(int(each)) for each in values.tolist())
    return replace(data, labels=classes, classes=tuple(names))


def _missing(labels: np.ndarray) -> np.ndarray:
    """Which of some labels are masked, None, NaN or another mark of a missing value."""
    masked, values = np.ma.getmaskarray(labels), np.ma.getdata(labels)
    if values.dtype.kind == "f":
        return masked | np.isnan(values)
    if values.dtype.kind != "O":
        return masked
    marked = [missing_mark(each) is not None or bool(each != each) for each in values]
    return masked | np.array(marked, bool)


def _as_classes(values: np.ndarray, given: str) -> np.ndarray:
    """Labels that are known as whole numbers, or texts.

    Raises:
        DataError: they are neither.
    """
    if values.dtype.kind == "O" and all(isinstance(each, Real) for each in values):
        values = np.array(values.tolist())  # numbers beside what is missing
    kind, odd = values.dtype.kind, values
    if kind in "UO":
        return values.astype(str)
    if kind in "iubf":
        odd = values[~np.isfinite(values) | (values != np.rint(values))]
    if len(odd):
        raise DataError(
            f"{given} holds {odd[0]}, and labels are whole numbers",
            hint="give whole numbers, or in Python texts",
        )
    return values


def _labelled_tables(
    source: Source,
    own: Source,
    reading: Reading,
    how: Mapping[str, Any],
    track: Tracker,
) -> tuple[Dataset, Dataset | None]:
    """Tables of which a column holds the classes, and is left out of what is learnt."""
    name = reading.labels
    if not isinstance(name, str):
        raise UsageError(
            f"labels of a table are the name of a column, and not a {type(name).__name__}",
            hint="add them to the table as a column, and give its name",
        )
    if isinstance(own, Dataset):
        raise UsageError(
            f"{spelt('test')} is a Dataset, which has features and no column {name!r}",
            hint="give a table: its path, or a data frame",
        )
    types = dict(reading.types or {})
    full = load_data(source, types={**types, name: "categorical"}, track=track, **how)
    left_out = None if reading.table is not None else {**types, name: "ignored"}
    data = load_data(source, types=left_out, table=reading.table, track=track, **how)
    data, test = _with_column(data, full, name), None
    if own is not None:
        others = _for_own(reading, own)
        test = load_data(own, table=data.table, track=track, **others)
        # by its own schema: what training never saw is a class like others here
        full = load_data(own, types={**types, name: "categorical"}, track=track, **others)
        test = _with_column(test, full, name)
    return _numbered_alike(data, test)


def _with_column(data: Dataset, full: Dataset, name: str) -> Dataset:
    """Rows with the classes that a column of theirs holds."""
    assert full.table is not None
    column = full.table[name]
    if not column.width:  # one value throughout, or none
        value = column.value
        labels = np.full(len(data), NO_CLASS if value is None else 0)
        return replace(data, labels=labels, classes=() if value is None else (value,))
    labels = column.codes(np.asarray(full.items[:, column.features]))
    classes = tuple(each for each in column.classes if each is not None)
    _require_classes(name, len(classes))
    labels[labels == len(classes)] = NO_CLASS  # missing cells are the last of its classes
    return replace(data, labels=labels, classes=classes)


def _require_classes(name: str, count: int) -> None:
    if count > MOST_CLASSES:
        raise DataError(
            f"{name} holds more than {MOST_CLASSES} different labels: so many are not told apart",
            hint="give a column of classes",
        )
