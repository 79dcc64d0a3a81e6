"""Arrays that grow row by row: small ones in memory, large ones in a file that nobody else sees."""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np

from narrows.errors import OutputError

#: An array of more bytes than this is kept in a temporary file and mapped into memory.
LARGEST_IN_MEMORY = 64 << 20


class GrowingArray:
    """Takes blocks of rows and becomes one array of them.

    The file has no name, or loses it at once, and so goes with the array, also when the process is
    killed. It lies where :mod:`tempfile` puts files; TMPDIR chooses another place.
    """

    def __init__(self, item_shape: tuple[int, ...], dtype: np.dtype | type | str) -> None:
        self._shape, self._dtype = item_shape, np.dtype(dtype)
        self._rows = self._bytes = 0
        self._blocks: list[np.ndarray] = []
        self._file: IO[bytes] | None = None

    def append(self, block: np.ndarray) -> None:
        """Add rows (m, \\*item_shape) of the array's dtype.

        Raises:
            OutputError: the disk is full.
        """
        assert block.shape[1:] == self._shape and block.dtype == self._dtype
        self._rows += len(block)
        self._bytes += block.nbytes
        self._blocks.append(np.ascontiguousarray(block))
        if self._file is not None or self._bytes > LARGEST_IN_MEMORY:
            self._spill()

    def _spill(self) -> None:
        with _explained(self._bytes):
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="narrows-")  # noqa: SIM115
            for block in self._blocks:
                self._file.write(block.data)
        self._blocks.clear()

    def finish(self) -> np.ndarray:
        """The array (n, \\*item_shape), read-only where it is mapped."""
        shape = (self._rows, *self._shape)
        if self._file is None:
            blocks = self._blocks or [np.empty((0, *self._shape), self._dtype)]
            return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        with self._file as file:
            with _explained(self._bytes):
                file.flush()
            return np.memmap(file, self._dtype, "r", shape=shape)


@contextlib.contextmanager
def _explained(size: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{size:,} bytes of data do not fit into the folder for temporary files, "
            f"{tempfile.gettempdir()}: {error.strerror or error}",
            hint="free some space there, or set TMPDIR to a folder on a larger disk",
        ) from error


def concatenated(
    blocks: Iterable[np.ndarray], item_shape: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    """One array of all blocks of rows, in memory or mapped."""
    array = GrowingArray(item_shape, dtype)
    for block in blocks:
        array.append(block)
    return array.finish()
