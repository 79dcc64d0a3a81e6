"""Reading what a stranger may have written: every value of a header is looked at before its use."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from narrows.errors import ArchiveError

T = TypeVar("T")
#: The largest float.
LARGEST = sys.float_info.max


def damaged(name: str, what: str) -> ArchiveError:
    """The error that says what is wrong with the archive ``name``."""
    return ArchiveError(f"{name} is damaged: {what}", hint="get the file again")


@contextlib.contextmanager
def decoding(name: str, what: str) -> Iterator[None]:
    """A block that decodes ``what``, where anything may fail: decoders, and the libraries below
    them, do so in many ways on what is none of theirs.

    Raises:
        ArchiveError: it does.
    """
    try:
        yield
    except (ArchiveError, MemoryError):
        raise
    except Exception as error:
        raise damaged(name, f"{what} cannot be decoded: {error}") from error


def field(entry: Mapping[str, Any], key: str, kind: type[T], name: str) -> T:
    """``entry[key]``, which must be a ``kind``.

    Raises:
        ArchiveError: it is missing or something else.
    """
    value = entry.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise damaged(name, f"its header has no usable {key!r}")
    return value


def finite_number(value: Any, least: float, what: str, name: str) -> float:
    """``value``, which must be a finite number from ``least`` on.

    Raises:
        ArchiveError: it is not; ``what`` names it.
    """
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_one or not least <= value <= LARGEST:
        raise damaged(name, f"its header has no usable {what!r}")
    return float(value)


def whole_number(value: Any, least: int, most: int, what: str, name: str) -> int:
    """``value``, which must be a whole number from ``least`` to ``most``.

    Raises:
        ArchiveError: it is not; ``what`` names it.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        shown = (
            f"{value:,}" if isinstance(value, int) and abs(value) < 1 << 64 else "no such number"
        )
        raise damaged(name, f"{what} is {shown}, and may be {least:,} to {most:,}")
    return value
