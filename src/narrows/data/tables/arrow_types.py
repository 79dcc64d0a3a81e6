"""The column types that narrows knows, as Arrow's and as the texts that a model file holds.

A closed set: a text from a stranger's file names one of these types or is refused.
"""

import re
from typing import Any

import numpy as np

from narrows.errors import DataError
from narrows.support.lazy_modules import pa

_PLAIN = {
    "null": "null",
    "bool": "bool_",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "halffloat": "float16",
    "float": "float32",
    "double": "float64",
    "string": "string",
    "large_string": "large_string",
    "string_view": "string_view",
    "date32[day]": "date32",
    "date64[ms]": "date64",
    "binary": "binary",
    "large_binary": "large_binary",
    "binary_view": "binary_view",
}
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=([\w+:/-]{1,64}))?\]")
_DURATION = re.compile(r"duration\[(s|ms|us|ns)\]")
_TIME = re.compile(r"time(?:32\[(s|ms)\]|64\[(us|ns)\])")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d{1,2}), (-?\d{1,2})\)")
_BYTES = re.compile(r"fixed_size_binary\[(\d{1,5})\]")
_DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(u?int(?:8|16|32|64)), ordered=([01])>")


def type_from_text(text: str) -> Any:
    """The Arrow type whose ``str`` is ``text``.

    Raises:
        ValueError: it is no type of a column that narrows learns.
        DataError: the pyarrow that is installed does not know it.
    """
    if text in _PLAIN:
        return getattr(pa, _PLAIN[text])()
    if match := _TIMESTAMP.fullmatch(text):
        return pa.timestamp(*match.groups())
    if match := _DURATION.fullmatch(text):
        return pa.duration(match[1])
    if match := _TIME.fullmatch(text):
        return pa.time32(match[1]) if match[1] else pa.time64(match[2])
    if match := _DECIMAL.fullmatch(text):
        decimal = getattr(pa, f"decimal{match[1]}", None)
        if decimal is None:
            raise DataError(
                f"a column has the type {text}, which pyarrow {pa.__version__} does not know",
                hint="install pyarrow 19 or a later one",
            )
        return decimal(int(match[2]), int(match[3]))
    if match := _BYTES.fullmatch(text):
        return pa.binary(int(match[1]))
    if match := _DICTIONARY.fullmatch(text):
        values = type_from_text(match[1])
        if not pa.types.is_dictionary(values) and not pa.types.is_null(values):
            return pa.dictionary(type_from_text(match[2]), values, match[3] == "1")
    raise ValueError(f"{text[:100]!r} is no type of a column")


def number_dtype(type_: Any) -> np.dtype:
    """The NumPy dtype of an Arrow type of integers or floats, or of the integers that dates, times
    and durations are.

    Arrow's own ``to_pandas_dtype`` imports pandas in releases up to 25.
    """
    if pa.types.is_temporal(type_):
        return np.dtype(np.int32 if type_.bit_width == 32 else np.int64)
    return np.dtype(_PLAIN[str(type_)])


def is_text(type_: Any) -> bool:
    """Whether cells of the Arrow type ``type_`` are texts."""
    return str(type_) in ("string", "large_string", "string_view")


def is_binary(type_: Any) -> bool:
    """Whether cells of the Arrow type ``type_`` are bytes."""
    return "binary" in str(type_).partition("[")[0] and "<" not in str(type_)


def is_stored(type_: Any) -> bool:
    """Whether an archive holds cells of the Arrow type ``type_``."""
    if str(type_).startswith("dictionary<values=halffloat"):  # which Arrow takes for integers
        return False
    try:
        return bool(type_from_text(str(type_)) == type_)
    except (ValueError, AttributeError):
        return False


def kind_of(type_: Any) -> str | None:
    """What a column of the Arrow type ``type_`` is taken for, None where it cannot be learnt."""
    types = pa.types
    if types.is_boolean(type_):
        kind = "boolean"
    elif types.is_integer(type_):
        kind = "integer"
    elif types.is_floating(type_) or types.is_decimal(type_):
        kind = "numeric"
    elif types.is_temporal(type_):
        kind = "date"
    elif is_text(type_) or types.is_dictionary(type_) or types.is_null(type_):
        kind = "categorical"
    else:
        return None
    try:
        type_from_text(str(type_))  # what a model file could not say is not learnt
    except ValueError:
        return None
    return kind
