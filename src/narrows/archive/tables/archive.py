"""An archive of a table that is open for reading: any rows, from no more than their groups."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from narrows.archive.blocks import Index
from narrows.archive.container import Container
from narrows.archive.holding import OpenArchive, Selection, bytes_in_memory, merged
from narrows.archive.tables.cells import Cells
from narrows.archive.tables.group import (
    LARGEST,
    Kept,
    bytes_of,
    decode_group,
    digest_pieces,
    no_cells,
    same_cells,
    sections,
)
from narrows.archive.tables.layout import TableColumn, TableLayout
from narrows.archive.tables.size_breakdown import TableSizeBreakdown
from narrows.archive.tables.text.description import PART as LINES
from narrows.archive.tables.text.description import CsvText, from_header, with_lines
from narrows.archive.validation import damaged, decoding, field
from narrows.data import table_writer
from narrows.data.tables.frames import frame_from_arrow
from narrows.data.tables.frames.legacy import legacy_form
from narrows.errors import ArchiveError, UsageError
from narrows.support.files import atomic_file
from narrows.support.lazy_modules import pa
from narrows.support.progress import Note, Tracker, silent

# What a group may hold at most: this bounds what a decoder allocates for one.
_MOST_ROWS, _MOST_VALUES = 1 << 20, 1 << 23
# Cells that are made text at once.
_WRITTEN_AT_ONCE = 1 << 20
# Python takes up to so many bytes for one of JSON.
_OF_JSON = 16
# Files that the text of a CSV file may be written to.
_TEXTS = (".csv", ".tsv", ".data", ".txt")


class TableArchive(OpenArchive):
    """An open archive of a table.

    Attributes:
        name: the file, as messages call it.
        layout: its columns, and how many rows there are.
        bound: the largest of the errors that were allowed, 0 for lossless.
    """

    unit: ClassVar[str] = "row"
    usual_format: ClassVar[str] = "csv"
    size_is_known: ClassVar[bool] = False

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        data = field(container.header, "data", dict, self.name)
        self.layout = TableLayout.from_header(data, container.read, self.name)
        self.bound = max(column.bound for column in self.layout.columns)
        self._index = Index(container)
        self._check_index()
        self._starts = self._index.starts.tolist()

    def _check_index(self) -> None:
        index, name = self._index, self.name
        columns = len(self.layout.columns)
        for rows, size, zero in index.records():
            if not 0 < rows <= _MOST_ROWS or rows * columns > max(_MOST_VALUES, columns):
                raise damaged(name, f"a group of {rows:,} rows")
            if size > LARGEST or zero:
                raise damaged(name, f"a group of {size:,} bytes")
        if index.counts.sum() != self.layout.rows:
            raise damaged(name, f"its groups do not hold its {self.layout.rows:,} rows")
        if index.sizes.sum() != index.payload_size:
            raise damaged(name, "its groups do not take the bytes of its payload")

    def __len__(self) -> int:
        return self.layout.rows

    @property
    def nbytes(self) -> int:
        """The bytes that the values take at least, without the letters of texts."""
        return len(self) * sum(column.kept.storage.dtype.itemsize for column in self.layout.columns)

    @cached_property
    def size_breakdown(self) -> TableSizeBreakdown:
        """Where its bytes are, as far as the archive itself says; groups that are damaged are not
        counted in ``methods``."""
        methods = [Counter[str]() for _ in self.layout.columns]
        for number in range(len(self._index)):
            try:
                found = sections(self.layout.kept, self._content(number))
            except (ArchiveError, ValueError):
                continue
            for counts, pipeline in zip(methods, found, strict=True):
                if pipeline is not None:
                    counts[pipeline.name] += 1
        columns = tuple(
            column.size_breakdown(counts)
            for column, counts in zip(self.layout.columns, methods, strict=True)
        )
        breakdown = TableSizeBreakdown(
            rows=len(self), groups=len(self._index), sizes=self._container.sizes, columns=columns
        )
        return breakdown if self.manner is None else breakdown.with_text(self.manner)

    @cached_property
    def manner(self) -> CsvText | None:
        """How the text of the CSV file was written that it was made of, without the lines that are
        written otherwise than the rest; None for other tables, and in archives of before."""
        data = self._container.header["data"]
        return from_header(data["csv"], self.schema.types, self.name) if "csv" in data else None

    @cached_property
    def text(self) -> CsvText | None:
        """The same with those lines."""
        if self.manner is None:
            return None
        part = self._container.read(LINES) if LINES in self._container else b""
        csv, most = self._container.header["data"]["csv"], self.limit(None) / _OF_JSON
        rows, name = len(self), self.name
        return with_lines(self.manner, csv, rows=rows, part=part, most=most, name=name)

    def text_pieces(
        self,
        batches: Iterable[Any],
        start: int = 0,
        *,
        whole: bool = True,
        max_bytes: float | None = None,
    ) -> Iterator[bytes]:
        """Rows from number ``start`` on as the text of the CSV file that they came from, with what
        stands above the first.

        Args:
            batches: the rows, Arrow tables in order.
            start: the number of the first.
            whole: whether none are left out: then lines that are written in a way of their own are
                so here, and the text of all rows is compared with its SHA-256.
            max_bytes: as for ``read``, of the text.

        Raises:
            UsageError: they did not come from a CSV file.
            ArchiveError: the archive is damaged, or the text takes more than ``max_bytes``.
        """
        text = self.text if whole else self.manner
        if text is None:
            raise UsageError(
                f"{self.name} was not made of a CSV file, and has no text",
                hint="write its rows to a .csv or .parquet file with narrows decompress",
            )
        text = text if whole else replace(text, whole=None)
        row, size, digest = start, 0, hashlib.sha256()
        for count, piece in self._pieces_of(text, batches, start):
            row, size = row + count, size + len(piece)
            if text.whole is not None and size > text.whole.size:
                raise damaged(self.name, f"its text takes more than {text.whole.size:,} bytes")
            self.require_within(size, max_bytes, at_least=True)
            digest.update(piece)
            yield piece
        every = not start and row == len(self)
        if text.whole is not None and every and digest.hexdigest() != text.whole.sha256:
            raise damaged(self.name, "the SHA-256 of its text does not match")

    def _pieces_of(
        self, text: CsvText, batches: Iterable[Any], row: int
    ) -> Iterator[tuple[int, bytes]]:
        """Pieces of a text, and of how many rows each is."""

        def made(make: Callable[..., bytes], *given: Any) -> bytes:
            with decoding(self.name, "its text"):
                return make(*given)

        yield 0, made(text.beginning)
        step = max(_WRITTEN_AT_ONCE // len(self.layout.columns), 1)
        for batch in batches:
            for low in range(0, len(batch), step):
                some = batch.slice(low, step)
                yield len(some), made(text.rows, some, row)
                row += len(some)
        if row == len(self):
            yield 0, made(text.ending)

    @cached_property
    def schema(self) -> Any:
        """The Arrow schema of the table."""
        return pa.schema(
            [(column.name, column.kept.storage.type) for column in self.layout.columns]
        )

    def _content(self, number: int) -> bytes:
        """The bytes of a group, its checksum compared."""
        return self._index.content(number, "group")

    def _group(self, number: int) -> list[Cells]:
        """The cells of each column in a group of rows.

        Raises:
            ArchiveError: it is damaged, or needs a library that is not installed.
        """
        content = self._content(number)
        for kept in self.layout.kept:
            self._require_installed(kept)
        with decoding(self.name, f"group {number + 1} of {len(self._index)}"):
            rows = int(self._index.counts[number])
            return decode_group(self.layout.kept, content, rows, self._most)

    def _require_installed(self, kept: Kept) -> None:
        for pipeline in kept.pipelines:
            pipeline.method.require_available(self.name)

    @cached_property
    def _categories(self) -> list[Any]:
        """The categories of each column of a dictionary type, as an Arrow array; others None."""
        found, size = list[Any](), 0
        for number, column in enumerate(self.layout.columns):
            kept = column.categories
            if kept is None:
                found.append(None)
                continue
            cells = self._category_cells(kept, column, number)
            size += bytes_of(cells)
            self._require_plausible(size, "its categories")
            with decoding(self.name, f"the categories of {column.name!r}"):
                found.append(kept.storage.array(cells))
        return found

    def check_categories(self, others: Mapping[str, Any]) -> None:
        """Compare the categories of every column of a dictionary type.

        Raises:
            ArchiveError: they are others.
        """
        for column, ours in zip(self.layout.columns, self._categories, strict=True):
            kept = column.categories
            if kept is None:
                continue
            mine, theirs = (kept.storage.cells(each) for each in (ours, others[column.name]))
            if not same_cells(kept, mine, theirs):
                raise ArchiveError(
                    f"{self.name} has other categories of column {column.name!r} than the data",
                    hint="give the data that it was made of",
                )

    def _category_cells(self, kept: Kept, column: TableColumn, number: int) -> Cells:
        if not column.category_count:
            return no_cells(kept.storage)
        content = self._container.read(f"categories{number}")
        self._require_installed(kept)
        with decoding(self.name, f"the categories of {column.name!r}"):
            (cells,) = decode_group([kept], content, column.category_count, self._most)
        return cells

    @property
    def _most(self) -> float:
        """Bytes that a group, or all categories, may take whatever ``max_bytes`` is."""
        return max(LARGEST, self.limit(None))

    def _require_plausible(self, size: int, what: str) -> None:
        """Make sure that ``what`` takes no more memory than data of its file's size may: a text
        that is there once can be the value of many cells."""
        if size > self._most:
            raise damaged(self.name, f"{what} would take {size:,} bytes")

    def _table(self, cells: list[Cells]) -> Any:
        """Cells as an Arrow table."""
        self._require_plausible(sum(map(bytes_of, cells)), "a group of rows")
        try:
            arrays = [
                column.kept.storage.array(each, categories)
                for column, each, categories in zip(
                    self.layout.columns, cells, self._categories, strict=True
                )
            ]
            return pa.Table.from_arrays(arrays, schema=self.schema)
        except (pa.ArrowException, LookupError, TypeError, ValueError) as error:
            if isinstance(error, ArchiveError):
                raise
            raise damaged(self.name, f"cells that are none of their column: {error}") from error

    @cached_property
    def _nothing(self) -> Any:
        """The table without its rows: it has the categories all the same."""
        return self._table([no_cells(kept.storage) for kept in self.layout.kept])

    def items(self, start: int, stop: int) -> Any:
        """The rows from number ``start`` up to ``stop``, as an Arrow table.

        Raises:
            UsageError: there are no such rows.
            ArchiveError: a group that holds one of them is damaged.
        """
        return pa.concat_tables([self._nothing, *self.batches(start, stop)])

    def batches(
        self, start: int = 0, stop: int | None = None, *, skip_damaged: bool = False
    ) -> Iterator[Any]:
        stop = len(self) if stop is None else stop
        self._check_range(start, stop)
        for number, (low, high) in enumerate(zip(self._starts, self._starts[1:], strict=False)):
            if high <= start or low >= stop or (skip_damaged and self._is_damaged(number)):
                continue
            table = self._table(self._group(number))
            first, last = max(start, low) - low, min(stop, high) - low
            yield table.slice(first, last - first)

    def _is_damaged(self, number: int) -> bool:
        try:
            self._content(number)
        except ArchiveError:
            return True
        return False

    def damaged_items(self) -> list[tuple[int, int]]:
        """Ranges of rows of which a group is damaged, going by the checksums."""
        groups = enumerate(zip(self._starts, self._starts[1:], strict=False))
        return merged(rows for number, rows in groups if self._is_damaged(number))

    def verified_groups(self, *, track: Tracker = silent) -> Iterator[list[Cells]]:
        """The cells of all groups in order; at the end their SHA-256 is compared.

        Raises:
            ArchiveError: the archive is damaged.
        """
        digest = hashlib.sha256()
        with track(f"reading {self.name}", total=len(self), unit="rows") as advance:
            for number, rows in enumerate(self._index.counts.tolist()):
                group = self._group(number)
                for cells in group:
                    for piece in digest_pieces(cells):
                        digest.update(piece)
                yield group
                advance(rows)
        self._check_digest(digest.hexdigest())

    def verified_batches(self, *, track: Tracker = silent) -> Iterator[Any]:
        for group in self.verified_groups(track=track):
            yield self._table(group)

    def read(self, *, max_bytes: float | None = None, track: Tracker = silent) -> Any:
        """The whole table, as the kind that it was: pandas', polars', or else Arrow's.

        Raises:
            ArchiveError: the archive is damaged, or the table takes more than ``max_bytes``.
        """
        tables, size = [self._nothing], 0
        self.require_within(self.nbytes, max_bytes, at_least=True)
        for batch in self.verified_batches(track=track):
            tables.append(batch)
            size += bytes_in_memory(batch)
            self.require_within(size, max_bytes, at_least=True)
        table = pa.concat_tables(tables)
        library, dtypes = self.layout.frame, [column.dtype for column in self.layout.columns]
        try:
            form = self.layout.form or legacy_form(library, table.schema, dtypes)
            return frame_from_arrow(table, form)
        except ImportError as error:
            raise ArchiveError(
                f"{self.name} holds a table of {library}, and {error.name or error} is not "
                "installed here",
                hint=f"install {error.name or library}, or use narrows decompress",
            ) from error
        except (TypeError, ValueError) as error:
            raise ArchiveError(
                f"{self.name} holds a table that is not made again: {error}",
                hint=f"update {library}, with which it may have been written, or use narrows "
                "decompress; where neither helps, get the file again",
            ) from error

    def _write(self, batches: Iterator[Any], selection: Selection, out: str, note: Note) -> None:
        """Write rows as a Parquet file, or as a CSV file written as the one that they came from."""
        if self.manner is not None and Path(out).suffix.lower() in _TEXTS:
            whole, most = not selection.skips_damaged, selection.max_bytes
            with atomic_file(out) as file:
                for piece in self.text_pieces(
                    batches, selection.start, whole=whole, max_bytes=most
                ):
                    file.write(piece)
            return
        with table_writer(out, self.schema) as write:
            for batch in batches:
                write(batch)
