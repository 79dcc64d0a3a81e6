"""Python values of any common kind as texts that say their kind, and back without a change.

``int:5``, ``str:a``, ``Decimal:1.50``, ``tuple:["str:a","int:1"]``: for columns of objects, for the
names of rows and columns, and for whatever else is one value of a data frame. Only the very classes
below are known, no class derived from them: what is not one of them is refused, never changed.
"""

import base64
import datetime
import decimal
import fractions
import json
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np

from narrows.data.tables.frames.zones import zone_from_json, zone_to_json
from narrows.support.lazy_modules import pd

_EPOCH = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


def scalar_to_text(value: Any) -> str:
    """``value`` as a text.

    Raises:
        TypeError: it is of a kind that has none.
    """
    if value is None:
        return "None:"
    class_ = type(value)
    if class_ is str:
        return _str_to_text(value)
    if class_.__module__.split(".")[0] == "pandas":
        return _of_pandas(value)
    if isinstance(value, np.generic):
        return _of_numpy(value)
    name = class_.__name__
    known, write, _ = _KINDS.get(name, (None, str, str))
    if known is not class_:
        raise TypeError(f"{class_.__module__}.{class_.__qualname__}")
    return f"{name}:{write(value)}"


def scalar_from_text(text: str) -> Any:
    """What :func:`scalar_to_text` was given.

    Raises:
        ValueError, TypeError, LookupError: there is no such value.
    """
    name, colon, rest = text.partition(":")
    if not colon:
        raise ValueError(f"{text[:40]!r} is no value")
    if name in _KINDS:
        return _KINDS[name][2](rest)
    return _OTHERS[name](rest) if name in _OTHERS else _to_numpy(name, rest)


def _str_to_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:  # halves of characters, which UTF-8 does not have
        return f"escaped:{json.dumps(value)}"
    return f"str:{value}"


def _read_escaped(text: str) -> str:
    value = json.loads(text)
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _read_complex(text: str) -> complex:
    return complex(*map(float, text.split(",")))


# What is common to both ends is sought in time that grows with the square of their digits.
_LONGEST_FRACTION = 10_000


def _write_fraction(value: fractions.Fraction) -> str:
    text = f"{value.numerator:x}/{value.denominator:x}"
    if len(text) > _LONGEST_FRACTION:
        raise TypeError("fractions.Fraction of too many digits")
    return text


def _read_fraction(text: str) -> fractions.Fraction:
    if len(text) > _LONGEST_FRACTION:
        raise ValueError("a fraction of too many digits")
    above, below = text.split("/")
    return fractions.Fraction(int(above, 16), int(below, 16))


def _write_time(value: datetime.time) -> str:
    if value.tzinfo is not None or value.fold:
        raise TypeError("datetime.time with a time zone")
    return value.isoformat()


def _write_datetime(value: datetime.datetime) -> str:
    microseconds = (value.replace(tzinfo=None, fold=0) - _EPOCH) // _MICROSECOND
    return json.dumps([microseconds, zone_to_json(value.tzinfo), value.fold])


def _read_datetime(text: str) -> datetime.datetime:
    microseconds, zone, fold = json.loads(text)
    naive = _EPOCH + microseconds * _MICROSECOND
    return naive.replace(tzinfo=zone_from_json(zone), fold=fold)


def _write_int(value: int) -> str:
    return f"x{value:x}" if abs(value) >> 128 else str(value)


def _read_int(text: str) -> int:
    return int(text[1:], 16) if text[:1] == "x" else int(text)


def _read_bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _write_tuple(value: tuple) -> str:
    return json.dumps(list(map(scalar_to_text, value)), ensure_ascii=False)


# By name: the class, how a value of it is written, and how that is read.
_KINDS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "bool": (bool, lambda value: str(int(value)), lambda text: {"0": False, "1": True}[text]),
    "int": (int, _write_int, _read_int),
    "float": (float, lambda value: repr(float(value)), float),
    "complex": (complex, lambda value: f"{value.real!r},{value.imag!r}", _read_complex),
    "bytes": (bytes, lambda value: base64.b64encode(value).decode(), _read_bytes),
    "tuple": (tuple, _write_tuple, lambda text: tuple(map(scalar_from_text, json.loads(text)))),
    "Decimal": (decimal.Decimal, str, decimal.Decimal),
    "Fraction": (fractions.Fraction, _write_fraction, _read_fraction),
    "UUID": (uuid.UUID, str, uuid.UUID),
    "date": (datetime.date, datetime.date.isoformat, datetime.date.fromisoformat),
    "datetime": (datetime.datetime, _write_datetime, _read_datetime),
    "time": (datetime.time, _write_time, datetime.time.fromisoformat),
    "timedelta": (
        datetime.timedelta,
        lambda value: str(value // _MICROSECOND),
        lambda text: int(text) * _MICROSECOND,
    ),
}


def _of_numpy(value: Any) -> str:
    kind = value.dtype.kind
    if kind in "mM":
        unit = np.datetime_data(value.dtype)
        if unit[1] != 1 or unit[0] == "generic":
            raise TypeError(f"numpy.{value.dtype}")
        return f"numpy.{value.dtype.str[1:]}:{value.astype(np.int64)}"
    if kind not in "biuf" or value.dtype.itemsize > 8:
        raise TypeError(f"numpy.{value.dtype}")
    return f"numpy.{value.dtype.str[1:]}:{repr(float(value)) if kind == 'f' else int(value)}"


def _to_numpy(name: str, text: str) -> np.generic:
    library, _, dtype = name.partition(".")
    if library != "numpy" or dtype[:1] not in set("biufmM") or dtype[1:2] not in set("1248"):
        raise ValueError(f"{name[:40]!r} is no kind of value")
    found = np.dtype(dtype)
    if found.kind in "mM":
        return np.int64(int(text)).astype(found)
    return found.type(float(text) if found.kind == "f" else int(text))


def _of_pandas(value: Any) -> str:
    if value is pd.NA or value is pd.NaT:
        return "NA:" if value is pd.NA else "NaT:"
    class_ = type(value)
    if class_ is pd.Timestamp:
        return "Timestamp:" + json.dumps(
            [value._value, value.unit, zone_to_json(value.tzinfo), value.fold]
        )
    if class_ is pd.Timedelta:
        return f"Timedelta:{json.dumps([value._value, value.unit])}"
    if class_ is pd.Period:
        return f"Period:{json.dumps([value.ordinal, value.freqstr])}"
    if class_ is pd.Interval:
        ends = [scalar_to_text(value.left), scalar_to_text(value.right)]
        return f"Interval:{json.dumps([*ends, value.closed], ensure_ascii=False)}"
    raise TypeError(f"{class_.__module__}.{class_.__qualname__}")


def _timestamp(text: str) -> Any:
    value, unit, zone, fold = json.loads(text)
    stamp = pd.Timestamp(np.int64(value).astype(f"M8[{time_unit(unit)}]"))
    if zone is not None:
        stamp = stamp.tz_localize("UTC").tz_convert(zone_from_json(zone))
    return stamp.replace(fold=1) if fold and stamp.fold != 1 else stamp


def _timedelta(text: str) -> Any:
    value, unit = json.loads(text)
    return pd.Timedelta(np.int64(value).astype(f"m8[{time_unit(unit)}]"))


def time_unit(text: Any) -> str:
    """A unit of time from a text that may be a stranger's.

    Raises:
        ValueError: it is none.
    """
    if text not in ("s", "ms", "us", "ns"):
        raise ValueError("no unit of time")
    return str(text)


def _period(text: str) -> Any:
    ordinal, freq = json.loads(text)
    return pd.Period(ordinal=ordinal, freq=freq)


def _interval(text: str) -> Any:
    left, right, closed = json.loads(text)
    return pd.Interval(scalar_from_text(left), scalar_from_text(right), closed=closed)


# How texts are read that stand for what is no object of the classes above.
_OTHERS: dict[str, Callable[[str], Any]] = {
    "None": lambda text: None,
    "str": str,
    "escaped": _read_escaped,
    "NA": lambda text: pd.NA,
    "NaT": lambda text: pd.NaT,
    "Timestamp": _timestamp,
    "Timedelta": _timedelta,
    "Period": _period,
    "Interval": _interval,
}


def same_scalar(one: Any, other: Any) -> bool:
    """Whether two values are of one class and equal; what is not a number equals another such."""
    if type(one) is not type(other):
        return False
    if one is other:
        return True
    if type(one) in (str, bytes, int, bool):
        return bool(one == other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same_scalar, one, other))
    return scalar_to_text(one) == scalar_to_text(other)
