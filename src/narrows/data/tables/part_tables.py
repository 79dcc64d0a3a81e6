"""A table whose rows lie in many files: the same columns by name, in any order."""

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from narrows.data.parts import Parts
from narrows.data.tables.cells import without_dictionary
from narrows.data.tables.table_source import TableSource
from narrows.errors import DataError
from narrows.support.lazy_modules import pa, pc

# How Hive, and Spark and Dask after it, write a missing value in the name of a folder.
_MISSING = "__HIVE_DEFAULT_PARTITION__"
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")


@dataclass(frozen=True)
class RowPlaces:
    """Where the rows of a table of many files lie.

    Attributes:
        files: what the files are called.
        starts: the number of the first row of each, counted from 0.
    """

    files: tuple[str, ...]
    starts: tuple[int, ...]

    def of(self, row: int) -> tuple[str, int]:
        """The file of row ``row``, and its number there; both count from 0."""
        at = bisect.bisect_right(self.starts, row) - 1
        return self.files[at], row - self.starts[at]


class PartTable(TableSource):
    """Several files as one table.

    Columns of whole numbers and of fractions, of numbers of different sizes, and without any value,
    become the one type that holds all of them. What folders are called, ``year=2024``, is a column,
    where the files have none of that name, also where the folder that is named is called so.
    CSV files are read as the first of them is.
    """

    def __init__(self, parts: Parts, tables: Sequence[TableSource]) -> None:
        """Compare the columns of all parts.

        Raises:
            DataError: they differ.
        """
        self.name, self._parts, self._tables = parts.source, parts, tables
        self._named = parts.named()
        self.textual, self.options = tables[0].textual, tables[0].options
        self.dialect = tables[0].dialect
        self.ignored = frozenset[str]().union(*(each.ignored for each in tables))
        self._constants = self._of_folders()
        self.types: dict[str, Any] = dict(tables[0].types)
        for table, named in zip(tables[1:], self._named[1:], strict=True):
            self._take(table, named)
        self.types |= dict.fromkeys(self.ignored, pa.null())
        for name, values in self._constants.items():
            self.types[name] = values.type
        self.notes = self._all_notes()
        self._starts: list[int] = []

    def _take(self, table: TableSource, named: str) -> None:
        """Widen the types to those of another part."""
        first = self._named[0]
        lacks = [name for name in self.types if name not in table.types]
        more = [name for name in table.types if name not in self.types]
        if lacks or more:
            what = f"has no column {lacks[0]!r}" if lacks else f"has a column {more[0]!r}"
            raise DataError(
                f"{named} {what}, and {first} {'has one' if lacks else 'has none'}: both are "
                f"parts of {self.name}",
                hint="give files with the same columns, in any order",
            )
        for name, type_ in table.types.items():
            if name not in self.ignored and type_ != self.types[name]:
                wider = _wider(self.types[name], type_)
                if wider is None:
                    raise DataError(
                        f"column {name!r} is of type {type_} in {named} and of type "
                        f"{self.types[name]} in {first}, and no type holds both",
                        hint="write the files anew with one type for the column",
                    )
                self.types[name] = wider

    def _of_folders(self) -> dict[str, Any]:
        """What the folders of all files say, such as ``year=2024``: an array with a value for each
        file, by name."""
        base = self._parts.base
        while "=" in base.name:  # the folder of one year alone says which
            base = base.parent
        found: dict[str, list[str | None]] = {}
        for place, path in enumerate(self._parts.files):
            for folder in path.relative_to(base).parts[:-1]:
                key, equals, value = folder.partition("=")
                if equals and key and key not in self._tables[0].types:
                    values = found.setdefault(key, [])
                    values += [None] * (place - len(values))
                    values[place:] = [None if value == _MISSING else unquote(value)]
        arrays = {}
        for name, values in found.items():
            values += [None] * (len(self._parts.files) - len(values))
            whole = all(value is None or _WHOLE.fullmatch(value) for value in values)
            numbers = whole and any(values) and not self.textual
            arrays[name] = pa.array(
                [None if value is None else int(value) for value in values] if numbers else values,
                pa.int64() if numbers else pa.string(),
            )
        return arrays

    def _all_notes(self) -> tuple[str, ...]:
        """The notes of all files, once each."""
        notes = dict.fromkeys(note for table in self._tables for note in table.notes)
        return tuple(filter(None, [self._parts.note(), *notes]))

    @property
    def places(self) -> RowPlaces:
        return RowPlaces(self._named[: len(self._starts)], tuple(self._starts))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        wanted = list(self.types if columns is None else columns)
        inside = [name for name in wanted if name not in self._constants]
        row, self._starts = 0, []
        for place, table in enumerate(self._tables):
            self._starts.append(row)
            # a part of which nothing else is wanted is still as long as it is
            for batch in table.batches(inside or [next(iter(table.types))]):
                row += batch.num_rows
                arrays = [self._array(batch, name, place) for name in wanted]
                yield pa.record_batch(arrays, names=wanted)
        self.notes = self._all_notes()

    def _array(self, batch: Any, name: str, place: int) -> Any:
        if name in self._constants:
            return pa.repeat(self._constants[name][place], batch.num_rows)
        array, type_ = batch.column(name), self.types[name]
        if array.type == type_ or name in self.ignored:
            return array
        try:
            return _cast(array, type_)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"column {name!r} of {self._named[place]} is of type {array.type}, and {type_} in "
                f"other parts of {self.name}, which does not hold all of its values",
                hint="write the files anew with one type for the column",
            ) from error

    def where(self, row: int) -> str:
        file, number = self.places.of(row - 1)
        return f"{self._tables[self._named.index(file)].where(number + 1)} of {file}"


def _wider(one: Any, other: Any) -> Any:
    """The Arrow type that holds the values of both without loss, None where there is none. Beside
    floats, whole numbers and decimals become such: what these do not hold, such as whole numbers
    beyond 2^53, is refused when it is read."""
    values = [each.value_type if pa.types.is_dictionary(each) else each for each in (one, other)]
    if values[0] == values[1]:
        return values[0]
    floats = [each for each in values if pa.types.is_floating(each)]
    exact = [each for each in values if pa.types.is_integer(each) or pa.types.is_decimal(each)]
    if floats and exact:
        return pa.float64()
    fields = [pa.schema([pa.field("", each)]) for each in values]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except (pa.ArrowException, TypeError):
        return None


def _cast(array: Any, type_: Any) -> Any:
    array = without_dictionary(array)
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    if not (pa.types.is_decimal(array.type) and pa.types.is_floating(type_)):
        return pc.cast(array, type_)
    found = array.cast(pa.string()).cast(type_)  # the nearest ones, as a cast alone does not give
    # by their shortest digits, as a cast alone makes 0.1 some 0.100000000000000006
    if not found.cast(pa.string()).cast(array.type).equals(array):
        raise pa.ArrowInvalid("not all of its digits")
    return found
