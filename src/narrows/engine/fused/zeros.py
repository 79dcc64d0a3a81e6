"""Leaving out what is zero: where a run of values is not, and sums over that alone."""

from typing import Any

from llvmlite import ir

from narrows.engine.fused.machine import declared
from narrows.engine.fused.registers import (
    FLOAT_POINTER,
    INT64,
    LANES,
    TILE_COLUMNS,
    VECTOR,
    broadcast,
    fma_of,
    load,
    pointer,
    splat,
    store,
)
from narrows.support.compiling.kinds import INT
from narrows.support.compiling.translating import instruction

#: Tiles side by side whose gradient is summed at once, where left factors that are zero are left
#: out: 8 sums hide how long each takes, and their right factors for 64 items fill the L1 cache.
BLOCK_TILES = 4


@instruction(INT)
def nonzero(builder: Any, values: Any, at: Any, count: Any) -> Any:
    """Which of values[at : at + count] are not zero: an int64 with a bit for each, the lowest for
    the first. ``count`` is 1 to 64; whole vectors are read."""
    start = pointer(builder, values, at)
    found = INT64(0)
    for first in range(0, 64, LANES):
        # beyond the last vector the first is looked at again, which the mask leaves out
        inside = builder.icmp_signed("<", INT64(first), count)
        there = builder.select(inside, INT64(first), INT64(0))
        vector = load(builder, builder.gep(start, [there]))
        bits = builder.bitcast(builder.fcmp_unordered("!=", vector, splat(0)), ir.IntType(LANES))
        placed = builder.shl(builder.zext(bits, INT64), INT64(first))
        found = builder.or_(found, placed)
    counted = builder.lshr(INT64(-1), builder.sub(INT64(64), count))
    return builder.and_(found, counted)


@instruction(INT)
def count_bits(builder: Any, word: Any) -> Any:
    """How many bits of an int64 are set."""
    function = declared(builder.module, ir.FunctionType(INT64, [INT64]), "llvm.ctpop.i64")
    return builder.call(function, [word])


def _sparse_function(module: Any, tiles: int) -> Any:
    """The LLVM function of :func:`add_nonzero` for so many ``tiles``."""
    name = f"narrows_add_nonzero_{tiles}"
    if name in module.globals:
        return module.globals[name]
    kind = ir.FunctionType(
        ir.VoidType(), [INT64, FLOAT_POINTER, FLOAT_POINTER, INT64, FLOAT_POINTER, INT64]
    )
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    word, a, b, apart, c, anew = function.args
    entry, loop, done = (function.append_basic_block(each) for each in ("entry", "loop", "done"))
    vectors = [(t, v) for t in range(tiles) for v in range(0, TILE_COLUMNS, LANES)]
    fma = fma_of(module)
    first_set = declared(module, ir.FunctionType(INT64, [INT64, ir.IntType(1)]), "llvm.cttz.i64")

    builder = ir.IRBuilder(entry)
    places = [builder.gep(c, [INT64(t * TILE_COLUMNS + v)]) for t, v in vectors]
    empty = builder.icmp_signed("!=", anew, INT64(0))
    starts = [builder.select(empty, splat(0), load(builder, place)) for place in places]
    builder.branch(loop)

    builder.position_at_end(loop)
    left = builder.phi(INT64)
    sums = [builder.phi(VECTOR) for _ in vectors]
    slot = builder.call(first_set, [left, ir.IntType(1)(1)])
    value = broadcast(builder, builder.load(builder.gep(a, [slot])))
    row = builder.gep(b, [builder.mul(slot, INT64(TILE_COLUMNS))])
    rows = [row]
    for _ in range(1, tiles):
        rows.append(builder.gep(rows[-1], [apart]))
    totals = [
        builder.call(fma, [value, load(builder, builder.gep(rows[t], [INT64(v)])), before])
        for (t, v), before in zip(vectors, sums, strict=True)
    ]
    rest = builder.and_(left, builder.sub(left, INT64(1)))
    left.add_incoming(word, entry)
    left.add_incoming(rest, loop)
    for phi, start, total in zip(sums, starts, totals, strict=True):
        phi.add_incoming(start, entry)
        phi.add_incoming(total, loop)
    builder.cbranch(builder.icmp_signed("!=", rest, INT64(0)), loop, done)

    builder.position_at_end(done)
    for total, place in zip(totals, places, strict=True):
        store(builder, total, place)
    builder.ret_void()
    return function


@instruction()
def add_nonzero(
    builder: Any,
    word: Any,
    a: Any,
    a_start: Any,
    tiles: Any,
    b: Any,
    b_start: Any,
    b_apart: Any,
    c: Any,
    c_start: Any,
    anew: Any,
) -> None:
    """Add one row of a product to c, or ``anew`` to zeros, whose left factor is mostly zero:
    TILE_COLUMNS values for each of ``tiles`` (1 to BLOCK_TILES).

    C[c_start + t * TILE_COLUMNS + j] += sum over the set bits k of ``word``, of which there is at
        least one, of A[a_start + k] * B[b_start + t * b_apart + k * TILE_COLUMNS + j]
    """
    passed = [
        word, pointer(builder, a, a_start), pointer(builder, b, b_start), b_apart,
        pointer(builder, c, c_start), anew,
    ]  # fmt: skip
    end = builder.append_basic_block("end")
    choice = builder.switch(tiles, end)
    for count in range(1, BLOCK_TILES + 1):
        block = builder.append_basic_block("block")
        choice.add_case(INT64(count), block)
        with builder.goto_block(block):
            builder.call(_sparse_function(builder.module, count), passed)
            builder.branch(end)
    builder.position_at_end(end)
