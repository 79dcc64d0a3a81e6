"""Functions that Numba compiles: where their code is kept, and whether it can be relied on.

    folder.py    where compiled code is kept, from one process to the next
    kernels.py   functions that Numba compiles, and that are kept there
    parts.py     functions that only such functions call
    held.py      named tuples of many fields, which they are handed by address
    trying.py    whether compiled code works here, tried once in processes of its own

Nothing here imports Numba before it is used, other than ``parts`` and ``held``.
"""

from narrows.support.compiling.folder import cache_folder
from narrows.support.compiling.kernels import checksum_of, compiled, is_kept
from narrows.support.compiling.trying import KERNELS, Answer, answer_for, find_obstacle, warn_once

__all__ = [
    "KERNELS",
    "Answer",
    "answer_for",
    "cache_folder",
    "checksum_of",
    "compiled",
    "find_obstacle",
    "is_kept",
    "warn_once",
]
