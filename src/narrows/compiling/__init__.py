"""Functions that Numba compiles: where their code is kept, and whether it can be relied on.

    folder.py    where compiled code is kept, from one process to the next
    kernels.py   functions that Numba compiles, and keeps there

Nothing here imports Numba before it is used.
"""

from narrows.compiling.folder import cache_folder
from narrows.compiling.kernels import checksum_of, compiled, is_kept

__all__ = ["cache_folder", "checksum_of", "compiled", "is_kept"]
