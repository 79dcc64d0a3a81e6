"""What an archive says of a table: its columns, how each is kept, and how many rows there are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from narrows.archive.blocks import MOST_PIPELINES
from narrows.archive.error_bounds import float_below
from narrows.archive.methods import ReadPart
from narrows.archive.pipeline import Pipeline
from narrows.archive.tables.cells import Storage
from narrows.archive.tables.group import Kept
from narrows.archive.tables.size_breakdown import ColumnSize
from narrows.archive.tables.sources import MOST_CATEGORIES, MOST_COLUMNS
from narrows.archive.validation import damaged, field, finite_number, whole_number
from narrows.data.tables.arrow_types import type_from_text
from narrows.data.tables.frames.form import LIBRARIES, Form
from narrows.support.lazy_modules import pa

_MOST_ROWS = 1 << 40
_FRAMES = (None, *LIBRARIES)


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column of an archived table.

    Attributes:
        name: unique in its table.
        kept: how its cells, or the numbers of their categories, are kept.
        bound: the largest error of a value, in the column's own units; 0: exact.
        dtype: what it was in a pandas DataFrame.
        categories: of a dictionary type: how the categories are kept; otherwise None.
        category_count: how many of them there are.
        size: the bytes that it takes in all groups, its share of what columns take together too.
    """

    name: str
    kept: Kept
    bound: float = 0.0
    dtype: str | None = None
    categories: Kept | None = None
    category_count: int = 0
    size: int = 0

    @classmethod
    def of(cls, name: str, type_: Any, bound: float, dtype: str | None = None) -> "TableColumn":
        """A column about to be written, within ``bound`` in its own units."""
        storage = Storage.of(type_)
        categories = None
        if pa.types.is_dictionary(type_):
            categories = Kept(Storage.of(type_.value_type), 0.0, [])
        return cls(
            name=name, kept=_kept(storage, bound), bound=bound, dtype=dtype, categories=categories
        )

    def in_own_units(self, error: float) -> float:
        """An error of what is held: of decimals that is their digits as an integer."""
        return error / 10**self.kept.storage.scale

    def size_breakdown(
        self, methods: Mapping[str, int], largest_error: float | None = None
    ) -> ColumnSize:
        """Where its bytes are; no largest error is told where none is allowed."""
        return ColumnSize(
            name=self.name,
            type=str(self.kept.storage.type),
            bound=self.bound,
            methods=dict(methods),
            size=self.size,
            largest_error=largest_error if self.bound else None,
        )

    def to_header(self) -> dict[str, Any]:
        """What a header says of it."""
        header: dict[str, Any] = {
            "name": self.name,
            "type": str(self.kept.storage.type),
            "pipelines": _pipelines_to_header(self.kept),
            "bytes": self.size,
        }
        if self.bound:
            header["bound"] = self.bound
        if self.dtype is not None:
            header["dtype"] = self.dtype
        if self.categories is not None:
            header["categories"] = {
                "count": self.category_count,
                "pipelines": _pipelines_to_header(self.categories),
            }
        return header

    @classmethod
    def from_header(cls, entry: Any, read_part: ReadPart, name: str) -> "TableColumn":
        """A column that a header describes.

        Raises:
            ArchiveError: it is none.
        """
        if not isinstance(entry, Mapping):
            raise damaged(name, "its header does not say what its columns are")
        title, text = (field(entry, key, str, name) for key in ("name", "type"))
        try:
            type_ = type_from_text(text)
        except ValueError as error:
            raise damaged(name, f"column {title[:40]!r} is of type {text[:40]!r}") from error
        bound = finite_number(entry.get("bound", 0), 0, "bound", name)
        column = cls.of(title, type_, bound, entry.get("dtype"))
        if not isinstance(column.dtype, str | None):
            raise damaged(name, f"column {title[:40]!r} has no usable 'dtype'")
        _read_pipelines(column.kept, entry, read_part, name)
        count = 0
        if column.categories is not None:
            inner = field(entry, "categories", dict, name)
            count = whole_number(inner.get("count"), 0, MOST_CATEGORIES, "a number", name)
            _read_pipelines(column.categories, inner, read_part, name)
        size = whole_number(entry.get("bytes", 0), 0, 1 << 62, "a size", name)
        return replace(column, category_count=count, size=size)


def _kept(storage: Storage, bound: float) -> Kept:
    """How values are kept: of decimals the bound of their digits as an integer."""
    exact = Fraction(bound) * Fraction(10) ** storage.scale
    return Kept(storage, bound if not storage.scale else float_below(exact), [])


def _pipelines_to_header(kept: Kept) -> list[dict[str, Any]]:
    return [pipeline.to_header() for pipeline in kept.pipelines]


def _read_pipelines(kept: Kept, entry: Mapping[str, Any], read_part: ReadPart, name: str) -> None:
    entries = field(entry, "pipelines", list, name)
    if len(entries) > MOST_PIPELINES:
        raise damaged(name, f"its header has {len(entries):,} pipelines of one column")
    dtype = kept.storage.dtype
    kept.pipelines.extend(Pipeline.from_header(each, dtype, read_part, name) for each in entries)


@dataclass(frozen=True)
class TableLayout:
    """The columns of an archived table, and how many rows there are.

    Attributes:
        columns: in order.
        rows: how many.
        frame: ``pandas``, ``polars``, ``arrow`` or ``numpy`` for what was in memory, None for a
            file.
        form: what makes the same of the columns again; None for a file, and in archives of before.
    """

    columns: tuple[TableColumn, ...]
    rows: int = 0
    frame: str | None = None
    form: Form | None = None

    @property
    def kept(self) -> list[Kept]:
        """How each column is kept."""
        return [column.kept for column in self.columns]

    def to_header(self) -> dict[str, Any]:
        """What a header says of the table."""
        return {
            "rows": self.rows,
            **({"frame": self.frame} if self.frame else {}),
            **({"form": self.form.to_json()} if self.form else {}),
            "columns": [column.to_header() for column in self.columns],
        }

    @classmethod
    def from_header(
        cls, entry: Mapping[str, Any], read_part: Callable[[str], bytes], name: str
    ) -> "TableLayout":
        """What a header says of a table.

        Raises:
            ArchiveError: it is no table.
        """
        entries = field(entry, "columns", list, name)
        if not 1 <= len(entries) <= MOST_COLUMNS:
            raise damaged(name, f"its header names {len(entries):,} columns")
        columns = tuple(TableColumn.from_header(each, read_part, name) for each in entries)
        if len({column.name for column in columns}) < len(columns):
            raise damaged(name, "its header gives two columns one name")
        frame = entry.get("frame")
        if frame not in _FRAMES:
            raise damaged(name, "its header names no kind of table")
        rows = whole_number(entry.get("rows"), 0, _MOST_ROWS, "rows", name)
        return cls(columns, rows, frame, _form(entry, len(columns), name))


def _form(entry: Mapping[str, Any], columns: int, name: str) -> Form | None:
    if "form" not in entry:
        return None
    try:
        return Form.from_json(entry["form"], columns)
    except ValueError as error:
        raise damaged(name, str(error)) from error
