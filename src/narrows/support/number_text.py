"""Numbers and times as people read them."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any


def readable(value: float) -> str:
    """A measure with five significant digits, for people.

    >>> readable(1456.53), readable(0.0123456), readable(1234567.8), readable(60000)
    ('1,456.5', '0.012346', '1,234,568', '60,000')
    """
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:,.5g}"


def three_digits(value: float) -> str:
    """A measure with three significant digits, and all of those before the point: for sentences
    and tables of pages, which have the whole numbers elsewhere.

    >>> three_digits(-4876.53), three_digits(0.0123456), three_digits(21.234), three_digits(-0.0)
    ('-4,877', '0.0123', '21.2', '0')
    >>> three_digits(-0.0000545), three_digits(1.234e-9)
    ('-0.0000545', '1.23e-09')
    """
    if 100 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    text = f"{value + 0.0:.3g}"  # no sign before 0
    return f"{Decimal(text):f}" if 1e-6 <= abs(value) < 1e-4 else text


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals, and no sign before what is rounded to 0.

    >>> fixed(0.91666, 3), fixed(-0.0000378, 3), fixed(-12345.6, 1)
    ('0.917', '0.000', '-12,345.6')
    """
    return f"{value:z,.{decimals}f}"


def listed(things: Sequence[Any], most: int = 3, text: Callable[[Any], str] = str) -> str:
    """The first few of many things, at ``most`` so many, each as ``text`` has it.

    >>> listed(["a", "b"], 2), listed([3, 4, 5], 2), listed(["a", "b"], 1, repr)
    ('a, b', '3, 4, ...', "'a', ...")
    """
    return ", ".join(map(text, things[:most])) + (", ..." if len(things) > most else "")


def without_numbers(text: str) -> str:
    """What sentences have in common that differ in numbers only.

    >>> without_numbers("1,456.5 of 2 items"), without_numbers("the rows 3, 4")
    ('0 of 0 items', 'the rows 0 0')
    """
    return re.sub(r"[\d.,]+", "0", text)


def share(value: float) -> str:
    """A share from 0 to 1 in percent.

    >>> share(0.152), share(0.984), share(0.0312)
    ('15.2%', '98.4%', '3.12%')
    """
    return f"{three_digits(100 * value)}%"


def count_of(count: float, things: str) -> str:
    """A count and what it counts, whose plural is given.

    >>> count_of(1, "columns"), count_of(0, "columns"), count_of(1_234, "latent numbers")
    ('1 column', '0 columns', '1,234 latent numbers')
    >>> count_of(1, "tries"), count_of(1, "classes"), count_of(2, "classes")
    ('1 try', '1 class', '2 classes')
    """
    if count == 1:
        for ending, single in (("ies", "y"), ("sses", "ss"), ("s", "")):
            if things.endswith(ending):
                things = things.removesuffix(ending) + single
                break
    return f"{count:,.0f} {things}"


def items_of(count: int, total: int) -> str:
    """How many items, and of how many.

    >>> items_of(3, 3), items_of(1, 1), items_of(2, 1000)
    ('3 items', '1 item', '2 of 1,000 items')
    """
    return f"{'' if count == total else f'{count:,} of '}{count_of(total, 'items')}"


def measured_on(count: int, total: int, *, held_out: bool) -> str:
    """On which items an error was measured, at the end of a clause.

    >>> measured_on(500, 1_437, held_out=False), measured_on(60, 60, held_out=True)
    ('on 500 of 1,437 items of the training set', 'on 60 items held out')
    """
    return f"on {items_of(count, total)} {'held out' if held_out else 'of the training set'}"


def sized(size: float) -> str:
    """Bytes with three significant digits, for people.

    >>> sized(412), sized(9_734_000), sized(413_204_480), sized(20_100_000_000)
    ('412 bytes', '9.73 MB', '413 MB', '20.1 GB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{three_digits(size / unit)} {name}"
    return f"{size:.0f} bytes"


def about(seconds: float) -> str:
    """A time that is not known well, for people.

    >>> about(44), about(230), about(6000)
    ('about 40 seconds', 'about 4 minutes', 'about 1.7 hours')
    """
    if seconds < 90:
        return f"about {max(round(seconds, -1), 10):.0f} seconds"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3600:.2g} hours"
