"""What users give in place of an array: a Dataset, a sparse matrix, a name."""

import math
import os
from typing import Any

import numpy as np

from narrows.data.checks import without_mask
from narrows.data.dataset import Dataset
from narrows.data.file_arrays import loaded
from narrows.errors import DataError, UsageError

# Where the system does not say how much memory there is.
_USUAL_MEMORY = 8 << 30


def array_input(X: Any, name: str = "X") -> Any:
    """``X`` as what NumPy takes: the items of a :class:`Dataset`, the values of a sparse matrix.

    Raises:
        DataError: a sparse matrix does not fit in memory; values are masked.
        UsageError: it is the name of data, not data.
    """
    if isinstance(X, Dataset):
        return loaded(X.items)
    if isinstance(X, str | os.PathLike):
        shown = os.fspath(X)
        raise UsageError(
            f"{name} is {shown!r}, a name, and must be the data themselves",
            hint=f"load them: narrows.load_data({shown!r})",
        )
    return without_mask(dense(X, name))


def is_sparse(X: Any) -> bool:
    """Whether ``X`` is a SciPy sparse matrix or array."""
    return type(X).__module__.startswith("scipy.sparse") and hasattr(X, "toarray")


def dense(X: Any, name: str = "X") -> Any:
    """A sparse matrix as an array; anything else as it is.

    Raises:
        DataError: the array would take more than half of the machine's memory.
    """
    if not is_sparse(X):
        return X
    require_array_fits(name, X.shape, X.dtype)
    return X.toarray()


def require_array_fits(name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Make sure, before it is allocated, that an array fits in half of the machine's memory.

    Raises:
        DataError: it does not.
    """
    size, most = math.prod(shape) * np.dtype(dtype).itemsize, memory() // 2
    if size > most:
        raise DataError(
            f"{name} takes {size:,} bytes as an array of shape {shape} and {np.dtype(dtype).name}, "
            f"and {most:,} are the most that are used",
            hint="give fewer rows at a time, fewer columns, or a smaller dtype",
        )


def memory() -> int:
    """Bytes of memory that the machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return _USUAL_MEMORY
