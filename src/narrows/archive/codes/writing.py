"""From codes and their decoder to an archive."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.block_coder import NOTHING_TO_CHOOSE, BlockCoder
from narrows.archive.blocks import BLOCK_BYTES
from narrows.archive.choosing import Choice, choose
from narrows.archive.codes.decoder import Decoder
from narrows.archive.codes.shared import SharedModel
from narrows.archive.container import Part, write_container
from narrows.archive.methods import Effort, Method
from narrows.archive.pipeline import Pipeline
from narrows.archive.size_breakdown import SizeBreakdown, trials_to_header
from narrows.archive.validation import field
from narrows.archive.writing import block_values
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
    choice = _choice(codes, layout, effort, methods)
    sampled = len(choice.coded)
    given = BlockCoder(choice, 0.0, effort, lambda block: decoder(block, layout))
    with contextlib.closing(given) as coder:
        with track(f"compressing {name}", total=len(items), unit="item") as advance:
            for start, stop in _ranges(layout, held):
                _add(coder, codes, items, start, stop)
                advance(stop - start)
        entry, part = decoder.packed() if model is None else _held(model)
        header: dict[str, Any] = {
            "data": {"kind": KIND, **layout.to_header()},
            "codes": held.to_header(),
            "decoder": entry,
            "error": coder.error_to_header(),
            **coder.to_header(),
        }
        if choice.trials:
            header["tried"] = trials_to_header(choice.trials, 1)
        parts = [*coder.method_parts(), *coder.writer.parts()]
        if model is not None and not embed_model:
            named: dict[str, Any] = {"model": model.digest, "model_size": len(model.content)}
            header["model"] = {"sha256": model.digest, "bytes": len(model.content)}
        else:
            named = {}
            parts.insert(0, Part.of("decoder", part))
        sizes = write_container(out, header, parts)
    return SizeBreakdown(
        layout=layout,
        bound=None,
        sizes=sizes,
        methods=coder.methods(),
        trials=choice.trials,
        sampled=sampled,
        largest_error=coder.errors.largest,
        mean_squared_error=coder.errors.mean_square,
        seconds=time.perf_counter() - begun,
        seconds_back=coder.seconds_back,
        numbers=held.item_size,
        **named,
    )


def _add(coder: BlockCoder, codes: np.ndarray, items: np.ndarray, start: int, stop: int) -> None:
    """Code one more block: the codes from number ``start`` up to ``stop``."""
    layout = Layout.of(items)
    values = (stop - start) * layout.item_size
    originals = block_values(items, layout, start * layout.item_size, values)
    coder.add(start * codes.shape[1], codes[start:stop], originals)


def _held(model: SharedModel) -> tuple[dict[str, Any], bytes]:
    """The decoder as a model has it: packed anew it need not have the same bytes."""
    container = model.container
    return field(container.header, "decoder", dict, model.name), container.read("decoder")


def _choice(codes: np.ndarray, layout: Layout, effort: Effort, methods: Sequence[Method]) -> Choice:
    """The smallest way to code the codes, tried on the first block of them."""
    held = Layout.of(codes)
    for start, stop in _ranges(layout, held):
        more = [Pipeline(method) for method in methods]
        return choose([(0, codes[start:stop])], held, 0.0, effort, more=more)
    return NOTHING_TO_CHOOSE


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
