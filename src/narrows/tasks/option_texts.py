"""What options say in texts, as values."""

from narrows.errors import UsageError
from narrows.support.number_text import count_of


def parse_types(text: str | None) -> dict[str, str] | None:
    """``age=integer,zip=categorical`` as the kinds of columns by name.

    Raises:
        UsageError: something in it is not COLUMN=TYPE, TYPE is none, or a column comes twice.
    """
    if text is None:
        return None
    from narrows.data.tables import KINDS

    types: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, kind = (piece.strip() for piece in part.rpartition("="))
        if not equals or kind not in KINDS:
            raise UsageError(
                f"--types {part} does not say what a column is",
                hint=f"write COLUMN=TYPE, where TYPE is one of {', '.join(KINDS)}",
            )
        if types.setdefault(name, kind) != kind:
            raise UsageError(
                f"--types says that {name} is {types[name]} and {kind}",
                hint="leave one of them out",
            )
    return types


def parse_sizes(text: str | None) -> tuple[int, ...] | None:
    """``100,50`` as (100, 50); an empty text as ().

    Raises:
        UsageError: something in it is not a whole number of at least 1.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise UsageError(
            f"--hidden {text} is not a list of whole numbers above 0",
            hint="write the units of each hidden layer, as in --hidden 256,64",
        )
    return tuple(int(part) for part in parts)


def parse_numbers(text: str | None) -> tuple[int, ...] | None:
    """``2,5,10`` as (2, 5, 10); ``0`` as ().

    Raises:
        UsageError: it is no list of whole numbers.
    """
    if text is None:
        return None
    try:
        found = tuple(int(each) for each in text.split(","))
    except ValueError:
        raise UsageError(
            f"--numbers {text} is no list of whole numbers",
            hint="give sizes of codes, as in --numbers 2,5,10,20, or 0 for none",
        ) from None
    return () if found == (0,) else found


def parse_range(text: str | None, count: int) -> tuple[int, int]:
    """``10:20`` as (10, 20), of ``count`` items; either end may be left out.

    Raises:
        UsageError: it is no range, or not within the items.
    """
    if text is None:
        return 0, count
    start, colon, stop = text.partition(":")
    if not colon or not all(end == "" or end.isdecimal() for end in (start, stop)):
        raise UsageError(
            f"--items {text} is not a range",
            hint="write the first item, a colon, and the one behind the last, as in 1000:1010",
        )
    first, last = int(start or 0), int(stop or count)
    if not first <= last <= count:
        raise UsageError(
            f"--items {text} is not a range within {count_of(count, 'items')}",
            hint=f"give a range within 0:{count}",
        )
    return first, last


def parse_places(option: str, text: str, count: int) -> tuple[str, list[int]]:
    """``DATA:A,B`` as the data and the places of ``count`` items in it.

    Raises:
        UsageError: the text names no data, or another number of items.
    """
    source, _, places = text.rpartition(":")
    numbers = [place.strip() for place in places.split(",")]
    if not source or len(numbers) != count or not all(each.isdecimal() for each in numbers):
        form = ",".join("AB"[:count])
        raise UsageError(
            f"{option} {text} does not say which items of which data",
            hint=f"write DATA:{form}, as in mnist:test:{'3,17' if count == 2 else '3'}",
        )
    return source, [int(each) for each in numbers]
