"""Functions that only compiled functions call: they are compiled with those, once.

Numba optimises every function and makes machine code of it, and optimises it again with each
function that calls it, and once more with what calls that. Here a part stays as it was written
until a kernel takes it in, which is optimised as a whole.

This imports Numba.
"""

from functools import partial
from typing import Any

from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _Nowhere:
    """Takes the place of an engine that would run a part."""

    def set_env(self, env_name: str, env: Any) -> None:
        """Objects of Python that code needs: a part may use none."""


class _Part(JITCodeLibrary):
    """Code that is linked into its caller's as it is."""

    @property
    def codegen(self) -> _Nowhere:
        return _Nowhere()

    def get_pointer_to_function(self, name: str) -> int:
        """Nobody calls it from here."""
        return 0

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        """Its kernel is."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


class _PartCompiler(Compiler):
    def define_pipelines(self) -> list[Any]:
        state = self.state
        state.library = _Part(state.targetctx.codegen(), state.func_id.func_qualname)
        pipelines: list[Any] = super().define_pipelines()
        return pipelines


#: How Numba compiles a part: nothing in it unpacks Python's arguments, or counts references, for
#: which it must allocate nothing.
PART: dict[str, Any] = {
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": _PartCompiler,
}
#: Makes a part of a function.
part = partial(njit, **PART)
