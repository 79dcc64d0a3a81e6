"""Data frames, series, indexes and arrays come back from an archive as they were, or are refused by
name."""

import datetime as dt
import fractions
import io
import sys
import uuid
import zoneinfo
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from helpers.archive_cases import forged, parts_of
from helpers.optional import optional
from narrows import compress, decompress
from narrows.archive import opening
from narrows.archive.tables import verify_table
from narrows.data.tables.frames import frame_from_arrow, frame_to_arrow
from narrows.errors import ArchiveError, DataError, ShapeError, UsageError

pd = optional("pandas")
pl = optional("polars")

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
DATES = ["2020-07-01 12:00:00", None, "1969-12-31 23:59:59"]


def arrow(values: list, type_: Any) -> Any:
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, type_)]))


def objects(*values: Any) -> Any:
    return pd.Series(values, dtype=object)


#: What columns of pandas hold: of every dtype, with missing values and with the largest there are.
COLUMNS: dict[str, Any] = {
    "Int64": pd.array([1, None, 2**53 + 1], "Int64"),
    "UInt64": pd.array([1, None, 2**64 - 1], "UInt64"),
    "Int8": pd.array([1, None, -128], "Int8"),
    "uint64": np.array([0, 2**64 - 1, 3], np.uint64),
    "Float32": pd.array([1.1, None, float("inf")], "Float32"),
    "NaN beside NA": pd.arrays.FloatingArray(np.array([1, np.nan, 3]), np.array([0, 0, 1], bool)),
    "boolean": pd.array([True, None, False], "boolean"),
    "float16": np.array([1.1, np.nan, -0.0], np.float16),
    "other byte order": np.array([1, 2, 3], ">i4"),
    "string, python": pd.array(["a", None, "ß"], pd.StringDtype("python")),
    "string, pyarrow": pd.array(["a", None, "ß"], pd.StringDtype("pyarrow")),
    "str": pd.array(["a", np.nan, "ß"], "str"),
    "int64[pyarrow]": arrow([1, None, 2**53 + 1], pa.int64()),
    "dictionary[pyarrow]": pd.arrays.ArrowExtensionArray(
        pa.chunked_array([pa.array(["x", None, "y"]).dictionary_encode()])
    ),
    "decimal[pyarrow]": arrow([Decimal("1.50"), None, Decimal("-3")], pa.decimal128(5, 2)),
    "decimal256[pyarrow]": arrow([Decimal(10**50), None, Decimal(-3)], pa.decimal256(60, 3)),
    "decimal64[pyarrow]": arrow([Decimal("1.50"), None, Decimal("-3")], pa.decimal64(12, 2)),
    "binary[pyarrow]": arrow([b"\xff\0", None, b""], pa.binary()),
    "time[pyarrow]": arrow([dt.time(1, 2), None, dt.time(0)], pa.time64("ns")),
    "date[pyarrow]": arrow([dt.date(2020, 1, 1), None, dt.date(1, 1, 1)], pa.date32()),
    "duration[pyarrow]": arrow([dt.timedelta(1), None, dt.timedelta(-1)], pa.duration("ms")),
    "stamp[pyarrow]": arrow([dt.datetime(2020, 1, 1), None], pa.timestamp("s", "+01:30")),
    "category": pd.Categorical(["a", None, "b"], categories=["c", "b", "a"], ordered=True),
    "category of integers": pd.Categorical([2**60 + 1, None, 1]),
    "category of Int64": pd.Categorical(pd.array([1, None, 2**53 + 1], "Int64")),
    "category of dates": pd.Categorical(pd.to_datetime(DATES).tz_localize(BERLIN)),
    "category of date": pd.Categorical([dt.date(2020, 1, 1), None, dt.date(1, 1, 1)]),
    "category of intervals": pd.cut([1, 5, np.nan, 9], 3),
    "category of periods": pd.Categorical(pd.PeriodIndex(["2020-01", None], freq="M")),
    "category of objects": pd.Categorical([1, "a", None]),
    "category of nothing": pd.Categorical([None, None]),
    "period": pd.PeriodIndex(["2020-01-06", None, "1969-05-05"], freq="Q-FEB"),
    "interval": pd.arrays.IntervalArray.from_tuples([(0.1, 1), np.nan, (2, np.inf)], closed="left"),
    "interval of times": pd.interval_range(pd.Timestamp("2020", tz=BERLIN), periods=3),
    "sparse": pd.arrays.SparseArray([0, 0, 1]),
    "sparse, NaN": pd.arrays.SparseArray([np.nan, 0, 1.5], fill_value=0.0),
    "datetime64[s]": np.array(["0001-01-01", "NaT", "9999-12-31"], "M8[s]"),
    "datetime64[ns]": np.array(["1970-01-01", "NaT", "2262-04-11"], "M8[ns]"),
    "zone": pd.Series(pd.to_datetime(DATES, utc=True).tz_convert(BERLIN)),
    "offset": pd.to_datetime(DATES, utc=True).tz_convert(dt.timezone(dt.timedelta(seconds=-3661))),
    "timedelta64": np.array([1, "NaT", -5], "m8[us]"),
    "integers": objects(1, None, 2**70),
    "huge integers": objects(10**5000, -(2**64)),
    "decimals": objects(Decimal("1.50"), None, Decimal("-3.00")),
    "mixed decimals": objects(Decimal("1E+5"), Decimal("-0.00"), Decimal("NaN")),
    "dates": objects(dt.date(2020, 1, 1), None, dt.date(1, 1, 1)),
    "times": objects(dt.time(1, 2, 3, 4), None),
    "moments": objects(dt.datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN, fold=1), pd.NaT, None),
    "bytes": objects(b"a\xff", None, b""),
    "texts": objects("a", None, "b"),
    "texts and NaN": objects("a", np.nan, "b"),
    "halves of letters": objects("a\ud800", None),
    "kinds of nothing": objects(None, np.nan, pd.NA, pd.NaT),
    "True and 1": objects(True, 1, 1.0, "1", np.int8(1), None),
    "everything": objects(
        *(1, "a", 2.5, True, b"x", None, -0.0, 1 + 2j, (1, "a", None), uuid.UUID(int=5)),
        *(fractions.Fraction(1, 3), dt.timedelta(1, 2, 3), np.float32(0.1), np.datetime64("2020")),
        *(pd.Timestamp("2020", tz=BERLIN), pd.Timedelta("1s"), pd.Period("2020-01", "M")),
        pd.Interval(0, 1),
    ),
}


def assert_same(result: Any, expected: Any) -> None:
    """The same dtype, categories, classes of objects, values and missing ones."""
    pd.testing.assert_series_equal(result, expected, check_exact=True, check_freq=True)
    assert repr(result.dtype) == repr(expected.dtype)
    if expected.dtype == object:
        assert list(map(type, result)) == list(map(type, expected))
    if isinstance(expected.dtype, pd.CategoricalDtype):
        ours, theirs = result.cat.categories, expected.cat.categories
        pd.testing.assert_index_equal(ours, theirs, exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_pandas_comes_back(name: str) -> None:
    if name == "everything":  # NumPy's years are no time of pandas
        COLUMNS[name][13] = np.datetime64("2020-01-01")
    X = pd.DataFrame({"x": COLUMNS[name]})
    for part in (X, X[:0], X[1:2]):
        result = there_and_back(part, name)
        assert_same(result["x"], part["x"])
        pd.testing.assert_index_equal(result.index, part.index, exact=True)
    assert_same(there_and_back(X["x"], name), X["x"])


def there_and_back(X: Any, name: str) -> Any:
    if name in ("everything", "huge integers", "interval of times"):  # long texts take seconds
        return frame_from_arrow(*frame_to_arrow(X))
    return decompress(compress(X, effort="fast"))


INDEXES = [
    pd.RangeIndex(5, 11, 2),
    pd.RangeIndex(2, -1, -1, name="r"),
    pd.Index([5, 3, 3], name=0),
    pd.Index(["a", None, "c"], name=("t", 1)),
    pd.date_range("2020", periods=3, freq="MS", tz=BERLIN, name="when"),
    pd.period_range("2020", periods=3, freq="M"),
    pd.MultiIndex.from_tuples([("a", 1), ("a", None), ("b", 2**53 + 1)], names=["x", None]),
    pd.MultiIndex.from_product([pd.date_range("2020", periods=3), ["a"]], names=["a", "a"]),
    pd.MultiIndex.from_arrays([pd.cut([1, 2, 3], 2), pd.array([1, None, 3], "Int64")]),
    pd.CategoricalIndex(["a", "b", "a"], categories=["b", "a", "z"], ordered=True),
    pd.Index([3, 4, 5], name="a"),
    pd.Index([1.5, np.nan, 2.0]),
]


@pytest.mark.slow
@pytest.mark.parametrize("index", INDEXES, ids=repr)
def test_an_index_comes_back(index: Any) -> None:
    X = pd.DataFrame({"a": [1.5, 2, 3], "index": ["x", None, "z"]}, index=index)
    result = decompress(compress(X, 0.5, effort="fast"))
    pd.testing.assert_frame_equal(result, X, atol=0.5, rtol=0, check_freq=True)
    pd.testing.assert_index_equal(result.index, index, exact=True)  # under no bound
    alone = decompress(compress(index, effort="fast"))
    pd.testing.assert_index_equal(alone, index, exact="equiv")
    assert_same(decompress(compress(X["a"], effort="fast")), X["a"])
    if index.is_unique:
        wide = pd.DataFrame(np.arange(6).reshape(2, 3), columns=index)
        pd.testing.assert_frame_equal(decompress(compress(wide, effort="fast")), wide)


LABELS: list[list[Any]] = [
    [0, 1],
    [0, "0"],
    [None, "None"],
    [("a", 1), "b"],
    [np.nan, True],
    [pd.Timestamp("2020"), ""],
]


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_labels_of_any_kind_come_back(labels: list[Any]) -> None:
    X = pd.DataFrame([[1.5, 2], [3, 4]])
    X.columns = pd.Index(labels, dtype=object, tupleize_cols=False)
    result = decompress(compress(X, effort="fast"))
    pd.testing.assert_frame_equal(result, X)
    assert list(map(type, result.columns)) == list(map(type, labels))


REFUSED = {
    "list": pd.DataFrame({"bad": [[1], [2]]}),
    "dict": pd.DataFrame({"bad": [{"a": 1}, None]}),
    "complex128": pd.DataFrame({"bad": [1 + 2j, 3]}),
    "builtin_function": pd.DataFrame({"bad": [len, None]}),
    r"list<item: int64>": pd.DataFrame({"bad": arrow([[1], None], pa.list_(pa.int64()))}),
    "month_day_nano": pd.DataFrame({"bad": arrow([None], pa.month_day_nano_interval())}),
    r"List\(Int64\)": pl.DataFrame({"bad": [[1], [2]]}),
    "Struct": pl.DataFrame({"bad": [{"a": 1}]}),
    "Object": pl.DataFrame({"bad": pl.Series([object()], dtype=pl.Object)}),
    "several columns of the name 'bad'": pd.DataFrame([[1, 2]], columns=["bad", "bad"]),
    r"struct<a: int64>": pa.table({"bad": [{"a": 1}]}),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_come_back_is_refused_by_name(text: str) -> None:
    with pytest.raises(DataError, match=text) as error:
        compress(REFUSED[text])
    assert "'bad'" in str(error.value)


POLARS = {
    "Int128": pl.Series([1, None, -(2**100)], dtype=pl.Int128),
    "Enum": pl.Series(["b", None, "a"], dtype=pl.Enum(["a", "b", "unused"])),
    "Categorical": pl.Series(["b", None, "a"], dtype=pl.Categorical),
    "Decimal": pl.Series([Decimal("1.5"), None], dtype=pl.Decimal(30, 2)),
    "Duration": pl.Series([dt.timedelta(1), None], dtype=pl.Duration("ms")),
    "Time": pl.Series([dt.time(1, 2), None]),
    "Datetime": pl.Series([dt.datetime(2020, 1, 1), None]).dt.replace_time_zone("Europe/Berlin"),
    "Binary": pl.Series([b"\xff", None]),
    "Null": pl.Series([None, None]),
    "Int64": pl.Series([None, 2**53 + 1]),
}


@pytest.mark.parametrize("name", POLARS)
def test_a_column_of_polars_comes_back(name: str) -> None:
    for series in (POLARS[name].alias("x"), POLARS[name][:0]):
        result = decompress(compress(series, effort="fast"))
        assert isinstance(result, pl.Series) and result.name == series.name
        assert result.dtype == series.dtype and result.to_list() == series.to_list()
        X = series.alias("y").to_frame()
        found = decompress(compress(X, effort="fast"))
        assert found.schema == X.schema and found.rows() == X.rows()


def test_arrays_of_arrow_come_back_as_they_are() -> None:
    array = pa.array([1, None, 2**53 + 1])
    assert decompress(compress(array)).equals(array)
    chunked = pa.chunked_array([array, array])
    assert decompress(compress(chunked)).equals(chunked)
    batch = pa.record_batch({"a": array})
    assert decompress(compress(batch)).equals(batch)
    table = pa.table([array], schema=pa.schema([pa.field("a", pa.int64(), nullable=False)]))
    assert decompress(compress(table)).schema.equals(table.schema)


MASKED = [
    np.ma.masked_array(np.arange(12.0).reshape(3, 4), np.eye(3, 4, dtype=bool)),
    np.ma.masked_array([1, 2, 3], [0, 1, 0], fill_value=7),
    np.ma.masked_array(np.array([1, 2], ">i2"), [0, 1]),
    np.ma.masked_array([np.nan, 1.0], [0, 1]),
    np.ma.masked_array([True, False]),
    np.ma.masked_array(np.zeros((0, 3))),
]


@pytest.mark.parametrize("masked", MASKED, ids=repr)
def test_a_mask_comes_back_and_what_is_under_it_does_not(masked: Any) -> None:
    result = decompress(compress(masked, effort="fast"))
    assert (result.dtype, result.shape) == (masked.dtype, masked.shape)
    np.testing.assert_array_equal(result.mask, masked.mask)
    np.testing.assert_array_equal(result.compressed(), masked.compressed())
    assert result.fill_value == masked.fill_value
    assert not np.any(result.data[np.ma.getmaskarray(masked)])


def test_a_share_of_the_range_is_of_what_is_not_masked() -> None:
    masked = np.ma.masked_array([0.0, 5, 10, 1e30], [0, 0, 0, 1])
    result = decompress(compress(masked, "1%"))
    np.testing.assert_allclose(result.compressed(), [0, 5, 10], rtol=0, atol=0.1)


@pytest.mark.parametrize(
    "X, text",
    [
        (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "void"),
        (np.rec.array([(1, 2.0)]), "recarray"),
        (np.ones((1, 2)).view(type("Quantity", (np.ndarray,), {})), "Quantity"),
        (np.array(["2020"], "M8[D]"), r"datetime64\[D\]"),
        (np.array([1], "m8[s]"), r"timedelta64\[s\]"),
        (np.array([1, "a"], object), "object"),
        (np.array([2**70]), "object"),
        (np.array([1 + 2j]), "complex128"),
        (np.array([1], np.longdouble), "longdouble|float128"),
        (np.array(["a"]), "str"),
        ([[1, 2], [3]], "no array"),
        (pl.LazyFrame({"a": [1]}), "object"),
    ],
    ids=lambda value: getattr(getattr(value, "dtype", None), "name", None),
)
def test_arrays_that_an_archive_does_not_hold_are_refused(X: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        compress(X)


def test_any_byte_but_zero_is_true() -> None:
    X = np.array([[0, 1, 2], [255, 0, 128]], np.uint8)
    result = decompress(compress(X.view(bool)))
    assert result.dtype == bool and (result.view(np.uint8) == (X != 0)).all()


def test_columns_are_named_by_their_labels_in_bounds() -> None:
    X = pd.DataFrame({0: [0.5, 1.25], 1: [0.5, 1.25]})
    result = decompress(compress(X, {1: 0.5}))
    assert result[0].equals(X[0]) and (result[1] - X[1]).abs().max() <= 0.5
    periods = pd.DataFrame({"p": pd.period_range("2020", periods=50, freq="D")})
    pd.testing.assert_frame_equal(decompress(compress(periods, "10%")), periods)
    with pytest.raises(UsageError, match="asked of 'p'"):
        compress(periods, {"p": 1})


def test_another_index_or_dtype_does_not_verify() -> None:
    X = pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(3, 5))
    with opening.opened(io.BytesIO(compress(X)), "a") as archive:
        assert verify_table(archive, X).rows == 2
        for other in (X.reset_index(drop=True), X.astype("Int64"), X["a"], pa.table({"a": [1, 2]})):
            with pytest.raises(ShapeError, match="differ"):
                verify_table(archive, other)


def test_old_versions_are_told_to_update_where_they_would_lose_something() -> None:
    def kind(X: Any) -> str:
        return parts_of(compress(X))[0]["data"]["kind"]

    simple = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert kind(simple) == kind(pa.table({"a": [1]})) == kind(pl.DataFrame({"a": [1]})) == "table"
    for X in (simple[1:], simple.astype({"a": "Int64"}), simple.T, simple["a"]):
        assert kind(X) == "frame"
    assert kind(pa.table({"a": [b"x"]})) == "frame"


@pytest.mark.parametrize("kind, dtype", [("Int64", "Int64"), ("pyarrow", "int64[pyarrow]")])
def test_whole_numbers_of_archives_of_before_come_back(kind: str, dtype: str) -> None:
    X = pd.DataFrame({"a": pd.array([1, None, 2**53 + 1], dtype)})
    header, parts = parts_of(compress(X))
    del header["data"]["form"]  # as narrows wrote it before there were forms
    header["data"]["kind"] = "table"
    pd.testing.assert_frame_equal(decompress(forged(header, parts)), X)


@pytest.mark.parametrize("before", [False, True])
def test_a_library_that_is_missing_is_named(before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    header, parts = parts_of(compress(pd.DataFrame({"a": [1, 2]})))
    if before:
        del header["data"]["form"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ArchiveError, match="pandas is not installed here"):
        decompress(forged(header, parts))


FORGED: list[Any] = [
    3,
    {"library": "os"},
    {"library": "pandas", "columns": [{"kind": "numpy", "dtype": "O"}, {}]},
    {"library": "pandas", "columns": [{"kind": "classes"}, {"kind": "arrow"}]},
    {"library": "pandas", "columns": [{"kind": "objects", "tagged": True}] * 2},
    {"library": "pandas", "columns": [{"kind": "zoned", "unit": "s", "zone": ["x", "/etc"]}] * 2},
    {"library": "pandas", "columns": [{"kind": "arrow"}] * 2, "index": {"range": [0, 9, 1]}},
    {"library": "pandas", "columns": [{"kind": "arrow"}] * 2, "labels": {"levels": [1]}},
    {"library": "numpy", "shape": "array", "more": {"dtype": "O", "shape": [3]}},
    {"library": "polars", "columns": [{"dtype": "Int128"}] * 2},
]


@pytest.mark.parametrize("form", FORGED, ids=str)
def test_a_forged_form_is_refused(form: Any) -> None:
    header, parts = parts_of(compress(pd.DataFrame({"a": [1.5, 2, 3], "b": ["x", "y", "z"]})))
    header["data"]["form"] = form
    with pytest.raises(ArchiveError, match=r"damaged|is not made again"):
        decompress(forged(header, parts))
