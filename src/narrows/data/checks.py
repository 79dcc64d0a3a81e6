"""What must hold of data before they are given memory, and before anything learns from them."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from narrows.data.dataset import Dataset
from narrows.data.file_arrays import converted
from narrows.errors import DataError
from narrows.support.chunks import chunks
from narrows.support.number_text import count_of
from narrows.support.progress import Tracker, silent

# NumPy's own limit since 2.0.
MAX_RANK = 64

# DEFLATE's best is 1032 to 1; the rest is room for headers. It bounds what a compressed file can
# hold, whatever its header promises.
MAX_EXPANSION = 1040

# Values looked at together: a megabyte of float64, so that a scan stays in the processor's cache.
_SCAN_VALUES = 1 << 17


def check_dtype(name: str, dtype: np.dtype) -> None:
    """Refuse what is not a real number.

    Raises:
        DataError: objects, text, records, dates or complex numbers.
    """
    if dtype.kind not in "buif":
        what = "Python objects" if dtype.hasobject else f"values of type {dtype}"
        raise DataError(
            f"{name} holds {what}, and only real numbers can be learnt from",
            hint="save it again as numbers, for example with np.save(path, array.astype(float))",
        )


def damaged_file(path: Path, what: str, error: Exception) -> DataError:
    """The error of a file that is not what its name says: ``no MATLAB file``."""
    return DataError(f"{path} is {what}, or a damaged one: {error}", hint="get the file again")


def check_extent(
    name: str, shape: tuple[int, ...], dtype: np.dtype, held: int, *, may_be_empty: bool = False
) -> None:
    """Compare what a file's header promises with the bytes that follow it.

    Args:
        name: the file, as the message shall call it.
        shape: the promised shape.
        dtype: the promised dtype.
        held: the bytes that follow the header; any number above the promise, if there are more.
        may_be_empty: no values at all are what they may be.

    Raises:
        DataError: more dimensions than NumPy has, no values at all, too few bytes, or too many.
    """
    if len(shape) > MAX_RANK:
        raise DataError(f"{name} has {len(shape)} dimensions, and {MAX_RANK} is the limit")
    if min(shape, default=1) < 0:
        raise DataError(f"{name} gives its shape as {shape}, and a length cannot be negative")
    promised = math.prod(shape) * dtype.itemsize
    if promised == 0 and not may_be_empty:
        raise DataError(
            f"{name} is empty: its header gives the shape {shape}", hint="give at least one item"
        )
    if promised == 0 and math.prod(filter(None, shape)) * dtype.itemsize >= 1 << 63:
        raise DataError(f"{name} gives its shape as {shape}, which no array can have")
    if held != promised:
        raise DataError(
            f"{name} promises {promised:,} bytes of values, {shape} of {dtype.name}, "
            f"and holds {'at least ' if held > promised else ''}{held:,}",
            hint="the file is incomplete or damaged: get it again",
        )


def checked(dataset: Dataset, *, track: Tracker = silent) -> Dataset:
    """Give ``dataset`` back once everything that the rest of narrows relies on is known to hold.

    There is at least one item and each has at least one value; the values are real numbers, all
    finite, in the machine's byte order; labels, where there are any, are one a row.

    Raises:
        DataError: one of these does not hold.
    """
    name, items = dataset.name, dataset.items
    check_dtype(name, items.dtype)
    if items.ndim < 2:
        raise DataError(
            f"{name} has the shape {items.shape}, and at least 2 dimensions are needed, "
            "the first of which counts the items",
            hint="if each number is an item of its own, use array.reshape(-1, 1)",
        )
    if items.size == 0:
        raise DataError(
            f"{name} is empty: its shape is {items.shape}", hint="give at least one item"
        )
    if dataset.labels is not None and dataset.labels.shape != (len(items),):
        raise DataError(
            f"{name} has {count_of(len(items), 'items')} and labels of shape {dataset.labels.shape}"
        )
    if items.dtype.kind == "f":
        _check_finite(name, items, track)
    if not items.dtype.isnative:
        return replace(dataset, items=converted(items, items.dtype.newbyteorder("=")))
    return dataset


def _check_finite(name: str, items: np.ndarray, track: Tracker) -> None:
    """Refuse NaN and infinity, and say how many there are and where the first is.

    Reads a few rows at a time, so that a memory-mapped array never has to fit in memory.
    """
    nans = infinities = start = 0
    first: tuple[int, ...] | None = None
    with track(f"checking {name}", total=len(items), unit="items") as advance:
        for chunk in chunks(items, values=_SCAN_VALUES):
            finite = np.isfinite(chunk)
            if not finite.all():
                nan_count = int(np.isnan(chunk).sum())
                nans += nan_count
                infinities += int(finite.size - finite.sum()) - nan_count
                if first is None:
                    row, *place = (int(i) for i in np.argwhere(~finite)[0])
                    first = (start + row, *place)
            start += len(chunk)
            advance(len(chunk))
    if first is not None:
        raise DataError(
            f"{name} holds {nans:,} NaN and {infinities:,} infinite values, "
            f"the first at index {first}, and every value must be finite",
            hint="remove those items, or fill the values in, with np.nan_to_num for example",
        )


def without_mask(X: Any) -> Any:
    """``X`` as it is, or the values of a masked array that masks none of them.

    Raises:
        DataError: some are masked, for what is under the mask is no data; or it is an array of
            records, whose fields are columns.
    """
    if isinstance(X, list | tuple) and any(isinstance(x, np.ma.MaskedArray) for x in X):
        X = np.ma.stack(X) if len({np.shape(x) for x in X}) == 1 else X
    if isinstance(X, np.ma.MaskedArray):
        count = int(np.ma.getmaskarray(X).sum()) if X.dtype.names is None else 0
        if count:
            raise DataError(
                f"{count:,} of the {X.size:,} values of a masked array are masked, and what is "
                "under the mask is no data",
                hint="fill them: X.filled(0); or give the columns of a table as a DataFrame, in "
                "which they are missing: pd.DataFrame(X)",
            )
        X = np.ma.getdata(X)
    if isinstance(X, np.ndarray) and X.dtype.names is not None:
        raise DataError(
            f"an array of records with the fields {', '.join(X.dtype.names[:10])} is no array of "
            "numbers",
            hint="give a DataFrame, which has a column for each field: pd.DataFrame(X)",
        )
    return X
