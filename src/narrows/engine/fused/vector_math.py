"""The logistic function of a vector of values, as LLVM instructions.

LLVM takes exponentials one by one without a vendor's library; everything smooth that a layer may
end in is made of this one function.
"""

import math
from typing import Any

from llvmlite import ir

from narrows.engine.fused.machine import declared
from narrows.engine.fused.registers import LANES, fma_of, load, pointer, splat, store
from narrows.support.compiling.translating import instruction

_INT32 = ir.IntType(32)
_INTEGERS = ir.VectorType(_INT32, LANES)
_VECTOR = ir.VectorType(ir.FloatType(), LANES)

# exp(-87.3) is the smallest float32 that is not denormal; beyond 87 the logistic function is 0 or 1
# to the last bit anyway.
_LIMIT = 87.0
# ln 2 in two parts, the first with few enough bits that its product with n is exact (Cody and
# Waite, Software Manual for the Elementary Functions, 1980, chapter 6).
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
# Taylor's series of exp to the seventh power: on |r| <= ln(2) / 2 it is 6e-9 off.
_COEFFICIENTS = [1 / math.factorial(power) for power in range(7, -1, -1)]
_EXPONENT_BIAS, _MANTISSA_BITS = 127, 23


def _call(builder: Any, name: str, *values: Any) -> Any:
    function_type = ir.FunctionType(_VECTOR, [_VECTOR] * len(values))
    function = declared(builder.module, function_type, f"llvm.{name}.v{LANES}f32")
    return builder.call(function, values)


def _exponential(builder: Any, x: Any) -> Any:
    """exp(x) for a vector of x within the limit: 2^n exp(r), where x = n ln 2 + r."""
    n = _call(builder, "rint", builder.fmul(x, splat(1 / math.log(2))))
    fma = fma_of(builder.module)
    r = builder.call(fma, [n, splat(-_LN2_HIGH), x])
    r = builder.call(fma, [n, splat(-_LN2_LOW), r])
    total = splat(_COEFFICIENTS[0])
    for coefficient in _COEFFICIENTS[1:]:
        total = builder.call(fma, [total, r, splat(coefficient)])
    exponent = builder.add(
        builder.fptosi(n, _INTEGERS), ir.Constant(_INTEGERS, [_EXPONENT_BIAS] * LANES)
    )
    power = builder.shl(exponent, ir.Constant(_INTEGERS, [_MANTISSA_BITS] * LANES))
    return builder.fmul(total, builder.bitcast(power, _VECTOR))


@instruction()
def logistic(builder: Any, values: Any, at: Any) -> None:
    """values[at : at + LANES] become 1 / (1 + exp(-value)); a NaN stays one."""
    place = pointer(builder, values, at)
    raw = load(builder, place)
    x = _call(builder, "minnum", raw, splat(_LIMIT))
    x = _call(builder, "maxnum", x, splat(-_LIMIT))
    power = _exponential(builder, builder.fneg(x))
    result = builder.fdiv(splat(1), builder.fadd(splat(1), power))
    is_number = builder.fcmp_ordered("ord", raw, raw)
    store(builder, builder.select(is_number, result, raw), place)
