"""The three things that Python cannot say to the processor, as LLVM instructions for Numba.

``tile`` is the inner loop of every matrix product: it keeps a block of the result in registers
while it walks the inner dimension once (Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication, ACM TOMS 34:12, 2008). ``transpose`` turns a square of values around in registers.
``barrier`` lets threads wait for one another without the operating system, and
``flush_denormals`` keeps numbers below 1e-38, which cost a hundred cycles each, out of the sums.

Everything reads and writes flat float32 arrays at element offsets: nothing checks bounds here, so
the callers in :mod:`narrows.engine.fused.kernels` own that.
"""

import os
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_HAS_AVX512 = bool(binding.get_host_cpu_features().get("avx512f"))

#: Values in one vector: a 512-bit register where there is one, otherwise 256 bits, which LLVM
#: splits in two on machines with 128-bit registers.
LANES = 16 if _HAS_AVX512 else 8
#: A tile is two vectors wide, so that each value broadcast from the left factor is used twice.
TILE_COLUMNS = 2 * LANES
#: Rows of a tile: 2 x 14 sums, 2 operands and 1 broadcast fill 31 of the 32 registers of AVX-512;
#: 2 x 6 + 3 fill 15 of the 16 of AVX2.
TILE_ROWS = 14 if _HAS_AVX512 else 6

#: What a plain product passes for the values its sums start from, and for their lower limit.
NO_STARTS = np.zeros(TILE_ROWS, np.float32)
NO_FLOOR = np.float32(-np.inf)

_FLOAT = ir.FloatType()
_INT64 = ir.IntType(64)
_INT32 = ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_FLOAT_POINTER = _FLOAT.as_pointer()


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, offset: Any) -> Any:
    """A float pointer to ``array[offset]``."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(data, _FLOAT_POINTER), [offset])


def _load(builder: Any, pointer: Any) -> Any:
    return builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)


def _broadcast(builder: Any, value: Any) -> Any:
    """A vector that holds ``value`` everywhere."""
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, value, _INT32(0))
    everywhere = ir.Constant(ir.VectorType(_INT32, LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, everywhere)


def _tile_function(module: Any, rows: int) -> Any:
    """The LLVM function that computes one tile of ``rows`` x TILE_COLUMNS; see :func:`tile`."""
    name = f"narrows_tile_{rows}"
    if name in module.globals:
        return module.globals[name]
    factors = [_FLOAT_POINTER, _INT64, _INT64, _FLOAT_POINTER, _INT64]
    result = [_FLOAT_POINTER, _INT64, _INT64, _FLOAT_POINTER, _FLOAT]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), factors + result), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    a, a_row, a_step, b, b_step, c, c_row, depth, start, floor = function.args
    entry = function.append_basic_block("entry")
    loop = function.append_basic_block("loop")
    done = function.append_basic_block("done")
    columns = range(TILE_COLUMNS // LANES)
    fma = cgutils.get_or_insert_function(
        module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{LANES}f32"
    )

    builder = ir.IRBuilder(entry)
    row_offsets = [builder.mul(a_row, _INT64(i)) for i in range(rows)]
    starts = [
        _broadcast(builder, builder.load(builder.gep(start, [_INT64(i)]))) for i in range(rows)
    ]
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(_INT64)
    k.add_incoming(_INT64(0), entry)
    sums = [[builder.phi(_VECTOR) for _ in columns] for _ in range(rows)]
    a_k = builder.gep(a, [builder.mul(k, a_step)])
    b_k = builder.gep(b, [builder.mul(k, b_step)])
    b_values = [_load(builder, builder.gep(b_k, [_INT64(v * LANES)])) for v in columns]
    totals = []
    for i in range(rows):
        value = _broadcast(builder, builder.load(builder.gep(a_k, [row_offsets[i]])))
        totals.append([builder.call(fma, [value, b_values[v], sums[i][v]]) for v in columns])
    following = builder.add(k, _INT64(1))
    k.add_incoming(following, loop)
    for first, before, after in zip(starts, sums, totals, strict=True):
        for phi, total in zip(before, after, strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(total, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)

    builder.position_at_end(done)
    limit = _broadcast(builder, floor)
    for i, row in enumerate(totals):
        for v, total in enumerate(row):
            # one instruction, and a NaN passes it
            total = builder.select(builder.fcmp_ordered(">", limit, total), limit, total)
            offset = builder.add(builder.mul(c_row, _INT64(i)), _INT64(v * LANES))
            _store(builder, total, builder.gep(c, [offset]))
    builder.ret_void()
    return function


@intrinsic
def tile(
    typing_context: Any,
    rows: Any,
    a: Any,
    a_start: Any,
    a_row: Any,
    a_step: Any,
    b: Any,
    b_start: Any,
    b_step: Any,
    c: Any,
    c_start: Any,
    c_row: Any,
    depth: Any,
    starts: Any,
    starts_at: Any,
    floor: Any,
) -> Any:
    """Compute one tile of a matrix product: ``rows`` (1 to TILE_ROWS) x TILE_COLUMNS values.

    C[c_start + i * c_row + j] = max(floor, starts[starts_at + i] + sum over k < depth of
        A[a_start + i * a_row + k * a_step] * B[b_start + k * b_step + j])

    ``depth`` must be at least 1. With a_row and a_step free, the left factor may be transposed.
    A bias in ``starts`` and a floor of 0 make it a ReLU layer; NO_STARTS and NO_FLOOR a product.
    """
    integer = types.int64
    left, right, result = (a, *[integer] * 3), (b, *[integer] * 2), (c, *[integer] * 2)
    signature = types.void(integer, *left, *right, *result, integer, starts, integer, types.float32)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, a, a_start, a_row, a_step, b, b_start, b_step, c, c_start, c_row, depth = arguments[
            :12
        ]
        starts, starts_at, floor = arguments[12:]
        kinds = signature.args
        a_pointer = _pointer(context, builder, kinds[1], a, a_start)
        b_pointer = _pointer(context, builder, kinds[5], b, b_start)
        c_pointer = _pointer(context, builder, kinds[8], c, c_start)
        starts_pointer = _pointer(context, builder, kinds[12], starts, starts_at)
        factors = [a_pointer, a_row, a_step, b_pointer, b_step]
        result = [c_pointer, c_row, depth, starts_pointer, floor]
        end = builder.append_basic_block("end")
        choice = builder.switch(rows, end)
        for count in range(1, TILE_ROWS + 1):
            block = builder.append_basic_block(f"rows_{count}")
            choice.add_case(_INT64(count), block)
            with builder.goto_block(block):
                function = _tile_function(builder.module, count)
                builder.call(function, factors + result)
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def transpose(
    typing_context: Any, source: Any, start: Any, row: Any, target: Any, to: Any, to_row: Any
) -> Any:
    """Transpose LANES x LANES values: target[to + j * to_row + i] = source[start + i * row + j].

    In log2(LANES) rounds of pairwise exchanges (Eklundh, IEEE Trans. Computers C-21:801, 1972).
    """
    integer = types.int64
    signature = types.void(source, integer, integer, target, integer, integer)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, start, row, target, to, to_row = arguments
        read = _pointer(context, builder, signature.args[0], source, start)
        write = _pointer(context, builder, signature.args[3], target, to)
        rows = [
            _load(builder, builder.gep(read, [builder.mul(row, _INT64(i))])) for i in range(LANES)
        ]
        lanes = range(LANES)
        distance = 1
        while distance < LANES:
            upper = [j if not j & distance else LANES + j - distance for j in lanes]
            lower = [j + distance if not j & distance else LANES + j for j in lanes]
            exchanges = [
                ir.Constant(ir.VectorType(_INT32, LANES), pattern) for pattern in (upper, lower)
            ]
            for i in range(LANES):
                if not i & distance:
                    pair = rows[i], rows[i + distance]
                    rows[i], rows[i + distance] = (
                        builder.shuffle_vector(*pair, exchange) for exchange in exchanges
                    )
            distance *= 2
        for i, values in enumerate(rows):
            _store(builder, values, builder.gep(write, [builder.mul(to_row, _INT64(i))]))
        return context.get_dummy_value()

    return signature, generate


# Estimates of 1 / sqrt(x) and 1 / x in 11 to 14 bits; one step of Newton's method doubles that.
# A division and a square root of 16 values take 40 cycles, these together with their steps 6.
_ESTIMATES = {
    16: ("llvm.x86.avx512.rsqrt14.ps.512", "llvm.x86.avx512.rcp14.ps.512"),
    8: ("llvm.x86.avx.rsqrt.ps.256", "llvm.x86.avx.rcp.ps.256"),
}
_IS_X86 = binding.get_default_triple().startswith(("x86_64", "i686", "i386"))
# Below it the estimate of 1 / sqrt(x) overflows; its root is far below any epsilon in use.
_SMALLEST_SQUARE = 1e-36


def _splat(value: float) -> Any:
    return ir.Constant(_VECTOR, [value] * LANES)


def _estimate(builder: Any, name: str, x: Any) -> Any:
    arguments = [x]
    if LANES == 16:  # these take what to give in masked-out lanes, and the mask
        arguments += [ir.Constant(_VECTOR, None), ir.IntType(16)(-1)]
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [a.type for a in arguments]), name
    )
    return builder.call(function, arguments)


def _inverse_of_root_plus(builder: Any, x: Any, epsilon: Any) -> Any:
    """1 / (sqrt(x) + epsilon) for a vector of x >= 0, to about one unit in the last place."""
    if not _IS_X86:
        square_root = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR]), f"llvm.sqrt.v{LANES}f32"
        )
        return builder.fdiv(_splat(1), builder.fadd(builder.call(square_root, [x]), epsilon))
    root_name, inverse_name = _ESTIMATES[LANES]
    large = builder.fcmp_unordered(">", x, _splat(_SMALLEST_SQUARE))  # unordered keeps a NaN
    x = builder.select(large, x, _splat(_SMALLEST_SQUARE))
    # Newton on y^-2 = x: y <- y + y (1 - x y^2) / 2
    y = _estimate(builder, root_name, x)
    rest = builder.fsub(_splat(1), builder.fmul(builder.fmul(x, y), y))
    y = builder.fadd(y, builder.fmul(builder.fmul(y, _splat(0.5)), rest))
    divisor = builder.fadd(builder.fmul(x, y), epsilon)
    # Newton on 1 / z = divisor: z <- z + z (1 - divisor z)
    z = _estimate(builder, inverse_name, divisor)
    rest = builder.fsub(_splat(1), builder.fmul(divisor, z))
    return builder.fadd(z, builder.fmul(z, rest))


@intrinsic
def adam(
    typing_context: Any,
    gradient: Any,
    gradient_at: Any,
    parameters: Any,
    first: Any,
    second: Any,
    at: Any,
    rate: Any,
    keep_first: Any,
    keep_second: Any,
    epsilon: Any,
) -> Any:
    """One step of Adam for LANES parameters: Kingma and Ba, arXiv:1412.6980, end of section 2.

    m <- m + (g - m) (1 - beta1);  v <- v + (g^2 - v) (1 - beta2);  p <- p - rate m / (sqrt(v) + e)

    ``rate`` is the learning rate times sqrt(1 - beta2^t) / (1 - beta1^t), ``keep_first`` and
    ``keep_second`` are 1 - beta1 and 1 - beta2.
    """
    integer, single = types.int64, types.float32
    signature = types.void(
        gradient, integer, parameters, first, second, integer, single, single, single, single
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        read = _pointer(context, builder, kinds[0], arguments[0], arguments[1])
        places = [
            _pointer(context, builder, kinds[n], arguments[n], arguments[5]) for n in (2, 3, 4)
        ]
        rate, keep_first, keep_second, epsilon = (
            _broadcast(builder, value) for value in arguments[6:]
        )
        g = _load(builder, read)
        p, m, v = (_load(builder, place) for place in places)
        m = builder.fadd(m, builder.fmul(builder.fsub(g, m), keep_first))
        v = builder.fadd(v, builder.fmul(builder.fsub(builder.fmul(g, g), v), keep_second))
        step = builder.fmul(builder.fmul(rate, m), _inverse_of_root_plus(builder, v, epsilon))
        for value, place in zip((builder.fsub(p, step), m, v), places, strict=True):
            _store(builder, value, place)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def pointer_at(typing_context: Any, address: Any) -> Any:
    """An address (int64) as a pointer, for ``numba.carray``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


@intrinsic
def prefetch(typing_context: Any, address: Any) -> Any:
    """Ask for the cache line at an address (int64) without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer_type = ir.IntType(8).as_pointer()
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [pointer_type, _INT32, _INT32, _INT32]),
            "llvm.prefetch.p0",
        )
        pointer = builder.inttoptr(arguments[0], pointer_type)
        to_read, to_second_level, data = _INT32(0), _INT32(2), _INT32(1)
        builder.call(function, [pointer, to_read, to_second_level, data])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def _arrive(typing_context: Any, counter: Any) -> Any:
    """Add one to ``counter[0]`` (int64) for all threads to see; gives what it held before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", pointer, _INT64(1), "acq_rel")

    return types.int64(counter), generate


@intrinsic
def _arrived(typing_context: Any, counter: Any) -> Any:
    """What ``counter[0]`` (int64) holds now, with everything its writers wrote before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(pointer, "acquire", align=8)

    return types.int64(counter), generate


if os.name == "posix":
    _give_way = types.ExternalFunction("sched_yield", types.int32())
else:

    @njit
    def _give_way() -> int:
        return 0


# A step has two barriers some 100 microseconds apart: short of that a wait costs less than a
# switch, beyond it another process has this thread's partner off its core and may have ours.
_PATIENCE = 20_000


@njit
def barrier(counter: Any, threads: int) -> None:
    """Wait until all ``threads`` have called this as often as the caller has.

    ``counter`` is an int64 array of length 1 that starts at zero.
    """
    if threads == 1:
        return
    target = (_arrive(counter) // threads + 1) * threads
    waited = 0
    while _arrived(counter) < target:
        waited += 1
        if waited > _PATIENCE:
            _give_way()


_FLUSH_BITS = 0x8040  # flush-to-zero and denormals-are-zero (Intel SDM volume 1, 10.2.3)


@intrinsic
def flush_denormals(typing_context: Any, control: Any) -> Any:
    """Make this thread's float arithmetic flush denormals; gives the control word to restore.

    Called with 0 it sets the flags, with an earlier result it restores what was there. On
    processors other than x86 it does nothing: their cost for denormals is small.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not _IS_X86:
            return arguments[0]
        function_type = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
        store = cgutils.get_or_insert_function(
            builder.module, function_type, "llvm.x86.sse.stmxcsr"
        )
        load = cgutils.get_or_insert_function(builder.module, function_type, "llvm.x86.sse.ldmxcsr")
        slot = cgutils.alloca_once(builder, _INT32)
        raw = builder.bitcast(slot, ir.IntType(8).as_pointer())
        builder.call(store, [raw])
        before = builder.load(slot)
        wanted = builder.trunc(arguments[0], _INT32)
        asked_to_set = builder.icmp_unsigned("==", wanted, _INT32(0))
        builder.store(
            builder.select(asked_to_set, builder.or_(before, _INT32(_FLUSH_BITS)), wanted), slot
        )
        builder.call(load, [raw])
        return builder.zext(before, _INT64)

    return types.int64(types.int64), generate
