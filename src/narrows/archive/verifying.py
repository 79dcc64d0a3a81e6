"""Proving an archive: against its own checksums, and against the data that it was made of."""

from dataclasses import dataclass

import numpy as np

from narrows.archive.archive import Archive
from narrows.archive.block_coder import DifferenceMeter
from narrows.archive.bounds import within
from narrows.data.file_arrays import loaded
from narrows.errors import ArchiveError, ShapeError
from narrows.support.chunks import release
from narrows.support.progress import Tracker, silent


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        values: how many values were decoded.
        largest: the largest error of any of them, in data units; None where there was nothing to
            compare with.
        mean_square: the mean squared error, in data units squared; None also where it is beyond
            float64.
    """

    values: int
    largest: float | None = None
    mean_square: float | None = None


def verify(
    archive: Archive, items: np.ndarray | None = None, *, track: Tracker = silent
) -> Measured:
    """Decode everything, compare all checksums, and every value with its original.

    Args:
        archive: an open one.
        items: what it was made of, where that is at hand; may be memory-mapped.
        track: told how far it is.

    Raises:
        ArchiveError: it is damaged, a value is further from its original than its bound, or, where
            there is no bound, the error is not what it was.
        ShapeError: ``items`` are of another shape or dtype.
    """
    layout = archive.layout
    if items is not None and (items.shape, items.dtype) != (layout.shape, layout.dtype):
        raise ShapeError(
            f"{archive.name} holds {layout.dtype.name} values of shape {layout.shape}, and the "
            f"data are {items.dtype.name} of shape {items.shape}",
            hint="give the data that it was made of",
        )
    meter, place = DifferenceMeter(), 0
    rows = None if items is None else items.reshape(len(archive), *layout.item_shape)
    for batch in archive.verified_batches(track=track):
        if rows is not None:
            _compare(archive, rows[place : place + len(batch)], batch, place, meter)
            release(rows)
        place += len(batch)
    if rows is None:
        return Measured(layout.size)
    _require_measured(archive, meter)
    return Measured(layout.size, meter.largest, meter.mean_square)


def _require_measured(archive: Archive, meter: DifferenceMeter) -> None:
    """Make sure that an archive without a bound has the error that it says it has."""
    told = archive.size_breakdown
    if archive.bound is None and (told.largest_error, told.mean_squared_error) != (
        meter.largest,
        meter.mean_square,
    ):
        raise ArchiveError(
            f"{archive.name} says that its largest error is {told.largest_error:g}, and from these "
            f"data it is {meter.largest:g}",
            hint="give the data that it was made of",
        )


def _compare(
    archive: Archive, originals: np.ndarray, batch: np.ndarray, place: int, meter: DifferenceMeter
) -> None:
    dtype = archive.layout.working_dtype
    originals = np.ascontiguousarray(loaded(originals), dtype)
    batch = batch.astype(dtype, copy=False)
    kept = None if archive.bound is None else within(originals, batch, archive.bound)
    if kept is not None and not kept.all():
        first = np.argwhere(~kept)[0]
        index = (int(first[0]) + place, *map(int, first[1:]))
        was, is_ = originals[tuple(first)], batch[tuple(first)]
        allowed = f"within {archive.bound:g} of it" if archive.bound else "the same"
        raise ArchiveError(
            f"{archive.name} gives {is_} at index {index}, where the data have {was}, and must be "
            f"{allowed}",
            hint="give the data that it was made of",
        )
    meter.add(originals, batch)
