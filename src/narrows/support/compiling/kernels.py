"""Functions that Numba compiles at their first call, and that are kept on disk.

Numba's own cache lies beside the sources, or in one folder for all versions of everything; it
trusts what it finds, and an error of the disk ends the call. Here a file holds the code of one
function of certain sources, for one signature and one processor: the SHA-256 of what follows, 32
bytes, and Numba's own serialisation.
"""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from narrows.support.compiling.folder import (
    cache_folder,
    cannot_keep,
    damaged,
    keep_code,
    kept_code,
)
from narrows.version import __version__

#: How Numba compiles a kernel: it runs without Python's lock, and counts no references.
KERNEL: dict[str, Any] = {"nogil": True, "no_cfunc_wrapper": True, "_nrt": False}


def compiled(function: Callable[..., Any], sources: int) -> Callable[..., Any]:
    """``function`` compiled by Numba at its first call, without Python's lock while it runs.

    Args:
        function: of a module; what it calls is compiled with it. It allocates nothing.
        sources: changes with every file that it is made of: :func:`checksum_of`.
    """
    from numba import njit

    dispatcher: Any = njit(**KERNEL)(function)
    if hasattr(dispatcher, "_cache"):  # not where Numba is told to compile nothing
        dispatcher._cache = _Kept(function, sources)
    result: Callable[..., Any] = dispatcher
    return result


def is_kept(module: str) -> bool:
    """Whether an earlier process left compiled functions of a module, by its last name; perhaps
    another version's."""
    folder = cache_folder()
    return folder is not None and any(folder.glob(f"*/{module}.*.nbc"))


class _Kept:
    """What Numba asks for a function's code before it compiles it, and gives it to afterwards.

    It has the methods of ``numba.core.caching._Cache``.
    """

    def __init__(self, function: Callable[..., Any], sources: int) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._sources = sources

    @property
    def cache_path(self) -> str | None:
        """Where it is kept, for Numba's statistics."""
        folder = cache_folder()
        return None if folder is None else str(folder)

    def enable(self) -> None:
        """It always is."""

    def disable(self) -> None:
        """It never is."""

    def flush(self) -> None:
        """What is there stays."""

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The code that an earlier process kept, or None, as where it is damaged."""
        target_context.refresh()
        path = self._path(signature, target_context.codegen())
        code = None if path is None else kept_code(path)
        if path is None or code is None:
            return None
        try:
            return _rebuilt(code, target_context)
        except MemoryError:
            raise
        # pickle and LLVM raise all kinds
        except Exception as error:
            damaged(path, f"{type(error).__name__}: {error}")
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep the code that Numba made."""
        if result.library.has_dynamic_globals:  # as without any optimisation
            cannot_keep("it holds addresses of this process;")
            return
        from numba.core.serialize import dumps

        code = dumps(result._reduce())
        path = self._path(signature, result.library.codegen)
        keep_code(path, code)

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        """The file of a signature, for the processor that Numba compiles for; of other sources
        there may be others."""
        folder = cache_folder()
        if folder is None:
            return None
        import numba

        triple, processor, features = codegen.magic_tuple()
        python = f"{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}"
        versions = f"{__version__}-numba{numba.__version__}-{python}"
        one = repr((self._sources, signature, triple, processor, features))
        which = hashlib.sha256(one.encode()).hexdigest()
        target = f"{triple.partition('-')[0]}-{processor}"
        return folder / f"{versions}-{target}" / f"{self._name}-{which[:16]}.nbc"


def _rebuilt(code: bytes, target_context: Any) -> Any:
    """What Numba made of a function, from the bytes that were kept.

    Raises:
        Exception: another Numba kept them.
    """
    from numba.core.compiler import CompileResult
    from numba.core.serialize import loads

    return CompileResult._rebuild(target_context, *loads(code))
