"""Tables: every column becomes features of equal weight, and comes back as what it was."""

import datetime
import gzip
import json
import os
import tracemalloc
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.optional import optional
from narrows.data import Dataset, TableSchema, load_data
from narrows.data.tables import SchemaDrift
from narrows.data.tables.cells import from_numbers
from narrows.data.tables.columns import MAX_CATEGORIES
from narrows.errors import DataError, ShapeError, UsageError


def schema_of(data: Dataset) -> TableSchema:
    assert data.table is not None
    return data.table


def kinds(data: Dataset) -> dict[str, str]:
    return {column.name: column.kind for column in schema_of(data).columns}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def mixed(count: int = 500, seed: int = 0) -> pa.Table:
    random = np.random.default_rng(seed)
    gaps = random.random(count) < 0.2
    days = random.integers(10_000, 20_000, count)
    return pa.table(
        {
            "number": 1e6 + random.normal(size=count),
            "gappy": pa.array(random.exponential(size=count), mask=gaps),
            "whole": random.integers(-50, 50, count),
            "flag": random.random(count) < 0.1,
            "maybe": pa.array(random.random(count) < 0.5, mask=gaps),
            "text": random.choice(["a", "b", "c"], count, p=[0.7, 0.2, 0.1]),
            "gappy text": pa.array(random.choice(["x", "y"], count), mask=gaps),
            "day": pa.array(days.astype(np.int32)).cast(pa.date32()),
            "time": pa.array(days * 86_400).cast(pa.timestamp("s")),
        }
    )


def assert_weighed_alike(data: Dataset) -> None:
    """Each column's features have mean 0 and variances that sum to 1."""
    features = data.items.astype(np.float64)
    assert np.abs(features.mean(axis=0)).max() < 1e-4
    for column in schema_of(data).learnt:
        total = features[:, column.features].var(axis=0).sum()
        assert total == pytest.approx(1, rel=1e-4), column.name


# Features


def test_every_column_has_mean_0_and_total_variance_1() -> None:
    assert_weighed_alike(load_data(mixed()))


def test_numbers_are_standardised() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    data = load_data(pa.table({"x": values}))
    expected = (values - values.mean()) / values.std()
    np.testing.assert_allclose(data.items[:, 0], expected, rtol=1e-6)
    assert schema_of(data)["x"].mean == pytest.approx(4)
    assert schema_of(data)["x"].std == pytest.approx(values.std())


def test_a_missing_number_is_average_and_has_a_feature_of_its_own() -> None:
    data = load_data(pa.table({"x": [1.0, None, 3.0, 5.0, None]}))
    value, absent = data.items.T.astype(np.float64)
    np.testing.assert_allclose(value, np.array([-2, 0, 0, 2, 0]) / np.sqrt(8 / 3), rtol=1e-6)
    # Of the variance of 1, the number has the share that is there and the feature the rest.
    assert value.var() == pytest.approx(3 / 5, rel=1e-6)
    assert absent.var() == pytest.approx(2 / 5, rel=1e-6)


def test_categories_share_one_scale() -> None:
    data = load_data(pa.table({"c": ["a", "a", "b", None]}))
    shares = np.array([0.5, 0.25, 0.25])
    raw = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    expected = (raw - shares) / np.sqrt(1 - np.square(shares).sum())
    np.testing.assert_allclose(data.items, expected, rtol=1e-6)
    assert schema_of(data)["c"].classes == ("a", "b", None)


def test_numbers_far_from_zero_keep_their_spread() -> None:
    values = 1e9 + np.arange(1000) % 2
    data = load_data(pa.table({"x": values}))
    assert schema_of(data)["x"].std == pytest.approx(0.5, rel=1e-9)
    np.testing.assert_array_equal(schema_of(data).decode(data.items)["x"], values)


def test_all_rows_make_the_statistics_however_they_come(tmp_path: Path) -> None:
    table = mixed(80_000)
    pa.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=7_000)
    found = schema_of(load_data(tmp_path / "a.parquet"))
    numbers = table["number"].to_numpy()
    assert found["number"].mean == pytest.approx(numbers.mean(), rel=1e-14)
    assert found["number"].std == pytest.approx(numbers.std(), rel=1e-9)


# Splits


def test_held_out_rows_have_no_part_in_the_scaling() -> None:
    training, held_out = load_data(mixed()).split(0.5, seed=1)
    assert training.table == held_out.table
    assert_weighed_alike(training)
    # Those rows alone say the same.
    alone = load_data(schema_of(training).decode(training.items))
    for name in ("number", "gappy", "flag", "maybe", "text", "gappy text"):
        column, expected = schema_of(training)[name], schema_of(alone)[name]
        np.testing.assert_allclose(column.centre, expected.centre, rtol=1e-5)
        np.testing.assert_allclose(column.scale, expected.scale, rtol=1e-5)


def test_a_split_loses_nothing() -> None:
    table = mixed()
    data = load_data(table)
    before = schema_of(data).decode(data.items)
    parts = [schema_of(part).decode(part.items) for part in data.split(0.3, seed=0)]
    for name in ("whole", "flag", "maybe", "text", "gappy text", "day"):
        both = [value for part in parts for value in part[name].to_pylist()]
        assert sorted(map(str, both)) == sorted(map(str, before[name].to_pylist()))
    gaps = sum(part["gappy"].null_count for part in parts)
    assert gaps == table["gappy"].null_count > 0


def test_a_column_that_is_constant_in_the_training_rows_stays_finite() -> None:
    data = load_data(pa.table({"x": [0.0] * 19 + [1.0], "y": [1.0, None] * 10}))
    for seed in range(20):
        for part in data.split(0.1, seed):
            assert np.isfinite(part.items).all()
            numbers = schema_of(part).decode(part.items)["x"].to_numpy()
            np.testing.assert_allclose(numbers, np.rint(numbers), atol=1e-6)


def test_a_large_table_is_split_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    table = mixed()
    expected = load_data(table).split(0.2, seed=3)
    monkeypatch.setattr("narrows.data.storage.LARGEST_IN_MEMORY", 1000)
    monkeypatch.setattr("narrows.data.dataset.LARGEST_IN_MEMORY", 1000)
    data = load_data(table)
    assert isinstance(data.items, np.memmap)
    for part, other in zip(data.split(0.2, seed=3), expected, strict=True):
        assert isinstance(part.items, np.memmap)
        np.testing.assert_array_equal(part.items, other.items)


# Round trips


def round_trip(table: pa.Table) -> pa.Table:
    data = load_data(table)
    schema = TableSchema.from_dict(json.loads(json.dumps(schema_of(data).to_dict())))
    assert schema == data.table
    np.testing.assert_array_equal(schema.encode(table), data.items)
    return schema.decode(data.items)


COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy]] = {
    "bool": (pa.bool_(), st.booleans()),
    "int8": (pa.int8(), st.integers(-128, 127)),
    "uint16": (pa.uint16(), st.integers(0, 65_535)),
    "int32": (pa.int32(), st.integers(-(10**6), 10**6)),
    "int64": (pa.int64(), st.integers(-(10**6), 10**6)),
    "uint64": (pa.uint64(), st.integers(0, 10**6)),
    "string": (pa.string(), st.sampled_from(["", "a", "B", "ü", "NA", "1", " "])),
    "large_string": (pa.large_string(), st.sampled_from(["a", "b"])),
    "string_view": (pa.string_view(), st.sampled_from(["a", "b"])),
    "categories": (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "b", "c"])),
    "numbered categories": (pa.dictionary(pa.int8(), pa.int64()), st.sampled_from([3, 5])),
    "date32": (pa.date32(), st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))),
    "date64": (pa.date64(), st.dates(datetime.date(1990, 1, 1), datetime.date(1990, 2, 1))),
    "decimal": (pa.decimal128(8, 2), st.decimals(-1000, 1000, places=2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COLUMNS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_encoded_comes_back(name: str, data: st.DataObject) -> None:
    type_, values = COLUMNS[name]
    cells = data.draw(st.lists(st.one_of(values, st.none()), min_size=2, max_size=20))
    if "string" in name:
        cells += cells  # texts that are all different are ignored
    # A second column, so that one that is constant does not leave nothing to learn.
    column = pa.array(cells, type_)
    table = pa.table({"x": column, "y": np.arange(len(cells))})
    decoded = round_trip(table)
    assert decoded.schema.equals(table.schema)
    assert decoded["x"].to_pylist() == table["x"].to_pylist()


# The variance of a column of numbers below about 1e-154 is 0 in float64, and the column a constant.
WITH_A_VARIANCE = st.floats(-1e6, 1e6).map(lambda number: number if abs(number) > 1e-150 else 0.0)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.one_of(st.none(), WITH_A_VARIANCE), min_size=2, max_size=20),
    st.sampled_from([pa.float32(), pa.float64()]),
)
def test_numbers_come_back_within_single_precision(cells: list, type_: pa.DataType) -> None:
    table = pa.table({"x": pa.array(cells, type_), "y": np.arange(len(cells))})
    decoded = round_trip(table)
    assert decoded.schema.equals(table.schema)
    given_ = np.array(table["x"].to_pylist(), float)
    found = np.array(decoded["x"].to_pylist(), float)
    size = np.nanmax(np.abs(given_), initial=0)
    np.testing.assert_allclose(found, given_, rtol=1e-6, atol=1e-5 * size)


@pytest.mark.parametrize(
    ("type_", "step"),
    [
        (pa.timestamp("s"), 86_400),
        (pa.timestamp("ms", "Europe/Berlin"), 10**8),
        (pa.timestamp("ns"), 10**18 // 2**40 * 2**40),
        (pa.time32("s"), 60),
        (pa.time64("us"), 10**8),
        (pa.duration("ms"), 1000),
    ],
    ids=str,
)
def test_times_come_back(type_: pa.DataType, step: int) -> None:
    storage = pa.int32() if type_.bit_width == 32 else pa.int64()
    numbers = pa.array([0, step, None, 3 * step], pa.int64())
    table = pa.table({"x": numbers.cast(storage).cast(type_), "y": [1, 2, 3, 4]})
    decoded = round_trip(table)
    assert decoded.schema.equals(table.schema)
    found = decoded["x"].cast(storage).cast(pa.int64()).to_pylist()
    assert found == pytest.approx([0, step, None, 3 * step], abs=3 * step * 1e-6)


def test_dates_are_rounded_to_what_they_were_given_in() -> None:
    hours = pa.array([0, 5, 30]).cast(pa.int64())
    times = pa.compute.multiply(hours, 3_600_000_000).cast(pa.timestamp("us"))
    schema = schema_of(load_data(pa.table({"x": times})))
    decoded = schema.decode(np.float32([[0.01], [-0.7]]))["x"].to_pylist()
    assert decoded == [datetime.datetime(1970, 1, 1, 12), datetime.datetime(1970, 1, 1, 2)]


def test_decoded_integers_are_clipped_to_their_dtype() -> None:
    for dtype in (pa.uint8(), pa.int64()):
        held = np.iinfo(str(dtype))
        cells = from_numbers(np.array([1e30, -1e30, np.nan]), dtype).to_pylist()
        assert cells[:2] == pytest.approx([held.max, held.min], rel=1e-9) and cells[2] is None


def test_decoded_numbers_stay_within_the_range_and_the_decimals_of_training() -> None:
    table = pa.table({"x": [0.5 * i for i in range(30)], "y": [10 * (i % 7) for i in range(30)]})
    decoded = schema_of(load_data(table)).decode(np.float32([[99, 99], [-99, -99], [0.01, 0.01]]))
    assert decoded["x"].to_pylist() == [14.5, 0.0, 7.5]  # the mean is 7.25, which is no half
    assert decoded["y"].to_pylist() == [60, 0, 30]


def test_constant_columns_come_back_without_features() -> None:
    table = pa.table(
        {
            "one": [7, 7, 7],
            "none": pa.array([None] * 3, pa.float32()),
            "nothing": pa.nulls(3),
            "text": ["t"] * 3,
            "day": pa.array([5] * 3, pa.date32()),
            "price": pa.array([Decimal("1.50")] * 3, pa.decimal128(5, 2)),
            "wait": pa.array([90] * 3, pa.duration("s")),
            "class": pa.array(["q"] * 3).dictionary_encode(),
            "x": [1.0, 2.0, 3.0],
        }
    )
    data = load_data(table)
    assert data.items.shape == (3, 1)
    assert set(list(kinds(data).values())[:-1]) == {"constant"}
    assert (
        round_trip(table)
        .slice(0, 2)
        .equals(table.slice(0, 2).set_column(8, "x", round_trip(table)["x"].slice(0, 2)))
    )


def test_texts_that_all_differ_are_ignored_aloud() -> None:
    table = pa.table({"id": [f"row {i}" for i in range(50)], "x": np.arange(50)})
    data = load_data(table)
    assert kinds(data) == {"id": "ignored", "x": "integer"}
    assert schema_of(data).decode(data.items)["id"].to_pylist() == [None] * 50
    assert "ignored" in schema_of(data).describe()[0]
    declared = load_data(table, types={"id": "categorical"})
    assert kinds(declared)["id"] == "categorical"
    assert "hardly two are alike" in schema_of(data).describe()[0]
    declared = load_data(table, types={"x": "ignored", "id": "categorical"})
    assert "left out, as asked" in schema_of(declared).describe()[1]
    again = TableSchema.from_dict(json.loads(json.dumps(schema_of(declared).to_dict())))
    assert again["x"].why_not() == "left out, as asked"


@pytest.mark.slow
def test_rare_categories_become_one() -> None:
    texts = [f"t{i}" for i in range(300) for _ in range(300 - i)]
    schema = schema_of(data := load_data(pa.table({"c": texts})))
    assert schema.width == MAX_CATEGORIES + 1
    assert schema["c"].categories == tuple(f"t{i}" for i in range(MAX_CATEGORIES))
    decoded = schema.decode(data.items)["c"].to_pylist()
    # of the rarer ones the most frequent stands for all
    expected = [f"t{min(int(text[1:]), MAX_CATEGORIES)}" for text in texts]
    assert decoded == expected


def test_declared_levels_of_a_categorical_dtype_stay() -> None:
    levels = pa.array(["low", "unused", "high"])
    indices = pa.array([0, 2, 2, None], pa.int8())
    column = pa.DictionaryArray.from_arrays(indices, levels, ordered=True)
    decoded = round_trip(pa.table({"c": column}))
    assert decoded["c"].type == column.type
    assert decoded["c"].chunk(0).dictionary.equals(levels)
    assert decoded["c"].to_pylist() == ["low", "high", "high", None]


def test_columns_that_repeat_another_are_named() -> None:
    random = np.random.default_rng(0)
    numbers = random.normal(size=1000)
    texts = random.choice(["a", "b"], 1000)
    table = pa.table(
        {
            "x": numbers,
            "again": numbers,
            "sorted": np.sort(numbers),
            "c": texts,
            "c again": texts,
            "c reversed": texts[::-1],
        }
    )
    columns = schema_of(load_data(table)).columns
    assert [column.same_as for column in columns] == [None, "x", None, None, "c", None]
    assert "the same as x" in columns[1].describe()


# Types of texts


@pytest.mark.parametrize(
    ("cells", "kind", "type_"),
    [
        (["1", "-2", "", "3"], "integer", pa.int64()),
        (["1", "2.5", "1e3"], "numeric", pa.float64()),
        (["+1", " 2 ", "NA", "4.0"], "numeric", pa.float64()),
        (["true", "FALSE", "True"], "boolean", pa.bool_()),
        (["yes", "no", "no"], "categorical", pa.string()),
        (["2020-01-31", "2021-02-01", ""], "date", pa.date32()),
        (["2020-01-31 10:20:30", "2021-02-01"], "date", pa.timestamp("s")),
        (["2020-01-31T10:20:30.5", "2021-02-01T00:00:00"], "date", pa.timestamp("us")),
        (["2020-01-31T10:20:30Z", "2021-02-01T00:00:00+02:00"], "date", pa.timestamp("s", "UTC")),
        (["007", "012", "007"], "categorical", pa.string()),  # the zeros are part of it
        (["0x10", "0x11", "0x10"], "categorical", pa.string()),
        (["0", "0.5", "-0.25"], "numeric", pa.float64()),
        (["1", "2", "x", "x"], "categorical", pa.string()),
        (["1", "true", "1"], "categorical", pa.string()),
        (["99999999999999999999", "1"], "numeric", pa.float64()),
        (["?", " ? ", "a", "b", "b"], "categorical", pa.string()),
    ],
)
def test_what_texts_are_taken_for(
    cells: list[str], kind: str, type_: pa.DataType, tmp_path: Path
) -> None:
    lines = "\n".join(f"{cell},{index}" for index, cell in enumerate(cells))
    data = load_data(write(tmp_path / "a.csv", f"x,y\n{lines}\n"))
    column = schema_of(data)["x"]
    assert column.kind == kind
    assert column.dtype == str(type_)
    expected = sum(cell.strip() in ("", "NA", "?") for cell in cells)
    assert schema_of(data).decode(data.items)["x"].null_count == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("late", "kind"), [("x", "categorical"), ("0.5", "numeric"), ("2020-01-01", "categorical")]
)
def test_a_cell_far_down_widens_the_column(
    late: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.data.tables.reading._CSV_BLOCK", 1 << 12)
    cells = [str(number % 50) for number in range(5000)] + [late]
    lines = "\n".join(f"{cell},{index}" for index, cell in enumerate(cells))
    data = load_data(write(tmp_path / "a.csv", f"x,y\n{lines}\n"))
    assert kinds(data) == {"x": kind, "y": "integer"}
    decoded = schema_of(data).decode(data.items)["x"].to_pylist()
    if kind == "numeric":
        assert decoded == pytest.approx([float(cell) for cell in cells], abs=1e-5)
    else:
        assert decoded == cells


def test_declared_types_win(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "zip,flag,day\n10115,1,2020-01-01\n80331,0,2020-01-02\n")
    types = {"zip": "categorical", "flag": "boolean", "day": "categorical"}
    data = load_data(path, types=types)
    assert kinds(data) == types
    assert schema_of(data).decode(data.items).to_pylist() == [
        {"zip": "10115", "flag": True, "day": "2020-01-01"},
        {"zip": "80331", "flag": False, "day": "2020-01-02"},
    ]


def test_typed_numbers_declared_categorical_keep_their_dtype() -> None:
    table = pa.table({"zip": pa.array([5, 7, 5], pa.int16()), "x": [1, 2, 3]})
    data = load_data(table, types={"zip": "categorical"})
    assert kinds(data)["zip"] == "categorical"
    decoded = schema_of(data).decode(data.items)["zip"]
    assert decoded.type == pa.int16()
    assert decoded.to_pylist() == [5, 7, 5]


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ({"agee": "integer"}, "has no column 'agee'"),
        ({"age": "int"}, "'int' for column 'age' is no type"),
    ],
)
def test_types_of_what_there_is_not(types: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_data(pa.table({"age": [1, 2]}), types=types)
    assert caught.value.hint


def test_types_of_what_is_no_table() -> None:
    with pytest.raises(UsageError, match="digits is no table"):
        load_data("digits", types={"a": "integer"})


# At encode time


@pytest.fixture
def trained() -> TableSchema:
    return schema_of(load_data(mixed()))


def test_columns_are_known_by_name(trained: TableSchema) -> None:
    table = mixed()
    shuffled = table.select(table.column_names[::-1]).append_column("new", table["day"])
    seen = SchemaDrift()
    np.testing.assert_array_equal(trained.encode(shuffled, seen), trained.encode(table))
    assert seen.lines() == ("ignored what the model was not trained on: 'new'",)


def test_missing_columns_are_named(trained: TableSchema) -> None:
    with pytest.raises(DataError, match="lacks 2 of the model's 9 columns: 'flag', 'text'"):
        trained.encode(mixed().drop_columns(["flag", "text"]))


@pytest.mark.filterwarnings("ignore:column")  # there are several
def test_what_training_never_saw_is_average_and_counted(trained: TableSchema) -> None:
    table = mixed(5)
    table = table.set_column(5, "text", pa.array(["a", "new", "newer", "new", None]))
    table = table.set_column(0, "number", pa.array([1.0, None, 2.0, 3.0, 4.0]))
    seen = SchemaDrift()
    features = trained.encode(table, seen)
    assert (features[1:, trained["text"].features] == 0).all()
    assert features[1, trained["number"].start] == 0
    assert seen.categories["text"] == {"new": 2, "newer": 1}
    assert seen.missing == {"number": 1, "text": 1}
    with pytest.warns(UserWarning, match=r"'text' has 3 values that training .* \('new' 2x"):
        trained.encode(table)


def test_a_rare_category_counts_as_other_also_when_new() -> None:
    texts = [f"t{i}" for i in range(300) for _ in range(300 - i)]
    schema = schema_of(load_data(pa.table({"c": texts})))
    seen = SchemaDrift()
    features = schema.encode(pa.table({"c": ["never", "t299"]}), seen)
    np.testing.assert_array_equal(features[0], features[1])
    assert schema.decode(features)["c"].to_pylist() == ["t100", "t100"]


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("number", ["1", "many"], "column 'number' holds 'many' in row 1, which is not a number"),
        ("number", [datetime.date(2020, 1, 1)] * 2, "in row 0, which is not a number"),
        ("flag", [0, 2], "column 'flag' holds 2 in row 1, which is not true or false"),
        ("day", [1, 2], "column 'day' holds 1 in row 0, which is not a date"),
        ("day", ["2020-01-01", "soon"], "column 'day' holds 'soon' in row 1, which is not a date"),
        ("number", [1.0, float("inf")], "column 'number' holds inf in row 1"),
        ("number", [-1e200, 1.0], "column 'number' holds -1e.200 in row 0"),
    ],
)
def test_cells_of_another_kind(
    column: str, cells: list, message: str, trained: TableSchema
) -> None:
    table = mixed(2)
    table = table.set_column(table.column_names.index(column), column, pa.array(cells))
    with pytest.raises(DataError, match=message):
        trained.encode(table)


@pytest.mark.parametrize("kind", ["pandas", "arrow", "parquet", "csv"])
def test_a_note_names_a_row_as_results_do(kind: str, tmp_path: Path) -> None:
    """By its number from 0, and by its line where there are such."""
    table = pa.table({"x": [*np.linspace(20, 80, 40).tolist(), 9999.0], "y": [0.5, *range(40)]})
    given: Any = tmp_path / f"x.{kind}"
    if kind == "csv":
        pa.csv.write_csv(table, given)
    elif kind == "parquet":
        pa.parquet.write_table(table, given)
    else:
        given = table if kind == "arrow" else optional("pandas").DataFrame(table.to_pydict())
    (note,) = load_data(given).notes
    assert f"9999 in {'line 42' if kind == 'csv' else 'row 40'};" in note


def test_texts_of_numbers_are_numbers(trained: TableSchema) -> None:
    table = mixed(2)
    texts = table.set_column(2, "whole", table["whole"].cast(pa.string()))
    np.testing.assert_array_equal(trained.encode(texts), trained.encode(table))


def test_features_of_another_width(trained: TableSchema) -> None:
    with pytest.raises(ShapeError, match=r"features of shape \(3, 2\)"):
        trained.decode(np.zeros((3, 2), np.float32))


def test_a_file_is_encoded_as_training_did(tmp_path: Path) -> None:
    table = mixed()
    pa.csv.write_csv(table, tmp_path / "a.csv")
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    schema = schema_of(load_data(tmp_path / "a.csv"))
    expected = schema.encode(table)
    for name in ("a.csv", "a.parquet"):
        found = load_data(tmp_path / name, table=schema)
        np.testing.assert_allclose(found.items, expected, atol=1e-5)
        assert found.table == schema
        assert found.notes == ()


def test_what_is_no_table_is_refused_by_a_schema(trained: TableSchema) -> None:
    with pytest.raises(DataError, match="digits is no table, and the model was trained on one"):
        load_data("digits", table=trained)


# Files


def test_a_packed_file_is_read_as_the_plain_one(tmp_path: Path) -> None:
    pa.csv.write_csv(mixed(), tmp_path / "a.csv")
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    plain, unpacked = load_data(tmp_path / "a.csv"), load_data(packed)
    np.testing.assert_array_equal(plain.items, unpacked.items)
    packed.write_bytes(packed.read_bytes()[:2000])
    with pytest.raises(DataError):
        load_data(packed)


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_delimiters_are_found_out(delimiter: str, tmp_path: Path) -> None:
    text = "x,y\n1,a\n2,a\n3,b\n".replace(",", delimiter)
    assert kinds(load_data(write(tmp_path / "a.csv", text))) == {"x": "integer", "y": "categorical"}


def test_quotes_lines_in_cells_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = '\ufeffx,"y, z"\n1,"a\nb"\n2,"a\nb"\n3,"say ""c"""\n'
    data = load_data(write(tmp_path / "a.csv", text))
    assert schema_of(data).decode(data.items).to_pydict() == {
        "x": [1, 2, 3],
        "y, z": ["a\nb", "a\nb", 'say "c"'],
    }


def test_blank_lines_are_missing_cells_of_a_single_column(tmp_path: Path) -> None:
    data = load_data(write(tmp_path / "a.csv", "x\n1\n\n3\n"))
    assert schema_of(data).decode(data.items)["x"].to_pylist() == [1, None, 3]
    assert len(load_data(write(tmp_path / "a.csv", "x,y\n1,1\n\n3,2\n"))) == 2


@pytest.mark.parametrize(
    ("first", "is_header"),
    [
        ("a,b,c", True),
        ("0,1,2", True),
        ("country,1990,2000", True),
        (",x,y", True),
        ("39, State-gov,77516", False),
        ("-0.2,0.5,1", False),
        ("5,1,2", False),
    ],
)
def test_a_first_line_of_numbers_is_data(first: str, is_header: bool, tmp_path: Path) -> None:
    data = load_data(write(tmp_path / "a.csv", f"{first}\n1,2,3\n4,5,6\n"))
    names = tuple(first.split(",")) if is_header else ("column_1", "column_2", "column_3")
    assert schema_of(data).names == names
    assert len(data) == (2 if is_header else 3)
    assert bool(data.notes) != is_header


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "has 2 columns and no rows"),
        ("a,b\n1,2\n3\n4,5\n", "has 1 cell in line 3, and 2 in its first row"),
        ('a,b\n"x\ny",2\n\n3,4,5\n', "has 3 cells in line 5, and 2 in its first row"),
        ("a,a\n1,2\n", "has 2 columns with the name 'a'"),
        ("a,b\n1,x\n1,x\n", "every column of .* is constant"),
        ("a\n1\ninf\n", "column 'a' holds inf in line 3"),
    ],
)
def test_csv_that_cannot_be(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(DataError, match=message) as caught:
        load_data(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("ä,b\n1,ö\n3,ü\n".encode() + b"4,\xe9\n", "byte 3 of line 4 is 0xe9"),
        (b"a,b\n1,\x00\n", "byte 3 of line 2 is 0x00"),
        (b"a,b\n\xe9\x02,1\n", "byte 1 of line 2 is 0xe9"),
    ],
)
def test_text_that_is_damaged_utf8(content: bytes, place: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"is not text in UTF-8: {place}") as caught:
        load_data(tmp_path / "a.csv")
    assert "iconv" in str(caught.value.hint)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200) | st.text('ab1,"\n; ?.\0é', max_size=80).map(str.encode))
def test_whatever_is_in_a_file_ends_in_data_or_a_data_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for suffix in (".csv", ".csv.gz", ".parquet"):
        path = tmp_path_factory.mktemp("any") / f"a{suffix}"
        path.write_bytes(content)
        try:
            assert np.isfinite(load_data(path).items).all()
        except DataError as error:
            assert error.hint


@pytest.mark.parametrize(
    ("column", "named"),
    [
        (pa.array([[1], [2]]), "list"),
        (pa.array([{"a": 1}, {"a": 2}]), "struct"),
        (pa.array([b"a", b"b"]), "binary"),
    ],
)
def test_columns_that_cannot_be_learnt_are_ignored_and_named(
    column: pa.Array, named: str, tmp_path: Path
) -> None:
    pa.parquet.write_table(pa.table({"x": [1, 2], "odd": column}), tmp_path / "a.parquet")
    pa.parquet.write_table(pa.table({"odd": column}), tmp_path / "b.parquet")
    data = load_data(tmp_path / "a.parquet")
    assert kinds(data) == {"x": "integer", "odd": "ignored"}
    assert schema_of(data)["odd"].why_not() == "of a type that is not learnt"
    assert f"is of type {named}" in data.notes[0]
    assert "ignored" in data.notes[0]
    with pytest.raises(DataError, match=f"column 'odd' of .* is of type {named}"):
        load_data(tmp_path / "b.parquet")


def test_a_cut_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(mixed(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="is not a Parquet file, or a damaged one"):
        load_data(path)


def test_frames_with_values_of_several_kinds() -> None:
    pandas = optional("pandas")
    with pytest.raises(DataError, match=r"column 'a' is of type object, with float and int"):
        load_data(pandas.DataFrame({"a": [1, "x", None, 2.5]}))
    with pytest.raises(DataError, match="several columns of the name 'a'"):
        load_data(pandas.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]))


def test_many_different_texts_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narrows.data.tables.statistics._COUNTED", 200)
    random = np.random.default_rng(0)
    rare = [f"rare {number}" for number in range(5000)]
    texts = random.permutation(rare + ["often"] * 5000).tolist()
    column = schema_of(load_data(pa.table({"c": texts}))).columns[0]
    assert column.kind == "categorical"
    assert column.categories[0] == "often"
    assert column.other
    assert kinds(load_data(pa.table({"c": rare, "x": np.arange(5000)})))["c"] == "ignored"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.data.tables.reading._CSV_BLOCK", 1 << 16)
    monkeypatch.setattr("narrows.data.storage.LARGEST_IN_MEMORY", 1 << 19)
    monkeypatch.setattr("narrows.data.dataset.LARGEST_IN_MEMORY", 1 << 19)
    monkeypatch.setattr("narrows.data.dataset.CACHED_VALUES", 1 << 14)
    peaks = []
    for count in (20_000, 160_000):
        pa.csv.write_csv(mixed(count), tmp_path / "a.csv")
        tracemalloc.start()
        data = load_data(tmp_path / "a.csv")
        training, _ = data.split(0.1, seed=0)
        # What stays of so many rows is a number each for their order, not their features.
        peaks.append(tracemalloc.get_traced_memory()[1] - 3 * 8 * count)
        tracemalloc.stop()
        assert isinstance(training.items, np.memmap)
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        ("california_housing.csv", 20_640, {"numeric": 9, "categorical": 1}),
        ("protein_casp.csv.gz", 45_730, {"numeric": 10}),
        ("adult.data", 32_561, {"integer": 6, "categorical": 9}),
    ],
)
def test_tables_that_others_made(name: str, rows: int, expected: dict[str, int]) -> None:
    path = Path(os.environ.get("NARROWS_DATA", "")) / "tables" / name
    if not path.is_file():
        pytest.skip(f"there is no tables/{name} in the folder that NARROWS_DATA names")
    data = load_data(path)
    assert len(data) == rows
    assert Counter(kinds(data).values()) == expected
    assert_weighed_alike(data)


def test_long_texts_are_no_categories() -> None:
    long = ["x" * 5000] * 3 + ["y" * 5000] * 3
    schema = schema_of(load_data(pa.table({"c": ["short"] * 6 + long})))
    assert schema["c"].categories == ("short",)
    assert schema["c"].other


def test_describing_every_column() -> None:
    data = load_data(mixed())
    lines = schema_of(data).describe()
    assert len(lines) == 9
    for line, name in zip(lines, mixed().column_names, strict=True):
        assert line.startswith(name)
