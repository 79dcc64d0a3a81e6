"""Archives of tables: what comes back, within which bound, in how few bytes."""

import contextlib
import io
from base64 import b64decode
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import golden_tables
from helpers.optional import optional
from helpers.table_cases import CELLS, any_column, any_table, assert_same_table, related_table
from narrows import compress, decompress
from narrows.archive import TableArchive, open_archive, opening, write_table
from narrows.archive.error_bounds import ErrorBound, ErrorBounds
from narrows.archive.tables import archive, cells, sources, verify_table, writing
from narrows.archive.tables.column_prediction import MOST_BITS, ColumnPrediction, column_predictions
from narrows.archive.tables.joint_coding import decode_jointly, encode_jointly
from narrows.archive.tables.row_scan import lanes_of
from narrows.errors import ArchiveError, DataError, UsageError

pd = optional("pandas")
pl = optional("polars")


def opened(blob: bytes) -> TableArchive:
    return opening.opened(io.BytesIO(blob), "a")


def breakdown_of(table: Any, **options: Any) -> Any:
    return write_table(io.BytesIO(), table, **options)


def test_how_far_it_is_is_told_column_by_column_and_comes_to_all_rows() -> None:
    told = list[float]()

    @contextlib.contextmanager
    def track(label: str, *, total: float | None, unit: str) -> Iterator[Any]:
        is_coding = label.startswith("compressing")
        assert not is_coding or (total, unit) == (40, "rows")
        yield lambda amount, note="": told.append(amount if is_coding else 0)

    table = pa.table({"a": range(40), "b": [1.5] * 40, "c": ["x"] * 40})
    breakdown_of(table, effort="fast", track=track)
    assert sum(each > 0 for each in told) >= 3 and sum(told) == pytest.approx(40)


# Exactness


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(any_table())
def test_every_table_comes_back_to_the_last_bit(table: Any) -> None:
    assert_same_table(decompress(compress(table, effort="fast")), table)


@settings(max_examples=15, deadline=None)
@given(any_table())
def test_every_table_comes_back_where_columns_are_coded_together(table: Any) -> None:
    assert_same_table(decompress(compress(table)), table)


@pytest.mark.parametrize("type_", CELLS, ids=str)
def test_no_rows_and_one_row_of_every_type_come_back(type_: Any) -> None:
    for column in (pa.array([], type_), pa.nulls(1, type_), pa.nulls(7, type_)):
        table = pa.table({"é": column})
        assert_same_table(decompress(compress(table)), table)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["1%", 0.25, "20%"]))
def test_no_number_is_further_off_than_its_bound(data: st.DataObject, bound: Any) -> None:
    numbers = [pa.float64(), pa.float32(), pa.int32(), pa.uint64(), pa.decimal128(12, 3)]
    type_ = data.draw(st.sampled_from(numbers))
    table = pa.table({"x": data.draw(any_column(20, type_)), "y": data.draw(any_column(20))})
    blob = compress(table, bound, effort="fast")
    result = decompress(blob)
    limit = Fraction(opened(blob).layout.columns[0].bound)
    assert result.schema.equals(table.schema)
    for ours, theirs in zip(result["x"].to_pylist(), table["x"].to_pylist(), strict=True):
        if theirs is None or ours is None or not np.isfinite(float(theirs)):
            assert repr(ours) == repr(theirs)
        else:
            assert abs(Fraction(ours) - Fraction(theirs)) <= limit


@pytest.mark.slow
def test_columns_that_follow_from_one_another_are_coded_together() -> None:
    table = related_table(300)
    blob = compress(table, effort="best")
    assert_same_table(decompress(blob), table)
    used = {column.name: "".join(column.methods) for column in opened(blob).size_breakdown.columns}
    assert used["twice"].endswith("rows") and used["gap"].endswith("rows")
    assert not used["noise"].endswith("rows")
    assert len(blob) < len(compress(table, effort="fast"))


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_a_frame_comes_back_as_one(library: Any) -> None:
    X = library.DataFrame({"a": [1, 2, 3], "b": ["x", None, "ß"], "c": [0.5, -0.0, 2.0]})
    result = decompress(compress(X))
    assert type(result) is type(X) and X.equals(result)


def test_pandas_dtypes_come_back() -> None:
    X = pd.DataFrame(
        {
            "category": pd.Categorical(["a", "b", None], categories=["c", "b", "a"], ordered=True),
            "whole": pd.array([1, None, 3], "Int64"),
            "when": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "small": np.array([1, 2, 3], "i1"),
        }
    )
    result = decompress(compress(X))
    pd.testing.assert_frame_equal(result, X)
    assert list(result["category"].cat.categories) == ["c", "b", "a"]


def test_categories_come_back_without_any_rows() -> None:
    X = pd.DataFrame({"c": pd.Categorical([], categories=["u", "v"])})
    assert list(decompress(compress(X))["c"].cat.categories) == ["u", "v"]


def test_a_table_of_too_many_columns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_COLUMNS", 3)
    with pytest.raises(DataError, match="has 4 columns"):
        compress(pa.table({name: [1] for name in "abcd"}))


def test_what_an_archive_says_may_not_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "encode_group", None)  # it is told before any work
    with pytest.raises(DataError, match="what an archive says of the data"):
        compress(pd.DataFrame({"\x01" * 900_000: [1]}))


@pytest.mark.parametrize(("module", "limit"), [(writing, "LARGEST"), (cells, "MOST_TEXT")])
def test_groups_are_parted_where_rows_are_large(
    module: Any, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    rows = [random.bytes(1500 if row > 35 else 1) for row in range(40)]
    table = pa.table({"a": pa.array(rows, pa.large_binary()), "b": range(40)})
    whole = compress(table, effort="fast")
    monkeypatch.setattr(module, limit, 4000)
    monkeypatch.setattr(archive, "LARGEST", 4000)
    blob = compress(table, effort="fast")
    assert_same_table(decompress(blob), table)
    assert opened(blob).size_breakdown.groups > 2
    monkeypatch.setattr(module, limit, 40_000)
    assert compress(table, effort="fast") == whole
    monkeypatch.setattr(module, limit, 1400)
    with pytest.raises(DataError, match=r"^a row of the table takes|^a text"):
        compress(table, effort="fast")


def test_too_many_categories_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_CATEGORIES", 3)
    with pytest.raises(DataError, match="column 'c' of the table has more than 3 categories"):
        compress(pa.table({"c": pa.array(list("abcd")).dictionary_encode()}))


def test_chunks_may_have_other_categories_than_one_index_reaches(tmp_path: Path) -> None:
    type_ = pa.dictionary(pa.int8(), pa.string())
    chunks = [
        pa.DictionaryArray.from_arrays(
            pa.array(range(100), pa.int8()), [f"{chunk}-{number}" for number in range(100)]
        )
        for chunk in "ab"
    ]
    table = pa.table({"c": pa.chunked_array(chunks, type_), "n": range(200)})
    result = decompress(compress(table))
    assert result["c"].type == pa.dictionary(pa.int32(), pa.string())
    assert result["c"].to_pylist() == table["c"].to_pylist()
    with (tmp_path / "t.nrw").open("wb") as file:
        write_table(file, table)
    with open_archive(tmp_path / "t.nrw") as archive:
        verify_table(archive, table)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("is_dictionary", [False, True])
@pytest.mark.parametrize("type_", [pa.string_view(), pa.binary_view()], ids=str)
def test_texts_in_views_go_to_files(
    type_: Any, is_dictionary: bool, suffix: str, tmp_path: Path
) -> None:
    texts = ["x", None, "a text of more than twelve letters", "x"]
    column = pa.array(texts, type_)
    if is_dictionary:
        places, few = pa.array([0, None, 1, 0], pa.int8()), pa.array([texts[0], texts[2]], type_)
        column = pa.DictionaryArray.from_arrays(places, few)
    path = tmp_path / f"back{suffix}"
    opened(compress(pa.table({"a": column, "n": range(4)}))).extract(str(path))
    if suffix == ".csv":
        assert pd.read_csv(path)["a"].fillna("").tolist() == [text or "" for text in texts]
    else:
        found = pa.parquet.read_table(path)["a"].cast(pa.binary()).cast(pa.string())
        assert found.to_pylist() == texts


# Bounds


def test_decimals_in_hundreds_have_a_bound() -> None:
    values = [Decimal(100), Decimal(2300), Decimal(900), None]
    table = pa.table({"d": pa.array(values, pa.decimal128(5, -2)), "n": range(4)})
    for asked, bound in (("10%", 220), ("d=150", 150)):
        blob = compress(table, asked)
        column = opened(blob).layout.columns[0]
        assert column.bound == pytest.approx(bound)
        result = decompress(blob)
        assert result.schema.equals(table.schema)
        for ours, theirs in zip(result["d"].to_pylist()[:3], values[:3], strict=True):
            assert abs(ours - theirs) <= bound


TABLE = pa.table({"f": [0.0, 10.0, 4.4], "n": [0, 1000, 37], "t": ["a", "b", "c"]})


@pytest.mark.parametrize(
    "asked, bounds",
    [
        (0, [0, 0, 0]),
        (0.5, [0.5, 0, 0]),
        ("10%", [1, 100, 0]),
        (["10%", "n=0"], [1, 0, 0]),
        ("f=1%", [0.1, 0, 0]),
        (["0.5", "n=2.5"], [0.5, 2, 0]),
        ({"n": "1%", "f": 1}, [1, 10, 0]),
    ],
)
def test_a_bound_is_for_what_it_says(asked: Any, bounds: list[float]) -> None:
    breakdown = breakdown_of(TABLE, max_error=asked)
    assert [column.bound for column in breakdown.columns] == pytest.approx(bounds)
    assert all((column.largest_error or 0) <= column.bound for column in breakdown.columns)


def test_a_range_that_few_wild_values_make_is_told() -> None:
    """And with the option that is said, the column is kept as one without them would be."""
    numbers = np.append(np.linspace(20, 80, 99), 9999)
    table = pa.table({"x": numbers, "n": numbers.astype(int), "y": np.linspace(0, 1, 100)})
    of_x, of_n = breakdown_of(table, max_error=["1%", "y=2%"]).notes
    assert of_x == (
        "column 'x' is kept within 99.79, 1% of its range, which few wild values make (9999); the "
        "others lie from 20 to 80, and 1% of that is 0.6: max_error=['1%', 'y=2%', 'x=0.6']"
    )
    assert of_n.startswith("column 'n' is kept within 99, 1% ")
    assert of_n.endswith("that is 0: max_error=['1%', 'y=2%', 'n=0']")
    usual = breakdown_of(table, max_error=["1%", "y=2%", "x=0.6", "n=0"])
    assert [each.bound for each in usual.columns] == pytest.approx([0.6, 0, 0.02])
    decimals = [Decimal(round(each * 100)) / 100 for each in numbers]
    (note,) = breakdown_of(pa.table({"d": decimals}), max_error="1%").notes
    assert "(9999); the others lie from 20 to 80, and 1% of that is 0.6" in note
    assert not usual.notes and not breakdown_of(TABLE, max_error="1%").notes


def test_identifiers_are_exact_unless_they_are_named() -> None:
    """Within a share of their range different ones would become the same."""
    rng = np.random.default_rng(0)
    customer = rng.permutation(np.arange(10_000, 20_000))[:100]
    table = pa.table(
        {
            "customer_id": customer,
            "shop_id": rng.integers(0, 1000, 100),  # of which several rows have the same
            "account": pa.array([*map(float, np.arange(1000, 1099)), None]),
            "branch_id": pa.array([*map(float, rng.integers(0, 1000, 99)), None]),  # as pandas has
            "amount": rng.normal(500, 200, 100).round().astype(int),
        }
    )
    for asked in ("1%", "5"):
        near = decompress(compress(table, asked, effort="fast"))
        assert near["customer_id"].equals(table["customer_id"])
        assert near["account"].equals(table["account"])
        assert near["branch_id"].equals(table["branch_id"])
    breakdown = breakdown_of(table, max_error=["1%", "amount=7"])
    assert [column.bound for column in breakdown.columns] == [0, 0, 0, 0, 7]
    assert breakdown.notes == (
        "kept exact, as identifiers of which different ones could become the same within 1%: "
        "'customer_id', 'shop_id', 'account', 'branch_id'; "
        "max_error=['1%', 'amount=7', 'customer_id=1%'] allows it in 'customer_id'",
    )
    named = breakdown_of(table, max_error=["1%", "customer_id=1%"])
    assert named.columns[0].bound == pytest.approx(0.01 * (customer.max() - customer.min()), abs=1)
    assert "within 1%: 'shop_id', 'account', 'branch_id'; " in named.notes[0]
    alone = breakdown_of(table.select(["customer_id"]), max_error="1%")
    assert alone.columns[0].bound == named.columns[0].bound and not alone.notes


@pytest.mark.parametrize(
    "asked, text",
    [
        ("x=1", "has no column 'x'"),
        ("t=1", "asked of 't', which is of type string"),
        ("f=much", "must be a number"),
        ("-1%", "must be a number"),
        (["1", "2"], "two largest errors are asked for all"),
        (["f=1", "f=2%"], "two largest errors are asked for column 'f'"),
    ],
)
def test_a_bound_that_cannot_be_meant_is_told(asked: Any, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        compress(TABLE, asked)


def test_decimals_of_many_digits_are_exact_and_named() -> None:
    digits = {"wide": 38, "narrow": 18}
    cells = [Decimal("1.50"), Decimal(7)]
    table = pa.table({name: pa.array(cells, pa.decimal128(p, 2)) for name, p in digits.items()})
    with pytest.raises(UsageError, match="decimal128") as refused:
        compress(table, "wide=0.5")
    assert "of up to 18 digits" in str(refused.value.hint)
    for asked in ("5%", "0.5"):
        told = breakdown_of(table, max_error=asked)
        assert [column.bound > 0 for column in told.columns] == [False, True]
        assert told.notes == ("kept exact, as decimals of more than 18 digits: 'wide'",)


def test_per_cent_of_an_array_are_of_its_range() -> None:
    X = np.array([0.0, 50, np.nan, np.inf, 200])
    result = decompress(compress(X, "1%"))
    assert result.dtype == X.dtype and np.isnan(result[2]) and result[3] == np.inf
    np.testing.assert_allclose(result[[0, 1, 4]], X[[0, 1, 4]], rtol=0, atol=2)
    with pytest.raises(UsageError, match="is an array, which has no columns"):
        compress(X, "a=1")


@given(st.fractions(0, 10**12), st.booleans())
def test_a_bound_is_never_more_than_its_text(amount: Fraction, of_range: bool) -> None:
    bound = ErrorBound(amount, of_range).in_units(-3, 4.5)
    exact = amount * Fraction(15, 2) if of_range else amount
    assert Fraction(bound) <= exact
    assert Fraction(bound) >= exact * Fraction(99999, 100_000)


@pytest.mark.parametrize("ends", [(0.0, 5e-324), (-1.7e308, 1.7e308), (3, 3)])
@pytest.mark.parametrize("text", ["0.001%", "1%", "200%"])
def test_a_share_of_any_range_is_a_bound(ends: tuple[float, float], text: str) -> None:
    error_bound = ErrorBound.parse(text)
    bound = error_bound.in_units(*ends)
    assert 0 <= Fraction(bound) <= error_bound.amount * (Fraction(ends[1]) - Fraction(ends[0]))
    table = pa.table({"x": [*map(float, ends), 0.0, float("nan")]})
    result = decompress(compress(table, text, effort="fast"))["x"].to_pylist()
    for ours, theirs in zip(result[:3], [*ends, 0.0], strict=True):
        assert abs(Fraction(ours) - Fraction(theirs)) <= Fraction(bound)


def test_error_bounds_are_taken_as_they_are() -> None:
    error_bounds = ErrorBounds.of(["a=b=1%", "2"])
    assert ErrorBounds.of(error_bounds) is error_bounds
    assert error_bounds.general == ErrorBound(Fraction(2))
    assert error_bounds.named == {"a=b": ErrorBound(Fraction(1, 100), True)}


# CSV


def test_the_types_of_a_csv_file_lose_nothing(tmp_path: Path) -> None:
    lines = [
        "whole,big,long,id,flag,day,price,gap,huge",
        "1,9223372036854775807,12345678901234567890123,007,true,2024-02-29,1.50,,1e999",
        "-2,1,0.5,010,False,2024-03-01,-0.25,NA,1",
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    types = sources.TypedTable(tmp_path / "t.csv").types
    assert [str(type_) for type_ in types.values()] == (
        ["int64", "int64", "string", "string", "bool", "date32[day]", "double", "string", "string"]
    )


def test_some_rows_are_read_from_no_more_than_their_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sources, "GROUP_ROWS", 7)
    table = related_table(40)
    archive = opened(compress(table))
    assert len(archive) == 40 and archive.size_breakdown.groups == 6
    for start, stop in ((0, 40), (3, 5), (6, 8), (13, 14), (40, 40), (39, 40)):
        assert_same_table(archive.items(start, stop), table.slice(start, stop - start))
    with pytest.raises(UsageError, match="holds 40"):
        archive.items(3, 41)


# Joint coding


integers = st.lists(st.integers(0, 2**MOST_BITS - 1) | st.integers(0, 3), min_size=1, max_size=40)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(integers, min_size=1, max_size=4))
def test_columns_together_come_back(drawn: list[list[int]]) -> None:
    rows = min(map(len, drawn))
    columns = [np.array(values[:rows]) for values in drawn]
    content, costs = encode_jointly(columns)
    assert len(costs) == len(columns)
    for ours, theirs in zip(decode_jointly(content, rows, len(columns)), columns, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_what_columns_cost_adds_up() -> None:
    random = np.random.default_rng(0)
    one = random.integers(0, 16, 4000)
    content, costs = encode_jointly([one, one ^ 5, random.integers(0, 16, 4000)])
    assert sum(costs) == pytest.approx(len(content), rel=0.02)
    # one of them follows from another, and the third from nothing
    assert costs[1] < 400 < 1990 < costs[2] < 2050


@pytest.mark.parametrize("rows", [1, 2, 255, 511, 512, 513, 45_730, 1 << 20])
def test_lanes_have_all_rows(rows: int) -> None:
    lanes, steps = lanes_of(rows)
    assert (lanes - 1) * steps < rows <= lanes * steps


def test_what_a_column_is_predicted_from_is_stored() -> None:
    random = np.random.default_rng(0)
    base = random.integers(0, 100, 3000)
    columns = [random.integers(0, 50, 3000), base, np.zeros(3000, int), 2 * base + 1]
    predictions = column_predictions(columns)
    assert predictions[3].parents[0] == 1 and predictions[2] == ColumnPrediction(0)
    inputs = [columns[p] << 10 >> predictions[p].width for p in predictions[3].parents]
    guesses = predictions[3].guess(inputs, np.zeros(3000, int))
    assert np.abs(guesses - (columns[3] << 10 >> 8)).max() <= 8
    for number, each in enumerate(predictions):
        content = each.to_bytes(number)
        assert ColumnPrediction.read(content, 0, number) == (each, len(content))


# For ever


@pytest.mark.slow
@pytest.mark.parametrize("name", golden_tables.ARCHIVES)
def test_archives_that_were_written_once_open_for_ever(name: str) -> None:
    table, bound = golden_tables.DATA[name]
    blob = b64decode(golden_tables.ARCHIVES[name])
    result = decompress(blob)
    if not bound:
        assert_same_table(result, table)
        return
    limits = {column.name: column.bound for column in opened(blob).layout.columns}
    for column in table.column_names:
        if not limits[column]:
            assert result[column].equals(table[column])
            continue
        ours, theirs = result[column].to_numpy(), table[column].to_numpy()
        assert (np.abs(ours - theirs) <= limits[column]).all()


def test_what_must_open_for_ever_covers_both_ways() -> None:
    methods = {
        pipeline.method.name
        for text in golden_tables.ARCHIVES.values()
        for column in opened(b64decode(text)).layout.columns
        for pipeline in column.kept.pipelines
    }
    assert methods >= {"rows", "stored"}
    assert set(golden_tables.ARCHIVES) == set(golden_tables.DATA)


# Limits


def test_a_table_larger_than_allowed_is_refused() -> None:
    blob = compress(related_table(200), effort="fast")
    with pytest.raises(ArchiveError, match="is the limit"):
        decompress(blob, max_bytes=1000)
    assert decompress(blob, max_bytes=1 << 20).num_rows == 200


def test_a_column_of_lists_is_refused() -> None:
    with pytest.raises(DataError, match="is of type list"):
        compress(pa.table({"a": [[1], [2]]}))


def test_a_parquet_file_is_archived(tmp_path: Path) -> None:
    binary = pa.array([b"\xff", None] * 50)
    table = related_table(100).append_column("bytes", binary)
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    with (tmp_path / "t.nrw").open("wb") as out:
        breakdown = write_table(out, tmp_path / "t.parquet")
    assert breakdown.total == (tmp_path / "t.nrw").stat().st_size
    with open_archive(tmp_path / "t.nrw") as archive:
        assert isinstance(archive, TableArchive)
        assert_same_table(archive.read(), table)
