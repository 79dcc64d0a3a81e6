"""Rows of values as vectors: read, written, copied, summed.

Loops over a row whose length is not known, or over a few values of it, are compiled to something
several times as slow. As in :mod:`narrows.engine.fused.registers`, nothing checks bounds here.
"""

from typing import Any

from llvmlite import ir

from narrows.engine.fused.machine import declared, place_of
from narrows.engine.fused.registers import (
    INT64,
    LANES,
    TILE_COLUMNS,
    VECTOR,
    broadcast,
    load,
    pointer,
    store,
)
from narrows.support.compiling.kinds import BYTE, FLOAT32, FLOAT64, Scalar
from narrows.support.compiling.translating import instruction

_INT32 = ir.IntType(32)
_DOUBLES = ir.VectorType(FLOAT64.type, LANES)


def _reader(kind: Scalar) -> Any:
    """Reads TILE_COLUMNS values of one kind, the first the ``number``-th from an address (int64)
    on, as (value - offset) * factor."""

    @instruction()
    def read(
        builder: Any, address: Any, number: Any, offset: Any, factor: Any, target: Any, to: Any
    ) -> None:
        place = place_of(builder, address, number, kind)
        write = pointer(builder, target, to)
        offset, factor = broadcast(builder, offset), broadcast(builder, factor)
        for first in range(0, TILE_COLUMNS, LANES):
            some = builder.gep(place, [INT64(first)])
            some = builder.bitcast(some, ir.VectorType(kind.type, LANES).as_pointer())
            values = builder.load(some, align=4 if kind.is_float else 1)
            if not kind.is_float:
                values = builder.uitofp(values, VECTOR)
            values = builder.fmul(builder.fsub(values, offset), factor)
            store(builder, values, builder.gep(write, [INT64(first)]))

    return read


read_bytes, read_floats = _reader(BYTE), _reader(FLOAT32)


@instruction()
def write_floats(builder: Any, source: Any, start: Any, address: Any, number: Any) -> None:
    """Write LANES values, the first as the ``number``-th float32 from an address (int64) on."""
    values = load(builder, pointer(builder, source, start))
    store(builder, values, place_of(builder, address, number, FLOAT32))


@instruction()
def write_bytes(
    builder: Any,
    source: Any,
    start: Any,
    address: Any,
    number: Any,
    scale: Any,
    offset: Any,
    lowest: Any,
    highest: Any,
) -> None:
    """Write LANES values, the first as the ``number``-th byte from an address (int64) on: value *
    scale + offset in float64, within limits of whole numbers from 0 to 255, and rounded to the
    nearest, of two as near to the even one. What is no number becomes the lowest."""
    scale, offset, lowest, highest = (
        broadcast(builder, value) for value in (scale, offset, lowest, highest)
    )
    values = builder.fpext(load(builder, pointer(builder, source, start)), _DOUBLES)
    values = builder.fadd(builder.fmul(values, scale), offset)
    values = builder.select(builder.fcmp_ordered(">", values, lowest), values, lowest)
    values = builder.select(builder.fcmp_ordered("<", values, highest), values, highest)
    kind = ir.FunctionType(_DOUBLES, [_DOUBLES])
    rint = declared(builder.module, kind, f"llvm.rint.v{LANES}f64")
    # by way of 32 bits, to which processors convert
    whole = builder.fptosi(builder.call(rint, [values]), ir.VectorType(_INT32, LANES))
    some = ir.VectorType(BYTE.type, LANES)
    place = place_of(builder, address, number, BYTE)
    builder.store(builder.trunc(whole, some), builder.bitcast(place, some.as_pointer()), align=1)


@instruction()
def copy_row(builder: Any, source: Any, start: Any, target: Any, to: Any) -> None:
    """Copy TILE_COLUMNS values."""
    read, write = pointer(builder, source, start), pointer(builder, target, to)
    for first in range(0, TILE_COLUMNS, LANES):
        values = load(builder, builder.gep(read, [INT64(first)]))
        store(builder, values, builder.gep(write, [INT64(first)]))


@instruction(FLOAT32)
def sum_of_row(builder: Any, source: Any, start: Any) -> Any:
    """The sum of TILE_COLUMNS values: of those that lie half of them apart, again and again."""
    read = pointer(builder, source, start)
    total = load(builder, read)
    for first in range(LANES, TILE_COLUMNS, LANES):
        total = builder.fadd(total, load(builder, builder.gep(read, [INT64(first)])))
    size = LANES
    while size > 1:
        size //= 2
        kind = ir.VectorType(_INT32, size)
        halves = (ir.Constant(kind, list(range(at, at + size))) for at in (0, size))
        total = builder.fadd(*(builder.shuffle_vector(total, total, half) for half in halves))
    return builder.extract_element(total, _INT32(0))
