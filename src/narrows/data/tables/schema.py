"""All columns of a table: rows become features, and features rows."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from narrows.data.tables.arrow_types import is_text, kind_of, type_from_text
from narrows.data.tables.cell_formats import CellFormat
from narrows.data.tables.columns import Column
from narrows.data.tables.csv_options import CsvOptions
from narrows.data.tables.drift import SchemaDrift
from narrows.data.tables.encoding import encode_cells, holds_plain_numbers
from narrows.data.tables.frames.form import Form
from narrows.data.tables.frames.learning import entry_of, frame_like_training, training_table
from narrows.data.tables.frames.legacy import legacy_form
from narrows.data.tables.reading import cells_of, row_blocks
from narrows.data.tables.text_cells import numbers_of
from narrows.errors import DataError, ShapeError
from narrows.support.lazy_modules import pa
from narrows.support.number_text import count_of, listed
from narrows.support.progress import warn

#: Columns of a table at most.
MAX_COLUMNS = 100_000
# Knots of the marginals of all columns together, and of one at least and at most.
_MOST_KNOTS, _KNOTS = 40_000, (16, 256)


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table, in the source's order.

    Attributes:
        columns: each with its kind, its place among the features and its statistics.
        frame: what the table was, which results become again: ``pandas``, ``polars``, ``arrow``, or
            None for a file.
        form: what makes such a frame of the columns again; None for a file.
        csv: what the user said of how the CSV file was to be read; None for nothing.
    """

    columns: tuple[Column, ...]
    frame: str | None = None
    form: Form | None = None
    csv: CsvOptions | None = None

    @classmethod
    def of(
        cls, columns: Sequence[Column], frame: str | None = None, form: Form | None = None
    ) -> "TableSchema":
        """A schema of columns whose features follow one another."""
        starts = np.cumsum([0, *(column.width for column in columns)])
        placed = [
            replace(column, start=int(start))
            for column, start in zip(columns, starts, strict=False)
        ]
        return cls(tuple(placed), frame, form)

    @property
    def width(self) -> int:
        """How many features a row has."""
        return self.columns[-1].features.stop if self.columns else 0

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def labels_are_texts(self) -> bool:
        """Whether the columns were called by their names, and not by numbers or other labels."""
        labels = self.form.labels if self.form else None
        return labels is None or "texts" in labels

    def read_by(self, options: CsvOptions | None) -> "TableSchema":
        """The schema for reading a later CSV file whose numbers are written as ``options`` say,
        where these say so, and not as those of training."""
        if options is None or (options.decimal is None and options.thousands is None):
            return self

        def rewritten(column: Column) -> Column:
            if kind_of(type_from_text(column.dtype)) not in ("numeric", "integer"):
                return column
            found = (column.cell_format or CellFormat()).written_by(options)
            return replace(column, cell_format=found)

        return self._with(rewritten)

    def _with(self, change: Callable[[Column], Column]) -> "TableSchema":
        """The schema with changed columns."""
        return replace(self, columns=tuple(map(change, self.columns)))

    @property
    def learnt(self) -> tuple[Column, ...]:
        """The columns that have features."""
        return tuple(column for column in self.columns if column.width)

    def __getitem__(self, name: str) -> Column:
        return self.by_name[name]

    def encode(self, table: Any, drift: SchemaDrift | None = None) -> np.ndarray:
        """The features of a table, float32 (n, width).

        Args:
            table: a pandas or polars DataFrame, or an Arrow table, with the schema's columns in
                any order.
            drift: told about what training never saw; without it, a Python warning says so.

        Raises:
            DataError: columns are missing, or hold what they did not in training.
        """
        seen = SchemaDrift() if drift is None else drift
        table, _ = training_table(table, self.by_name)
        self.check_names(table.column_names, "the table", seen)
        features = np.empty((table.num_rows, self.width), np.float32)
        for start, block in row_blocks(table):
            features[start : start + block.num_rows] = self.encode_block(block, start + 1, seen)
        if drift is None:
            for line in seen.lines():
                warn(line, stacklevel=2)
        return features

    def check_names(self, names: Sequence[str], source: str, drift: SchemaDrift) -> None:
        """Make sure that a table has all columns; those beyond go to ``drift``.

        Raises:
            DataError: some are missing.
        """
        given = frozenset(names)
        absent = [column.name for column in self.learnt if column.name not in given]
        if absent:
            raise DataError(
                f"{source} lacks {len(absent)} of the model's "
                f"{count_of(len(self.learnt), 'columns')}: {listed(absent, 10, repr)}",
                hint=f"its columns are {', '.join(map(repr, names[:20]))}; give them the names "
                "they had in training, in any order",
            )
        drift.extra += [name for name in names if name not in self.by_name]

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def encode_block(self, block: Any, row: int, drift: SchemaDrift) -> np.ndarray:
        """The features of an Arrow table or batch that has all columns, float32 (n, width).

        Args:
            row: the number of its first row, for messages.
        """
        features = np.empty((block.num_rows, self.width), np.float32)
        arrays = {column.name: cells_of(block, column.name) for column in self.learnt}
        plain = [column.name for column in self.learnt if holds_plain_numbers(column)]
        arrays |= numbers_of({name: arrays[name] for name in plain if is_text(arrays[name].type)})
        for column in self.learnt:
            features[:, column.features] = encode_cells(column, arrays[column.name], row, drift)
        return features

    def decode(self, features: np.ndarray) -> Any:
        """The rows that features stand for: a pyarrow.Table with the source's names, order, types.

        Args:
            features: (n, width), any float dtype.

        Raises:
            ShapeError: another width.
        """
        if features.ndim != 2 or features.shape[1] != self.width:
            raise ShapeError(
                f"features of shape {features.shape} were given, and the table's have shape "
                f"(n, {self.width})"
            )
        arrays = [column.decode(features[:, column.features]) for column in self.columns]
        return pa.table(arrays, names=list(self.names))

    def arrow_schema(self) -> Any:
        """The names and types of the tables that :meth:`decode` gives: a pyarrow.Schema."""
        return self.decode(np.zeros((0, self.width), np.float32)).schema

    def masked(self, features: np.ndarray) -> np.ndarray:
        """Features (n, width) with those of missing cells at the mean, as the noise "masking"
        leaves cells in training."""
        result = features.copy()
        for column in self.learnt:
            result[:, column.features] = column.masked(features[:, column.features])
        return result

    def with_marginals(self, features: np.ndarray) -> "TableSchema":
        """The schema with how the numbers of each column lie over rows of these features."""
        numbers = sum(column.is_number for column in self.columns)
        knots = int(np.clip(_MOST_KNOTS // max(numbers, 1), *_KNOTS))
        return self._with(lambda each: each.with_marginal(features[:, each.features], knots))

    def with_masses(self, features: np.ndarray, made: np.ndarray) -> "TableSchema":
        """The schema with how near to a frequent number one must be decoded to be taken for it.

        Args:
            features: of training rows, (n, width).
            made: what the model makes of them.
        """
        return self._with(
            lambda each: each.with_masses(features[:, each.features], made[:, each.features])
        )

    def covering(self, lowest: np.ndarray, highest: np.ndarray) -> "TableSchema":
        """The schema with the numbers and dates of the lowest and the highest features (width,)
        within the ranges of its columns."""
        return self._with(lambda each: each.covering(lowest[each.features], highest[each.features]))

    def feature_limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest that each feature is, as far as is known: float64 (width,)."""
        limits = [column.feature_limits() for column in self.learnt]
        low, high = (np.concatenate([each[end] for each in limits]) for end in (0, 1))
        return low, high

    def decode_frame(self, features: np.ndarray, like: Any = None) -> Any:
        """The same as the kind of table that was fitted, with its labels: pandas', polars', or else
        Arrow's.

        Args:
            like: a pandas DataFrame of as many rows, whose index they get; where the table was a
                file, they are of its kind.
        """
        return self.as_frame(self.decode(features), like)

    def as_frame(self, rows: Any, like: Any = None, retyped: Container[str] = ()) -> Any:
        """Rows in a pyarrow.Table as the kind of table that was fitted.

        Args:
            like: see :meth:`decode_frame`.
            retyped: columns that are of another type than in training.
        """
        dtypes = [column.frame_dtype for column in self.columns]
        given = type(like).__module__.partition(".")[0]
        library = self.frame or (given if given in ("pandas", "polars") else None)
        form = self.form or legacy_form(library, rows.schema, dtypes)
        entries = tuple(
            entry_of(form.library, rows.column(name)) if name in retyped else entry
            for name, entry in zip(rows.column_names, form.columns, strict=False)
        )
        return frame_like_training(rows, replace(form, columns=entries), like)

    def restandardised(self, blocks: Callable[[], Iterator[np.ndarray]]) -> "TableSchema":
        """The schema with the statistics of some rows only, such as those that are trained on.

        Args:
            blocks: gives the features of those rows, as this schema encodes them, in blocks.
        """
        count, total, squares = 0, np.zeros(self.width), np.zeros(self.width)
        for block in blocks():
            count += len(block)
            total += block.sum(axis=0, dtype=np.float64)
            squares += np.einsum("ij,ij->j", block, block, dtype=np.float64)
        mean, square = total / max(count, 1), squares / max(count, 1)
        return self._with(
            lambda each: each.restandardised(mean[each.features], square[each.features])
        )

    def reencoded(self, features: np.ndarray, before: "TableSchema") -> np.ndarray:
        """Features that ``before`` encoded as this schema would have encoded the same rows."""
        result = np.empty(features.shape, np.float32)
        for new, old in zip(self.columns, before.columns, strict=True):
            if new.width:
                result[:, new.features] = new.reencoded(features[:, new.features], old)
        return result

    def describe(self) -> list[str]:
        """What each column was taken for: a line each, for people."""
        longest = min(max((len(name) for name in self.names), default=0), 40)
        return [
            f"{column.name or '(no name)':<{longest}}  {column.describe()}"
            for column in self.columns
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        values: dict[str, Any] = {
            "frame": self.frame,
            "columns": [column.to_dict() for column in self.columns],
        }
        if self.csv is not None:
            values["csv"] = self.csv.to_json()
        return values if self.form is None else {**values, "form": self.form.to_json()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TableSchema":
        """A schema from JSON values that may be a stranger's.

        Raises:
            ValueError, TypeError, KeyError: they are no schema's.
        """
        entries, frame = values["columns"], values.get("frame")
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_COLUMNS:
            raise ValueError(f"a table has 1 to {MAX_COLUMNS:,} columns")
        if frame not in (None, "pandas", "polars", "arrow"):
            raise ValueError(f"a table cannot be a {frame!r}")
        columns: list[Column] = []
        start = 0
        for entry in entries:
            columns.append(Column.from_dict(entry, start))
            start = columns[-1].features.stop
        if len({column.name for column in columns}) != len(columns):
            raise ValueError("two columns have the same name")
        form = Form.from_json(values["form"], len(columns)) if "form" in values else None
        csv = CsvOptions.from_json(values["csv"]) if "csv" in values else None
        return cls(tuple(columns), frame, form, csv)
