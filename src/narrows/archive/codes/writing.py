"""From codes and their decoder to an archive."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.blocks import BLOCK_BYTES, BlockWriter
from narrows.archive.choosing import Choice, choose
from narrows.archive.codes.decoder import Decoder
from narrows.archive.codes.shared import SharedModel
from narrows.archive.container import Part, write_container
from narrows.archive.methods import Effort, Method, Stored
from narrows.archive.pipeline import Pipeline
from narrows.archive.size_breakdown import SizeBreakdown, trials_to_header
from narrows.archive.validation import field
from narrows.archive.writing import ErrorMeter, block_values, little_endian_bytes
from narrows.support.progress import Tracker, silent

KIND = "codes"


def write_codes(
    out: IO[bytes],
    codes: np.ndarray,
    decoder: Decoder,
    items: np.ndarray,
    *,
    effort: Effort = "normal",
    methods: Sequence[Method] = (),
    model: SharedModel | None = None,
    embed_model: bool = False,
    name: str = "X",
    track: Tracker = silent,
) -> SizeBreakdown:
    """Write codes and what decodes them as an archive, and measure how far it is from ``items``.

    Args:
        out: takes bytes, from where it stands.
        codes: (n, numbers), whole numbers of 16 bits.
        decoder: what they go into.
        items: (n, \\*item_shape), what they shall stand for.
        effort: how much is tried.
        methods: methods to try besides those that need no training.
        model: the model file of which ``decoder`` is; the archive names it instead of holding it.
        embed_model: hold the decoder all the same.
        name: what messages call the data.
        track: told how far it is.
    """
    begun = time.perf_counter()
    layout = Layout.of(items)
    codes = codes.astype(np.int8 if _fits(codes, np.int8) else np.int16)
    held = Layout.of(codes)
    coder = _Coder(decoder, layout)
    try:
        choice = _choice(codes, layout, effort, methods)
        with track(f"compressing {name}", total=len(items), unit="item") as advance:
            for start, stop in _ranges(layout, held):
                values = (stop - start) * layout.item_size
                originals = block_values(items, layout, start * layout.item_size, values)
                coder.add(codes[start:stop], originals, choice.pipeline, effort)
                advance(stop - start)
        entry, part = decoder.packed() if model is None else _held(model)
        named = None if embed_model else model
        header: dict[str, Any] = {
            "data": {"kind": KIND, **layout.to_header()},
            "codes": held.to_header(),
            "decoder": entry,
            **coder.to_header(),
        }
        if choice.trials:
            header["tried"] = trials_to_header(choice.trials, 1)
        if named is not None:
            header["model"] = {"sha256": named.digest, "bytes": len(named.content)}
        parts = [Part.of("decoder", part)] if named is None else []
        sizes = write_container(out, header, [*parts, *coder.parts()])
    finally:
        coder.writer.close()
    return SizeBreakdown(
        layout,
        None,
        sizes,
        {
            pipeline.name: count
            for pipeline, count in zip(coder.pipelines, coder.blocks, strict=True)
        },
        choice.trials,
        len(choice.coded),
        coder.errors.largest,
        coder.errors.mean_square,
        time.perf_counter() - begun,
        coder.seconds_back,
        held.item_size,
        None if named is None else named.digest,
        0 if named is None else len(named.content),
    )


def _held(model: SharedModel) -> tuple[dict[str, Any], bytes]:
    """The decoder as a model has it: packed anew it need not have the same bytes."""
    container = model.container
    return field(container.header, "decoder", dict, model.name), container.read("decoder")


_STORED = Pipeline(Stored())


class _Coder:
    """Codes blocks of codes, decodes them again, and measures what they stand for.

    Attributes:
        writer: has the blocks.
        errors: of all blocks so far.
        pipelines: those in use.
        blocks: how many blocks each of them has coded.
        seconds_back: for decoding them.
    """

    def __init__(self, decoder: Decoder, layout: Layout) -> None:
        self.writer, self.errors = BlockWriter(), ErrorMeter()
        self.pipelines: list[Pipeline] = []
        self.blocks: list[int] = []
        self.seconds_back = 0.0
        self._decoder, self._layout, self._digest = decoder, layout, hashlib.sha256()

    def add(
        self, codes: np.ndarray, originals: np.ndarray, pipeline: Pipeline, effort: Effort
    ) -> None:
        """Code one more block, as it is where ``pipeline`` does not take it."""
        used, content = _coded(codes, pipeline, effort)
        if used not in self.pipelines:
            self.pipelines.append(used)
            self.blocks.append(0)
        number = self.pipelines.index(used)
        begun = time.perf_counter()
        back = used.decode(content, codes.shape, codes.dtype)
        decoded = self._decoder(back, self._layout)
        self.seconds_back += time.perf_counter() - begun
        assert np.array_equal(back, codes)
        self.errors.add(originals, decoded)
        self._digest.update(little_endian_bytes(decoded))
        self.writer.append(content, back.size, number)
        self.blocks[number] += 1

    def to_header(self) -> dict[str, Any]:
        """What a header says of the blocks."""
        return {
            "pipelines": [pipeline.to_header() for pipeline in self.pipelines],
            "sha256": self._digest.hexdigest(),
            "error": {"largest": self.errors.largest, "mean_squared": self.errors.mean_square},
        }

    def parts(self) -> list[Part]:
        """What the pipelines need, and the blocks."""
        needed = [Part.of(*each) for used in self.pipelines for each in used.method.parts().items()]
        return [*needed, *self.writer.parts()]


def _coded(codes: np.ndarray, pipeline: Pipeline, effort: Effort) -> tuple[Pipeline, bytes]:
    if pipeline.takes(codes.shape, codes.dtype):
        try:
            content = pipeline.encode(codes, 0.0, effort)
            if len(content) <= codes.nbytes:
                return pipeline, content
        # values that the block it was chosen by did not have
        except ValueError:
            pass
    return _STORED, _STORED.encode(codes, 0.0, effort)


def _choice(codes: np.ndarray, layout: Layout, effort: Effort, methods: Sequence[Method]) -> Choice:
    """The smallest way to code the codes, tried on the first block of them."""
    held = Layout.of(codes)
    for start, stop in _ranges(layout, held):
        more = [Pipeline(method) for method in methods]
        return choose([(0, codes[start:stop])], held, 0.0, effort, more)
    return Choice(_STORED, ())


def _ranges(layout: Layout, held: Layout) -> Iterator[tuple[int, int]]:
    """Items whose values and whose codes fit into a block; all blocks about as many."""
    an_item = max(layout.item_size * layout.dtype.itemsize, held.item_size * held.dtype.itemsize)
    if not layout.count:
        return
    blocks = -(-layout.count // max(BLOCK_BYTES // an_item, 1))
    step = -(-layout.count // blocks)
    for start in range(0, layout.count, step):
        yield start, min(start + step, layout.count)


def _fits(codes: np.ndarray, dtype: type[np.signedinteger[Any]]) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= codes.min(initial=0) and codes.max(initial=0) <= limits.max)
