"""From codes and their decoder to an archive."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from narrows.archive.size_breakdown import SizeBreakdown, Trial, trials_to_header
from narrows.archive.validation import field
from narrows.archive.writing import block_values
from narrows.support.progress import Tracker, silent

KIND = "codes"


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """What makes items of codes again.

    Attributes:
        decoder: what codes go into.
        methods: of coding the codes, to try besides those that need no training.
        shared: the model file of which ``decoder`` is; the archive names it instead of holding it.
        embedded: hold the decoder all the same.
    """

    decoder: Decoder
    methods: Sequence[Method] = ()
    shared: SharedModel | None = None
    embedded: bool = False

    @property
    def named(self) -> SharedModel | None:
        """The model file without which the archive does not open."""
        return None if self.embedded else self.shared

    def packed(self) -> tuple[dict[str, Any], bytes]:
        """What a header says of the decoder, and its part."""
        if self.shared is None:
            return self.decoder.packed()
        # as the model file has it: packed anew it need not have the same bytes
        container, name = self.shared.container, self.shared.name
        return field(container.header, "decoder", dict, name), container.read("decoder")


def write_codes(
    out: IO[bytes],
    codes: np.ndarray,
    items: np.ndarray,
    decoding: Decoding,
    *,
    effort: Effort = "normal",
    name: str = "X",
    track: Tracker = silent,
) -> SizeBreakdown:
    """Write codes and what decodes them as an archive, and measure how far it is from ``items``.

    Args:
        out: takes bytes, from where it stands.
        codes: (n, numbers), whole numbers of 16 bits.
        items: (n, \\*item_shape), what they shall stand for.
        decoding: what they go into.
        effort: how much is tried.
        name: what messages call the data.
        track: told how far it is.
    """
    begun = time.perf_counter()
    layout = Layout.of(items)
    codes = codes.astype(np.int8 if _fits(codes, np.int8) else np.int16)
    held = Layout.of(codes)
    choice = _choice(codes, layout, effort, decoding.methods)
    sampled = len(choice.coded)
    given = BlockCoder(choice, 0.0, effort, lambda block: decoding.decoder(block, layout))
    with contextlib.closing(given) as coder:
        with track(f"compressing {name}", total=len(items), unit="items") as advance:
            for start, stop in _ranges(layout, held):
                _add(coder, codes, items, start, stop)
                advance(stop - start)
        header, parts = _around(coder, choice.trials, decoding, layout, held)
        sizes = write_container(out, header, parts)
    named = decoding.named
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
        model=None if named is None else named.digest,
        model_size=0 if named is None else len(named.content),
    )


def _around(
    coder: BlockCoder, trials: tuple[Trial, ...], decoding: Decoding, layout: Layout, held: Layout
) -> tuple[dict[str, Any], list[Part]]:
    """The header, and all parts."""
    entry, part = decoding.packed()
    header: dict[str, Any] = {
        "data": {"kind": KIND, **layout.to_header()},
        "codes": held.to_header(),
        "decoder": entry,
        "error": coder.error_to_header(),
        **coder.to_header(),
    }
    if trials:
        header["tried"] = trials_to_header(trials, 1)
    parts = [*coder.method_parts(), *coder.writer.parts()]
    if decoding.named is None:
        parts.insert(0, Part.of("decoder", part))
    else:
        header["model"] = {
            "sha256": decoding.named.digest,
            "bytes": len(decoding.named.content),
        }
    return header, parts


def _add(coder: BlockCoder, codes: np.ndarray, items: np.ndarray, start: int, stop: int) -> None:
    """Code one more block: the codes from number ``start`` up to ``stop``."""
    layout = Layout.of(items)
    values = (stop - start) * layout.item_size
    originals = block_values(items, layout, start * layout.item_size, values)
    coder.add(start * codes.shape[1], codes[start:stop], originals)


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
