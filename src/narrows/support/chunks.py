"""Large arrays a piece at a time, and some of their rows: drawn at random, or evenly spaced."""

import mmap
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

#: Values that go through a model at a time when results are streamed: 4 MB of 8-bit data.
CHUNK_VALUES = 1 << 22
#: Values that are looked at together: they stay in the processor's cache.
CACHED_VALUES = 1 << 20


@runtime_checkable
class RowSlices(Protocol):
    """What has a length and gives slices of rows, as an array does."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


def chunks(
    rows: RowSlices, *, values: int | None = None, width: int = 1, at: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """``rows`` a bounded number of values at a time, so that a file larger than memory will do.

    Args:
        rows: an array, or what gives slices of one.
        values: how many at a time; None for :data:`CHUNK_VALUES`.
        width: the values that a row becomes, where these may be more than it has.
        at: the places of the rows that are wanted, of an array; None for all.
    """
    for places in pieces(rows, values=values, width=width, at=at):
        yield rows[places]
        if isinstance(rows, np.ndarray):
            release(rows)


def pieces(
    rows: RowSlices, *, values: int | None = None, width: int = 1, at: np.ndarray | None = None
) -> Iterator[Any]:
    """The places of the same, a slice or an array of numbers each."""
    most = CHUNK_VALUES if values is None else values
    step = max(most // max(rows[:1].size, width, 1), 1)
    for start in range(0, len(rows if at is None else at), step):
        some = slice(start, start + step)
        yield some if at is None else at[some]


def release(array: np.ndarray) -> None:
    """Give back the memory of a mapped array's pages that were read; they stay in the file.

    The system would take them back by itself when it needs to, and until then a process that reads
    a large array once looks as large as the array.
    """
    owner = _owner(array)
    if isinstance(owner, mmap.mmap) and not array.flags.writeable and hasattr(owner, "madvise"):
        owner.madvise(mmap.MADV_DONTNEED)


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array's values lie in a file, which is not written to through it."""
    return not array.flags.writeable and isinstance(_owner(array), mmap.mmap)


def _owner(array: np.ndarray) -> object:
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return owner


def drawn_places(count: int, most: int, random: np.random.Generator) -> Int64[np.ndarray, " m"]:
    """``most`` of ``count`` places, drawn at random and in order; all of them if they are no more.

    Not every n-th: every sixth image of MNIST, say, is by one kind of writer.
    """
    if count <= most:
        return np.arange(count)
    return np.sort(random.choice(count, most, replace=False))


def sampled_places(count: int, most: int, seed: int) -> Int64[np.ndarray, " m"]:
    """``most`` of ``count`` places, in order, drawn by a seed alone: fewer are among more, up to
    :data:`MOST_SAMPLED`, so that what is found of items need not be found again."""
    random = np.random.default_rng([seed, _SAMPLING_STREAM])
    if not most < min(count, MOST_SAMPLED):
        return drawn_places(count, most, random)
    return np.sort(random.choice(count, min(count, MOST_SAMPLED), replace=False)[:most])


def places_in_runs(count: int, seed: int) -> Int64[np.ndarray, " m"] | None:
    """As :func:`measured_places`, drawn in runs of neighbours, each of which a file gives at
    once."""
    if count <= MOST_MEASURED:
        return None
    runs = sampled_places(-(-count // _RUN), MOST_MEASURED // _RUN, seed)
    places = (runs[:, None] * _RUN + np.arange(_RUN)).ravel()
    return places[places < count]


def measured_places(
    count: int, seed: int, *, refined: bool = False
) -> Int64[np.ndarray, " m"] | None:
    """Which of ``count`` items a model is measured on after training: None for all, of very many
    some that are sampled by the seed. Errors and ranges of so many are within a few per cent of
    those of all.

    Args:
        refined: whether codes are, which takes longer.
    """
    most = MOST_SAMPLED if refined else MOST_MEASURED
    return sampled_places(count, most, seed) if most < count else None


#: What is sampled in one order.
MOST_SAMPLED = 20_000
#: Items that are measured after training, at most, where codes are not refined.
MOST_MEASURED = 100_000
# Places of a run.
_RUN = 16
# Keeps the sample apart from other uses of the same seed.
_SAMPLING_STREAM = 0x5A4E


def evenly_spaced(count: int, most: int) -> Int64[np.ndarray, " m"]:
    """``most`` of ``count`` places, in order and as far apart as can be, the first and the last
    among them; all of them if they are no more."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)
