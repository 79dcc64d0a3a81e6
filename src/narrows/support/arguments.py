"""Arguments that users give, made sure of: an error names one, what came, and what it takes.

Numbers may be Python's, NumPy's, or arrays that hold one. A truth value is no number.
"""

import math
import os
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from narrows.errors import UsageError

_SHOWN = 60


def shown(value: Any) -> str:
    """A value as a message shows it."""
    text = repr(value)
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    kind = type(value).__name__
    if value is None or isinstance(value, bool | int | float | str):
        return text
    return f"{text} ({kind})" if "\n" not in text else f"a {kind}"


def refused(name: str, value: Any, takes: str, hint: str | None = None) -> UsageError:
    """The error that says that an argument cannot be ``value``."""
    return UsageError(
        f"{name} is {shown(value)}, and must be {takes}", hint=hint or f"give {takes}"
    )


def scalar(value: Any) -> Any:
    """An array that holds one number as that number; anything else as it is."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    return value


def whole(name: str, value: Any, *, optional: bool = False) -> int | None:
    """A whole number, of any type that has them; None where it is optional.

    Raises:
        UsageError: it is none.
    """
    given = scalar(value)
    if given is None and optional:
        return None
    is_number = isinstance(given, Real) and not isinstance(given, bool)
    if is_number and (isinstance(given, Integral) or float(given).is_integer()):
        return int(given)
    raise refused(name, value, f"a whole number{' or None' if optional else ''}")


def required_whole(name: str, value: Any) -> int:
    """As :func:`whole`, where None is none.

    Raises:
        UsageError: it is no whole number.
    """
    found = whole(name, value)
    assert found is not None
    return found


def number(
    name: str, value: Any, *, optional: bool = False, hint: str | None = None
) -> float | None:
    """A number, which may be NaN or infinite where its limits are looked at later.

    Raises:
        UsageError: it is none.
    """
    given = scalar(value)
    if given is None and optional:
        return None
    if isinstance(given, Real) and not isinstance(given, bool):
        try:
            return float(given)
        except OverflowError:  # a whole number, of either sign, that no float holds
            return math.inf
    raise refused(name, value, f"a number{' or None' if optional else ''}", hint)


def required_number(name: str, value: Any, *, hint: str | None = None) -> float:
    """As :func:`number`, where None is none.

    Raises:
        UsageError: it is no number.
    """
    found = number(name, value, hint=hint)
    assert found is not None
    return found


def text(name: str, value: Any, *, optional: bool = False, hint: str | None = None) -> str | None:
    """A text.

    Raises:
        UsageError: it is none.
    """
    if (value is None and optional) or isinstance(value, str):
        return value
    raise refused(name, value, f"a text{' or None' if optional else ''}", hint)


def truth(name: str, value: Any) -> bool:
    """True or False.

    Raises:
        UsageError: it is neither.
    """
    given = scalar(value)
    if isinstance(given, bool):
        return given
    raise refused(name, value, "True or False")


def path(name: str, value: Any, *, hint: str | None = None) -> str:
    """A path as text.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, str | os.PathLike):
        found = os.fspath(value)
        if isinstance(found, str):
            return found
    raise refused(name, value, "a path", hint)


def sizes(name: str, value: Any) -> tuple[int, ...] | None:
    """Whole numbers of at least 1: one, several, or None.

    Raises:
        UsageError: something in it is none.
    """
    takes = "whole numbers of at least 1, such as (256, 64), or None"
    given = scalar(value)
    if given is None:
        return None
    if isinstance(given, Real):
        given = (given,)
    if isinstance(given, str | bytes | Mapping) or not hasattr(given, "__iter__"):
        raise refused(name, value, takes)
    found = []
    for each in given:
        one = scalar(each)
        if isinstance(one, bool) or not isinstance(one, Integral) or int(one) < 1:
            raise refused(name, value, takes)
        found.append(int(one))
    return tuple(found)


def mapping(name: str, value: Any, takes: str) -> dict[str, Any] | None:
    """Values by name, or None.

    Raises:
        UsageError: it is none.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise refused(name, value, takes)
    return dict(value)


def one_of(name: str, value: Any, known: Sequence[str]) -> str:
    """One of some texts.

    Raises:
        UsageError: it is none of them.
    """
    if isinstance(value, str) and value in known:
        return value
    raise refused(name, value, f"one of {', '.join(known)}")


def tracker(name: str, value: Any) -> None:
    """Make sure that what shall be told of progress can be called.

    Raises:
        UsageError: it cannot.
    """
    if not callable(value):
        raise refused(name, value, "a function", "leave it out: see narrows.support.progress")
