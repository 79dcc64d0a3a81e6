"""Which types lose nothing of what texts say.

A number is one only if the type holds it exactly: as an integer, or as a double whose shortest
spelling is the same number as the text's. So 76561198012345678 beside 0.5, 2.3e-412, 1e400, +47 and
007 stay texts. What learns from a table asks less: cells are numbers there that are read as some
(:mod:`narrows.data.tables.text_cells`, which has what both try and in which order).
"""

import decimal
import re
from typing import Any

from narrows.data.tables.cells import parse
from narrows.data.tables.text_cells import are_truth_words, candidate_types
from narrows.support.lazy_modules import pa, pc

_INTEGER = r"^(0|-?[1-9][0-9]*)$"
_FLOAT = r"^-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITE = r"^-?(inf|Inf|INF|infinity|Infinity)$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class TypeFinder:
    """Takes a column's texts in blocks and finds the narrowest type that all of them fit."""

    def __init__(self) -> None:
        self._fitting, self._seen = candidate_types(), False

    def add(self, texts: Any) -> None:
        """More texts, an Arrow array without missing ones."""
        if len(texts):
            self._seen = True
            self._fitting = [each for each in self._fitting if typed(texts, each) is not None]

    @property
    def found(self) -> Any:
        """The Arrow type; that of texts where there is no other, or no text."""
        return self._fitting[0] if self._fitting and self._seen else pa.string()


def typed(texts: Any, type_: Any) -> Any:
    """Texts as cells of a type, but for the blanks around them; None where one of them is none, or
    says more than it would."""
    types, texts = pa.types, pc.ascii_trim(texts, " \t")
    if types.is_boolean(type_):
        return parse(texts, type_) if are_truth_words(texts) else None
    if types.is_integer(type_):
        return parse(texts, type_) if _all_match(texts, _INTEGER) else None
    if types.is_floating(type_):
        parsed = parse(texts, type_) if _all_match(texts, f"{_FLOAT}|{_INFINITE}") else None
        # whether doubles hold all of them, going by their shortest spelling
        exact = parsed is not None and all(map(_is_exact, texts.drop_null().unique().to_pylist()))
        return parsed if exact else None
    if not _begins_as_a_day(texts) or (types.is_date(type_) and not _all_match(texts, _DATE)):
        return None
    return parse(texts, type_)


def _begins_as_a_day(texts: Any) -> bool:
    """Whether the first text does: to look at all of them takes long."""
    present = texts.drop_null()
    return not len(present) or re.match("[0-9]{4}-", present[0].as_py()) is not None


def _all_match(texts: Any, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(texts, pattern)).as_py() is not False


def _is_exact(text: str) -> bool:
    shortest = repr(float(text))
    if text == shortest or f"{text}.0" == shortest or "nf" in text.lower():
        return True
    if "inf" in shortest:
        return False
    try:
        return decimal.Decimal(text) == decimal.Decimal(shortest)
    except decimal.InvalidOperation:  # an exponent beyond all limits
        return False
