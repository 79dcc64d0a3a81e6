"""Arrays as JSON, which `pages/scripts/packed_arrays.js` reads."""

import math
import zlib
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from narrows.pages.embedding import bytes_text, floats_text

_KINDS = ("float32", "float64", "uint8", "uint16", "int32")


def packed(array: Shaped[np.ndarray, "..."]) -> dict[str, Any]:
    """An array as it is, flat, lowest byte first.

    Args:
        array: float32, float64, uint8, uint16 or int32.
    """
    return {"kind": array.dtype.name, "data": bytes_text(_bytes_of(array))}


def deflated(array: Shaped[np.ndarray, "..."]) -> dict[str, Any]:
    """The same, compressed by DEFLATE (RFC 1950), for arrays that become smaller by it."""
    data = zlib.compress(_bytes_of(array), 9)
    return {"kind": "deflated", "of": array.dtype.name, "data": bytes_text(data)}


def _bytes_of(array: np.ndarray) -> bytes:
    assert array.dtype.name in _KINDS, array.dtype
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def packed_in_bits(array: Float32[np.ndarray, "..."], bits: int) -> dict[str, Any]:
    """An array as whole numbers of so many bits times a scale for each place of its last axis, that
    of the units that a layer's sums belong to: at most half a step of 2 / (2^bits - 2) of the
    largest of them is lost. Floats of as many bits lose more: what of their bits is the exponent
    tells values apart that are next to nothing in a sum.

    Args:
        array: finite values, in two or more dimensions.
        bits: from 2 to 24.
    """
    levels, scales = _levels(array, bits)
    shifted = (levels + (1 << (bits - 1))).astype("<u4").reshape(-1, 1)
    each = np.unpackbits(shifted.view(np.uint8), axis=1, bitorder="little", count=bits)
    return {
        "kind": "bits",
        "bits": bits,
        "count": math.prod(array.shape),
        "scales": floats_text(scales),
        "data": bytes_text(np.packbits(each, bitorder="little").tobytes()),
    }


def rounded_to_bits(array: Float32[np.ndarray, "..."], bits: int) -> Float32[np.ndarray, "..."]:
    """What :func:`packed_in_bits` leaves of an array."""
    levels, scales = _levels(array, bits)
    return (levels * scales.astype(np.float64)).astype(np.float32)


def _levels(array: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole numbers, and the scale of each place of the last axis."""
    largest = np.abs(array).max(axis=tuple(range(array.ndim - 1)))
    top = (1 << (bits - 1)) - 1
    # a column of zeros has any scale
    scales = np.where(largest > 0, largest / top, 1).astype(np.float32)
    levels = np.rint(array.astype(np.float64) / scales).astype(np.int64)
    return np.clip(levels, -top, top), scales
