"""What values of a kernel can be, and how Python's are handed to one.

A kernel knows integers of 64 bits, booleans, float32, float64, arrays whose items lie side by side,
tuples, and named tuples, by value or, of many fields, by the address where they lie
(:func:`hold`). Handed over, each is a run of words of 8 bytes.
"""

import ctypes
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from llvmlite import ir

# The rank of float32.
_FIRST_FLOAT = 3


@dataclass(frozen=True)
class Scalar:
    """One number: its LLVM type, its letter for :mod:`struct`, and its rank: of two that meet, the
    lower becomes the higher."""

    name: str
    type: Any = None
    letter: str = ""
    rank: int = 0

    @property
    def is_float(self) -> bool:
        return self.rank >= _FIRST_FLOAT

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scalar) and self.name == other.name


BOOL = Scalar("bool", ir.IntType(1), "q", 0)
BYTE = Scalar("uint8", ir.IntType(8), "", 1)
INT = Scalar("int64", ir.IntType(64), "q", 2)
FLOAT32 = Scalar("float32", ir.FloatType(), "f4x", _FIRST_FLOAT)
FLOAT64 = Scalar("float64", ir.DoubleType(), "d", _FIRST_FLOAT + 1)
_BY_DTYPE = {
    "bool": BOOL, "uint8": BYTE, "int64": INT, "float32": FLOAT32, "float64": FLOAT64,
}  # fmt: skip


class Array(NamedTuple):
    """Items of a kind along so many axes, which lie side by side: an address and a shape."""

    item: Scalar
    axes: int


class Tuple(NamedTuple):
    """Several values, of kinds; a named tuple's have names."""

    kinds: tuple[Any, ...]
    names: tuple[str, ...] = ()
    of: type | None = None


class Held(NamedTuple):
    """A named tuple in memory, which nobody changes while a kernel runs."""

    fields: Tuple


Kind = Scalar | Array | Tuple | Held
Type = TypeVar("Type", bound=type)

_HELD = set[type]()


def hold(kind: Type) -> Type:
    """Have kernels take the named tuple ``kind`` by its address: they may read its fields."""
    _HELD.add(kind)
    return kind


def parts_of(kind: Kind) -> Iterator[Any]:
    """The LLVM types that a value consists of."""
    if isinstance(kind, Scalar):
        yield kind.type
    elif isinstance(kind, Array):
        # a boolean is a byte in memory
        item = ir.IntType(8) if kind.item == BOOL else kind.item.type
        yield item.as_pointer()
        yield from [INT.type] * kind.axes
    elif isinstance(kind, Tuple):
        for each in kind.kinds:
            yield from parts_of(each)
    else:
        yield INT.type.as_pointer()


def kind_of(value: Any) -> Kind:
    """The kind of one of Python's values.

    Raises:
        TypeError: kernels know no such values.
    """
    if isinstance(value, Addressed):
        return Held(_tuple(value.fields))
    if type(value) in _HELD:
        return Held(_tuple(value))
    if isinstance(value, np.ndarray):
        return Array(_BY_DTYPE[value.dtype.name], value.ndim)
    if isinstance(value, tuple):
        return _tuple(value)
    return _BY_LETTER[_LETTERS[type(value)]]


def _tuple(value: Any) -> Tuple:
    names = tuple(getattr(value, "_fields", ()))
    return Tuple(tuple(map(kind_of, value)), names, type(value) if names else None)


class Addressed(NamedTuple):
    """A named tuple in memory, as kernels take one of many fields; see :func:`addressed`."""

    fields: Any
    signature: str
    block: Any
    address: int


class Packed(NamedTuple):
    """Values as the words that a kernel is given, and what tells their kinds apart."""

    signature: str
    words: bytes
    kept: list[Any]  # while the kernel runs


def addressed(value: Any) -> Addressed:
    """A named tuple in memory. Who hands it over often packs it once."""
    signature, words = list[str](), list[Any]()
    for field in value:
        _pack(field, signature, words, [])
    told = "".join(signature)
    block = np.frombuffer(_struct(told).pack(*words), np.uint8)
    return Addressed(value, told, block, address_of(block))


def packed(values: Sequence[Any]) -> Packed:
    """Values as a kernel takes them.

    Raises:
        TypeError: kernels know no such values.
    """
    signature, words, kept = list[str](), list[Any](), list[Any]()
    for value in values:
        _pack(value, signature, words, kept)
    told = "".join(signature)
    return Packed(told, _struct(told).pack(*words), kept)


# What stands in a signature for a number; the digit for the axes of an array follows its letter,
# and named tuples are within brackets.
_LETTERS: dict[type, str] = {
    bool: "b", np.bool_: "b", int: "i", np.int64: "i", np.float32: "f", float: "d", np.float64: "d",
}  # fmt: skip
_BY_LETTER = {"b": BOOL, "i": INT, "f": FLOAT32, "d": FLOAT64}
_ITEMS = {np.dtype(name).num: letter for letter, name in zip("BUIFD", _BY_DTYPE, strict=True)}


def address_of(array: np.ndarray) -> int:
    """Where an array's items lie: as :attr:`numpy.ndarray.ctypes` says it, in a sixth of the time
    where it may be."""
    try:
        return ctypes.addressof(_BYTE.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # nobody may write to it, or it is empty
        return int(array.ctypes.data)


_BYTE = ctypes.c_char


def _pack(value: Any, signature: list[str], words: list[Any], kept: list[Any]) -> None:
    letter = _LETTERS.get(type(value))
    if letter is not None:
        signature.append(letter)
        words.append(value)
    elif isinstance(value, np.ndarray):
        item = _ITEMS.get(value.dtype.num)
        if item is None or not value.flags.c_contiguous:
            raise TypeError(f"no kernel takes an array of {value.dtype}, or one with gaps")
        shape = value.shape
        signature.append(f"{item}{len(shape)}")
        words.append(address_of(value))
        words += shape
    elif isinstance(value, Addressed) or type(value) in _HELD:
        own = value if isinstance(value, Addressed) else addressed(value)
        kept.append(own)
        signature.append(f"<{type(own.fields).__name__} {own.signature}>")
        words.append(own.address)
    elif isinstance(value, tuple):
        signature.append(f"({type(value).__name__} ")
        for field in value:
            _pack(field, signature, words, kept)
        signature.append(")")
    else:
        raise TypeError(f"no kernel takes a {type(value).__name__}")


@cache
def _struct(signature: str) -> struct.Struct:
    """How the words of a signature are packed."""
    outer = re.sub(r"<[^>]*>", "i", signature)
    shown = re.sub(r"\(\w+ |\)", "", outer)
    letters = ""
    for letter, axes in re.findall(r"([a-zA-Z])(\d?)", shown):
        letters += "q" * (1 + int(axes)) if axes else _BY_LETTER[letter].letter
    return struct.Struct("=" + letters)
