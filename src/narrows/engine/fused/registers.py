"""What Python cannot say to the processor's vector registers, as LLVM instructions.

``tile`` is the inner loop of every matrix product: it keeps a block of the result in registers
while it walks the inner dimension once (Goto and van de Geijn, Anatomy of High-Performance Matrix
Multiplication, ACM TOMS 34:12, 2008). ``transpose`` turns a square of values around, and ``adam``
updates a vector of parameters.

Everything reads and writes flat float32 arrays at element offsets: nothing checks bounds here, so
the callers own that.
"""

from typing import Any

import numpy as np
from llvmlite import ir

from narrows.engine.fused.machine import IS_X86, VECTOR_BITS, ask_for, declared
from narrows.support.compiling.translating import instruction

#: Values in one vector: a 512-bit register where there is one, otherwise 256 bits, which LLVM
#: splits in two on machines with 128-bit registers.
LANES = 16 if VECTOR_BITS == 512 else 8
#: Float32 values in one line of the caches.
FLOATS_PER_LINE = 16
#: A tile is two vectors wide, so that each value broadcast from the left factor is used twice.
TILE_COLUMNS = 2 * LANES
#: Rows of a tile: 2 x 14 sums, 2 operands and 1 broadcast fill 31 of the 32 registers of AVX-512;
#: 2 x 6 + 3 fill 15 of the 16 of AVX2.
TILE_ROWS = 14 if VECTOR_BITS == 512 else 6

#: How far ahead of its use a left factor is asked for: some 400 cycles.
CHOSEN_AHEAD = 16

#: What a plain product passes for the lower limit of its values.
NO_FLOOR = np.float32(-np.inf)

_FLOAT = ir.FloatType()
INT64 = ir.IntType(64)
_INT32 = ir.IntType(32)
VECTOR = ir.VectorType(_FLOAT, LANES)
FLOAT_POINTER = _FLOAT.as_pointer()


def pointer(builder: Any, array: Any, offset: Any) -> Any:
    """A pointer to ``array[offset]``."""
    return builder.gep(array.data, [offset])


def load(builder: Any, place: Any) -> Any:
    """The vector at a float pointer."""
    return builder.load(builder.bitcast(place, VECTOR.as_pointer()), align=4)


def store(builder: Any, value: Any, place: Any) -> None:
    """Write a vector to a float pointer."""
    builder.store(value, builder.bitcast(place, VECTOR.as_pointer()), align=4)


def splat(value: float) -> Any:
    """A constant vector that holds ``value`` everywhere."""
    return ir.Constant(VECTOR, [value] * LANES)


def broadcast(builder: Any, value: Any) -> Any:
    """A vector that holds ``value``, of any type, everywhere."""
    undefined = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, value, _INT32(0))
    everywhere = ir.Constant(ir.VectorType(_INT32, LANES), [0] * LANES)
    return builder.shuffle_vector(first, undefined, everywhere)


def fma_of(module: Any) -> Any:
    """The function a * b + c of three vectors, rounded once where that is one instruction: without
    one it would be a call of the mathematical library for each value."""
    return declared(module, ir.FunctionType(VECTOR, [VECTOR] * 3), f"llvm.fmuladd.v{LANES}f32")


def _tile_function(module: Any, rows: int, chooses: bool) -> Any:
    """The LLVM function that computes one tile of ``rows`` x TILE_COLUMNS; see :func:`tile`."""
    name = f"narrows_tile_{'of_chosen_' if chooses else ''}{rows}"
    if name in module.globals:
        return module.globals[name]
    factors = [FLOAT_POINTER, INT64, INT64, FLOAT_POINTER, INT64]
    result = [FLOAT_POINTER, INT64, INT64, FLOAT_POINTER, _FLOAT]
    chosen = [INT64.as_pointer()] if chooses else []
    kind = ir.FunctionType(ir.VoidType(), factors + result + chosen)
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    a, a_row, a_step, b, b_step, c, c_row, depth, start, floor = function.args[:10]
    entry = function.append_basic_block("entry")
    loop = function.append_basic_block("loop")
    done = function.append_basic_block("done")
    columns = range(TILE_COLUMNS // LANES)
    fma = fma_of(module)

    builder = ir.IRBuilder(entry)
    starts = [broadcast(builder, builder.load(builder.gep(start, [INT64(i)]))) for i in range(rows)]
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(INT64)
    k.add_incoming(INT64(0), entry)
    sums = [[builder.phi(VECTOR) for _ in columns] for _ in range(rows)]
    column, later = k, builder.add(k, INT64(CHOSEN_AHEAD))
    if chooses:
        column, later = (builder.load(builder.gep(function.args[10], [n])) for n in (k, later))
    a_k = builder.gep(a, [builder.mul(column, a_step)])
    b_k = builder.gep(b, [builder.mul(column, b_step)])
    b_values = [load(builder, builder.gep(b_k, [INT64(v * LANES)])) for v in columns]
    # a transposed factor is walked in strides that no prefetcher follows
    ask_for(builder, builder.gep(a, [builder.mul(later, a_step)]))
    totals = []
    for i in range(rows):
        value = broadcast(builder, builder.load(a_k))
        # each place from the one before: 14 offsets would take the registers that the sums need
        a_k = builder.gep(a_k, [a_row])
        totals.append([builder.call(fma, [value, b_values[v], sums[i][v]]) for v in columns])
    following = builder.add(k, INT64(1))
    k.add_incoming(following, loop)
    for first, before, after in zip(starts, sums, totals, strict=True):
        for phi, total in zip(before, after, strict=True):
            phi.add_incoming(first, entry)
            phi.add_incoming(total, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)

    builder.position_at_end(done)
    limit = broadcast(builder, floor)
    for i, row in enumerate(totals):
        for v, total in enumerate(row):
            # one instruction, and a NaN passes it
            total = builder.select(builder.fcmp_ordered(">", limit, total), limit, total)
            offset = builder.add(builder.mul(c_row, INT64(i)), INT64(v * LANES))
            store(builder, total, builder.gep(c, [offset]))
    builder.ret_void()
    return function


def _call_tile_function(builder: Any, rows: Any, chosen: Any, passed: list[Any]) -> None:
    """Call the function for so many rows: of the chosen columns, or of all where none are."""
    end = builder.append_basic_block("end")
    chooses = builder.icmp_signed("!=", chosen.shape[0], INT64(0))
    choice = builder.switch(builder.select(chooses, builder.add(rows, INT64(TILE_ROWS)), rows), end)
    for count in range(1, TILE_ROWS + 1):
        for chosen_too in (False, True):
            block = builder.append_basic_block("tile")
            choice.add_case(INT64(count + TILE_ROWS * chosen_too), block)
            with builder.goto_block(block):
                function = _tile_function(builder.module, count, chosen_too)
                builder.call(function, passed + [chosen.data] * chosen_too)
                builder.branch(end)
    builder.position_at_end(end)


@instruction()
def tile(
    builder: Any,
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
    chosen: Any,
) -> None:
    """Compute one tile of a matrix product: ``rows`` (1 to TILE_ROWS) x TILE_COLUMNS values.

    C[c_start + i * c_row + j] = max(floor, starts[starts_at + i] + sum over k < depth of
        A[a_start + i * a_row + k * a_step] * B[b_start + k * b_step + j])

    ``depth`` must be at least 1. With a_row and a_step free, the left factor may be transposed.
    A bias in ``starts`` and a floor of 0 make it a ReLU layer; zeros and NO_FLOOR a product.

    With ``chosen`` (int64), the sum is over its first ``depth`` entries in the place of 0, 1, 2...;
    CHOSEN_AHEAD more must follow them, of whatever columns. Empty, it stands for all.
    """
    passed = [
        pointer(builder, a, a_start), a_row, a_step, pointer(builder, b, b_start), b_step,
        pointer(builder, c, c_start), c_row, depth, pointer(builder, starts, starts_at), floor,
    ]  # fmt: skip
    _call_tile_function(builder, rows, chosen, passed)


@instruction()
def transpose(
    builder: Any, source: Any, start: Any, row: Any, target: Any, to: Any, to_row: Any
) -> None:
    """Transpose LANES x LANES values: target[to + j * to_row + i] = source[start + i * row + j].

    In log2(LANES) rounds of pairwise exchanges (Eklundh, IEEE Trans. Computers C-21:801, 1972).
    """
    read, write = pointer(builder, source, start), pointer(builder, target, to)
    rows = [load(builder, builder.gep(read, [builder.mul(row, INT64(i))])) for i in range(LANES)]
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
        store(builder, values, builder.gep(write, [builder.mul(to_row, INT64(i))]))


# Estimates of 1 / sqrt(x) and 1 / x in 11 to 14 bits; one step of Newton's method doubles that.
# A division and a square root of 16 values take 40 cycles, these together with their steps 6.
_ESTIMATES = {
    512: ("llvm.x86.avx512.rsqrt14.ps.512", "llvm.x86.avx512.rcp14.ps.512"),
    256: ("llvm.x86.avx.rsqrt.ps.256", "llvm.x86.avx.rcp.ps.256"),
}
# Below it the estimate of 1 / sqrt(x) overflows; its root is far below any epsilon in use.
_SMALLEST_SQUARE = 1e-36


def _estimate(builder: Any, name: str, x: Any) -> Any:
    arguments = [x]
    if LANES == 16:  # these take what to give in masked-out lanes, and the mask
        arguments += [ir.Constant(VECTOR, None), ir.IntType(16)(-1)]
    function = declared(builder.module, ir.FunctionType(VECTOR, [a.type for a in arguments]), name)
    return builder.call(function, arguments)


def _inverse_of_root_plus(builder: Any, x: Any, epsilon: Any) -> Any:
    """1 / (sqrt(x) + epsilon) for a vector of x >= 0, to about one unit in the last place."""
    if not IS_X86 or VECTOR_BITS not in _ESTIMATES:
        square_root = declared(
            builder.module, ir.FunctionType(VECTOR, [VECTOR]), f"llvm.sqrt.v{LANES}f32"
        )
        return builder.fdiv(splat(1), builder.fadd(builder.call(square_root, [x]), epsilon))
    root_name, inverse_name = _ESTIMATES[VECTOR_BITS]
    smallest = splat(_SMALLEST_SQUARE)
    # one instruction, and a NaN passes it
    x = builder.select(builder.fcmp_ordered(">", smallest, x), smallest, x)
    fma = fma_of(builder.module)
    # Newton on y^-2 = x, in terms of the root z = x y: z <- z + z (1 - z y) / 2
    y = _estimate(builder, root_name, x)
    root = builder.fmul(x, y)
    rest = builder.call(fma, [builder.fneg(root), y, splat(1)])
    root = builder.call(fma, [builder.fmul(root, splat(0.5)), rest, root])
    divisor = builder.fadd(root, epsilon)
    # Newton on 1 / z = divisor: z <- z + z (1 - divisor z)
    z = _estimate(builder, inverse_name, divisor)
    rest = builder.call(fma, [builder.fneg(divisor), z, splat(1)])
    return builder.call(fma, [z, rest, z])


@instruction()
def prefetch_to_write(builder: Any, array: Any, at: Any) -> None:
    """Ask for the cache line of array[at], to be changed, without waiting for it."""
    ask_for(builder, pointer(builder, array, at), to_write=True)


@instruction()
def adam(
    builder: Any,
    gradient: Any,
    gradient_at: Any,
    parameters: Any,
    first: Any,
    second: Any,
    at: Any,
    moments_at: Any,
    rate: Any,
    keep_first: Any,
    keep_second: Any,
    epsilon: Any,
    decay: Any,
) -> None:
    """One step of Adam for LANES parameters from ``at`` on, with moments from ``moments_at`` on.

    Kingma and Ba, arXiv:1412.6980, end of section 2:

    m <- m + (g - m) (1 - beta1);  v <- v + (g^2 - v) (1 - beta2)
    p <- p - (rate m / (sqrt(v) + e) + decay p)

    ``rate`` is the learning rate times sqrt(1 - beta2^t) / (1 - beta1^t), ``keep_first`` and
    ``keep_second`` are 1 - beta1 and 1 - beta2, ``decay`` is the learning rate times the decoupled
    decay (Loshchilov and Hutter, arXiv:1711.05101).
    """
    read = pointer(builder, gradient, gradient_at)
    places = [
        pointer(builder, array, where)
        for array, where in ((parameters, at), (first, moments_at), (second, moments_at))
    ]
    rate, keep_first, keep_second, epsilon, decay = (
        broadcast(builder, value) for value in (rate, keep_first, keep_second, epsilon, decay)
    )
    g = load(builder, read)
    p, m, v = (load(builder, place) for place in places)
    fma = fma_of(builder.module)
    m = builder.call(fma, [builder.fsub(g, m), keep_first, m])
    v = builder.call(fma, [builder.call(fma, [g, g, builder.fneg(v)]), keep_second, v])
    inverse = _inverse_of_root_plus(builder, v, epsilon)
    step = builder.fneg(builder.fmul(rate, m))
    p = builder.call(fma, [step, inverse, builder.call(fma, [builder.fneg(decay), p, p])])
    for value, place in zip((p, m, v), places, strict=True):
        store(builder, value, place)
