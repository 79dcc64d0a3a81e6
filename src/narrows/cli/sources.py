"""What the commands of archives take: arrays, and files of tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from narrows.cli.terminal import progress

if TYPE_CHECKING:
    import numpy as np


def is_table(source: str) -> bool:
    """Whether a source is a file of a table."""
    from narrows.data.tables import is_table_path

    return is_table_path(source) and Path(source).is_file()


def load_array(source: str) -> "np.ndarray":
    """The array that a source holds, whatever is in it.

    Raises:
        DataError: it is a table, or cannot be read.
    """
    from narrows.data import load_data

    require_array(source)
    return load_data(source, as_is=True, track=progress).items


def require_array(source: str) -> None:
    """Make sure that a source is no table.

    Raises:
        DataError: it is one.
    """
    from narrows.errors import DataError

    if is_table(source):
        raise DataError(
            f"{source} is a table, and codes are made of arrays",
            hint="leave out --codes-only, or save its columns of numbers with np.save",
        )
