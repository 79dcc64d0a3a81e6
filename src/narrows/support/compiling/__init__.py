"""Functions that are compiled: where their code is kept, and whether it can be relied on.

    folder.py       where compiled code is kept, from one process to the next
    trying.py       whether compiled code works here, tried once in processes of its own

of the engine, in a small part of Python, by LLVM alone:

    kinds.py        what values of a kernel can be, and how Python's are handed to one
    translating.py  from functions of Python to LLVM's intermediate representation
    native.py       kernels that LLVM compiles, and that are kept

of archives, by Numba:

    kernels.py      functions that Numba compiles, and that are kept
    parts.py        functions that only such functions call
    held.py         named tuples of many fields, which they are handed by address

Nothing here imports Numba before it is used, other than ``parts`` and ``held``.
"""

from narrows.support.compiling.folder import cache_folder, checksum_of
from narrows.support.compiling.kernels import compiled, is_kept
from narrows.support.compiling.trying import (
    KERNELS,
    Answer,
    answer_for,
    begin,
    find_obstacle,
    warn_once,
)

__all__ = [
    "KERNELS",
    "Answer",
    "answer_for",
    "begin",
    "cache_folder",
    "checksum_of",
    "compiled",
    "find_obstacle",
    "is_kept",
    "warn_once",
]
