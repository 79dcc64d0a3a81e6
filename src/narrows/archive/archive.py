"""An archive of an array that is open for reading: any items, without decoding more than their
blocks."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import ClassVar

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.block_coder import little_endian_bytes
from narrows.archive.blocks import MOST_PIPELINES, BlockReader
from narrows.archive.codes.decoder import Decoder, decoded
from narrows.archive.codes.writing import KIND as CODES
from narrows.archive.container import Container
from narrows.archive.files import read_files
from narrows.archive.holding import OpenArchive, Selection, merged
from narrows.archive.item_files import is_named_folder, write_items
from narrows.archive.pipeline import Pipeline
from narrows.archive.size_breakdown import SizeBreakdown, trials_from_header
from narrows.archive.validation import damaged, field, finite_number
from narrows.data.image_files import ImageFiles
from narrows.errors import ArchiveError
from narrows.support.progress import Note, Tracker, silent


class Archive(OpenArchive):
    """An open archive of an array.

    Attributes:
        name: the file, as messages call it.
        layout: shape, dtype and byte order of the array.
        bound: the largest error that was allowed, 0 for lossless; None for an archive of codes,
            where the error is measured, not bounded.
        size_breakdown: where its bytes are.
        files: the files that the items came from; None where it does not say.
    """

    unit: ClassVar[str] = "item"
    usual_format: ClassVar[str] = "npy"

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        header, name = container.header, container.name
        data = field(header, "data", dict, name)
        codes = data["kind"] == CODES
        self.layout = Layout.from_header(data, name)
        self.bound = None if codes else finite_number(header.get("bound"), 0, "bound", name)
        self._held = self._codes_layout() if codes else self.layout
        self._blocks = BlockReader(self._container, self._held, self._pipelines())
        self._values = self._decoded() if codes else self._blocks.values

    @cached_property
    def files(self) -> ImageFiles | None:
        """See above; read when it is first asked for.

        Raises:
            ArchiveError: it is damaged, or a name would lead out of its folder.
        """
        return read_files(self._container, len(self))

    def _codes_layout(self) -> Layout:
        name = self.name
        held = Layout.from_header(field(self._container.header, "codes", dict, name), name)
        fits = len(held.shape) == 2 and held.count == self.layout.count and self.layout.shape
        small = held.dtype.kind == "i" and held.dtype.itemsize <= 2
        if not (fits and small and held.item_size and self.layout.item_size):
            raise damaged(name, "its header does not say what its codes are")
        return held

    def _decoded(self) -> Callable[[int, int], np.ndarray]:
        if "decoder" in self._container:
            decoder = self._decoder()
            return decoded(self._blocks, lambda: decoder, self.layout, self.name)
        if self._container.model is None:
            raise damaged(self.name, "its part 'decoder' is missing")
        return decoded(self._blocks, self._decoder, self.layout, self.name)

    def _decoder(self) -> Decoder:
        name, inputs = self.name, self._held.item_size
        entry = field(self._container.header, "decoder", dict, name)
        part = self._container.read("decoder")
        return Decoder.unpacked(entry, part, inputs, self.layout, name)

    def _pipelines(self) -> list[Pipeline]:
        entries = field(self._container.header, "pipelines", list, self.name)
        if len(entries) > MOST_PIPELINES:
            raise damaged(self.name, f"its header has {len(entries):,} pipelines")
        read, dtype = self._container.read, self._held.working_dtype
        return [Pipeline.from_header(entry, dtype, read, self.name) for entry in entries]

    def __len__(self) -> int:
        return self.layout.count

    @property
    def nbytes(self) -> int:
        """The bytes of all values as they are."""
        return self.layout.nbytes

    @cached_property
    def size_breakdown(self) -> SizeBreakdown:
        """Where its bytes are, as far as the archive itself says."""
        header, name = self._container.header, self.name
        errors = {} if self.bound == 0 else field(header, "error", dict, name)
        figures = [errors.get("largest", 0.0), errors.get("mean_squared", 0.0)]
        if not all(each is None or isinstance(each, int | float) for each in figures):
            raise damaged(name, "its header has no usable 'error'")
        trials, sampled = trials_from_header(header, name)
        methods = self._blocks.methods()
        sizes = self._container.sizes
        return SizeBreakdown(
            layout=self.layout,
            bound=self.bound,
            sizes=sizes,
            methods=methods,
            trials=trials,
            sampled=sampled,
            largest_error=figures[0] or 0.0,
            mean_squared_error=figures[1],
            numbers=self._held.item_size if self.bound is None else None,
            model=self._container.model,
            model_size=self._container.model_size,
            changes="" if self.files is None else self.files.options.described(),
        )

    def items(self, start: int, stop: int) -> np.ndarray:
        """The items from number ``start`` up to ``stop``: shape (stop - start, \\*item_shape).

        Raises:
            UsageError: there are no such items.
            ArchiveError: a block that holds one of them is damaged.
        """
        self._check_range(start, stop)
        size = self.layout.item_size
        flat = self._values(start * size, stop * size)
        shaped = flat.reshape(stop - start, *self.layout.item_shape)
        return shaped.astype(self.layout.dtype, copy=False)

    def batches(
        self, start: int = 0, stop: int | None = None, *, skip_damaged: bool = False
    ) -> Iterator[np.ndarray]:
        stop = len(self) if stop is None else stop
        missing = self.damaged_items() if skip_damaged else []
        for low, high in self._batch_ranges(start, stop):
            for piece in _without((low, high), missing):
                yield self.items(*piece)

    def _batch_ranges(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        size = self._held.item_size
        if not size or stop <= start:
            yield start, stop
            return
        starts = self._blocks.starts
        edges = starts[starts % size == 0] // size
        inner = edges[(edges > start) & (edges < stop)].tolist()
        yield from zip([start, *inner], [*inner, stop], strict=True)

    def damaged_items(self) -> list[tuple[int, int]]:
        """Ranges of items of which a block is damaged, going by the checksums."""
        return merged(self._damaged_blocks())

    def _damaged_blocks(self) -> Iterator[tuple[int, int]]:
        size = self._held.item_size
        for number in range(len(self._blocks)):
            try:
                self._blocks.content(number)
            except ArchiveError:
                start, stop = self._blocks.starts[number : number + 2].tolist()
                yield start // size, -(-stop // size)

    def read(self, *, max_bytes: float | None = None, track: Tracker = silent) -> np.ndarray:
        """The whole array, of its shape, its checksum compared.

        Raises:
            ArchiveError: the archive is damaged, or the array takes more than ``max_bytes``, or
                does not fit in memory.
        """
        self.require_within(self.nbytes, max_bytes)
        try:
            result = np.empty(self.layout.shape, self.layout.dtype)
        except MemoryError as error:
            raise ArchiveError(
                f"{self.name} holds {self.layout.nbytes:,} bytes of values, which do not fit in "
                "memory",
                hint="read some items at a time, or write them to a file with narrows decompress",
            ) from error
        items, place = result.reshape(len(self), *self.layout.item_shape), 0
        for batch in self.verified_batches(track=track):
            items[place : place + len(batch)] = batch
            place += len(batch)
        return result

    def verified_batches(self, *, track: Tracker = silent) -> Iterator[np.ndarray]:
        digest = hashlib.sha256()
        with track(f"reading {self.name}", total=len(self), unit="items") as advance:
            for batch in self.batches():
                digest.update(little_endian_bytes(batch))
                yield batch
                advance(len(batch))
        self._check_digest(digest.hexdigest())

    def _write(
        self, batches: Iterator[np.ndarray], selection: Selection, out: str, note: Note
    ) -> None:
        files = self._selected_files(selection, note) if is_named_folder(out) else None
        write_items(batches, selection.count, self.layout, out, files=files, note=note)

    def _selected_files(self, selection: Selection, note: Note) -> ImageFiles | None:
        """The files that a selection came from, if it has names."""
        try:
            files = self.files
        except ArchiveError as error:
            if not selection.skips_damaged:
                raise
            note(f"{error.message}; images are numbered instead")
            return None
        if files is None:
            return None
        lost = {number for low, high in selection.missing for number in range(low, high)}
        numbers = range(selection.start, selection.stop)
        return files.rows(number for number in numbers if number not in lost)


def _without(piece: tuple[int, int], missing: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of a range without those that are missing."""
    start, stop = piece
    for low, high in missing:
        if high <= start or low >= stop:
            continue
        if low > start:
            yield start, low
        start = max(start, high)
    if start < stop or piece[0] == piece[1]:
        yield start, stop
