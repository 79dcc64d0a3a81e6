"""From functions of Python to LLVM's intermediate representation.

A kernel is a function with all the functions that it calls. It is written in a subset of Python,
which this file translates: numbers and arrays (:mod:`narrows.support.compiling.kinds`), loops over
ranges and arrays, conditions, calls. All else is refused with a TypeError that names the function.

Numbers are as in NumPy, with 64 bits: float32 stays float32 with float32, and becomes float64 with
an integer. These differ from Python: negative indices do not count from the end, indices and
divisors are not checked, and a variable keeps the type of its first value.

Numba knows far more of Python, and takes ten times as long to compile these kernels.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from narrows.support.compiling.kinds import (
    BOOL,
    BYTE,
    FLOAT32,
    FLOAT64,
    INT,
    Array,
    Held,
    Kind,
    Scalar,
    Tuple,
    parts_of,
)

# Instructions of a function up to which LLVM may write it in the place of a call. It would do so
# with all that is called once, and one function of all takes it ten times as long.
_MOST_INLINED = 80


class Value(NamedTuple):
    """A value of a kind: LLVM's values that it consists of."""

    kind: Any
    parts: tuple[Any, ...]

    @property
    def data(self) -> Any:
        """The address of an array's first item."""
        return self.parts[0]

    @property
    def shape(self) -> tuple[Any, ...]:
        """Of an array."""
        return self.parts[1:]


NOTHING = Value(Tuple(()), ())


class Instruction(NamedTuple):
    """LLVM instructions: ``write(builder, *arguments)`` adds them, and returns their result.

    Numbers are handed over as LLVM's values, arrays as :class:`Value`.
    """

    write: Callable[..., Any]
    gives: Scalar | None


class External(NamedTuple):
    """A function of the C library."""

    name: str
    gives: Any
    takes: tuple[Any, ...]


class Part(NamedTuple):
    """A function that only kernels and other parts call."""

    function: Callable[..., Any]
    flags: tuple[str, ...]  # that its float arithmetic has


def instruction(gives: Scalar | None = None) -> Callable[[Callable[..., Any]], Any]:
    """Makes an :class:`Instruction` of what writes it, and gives a number of a kind, or nothing."""
    return lambda write: Instruction(write, gives)


def part(function: Any = None, *, fastmath: set[str] | None = None) -> Any:
    """Makes a part of a function, whose float arithmetic may be done otherwise as ``fastmath`` says
    in LLVM's words."""
    flags = tuple(sorted(fastmath or ()))
    return Part(function, flags) if function is not None else lambda given: Part(given, flags)


def translated(function: Callable[..., Any], kinds: Sequence[Kind], name: str) -> ir.Module:
    """A module with a function ``name`` of one pointer, at which the arguments lie as words."""
    module = ir.Module(name)
    own = ir.Function(module, ir.FunctionType(ir.VoidType(), [INT.type.as_pointer()]), name)
    builder = ir.IRBuilder(own.append_basic_block())
    at, values = 0, []
    for kind in kinds:
        value, at = _unpacked(builder, kind, own.args[0], at)
        values.append(value)
    _Program(module).call(builder, Part(function, ()), values)
    builder.ret_void()
    return module


def _unpacked(builder: Any, kind: Kind, place: Any, at: int) -> tuple[Value, int]:
    """The value whose words begin ``at`` words behind a place, and where they end."""
    parts = []
    for one in parts_of(kind):
        parts.append(_word(builder, builder.gep(place, [INT.type(at)], inbounds=True), one))
        at += 1
    return Value(kind, tuple(parts)), at


def _word(builder: Any, place: Any, wanted: Any, *, constant: bool = False) -> Any:
    """What of a type lies in a word; a boolean is 0 or 1 there."""
    held = INT.type if wanted == BOOL.type else wanted
    word = builder.load(builder.bitcast(place, held.as_pointer()))
    if constant:  # it is the same at any time, so a loop need not read it anew
        word.set_metadata("invariant.load", builder.module.add_metadata([]))
    return builder.icmp_signed("!=", word, INT.type(0)) if wanted == BOOL.type else word


class _Program:
    """A module, and the functions in it."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        self._made: dict[Any, tuple[Any, Kind | None]] = {}

    def call(self, builder: Any, called: Part, values: Sequence[Value]) -> Value:
        """Call a function, which is translated for such kinds where it was not."""
        key = called, tuple(value.kind for value in values)
        if key not in self._made:
            self._translate(key)
        function, gives = self._made[key]
        result = builder.call(function, [part for value in values for part in value.parts])
        if gives is None:
            return NOTHING
        parts = list(parts_of(gives))
        if len(parts) == 1:
            return Value(gives, (result,))
        return Value(gives, tuple(builder.extract_value(result, i) for i in range(len(parts))))

    def _translate(self, key: tuple[Part, tuple[Kind, ...]]) -> None:
        called, kinds = key
        try:
            gives = _kind_named(called.function.__annotations__["return"])
        except _Unsettled:
            gives = self._found_out(called, kinds)
        parts = [] if gives is None else list(parts_of(gives))
        returned = (
            ir.VoidType() if not parts
            else parts[0] if len(parts) == 1 else ir.LiteralStructType(parts)
        )  # fmt: skip
        taken = [part for kind in kinds for part in parts_of(kind)]
        name = f"narrows.{called.function.__name__.strip('_')}.{len(self._made)}"
        function = ir.Function(self.module, ir.FunctionType(returned, taken), name)
        function.linkage = "internal"
        function.attributes.add("nounwind")
        self._made[key] = function, gives
        arguments = _as_kinds(kinds, function.args)
        _Function(self, called, function, gives).translate(arguments)
        if sum(len(block.instructions) for block in function.blocks) > _MOST_INLINED:
            function.attributes.add("noinline")

    def _found_out(self, called: Part, kinds: tuple[Kind, ...]) -> Kind:
        """The kind of what a function gives, by a translation that is thrown away."""
        taken = [part for kind in kinds for part in parts_of(kind)]
        nowhere = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), taken), "nowhere")
        one = _Function(self, called, nowhere, None)
        one.translate(_as_kinds(kinds, nowhere.args))
        assert one.returned is not None
        return one.returned


def _as_kinds(kinds: Sequence[Kind], parts: Sequence[Any]) -> list[Value]:
    """Values of so many kinds that consist of these parts."""
    found, at = [], 0
    for kind in kinds:
        count = len(list(parts_of(kind)))
        found.append(Value(kind, tuple(parts[at : at + count])))
        at += count
    return found


class _Unsettled(Exception):
    """An annotation does not say which kind it stands for."""


def _kind_named(annotation: Any) -> Kind | None:
    """The kind of what a function gives, by its annotation; None where it gives nothing.

    Raises:
        _Unsettled: there is an array in it, of which no annotation says the kind.
    """
    if annotation is None:
        return None
    if annotation in _ANNOTATED:
        return _ANNOTATED[annotation]
    if getattr(annotation, "__origin__", None) is tuple:
        return Tuple(tuple(_kind_named(each) for each in annotation.__args__))
    if not (isinstance(annotation, type) and issubclass(annotation, tuple)):
        raise _Unsettled
    fields = annotation.__annotations__
    return Tuple(tuple(map(_kind_named, fields.values())), tuple(fields), annotation)


_ANNOTATED: dict[Any, Kind] = {int: INT, bool: BOOL, float: FLOAT64, np.float32: FLOAT32}


class _Function:
    """One function on its way to LLVM: its tree, its variables, and where it stands."""

    def __init__(self, program: _Program, called: Part, function: Any, gives: Kind | None) -> None:
        self._program, self._gives, self._flags = program, gives, called.flags
        given = called.function.__closure__ or ()
        free = zip(called.function.__code__.co_freevars, given, strict=True)
        self._names = called.function.__globals__ | {
            name: cell.cell_contents for name, cell in free
        }
        source = textwrap.dedent(inspect.getsource(called.function))
        self._tree: Any = ast.parse(source).body[0]
        self._where = f"{called.function.__module__}.{called.function.__qualname__}"
        self._entry = function.append_basic_block("entry")
        self.builder = ir.IRBuilder(function.append_basic_block("body"))
        self._body = self.builder.block
        self._variables: dict[str, tuple[Kind, list[Any]]] = {}
        self.returned: Kind | None = None  # what it last gave
        self._loops: list[tuple[Any, Any]] = []  # where to go on, and where to leave

    def translate(self, arguments: Sequence[Value]) -> None:
        names = [each.arg for each in self._tree.args.args]
        for name, value in zip(names, arguments, strict=True):
            self._assign_name(name, value)
        self._run(self._tree.body)
        if not self.builder.block.is_terminated:
            if self._gives is None:
                self.builder.ret_void()
            else:
                self.builder.unreachable()
        ir.IRBuilder(self._entry).branch(self._body)

    # Statements

    def _run(self, statements: Sequence[ast.stmt]) -> None:
        for each in statements:
            if self.builder.block.is_terminated:
                return
            write = getattr(self, f"_write_{type(each).__name__}", None)
            if write is None:
                raise self._unknown(each)
            write(each)

    def _unknown(self, node: ast.AST, what: str = "") -> TypeError:
        return TypeError(
            f"{self._where}: kernels cannot contain {ast.unparse(node)}{what and ': '}{what}"
        )

    def _write_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self._value(node.value)

    def _write_Pass(self, node: ast.Pass) -> None:
        """Nothing."""

    def _write_Assign(self, node: ast.Assign) -> None:
        value = self._value(node.value)
        for target in node.targets:
            self._assign(target, value)

    def _write_AnnAssign(self, node: ast.AnnAssign) -> None:
        assert node.value is not None
        self._assign(node.target, self._value(node.value))

    def _write_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            before = self._value(node.target)
            self._assign(node.target, self._binary(node, before, self._value(node.value)))
            return
        assert isinstance(node.target, ast.Subscript)
        array, place = self._place(node.target)
        before = self._load(array.kind.item, place)
        after = self._binary(node, before, self._value(node.value))
        self._store(array.kind.item, after, place)

    def _assign(self, target: ast.AST, value: Value) -> None:
        if isinstance(target, ast.Name):
            self._assign_name(target.id, value)
        elif isinstance(target, ast.Tuple):
            each = self._taken_apart(value, len(target.elts), target)
            for one, part in zip(target.elts, each, strict=True):
                self._assign(one, part)
        elif isinstance(target, ast.Subscript):
            array, place = self._place(target)
            self._store(array.kind.item, value, place)
        else:
            raise self._unknown(target)

    def _taken_apart(self, value: Value, count: int, node: ast.AST) -> list[Value]:
        """The values of a tuple, or of an array's row of so many."""
        if isinstance(value.kind, Tuple):
            if len(value.kind.kinds) != count:
                raise self._unknown(node, "there are not as many values")
            return list(_fields(value))
        if not isinstance(value.kind, Array) or value.kind.axes != 1:
            raise self._unknown(node, "only tuples and rows are taken apart")
        return [
            self._load(value.kind.item, self.builder.gep(value.data, [INT.type(i)], inbounds=True))
            for i in range(count)
        ]

    def _assign_name(self, name: str, value: Value) -> None:
        if name not in self._variables:
            kind = INT if value.kind == BYTE else value.kind
            self._variables[name] = kind, [self._room(one) for one in parts_of(kind)]
        kind, places = self._variables[name]
        for part, place in zip(self._as(value, kind).parts, places, strict=True):
            self.builder.store(part, place)

    def _room(self, of: Any) -> Any:
        """A place of the function's own."""
        return ir.IRBuilder(self._entry).alloca(of)

    def _write_Return(self, node: ast.Return) -> None:
        given = NOTHING if node.value is None else self._value(node.value)
        self.returned = given.kind
        if self._gives is None:
            self.builder.ret_void()
            return
        value = self._as(given, self._gives)
        if len(value.parts) == 1:
            self.builder.ret(value.parts[0])
            return
        result: Any = ir.Constant(ir.LiteralStructType([p.type for p in value.parts]), ir.Undefined)
        for i, part in enumerate(value.parts):
            result = self.builder.insert_value(result, part, i)
        self.builder.ret(result)

    def _write_If(self, node: ast.If) -> None:
        yes, no, end = (self.builder.append_basic_block() for _ in range(3))
        self.builder.cbranch(self._condition(node.test), yes, no)
        for block, body in ((yes, node.body), (no, node.orelse)):
            self.builder.position_at_end(block)
            self._run(body)
            self._go(end)
        self.builder.position_at_end(end)

    def _go(self, block: Any) -> None:
        if not self.builder.block.is_terminated:
            self.builder.branch(block)

    def _write_While(self, node: ast.While) -> None:
        test, body, end = (self.builder.append_basic_block() for _ in range(3))
        self.builder.branch(test)
        self.builder.position_at_end(test)
        self.builder.cbranch(self._condition(node.test), body, end)
        self.builder.position_at_end(body)
        with self._loop(test, end):
            self._run(node.body)
        self._go(test)
        self.builder.position_at_end(end)

    @contextmanager
    def _loop(self, again: Any, end: Any) -> Iterator[None]:
        self._loops.append((again, end))
        yield
        self._loops.pop()

    def _write_Break(self, node: ast.Break) -> None:
        self.builder.branch(self._loops[-1][1])

    def _write_Continue(self, node: ast.Continue) -> None:
        self.builder.branch(self._loops[-1][0])

    def _write_For(self, node: ast.For) -> None:
        ranged = node.iter
        if isinstance(ranged, ast.Call) and self._known(ranged.func) == (range,):
            given = [self._integer(each) for each in ranged.args]
            first, last = (INT.type(0), given[0]) if len(given) == 1 else given[:2]
            step = given[2] if len(given) == 3 else INT.type(1)
            with self._counted(first, last, step) as number:
                self._assign(node.target, Value(INT, (number,)))
                self._run(node.body)
            return
        array = self._value(ranged)
        if not isinstance(array.kind, Array):
            raise self._unknown(node.iter, "loops go over ranges and arrays")
        with self._counted(INT.type(0), array.shape[0], INT.type(1)) as number:
            self._assign(node.target, self._item(array, [number]))
            self._run(node.body)

    @contextmanager
    def _counted(self, first: Any, last: Any, step: Any) -> Iterator[Any]:
        """A loop from one number to before another."""
        test, body, again, end = (self.builder.append_basic_block() for _ in range(4))
        down = isinstance(step, ir.Constant) and step.constant < 0
        place = self._room(INT.type)
        self.builder.store(first, place)
        self.builder.branch(test)
        self.builder.position_at_end(test)
        number = self.builder.load(place)
        self.builder.cbranch(
            self.builder.icmp_signed(">" if down else "<", number, last), body, end
        )
        self.builder.position_at_end(body)
        with self._loop(again, end):
            yield number
        self._go(again)
        self.builder.position_at_end(again)
        self.builder.store(self.builder.add(number, step, flags=["nsw"]), place)
        self.builder.branch(test)
        self.builder.position_at_end(end)

    # Places

    def _place(self, node: ast.Subscript) -> tuple[Value, Any]:
        """An array, and where the item lies that all indices name."""
        array = self._value(node.value)
        indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not isinstance(array.kind, Array) or len(indices) != array.kind.axes:
            raise self._unknown(node, "an item has an index for each axis of its array")
        return array, self._address(array, [self._integer(each) for each in indices])

    def _address(self, array: Value, indices: Sequence[Any]) -> Any:
        """Where items begin whose first indices are these."""
        at: Any = None
        builder, flags = self.builder, ["nsw"]
        for axis, size in enumerate(array.shape):
            if at is not None:
                at = builder.mul(at, size, flags=flags)
            if axis < len(indices):
                index = indices[axis]
                at = index if at is None else builder.add(at, index, flags=flags)
        return builder.gep(array.data, [at], inbounds=True)

    def _item(self, array: Value, indices: Sequence[Any]) -> Value:
        """An item, or where indices are missing an array of the other axes."""
        place, missing = self._address(array, indices), array.kind.axes - len(indices)
        if missing:
            kind = Array(array.kind.item, missing)
            return Value(kind, (place, *array.shape[len(indices) :]))
        return self._load(array.kind.item, place)

    def _load(self, kind: Scalar, place: Any) -> Value:
        value = self.builder.load(place)
        if kind == BOOL:
            value = self.builder.icmp_unsigned("!=", value, BYTE.type(0))
        return Value(kind, (value,))

    def _store(self, kind: Scalar, value: Value, place: Any) -> None:
        self.builder.store(self._as(value, kind).parts[0], place)

    # Expressions

    def _value(self, node: ast.AST) -> Value:
        known = self._known(node)
        if known:
            return self._constant(known[0], node)
        read = getattr(self, f"_read_{type(node).__name__}", None)
        if read is None:
            raise self._unknown(node)
        value: Value = read(node)
        return value

    def _known(self, node: ast.AST) -> tuple[Any, ...]:
        """What is known of Python before anything runs: a tuple of that, or an empty one."""
        if isinstance(node, ast.Constant):
            return (node.value,)
        if isinstance(node, ast.Name) and node.id not in self._variables:
            if node.id in self._names:
                return (self._names[node.id],)
            builtin = _BUILTINS.get(node.id)
            if builtin is None:
                raise self._unknown(node, "it has no value yet")
            return (builtin,)
        if isinstance(node, ast.Attribute):
            owner = self._known(node.value)
            return (getattr(owner[0], node.attr),) if owner else ()
        return ()

    def _constant(self, value: Any, node: ast.AST) -> Value:
        if isinstance(value, bool | np.bool_):
            return Value(BOOL, (BOOL.type(int(value)),))
        if isinstance(value, int | np.integer):
            return Value(INT, (INT.type(int(value)),))
        if isinstance(value, np.float32):
            return Value(FLOAT32, (FLOAT32.type(float(value)),))
        if isinstance(value, float):
            return Value(FLOAT64, (FLOAT64.type(value),))
        if isinstance(value, tuple):
            each = _together([self._constant(one, node) for one in value])
            names = tuple(getattr(value, "_fields", ()))
            return each._replace(kind=Tuple(each.kind.kinds, names, type(value) if names else None))
        raise self._unknown(node, f"a {type(value).__name__} cannot be used in a kernel")

    def _integer(self, node: ast.AST) -> Any:
        return self._as(self._value(node), INT).parts[0]

    def _condition(self, node: ast.AST) -> Any:
        value = self._value(node)
        if value.kind == BOOL:
            return value.parts[0]
        if value.kind == INT:
            return self.builder.icmp_signed("!=", value.parts[0], INT.type(0))
        raise self._unknown(node, "a condition must be a boolean or an integer")

    def _as(self, value: Value, kind: Any) -> Value:
        """A value as one of another kind; a number becomes what it is nearest to there."""
        if value.kind == kind:
            return value
        if isinstance(kind, Tuple) and isinstance(value.kind, Tuple):
            each = zip(_fields(value), kind.kinds, strict=True)
            parts = [part for one, wanted in each for part in self._as(one, wanted).parts]
            return Value(kind, tuple(parts))
        if not (isinstance(kind, Scalar) and isinstance(value.kind, Scalar)):
            raise TypeError(f"{self._where}: {value.kind} stands where {kind} was")
        if value.kind.rank > kind.rank and not kind.is_float:
            raise TypeError(f"{self._where}: {value.kind.name} stands where {kind.name} was")
        builder, raw = self.builder, value.parts[0]
        if not value.kind.is_float:
            if not kind.is_float:
                return Value(kind, (builder.zext(raw, kind.type),))
            unsigned = value.kind in (BOOL, BYTE)
            convert = builder.uitofp if unsigned else builder.sitofp
            return Value(kind, (convert(raw, kind.type),))
        convert = builder.fpext if kind.rank > value.kind.rank else builder.fptrunc
        return Value(kind, (convert(raw, kind.type),))

    def _alike(self, *values: Value) -> tuple[Any, list[Any]]:
        """Numbers as the kind that holds all, and which: float64 where an integer meets a float."""
        kinds = [value.kind for value in values]
        if not all(isinstance(kind, Scalar) for kind in kinds):
            raise TypeError(f"{self._where}: {kinds} are not all numbers")
        kind = max(kinds, key=lambda each: each.rank)
        if kind == FLOAT32 and any(not each.is_float for each in kinds):
            kind = FLOAT64
        return kind, [self._as(value, kind).parts[0] for value in values]

    def _read_Name(self, node: ast.Name) -> Value:
        kind, places = self._variables[node.id]
        return Value(kind, tuple(self.builder.load(place) for place in places))

    def _read_Attribute(self, node: ast.Attribute) -> Value:
        owner = self._value(node.value)
        if isinstance(owner.kind, Held):
            fields = owner.kind.fields
            number = fields.names.index(node.attr)
            at = sum(len(list(parts_of(kind))) for kind in fields.kinds[:number])
            parts = []
            for one in parts_of(fields.kinds[number]):
                place = self.builder.gep(owner.data, [INT.type(at)], inbounds=True)
                parts.append(_word(self.builder, place, one, constant=True))
                at += 1
            return Value(fields.kinds[number], tuple(parts))
        if isinstance(owner.kind, Tuple) and node.attr in owner.kind.names:
            return _fields(owner)[owner.kind.names.index(node.attr)]
        if isinstance(owner.kind, Array) and node.attr == "shape":
            return _together([Value(INT, (size,)) for size in owner.shape])
        raise self._unknown(node)

    def _read_Tuple(self, node: ast.Tuple) -> Value:
        return _together([self._value(each) for each in node.elts])

    def _read_Subscript(self, node: ast.Subscript) -> Value:
        array = self._value(node.value)
        if isinstance(array.kind, Tuple) and isinstance(node.slice, ast.Constant):
            number: Any = node.slice.value
            return _fields(array)[number]
        if not isinstance(array.kind, Array):
            raise self._unknown(node, "only arrays have items")
        indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not isinstance(indices[-1], ast.Slice):
            return self._item(array, [self._integer(each) for each in indices])
        rows = array
        if len(indices) > 1:
            rows = self._item(array, [self._integer(each) for each in indices[:-1]])
        return self._sliced(rows, indices[-1])

    def _sliced(self, array: Value, node: ast.Slice) -> Value:
        """A run of an array's rows, as far as it reaches."""
        if node.step is not None:
            raise self._unknown(node, "no items are left out")
        size = array.shape[0]
        first = INT.type(0) if node.lower is None else self._least(self._integer(node.lower), size)
        last = size if node.upper is None else self._least(self._integer(node.upper), size)
        count = self.builder.sub(last, first, flags=["nsw"])
        none = self.builder.icmp_signed("<", count, INT.type(0))
        count = self.builder.select(none, INT.type(0), count)
        return Value(array.kind, (self._address(array, [first]), count, *array.shape[1:]))

    def _least(self, one: Any, other: Any) -> Any:
        return self.builder.select(self.builder.icmp_signed("<", one, other), one, other)

    def _read_IfExp(self, node: ast.IfExp) -> Value:
        return self._chosen(
            self._condition(node.test),
            lambda: self._value(node.body),
            lambda: self._value(node.orelse),
        )

    def _chosen(self, test: Any, first: Callable[[], Value], second: Callable[[], Value]) -> Value:
        """One of two values, of which the other is not computed."""
        yes, no, end = (self.builder.append_basic_block() for _ in range(3))
        self.builder.cbranch(test, yes, no)
        ways = []
        for block, way in ((yes, first), (no, second)):
            self.builder.position_at_end(block)
            ways.append((way(), self.builder.block))
        kind = self._common([value.kind for value, _ in ways])
        given = []
        for value, block in ways:
            self.builder.position_at_end(block)
            given.append((self._as(value, kind), block))
            self.builder.branch(end)
        self.builder.position_at_end(end)
        parts = []
        for number, one in enumerate(parts_of(kind)):
            phi = self.builder.phi(one)
            for value, block in given:
                phi.add_incoming(value.parts[number], block)
            parts.append(phi)
        return Value(kind, tuple(parts))

    def _common(self, kinds: list[Any]) -> Any:
        one, other = kinds
        if one == other:
            return one
        if isinstance(one, Tuple) and isinstance(other, Tuple):
            pairs = zip(one.kinds, other.kinds, strict=True)
            return Tuple(tuple(self._common(list(pair)) for pair in pairs))
        if isinstance(one, Scalar) and isinstance(other, Scalar):
            kind = max(one, other, key=lambda each: each.rank)
            is_mixed = kind == FLOAT32 and one.is_float != other.is_float
            return FLOAT64 if is_mixed else kind
        raise TypeError(f"{self._where}: one value is {one}, or else {other}")

    def _read_BoolOp(self, node: ast.BoolOp) -> Value:
        result = self._value(node.values[0])
        for each in node.values[1:]:
            result = self._joined(node.op, result, each)
        return result

    def _joined(self, op: ast.boolop, before: Value, node: ast.AST) -> Value:
        condition = before.parts[0]
        if before.kind == INT:
            condition = self.builder.icmp_signed("!=", condition, INT.type(0))
        elif before.kind != BOOL:
            raise self._unknown(node, "`and` and `or` take booleans and integers")
        if isinstance(op, ast.And):
            return self._chosen(condition, lambda: self._value(node), lambda: before)
        return self._chosen(condition, lambda: before, lambda: self._value(node))

    def _read_UnaryOp(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return Value(BOOL, (self.builder.not_(self._condition(node.operand)),))
        value = self._value(node.operand)
        if not isinstance(node.op, ast.USub) or not isinstance(value.kind, Scalar):
            raise self._unknown(node)
        if value.kind.is_float:
            return Value(value.kind, (self.builder.fneg(value.parts[0], flags=self._flags),))
        raw = self._as(value, INT).parts[0]
        if isinstance(raw, ir.Constant):
            return Value(INT, (INT.type(-raw.constant),))
        return Value(INT, (self.builder.neg(raw),))

    def _read_BinOp(self, node: ast.BinOp) -> Value:
        return self._binary(node, self._value(node.left), self._value(node.right))

    def _binary(self, node: Any, one: Value, other: Value) -> Value:
        kind, (left, right) = self._alike(one, other)
        if isinstance(node.op, ast.Div) and not kind.is_float:
            kind = FLOAT64
            left, right = (self._as(each, FLOAT64).parts[0] for each in (one, other))
        elif not kind.is_float:
            kind = INT
            left, right = (self._as(each, INT).parts[0] for each in (one, other))
        builder, op = self.builder, type(node.op)
        if kind.is_float:
            name = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}.get(op)
            if name is None:
                raise self._unknown(node)
            return Value(kind, (getattr(builder, name)(left, right, flags=self._flags),))
        if op in (ast.FloorDiv, ast.Mod):
            return Value(kind, (self._divided(left, right, op is ast.Mod),))
        name = {
            ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and_", ast.BitOr: "or_",
            ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "ashr",
        }.get(op)  # fmt: skip
        if name is None:
            raise self._unknown(node)
        flags = {"flags": ["nsw"]} if name in ("add", "sub", "mul") else {}
        return Value(kind, (getattr(builder, name)(left, right, **flags),))

    def _divided(self, left: Any, right: Any, rest: bool) -> Any:
        """The quotient rounded down, or the rest of that, as in Python."""
        builder = self.builder
        if isinstance(right, ir.Constant) and right.constant > 0:
            size = right.constant
            if size & (size - 1) == 0:
                if rest:
                    return builder.and_(left, INT.type(size - 1))
                return builder.ashr(left, INT.type(size.bit_length() - 1))
        over, quotient = builder.srem(left, right), builder.sdiv(left, right)
        uneven = builder.icmp_signed("!=", over, INT.type(0))
        apart = builder.icmp_signed("<", builder.xor(over, right), INT.type(0))
        down = builder.and_(uneven, apart)
        if rest:
            return builder.select(down, builder.add(over, right), over)
        return builder.sub(quotient, builder.zext(down, INT.type))

    def _read_Compare(self, node: ast.Compare) -> Value:
        left, result = self._value(node.left), None
        for op, each in zip(node.ops, node.comparators, strict=True):
            right = self._value(each)
            sign = _COMPARISONS.get(type(op))
            if sign is None:
                raise self._unknown(node)
            kind, pair = self._alike(left, right)
            if kind.is_float:
                compare = self.builder.fcmp_ordered
                if sign == "!=":
                    compare = self.builder.fcmp_unordered
                found = compare(sign, *pair, flags=self._flags)
            else:
                found = self.builder.icmp_signed(sign, *pair)
            result = found if result is None else self.builder.and_(result, found)
            left = right
        return Value(BOOL, (result,))

    def _read_Call(self, node: ast.Call) -> Value:
        known = self._known(node.func)
        if not known or node.keywords:
            raise self._unknown(node)
        called, values = known[0], [self._value(each) for each in node.args]
        if isinstance(called, Part):
            return self._program.call(self.builder, called, values)
        if isinstance(called, Instruction):
            return self._instructed(called, values)
        if isinstance(called, External):
            return self._from_outside(called, values)
        if isinstance(called, type) and issubclass(called, tuple):
            return self._named(called, values)
        write = _FUNCTIONS.get(called)
        if write is None:
            raise self._unknown(node)
        value: Value = write(self, *values)
        return value

    def _named(self, called: Any, values: Sequence[Value]) -> Value:
        """A named tuple of values, as the kinds that its fields are said to have."""
        each = []
        for value, annotation in zip(values, called.__annotations__.values(), strict=True):
            try:
                each.append(self._as(value, _kind_named(annotation)))
            except _Unsettled:
                each.append(value)
        kinds = tuple(value.kind for value in each)
        return _together(each)._replace(kind=Tuple(kinds, called._fields, called))

    def _instructed(self, called: Instruction, values: Sequence[Value]) -> Value:
        given = []
        for value in values:
            if isinstance(value.kind, Scalar):
                wanted = value.kind if value.kind.is_float else INT
                given.append(self._as(value, wanted).parts[0])
            else:
                given.append(value)
        result = called.write(self.builder, *given)
        return NOTHING if called.gives is None else Value(called.gives, (result,))

    def _from_outside(self, called: External, values: Sequence[Value]) -> Value:
        kind = ir.FunctionType(called.gives, called.takes)
        function = self._program.module.globals.get(called.name)
        if function is None:
            function = ir.Function(self._program.module, kind, called.name)
        given = []
        for value, wanted in zip(values, called.takes, strict=True):
            raw = self._as(value, INT).parts[0]
            given.append(raw if wanted == INT.type else self.builder.trunc(raw, wanted))
        result = self.builder.call(function, given)
        return Value(INT, (self.builder.sext(result, INT.type),))

    # Functions of Python and NumPy

    def _min(self, *values: Value) -> Value:
        return self._extreme("<", values)

    def _max(self, *values: Value) -> Value:
        return self._extreme(">", values)

    def _extreme(self, sign: str, values: Sequence[Value]) -> Value:
        kind, raw = self._alike(*values)
        result = raw[0]
        for each in raw[1:]:
            if kind.is_float:
                better = self.builder.fcmp_ordered(sign, each, result)
            else:
                better = self.builder.icmp_signed(sign, each, result)
            result = self.builder.select(better, each, result)
        return Value(kind, (result,))

    def _intrinsic(self, name: str, value: Value) -> Value:
        kind = value.kind if value.kind.is_float else FLOAT64
        function = self._program.module.declare_intrinsic(f"llvm.{name}", [kind.type])
        raw = self._as(value, kind).parts[0]
        return Value(kind, (self.builder.call(function, [raw], fastmath=self._flags),))

    def _abs(self, value: Value) -> Value:
        if value.kind.is_float:
            return self._intrinsic("fabs", value)
        raw = self._as(value, INT).parts[0]
        below = self.builder.icmp_signed("<", raw, INT.type(0))
        return Value(INT, (self.builder.select(below, self.builder.neg(raw), raw),))

    def _exp(self, value: Value) -> Value:
        return self._intrinsic("exp", value)

    def _log(self, value: Value) -> Value:
        return self._intrinsic("log", value)

    def _rint(self, value: Value) -> Value:
        return self._intrinsic("rint", value)

    def _sign(self, value: Value) -> Value:
        raw, builder, of = value.parts[0], self.builder, value.kind.type
        result = builder.select(builder.fcmp_ordered(">", raw, of(0.0)), of(1.0), raw)
        result = builder.select(builder.fcmp_ordered("<", raw, of(0.0)), of(-1.0), result)
        return Value(value.kind, (result,))

    def _len(self, array: Value) -> Value:
        return Value(INT, (array.shape[0],))

    def _to_float32(self, value: Value) -> Value:
        return self._as(value, FLOAT32)

    def _to_int(self, value: Value) -> Value:
        return self._as(value, INT)

    def _to_bool(self, value: Value) -> Value:
        if value.kind == BOOL:
            return value
        raw = self._as(value, INT).parts[0]
        return Value(BOOL, (self.builder.icmp_signed("!=", raw, INT.type(0)),))


def _fields(value: Value) -> list[Value]:
    """The values of a tuple."""
    return _as_kinds(value.kind.kinds, value.parts)


def _together(values: Sequence[Value]) -> Value:
    kinds = tuple(value.kind for value in values)
    return Value(Tuple(kinds), tuple(part for value in values for part in value.parts))


_COMPARISONS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_BUILTINS: dict[str, Any] = {
    each.__name__: each for each in (min, max, abs, len, range, int, bool, float)
}
_FUNCTIONS: dict[Any, Callable[..., Value]] = {
    min: _Function._min,
    max: _Function._max,
    abs: _Function._abs,
    len: _Function._len,
    int: _Function._to_int,
    bool: _Function._to_bool,
    np.float32: _Function._to_float32,
    np.exp: _Function._exp,
    np.log: _Function._log,
    np.rint: _Function._rint,
    np.sign: _Function._sign,
}
