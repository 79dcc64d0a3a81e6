"""How a column writes its values: one rule that makes the text of every cell, or of nearly all."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.archive.tables.text.types import typed
from narrows.support.lazy_modules import pa, pc

MOST_DECIMALS = 30
_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d(?P<separator>[ T])\d\d:\d\d"
    r"(?P<seconds>:\d\d(?:\.(?P<digits>\d{1,6}))?)?(?P<zone>Z|\+00:00)?"
)
_TRUE_AND_FALSE = (("true", "false"), ("True", "False"), ("TRUE", "FALSE"))


@dataclass(frozen=True)
class Spelling:
    """How the cells of a column are written.

    Attributes:
        before: what stands before every cell: nothing, or a blank.
        quoted: whether cells are in double quotes though nothing in them needs it.
        missing: how a missing cell is written, as it stands there.
        form: of the values; its keys depend on the type: ``decimals`` or ``whole`` of floats,
            ``words`` of truth values, ``separator``, ``digits`` and ``zone`` of moments.
    """

    before: str = ""
    quoted: bool = False
    missing: str = ""
    form: Mapping[str, Any] | None = None

    def texts(self, array: Any, delimiter: str) -> Any:
        """The cells of an Arrow array as they stand in the file: Arrow strings (n,)."""
        texts = pa.array([], pa.large_string()) if not len(array) else self._values(array)
        texts = texts.cast(pa.large_string())
        quotes = pa.scalar('"', pa.large_string())
        doubled = pc.replace_substring(texts, '"', '""')
        in_quotes = pc.binary_join_element_wise(
            quotes, doubled, quotes, pa.scalar("", pa.large_string())
        )
        if self.quoted:
            texts = in_quotes
        elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            needed = pc.match_substring_regex(texts, f'[{re.escape(delimiter)}"\r\n]')
            # an empty text must not look like a missing cell
            empty = pc.equal(texts, pa.scalar("", pa.large_string()))
            needed = pc.or_(needed, empty) if self.missing == "" else needed
            texts = pc.if_else(needed, in_quotes, texts)
        texts = pc.fill_null(texts, pa.scalar(self.missing, pa.large_string()))
        if not self.before:
            return texts
        return pc.binary_join_element_wise(
            pa.scalar(self.before, pa.large_string()), texts, pa.scalar("", pa.large_string())
        )

    def _values(self, array: Any) -> Any:
        """The values of cells as text, null where they are missing."""
        types, type_ = pa.types, array.type
        if types.is_string(type_) or types.is_large_string(type_) or types.is_null(type_):
            return array
        # every value once: the same ones come again and again
        encoded = array.dictionary_encode() if not types.is_boolean(type_) else None
        distinct = array if encoded is None else encoded.dictionary
        texts = pa.array(written(distinct, self.form or {}), pa.large_string())
        return texts if encoded is None else texts.take(encoded.indices)


def is_spelled(type_: Any) -> bool:
    """Whether cells of an Arrow type are written in a way of CSV files: it is one of theirs."""
    types = pa.types
    texts = types.is_string(type_) or types.is_large_string(type_) or types.is_null(type_)
    numbers = types.is_boolean(type_) or types.is_integer(type_) or types.is_floating(type_)
    return texts or numbers or types.is_date32(type_) or types.is_timestamp(type_)


def written(array: Any, form: Mapping[str, Any]) -> list[str | None]:
    """Values of an Arrow array as text, in a form. Python's own spelling of numbers, and NumPy's of
    days: both are the same everywhere."""
    types, type_ = pa.types, array.type
    if types.is_boolean(type_):
        true, false = form.get("words", _TRUE_AND_FALSE[0])
        words = {True: true, False: false, None: None}
        return [words[value] for value in array.to_pylist()]
    if types.is_integer(type_):
        return [None if value is None else str(value) for value in array.to_pylist()]
    if types.is_floating(type_):
        return [None if value is None else _float(value, form) for value in array.to_pylist()]
    return _times(array, form)


def _float(value: float, form: Mapping[str, Any]) -> str:
    decimals = form.get("decimals")
    if decimals is not None and np.isfinite(value):
        return f"{value:.{decimals}f}"
    text = repr(value)
    return text.removesuffix(".0") if form.get("whole") else text


def _times(array: Any, form: Mapping[str, Any]) -> list[str | None]:
    """Days and moments."""
    unit = "D" if pa.types.is_date32(array.type) else str(array.type.unit)
    integers = array.cast(pa.int32() if unit == "D" else pa.int64(), safe=False)
    numbers = integers.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    digits = form.get("digits", 0)
    shown: Any = {"D": "D"}.get(unit, {-1: "m", 0: "s"}.get(digits, "us"))
    texts = np.datetime_as_string(numbers.astype(f"datetime64[{unit}]"), unit=shown).tolist()
    if unit != "D":
        cut = 6 - digits if digits > 0 else 0
        separator, zone = form.get("separator", "T"), form.get("zone", "")
        texts = [
            (text[: len(text) - cut] if cut else text).replace("T", separator) + zone
            for text in texts
        ]
    valid = array.is_valid().to_pylist()
    return [text if there else None for text, there in zip(texts, valid, strict=True)]


def form_of(texts: list[str], type_: Any) -> dict[str, Any] | None:
    """The form that writes most of some texts as they are, which are of a type."""
    forms = list(_forms(texts, type_))
    if len(forms) < 2:
        return forms[0] if forms else None
    values = typed(pa.array(texts, pa.string()), type_)
    if values is None:
        return forms[0]
    same = [sum(map(str.__eq__, texts, map(str, written(values, form)))) for form in forms]
    return forms[int(np.argmax(same))]


def _forms(texts: list[str], type_: Any) -> Iterator[dict[str, Any]]:
    """Forms that texts may have, likely ones first."""
    types = pa.types
    if types.is_boolean(type_):
        yield from ({"words": list(words)} for words in _TRUE_AND_FALSE)
    elif types.is_floating(type_):
        yield from ({"whole": False}, {"whole": True})
        counts = Counter(len(text.partition(".")[2]) for text in texts if "." in text)
        for decimals, _ in counts.most_common(2):
            if decimals <= MOST_DECIMALS:
                yield {"decimals": decimals}
    elif types.is_timestamp(type_):
        found = Counter(_stamp_form(text) for text in texts)
        yield from (dict(form) for form, _ in found.most_common(3) if form)


def _stamp_form(text: str) -> tuple[tuple[str, Any], ...]:
    match = _STAMP.fullmatch(text)
    if match is None:
        return ()
    digits = len(match["digits"] or "") if match["seconds"] else -1
    form = {"separator": match["separator"], "digits": digits, "zone": match["zone"] or ""}
    return tuple(form.items())
