"""Numbers in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from narrows.support.number_text import share, three_digits

#: For so small a share of PCA's error nobody would train a net.
NO_GAIN = 0.02
# What rounding makes: PCA in place of a model computes in float32.
_ROUNDING = 0.0005


@dataclass(frozen=True, kw_only=True)
class Words:
    """What sentences call the data's own things.

    Attributes:
        unit: of an error, with the space before it; empty where it has no name.
        value_unit: of a value, likewise.
        thing, things: one item and several: rows of a table are rows.
        written: how items are where nothing was done to them, with the space before it: the rows
            of any table are counted as CSV. Empty where that needs no word.
    """

    unit: str = ""
    value_unit: str = ""
    thing: str = "item"
    things: str = "items"
    written: str = ""

    @classmethod
    def of(cls, form: str, unit: str, value_unit: str = "") -> "Words":
        """The words for data of a form, with the names of their units."""
        own = {"thing": "row", "things": "rows", "written": " as CSV"} if form == "table" else {}
        return cls(unit=unit and f" {unit}", value_unit=value_unit and f" {value_unit}", **own)

    @property
    def a_thing(self) -> str:
        """One of them, with its article: what a price is for."""
        return f"{'a' if self.thing == 'row' else 'an'} {self.thing}"


def capital(text: str) -> str:
    """A text as a sentence begins; a name that a user gave stays what it is.

    >>> capital("the default model wins"), capital("mnist-small wins")
    ('The default model wins', 'mnist-small wins')
    """
    is_ours = text.startswith(_FIRST_WORDS)
    return text[:1].upper() + text[1:] if is_ours else text


_FIRST_WORDS = ("the ", "codes of ", "from ", "without ", "a ", "an ")


def times(factor: float) -> str:
    """A factor.

    >>> times(6.02), times(1.25), times(35.24)
    ('6.02 times', '1.25 times', '35.2 times')
    """
    return f"{three_digits(factor)} times"


def beside(value: float, other: float) -> str:
    """How a value compares with another one, before its name.

    >>> beside(222, 1531), beside(5.0, 5.0), beside(6, 5), beside(20, 5)
    ('85.5% below', 'the same as', '20% above', '4 times')
    """
    if are_alike(value, other):
        return "the same as"
    if not other:
        return "above"
    change = value / other - 1
    if change >= 1:
        return times(value / other)
    return f"{share(abs(change))} {'above' if change > 0 else 'below'}"


def are_alike(error: float, other: float) -> bool:
    """Whether two errors are the same up to rounding, and in the digits that are shown.

    >>> are_alike(0.9999, 1), are_alike(0.99, 1), are_alike(0, 0)
    (True, False, True)
    """
    return abs(error - other) < _ROUNDING * other or error == other


def is_less(error: float, other: float, share: float = _ROUNDING) -> bool:
    """Whether an error is less than another one by more than a share, at first what rounding makes.

    >>> is_less(0.99, 1), is_less(0.9999, 1), is_less(0, 0)
    (True, False, False)
    """
    return error < (1 - share) * other


def pixels_error(error: float, factor: float, unit: str) -> str:
    """A squared error of pixels, whose levels go from 0 to 255; in the data's own unit first, where
    one of that is ``factor`` levels. The page's script says it too.

    >>> pixels_error(277, 1.0, " grey levels²"), pixels_error(260.1, 25.5, " grey levels²")
    ('277 squared grey levels of 0 to 255', "0.4 grey levels², which are 260 of JPEG's, 0 to 255")
    """
    if factor == 1:
        return f"{three_digits(error)} squared grey levels of 0 to 255"
    own = f"{three_digits(error / factor**2)}{unit}"
    return f"{own}, which are {three_digits(error)} of JPEG's, 0 to 255"


def bytes_text(count: float) -> str:
    """Bytes of an item.

    >>> bytes_text(7.94), bytes_text(79.63), bytes_text(1234)
    ('7.94 bytes', '79.6 bytes', '1,234 bytes')
    """
    return f"{three_digits(count)} bytes"


def joined(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
