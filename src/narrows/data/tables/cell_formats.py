"""How numbers and dates are written in a column of texts: thousands, decimals, money, units, the
order of day, month and year; all of a column alike.

Formatted cells are put into the plain form first, which Arrow reads: it knows the days of a month.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from narrows.data.tables.arrow_types import is_text
from narrows.data.tables.csv_options import CsvOptions
from narrows.data.tables.missing import without_cells
from narrows.support.lazy_modules import pa, pc

_CURRENCIES = (
    "US$", "A$", "C$", "R$", "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₫", "₴", "₪", "zł",
    "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "AUD", "NOK", "SEK", "DKK", "kr",
    "Rs.", "Rs",
)  # fmt: skip
_UNITS = (
    "%", "‰", "°C", "°F", "°", "lbs", "lb", "kg", "mg", "g", "oz", "km/h", "kmh", "mph", "km", "cm",
    "mm", "m²", "m2", "m³", "m", "mi", "ft", "in", "ha", "ms", "s", "sec", "min", "h", "hr", "hrs",
    "hours", "days", "months", "years", "yrs", "kWh", "MWh", "kW", "MW", "W", "V", "Hz", "kHz",
    "MHz",    "GHz", "GB", "MB", "KB", "TB", "hPa", "bar", "kcal", "kJ", "px", "l", "ml",
)  # fmt: skip
_AFTER = (*_UNITS, *_CURRENCIES)
_MULTIPLES = {"K": "e3", "k": "e3", "M": "e6", "m": "e6", "B": "e9", "b": "e9"}
_BLANKS = "[ \u00a0\u202f\u2009]"
# The marks between thousands that are written in several ways.
_MARKS = {" ": _BLANKS, "'": "['’]"}
_MINUS = "\\-\u2212"
# Texts that a format is tried on before all are.
_FIRST_TRIED = 8
_SIGNS = ((".", ","), (",", "."), (",", " "), (".", " "), (".", "'"), (",", "'"))

_DAY, _MONTH, _YEAR, _SHORT = r"(?P<d>\d{1,2})", r"(?P<m>\d{1,2})", r"(?P<y>\d{4})", r"(?P<y>\d{2})"
_NAME = r"(?P<m>[A-Za-z]{3,9})\.?"
_DATES = {
    "month/day/year": f"{_MONTH}/{_DAY}/{_YEAR}",
    "day/month/year": f"{_DAY}/{_MONTH}/{_YEAR}",
    "day.month.year": rf"{_DAY}\.{_MONTH}\.{_YEAR}",
    "day-month-year": f"{_DAY}-{_MONTH}-{_YEAR}",
    "month-day-year": f"{_MONTH}-{_DAY}-{_YEAR}",
    "month.day.year": rf"{_MONTH}\.{_DAY}\.{_YEAR}",
    "year/month/day": f"{_YEAR}/{_MONTH}/{_DAY}",
    "year.month.day": rf"{_YEAR}\.{_MONTH}\.{_DAY}",
    "year-month-day": f"{_YEAR}-{_MONTH}-{_DAY}",
    "month/day/yy": f"{_MONTH}/{_DAY}/{_SHORT}",
    "day/month/yy": f"{_DAY}/{_MONTH}/{_SHORT}",
    "day.month.yy": rf"{_DAY}\.{_MONTH}\.{_SHORT}",
    "year-month": f"{_YEAR}-{_MONTH}",
    "year/month": f"{_YEAR}/{_MONTH}",
    "month/year": f"{_MONTH}/{_YEAR}",
    "name day, year": rf"{_NAME} +{_DAY},? +{_YEAR}",
    "day name year": rf"{_DAY}\.?[ -]{_NAME}[ -]{_YEAR}",
    "day name yy": rf"{_DAY}[ -]{_NAME}[ -]{_SHORT}",
    "name year": rf"{_NAME}[ -]{_YEAR}",
}
_TIME = r"(?P<H>\d{1,2})[:.](?P<M>\d{2})(?:[:.](?P<S>\d{2}))?(?: ?(?P<p>[AaPp])\.?[Mm]\.?)?"
_TIMED = {f"{name} time": f"{text}(?:[ T]|, )+{_TIME}" for name, text in _DATES.items()}
# Time that passed, as pandas writes it. In nanoseconds 64 bits hold no more than 106,751 days.
_CLOCK = r"days? \+?(?P<H>[01]\d|2[0-3]):(?P<M>[0-5]\d):(?P<S>[0-5]\d)"
_SPANS = {
    "duration": rf"(?P<D>-?\d{{1,6}}) {_CLOCK}(?:\.(?P<u>\d{{1,6}}))?",
    "duration ns": rf"(?P<D>-?\d{{1,5}}) {_CLOCK}(?:\.(?P<n>\d{{1,9}}))?",
}
#: The ways to write dates and times, by the name that a model file has.
DATES = {**_DATES, **_TIMED, "time": _TIME, **_SPANS}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, kw_only=True)
class CellFormat:
    """How the cells of a column are written.

    Attributes:
        decimal, thousands: of numbers; "" for no thousands.
        before, after: the currency, or the unit, that all cells have.
        date: a name in DATES; "" for numbers.
    """

    decimal: str = "."
    thousands: str = ""
    before: str = ""
    after: str = ""
    date: str = ""

    def describe(self) -> str:
        """What it is, in words."""
        if self.date == "time":
            return "times of the day"
        if self.date in _SPANS:
            return "durations"
        if self.date:
            return f"dates in the order {self.date}"
        parts = [f"{self.decimal!r} before decimals"] if self.decimal != "." else []
        parts += [f"{self.thousands!r} between thousands"] if self.thousands else []
        parts += [f"{text!r}" for text in (self.before, self.after) if text]
        return "numbers with " + " and ".join(parts) if parts else "numbers"

    def written_by(self, options: CsvOptions) -> "CellFormat":
        """The same of a file of which it is said what stands before decimals or between thousands;
        the other sign is this one's, where they differ."""
        thousands = self.thousands if options.thousands is None else options.thousands
        decimal = options.decimal or self.decimal
        if decimal == thousands and options.thousands is None:
            thousands = ""
        elif decimal == thousands:
            decimal = "," if thousands == "." else "."
        return replace(self, decimal=decimal, thousands=thousands)

    def to_json(self) -> dict[str, str]:
        """JSON values, without what is at its default."""
        usual = asdict(CellFormat())
        return {key: value for key, value in asdict(self).items() if value != usual[key]}

    @classmethod
    def from_json(cls, values: Any) -> "CellFormat":
        """A format from what may be a stranger's file.

        Raises:
            ValueError, TypeError: it is none.
        """
        if not isinstance(values, Mapping):
            raise ValueError("a column has a cell format that is none")
        found = cls(**values)
        known = found.decimal in (".", ",") and found.thousands in ("", ",", ".", " ", "'")
        known &= found.before in ("", *_CURRENCIES)
        known &= found.after in ("", *_AFTER) and found.date in ("", *DATES)
        if not known or found.decimal == found.thousands:
            raise ValueError("a column has a cell format that is none")
        return found

    def regex(self, loose: bool = False) -> str:
        """What matches a cell, with named groups; ``loose``: also without its unit."""
        if self.date:
            return f"^{DATES[self.date]}$"
        point = re.escape(self.decimal)
        thousands = _MARKS.get(self.thousands, re.escape(self.thousands))
        whole = rf"\d{{1,3}}(?:{thousands}\d{{3}})+|\d+" if thousands else r"\d+"
        before, after = re.escape(self.before), re.escape(self.after)
        may = "?" if loose else ""
        multiple = "[KkMmBb]?" if self.before or self.after in _CURRENCIES else ""
        return (
            rf"^(?P<open>\(?)(?P<s>[+{_MINUS}]?){_BLANKS}*(?:{before}){may}{_BLANKS}*(?P<t>[+{_MINUS}]?)"
            rf"(?P<w>{whole}|)(?P<f>(?:{point}\d*)?)(?P<e>(?:[eE][+-]?\d+)?){_BLANKS}?"
            rf"(?P<k>{multiple}){_BLANKS}*(?:{after}){may}\)?$"
        )


def normalized(array: Any, cell_format: CellFormat, *, loose: bool = False) -> Any:
    """Formatted cells as texts in the plain form, or None if some are not of the format."""
    found = pc.extract_regex(array, cell_format.regex(loose))
    if found.null_count > array.null_count:
        return None
    if not len(array):
        return pa.array([], pa.string())
    part = {
        field.name: pc.fill_null(pc.struct_field(found, field.name), "") for field in found.type
    }
    texts = _plain_date(part) if cell_format.date else _plain_number(part)
    return None if texts is None else without_cells(texts, pc.is_null(array))


def _plain_number(part: Mapping[str, Any]) -> Any:
    whole = pc.replace_substring_regex(part["w"], r"[^0-9]", "")
    decimals = pc.replace_substring(part["f"], ",", ".")
    if pc.any(pc.match_substring_regex(whole, r"^0[0-9]")).as_py():  # an identifier
        return None
    digits = pc.match_substring_regex(pc.binary_join_element_wise(whole, decimals, ""), "[0-9]")
    given = pc.not_equal(pc.binary_join_element_wise(*part.values(), ""), "")
    if not pc.all(pc.or_(digits, pc.invert(given))).as_py():
        return None
    signs = pc.binary_join_element_wise(part["open"], part["s"], part["t"], "")
    minus = pc.match_substring_regex(signs, f"[({_MINUS}]")
    power = part["e"]
    for letter, exponent in _MULTIPLES.items():
        power = pc.if_else(pc.equal(part["k"], letter), exponent, power)
    return pc.binary_join_element_wise(pc.if_else(minus, "-", ""), whole, decimals, power, "")


def _plain_date(part: Mapping[str, Any]) -> Any:
    texts = None
    if "D" in part:
        return _span(part)
    if "y" in part:
        year, month = part["y"], part["m"]
        short = pc.equal(pc.utf8_length(year), 2)
        century = pc.if_else(pc.less(pc.if_else(short, year, "00"), "69"), "20", "19")
        year = pc.if_else(short, pc.binary_join_element_wise(century, year, ""), year)
        if pc.any(pc.match_substring_regex(month, "[A-Za-z]")).as_py():
            names = pc.utf8_slice_codeunits(pc.utf8_lower(month), 0, 3)
            place = pc.index_in(names, pa.array(_MONTHS))
            given = pc.not_equal(month, "")
            if pc.any(pc.and_(given, pc.is_null(place))).as_py():
                return None
            month = pc.cast(pc.add(pc.fill_null(place, 0), 1), pa.string())
        day = part.get("d", pa.array(["1"] * len(year)))
        padded = [pc.utf8_lpad(text, 2, "0") for text in (month, day)]
        texts = pc.binary_join_element_wise(year, *padded, "-")
    if "H" not in part:
        return texts
    hour = part["H"]
    half = pc.utf8_lower(part["p"])
    if pc.any(pc.not_equal(half, "")).as_py():
        number = pc.cast(pc.if_else(pc.equal(hour, ""), "0", hour), pa.int64())
        twelve = pc.if_else(pc.equal(number, 12), 0, number)
        late = pc.add(twelve, pc.if_else(pc.equal(half, "p"), 12, 0))
        hour = pc.cast(pc.if_else(pc.equal(half, ""), number, late), pa.string())
    second = pc.if_else(pc.equal(part["S"], ""), "00", part["S"])
    time = pc.binary_join_element_wise(pc.utf8_lpad(hour, 2, "0"), part["M"], second, ":")
    return time if texts is None else pc.binary_join_element_wise(texts, time, " ")


def _span(part: Mapping[str, Any]) -> Any:
    """Durations as texts of whole micro- or nanoseconds, which Arrow has no other text for."""
    total = pa.scalar(0, pa.int64())
    fine, digits = ("n", 9) if "n" in part else ("u", 6)
    for key, times in {"D": 1, "H": 24, "M": 60, "S": 60, fine: 10**digits}.items():
        text = pc.utf8_rpad(part[key], digits, "0") if key == fine else part[key]
        number = pc.cast(pc.if_else(pc.equal(text, ""), "0", text), pa.int64())
        total = pc.add(pc.multiply(total, times), number)
    return pc.cast(total, pa.string())


def arrow_type(cell_format: CellFormat, kind: str) -> Any:
    """The Arrow type of the cells of a format."""
    if cell_format.date == "time":
        return pa.time32("s")
    if cell_format.date in _SPANS:
        return pa.duration("ns" if cell_format.date == "duration ns" else "us")
    if cell_format.date:
        return pa.timestamp("s") if cell_format.date.endswith(" time") else pa.date32()
    return pa.int64() if kind == "integer" else pa.float64()


def guess_formats(
    texts: Any, decimal_first: bool, stated: tuple[str | None, str | None]
) -> list[CellFormat]:
    """What the format of some texts may be, the likeliest first; those of dates before numbers.

    Args:
        texts: an Arrow array, some of a column's.
        decimal_first: whether a comma is likelier before decimals than between thousands.
        stated: what the user says stands before decimals and between thousands.
    """
    assert is_text(texts.type)
    found = []
    if pc.all(pc.match_substring_regex(texts, r"^[A-Za-z0-9 :./,+-]{4,40}$")).as_py():
        found = list(_date_formats())
    found += _guessed_numbers(texts, decimal_first, stated)
    # a few texts rule out most of them, for a hundredth of what all texts cost
    few = texts[:_FIRST_TRIED].to_pylist()
    found = [each for each in found if all(map(_matcher(each), few))]
    # where no text has the mark between thousands, the format without it fits as well or as badly
    letters = set("".join(texts.to_pylist())) if found else set()
    tried = [
        each if letters & set(_MARKS.get(each.thousands, each.thousands)) else _without_mark(each)
        for each in found
    ]
    fits = {each: normalized(texts, each) is not None for each in dict.fromkeys(tried)}
    return [each for each, like in zip(found, tried, strict=True) if fits[like]]


# What follows is asked of many columns, and there are few formats.
@cache
def _date_formats() -> tuple[CellFormat, ...]:
    return tuple(CellFormat(date=name) for name in DATES)


@cache
def _matcher(cell_format: CellFormat) -> Callable[[str], Any]:
    return re.compile(cell_format.regex()).match


@cache
def _without_mark(cell_format: CellFormat) -> CellFormat:
    return replace(cell_format, thousands="")


def _ends_of(text: str) -> list[str]:
    """The units and currencies that a text ends with."""
    if not text.endswith(_AFTER):
        return []
    return [each for each in _AFTER if text.endswith(each)]


def _guessed_numbers(
    texts: Any, decimal_first: bool, stated: tuple[str | None, str | None]
) -> list[CellFormat]:
    first = texts[0].as_py() if len(texts) else ""
    if not any(letter.isdecimal() for letter in first):
        return []
    bare = first.strip("()+-\u2212 \u00a0")
    before = next((each for each in _CURRENCIES if bare.startswith(each)), "")
    stripped = re.sub(r"[KkMmBb]$", "", bare) if before else bare
    after = next(iter(_ends_of(stripped)), "")
    after = max(_ends_of(bare), key=len, default=after)
    if before and after and after.lower() in "kmb":
        after = ""
    signs = list(_SIGNS)
    if decimal_first:
        signs = [(",", "."), (",", " "), *(each for each in signs if each[0] == ".")]
    signs = [
        (decimal, thousands)
        for decimal, thousands in signs
        if stated[0] in (None, decimal) and stated[1] in (None, thousands)
    ]
    return [
        CellFormat(decimal=decimal, thousands=thousands, before=before, after=after)
        for decimal, thousands in signs
    ]
