"""Kernels: functions that LLVM compiles at their first call, and that are kept on disk.

A file of the cache holds the machine code of one function of certain sources, for such arguments
and one processor: the SHA-256 of what follows, 32 bytes, and an object file.
"""

import ctypes
import functools
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from llvmlite import binding

from narrows.support.compiling.folder import cache_folder, checksum_of, keep_code, kept_code
from narrows.support.compiling.kinds import Kind, kind_of, packed
from narrows.support.compiling.translating import translated
from narrows.version import __version__


class Processor(NamedTuple):
    """What machine code is made for, in LLVM's words; it need not be this machine's."""

    triple: str
    name: str
    features: str


@functools.cache
def processor() -> Processor:
    """This machine's, or the one that Numba would be told to compile for (``NUMBA_CPU_NAME``,
    ``NUMBA_CPU_FEATURES``, ``NUMBA_ENABLE_AVX``)."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    name = os.environ.get("NUMBA_CPU_NAME") or binding.get_host_cpu_name()
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        found = binding.get_host_cpu_features()
        if os.environ.get("NUMBA_ENABLE_AVX") == "0":
            found.update({each: False for each in found if each.startswith("avx")})
        features = found.flatten()
    return Processor(binding.get_process_triple(), name, features)


def compiled(function: Callable[..., Any], sources: int) -> "Kernel":
    """``function`` compiled at its first call, without Python's lock while it runs.

    Args:
        function: of a module; what it calls is compiled with it. It gives nothing.
        sources: changes with every file that it is made of.
    """
    return Kernel(function, sources)


class Kernel:
    """A function that is called as Python's are, with arguments that kernels know."""

    def __init__(self, function: Callable[..., Any], sources: int) -> None:
        self._function, self._sources = function, sources
        module = function.__module__.rpartition(".")[2]
        self._name = f"{module}.{function.__qualname__}"
        self._entries: dict[str, Any] = {}  # by the signatures of arguments

    def __call__(self, *arguments: Any) -> None:
        given = packed(arguments)
        entry = self._entries.get(given.signature) or self._entry(given.signature, arguments)
        entry(given.words)

    def prepare(self, arguments: Sequence[Any]) -> Callable[[bytes], None]:
        """Compile it for such arguments, or load what was compiled before. What comes back takes
        the words of others like them, for those who cannot wait until they are packed."""
        signature = packed(arguments).signature
        entry: Callable[[bytes], None] = self._entries.get(signature) or self._entry(
            signature, arguments
        )
        return entry

    def _entry(self, signature: str, arguments: Sequence[Any]) -> Any:
        with LOCK:
            if signature not in self._entries:
                kinds = tuple(map(kind_of, arguments))
                path = self._path(kinds)
                code = None if path is None else kept_code(path)
                if code is None:
                    code = machine_code(str(translated(self._function, kinds, _ENTRY)))
                    keep_code(path, code)
                self._entries[signature] = _CALLED(_loaded(code))
            return self._entries[signature]

    def _path(self, kinds: tuple[Kind, ...]) -> Path | None:
        """The file of its code; of other sources there may be others."""
        folder = cache_folder()
        if folder is None:
            return None
        target = processor()
        one = repr((self._sources, _own_sources(), kinds, target, _LEVEL))
        which = hashlib.sha256(one.encode()).hexdigest()
        version = binding.llvm_version_info
        versions = f"{__version__}-llvm{'.'.join(map(str, version))}"
        machine = f"{target.triple.partition('-')[0]}-{target.name}"
        return folder / f"{versions}-{machine}" / f"{self._name}-{which[:16]}.o"


#: Held while a kernel is compiled or loaded.
LOCK = threading.RLock()
_ENTRY = "narrows"
_CALLED = ctypes.CFUNCTYPE(None, ctypes.c_char_p)


@functools.cache
def _own_sources() -> int:
    """Changes with how kernels are compiled."""
    return checksum_of(Path(__file__).parent)


def _target_machine() -> Any:
    target = processor()
    reloc = "static" if target.triple.startswith(("x86", "i386", "i686")) else "default"
    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.name, features=target.features, opt=_LEVEL, reloc=reloc,
        codemodel="jitdefault", jit=True,
    )  # fmt: skip


_LEVEL = int(os.environ.get("NUMBA_OPT", "3"))


def machine_code(text: str) -> bytes:
    """An object file of a module."""
    machine = _target_machine()
    module = binding.parse_assembly(text)
    module.triple = processor().triple
    module.data_layout = str(machine.target_data)
    module.verify()
    if hasattr(binding, "create_pass_builder"):
        options = binding.create_pipeline_tuning_options(speed_level=_LEVEL)
        options.loop_vectorization, options.slp_vectorization = True, False
        builder = binding.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
    else:
        old: Any = binding.create_pass_manager_builder()
        old.opt_level, old.loop_vectorize, old.slp_vectorize = _LEVEL, True, False
        passes = binding.create_module_pass_manager()
        machine.add_analysis_passes(passes)
        old.populate(passes)
        passes.run(module)
    code: bytes = machine.emit_object(module)
    return code


_engines = list[Any]()  # which hold the code


def _loaded(code: bytes) -> int:
    """The address of an object file's entry."""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    address: int = engine.get_function_address(_ENTRY)
    return address
