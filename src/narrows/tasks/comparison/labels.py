"""The classes of items: from an array, another source or a table's column, numbered alike."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from narrows.data import Dataset, load_data
from narrows.data.tables import SchemaDrift, TableSchema
from narrows.data.tables.frames.objects import missing_mark
from narrows.data.tables.reading import row_blocks
from narrows.data.tables.scanning import scan
from narrows.data.tables.table_source import TableSource
from narrows.errors import DataError
from narrows.report.comparison.classes import MOST_CLASSES, NO_CLASS
from narrows.support.progress import Tracker
from narrows.tasks.loading import opened_table


def numbered_alike(data: Dataset, *parts: Dataset | None) -> tuple[Any, ...]:
    """Parts of data, and what else is measured, with the classes of all, by their names: a folder
    that lacks some numbers the others otherwise, and numbers need not begin at 0."""
    if data.labels is None:
        return parts
    known = [each for each in (data, *parts) if each is not None and each.labels is not None]
    names = dict.fromkeys(name for each in known for name in _names_of(each))
    places = {name: place for place, name in enumerate(names)}

    def numbered(part: Dataset | None) -> Dataset | None:
        if part is None or part.labels is None:
            return part
        values, inverse = np.unique(part.labels, return_inverse=True)
        own = [_name(part, value) for value in values.tolist()]
        numbers = [NO_CLASS if name is None else places[name] for name in own]
        return replace(part, labels=np.array(numbers, np.int64)[inverse], classes=tuple(names))

    return tuple(map(numbered, parts))


def _names_of(data: Dataset) -> Sequence[str]:
    """The names of its classes: of numbers without names those that there are, each its own."""
    if data.classes is not None:
        return data.classes
    names = (_name(data, value) for value in np.unique(np.asarray(data.labels)).tolist())
    return [name for name in names if name is not None]


def _name(data: Dataset, label: int) -> str | None:
    """What a label stands for; None where the class is not known."""
    if label == NO_CLASS:
        return None
    return str(label) if data.classes is None else data.classes[label]


def labelled(data: Dataset, labels: Any, given: str, track: Tracker) -> Dataset:
    """Items with the labels of another source, or of an array, which messages call ``given``.

    Raises:
        DataError: it has no whole number for each, or in an array no text.
    """
    if isinstance(labels, str | os.PathLike):
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
    """Labels that are known as whole numbers, or texts."""
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


def with_column(
    data: Dataset, source: Any, name: str, csv: Mapping[str, Any], *, track: Tracker
) -> Dataset:
    """The rows of a table with the classes that a column of theirs holds, whatever else there is
    in it: a table of one row, or of columns of one value each, has classes too.

    Args:
        source: the path or the data frame that ``data`` were read from.
        name: of the column.
        csv: what the user says of how a CSV file is read.

    Raises:
        DataError: the column has too many different cells.
        UsageError: there is no such column.
    """
    with opened_table(source, data.table, csv) as table:
        others = dict.fromkeys(table.types, "ignored")
        columns, _, _ = scan(table, {**others, name: "categorical"}, track=track)
        found = next(column for column in columns if column.name == name)
        if not found.width:  # one value throughout, or none
            labels = np.full(len(data), NO_CLASS if found.value is None else 0)
            only = () if found.value is None else (found.value,)
            return replace(data, labels=labels, classes=only)
        classes = tuple(each for each in found.classes if each is not None)
        _require_classes(name, len(classes))
        labels = _codes(table, TableSchema.of([found]), track)
    labels[labels == len(classes)] = NO_CLASS  # missing cells are the last of its classes
    return replace(data, labels=labels, classes=classes)


def _codes(table: TableSource, schema: TableSchema, track: Tracker) -> np.ndarray:
    """The classes of a table's rows, by the only column of a schema: int64 (n,)."""
    (column,) = schema.columns
    found = list[np.ndarray]()
    with track(f"reading {column.name}", total=None, unit="rows") as advance:
        for batch in table.batches([column.name]):
            for _, block in row_blocks(batch):
                found.append(column.codes(schema.encode_block(block, 1, SchemaDrift())))
                advance(block.num_rows)
    return np.concatenate(found)


def _require_classes(name: str, count: int) -> None:
    if count > MOST_CLASSES:
        raise DataError(
            f"{name} holds more than {MOST_CLASSES} different labels: so many are not told apart",
            hint="give a column of classes",
        )
