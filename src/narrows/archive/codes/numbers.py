"""The whole numbers that a net consists of, as bytes: coded with whatever is the smallest."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from narrows.archive.arrays import Layout
from narrows.archive.choosing import choose
from narrows.archive.methods import METHODS
from narrows.archive.pipeline import Pipeline
from narrows.archive.validation import damaged, decoding

# Signs mean nothing to general compressors: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
_DTYPE = np.dtype("u2")


def pack_numbers(numbers: np.ndarray) -> tuple[dict[str, Any], bytes]:
    """What a header says of how ``numbers`` (int16, flat) are coded, and their bytes."""
    wide = numbers.astype(np.int32)
    folded = np.where(wide < 0, -2 * wide - 1, 2 * wide).astype(_DTYPE)
    pipeline = choose([(0, folded)], Layout.of(folded), 0.0, "fast").pipeline
    return pipeline.to_header(), pipeline.encode(folded, 0.0, "best")


def unpack_numbers(entry: Any, content: bytes, count: int, name: str) -> np.ndarray:
    """The ``count`` numbers (int16) that :func:`pack_numbers` made ``content`` of.

    Raises:
        ArchiveError: it did not.
    """
    wanted = entry.get("method") if isinstance(entry, Mapping) else None
    if not isinstance(wanted, str) or (wanted in METHODS and METHODS[wanted].trained):
        raise damaged(name, "its header does not say how its nets are coded")
    pipeline = Pipeline.from_header(entry, _DTYPE, _no_parts, name)
    with decoding(name, "the numbers of its nets"):
        folded = pipeline.decode(content, (count,), _DTYPE).astype(np.int32)
    return np.where(folded & 1, -(folded >> 1) - 1, folded >> 1).astype(np.int16)


def _no_parts(part: str) -> bytes:
    raise LookupError(f"a net has no part {part}")
