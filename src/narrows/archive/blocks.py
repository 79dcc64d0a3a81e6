"""Values in blocks, each coded on its own: an index says where each lies and what it must be.

The index is a record a block, in order, of 13 bytes: values (4), bytes (4), CRC-32 of those bytes
(4), the number of its pipeline (1); unsigned, little-endian. The payload is the blocks' bytes, in
the same order. So any item is read by decoding the blocks that hold it.
"""

import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.container import Container, Part
from narrows.archive.pipeline import Pipeline
from narrows.archive.validation import damaged, decoding

RECORD = struct.Struct("<IIIB")
_RECORDS = np.dtype([("values", "<u4"), ("bytes", "<u4"), ("crc", "<u4"), ("pipeline", "u1")])

#: What a block holds where items are small: enough for general compressors to learn from.
BLOCK_BYTES = 8 << 20
#: An item up to here stays whole; a larger one is cut into blocks of its own.
WHOLE_ITEM_BYTES = 16 << 20
#: No block, as it is or coded, is larger; this bounds what a decoder allocates for one.
LARGEST_BLOCK = 1 << 26
MOST_PIPELINES = 255

# Coded blocks wait in memory up to here, then in a temporary file.
_IN_MEMORY = 64 << 20


def block_extents(layout: Layout) -> Iterator[tuple[int, int]]:
    """The first value of each block and how many it holds, for an array about to be written."""
    width = layout.dtype.itemsize
    item_bytes = layout.item_size * width
    if not layout.size:
        return
    if item_bytes <= WHOLE_ITEM_BYTES:
        blocks = -(-layout.count // max(BLOCK_BYTES // item_bytes, 1))
        # all about as large: a last one of a few items would be coded badly
        yield from _cut(0, layout.size, -(-layout.count // blocks) * layout.item_size)
        return
    for item in range(layout.count):
        yield from _cut(item * layout.item_size, layout.item_size, BLOCK_BYTES // width)


def _cut(first: int, size: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, size, step):
        yield first + start, min(step, size - start)


class BlockWriter:
    """Collects coded blocks, and becomes the parts ``index`` and ``payload`` of an archive."""

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._payload = tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="narrows-")  # noqa: SIM115
        self._size = 0

    def __len__(self) -> int:
        return len(self._records)

    def append(self, content: bytes, values: int, pipeline: int = 0) -> None:
        """Add a block of ``values`` values, or a group of so many rows, that the pipeline of that
        number has coded."""
        self._records.append(RECORD.pack(values, len(content), zlib.crc32(content), pipeline))
        self._payload.write(content)
        self._size += len(content)

    def parts(self) -> list[Part]:
        """The two parts."""
        index = Part.of("index", b"".join(self._records))
        return [index, Part("payload", self._payload, self._size, checked=False)]

    def close(self) -> None:
        """Give the memory or the temporary file back."""
        self._payload.close()


class Index:
    """Where each block, or group of rows, of an open archive lies.

    Attributes:
        counts: of values, or of rows, in each: int64 (n,).
        sizes: their bytes.
        numbers: of pipelines.
        starts: the number of the first value of each, and of the one behind the last.
    """

    def __init__(self, container: Container) -> None:
        """Read the index.

        Raises:
            ArchiveError: it is damaged.
        """
        self._container, content = container, container.read("index")
        if len(content) % RECORD.size:
            raise damaged(container.name, "its index ends within a record")
        records = np.frombuffer(content, _RECORDS)
        self.counts, self.sizes = (records[key].astype(np.int64) for key in ("values", "bytes"))
        self.numbers, self._checksums = records["pipeline"], records["crc"]
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])
        self._places = np.concatenate([[0], np.cumsum(self.sizes)])

    def __len__(self) -> int:
        return len(self.counts)

    def records(self) -> Iterator[tuple[int, int, int]]:
        """Count, bytes and number of each."""
        columns = (self.counts, self.sizes, self.numbers)
        return zip(*(column.tolist() for column in columns), strict=True)

    @property
    def payload_size(self) -> int:
        """The bytes of what the index is of; -1 where there is none."""
        return self._container.sizes.get("payload", -1)

    def content(self, number: int, unit: str = "block") -> bytes:
        """The bytes of a block, its checksum compared.

        Raises:
            ArchiveError: it is damaged; the message calls it a ``unit``.
        """
        place, size = int(self._places[number]), int(self.sizes[number])
        content = self._container.read_piece("payload", place, size)
        if zlib.crc32(content) != int(self._checksums[number]):
            raise damaged(
                self._container.name,
                f"the checksum of {unit} {number + 1} of {len(self)} does not match",
            )
        return content


class BlockReader:
    """The blocks of an array in an open archive.

    Attributes:
        layout: the array's.
        starts: the number of the first value of each block, and of the one behind the last.
    """

    def __init__(self, container: Container, layout: Layout, pipelines: Sequence[Pipeline]) -> None:
        """Read the index.

        Raises:
            ArchiveError: it is damaged, or not one of this array.
        """
        self.layout = layout
        self._name, self._pipelines = container.name, pipelines
        self._index = Index(container)
        self._check_index()
        self.starts = self._index.starts

    def _check_index(self) -> None:
        name, layout = self._name, self.layout
        most = LARGEST_BLOCK // layout.dtype.itemsize
        values = size = 0
        if len(self) and not layout.size:
            raise damaged(name, "it has blocks and no values")
        for count, length, pipeline in self._index.records():
            if not 0 < count <= most or length > LARGEST_BLOCK:
                raise damaged(name, f"a block of {count:,} values in {length:,} bytes")
            if pipeline >= len(self._pipelines):
                raise damaged(name, f"a block is coded in way {pipeline}, which its header lacks")
            # Filters make up to 8 bytes of one.
            expansion = 8 * self._pipelines[pipeline].method.largest_expansion
            if count * layout.dtype.itemsize > (length + 1) * expansion:
                raise damaged(name, f"a block of {count:,} values in {length:,} bytes")
            start, end = divmod(values, layout.item_size), values + count
            if (start[1] or count % layout.item_size) and start[0] != (end - 1) // layout.item_size:
                raise damaged(name, "a block is neither of whole items nor a piece of one")
            values, size = values + count, size + length
        if values != layout.size:
            raise damaged(name, f"its blocks hold {values:,} values of {layout.size:,}")
        payload = self._index.payload_size
        if size != payload:
            raise damaged(name, f"its blocks take {size:,} bytes of {payload:,}")

    def __len__(self) -> int:
        return len(self._index)

    def shape(self, number: int) -> tuple[int, ...]:
        """The shape of a block: whole items, or a piece of one, flat."""
        start, stop = self.starts[number : number + 2].tolist()
        return self.layout.block_shape(start, stop - start)

    def methods(self) -> dict[str, int]:
        """How many blocks each pipeline has coded, by its name."""
        counts = np.bincount(self._index.numbers, minlength=len(self._pipelines)).tolist()
        names = Counter[str]()
        for pipeline, count in zip(self._pipelines, counts, strict=True):
            names[pipeline.name] += count
        return dict(names)

    def content(self, number: int) -> bytes:
        """The bytes of a block, its checksum compared.

        Raises:
            ArchiveError: it is damaged.
        """
        return self._index.content(number)

    def block(self, number: int) -> np.ndarray:
        """The values of a block, in the machine's byte order.

        Raises:
            ArchiveError: it is damaged, or needs a library that is not installed.
        """
        content, pipeline = self.content(number), self._pipelines[int(self._index.numbers[number])]
        name = self._name
        pipeline.method.require_available(name)
        shape, dtype = self.shape(number), self.layout.working_dtype
        with decoding(name, f"block {number + 1} of {len(self)}"):
            values = pipeline.decode(content, shape, dtype)
        assert values.shape == shape and values.dtype == dtype
        return values

    def values(self, start: int, stop: int) -> np.ndarray:
        """The values from number ``start`` up to ``stop``, flat, from no more blocks than needed.

        Raises:
            ArchiveError: one of these blocks is damaged.
        """
        result = np.empty(stop - start, self.layout.working_dtype)
        first = int(np.searchsorted(self.starts, start, "right")) - 1
        number = first
        while start < stop and number < len(self):
            low, high = int(self.starts[number]), int(self.starts[number + 1])
            block = self.block(number).reshape(-1)[max(start - low, 0) : stop - low]
            place = max(start, low) - start
            result[place : place + len(block)] = block
            if high >= stop:
                break
            number += 1
        return result
