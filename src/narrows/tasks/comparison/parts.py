"""What a comparison learns from, validates on and measures on, with labels where there are any."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from narrows.data import Dataset, TableSchema, load_data, validation_source
from narrows.data.named_arrays import page_name
from narrows.data.read_options import ReadOptions
from narrows.data.tables import Column, is_frame, is_table
from narrows.errors import DataError, UsageError
from narrows.model.ranges import judging_rows
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.report.comparison.classes import NO_CLASS
from narrows.support.progress import Tracker, silent
from narrows.support.spelling import spelt
from narrows.support.standard_input import renamed
from narrows.tasks.comparison.labels import labelled, numbered_alike, with_column
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
class Origin:
    """What measured rows were read from.

    Attributes:
        source: as :func:`narrows.load_data` takes it, or a Dataset.
        csv: what was said of how a CSV file is read.
    """

    source: Source
    csv: Mapping[str, Any]


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
        origin: that source.
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
    origin: Origin
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
    like: Parts | None = None,
    track: Tracker = silent,
) -> Parts:
    """Read data, hold out what is measured on, and then what training may be decided by.

    Args:
        source: as :func:`narrows.load_data` takes it, or a Dataset.
        reading: how.
        seed: draws what is held out.
        validated: whether anything will be trained, and decided by what is held out for it.
        like: the same data, read otherwise, whose measured rows are measured here too; None for
            those without wild numbers.

    Raises:
        DataError: a source is missing, or not what it must be.
        UsageError: ``reading`` says something of other data.
    """
    own = _own_test(source, reading)
    data = _called_apart(_read(source, own, reading, track))
    training = data
    test: Dataset | None = None
    validation: Dataset | None = None
    origin = Origin(source=source, csv=reading.options.csv)
    if own is None:
        # a model takes a table by its own statistics
        training, test = data.split(MEASURED, seed, restated=reading.table is None)
    if validated and make_plan(training, FitOptions(seed=seed)).settings.patience is not None:
        training, validation = training.split(HELD_OUT, seed)
        if test is not None and training.table is not None:
            test = test.reencoded(training.table)
    if test is None:
        # by the statistics of what is learnt from, whose mean a missing cell has
        found, origin = _read_test(own, data, training.table, reading, track)
        named, test, places = _named(source, found), _called_apart(found), np.arange(len(found))
    else:
        named, places = _named(source, None), data.split_places(MEASURED, seed)[1]
    training, validation, test = numbered_alike(data, training, validation, test)
    count = len(data) if own is None else len(data) + len(test)
    wild = None
    usual = judging_rows(training, test) if like is None else _also_in(like, places)
    if usual is not None and len(usual) < len(test):
        wild = test.rows(np.setdiff1d(np.arange(len(test)), usual))
        test, places = test.rows(usual), places[usual]
    return Parts(
        name=data.name,
        count=count,
        held_out=own is None,
        named=named,
        training=training,
        validation=validation,
        test=test,
        wild=wild,
        places=places,
        origin=origin,
        rows=None if data.table is None else data,
        seed=seed,
    )


def _also_in(like: Parts, places: np.ndarray) -> np.ndarray:
    """Which measured rows, at these places, are measured there too."""
    return np.flatnonzero(np.isin(places, like.places))


def _called_apart(data: Dataset) -> Dataset:
    """Data by the name that a page has for them: without the path."""
    return replace(data, name=page_name(renamed(data.name)))


def _own_test(source: Source, reading: Reading) -> Source:
    """The source of its own that is measured on; None for a part of the data."""
    if reading.test is None and reading.labels is None and has_name(source):
        return validation_source(source)
    return reading.test


def _has_label_column(source: Source, reading: Reading) -> bool:
    """Whether the classes are those of a table's column."""
    is_of_table = is_frame(source) or (has_name(source) and is_table(source))
    return reading.labels is not None and is_of_table


def _read(source: Source, own: Source, reading: Reading, track: Tracker) -> Dataset:
    """The data that are learnt from, and those that are measured where ``own`` is None."""
    how, labels = reading.options.keywords, reading.labels
    types, table = reading.types, reading.table
    if not _has_label_column(source, reading):
        data = load_data(source, labels=True, types=types, table=table, track=track, **how)
        if table is not None:
            data = _by_schema(data, table, "the model")
        if labels is None:
            return data
        if own is not None:
            raise UsageError(
                f"{spelt('labels')} are those of {data.name}, and {_called(own)} has none",
                hint=f"leave {spelt('test')} out, or give data with labels, such as a table",
            )
        given = _called(labels) if has_name(labels) else "the array of labels"
        return labelled(data, labels, given, track)
    if not isinstance(labels, str):
        raise UsageError(
            f"labels of a table are the name of a column, and not a {type(labels).__name__}",
            hint="add them to the table as a column, and give its name",
        )
    if isinstance(own, Dataset):
        raise UsageError(
            f"{spelt('test')} is a Dataset, which has features and no column {labels!r}",
            hint="give a table: its path, or a data frame",
        )
    left_out = None if table is not None else {**(types or {}), labels: "ignored"}
    data = load_data(source, types=left_out, table=table, track=track, **how)
    return with_column(data, source, labels, reading.options.csv, track=track)


def _read_test(
    own: Source, data: Dataset, table: TableSchema | None, reading: Reading, track: Tracker
) -> tuple[Dataset, Origin]:
    """A source of its own to measure on, of a table by the schema ``table``, and how it was read.

    A class that training never saw is one like others here.
    """
    how = reading.options.fitting(os.fspath(own)) if has_name(own) else ReadOptions()
    origin = Origin(source=own, csv=how.csv)
    test = load_data(own, labels=True, table=table, track=track, **how.keywords)
    if table is not None:
        test = _by_schema(test, table, data.name)
    require_alike(data, data.name, test, _called(own))
    if table is not None and isinstance(reading.labels, str):
        test = with_column(test, own, reading.labels, how.csv, track=track)
    return test, origin


def _by_schema(data: Dataset, table: TableSchema, of: str) -> Dataset:
    """Rows of a table by a schema: those of a Dataset are features already, maybe of another one
    with the same columns and categories."""
    if data.table is table:
        return data

    def kept(column: Column) -> tuple[Any, ...]:
        return column.name, column.kind, column.width, column.classes

    before = () if data.table is None else data.table.columns
    if list(map(kept, before)) != list(map(kept, table.columns)):
        raise DataError(
            f"the features of {data.name} are not those of the columns of {of}",
            hint="give the path or the data frame that they were made of",
        )
    return data.reencoded(table)


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
