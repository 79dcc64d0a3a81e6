"""Tables for tests of archives: every type of column, with everything in it that may be."""

import datetime
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

_DAY = datetime.date(2024, 2, 28)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_ODD = st.sampled_from([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e300, 5e-324, 0.1])


def _decimals(digits: int, scale: int) -> st.SearchStrategy[decimal.Decimal]:
    most = 10**digits - 1
    with decimal.localcontext(prec=60):
        return st.integers(-most, most).map(lambda n: decimal.Decimal(n).scaleb(-scale, _WIDE))


_WIDE = decimal.Context(prec=60)


def _integers(bits: int, signed: bool) -> st.SearchStrategy[int]:
    most = (1 << bits - signed) - 1
    return st.integers(-most - 1 if signed else 0, most) | st.integers(0, 3)


#: By Arrow type: what its cells may be.
CELLS: dict[Any, st.SearchStrategy[Any]] = {
    pa.bool_(): st.booleans(),
    pa.int8(): _integers(8, True),
    pa.uint16(): _integers(16, False),
    pa.int32(): _integers(32, True),
    pa.int64(): _integers(64, True),
    pa.uint64(): _integers(64, False),
    pa.float16(): st.floats(width=16).map(np.float16),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats() | _ODD | st.integers(-40, 40).map(lambda n: n / 4),
    pa.string(): _TEXTS | st.sampled_from(["", "a", "NA", "ä\n", '"', "007"]),
    pa.large_string(): _TEXTS,
    pa.string_view(): _TEXTS,
    pa.date32(): st.integers(-50, 50).map(lambda n: _DAY + datetime.timedelta(n)),
    pa.timestamp("us", "Europe/Oslo"): _integers(40, True),
    pa.timestamp("ns"): _integers(60, True),
    pa.duration("ms"): _integers(40, True),
    pa.time32("s"): st.integers(0, 86_399),
    pa.time64("us"): st.integers(0, 86_399_999_999),
    pa.decimal128(12, 3): _decimals(12, 3),
    pa.decimal128(30, 2): _decimals(30, 2),
    pa.null(): st.none(),
    pa.dictionary(pa.int8(), pa.string()): st.sampled_from(["x", "y", "", "ü"]),
    pa.dictionary(pa.int32(), pa.int64(), ordered=True): st.integers(-3, 3),
}


@st.composite
def any_column(draw: st.DrawFn, rows: int, type_: Any = None) -> Any:
    """A column of any type, or of one, with missing cells or without."""
    type_ = draw(st.sampled_from(list(CELLS))) if type_ is None else type_
    cells = CELLS[type_]
    if draw(st.booleans()):
        cells = st.none() | cells
    if draw(st.booleans()):
        cells = st.sampled_from(draw(st.lists(cells, min_size=1, max_size=3)))
    values = draw(st.lists(cells, min_size=rows, max_size=rows))
    if pa.types.is_dictionary(type_):
        plain = pa.array(values, type_.value_type).dictionary_encode()
        return plain.cast(type_) if not type_.ordered else _ordered(plain, type_)
    return pa.array(values, type_)


def _ordered(array: Any, type_: Any) -> Any:
    indices = array.indices.cast(type_.index_type)
    return pa.DictionaryArray.from_arrays(indices, array.dictionary, ordered=True)


@st.composite
def any_table(draw: st.DrawFn) -> Any:
    """Any table of few rows, also of none."""
    rows = draw(st.integers(0, 30))
    names = draw(st.lists(_TEXTS, min_size=1, max_size=5, unique=True))
    return pa.table([draw(any_column(rows)) for _ in names], names=names)


def assert_same_table(result: Any, expected: Any) -> None:
    """The same names, types, categories, missing cells and bits of values."""
    assert result.schema.equals(expected.schema)
    assert result.num_rows == expected.num_rows
    for ours, theirs in zip(result.columns, expected.columns, strict=True):
        assert_same_column(ours.combine_chunks(), theirs.combine_chunks())


def assert_same_column(ours: Any, theirs: Any) -> None:
    assert ours.type == theirs.type
    if pa.types.is_floating(ours.type):
        assert ours.is_null().equals(theirs.is_null())
        bits = [
            np.asarray(each.drop_null().to_numpy(zero_copy_only=False)).tobytes()
            for each in (ours, theirs)
        ]
        assert bits[0] == bits[1]
        return
    if pa.types.is_dictionary(ours.type):
        assert ours.dictionary.to_pylist() == theirs.dictionary.to_pylist()
        ours, theirs = ours.cast(ours.type.value_type), theirs.cast(theirs.type.value_type)
    ours.validate(full=True)
    if str(ours.type) == "string_view":
        ours, theirs = ours.cast(pa.string()), theirs.cast(pa.string())
    assert ours.equals(theirs)


def related_table(rows: int = 600) -> Any:
    """Columns that follow from one another, from the rows above, or from nothing."""
    random = np.random.default_rng(0)
    base = random.integers(0, 40, rows)
    walk = np.cumsum(random.integers(-3, 4, rows)) + 1000
    color = np.array(["red", "green", "blue", "grün"])[base % 4]
    return pa.table(
        {
            "base": base,
            "twice": 2 * base + random.integers(0, 2, rows),
            "walk": walk,
            "price": np.round(base * 1.25 + random.normal(0, 0.5, rows), 2),
            "color": color,
            "gap": pa.array(base * 3, mask=base % 5 == 0),
            "kind": pa.array(color).dictionary_encode(),
            "id": [f"row-{number}" for number in range(rows)],
            "one": np.ones(rows, "i1"),
            "noise": random.random(rows),
        }
    )
