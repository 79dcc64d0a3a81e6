"""What threads need of the processor and Python does not offer, as instructions for LLVM.

``barrier`` lets threads wait for one another, until ``stop`` ends all waiting; ``flush_denormals``
keeps numbers below 1e-38, which cost a hundred cycles each, out of the sums, and ``prefetch`` asks
for memory ahead of time.
"""

import os
from typing import Any

import numpy as np
from llvmlite import binding, ir

from narrows.engine.fused.structure import ARRIVALS, ASKED, PAUSES
from narrows.support.compiling.kinds import BYTE, FLOAT32, INT
from narrows.support.compiling.native import processor
from narrows.support.compiling.translating import External, instruction, part

#: Compiles a function that only compiled functions call.
inner = part

# Code in which a processor's widest registers show.
_SUM = """
define <16 x float> @sum(<16 x float> %a, <16 x float> %b) {
    %sum = fadd <16 x float> %a, %b
    ret <16 x float> %sum
}
"""


def registers_of(triple: str, processor: str, features: str) -> tuple[bool, int]:
    """Whether a processor is an x86, and the bits of its vectors, which are for LLVM to say: it
    knows what a name and a list of features leave, and ends the process where it meets a vector
    instruction that it has no registers for."""
    target = binding.Target.from_triple(triple)
    target_machine = target.create_target_machine(cpu=processor, features=features)
    code = target_machine.emit_assembly(binding.parse_assembly(_SUM))
    bits = 512 if "zmm" in code else 256 if "ymm" in code else 128
    return triple.startswith(("x86_64", "i686", "i386")), bits


#: Of the processor that LLVM compiles for, which need not be this machine's (``NUMBA_CPU_NAME``,
#: ``NUMBA_CPU_FEATURES``, ``NUMBA_ENABLE_AVX``).
IS_X86, VECTOR_BITS = registers_of(*processor())

_INT64 = ir.IntType(64)
_INT32 = ir.IntType(32)


def _reader(kind: Any) -> Any:
    """Reads the ``number``-th of values of one kind from an address (int64) on."""

    @instruction(kind)
    def read(builder: Any, address: Any, number: Any) -> Any:
        return builder.load(place_of(builder, address, number, kind))

    return read


def place_of(builder: Any, address: Any, number: Any, kind: Any) -> Any:
    """A pointer to the ``number``-th of values of one kind from an address (int64) on."""
    return builder.gep(builder.inttoptr(address, kind.type.as_pointer()), [number])


byte_at, float_at = _reader(BYTE), _reader(FLOAT32)


@instruction()
def set_float(builder: Any, address: Any, number: Any, value: Any) -> None:
    """Write a float32 as the ``number``-th from an address (int64) on."""
    builder.store(value, place_of(builder, address, number, FLOAT32))


@instruction()
def set_byte(builder: Any, address: Any, number: Any, value: Any) -> None:
    """Write a float64, a whole number from 0 to 255, as the ``number``-th byte."""
    whole = builder.fptoui(value, BYTE.type)
    builder.store(whole, place_of(builder, address, number, BYTE))


def declared(module: Any, kind: Any, name: str) -> Any:
    """A function of LLVM's, which a module knows from then on."""
    return module.globals.get(name) or ir.Function(module, kind, name)


def ask_for(builder: Any, place: Any, *, to_write: bool = False) -> None:
    """Ask for the cache line at a pointer without waiting for it."""
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, _INT32, _INT32, _INT32])
    function = declared(builder.module, kind, "llvm.prefetch.p0")
    everywhere, data = _INT32(3), _INT32(1)
    builder.call(function, [builder.bitcast(place, byte), _INT32(int(to_write)), everywhere, data])


@instruction()
def prefetch(builder: Any, address: Any) -> None:
    """Ask for the cache line at an address (int64) without waiting for it."""
    ask_for(builder, builder.inttoptr(address, ir.IntType(8).as_pointer()))


@instruction(INT)
def _count(builder: Any, control: Any, place: Any) -> Any:
    """Add one to ``control[place]`` (int64) for all threads to see; gives what it held before."""
    return builder.atomic_rmw("add", builder.gep(control.data, [place]), _INT64(1), "acq_rel")


@instruction(INT)
def _held(builder: Any, control: Any, place: Any) -> Any:
    """What ``control[place]`` (int64) holds now, with everything its writers wrote before."""
    return builder.load_atomic(builder.gep(control.data, [place]), "acquire", align=8)


# Turns of waiting. Threads arrive some 100 microseconds apart: short of that a wait costs less than
# a switch, beyond it another process has this thread's partner off its core.
_PATIENCE = 60_000
# Microseconds. A core whose thread sleeps is one that the partner may be brought to, and who slept
# is soon let on again: with sched_yield, which keeps a claim to the core, two threads beside two
# endless loops took ten times as long.
_SLEEP = 20
if os.name == "posix":
    _sleep: Any = External("usleep", _INT32, (_INT32,))

    @inner
    def _give_way() -> int:
        return _sleep(_SLEEP)

else:

    @inner
    def _give_way() -> int:
        return 0


# Far below zero, so that those who still arrive do not bring it back.
_STOPPED = -(1 << 62)


def stop(control: np.ndarray) -> None:
    """End all waiting, now and from now on: somebody will not arrive."""
    control[ARRIVALS] = _STOPPED


@inner
def stopped(control: Any) -> bool:
    """Whether waiting has ended, and what others should have written may not be there."""
    return bool(_held(control, ARRIVALS) < 0)


def ask_to_end(control: np.ndarray) -> None:
    """Have threads end where their work can be left, all at the same place."""
    control[ASKED] = 1


@inner
def is_asked_to_end(control: Any) -> bool:
    """Whether somebody called :func:`ask_to_end`."""
    return bool(_held(control, ASKED) != 0)


@inner
def claim(control: Any, place: int) -> int:
    """The next piece of work that no thread has taken yet, counted from 0 in ``control[place]``."""
    number = _count(control, place)
    _pause(control, number)
    return number


@inner
def _pause(control: Any, number: int) -> None:
    """Pause for some turns where this is the ``number``-th time: none, but in a test."""
    pauses = control[PAUSES]
    if pauses > 0:
        for _ in range(control[pauses + number % (len(control) - pauses)]):
            _held(control, ARRIVALS)


@inner
def barrier(control: Any, threads: int) -> None:
    """Wait until all ``threads`` have called this as often as the caller has, or :func:`stop`.

    ``control`` is int64 that starts at zero.
    """
    if threads == 1:
        return
    number = claim(control, ARRIVALS)
    wait_for(control, ARRIVALS, (number // threads + 1) * threads)


@inner
def wait_for(control: Any, place: int, target: int) -> None:
    """Wait until ``control[place]`` has come to ``target``, or :func:`stop` was called."""
    waited = 0
    while _held(control, place) < target and not stopped(control):
        waited += 1
        if waited > _PATIENCE:
            _give_way()


_FLUSH_BITS = 0x8040  # flush-to-zero and denormals-are-zero (Intel SDM volume 1, 10.2.3)


@instruction(INT)
def flush_denormals(builder: Any, control: Any) -> Any:
    """Make this thread's float arithmetic flush denormals; gives the control word to restore.

    Called with 0 it sets the flags, with an earlier result it restores what was there. On
    processors other than x86 it does nothing: their cost for denormals is small.
    """
    if not IS_X86:
        return control
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte])
    store = declared(builder.module, kind, "llvm.x86.sse.stmxcsr")
    load = declared(builder.module, kind, "llvm.x86.sse.ldmxcsr")
    with builder.goto_entry_block():
        slot = builder.alloca(_INT32)
    raw = builder.bitcast(slot, byte)
    builder.call(store, [raw])
    before = builder.load(slot)
    wanted = builder.trunc(control, _INT32)
    asked_to_set = builder.icmp_unsigned("==", wanted, _INT32(0))
    builder.store(
        builder.select(asked_to_set, builder.or_(before, _INT32(_FLUSH_BITS)), wanted), slot
    )
    builder.call(load, [raw])
    return builder.zext(before, _INT64)
