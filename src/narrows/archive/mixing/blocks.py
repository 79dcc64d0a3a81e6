"""A block of values as bytes: in one stream, or in several that are coded at the same time."""

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from narrows.archive.mixing import in_numpy
from narrows.archive.mixing.learned import Settings
from narrows.archive.mixing.mixer_selection import Mixers
from narrows.archive.mixing.scan_order import ScanOrder, split
from narrows.errors import NotEnoughMemoryError
from narrows.support.ahead import in_order
from narrows.support.compiling import KERNELS, answer_for, is_kept, warn_once
from narrows.support.cores import usable_cores
from narrows.support.memory import NUMBA, require_compilers

#: Streams of a block, at most.
MOST_STREAMS = 16
_SIZE = struct.Struct("<I")
# NumPy takes about so long for a question put to a batch, and for one value of it and one context.
_QUESTION_SECONDS, _VALUE_SECONDS = 4e-4, 1e-7
# So long takes what Numba compiled once, and to compile it.
_LOAD_SECONDS, _COMPILE_SECONDS = 1.0, 15.0


def encode_block(
    values: np.ndarray,
    order: ScanOrder,
    contexts: int,
    mixers: Mixers,
    streams: int = 1,
) -> bytes:
    """Code values, uint8 (items, places).

    Args:
        values: those of an order that is quick.
        order: in which they are taken.
        contexts: how many are looked at, 1 to contexts.COUNT; more take longer.
        mixers: which there are; more take longer.
        streams: parts of the items that know nothing of one another, and are coded at once.
    """
    streams = min(streams, order.count, MOST_STREAMS)
    orders = [replace(order, count=last - first) for first, last in split(order, streams)]
    parts = [values[first:last] for first, last in split(order, streams)]
    bits = int(values.max()).bit_length()
    coders = [_way(each, bits, contexts) for each in orders]  # compiled before threads begin

    def work(number: int) -> bytes:
        one, part = orders[number], parts[number]
        settings = Settings.for_values(part, contexts, mixers)
        coded: bytes = settings.to_bytes() + coders[number].encode(one, settings, part)
        return coded

    coded = _at_once(work, streams)
    sizes = b"".join(_SIZE.pack(len(each)) for each in coded[:-1])
    return bytes([streams]) + sizes + b"".join(coded)


def decode_block(content: bytes, order: ScanOrder) -> np.ndarray:
    """The values that :func:`encode_block` was given.

    Raises:
        ValueError: ``content`` is not what it made.
    """
    streams = content[0] if content else 0
    if not 1 <= streams <= min(MOST_STREAMS, order.count):
        raise ValueError("a block is damaged")
    orders = [replace(order, count=last - first) for first, last in split(order, streams)]
    parts = list(_parts(content, streams))
    front = [Settings.from_bytes(part) for part in parts]
    coders = [_way(each, of.bits, of.contexts) for each, of in zip(orders, front, strict=True)]

    def work(number: int) -> np.ndarray:
        stream = parts[number][Settings.SIZE :]
        values: np.ndarray = coders[number].decode(orders[number], front[number], stream)
        return values

    return np.concatenate(_at_once(work, streams))


def _parts(content: bytes, streams: int) -> list[bytes]:
    """The bytes of each stream."""
    place = 1 + _SIZE.size * (streams - 1)
    if len(content) < place:
        raise ValueError("a block is cut short")
    sizes = [_SIZE.unpack_from(content, 1 + _SIZE.size * n)[0] for n in range(streams - 1)]
    edges = [place]
    for size in sizes:
        edges.append(edges[-1] + size)
    if edges[-1] > len(content):
        raise ValueError("a block is cut short")
    return [content[a:b] for a, b in zip(edges, [*edges[1:], len(content)], strict=True)]


def _at_once(work: Callable[[int], Any], count: int) -> list[Any]:
    """What ``work`` makes of 0 to ``count`` - 1, in as many threads as there are cores to use."""
    return list(in_order(work, range(count), min(count, usable_cores()), lambda: count))


class _Spent:
    """The seconds that NumPy has worked, about, since the process began."""

    seconds = 0.0


def _way(order: ScanOrder, bits: int, contexts: int) -> ModuleType:
    """The module that codes, both giving the same bytes: NumPy's, until it has worked for as long
    as it takes to have the compiled one, or where that is not to be had."""
    if not _compiled.cache_info().currsize:
        questions = (1 + bits) * order.steps * len(order.rounds())
        values = (1 + bits) * order.count * order.places * contexts
        seconds = questions * _QUESTION_SECONDS + values * _VALUE_SECONDS
        price = _LOAD_SECONDS if _is_compiled() else _COMPILE_SECONDS
        if _Spent.seconds + seconds <= price:
            _Spent.seconds += seconds
            return in_numpy
    return _compiled() or in_numpy


@cache
def _is_compiled() -> bool:
    """Whether an earlier process left compiled kernels."""
    return is_kept("kernels")


@cache
def _compiled() -> ModuleType | None:
    """The compiled way, once it has been seen to work; a warning where it does not."""
    try:
        require_compilers(NUMBA)
    except NotEnoughMemoryError as error:
        warn_once(f"NumPy codes archives here, which takes longer: {error.message}")
        return None
    answer = answer_for("narrows.archive.mixing.check")
    reason = answer.reason
    if answer.works:
        try:
            from narrows.archive.mixing import check, compiled

            for kernel in range(KERNELS):
                check.check(kernel)
            return compiled
        # Numba may fail in its own ways where it cannot compile: NumPy gives the same, later.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
    warn_once(f"NumPy codes archives here, which takes longer, as Numba does not: {reason}")
    return None
