"""From codes and their decoder to an archive."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np

from narrows.codec.account import Account, Trial, trials_to_header
from narrows.codec.arrays import Layout
from narrows.codec.blocks import BLOCK_BYTES, BlockWriter
from narrows.codec.choosing import choose
from narrows.codec.codes.decoder import Decoder
from narrows.codec.container import Part, write_container
from narrows.codec.methods import Effort, Method
from narrows.codec.pipeline import Pipeline
from narrows.codec.writing import ErrorMeter, block_values, little_endian_bytes
from narrows.progress import Tracker, silent

KIND = "codes"


def write_codes(
    out: IO[bytes],
    codes: np.ndarray,
    decoder: Decoder,
    items: np.ndarray,
    *,
    effort: Effort = "normal",
    methods: Sequence[Method] = (),
    name: str = "X",
    track: Tracker = silent,
) -> Account:
    """Write codes and what decodes them as an archive, and measure how far it is from ``items``.

    Args:
        out: takes bytes, from where it stands.
        codes: (n, numbers), whole numbers of 16 bits.
        decoder: what they go into.
        items: (n, \\*item_shape), what they shall stand for.
        effort: how much is tried.
        methods: methods to try besides those that need no training.
        name: what messages call the data.
        track: told how far it is.
    """
    begun = time.perf_counter()
    layout = Layout.of(items)
    codes = codes.astype(np.int8 if _fits(codes, np.int8) else np.int16)
    held = Layout.of(codes)
    writer, errors, digest = BlockWriter(), ErrorMeter(), hashlib.sha256()
    seconds_back = 0.0
    try:
        pipeline, trials, sampled = _choice(codes, layout, effort, methods)
        blocks = 0
        with track(f"compressing {name}", total=len(items), unit="item") as advance:
            for start, stop in _ranges(layout, held):
                content = pipeline.encode(codes[start:stop], 0.0, effort)
                middle = time.perf_counter()
                back = pipeline.decode(content, codes[start:stop].shape, codes.dtype)
                decoded = decoder(back, layout)
                seconds_back += time.perf_counter() - middle
                assert np.array_equal(back, codes[start:stop])
                size = (stop - start) * layout.item_size
                originals = block_values(items, layout, start * layout.item_size, size)
                errors.add(originals, decoded)
                digest.update(little_endian_bytes(decoded))
                writer.append(content, back.size, 0)
                blocks += 1
                advance(stop - start)
        entry, part = decoder.packed()
        header: dict[str, Any] = {
            "data": {"kind": KIND, **layout.to_header()},
            "codes": held.to_header(),
            "decoder": entry,
            "pipelines": [pipeline.to_header()],
            "sha256": digest.hexdigest(),
            "error": {"largest": errors.largest, "mean_squared": errors.mean_square},
            **({"tried": trials_to_header(trials, sampled)} if trials else {}),
        }
        parts = [Part.of("decoder", part)]
        parts += [Part.of(*each) for each in pipeline.method.parts().items()]
        sizes = write_container(out, header, [*parts, *writer.parts()])
    finally:
        writer.close()
    return Account(
        layout,
        None,
        sizes,
        {pipeline.name: blocks},
        trials,
        sampled,
        errors.largest,
        errors.mean_square,
        time.perf_counter() - begun,
        seconds_back,
        held.item_size,
    )


def _choice(
    codes: np.ndarray, layout: Layout, effort: Effort, methods: Sequence[Method]
) -> tuple[Pipeline, tuple[Trial, ...], int]:
    """The smallest way to code the codes, tried on the first block of them."""
    held = Layout.of(codes)
    for start, stop in _ranges(layout, held):
        choice = choose([(0, codes[start:stop])], held, 0.0, effort, methods)
        return choice.pipeline, choice.trials, 1
    return Pipeline(methods[0]) if methods else choose([], held, 0.0, effort).pipeline, (), 0


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
