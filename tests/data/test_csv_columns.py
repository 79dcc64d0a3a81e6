"""Columns of CSV files as people have them: how numbers and dates are written, what among them is
missing, and what is said of it."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from narrows import load_data
from narrows.data import Dataset
from narrows.data.tables import (
    SchemaDrift,
    TableSchema,
    cell_formats,
    cells,
    open_table,
    reading,
)
from narrows.data.tables.filling import filled_rows, filled_types
from narrows.data.tables.missing import without_cells
from narrows.data.tables.wild import WildNote
from narrows.errors import DataError


def schema_of(data: Dataset) -> TableSchema:
    assert data.table is not None
    return data.table


def column_of(path: Path, cells: list[str], **options: Any) -> tuple[Any, list[Any], str]:
    """What a column is taken for, its values after decoding, and what is said of it."""
    quoted = ['"' + cell.replace('"', '""') + '"' if "," in cell else cell for cell in cells]
    rows = [f"{cell};{number % 3}" for number, cell in enumerate(quoted)]
    path.write_text("c;k\n" + "\n".join(rows) + "\n", encoding="utf-8")
    data = load_data(path, **options)
    schema = schema_of(data)
    return schema["c"], schema.decode(data.items)["c"].to_pylist(), "\n".join(data.notes)


NUMBERS = {
    "decimal commas": (["1.234,56", "7,5", "-2,25"], [1234.56, 7.5, -2.25]),
    "money": (["$1,234", "$5.50", "$7"], [1234, 5.5, 7]),
    "money behind": (["5 €", "6,5 €", "7 €"], [5, 6.5, 7]),
    "shares": (["12 %", "3 %", "7.5 %"], [12, 3, 7.5]),
    "thousands with blanks": (["1 234", "5", "77 000"], [1234, 5, 77000]),
    "an accountant's negatives": (["(12)", "5", "(1,200.50)"], [-12, 5, -1200.5]),
    "millions": (["€110.5M", "€600K", "€0"], [110_500_000, 600_000, 0]),
    "weights": (["159lbs", "20lbs", "31lbs"], [159, 20, 31]),
    "Swiss": (["1'234.5", "5.5", "6"], [1234.5, 5.5, 6]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_as_people_write_them(name: str, tmp_path: Path) -> None:
    cells, values = NUMBERS[name]
    column, found, notes = column_of(tmp_path / "a.csv", cells)
    assert column.kind in ("numeric", "integer")
    assert found == pytest.approx(values, rel=1e-5, abs=1 if name == "millions" else 1e-4)
    assert "column 'c' is read as numbers with" in notes
    assert "plain numbers" in notes


@pytest.mark.parametrize(
    "cells",
    [
        ["Q1", "Q2", "Q1"],
        ["A12", "B13", "A12"],
        ["007,5", "1,5", "007,5"],
        ["$5", "€6", "$5"],
        ["5 kg", "6 lb", "5 kg"],
        ["1st", "2nd", "1st"],
        ["-", "-", "x"],
        ["5'7", "6'1", "5'7"],
        ["192.168.0.1", "10.0.0.1", "10.0.0.1"],
    ],
)
def test_texts_stay_texts(cells: list[str], tmp_path: Path) -> None:
    column, found, _ = column_of(tmp_path / "a.csv", cells)
    assert (column.kind, found) == ("categorical", cells)


DAY, NEXT = datetime.date(2024, 1, 31), datetime.date(2024, 2, 1)
DATES: dict[str, tuple[list[str], list[Any]]] = {
    "month first": (["01/31/2024", "02/01/2024"], [DAY, NEXT]),
    "day first": (["31/01/2024", "01/02/2024"], [DAY, NEXT]),
    "points": (["31.01.2024", "1.2.2024"], [DAY, NEXT]),
    "year first": (["2024/01/31", "2024/02/01"], [DAY, NEXT]),
    "short years": (["1/31/24", "2/1/24"], [DAY, NEXT]),
    "names": (["Jan 31, 2024", "Feb 1, 2024"], [DAY, NEXT]),
    "names between": (["31-Jan-2024", "01-Feb-2024"], [DAY, NEXT]),
    "months": (["1949-01", "1949-02"], [datetime.date(1949, 1, 1), datetime.date(1949, 2, 1)]),
    "times of the day": (["10:00:00", "11:30:00"], [datetime.time(10), datetime.time(11, 30)]),
    "times with points": (["18.00.00", "19.00.00"], [datetime.time(18), datetime.time(19)]),
    "a time behind": (
        ["01/31/2024 1:05 PM", "02/01/2024 12:05 AM"],
        [datetime.datetime(2024, 1, 31, 13, 5), datetime.datetime(2024, 2, 1, 0, 5)],
    ),
}


@pytest.mark.parametrize("name", DATES)
def test_dates_as_people_write_them(name: str, tmp_path: Path) -> None:
    cells, values = DATES[name]
    column, found, notes = column_of(tmp_path / "a.csv", cells)
    assert (column.kind, found) == ("date", values)
    assert "column 'c' is read as" in notes
    assert "could as well be" not in notes


def test_an_order_that_nothing_settles_is_said(tmp_path: Path) -> None:
    column, found, notes = column_of(tmp_path / "a.csv", ["01/02/2024", "03/04/2024"])
    assert (column.kind, found[0]) == ("date", datetime.date(2024, 1, 2))
    assert "could as well be dates in the order day/month/year" in notes
    assert column_of(tmp_path / "a.csv", ["30/02/2024", "x", "x"])[0].kind == "categorical"


def test_a_comma_that_nothing_settles_is_said(tmp_path: Path) -> None:
    _, found, notes = column_of(tmp_path / "a.csv", ["1,234", "2,500"])
    assert found == pytest.approx([1.234, 2.5], abs=1e-4)  # as semicolons stand between cells
    assert "could as well be numbers with ',' between thousands" in notes
    _, _, notes = column_of(tmp_path / "a.csv", ["$1.234", "$2.500"])
    assert "could as well be numbers with ',' between thousands and '$'" in notes  # the likeliest
    _, found, notes = column_of(tmp_path / "a.csv", ["1,234", "2,500"], thousands=",")
    assert (found, "could as well" in notes) == ([1234, 2500], False)
    _, found, _ = column_of(tmp_path / "a.csv", ["1.234", "2.500"], decimal=",")
    assert found == [1234, 2500]


@pytest.mark.parametrize(
    "text", ["-", "None", "UNKNOWN", "?", "", "n.a.", ".", "NAN", '"NaN"', "-nan"]
)
def test_what_is_missing_among_numbers(text: str, tmp_path: Path) -> None:
    column, found, notes = column_of(tmp_path / "a.csv", ["1.5", text, "2.5", "4"])
    assert (column.kind, found[1]) == ("numeric", None)
    assert ("taken for missing" in notes) == (text not in ("?", ""))
    column, found, _ = column_of(tmp_path / "a.csv", ["a", "UNKNOWN", "a", "b"])
    assert found[1] == "UNKNOWN"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("last, kind", [(["a", "a"], "categorical"), (["$5", "$7.50"], "numeric")])
def test_words_ahead_of_all_else_are_what_they_are_beside_it(
    suffix: str, last: list[str], kind: str, tmp_path: Path
) -> None:
    """Whether "none" is missing is said by cells that may be read long after it."""
    first = ["none", "-", "none"]
    folder, whole = tmp_path / "parts", tmp_path / f"whole{suffix}"
    folder.mkdir()
    for path, texts in [(folder / f"1{suffix}", first), (folder / f"2{suffix}", last),
                        (whole, first + last)]:  # fmt: skip
        table = pa.table({"c": texts, "k": np.arange(len(texts)) / 2})
        write = pyarrow.csv.write_csv if suffix == ".csv" else pyarrow.parquet.write_table
        write(table, path)
    found, wanted = load_data(folder), load_data(whole)
    assert schema_of(found)["c"] == schema_of(wanted)["c"]
    assert schema_of(found)["c"].kind == (kind if suffix == ".csv" else "categorical")
    np.testing.assert_array_equal(found.items[:, :-1], wanted.items[:, :-1])


@pytest.mark.parametrize("stray", ["ERROR", "#VALUE!", "abc"])
def test_a_stray_text_among_numbers_is_said_and_types_help(stray: str, tmp_path: Path) -> None:
    cells = [str(number) for number in range(40)]
    cells[7] = stray
    column, _, notes = column_of(tmp_path / "a.csv", cells)
    assert column.kind == "ignored"  # as its texts all differ
    assert f"line 9 holds '{stray}'" in notes
    assert "types={'c': 'numeric'}" in notes
    column, found, notes = column_of(tmp_path / "a.csv", cells, types={"c": "numeric"})
    assert (column.kind, found[7], found[8]) == ("numeric", None, pytest.approx(8, abs=1e-4))
    assert "1 cell that is none, the first in line 9, taken for missing" in notes
    assert f"'{stray}' 1x" in notes


@pytest.mark.parametrize(
    ("some", "kind"),
    [
        (["1.0", "1.5", "2.0"], "numeric"),
        (["10.25", "3", "4.1"], "numeric"),
        (["31.01.2024", "1.2.2024"], "date"),
        (["01/31/2024", "02/01/2024"], "date"),
        (["10:00", "11:30"], "date"),
    ],
)
def test_what_the_other_cells_look_like(some: list[str], kind: str, tmp_path: Path) -> None:
    _, _, notes = column_of(tmp_path / "a.csv", [*some * 9, "ERROR"])
    assert f"types={ {'c': kind} } reads them so" in notes


@pytest.mark.parametrize(
    ("wild", "some", "told"),
    [
        ({7: "9999"}, ["1.5", "", "10.5", "4"], "9999 in line 9; the others lie from 1.5 to 10.5"),
        ({7: "9999"}, ["1", "3", "2"], "9999 in line 9; the others lie from 1 to 3"),
        (
            {70: "9999-12-31"},
            ["2024-01-05", "2024-03-01"],
            "9999-12-31 in line 72; the others lie from 2024-01-05 to 2024-03-01",
        ),
        (
            {7: "-9999", 250: "7000"},
            ["1.5", "2.5"],
            "-9999 in line 9, 7000 in line 252; the others lie from 1.5 to 2.5",
        ),
    ],
)
def test_few_values_that_make_the_spread_are_said(
    wild: dict[int, str], some: list[str], told: str, tmp_path: Path
) -> None:
    cells = (some * 300)[:300]
    for row, cell in wild.items():
        cells[row] = cell
    _, _, notes = column_of(tmp_path / "a.csv", cells)
    assert f"'c' ({told})" in notes


def test_a_note_of_wild_values_is_told_by_its_kind_from_others(tmp_path: Path) -> None:
    """Also where rows were held out: the comparison asks for it."""
    rows = [f"{row % 7},{row % 5},{10**6 + row}" for row in range(300)]
    rows[7] = "9999,1,1000007"
    (tmp_path / "a.csv").write_text("c,b,id\n" + "\n".join(rows) + "\n", encoding="utf-8")
    data, _ = load_data(tmp_path / "a.csv").split(0.2, 0)
    wild = [note for note in data.notes if isinstance(note, WildNote)]
    assert len(wild) == 1 < len(data.notes) and "'c' (9999" in wild[0]


@pytest.mark.parametrize(
    "cells",
    [
        [str(2**number) for number in range(10)] * 30,  # skewed, and no value alone
        ["0"] * 299 + ["1"],  # a rare flag
        ["0.5", "1.5"] * 5 + ["9999"],  # too few to tell
    ],
)
def test_where_nothing_is_wild_nothing_is_said(cells: list[str], tmp_path: Path) -> None:
    _, _, notes = column_of(tmp_path / "a.csv", cells)
    assert "wild" not in notes


def test_a_number_that_names_a_row_is_not_called_wild(tmp_path: Path) -> None:
    rows = [f"{name},{name % 3}" for name in [*range(299), 99_999_999]]
    (tmp_path / "a.csv").write_text("id,k\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (note,) = load_data(tmp_path / "a.csv").notes
    assert "identifier" in note


def test_a_stray_text_among_dates(tmp_path: Path) -> None:
    cells = [f"2024-01-{day:02}" for day in range(1, 29)]
    cells[3] = "ERROR"
    assert "types={'c': 'date'}" in column_of(tmp_path / "a.csv", cells)[2]
    column, found, _ = column_of(tmp_path / "a.csv", cells, types={"c": "date"})
    assert (column.kind, found[3], found[4]) == ("date", None, datetime.date(2024, 1, 5))


@pytest.mark.parametrize("marks", [{"decimal": ","}, {"thousands": "."}])
def test_numbers_of_another_mark_than_was_said_are_refused_where_numbers_are_declared(
    marks: dict[str, str], tmp_path: Path
) -> None:
    cells = ["0.50", "-1.25", "0.75"]
    with pytest.raises(
        DataError, match=r"column 'c' holds '0.50' in line 2, which is not a number"
    ):
        column_of(tmp_path / "a.csv", cells, types={"c": "numeric"}, **marks)
    assert column_of(tmp_path / "a.csv", cells, **marks)[0].kind == "ignored"


def test_a_column_of_other_things_is_not_declared_a_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'c' holds 'x' in line 2"):
        column_of(tmp_path / "a.csv", ["x", "y", "z", "1"], types={"c": "numeric"})


def encoded(path: Path, text: str, schema: TableSchema) -> tuple[list[Any], str]:
    path.write_text(text, encoding="utf-8")
    data = load_data(path, table=schema)
    return schema.decode(data.items)["c"].to_pylist(), "\n".join(data.notes)


def test_later_files_may_hold_what_training_did_not(tmp_path: Path) -> None:
    def trained(*cells: str, **options: Any) -> TableSchema:
        path = tmp_path / "a.csv"
        path.write_text("c,k\n" + "".join(f"{cell},{n}\n" for n, cell in enumerate(cells)))
        table = schema_of(load_data(path, **options))
        return TableSchema.from_dict(table.to_dict())

    later = tmp_path / "b.csv"
    schema = trained("1", "20", "3")
    found, notes = encoded(later, "k,c,more\n1,10.5,x\n2,10.0,x\n3,-,x\n", schema)
    assert schema.encode(pa.table({"c": [10.5], "k": [1]}), SchemaDrift()).shape == (1, 2)
    assert found[1] == 10
    assert (
        "held whole numbers in training, and 10.5 in line 2: 1 such cell taken as written" in notes
    )
    assert "ignored what the model was not trained on: 'more'" in notes
    schema = trained("2024-01-01", "2024-03-01")
    found, _ = encoded(later, "c,k\n2024-02-01T10:30:00,1\n2024-02-02 11:00:00,1\n", schema)
    assert found == [datetime.date(2024, 2, 1), datetime.date(2024, 2, 2)]
    schema = trained("01/31/2024", "02/25/2024")
    found, _ = encoded(later, "c,k\n02/01/2024,1\n", schema)
    assert found == [datetime.date(2024, 2, 1)]
    found, _ = encoded(later, "c,k\n2024-02-01,1\n", schema)
    assert found == [datetime.date(2024, 2, 1)]
    schema = trained("true", "false")
    assert encoded(later, "c,k\n1,1\n0,1\nyes,1\n", schema)[0] == [True, False, True]
    schema = trained("$1", "$2000")
    assert encoded(later, "c,k\n$15,1\n20,1\n", schema)[0][0] == 15
    schema = trained(*map(str, range(20)), "ERROR", types={"c": "numeric"})
    found, notes = encoded(later, "c,k\n5,1\nERROR,1\n7,1\n", schema)
    assert found[1] is None
    assert "cells of another kind taken for missing, as in training: 'ERROR' 1x" in notes
    with pytest.raises(DataError, match="holds 'ERROR' in line 3, which is not a number"):
        encoded(later, "c,k\n5,1\nERROR,1\n7,1\n", trained("1.5", "2"))


def completed(path: Path, cells: list[str], **options: Any) -> list[Any]:
    """A column with an empty cell below the others, after its gaps are filled with the mean."""
    column_of(path, [*cells, ""], **options)
    schema = schema_of(load_data(path, **options))
    table = open_table(path)
    (block,) = table.batches()
    features = np.zeros((block.num_rows, schema.width), np.float32)
    types = filled_types(schema, table)
    assert types["c"] == schema.arrow_schema().field("c").type
    filled, _ = filled_rows(schema, pa.Table.from_batches([block]), features, types=types)
    assert filled.schema.field("c").type == types["c"]
    return filled["c"].to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NUMBERS, *DATES])
def test_gaps_of_columns_as_people_write_them_are_filled(name: str, tmp_path: Path) -> None:
    cells, wanted = (NUMBERS | DATES)[name]
    found = completed(tmp_path / "t.csv", cells)
    assert found[:-1] == wanted
    assert found[-1] is not None


@pytest.mark.parametrize("last, type_", [("119", "int64"), ("", "int64"), ("A-17", "string"),
                                         ("unknown", "string"), ("-", "string")])  # fmt: skip
def test_identifiers_keep_the_type_of_training(last: str, type_: str, tmp_path: Path) -> None:
    """Nothing is learnt from them, and they are numbers all the same; unless some are none now."""
    rng, path = np.random.default_rng(0), tmp_path / "t.csv"
    cells = [*map(str, range(60, 119)), "119"]
    text = "\n".join(f"{cell},{x:.3f}" for cell, x in zip(cells, rng.normal(size=60), strict=True))
    path.write_text(f"key,x\n{text}\n")
    schema = schema_of(load_data(path))
    assert schema["key"].identifier and schema["key"].dtype == "int64"
    path.write_text(f"key,x\n{text.replace('119,', f'{last},')}\n")
    table = open_table(path)
    types = filled_types(schema, table)
    (block,) = table.batches()
    features = np.zeros((block.num_rows, schema.width), np.float32)
    filled, _ = filled_rows(schema, pa.Table.from_batches([block]), features, types=types)
    assert str(filled.schema.field("key").type) == str(types["key"]) == type_
    wanted = [*cells[:-1], last or None]
    assert [each if each is None else str(each) for each in filled["key"].to_pylist()] == wanted


def test_gaps_among_invalid_cells_and_missing_words_are_filled(tmp_path: Path) -> None:
    cells = ["9007199254740993", "ERROR", "9007199254740995", "UNKNOWN", "7", "5"]
    found = completed(tmp_path / "t.csv", cells, types={"c": "integer"})
    kept = [0, 2, 4, 5]
    assert [found[place] for place in kept] == [int(cells[place]) for place in kept]
    assert None not in found
    # a constant is read as the others are
    assert completed(tmp_path / "t.csv", ["$1,500,000"] * 2) == [1_500_000] * 3


def test_plain_numbers_are_tried_in_one_format_only(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[cell_formats.CellFormat] = []

    def record(texts: pa.Array, cell_format: cell_formats.CellFormat) -> pa.Array:
        tried.append(cell_format)
        return texts

    monkeypatch.setattr(cell_formats, "normalized", record)
    found = cell_formats.guess_formats(pa.array(["0.25", "1.5", "-20.125"]), False, (None, None))
    # every mark between thousands that none of them has would do, and what it is tells nothing
    assert [(each.decimal, each.thousands) for each in found] == [
        (".", ","),
        (".", " "),
        (".", "'"),
    ]
    assert len(tried) == 1


WIDE = 300


def write_wide(path: Path, odd: dict[int, tuple[int, str]], rows: int = 40) -> np.ndarray:
    """A table of numbers, in which some columns have another cell in a row; gives the numbers."""
    numbers = np.random.default_rng(3).normal(size=(rows, WIDE)).round(3)
    cells = [[f"{number:.3f}" for number in row] for row in numbers]
    for column, (row, text) in odd.items():
        cells[row][column] = text
    names = ",".join(f"c{column}" for column in range(WIDE))
    path.write_text("\n".join([names, *map(",".join, cells)]) + "\n", encoding="utf-8")
    return numbers


def test_columns_of_plain_numbers_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = write_wide(tmp_path / "t.csv", {17: (30, "unknown")})
    read, calls = cells.parse, list[int]()

    def count(array: pa.Array, type_: pa.DataType) -> pa.Array | None:
        calls.append(len(array))
        return read(array, type_)

    monkeypatch.setattr(cells, "parse", count)
    data = load_data(tmp_path / "t.csv")
    # of a column that holds more, only the halves that it is in are read again
    assert len(calls) < WIDE / 4
    found = schema_of(data).decode(data.items)
    for column in range(WIDE):
        expected = [None if (column, row) == (17, 30) else numbers[row, column]
                    for row in range(len(numbers))]  # fmt: skip
        assert found[f"c{column}"].to_pylist() == expected


@pytest.mark.parametrize("row", [0, 1, 39])
def test_what_is_no_plain_number_is_found_among_many_columns(
    row: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {0: "n.a.", 5: "$1.5", 99: "abc", 100: "-3", 101: "nan", 299: "0123"}
    numbers = write_wide(tmp_path / "t.csv", {at: (row, text) for at, text in odd.items()})
    monkeypatch.setattr(reading, "_CSV_BLOCK", 20_000)  # some rows at a time
    data = load_data(tmp_path / "t.csv")
    schema = schema_of(data)
    texts = [column.name for column in schema.columns if column.kind != "numeric"]
    assert texts == ["c5", "c99", "c299"]
    expected = numbers.copy()
    expected[row, [0, 101]], expected[row, 100] = np.nan, -3
    found = schema.decode(data.items)
    for column in set(range(WIDE)) - {5, 99, 299}:
        cell = np.array(found[f"c{column}"].to_pylist(), np.float64)
        np.testing.assert_array_equal(cell, expected[:, column])
    assert any("c0" in note and "taken for missing: 'n.a.'" in note for note in data.notes)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.float64()])
def test_cells_are_made_missing_in_a_slice_too(kind: pa.DataType) -> None:
    array = pa.array([f"{number}.5" for number in range(100)]).cast(kind).slice(50, 40)
    found = without_cells(array, pa.array([place == 30 for place in range(40)]))
    found.validate(full=True)  # of a null scalar Arrow 18 to 22 make texts beyond their bytes
    expected = array.to_pylist()
    assert found.to_pylist() == [*expected[:30], None, *expected[31:]]
