"""A table as it is archived: each column of one type, rows in groups of bounded size.

Data frames and Parquet files say the types of their columns. A CSV file's are the narrowest that
all cells of a column have: truth values, whole numbers, numbers, dates, and otherwise texts. Here
that must lose nothing but how a cell was written (:mod:`narrows.archive.tables.text.types`), and
that is kept beside it where the file is made of rows of as many cells each.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from narrows.archive.holding import bytes_in_memory
from narrows.archive.tables.cells import Cells, Storage, comparable
from narrows.archive.tables.text.file import SpelledCsv
from narrows.archive.tables.text.records import IrregularText
from narrows.archive.tables.text.types import TypeFinder, typed
from narrows.data.tables.arrow_types import number_dtype
from narrows.data.tables.csv_options import CsvOptions
from narrows.data.tables.frames import Form, library_of
from narrows.data.tables.frames.form import MOST_BYTES as FORM_BYTES
from narrows.data.tables.frames.stored import StoredFrame
from narrows.data.tables.identifiers import IdentifierFinder, is_called_one
from narrows.data.tables.reading import CsvTable, open_table
from narrows.data.tables.table_source import TableSource
from narrows.data.tables.wild import WildFinder
from narrows.errors import DataError
from narrows.support.lazy_modules import pa, pc
from narrows.support.progress import Tracker, silent

#: Rows of a group: enough to learn from, and no more than can be decoded for a single one of them.
GROUP_ROWS = 1 << 17
#: Values and bytes of a group, as Arrow has it.
GROUP_VALUES, GROUP_BYTES = 1 << 22, 32 << 20
#: Columns of a table, and categories of a column.
MOST_COLUMNS, MOST_CATEGORIES = 10_000, 1 << 24
# Bytes of all names together.
_MOST_NAMES = 1 << 20
# Values whose squares float64 holds; beyond, no wild ones are looked for.
_FARTHEST = 1e100


@dataclass(kw_only=True)
class Range:
    """Where the finite values of a column lie.

    Attributes:
        unit: what the values of its cells are multiples of.
        ends: the lowest and the highest, 0 and 0 where is none.
    """

    unit: Fraction = Fraction(1)
    ends: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    _finder: WildFinder | None = None
    _naming: IdentifierFinder = field(default_factory=IdentifierFinder)

    def add(self, values: np.ndarray) -> None:
        """More values of cells, at least one."""
        low, high = (Fraction(end.item()) * self.unit for end in (values.min(), values.max()))
        if self._finder is None:
            self.ends, self._finder = (low, high), WildFinder(0)
        self.ends = min(self.ends[0], low), max(self.ends[1], high)
        self._finder.add(values.astype(np.float64).clip(-_FARTHEST, _FARTHEST))
        if self.unit == 1:
            self._naming.add(values)

    def identifies(self, name: str) -> bool:
        """Whether the column of that name, of which all values are counted, is of whole numbers
        that name rows, or is called an identifier, also where rows have the same one."""
        if self._finder is None or self.unit != 1 or not self._naming.whole:
            return False
        return is_called_one(name) or self._naming.found(name)

    def usual(self) -> "UsualRange | None":
        """Where all but few wild values lie, None where there are no such."""
        if self._finder is None or max(map(abs, self.ends)) > Fraction(_FARTHEST) * self.unit:
            return None
        (wild,), others, _ = self._finder.wild()
        if not len(wild) or not others.spread:
            return None
        ends = Fraction(others.lowest) * self.unit, Fraction(others.highest) * self.unit
        return UsualRange((wild * float(self.unit)).tolist(), ends)


class UsualRange(NamedTuple):
    """Few wild values, and the ends of all others."""

    wild: list[float]
    ends: tuple[Fraction, Fraction]


class TypedTable:
    """A table that can be read as often as wanted, its columns' types known.

    Attributes:
        name: what the user called it.
        types: the Arrow type of each column by name, in order.
        storages: how each column's cells are held.
        frame: the kind of data frame it is; None for a file.
        dtypes: those of the columns of a pandas DataFrame.
        form: what makes a data frame of the columns again; None for a file.
        exact: columns of which no error may be asked, such as those of an index.
        notes: what a user should know of how it is read.
        categories: all values of each column of a dictionary type, in order. Chunks of a column may
            have others each: then its type gets numbers for all of them.
        path: of a CSV file; None for another source.
        spelled: the CSV file whose text can be kept too; None for another source.
        irregular: of any other CSV file, why its text cannot be kept, in half a sentence.
    """

    def __init__(
        self,
        source: Any,
        *,
        options: CsvOptions | None = None,
        numbers: Container[str] = (),
        track: Tracker = silent,
    ) -> None:
        """Find the types of ``source``: a path of a table, or a data frame.

        Args:
            options: what the user says of how a CSV file is read.
            numbers: columns of a CSV file that hold numbers where they can, however these are
                written, as a largest error is asked of them.

        Raises:
            DataError: it is damaged, or has columns that narrows does not know.
            OSError: it cannot be read.
        """
        held = None if library_of(source) is None else StoredFrame(source)
        self.exact = held.exact if held else frozenset()
        if held and options is not None:
            options.require_none("a data frame")
        found: TableSource = held or open_table(source, None, options, stored=True)
        self.path = found.path if isinstance(found, CsvTable) else None
        self.spelled: SpelledCsv | None = None
        self.irregular = ""
        if isinstance(found, CsvTable):
            try:
                self.spelled = found = SpelledCsv(found, numbers, track)
            except IrregularText as irregular:
                self.irregular = str(irregular)
        self._source: TableSource = found
        self.name, self.notes, self.dtypes = found.name, found.notes, found.dtypes
        self.frame, self.form = found.frame, found.frame_form
        self.types = _found_types(found, track) if found.textual else dict(found.types)
        _check_header(self.name, self.types, self.form)
        self.categories = self._read_categories()
        self._wide = {
            name: pa.dictionary(pa.int32(), self.types[name].value_type, self.types[name].ordered)
            for name, found in self.categories.items()
            if len(found) - 1 > np.iinfo(number_dtype(self.types[name].index_type)).max
        }
        self.types |= self._wide
        self.storages = {name: Storage.of(type_) for name, type_ in self.types.items()}

    def batches(self) -> Iterator[Any]:
        """Arrow record batches of all rows in order, in the columns' types."""
        for batch in self._source.batches():
            if self._source.textual:
                texts = {name: type_ for name, type_ in self.types.items() if type_ != pa.string()}
                yield _with(batch, texts, typed)
            else:
                yield _with(batch, self._wide, _of_type) if self._wide else batch

    def groups(self) -> Iterator[Any]:
        """Arrow tables of the rows, in order, each small enough to be coded at once."""
        most = max(min(GROUP_ROWS, GROUP_VALUES // len(self.types)), 1)
        waiting: list[Any] = []
        rows = size = 0
        for piece in _pieces(self.batches(), most):
            more = bytes_in_memory(piece)
            if waiting and (rows + piece.num_rows > most or size + more > GROUP_BYTES):
                yield _joined(waiting)
                waiting, rows, size = [], 0, 0
            waiting.append(pa.Table.from_batches([piece]))
            rows, size = rows + piece.num_rows, size + more
        if waiting:
            yield _joined(waiting)

    def cells(self, group: Any) -> Iterator[Cells]:
        """The cells of each column in an Arrow table of rows, one after the other."""
        return (
            storage.cells(group.column(name).combine_chunks(), self.categories.get(name))
            for name, storage in self.storages.items()
        )

    @property
    def simple(self) -> bool:
        """Whether a reader that knows of no forms, nor of bytes, makes the same of the columns."""
        known = (str(type_) for type_ in self.types.values())
        new = ("binary", "decimal32", "decimal64", "decimal256")
        return (self.form is None or self.form.simple) and not any(
            each in type_ for type_ in known for each in new
        )

    @cached_property
    def rows(self) -> int:
        """How many rows there are."""
        first = list(self.types)[:1]
        return sum(batch.num_rows for batch in self._source.batches(first))

    def ranges(self, columns: Sequence[str]) -> Mapping[str, Range]:
        """Where the finite values of columns of numbers lie."""
        ten = Fraction(10)
        found = {name: Range(unit=ten ** -self.storages[name].scale) for name in columns}
        for batch in self.batches() if columns else ():
            for name in columns:
                values = self.storages[name].cells(batch.column(name)).values
                values = values[np.isfinite(values)]
                if values.size:
                    found[name].add(values)
        return found

    def _read_categories(self) -> dict[str, Any]:
        wanted = [name for name, type_ in self.types.items() if pa.types.is_dictionary(type_)]
        found = {name: comparable(pa.nulls(0, self.types[name].value_type)) for name in wanted}
        for batch in self._source.batches(wanted) if wanted else ():
            for name in wanted:
                more = comparable(batch.column(name).dictionary)
                if not more.equals(found[name]):
                    found[name] = pc.unique(pa.concat_arrays([found[name], more])).drop_null()
                if len(found[name]) > MOST_CATEGORIES:
                    raise DataError(
                        f"column {name!r} of {self.name} has more than {MOST_CATEGORIES:,} "
                        "categories",
                        hint="give it as numbers or texts",
                    )
        return found


def _with(batch: Any, types: Mapping[str, Any], make: Callable[[Any, Any], Any]) -> Any:
    """A batch of which some columns are made ones of other types."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    made = {name: make(columns[name], type_) for name, type_ in types.items()}
    return pa.record_batch(columns | made)


def _of_type(array: Any, type_: Any) -> Any:
    """An array of a dictionary type as one of a type with more numbers."""
    numbers = array.indices.cast(type_.index_type)
    return pa.DictionaryArray.from_arrays(numbers, array.dictionary, ordered=type_.ordered)


def _check_header(name: str, types: Mapping[str, Any], form: Form | None) -> None:
    """Refuse more columns, or longer names, than the header of an archive has room for."""
    if form is not None and form.size > FORM_BYTES:
        raise DataError(
            f"the labels of the columns of {name} take {form.size:,} bytes",
            hint=f"at most {FORM_BYTES:,} bytes are kept: give shorter ones",
        )
    letters = sum(len(column.encode()) for column in types)
    if len(types) > MOST_COLUMNS or letters > _MOST_NAMES:
        raise DataError(
            f"{name} has {len(types):,} columns, whose names take {letters:,} bytes",
            hint=f"give at most {MOST_COLUMNS:,} columns, with names of {_MOST_NAMES:,} bytes "
            "together; what is one array is better saved with np.save",
        )


def _joined(tables: Sequence[Any]) -> Any:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _pieces(batches: Iterator[Any], most: int) -> Iterator[Any]:
    """The same rows, no more than ``most`` and GROUP_BYTES together where rows can be parted."""
    for batch in batches:
        rows = min(most, max(batch.num_rows * GROUP_BYTES // max(bytes_in_memory(batch), 1), 1))
        if not batch.num_rows:
            continue
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def _found_types(source: TableSource, track: Tracker) -> dict[str, Any]:
    """The narrowest type of each column of texts."""
    finders = {name: TypeFinder() for name in source.types}
    with track(f"looking at {source.name}", total=None, unit="rows") as advance:
        for batch in source.batches():
            for name, finder in finders.items():
                finder.add(batch.column(name).drop_null())
            advance(batch.num_rows)
    return {name: finder.found for name, finder in finders.items()}
