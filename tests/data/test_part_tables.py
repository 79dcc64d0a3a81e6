"""One data set in many files: which they are, and what becomes of their columns."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from helpers.optional import optional
from narrows import Autoencoder, load_data
from narrows.data.parts import is_pattern, part_files
from narrows.data.tables import SchemaDrift, is_table, open_table
from narrows.errors import DataError, UsageError
from narrows.tasks.fill import Filling
from narrows.tasks.outputs import check_outputs

pd = optional("pandas")


def write(path: Path, **columns: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def rows(source: Path | str) -> pa.Table:
    return pa.Table.from_batches(list(open_table(source).batches()))


def test_files_come_in_natural_order_and_what_holds_no_rows_is_told(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        write(tmp_path / f"part-{number}.parquet", x=[number, 0.5])
    for name in ("_SUCCESS", ".part-1.parquet.crc", "_temporary/part-7.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    parts = part_files(tmp_path)
    assert parts.named() == ("part-1.parquet", "part-2.parquet", "part-10.parquet")
    assert parts.passed_over == (".part-1.parquet.crc", "_SUCCESS")
    table = open_table(tmp_path)
    assert rows(tmp_path)["x"].to_pylist() == [1, 0.5, 2, 0.5, 10, 0.5]
    assert "passed over 2 files that hold no rows: .part-1.parquet.crc, _SUCCESS" in table.notes


def test_a_pattern_is_one_table(tmp_path: Path) -> None:
    whole = pd.DataFrame({"x": np.arange(40) ** 2, "y": ["a", "b", "c", "b"] * 10})
    for part in range(4):
        whole[part * 10 : part * 10 + 10].to_csv(tmp_path / f"part-{part}.csv", index=False)
    whole.to_csv(tmp_path / "whole.csv", index=False)
    pattern = str(tmp_path / "part-*.csv")
    assert is_pattern(pattern)
    assert is_table(pattern)
    data, other = load_data(pattern), load_data(tmp_path / "whole.csv")
    assert np.array_equal(data.items, other.items)
    assert data.table == other.table
    assert data.places is not None
    assert data.places.of(29) == ((tmp_path / "part-2.csv").as_posix(), 9)
    again = load_data(pattern, table=data.table)
    assert np.array_equal(again.items, data.items)


def test_a_file_of_that_very_name_is_no_pattern(tmp_path: Path) -> None:
    path = write(tmp_path / "a[1].parquet", x=[1.5, 2])
    write(tmp_path / "a1.parquet", x=[3.5])
    assert not is_pattern(path)
    assert rows(path)["x"].to_pylist() == [1.5, 2]


def test_columns_are_told_by_name_and_widened(tmp_path: Path) -> None:
    write(tmp_path / "1.parquet", a=pa.array([1, 2], pa.int32()), b=["k", "l"], c=pa.nulls(2))
    write(tmp_path / "2.parquet", b=pa.array(["m"]).dictionary_encode(), c=[7.5], a=[0.25])
    table = rows(tmp_path)
    assert table.to_pydict() == {
        "a": [1, 2, 0.25],
        "b": ["k", "l", "m"],
        "c": [None, None, 7.5],
    }
    assert table.schema.field("a").type == pa.float64()


def test_whole_numbers_that_fractions_do_not_hold_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "1.parquet", a=[1.5])
    write(tmp_path / "2.parquet", a=[2**53 + 1])
    with pytest.raises(DataError, match=r"column 'a' of 2.parquet .* does not hold all"):
        rows(tmp_path)


@pytest.mark.parametrize("floats", [pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize("decimals", [pa.decimal128(12, 2), pa.decimal256(40, 2)])
def test_decimals_beside_fractions_lose_no_digit(
    decimals: pa.DataType, floats: pa.DataType, tmp_path: Path
) -> None:
    exact = [Decimal("12345678.91"), None, Decimal("1.13")]
    write(tmp_path / "1.parquet", a=pa.array(exact, decimals))
    write(tmp_path / "2.parquet", a=pa.array([np.float16(0.5)], pa.float16()).cast(floats))
    assert rows(tmp_path).to_pydict() == {"a": [12345678.91, None, 1.13, 0.5]}
    finer = pa.array([Decimal("0.1"), Decimal("-7.77")], pa.decimal128(38, 18))
    write(tmp_path / "1.parquet", a=finer)
    assert rows(tmp_path).to_pydict() == {"a": [0.1, -7.77, 0.5]}
    more = pa.array([Decimal("123456789012345678.91")], pa.decimal128(20, 2))
    write(tmp_path / "1.parquet", a=more)
    with pytest.raises(DataError, match=r"column 'a' of 1.parquet .* does not hold all"):
        rows(tmp_path)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"x": ["text"]}, r"column 'x' is of type string in b.parquet and of type int64 in a.parq"),
        ({"y": [1]}, r"b.parquet has no column 'x', and a.parquet has one"),
        ({"x": [1], "y": [1]}, r"b.parquet has a column 'y', and a.parquet has none"),
    ],
)
def test_columns_that_differ_are_named(tmp_path: Path, columns: dict, told: str) -> None:
    write(tmp_path / "a.parquet", x=[1])
    write(tmp_path / "b.parquet", **columns)
    with pytest.raises(DataError, match=told):
        open_table(tmp_path)


def test_names_of_folders_are_columns(tmp_path: Path) -> None:
    write(tmp_path / "year=2024/kind=a%20b/part-0.parquet", x=[1, 2])
    write(tmp_path / "year=2023/kind=__HIVE_DEFAULT_PARTITION__/part-0.parquet", x=[3])
    found = rows(tmp_path)
    assert found.to_pydict() == {
        "x": [3, 1, 2],
        "year": [2023, 2024, 2024],
        "kind": [None, "a b", "a b"],
    }
    assert rows(str(tmp_path / "year=*")).equals(found)
    assert rows(tmp_path / "year=2023").to_pydict() == {"x": [3], "year": [2023], "kind": [None]}
    only = [batch.column_names for batch in open_table(tmp_path).batches(["year"])]
    assert only == [["year"], ["year"]]


def test_csv_without_names_is_read_as_its_first_file(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("1.5;2.5\n3;4\n5;6\n")
    (tmp_path / "2.csv").write_text("a;b\n")
    assert rows(tmp_path).to_pydict() == {
        "column_1": ["1.5", "3", "5", "a"],
        "column_2": ["2.5", "4", "6", "b"],
    }
    table = open_table(tmp_path)
    list(table.batches())
    assert table.where(4) == "line 1 of 2.csv"


def test_kinds_are_not_mixed(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 7).save(tmp_path / "1.png")
    Image.new("L", (4, 4), 9).save(tmp_path / "2.png")
    (tmp_path / "labels.csv").write_text("file,kind\n1.png,a\n")
    assert load_data(tmp_path).items.shape == (2, 4, 4)
    write(tmp_path / "a.parquet", x=[1, 2])
    with pytest.raises(DataError, match=r"holds 1 Parquet file and 1 CSV file and 2 images, and"):
        load_data(tmp_path)
    assert is_table(str(tmp_path / "*.parquet"))


def test_no_output_is_one_of_the_parts(tmp_path: Path) -> None:
    path = write(tmp_path / "part-1.parquet", x=[1])
    with pytest.raises(UsageError, match=r"OUT .*part-1.parquet would write over DATA"):
        check_outputs({"DATA": str(tmp_path / "part-*.parquet")}, {"OUT": path})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_bad_cell_is_named_by_its_file_and_its_row_there(kind: str, tmp_path: Path) -> None:
    """Where columns are learnt, and where a model reads a table or fills it in."""
    place = "line 3 of part-1.csv" if kind == "csv" else "row 1 of part-1.parquet"

    def parts(name: str, **second: object) -> str:
        columns = {"x": [1.5, 2.5, 4.0], "n": [1, 2, 4]}
        for part, cells in enumerate((columns, {**columns, **second})):
            path = tmp_path / name / f"part-{part}.{kind}"
            path.parent.mkdir(exist_ok=True)
            frame = pd.DataFrame(cells)
            frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
        return str(tmp_path / name)

    infinite = parts("infinite", x=[0.5, float("inf"), 2.5])
    with pytest.raises(DataError, match=f"^column 'x' holds inf in {place}, and numbers must be"):
        load_data(infinite)
    schema = load_data(parts("good")).table
    with pytest.raises(DataError, match=f"^column 'x' holds inf in {place}, and numbers must be"):
        load_data(infinite, table=schema)
    notes = " ".join(load_data(parts("fractions", n=[1.0, 2.25, 3.0]), table=schema).notes)
    assert f"and 2.25 in {place}: 1 such cell" in notes
    autoencoder = Autoencoder(1, epochs=1, refine=0).fit(load_data(str(tmp_path / "good")))
    filling = Filling(autoencoder._in_use(), infinite, SchemaDrift())
    with pytest.raises(DataError, match=f"^column 'x' holds inf in {place}, and numbers must be"):
        list(filling.rows())


def test_a_cell_that_is_none_of_its_declared_kind_is_named_by_its_file(tmp_path: Path) -> None:
    for part, cells in enumerate(("x\n1\n2\n", "x\na\nb\nc\n")):
        (tmp_path / f"{part}.csv").write_text(cells)
    with pytest.raises(DataError, match=r"^column 'x' holds 'a' in line 2 of 1\.csv, which is not"):
        load_data(str(tmp_path), types={"x": "numeric"})
