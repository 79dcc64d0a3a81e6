"""Latent codes from the files that ``narrows encode`` writes."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from narrows.data.checks import checked
from narrows.data.dataset import Dataset
from narrows.data.image_files import FILE_COLUMN
from narrows.data.sources import load_data
from narrows.data.tables.csv_dialect import examine
from narrows.errors import DataError
from narrows.support.inputs import unchanged
from narrows.support.lazy_modules import pa

# What narrows encode calls the columns of codes.
_COLUMN = re.compile(r"code_(\d+)")


def load_codes(path: str | os.PathLike[str]) -> np.ndarray:
    """Read latent codes: an array of shape (n, latent_size) from a file of them.

    Raises:
        DataError: as of :func:`load_named_codes`.
    """
    return load_named_codes(path)[0]


def load_named_codes(path: str | os.PathLike[str]) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The same, and the names of the images that they are of, whatever a stranger wrote there;
    None where the file has none.

    Args:
        path: ``.npy`` (of a large one rows are read when asked for), ``.npz``, ``.csv`` with a line
            of column names, or ``.parquet``. Columns that are called ``code_0`` and so on may stand
            in any order.

    Raises:
        DataError: the file is missing, damaged, empty, not of numbers, or not a table.
    """
    names = None
    suffix = Path(path).suffix.lower()
    if suffix in (".csv", ".parquet"):
        values, names = _read_table(Path(path), suffix)
        items = checked(Dataset(os.fspath(path), values)).items
    elif suffix in (".npy", ".npz"):
        items = load_data(path).items
    else:
        raise DataError(
            f"{path} is not a file of codes", hint="give an .npy, .npz, .csv or .parquet file"
        )
    if items.ndim != 2:
        raise DataError(
            f"{path} has shape {items.shape}, and codes are a table: (items, numbers)",
            hint="give the file that narrows encode wrote",
        )
    return items, names


def _read_table(path: Path, suffix: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    import pyarrow.csv
    import pyarrow.parquet

    reader = pyarrow.csv.read_csv if suffix == ".csv" else pyarrow.parquet.read_table
    try:
        with unchanged(path):
            table = reader(path)
        if suffix == ".csv" and not examine(path).header:
            raise DataError(
                f"{path} has no line of column names: its first line is one of codes",
                hint="write a line such as code_0,code_1 above it, or give an .npy file",
            )
        names = None
        if FILE_COLUMN in table.column_names:  # which narrows encode writes of images
            at = table.column_names.index(FILE_COLUMN)
            given = table.column(at).to_pylist()
            names = tuple("" if name is None else str(name) for name in given)
            table = table.remove_column(at)
        table = table.select(_in_order(table.column_names))
        if not table.num_rows:
            return np.zeros((0, table.num_columns), np.float32), names
        columns = [
            column.to_numpy().astype(np.float32, casting="same_kind") for column in table.columns
        ]
    except DataError:
        raise
    except (OSError, pa.ArrowException, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read as a table of numbers: {reason}",
            hint="give the file that narrows encode wrote",
        ) from error
    return np.stack(columns, axis=1) if columns else np.zeros((0, 0), np.float32), names


def _in_order(names: Sequence[str]) -> list[int]:
    """The places of columns by their numbers, where ``narrows encode`` named all: programs sort
    them by name, code_10 before code_2."""
    numbers = [int(found[1]) for name in names if (found := _COLUMN.fullmatch(name))]
    places = list(range(len(names)))
    return sorted(places, key=numbers.__getitem__) if len(numbers) == len(places) else places
