"""A group of rows: what its bytes are, and how they become cells again.

For each column, in order, one byte tells of missing cells: 0 there are none, 1 all are, 2 a block
of truth values follows, one a row, 3 the columns that are coded together tell. Of a column of texts
come then the number of different ones and the bytes of all (4 each), and in a block each their
lengths and their UTF-8; of every column, unless all are missing, the values of the cells that are
present. A block that would have no values is left out. A block is the number of its pipeline (1),
its bytes (4), and these.
Behind the last column, what is coded together: see :mod:`narrows.archive.tables.joint_coding`.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from narrows.archive.blocks import MOST_PIPELINES
from narrows.archive.bounds import within
from narrows.archive.methods import Rows
from narrows.archive.pipeline import Pipeline
from narrows.archive.tables.cells import MOST_TEXT, Cells, Storage
from narrows.archive.tables.joint_coding import decode_jointly

BLOCK, COUNTS = struct.Struct("<BI"), struct.Struct("<II")
#: Bytes of a group of rows at most, and of the cells that it holds.
LARGEST = 1 << 28
# Bytes of a column beside those of its cells.
_AROUND = 32
#: What the byte says that tells of missing cells.
NONE, ALL, SOME, TOLD = range(4)
_TRUTH, _LENGTHS, _LETTERS = np.dtype(bool), np.dtype(np.uint32), np.dtype(np.uint8)


@dataclass(frozen=True)
class Kept:
    """How a column is kept.

    Attributes:
        storage: of its cells.
        bound: the largest error of its values, as they are stored; 0: exact.
        pipelines: ways from bytes to values, in the order in which they were first needed; more are
            added while groups are coded.
    """

    storage: Storage
    bound: float
    pipelines: list[Pipeline]

    def takes(self, pipeline: Pipeline) -> bool:
        """Whether there is room for one more pipeline, if it is one; one is left for what is
        stored as it is."""
        room = len(self.pipelines) + 4 < MOST_PIPELINES
        return room or pipeline.to_header() in [known.to_header() for known in self.pipelines]

    def number(self, pipeline: Pipeline) -> int:
        """The number of a pipeline."""
        headers = [known.to_header() for known in self.pipelines]
        if pipeline.to_header() in headers:
            return headers.index(pipeline.to_header())
        self.pipelines.append(pipeline)
        return len(headers)


def same_cells(kept: Kept, cells: Cells, other: Cells) -> bool:
    """Whether ``other`` has the cells that it must have, values within the bound."""
    if not np.array_equal(cells.present, other.present):
        return False
    for ours, theirs in ((cells.lengths, other.lengths), (cells.letters, other.letters)):
        if ours is not None and (theirs is None or not np.array_equal(ours, theirs)):
            return False
    return bool(within(cells.values, other.values, kept.bound).all())


def bytes_of(cells: Cells) -> int:
    """What a column of a group takes as it is, and as an Arrow array: in that a text is as often as
    it is in the column."""
    texts = 0
    if cells.lengths is not None:
        texts = cells.lengths.nbytes + int(cells.lengths[cells.values].sum(dtype=np.int64))
    return _AROUND + cells.present.nbytes + cells.values.nbytes + texts


class _Reader:
    """Takes a group's bytes from front to back."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0

    def take(self, size: int) -> bytes:
        piece = self.content[self.place : self.place + size]
        if len(piece) < size:
            raise ValueError("a group of rows ends too early")
        self.place += size
        return piece


@dataclass
class _Found:
    """A column as it lies in a group, before anything is decoded."""

    missing: int
    truth: tuple[Pipeline, bytes] | None
    texts: tuple[int, int]
    blocks: list[tuple[Pipeline, bytes]]

    @property
    def joined(self) -> bool:
        return bool(self.blocks) and self.blocks[-1][0].method.name == Rows.name


def decode_group(
    columns: Sequence[Kept], content: bytes, rows: int, most: float = LARGEST
) -> list[Cells]:
    """The cells of each column, whose texts take no more than ``most`` bytes together.

    Raises:
        Exception: of any kind, where ``content`` is not what :func:`encode_group` made.
    """
    reader = _Reader(content)
    found = [_found(reader, kept) for kept in columns]
    texts = sum(4 * count + letters for count, letters in (each.texts for each in found))
    if texts > most:
        raise ValueError(f"its texts would take {texts:,} bytes")
    members = [number for number, each in enumerate(found) if each.joined]
    shared = content[reader.place :]
    if bool(members) != bool(shared):
        raise ValueError("there are bytes of no columns, or none of some")
    symbols = iter(decode_jointly(shared, rows, len(members)) if members else ())
    return [
        _cells(kept, each, rows, next(symbols) if each.joined else None)
        for kept, each in zip(columns, found, strict=True)
    ]


def sections(columns: Sequence[Kept], content: bytes) -> list[Pipeline | None]:
    """The pipeline of each column's values; None where all are missing.

    Raises:
        ValueError: this is no group of rows.
    """
    reader = _Reader(content)
    found = [_found(reader, kept) for kept in columns]
    return [each.blocks[-1][0] if each.blocks else None for each in found]


def _found(reader: _Reader, kept: Kept) -> _Found:
    missing = reader.take(1)[0]
    if missing > TOLD:
        raise ValueError("a column is missing in no known way")
    truth = _found_block(reader, kept) if missing == SOME else None
    if missing == ALL:
        return _Found(missing, None, (0, 0), [])
    if not kept.storage.textual:
        return _Found(missing, truth, (0, 0), [_found_block(reader, kept)])
    texts, letters = COUNTS.unpack(reader.take(COUNTS.size))
    if not texts or texts > MOST_TEXT // 4 or letters > MOST_TEXT:
        raise ValueError(f"{texts:,} texts of {letters:,} bytes")
    blocks = [_found_block(reader, kept) for _ in range(2 + bool(letters))]
    return _Found(missing, truth, (texts, letters), blocks)


def _found_block(reader: _Reader, kept: Kept) -> tuple[Pipeline, bytes]:
    number, size = BLOCK.unpack(reader.take(BLOCK.size))
    if number >= len(kept.pipelines):
        raise ValueError(f"a column is coded in way {number}, which the header lacks")
    return kept.pipelines[number], reader.take(size)


def _decoded(block: tuple[Pipeline, bytes], count: int, dtype: np.dtype) -> np.ndarray:
    pipeline, content = block
    return pipeline.decode(content, (count,), dtype)


def _cells(kept: Kept, found: _Found, rows: int, symbols: np.ndarray | None) -> Cells:
    storage = kept.storage
    present = np.full(rows, found.missing != ALL)
    if found.truth:
        present = _decoded(found.truth, rows, _TRUTH)
    if found.missing == ALL:
        return replace(no_cells(storage), present=present)
    pipeline, content = found.blocks[-1]
    if (found.missing == TOLD) != (symbols is not None and found.missing != NONE):
        raise ValueError("a column is missing in no known way")
    if symbols is not None:
        if found.missing == TOLD:
            present = symbols > 0
            symbols = symbols[present] - 1
        pipeline = replace(pipeline, method=Rows(symbols))
    count = int(np.count_nonzero(present))
    values = _decoded((pipeline, content), count, storage.dtype)
    if not storage.textual:
        return Cells(present, values)
    texts, size = found.texts
    lengths = _decoded(found.blocks[0], texts, _LENGTHS)
    if int(lengths.sum(dtype=np.uint64)) != size or (
        values.size and not 0 <= values.min() <= values.max() < texts
    ):
        raise ValueError("a text that there is not")
    letters = _decoded(found.blocks[1], size, _LETTERS) if size else np.zeros(0, _LETTERS)
    return Cells(present, values, lengths, letters)


def no_cells(storage: Storage) -> Cells:
    """A column of no rows."""
    texts = (np.zeros(0, _LENGTHS), np.zeros(0, _LETTERS)) if storage.textual else ()
    return Cells(np.zeros(0, bool), np.zeros(0, storage.dtype), *texts)


def digest_pieces(cells: Cells) -> Iterator[bytes]:
    """What SHA-256 is taken of: which cells are present, a byte a row; their values, the lowest
    byte of each first; of texts the lengths of all and their UTF-8."""
    yield cells.present.astype(np.uint8).tobytes()
    values = cells.values
    yield values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    if cells.lengths is not None and cells.letters is not None:
        yield cells.lengths.astype("<u4").tobytes()
        yield cells.letters.tobytes()
