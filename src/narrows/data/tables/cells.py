"""Cells of any type as numbers, texts or codes of classes, and back into cells."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from narrows.data.tables.arrow_types import is_text, number_dtype, type_from_text
from narrows.errors import DataError
from narrows.support.lazy_modules import pa, pc
from narrows.support.spelling import spelt

#: Codes of cells that are no known class.
MISSING, UNKNOWN = -1, -2

# The square of a number, summed over any table, must be a number.
_LARGEST = 1e150
# Numbers in the way of an identifier, which must keep its zeros, hexadecimal ones, and "nan".
_NOT_A_NUMBER = r"^[+-]?(0[0-9xX]|[nN])"
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
# Seconds since 1970 of the first and the last day that Python's dates know: 0001-01-01, 9999-12-31.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_214_400
_DAY = 86_400
_STEPS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def whole(array: Any) -> Any:
    """An Arrow array or chunked array as one array."""
    if not isinstance(array, pa.ChunkedArray):
        return array
    if pa.types.is_dictionary(array.type):
        array = array.unify_dictionaries()
    if array.num_chunks == 1:
        return array.chunk(0)
    return pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0, array.type)


def to_numbers(array: Any, name: str, kind: str, dtype: str, row: int) -> np.ndarray:
    """Cells as float64 (n,), NaN where missing; dates in the unit of ``dtype`` since 1970.

    Args:
        array: an Arrow array.
        name: the column's, for messages.
        kind: "numeric", "integer", "boolean" or "date".
        dtype: the Arrow type of the column, as text.
        row: the row of the first cell, for messages.

    Raises:
        DataError: a cell is no such number, infinite, or too large.
    """
    array = without_dictionary(array)
    if is_text(array.type):
        array = _parsed(array, name, kind, dtype, row)
    if array.type == pa.float64() and kind == "numeric":  # Arrow's own way, for a fifth of the time
        numbers = array.to_numpy(zero_copy_only=False)
        _check_numbers(numbers, array, name, kind, row)
        return numbers
    missing = pc.is_null(array).to_numpy(zero_copy_only=False)
    try:
        numbers = _plain_numbers(array, kind, dtype)
    except (pa.ArrowException, ValueError) as error:
        at = int(np.argmin(missing)) if not missing.all() else 0
        raise not_of_kind(name, kind, displayed(array, at), row + at) from error
    numbers[missing] = np.nan
    _check_numbers(numbers, array, name, kind, row)
    return numbers


def _plain_numbers(array: Any, kind: str, dtype: str) -> np.ndarray:
    type_ = array.type
    if pa.types.is_null(type_):
        return np.full(len(array), np.nan)
    if pa.types.is_temporal(type_) != (kind == "date"):
        raise ValueError("dates are no numbers")
    if kind == "date":
        wanted = type_from_text(dtype)
        array = array.cast(wanted, safe=False)
        array = array.cast(pa.int32() if wanted.bit_width == 32 else pa.int64())
    elif pa.types.is_boolean(type_):
        array = array.cast(pa.uint8())
    elif pa.types.is_decimal(type_):
        array = array.cast(pa.float64())
    elif pa.types.is_float16(type_):
        array = array.cast(pa.float32())  # older releases fill no gaps of float16
    zero = pa.scalar(0, array.type)
    return array.fill_null(zero).to_numpy(zero_copy_only=False).astype(np.float64)


def _check_numbers(numbers: np.ndarray, array: Any, name: str, kind: str, row: int) -> None:
    extreme = np.abs(numbers) > _LARGEST
    if extreme.any():
        at = int(np.argmax(extreme))
        raise _of_row(
            row + at,
            f"column {name!r} holds {numbers[at]:g} in {row_name(row + at)}, and numbers must be "
            f"finite and at most {_LARGEST:g}",
            hint="correct it, leave the cell empty, or take the logarithm of the column",
        )
    if kind not in ("integer", "boolean"):
        return
    wrong = ~np.isnan(numbers)
    if kind == "integer":
        wrong &= numbers != np.rint(numbers)
    else:
        wrong &= (numbers != 0) & (numbers != 1)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise not_of_kind(name, kind, displayed(array, at), row + at)


def row_name(row: int) -> str:
    """What row ``row``, the first of which is 1, is called where no line is known: by its number
    from 0, as results have it."""
    return f"row {row - 1:,}"


def not_of_kind(name: str, kind: str, value: Any, row: int) -> DataError:
    """An error about a cell that is not of its column's kind."""
    what = {"numeric": "a number", "integer": "a whole number", "boolean": "true or false"}
    shown = repr(value) if len(repr(value)) <= 60 else f"{value!r:.60}..."
    return _of_row(
        row,
        f"column {name!r} holds {shown} in {row_name(row)}, which is not "
        f"{what.get(kind, 'a date')}",
        hint="correct it, leave the cell empty, or train a new model with the column categorical: "
        f"{spelt('types', {name: 'categorical'})}",
    )


def _of_row(row: int, message: str, hint: str) -> DataError:
    error = DataError(message, hint=hint)
    error.row = row
    return error


def displayed(array: Any, at: int) -> Any:
    """A cell for people: dates and times as texts, to the microsecond; others as they are."""
    cell = to_microseconds(array.slice(at, 1))
    is_text = pa.types.is_temporal(array.type) and not cell.null_count
    return str(cell[0]) if is_text else cell[0].as_py()


def in_python(array: Any) -> list[Any]:
    """Cells as Python values, dates and times to the microsecond."""
    return to_microseconds(array).to_pylist()


def to_microseconds(array: Any) -> Any:
    """Cells without what dates and times have of nanoseconds: pandas' own texts and objects stand
    for those in Python, and without pandas there are none."""
    if getattr(array.type, "unit", "") != "ns":
        return array
    wanted = pa.time64("us") if pa.types.is_time(array.type) else pa.duration("us")
    if pa.types.is_timestamp(array.type):
        wanted = pa.timestamp("us", array.type.tz)
    return array.cast(wanted, safe=False)


def _parsed(array: Any, name: str, kind: str, dtype: str, row: int) -> Any:
    """Texts as cells of the type that ``kind`` needs."""
    wanted = {"numeric": pa.float64(), "integer": pa.float64(), "boolean": pa.bool_()}
    type_ = wanted.get(kind) or type_from_text(dtype)
    parsed = parse(array, type_)
    if parsed is None:
        at = _first_unparsable(array, type_)
        raise not_of_kind(name, kind, displayed(array, at), row + at)
    return parsed


def parse(array: Any, type_: Any) -> Any:
    """Texts as cells of ``type_``, or None if some are none.

    Booleans are true, yes, 1 and false, no, 0 in any case; dates are ISO 8601; a number that
    begins with a 0 before other digits is an identifier, and none; nor is nan one.
    """
    if pa.types.is_boolean(type_):
        lower = pc.utf8_lower(array)
        true = pc.is_in(lower, pa.array(_TRUE, lower.type))
        false = pc.is_in(lower, pa.array(_FALSE, lower.type))
        known = pc.or_(pc.or_(true, false), pc.is_null(array))
        all_known = pc.all(known, min_count=0).as_py()  # of no cells too
        return pc.if_else(pc.is_null(array), None, true) if all_known else None
    try:
        parsed = array.cast(type_)
    except pa.ArrowException:
        return None
    if not pa.types.is_temporal(type_):
        strange = pc.match_substring_regex(array, _NOT_A_NUMBER)
        if pc.any(strange).as_py():
            return None
    return parsed


def as_type(array: Any, type_: Any) -> Any:
    """Cells as an Arrow array of ``type_``, no dictionary; texts as :func:`parse` reads them.

    Of a column's own cells: what :func:`to_numbers` takes for a number, or any text.
    """
    array = without_dictionary(array)
    if array.type == type_:
        return array
    if not is_text(array.type) or is_text(type_):
        return array.cast(type_, safe=False)
    parsed = parse(array, type_)
    if parsed is None and pa.types.is_integer(type_):  # such as 3.0
        return array.cast(pa.float64()).cast(type_)
    return array.cast(type_) if parsed is None else parsed


def _first_unparsable(array: Any, type_: Any) -> int:
    low, high = 0, len(array)  # array[:low] can be parsed, array[:high] cannot
    while high - low > 1:
        middle = (low + high) // 2
        if parse(array[low:middle], type_) is None:
            high = middle
        else:
            low = middle
    return low


def to_texts(array: Any) -> Any:
    """Cells of any type as an Arrow array of texts."""
    array = without_dictionary(array)
    if pa.types.is_duration(array.type):
        array = array.cast(pa.int64())  # Arrow has no text for them
    elif pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    return array.cast(pa.string())


def to_written(array: Any) -> Any:
    """The same, durations as pandas writes them: ``0 days 00:08:23``."""
    if not pa.types.is_duration(array.type):
        return to_texts(array)
    steps = _STEPS[array.type.unit]
    numbers = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    seconds, parts = np.divmod(numbers, steps)
    days, seconds = np.divmod(seconds, _DAY)
    nanoseconds = parts * (10**9 // steps)
    fine = nanoseconds % 1000 != 0
    clock = [seconds // 3600, seconds // 60 % 60, seconds % 60]
    two = [pc.utf8_lpad(pa.array(each).cast(pa.string()), 2, "0") for each in clock]
    digits = pc.utf8_lpad(pa.array(nanoseconds).cast(pa.string()), 9, "0")
    digits = pc.if_else(pa.array(fine), digits, pc.utf8_slice_codeunits(digits, 0, 6))
    texts = pc.binary_join_element_wise(
        pa.array(days).cast(pa.string()),
        pc.if_else(pa.array(days < 0), " days +", " days "),
        pc.binary_join_element_wise(*two, ":"),
        pc.if_else(pa.array(nanoseconds > 0), pc.binary_join_element_wise(".", digits, ""), ""),
        "",
    )
    return pc.if_else(array.is_valid(), texts, None)


def to_codes(array: Any, categories: Sequence[str]) -> tuple[np.ndarray, Counter[str]]:
    """The index of each cell in ``categories``, MISSING or UNKNOWN, and how often each unknown one
    came: int64 (n,) and counts by text."""
    texts = to_texts(array)
    found = pc.index_in(texts, pa.array(categories, pa.string()))
    codes = found.fill_null(UNKNOWN).to_numpy(zero_copy_only=False).astype(np.int64)
    codes[pc.is_null(texts).to_numpy(zero_copy_only=False)] = MISSING
    unknown = codes == UNKNOWN
    counts: Counter[str] = Counter()
    if unknown.any():
        counts.update(text_counts(texts.filter(pa.array(unknown))))
    return codes, counts


def text_counts(texts: Any) -> dict[str, int]:
    """How often each text comes in an Arrow array; missing ones are not counted."""
    counted = texts.drop_null().value_counts()
    values, counts = counted.flatten()
    return dict(zip(values.to_pylist(), counts.to_pylist(), strict=True))


def from_texts(texts: Any, type_: Any) -> Any:
    """Texts that :func:`to_texts` gave, or an Arrow array of them, as an Arrow array of ``type_``.

    Raises:
        ValueError: one is no value of the type.
    """
    array = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    if pa.types.is_time(type_):  # which Arrow reads as a part of a moment only
        moments = pc.binary_join_element_wise("1970-01-01", array, " ")
        return moments.cast(pa.timestamp(type_.unit)).cast(type_)
    if pa.types.is_duration(type_):
        return array.cast(pa.int64()).cast(type_)
    if pa.types.is_float16(type_):
        return array.cast(pa.float32()).cast(type_)
    return array.cast(type_)


def from_numbers(numbers: np.ndarray, type_: Any) -> Any:
    """Numbers, NaN where missing, as an Arrow array of ``type_``: rounded and clipped where that
    holds whole numbers, dates or truth values."""
    missing = np.isnan(numbers)
    numbers = np.where(missing, 0.0, numbers)
    if pa.types.is_boolean(type_):
        return pa.array(numbers >= 0.5, mask=missing)
    if pa.types.is_floating(type_):
        dtype = number_dtype(type_)
        limit = float(np.finfo(dtype).max)
        return pa.array(np.clip(numbers, -limit, limit).astype(dtype), mask=missing)
    if pa.types.is_decimal(type_):
        limit = 10.0 ** (type_.precision - type_.scale)
        clipped = np.clip(numbers, np.nextafter(-limit, 0), np.nextafter(limit, 0))
        rounded = pc.round(pa.array(clipped, mask=missing), min(type_.scale, 15))
        return rounded.cast(type_, safe=False)
    low, high = whole_limits(type_)
    whole = np.rint(np.clip(numbers, low, high)).astype(number_dtype(type_))
    array = pa.array(whole, mask=missing)
    return array.cast(type_) if pa.types.is_temporal(type_) else array


def whole_limits(type_: Any) -> tuple[float, float]:
    """The lowest and the highest number that a cell of whole numbers, dates or times can be."""
    held = np.iinfo(number_dtype(type_))
    # The highest integer of 64 bits is no float64.
    highest = float(held.max) if held.bits < 64 else float(np.nextafter(float(held.max), 0))
    low, high = _date_limits(type_) or (float(held.min), highest)
    return max(low, float(held.min)), min(high, highest)


def _date_limits(type_: Any) -> tuple[float, float] | None:
    """The lowest and highest number that a type of dates or times stands for."""
    if not pa.types.is_temporal(type_):
        return None
    if pa.types.is_duration(type_) or str(type_).startswith("timestamp[ns"):
        return None  # nothing but the 64 bits limits them
    if pa.types.is_date32(type_):
        return _FIRST_SECOND / _DAY, _LAST_SECOND / _DAY
    steps = _STEPS["ms" if pa.types.is_date64(type_) else type_.unit]
    if pa.types.is_time(type_):
        return 0.0, float(_DAY * steps - 1)
    return float(_FIRST_SECOND * steps), float(_LAST_SECOND * steps)


def coarsest_step(numbers: np.ndarray, type_: Any) -> int:
    """The longest of day, hour, minute and so on that all dates and times are whole numbers of."""
    if not pa.types.is_temporal(type_) or pa.types.is_date32(type_):
        return 1
    steps = _STEPS["ms" if pa.types.is_date64(type_) else type_.unit]
    divisor = int(np.gcd.reduce(numbers.astype(np.int64), initial=0))
    spans = [span * steps for span in (_DAY, 3600, 60, 1)]
    spans += [step for step in (10**6, 10**3, 1) if step < steps] or [1]
    return next(span for span in spans if divisor % span == 0)


def from_codes(
    codes: np.ndarray,
    classes: Sequence[str | None],
    type_: Any,
    levels: Sequence[str],
) -> Any:
    """Classes by their index as an Arrow array of ``type_``.

    Args:
        codes: int64 (n,), indices into ``classes``.
        classes: texts, None for a missing cell.
        type_: the column's Arrow type.
        levels: the classes that a dictionary type declares, in its order.
    """
    dictionary = pa.types.is_dictionary(type_)
    value_type = type_.value_type if dictionary else type_
    if not dictionary:
        # Arrow takes no places of string views.
        plain = pa.string() if is_text(value_type) else value_type
        return from_texts(classes, plain).take(pa.array(codes)).cast(value_type)
    declared = list(dict.fromkeys([*levels, *(text for text in classes if text is not None)]))
    place = {text: index for index, text in enumerate(declared)}
    places = [None if text is None else place[text] for text in classes]
    index_type = type_.index_type if len(declared) <= 127 else pa.int32()
    indices = pa.array(places, index_type).take(pa.array(codes))
    return pa.DictionaryArray.from_arrays(
        indices, from_texts(declared, value_type), ordered=type_.ordered
    )


def repeated(text: str | None, count: int, type_: Any, levels: Sequence[str]) -> Any:
    """An Arrow array of ``type_`` with one value ``count`` times, missing for None."""
    if pa.types.is_null(type_):
        return pa.nulls(count)
    return from_codes(np.zeros(count, np.int64), [text], type_, levels)


def without_dictionary(array: Any) -> Any:
    """The cells of an Arrow array as they are, where it holds places in a dictionary."""
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
