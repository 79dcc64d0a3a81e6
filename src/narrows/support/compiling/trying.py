"""Whether what is compiled can be relied on here, found out once, in a process of its own.

A compiler that does not know a processor ends the whole process, and so may a broken library. Child
processes compile what is asked for, a kernel each where a core is idle, and check what that
computes; their end is not ours. The answer is kept in the cache folder, for these versions on this
processor, and so is what they compiled.
"""

import atexit
import contextlib
import faulthandler
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from narrows.errors import OutputError
from narrows.support.compiling.folder import SPARE, cache_folder, damaged, hand_over, keep
from narrows.support.cores import usable_cores
from narrows.support.locking import held_folder
from narrows.support.memory import memory_limits
from narrows.support.progress import Advance, Tracker, silent, warn
from narrows.support.temporary import temporary_folder
from narrows.version import __version__

# A child that has no answer by then gives up. It takes half a minute of a slow processor, which may
# have much else to do.
_PATIENCE_SECONDS = 3600
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from narrows.support.compiling.trying import answer
answer(sys.argv[2], json.loads(sys.argv[3]))
"""
#: Kernels that a module checks, the one after the other or side by side.
KERNELS = 2
# What others are waited for: a processor that is not busy has compiled all by then.
_MOST_SECONDS_OF_OTHERS, _PAUSE_SECONDS = 120, 0.1
# Set in the child, which is to try and not to ask.
_TRYING = "NARROWS_TRYING"
# What the child says begins with this; all else is what libraries say.
_MARK = "narrows: "
_BEGUN, _STEP, _WORKS, _FAILS, _UNSURE = "begun", "step", "works", "fails: ", "unsure: "
# A process ends by these of itself. By others it was ended.
_CRASHES = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")
# Said where the machine, not the installation, was at fault.
_PASSING = ("memory", "bad_alloc", "Timeout")
_MOST_BYTES = 10_000  # of an answer that is kept
# What two processes take that compile a kernel each: with Numba, for archives, 214 and 278 MB were
# measured; 153 of one that compiles both of the engine's.
_BYTES_OF_TWO = 512 << 20


class Answer(NamedTuple):
    """Whether compiled code can be relied on, and why."""

    works: bool
    reason: str


_answers: dict[str, Answer] = {}
_warned: set[str] = set()


def answer_for(check: str, track: Tracker = silent) -> Answer:
    """Whether compiled code works here, as an earlier process of this installation found, or as
    child processes find now, which takes seconds.

    Args:
        check: the name of a module whose ``check(kernel)`` compiles and runs kernel 0 or 1, and
            raises an error where it is wrong.
        track: told of it.
    """
    obstacle = find_obstacle()
    if obstacle:
        return Answer(False, obstacle)
    if check not in _answers:
        path = _path(check)
        _answers[check] = (
            _found_by_begun(check, track) or _remembered(path) or _tried_alone(check, path, track)
        )
    return _answers[check]


def find_obstacle() -> str | None:
    """Why Numba compiles nothing, where that is plain without trying it."""
    for name, module in (("Numba", "numba"), ("llvmlite", "llvmlite")):
        if _origin(module) is None:
            return f"{name} is not installed"
    loaded = getattr(sys.modules.get("numba"), "config", None)
    told = os.environ.get("NUMBA_DISABLE_JIT", "") not in ("", "0")
    if told or getattr(loaded, "DISABLE_JIT", False):
        return "NUMBA_DISABLE_JIT keeps Numba from compiling"
    return None


def warn_once(message: str) -> None:
    """A warning that is given once in a process."""
    if message not in _warned:
        _warned.add(message)
        warn(message, stacklevel=3)


# What is remembered


def _path(check: str) -> Path | None:
    """The file of an answer: of these versions, on this processor, with these settings."""
    folder = cache_folder()
    if folder is None:
        return None
    settings = {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith("NUMBA_") and name != "NUMBA_CACHE_DIR"
    }
    modules = [_state(name) for name in ("numba", "llvmlite", "numpy", check)]
    facts = [__version__, sys.version, platform.machine(), _processor(), modules, settings]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    return folder / f"tried-{check.split('.')[-2]}-{key}.json"


def _state(module: str) -> list[object]:
    """What changes when a module is installed anew."""
    origin = _origin(module)
    try:
        state = Path(origin or "").stat()
    except OSError:
        return [origin]
    return [origin, state.st_size, state.st_mtime_ns]


def _origin(module: str) -> str | None:
    """The file of a module, without importing it; None where it is not installed."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return None if spec is None else spec.origin or ""


def _processor() -> str:
    """What the operating system knows of the processor."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            first = file.read(1 << 14).partition("\n\n")[0]
    except OSError:
        return platform.processor()
    # its clock and the like change from moment to moment
    named = ("vendor", "model", "cpu family", "stepping", "flags", "Features", "CPU ", "isa")
    return "\n".join(line for line in first.splitlines() if line.startswith(named))


def _remembered(path: Path | None) -> Answer | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError:
        return None
    try:
        found = json.loads(content)
        works, reason = found["works"], found["reason"]
        if not (isinstance(works, bool) and isinstance(reason, str)):
            raise ValueError("it holds something else")
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        damaged(path, f"{type(error).__name__}: {error}")
        return None
    return Answer(works, reason)


# The child


def answer(check: str, kernels: Iterable[int]) -> None:
    """Say on standard output what :func:`answer_for` asks, of some kernels, in this process."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # at once, in the midst of compiling too
    faulthandler.dump_traceback_later(_PATIENCE_SECONDS, exit=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")
    _tell(_BEGUN)
    try:
        for kernel in kernels:
            importlib.import_module(check).check(kernel)
            _tell(_STEP)
    # of these the reason may be gone the next time, and they are found quickly
    except (ImportError, OSError, MemoryError) as error:
        _tell(f"{_UNSURE}{_in_one_line(error)}")
    except Exception as error:
        _tell(f"{_FAILS}{_in_one_line(error)}")
    else:
        _tell(_WORKS)


def _end_with_parent() -> None:
    """End this process when standard input does: its parent holds the other end of that pipe, and
    whatever kills the parent closes it."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(1)


def _tell(text: str) -> None:
    print(f"{_MARK}{text}", flush=True)


def _in_one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]


# Its parent


def _tried_alone(check: str, path: Path | None, track: Tracker) -> Answer:
    """The answer of a child process, or of another process that tries the same at this moment:
    many that start together would compile the same side by side."""
    with contextlib.ExitStack() as held:
        until, waited = time.monotonic() + _MOST_SECONDS_OF_OTHERS, False
        while path is not None and not os.environ.get(_TRYING):
            try:
                held.enter_context(held_folder(path.with_suffix(""), hint="wait for it"))
                break
            except OutputError as error:
                # there is no such folder to be had, and what is to be said of that is said later
                if isinstance(error.__cause__, OSError) or time.monotonic() > until:
                    break
            waited = True
            time.sleep(_PAUSE_SECONDS)
        return (_remembered(path) if waited else None) or _tried(check, path, track)


def _tried(check: str, path: Path | None, track: Tracker) -> Answer:
    """The answer of child processes, which is kept where it will hold."""
    if not _may_try():
        return Answer(True, "it is not tried in a process of its own here")
    with contextlib.ExitStack() as stack:
        try:
            trial = _started(check, path, stack)
        except OSError as error:
            return Answer(True, f"it could not be tried: {_in_one_line(error)}")
        with track(_LABEL, total=KERNELS, unit="kernels") as advance:
            return _result(trial, advance)


def _may_try() -> bool:
    return not (os.environ.get(_TRYING) or getattr(sys, "frozen", False) or not sys.executable)


class _Trial(NamedTuple):
    """Child processes that find an answer."""

    children: "list[subprocess.Popen[str]]"
    path: Path | None  # of the file that keeps it
    spare: str | None  # a folder for compiled code where none can be kept


def _started(check: str, path: Path | None, stack: contextlib.ExitStack) -> _Trial:
    """Child processes that begin to try, and end with ``stack``.

    Raises:
        OSError: the system starts none.
    """
    kernels, environment = list(range(KERNELS)), {**os.environ, _TRYING: "1"}
    with contextlib.suppress(OSError):
        environment[SPARE] = str(stack.enter_context(temporary_folder()))
    children = [
        stack.enter_context(_child(check, some, environment))
        for some in ([[each] for each in kernels] if _has_room_for_two() else [kernels])
    ]
    return _Trial(children, path, environment.get(SPARE))


def _result(trial: _Trial, advance: Advance) -> Answer:
    """What they find, which is kept where it will hold; ``advance`` is told of each kernel."""
    found, holds = _judged(trial.children, advance)
    hand_over(trial.spare)
    if holds:
        keep(trial.path, json.dumps(found._asdict()).encode())
    return found


class _Begun:
    """A trial that a thread follows to its end, before anybody asks what it found."""

    def __init__(self, trial: _Trial, stack: contextlib.ExitStack) -> None:
        self._trial, self._stack, self.process = trial, stack, os.getpid()
        self._kernels, self._answer = 0.0, Answer(True, "it could not be tried")
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        try:
            with self._stack:
                self._answer = _result(self._trial, self._count)
        except BaseException as error:
            self._error = error

    def _count(self, amount: float, note: str = "") -> None:
        self._kernels += amount

    def answer(self, track: Tracker) -> Answer:
        """What it found, when it has; ``track`` is told how far it is."""
        told = 0.0
        with track(_LABEL, total=KERNELS, unit="kernels") as advance:
            while self._thread.is_alive():
                self._thread.join(_PAUSE_SECONDS)
                now = self._kernels
                advance(now - told)
                told = now
        if self._error is not None:
            raise self._error
        return self._answer

    def end(self) -> None:
        """End it, and leave nothing behind."""
        for child in self._trial.children:
            child.kill()
        self._thread.join()


_LABEL = "compiling kernels, once for this installation"
_begun = dict[str, _Begun]()


def begin(check: str) -> None:
    """Have child processes begin to find what :func:`answer_for` will be asked, where nobody has
    found it yet: who asks then waits for the rest of it. What is not asked for ends with this
    process."""
    if find_obstacle() or check in _answers or check in _begun or not _may_try():
        return
    path = _path(check)
    found = _remembered(path)
    if found is not None:
        _answers[check] = found
    if path is None or found is not None:
        return
    # where it cannot be done, or another process does it, who asks finds out
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError, OutputError, RuntimeError):
        stack.enter_context(held_folder(path.with_suffix(""), hint="wait for it"))
        trial = _started(check, path, stack)
        _begun[check] = _Begun(trial, stack.pop_all())
        atexit.register(_end, check)


def _end(check: str) -> None:
    """End what was begun and nobody asked for."""
    begun = _begun.pop(check, None)
    if begun is not None and begun.process == os.getpid():
        begun.end()


def _found_by_begun(check: str, track: Tracker) -> Answer | None:
    """What a trial that was begun found; None where there is none, or it is another process's."""
    begun = _begun.pop(check, None)
    return begun.answer(track) if begun is not None and begun.process == os.getpid() else None


def _has_room_for_two() -> bool:
    """Whether a second process has a core to itself, and both have memory: it loads the same
    libraries once more, and beside other programs both end later than one that compiles all."""
    cores, load = usable_cores(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    idle = cores > 1 and load < cores - 0.5
    return idle and all(limit.left >= _BYTES_OF_TWO for limit in memory_limits())


def _child(check: str, kernels: list[int], environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), check, json.dumps(kernels)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def _judged(children: "list[subprocess.Popen[str]]", advance: Advance) -> tuple[Answer, bool]:
    """What children found out together, and whether that will hold: the first that finds that
    something does not work speaks for all."""
    try:
        for child in children:
            said, noise = _heard(child, advance)
            found, holds = _verdict(child.returncode, said, noise)
            if not (found.works and holds):
                break
        return found, holds
    finally:
        for child in children:
            child.kill()


def _heard(child: "subprocess.Popen[str]", advance: Advance) -> tuple[list[str], list[str]]:
    """What a child says until it ends: itself, and libraries in it."""
    said, noise = list[str](), list[str]()
    for line in child.stdout or ():
        line = line.strip()
        if line.startswith(_MARK):
            said.append(line.removeprefix(_MARK))
            if said[-1] == _STEP:
                advance(1)
        elif line:
            noise.append(line[:300])
    child.wait()
    return said, noise


def _verdict(code: int, said: list[str], noise: list[str]) -> tuple[Answer, bool]:
    """What a child found out, and whether that will hold.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    last = said[-1] if said else ""
    if last == _WORKS:
        return Answer(True, "what it computes here agrees with NumPy"), True
    if last.startswith(_FAILS):
        return Answer(False, last.removeprefix(_FAILS)), True
    if last.startswith(_UNSURE):
        return Answer(False, last.removeprefix(_UNSURE)), False
    if code == -signal.SIGINT:
        raise KeyboardInterrupt
    if not said:
        return Answer(True, "it could not be tried in a process of its own"), False
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    errors = [line for line in noise if "error" in line.lower()]
    reason = f"compiling ended by {name}" + (f": {(errors or noise)[0]}" if noise else "")
    holds = (code > 0 or name in _CRASHES) and not any(word in reason for word in _PASSING)
    return Answer(False, reason), holds
