"""How XLA compiles what tests run in this process, and in those that they start."""

import functools
from typing import Any

import jax
from jax._src import compiler

# They make MLIR of each group of operations, which is half of what compiling for a CPU takes.
_EMITTERS = "xla_cpu_use_fusion_emitters"


def compile_plainly() -> None:
    """Where XLA leaves its optimisations out, have it do without its emitters of fused operations
    too, for which it has an older way. JAX says so of one function at a time, or of a whole process
    whatever is compiled in it; of all that is not ``optimised``, here alone. A jaxlib that does not
    know them is left as it is."""
    made = getattr(compiler, "get_compile_options", None)
    asked = False

    def options_of(*arguments: Any, **named: Any) -> Any:
        nonlocal asked
        options = made(*arguments, **named)
        if asked or not jax.config.read("jax_disable_most_optimizations"):
            return options
        asked = True  # it compiles to find out
        known = _are_known()
        asked = False
        if known:
            options.env_option_overrides = [*options.env_option_overrides, (_EMITTERS, False)]
        return options

    if made is not None:
        compiler.get_compile_options = options_of


def plain_flags() -> str:
    """What ``XLA_FLAGS`` says to a process that is to compile so: for those that compile much. XLA
    ends a process that is told what it does not know."""
    plainly = jax.config.read("jax_disable_most_optimizations") and _are_known()
    return f"--{_EMITTERS}=false" if plainly else ""


@functools.cache
def _are_known() -> bool:
    try:
        jax.jit(lambda: 0, compiler_options={_EMITTERS: False}).lower().compile()
    except Exception:  # whatever such a jaxlib raises
        return False
    return True
