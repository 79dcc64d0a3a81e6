"""Which engine computes what both could: the variable NARROWS_ENGINE, or what is fastest here."""

import importlib
import importlib.util
import inspect
import os
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import NamedTuple

from narrows.errors import NarrowsError, UsageError
from narrows.support.compiling import answer_for, begin, find_obstacle, warn_once
from narrows.support.memory import LLVM, require_compilers
from narrows.support.progress import Tracker, silent

#: Names the engine.
VARIABLE = "NARROWS_ENGINE"
_KNOWN = ("auto", "fused", "xla")
_CHECK = "narrows.engine.fused.check"


class EngineChoice(NamedTuple):
    """``fused`` or ``xla``, and why."""

    engine: str
    reason: str


def chosen_engine(track: Tracker = silent) -> EngineChoice:
    """The engine of models that both engines know; others are computed by XLA.

    Where nothing is asked for, that is the fused one, if the model is computed on the CPU and the
    engine has been tried here: the first time that takes seconds, of which ``track`` is told.

    Raises:
        UsageError: ``NARROWS_ENGINE`` names no engine, or one that cannot be had.
    """
    wanted = _wanted()
    if wanted == "xla":
        return EngineChoice("xla", f"{VARIABLE} asks for it")
    if wanted == "fused":
        obstacle = find_obstacle()
        if obstacle:
            raise _cannot_be_had(obstacle)
        return EngineChoice("fused", f"{VARIABLE} asks for it, and it was not tried")
    if _has_accelerator():
        return EngineChoice("xla", "JAX has an accelerator")
    answer = answer_for(_CHECK, track)
    return EngineChoice("fused" if answer.works else "xla", answer.reason)


def uses_fused(track: Tracker = silent) -> bool:
    """Whether the fused engine is chosen; it is loaded then. Warns where it should be and is not.

    Raises:
        UsageError: as :func:`chosen_engine` has it.
        NotEnoughMemoryError: there is too little memory for trying it.
    """
    if _wanted() != "xla" and not _has_accelerator():
        require_compilers(LLVM)  # trying would end in an abort, and the answer be kept
    choice, asked = chosen_engine(track), _wanted() != "auto"
    reason: str | None = choice.reason
    if choice.engine == "fused":
        reason = _broken()
        if reason is None:
            return True
        if asked:
            raise _cannot_be_had(reason)
    if not (asked or _has_accelerator()):
        warn_once(f"the fused engine does not work here, XLA computes in its place: {reason}")
    return False


def begin_trying() -> None:
    """Have what :func:`uses_fused` finds out the first time begin, beside what the caller does
    before a model is there."""
    with suppress(NarrowsError):  # said when a model is there
        if _wanted() == "auto" and not _has_accelerator():
            require_compilers(LLVM)
            begin(_CHECK)


def _wanted() -> str:
    wanted = os.environ.get(VARIABLE, "") or "auto"
    if wanted not in _KNOWN:
        raise UsageError(
            f"{VARIABLE} is {wanted!r}, and must be one of {', '.join(_KNOWN)}",
            hint=f"leave {VARIABLE} out: what works and is fastest is found",
        )
    return wanted


def _cannot_be_had(reason: str) -> UsageError:
    return UsageError(
        f"{VARIABLE} is fused, and that engine cannot be had: {reason}",
        hint=f"leave {VARIABLE} out, or set it to xla",
    )


@cache
def _broken() -> str | None:
    """Why the fused engine cannot be loaded in this process, or None: it is loaded."""
    try:
        importlib.import_module("narrows.engine.fused.runner")
        importlib.import_module("narrows.engine.fused.trainer")
        # what kernels are compiled from, which a frozen program may not have
        inspect.getsource(importlib.import_module("narrows.engine.fused.loops"))
    except MemoryError:
        raise
    # a broken library raises all kinds
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


@cache
def _has_accelerator() -> bool:
    """Whether JAX would compute on something other than the CPU; imports JAX only if it might."""
    if os.environ.get("JAX_PLATFORMS", "") == "cpu":
        return False
    plugged_in = metadata.entry_points(group="jax_plugins")
    if not plugged_in and importlib.util.find_spec("jax_plugins") is None:
        return False
    import jax

    return bool(jax.default_backend() != "cpu")
