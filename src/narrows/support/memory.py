"""How much memory there is, and what is said when it is not enough.

A process may be held to an amount of its address space (``ulimit -v``), of its data, or, in a
container, of the memory that it uses; else to what the machine has left. Compilers and libraries
abort the process when they get none, so what can be known is asked for before they start.
"""

import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from narrows.errors import NotEnoughMemoryError
from narrows.support.control_groups import control_groups, text_of

GIB = 1 << 30

# Where control groups are looked for.
_ROOT = Path("/")
# What a limit of none is given as.
_NO_LIMIT = 1 << 60


class Limit(NamedTuple):
    """The most memory that this process may take, how much of it is in use, and what says so."""

    most: int
    used: int
    by: str

    @property
    def left(self) -> int:
        """Bytes that can still be had."""
        return max(self.most - self.used, 0)


def memory_limits() -> Iterator[Limit]:
    """All limits that are known here: none on systems that do not tell."""
    yield from address_limits()
    yield from _group_limits()
    yield from _machine_limits()


def address_limits() -> Iterator[Limit]:
    """Limits of the address space, which what is never touched counts against too."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    status = _numbers(Path("/proc/self/status"))
    for name, used, by in (
        ("RLIMIT_AS", "VmSize", "ulimit -v"),
        ("RLIMIT_DATA", "VmData", "ulimit -d"),
    ):
        soft = resource.getrlimit(getattr(resource, name))[0]
        if soft != resource.RLIM_INFINITY and used in status:
            yield Limit(soft, status[used] << 10, f"{by} allows")


def peak_memory() -> int | None:
    """The most memory that this process held at once so far, in bytes: what of it was in RAM.

    Of Linux it is asked as VmHWM: there ``ru_maxrss`` begins at what the process that started this
    one held. None where the system does not tell.
    """
    status = _numbers(Path("/proc/self/status"))
    if "VmHWM" in status:
        return status["VmHWM"] << 10
    try:
        import resource
    except ImportError:
        return _peak_on_windows()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10  # which gives bytes, others kilobytes


def _peak_on_windows() -> int | None:
    """PeakWorkingSetSize of PROCESS_MEMORY_COUNTERS, the third field of ten."""
    import ctypes

    kernel = getattr(getattr(ctypes, "windll", None), "kernel32", None)
    if kernel is None:
        return None
    # two numbers of 32 bits, and eight of the size of a pointer
    counters = (ctypes.c_size_t * (8 + 8 // ctypes.sizeof(ctypes.c_size_t)))()
    size = ctypes.sizeof(counters)
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.GetCurrentProcess())
    if not kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), size):
        return None
    return int(counters[8 // ctypes.sizeof(ctypes.c_size_t)])


def _group_limits() -> Iterator[Limit]:
    """What a container allows; files that are kept in memory only for now are not in use."""
    for folder in control_groups("memory", _ROOT):
        most = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
        if most is not None and used is not None and most < _NO_LIMIT:
            counted = _numbers(folder / "memory.stat")
            files = sum(counted.get(f"{which}_file", 0) for which in ("active", "inactive"))
            yield Limit(most, max(used - files, 0), "the container has")


def _machine_limits() -> Iterator[Limit]:
    info = _numbers(Path("/proc/meminfo"))
    if "MemTotal" in info and "MemAvailable" in info:
        most = info["MemTotal"] << 10
        yield Limit(most, most - (info["MemAvailable"] << 10), "the machine has")


def _number(path: Path) -> int | None:
    text = text_of(path).strip()
    return int(text) if text.isdecimal() else None


def _numbers(path: Path) -> dict[str, int]:
    """The numbers of a file with a name and a number on each line."""
    found = (re.match(r"(\w+):?\s+(\d+)", line) for line in text_of(path).splitlines())
    return {match[1]: int(match[2]) for match in found if match}


def require_memory(size: int, what: str, lower: str, *, address_space: int = 0) -> None:
    """Make sure, before the work, that there is memory for it.

    Args:
        size: bytes that will be used.
        what: what takes them, as in "training this model".
        lower: what to do about it.
        address_space: bytes that are set aside, of which most are never used; at least ``size``.

    Raises:
        NotEnoughMemoryError: it is not there.
    """
    for limit in address_limits():
        _require(max(size, address_space), limit, what, lower)
    for limit in memory_limits():
        _require(size, limit, what, lower)


class Compiler(NamedTuple):
    """What a compiler and its library take before anything is computed.

    Attributes:
        name: what messages call it.
        module: what is imported where it is there already.
        size: bytes that it uses.
        address_space: bytes that it sets aside.
        lower: what to do without.
    """

    name: str
    module: str
    size: int
    address_space: int
    lower: str


# Measured with Numba 0.66, llvmlite 0.50 and JAX 0.11 on two processors; XLA sets memory aside for
# each thread.
NUMBA = Compiler(
    "compiling with Numba",
    "numba",
    160 << 20,
    512 << 20,
    "raise the limit (ulimit -v unlimited), or close other programs",
)
LLVM = Compiler(
    "compiling with LLVM",
    "llvmlite",
    112 << 20,
    384 << 20,
    "raise the limit (ulimit -v unlimited), or close other programs",
)
XLA = Compiler(
    "XLA, which refines codes of convolutional decoders and runs nets of other blocks than dense "
    "and convolutional layers,",
    "jaxlib",
    256 << 20,
    (1280 + 128 * (os.cpu_count() or 1)) << 20,
    "raise the limit (ulimit -v unlimited), or, where a net only refines its codes, do "
    "without: --refine 0, in Python refine=0",
)


def require_compilers(*compilers: Compiler) -> None:
    """Make sure that there is memory for compilers that are not there yet: without it they abort
    the process.

    Raises:
        NotEnoughMemoryError: there is not.
    """
    missing = [each for each in compilers if each.module not in sys.modules]
    if missing:
        require_memory(
            sum(each.size for each in missing),
            missing[-1].name,
            missing[-1].lower,
            address_space=sum(each.address_space for each in missing),
        )


def _require(size: int, limit: Limit, what: str, lower: str) -> None:
    if size > limit.left:
        raise NotEnoughMemoryError(
            f"there is not enough memory: {what} takes about {_gib(size)}, and of the "
            f"{_gib(limit.most)} that {limit.by} {_gib(limit.left)} are left",
            hint=lower,
        )


def explained(error: BaseException, lower: str) -> NotEnoughMemoryError | None:
    """What to say of an error that comes of a lack of memory, whichever library raised it; None of
    any other.

    Args:
        lower: what to do about it.
    """
    if isinstance(error, NotEnoughMemoryError):
        return error
    if not _is_shortage(error):
        return None
    size, tightest = (
        _wanted(error),
        min(memory_limits(), key=lambda limit: limit.left, default=None),
    )
    wanted = f"{_gib(size)} more were wanted" if size else "no more could be had"
    beside = ""
    if tightest is not None:
        beside = f", beside {_gib(tightest.used)} in use of the {_gib(tightest.most)} that "
        beside += tightest.by
    return NotEnoughMemoryError(f"there is not enough memory: {wanted}{beside}", hint=lower)


# What libraries say in errors that are no MemoryError.
_SAID = re.compile(
    r"RESOURCE_EXHAUSTED|out of memory|failed to map segment|cannot allocate memory"
    r"|can't start new thread|bad_alloc|unable to allocate",
    re.IGNORECASE,
)
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50, "E": 1 << 60}
_SIZE = re.compile(
    r"(?:allocat\w+|of size|realloc\w*)\s+(?:of\s+)?(?:size\s+)?([\d.]+)\s*([KMGTPE]?)i?B?",
    re.IGNORECASE,
)


def _is_shortage(error: BaseException) -> bool:
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, MemoryError) or getattr(chain, "errno", None) == errno.ENOMEM:
            return True
        if isinstance(chain, OSError | ImportError | RuntimeError) and _SAID.search(str(chain)):
            return True
        # llvmlite tells of any failure that its library may be missing or forbidden
        if isinstance(chain, OSError) and "libllvmlite" in str(chain) and any(address_limits()):
            return True
        chain = chain.__cause__
    return False


def _wanted(error: BaseException) -> int | None:
    """The bytes that an error says were asked for."""
    match = _SIZE.search(str(error))
    if match is None:
        return None
    return int(float(match[1].rstrip(".") or 0) * _SIZES[match[2].upper()])


def _gib(size: int) -> str:
    return f"{size / GIB:.{2 if size < 10 * GIB else 0}f} GiB"
