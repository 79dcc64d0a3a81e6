"""CSV as people have it: what is found out of a file's layout, and what a user may say of it."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from narrows.data.tables import CsvOptions, is_table, open_table
from narrows.errors import DataError, UsageError


def read(path: Path, content: bytes | str, **options: Any) -> tuple[pa.Table, tuple[str, ...]]:
    """The cells of a file, as texts, and what is said of it."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = open_table(path, options=CsvOptions.of(options))
    return pa.Table.from_batches(list(table.batches())), table.notes


def cells(table: pa.Table) -> Mapping[str, list[str | None]]:
    return table.to_pydict()


LAYOUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "blank last lines": ("a,b\n1,2\n3,4\n,\n   \n,\n", {}),
    "nothing but semicolons at the end": ("a;b\n1;2\n3;4\n;\n;\n", {}),
    "more semicolons than cells": ("a;b\n1;2\n3;4\n;;;;\n", {}),
    "a blank before a quote": ('a, b\n1, "2"\n3, "4"\n', {}),
    "a title": ("Report of 2024\n\na,b\n1,2\n3,4\n", {}),
    "a title with its delimiters": ("Report,\n,\na,b\n1,2\n3,4\n", {}),
    "comments": ("# made by hand\n# on a day\na,b\n1,2\n3,4\n", {}),
    "names in a comment": ("# a, b\n1,2\n3,4\n", {}),
    "lines that are skipped": ("x,y\nz,z\na,b\n1,2\n3,4\n", {"skip_rows": 2}),
    "Excel's line": ("sep=;\na;b\n1;2\n3;4\n", {}),
    "delimiters in a quoted name": ('"a",b\n1,2\n3,4\n', {}),
    "blanks between cells": ("a  b\n1   2\n 3 4 \n", {}),
    "a delimiter of one's own": ("a^b\n1^2\n3^4\n", {"delimiter": "^"}),
    "Windows' line ends": ("a,b\r\n1,2\r\n3,4\r\n", {}),
    "an old Mac's line ends": ("a,b\r1,2\r3,4\r", {}),
    "no last line end": ("a,b\n1,2\n3,4", {}),
    "one blank line too many": ("\n\na,b\n\n1,2\n\n3,4\n\n", {}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_found(name: str, tmp_path: Path) -> None:
    text, options = LAYOUTS[name]
    table, _ = read(tmp_path / "a.csv", text, **options)
    assert cells(table) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_what_is_passed_over_is_said(tmp_path: Path) -> None:
    _, notes = read(tmp_path / "a.csv", "Report of 2024\n\na,b\n1,2\n3,4\n,\n,\n")
    assert len(notes) == 2
    assert "2 lines, the first of them 'Report of 2024'" in notes[0]
    assert "left out 2 lines at the end" in notes[1]


@pytest.mark.parametrize("row", ["x\n1\n\n2\n\n", "x,y\n1,\n,\n,2\n"])
def test_missing_cells_amid_rows_stay(row: str, tmp_path: Path) -> None:
    table, _ = read(tmp_path / "a.csv", row)
    assert cells(table)["x"][:2] == ["1", None]
    assert table.num_rows >= 3


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('"x; y","z; w"\n1,2\n3,4\n', ["x; y", "z; w"]),
        ('"a, b";c\n1;2\n3;4\n', ["a, b", "c"]),
        ("a;b;c\n1,5;2,5;3\n4,5;5,5;6\n", ["a", "b", "c"]),
        ("1,5;2,5\n4,5;5,5\n1,5;2,7\n", ["column_1", "column_2"]),
        ("a,b,,\n1,2,,\n3,4,,\n", ["a", "b", "column_3", "column_4"]),
        ("a,b\n1,2,\n3,4,\n", ["a", "b", "column_3"]),
        ("a,b,\n1,2\n3,4\n", ["a", "b"]),
        (",a\n0,1\n1,2\n", ["", "a"]),
        ("land,1990,1995,2004\nx,1,2,3\ny,2,3,4\n", ["land", "1990", "1995", "2004"]),
        ("p,x,s\np,x,t\ne,x,s\np,y,t\n", ["column_1", "column_2", "column_3"]),
        ("Oslo,14\nBergen,12\nOslo,13\n", ["column_1", "column_2"]),
        ("0,tcp,http,SF,491\n0,udp,other,SF,146\n", [f"column_{i}" for i in range(1, 6)]),
    ],
)
def test_delimiters_and_names(text: str, names: list[str], tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", text)[0].column_names == names


def test_a_header_may_be_said(tmp_path: Path) -> None:
    table, notes = read(tmp_path / "a.csv", "a,b\n1,2\n", header=False)
    assert cells(table) == {"column_1": ["a", "1"], "column_2": ["b", "2"]}
    assert not notes
    table, _ = read(tmp_path / "a.csv", "5,1\n1,2\n", header=True)
    assert cells(table) == {"5": ["1"], "1": ["2"]}


def test_quoted_texts_are_not_missing(tmp_path: Path) -> None:
    table, _ = read(tmp_path / "a.csv", 'a,b\n"NA",NA\n"null",null\n"?", ? \nx,\n')
    assert cells(table) == {"a": ["NA", "null", "?", "x"], "b": [None] * 4}


def test_missing_spellings_of_a_user(tmp_path: Path) -> None:
    table, _ = read(tmp_path / "a.csv", "a;b\n-200;k\n-200,0;oo\n-2001;x\n", missing=["-200", "oo"])
    assert cells(table) == {"a": [None, None, "-2001"], "b": ["k", None, "x"]}


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_found(encoding: str, said: str | None, tmp_path: Path) -> None:
    table, notes = read(tmp_path / "a.csv", "né,b\n1,x\n2,”y” é\n".encode(encoding))
    assert cells(table) == {"né": ["1", "2"], "b": ["x", "”y” é"]}
    assert [said in note for note in notes] == ([True] if said else [])


def test_an_encoding_far_down_and_one_that_is_said(tmp_path: Path) -> None:
    long = b"a,b\n" + b"1,x\n" * 400_000 + b"2,\xe9\n"
    table, _ = read(tmp_path / "a.csv", long)
    assert table["b"][-1].as_py() == "é"
    table, notes = read(tmp_path / "b.csv", b"a,b\n1,\xe4\n", encoding="cp1251")
    assert (cells(table)["b"], notes) == (["д"], ())
    with pytest.raises(DataError, match="is not text in UTF-8: byte 3 of line 2 is 0xe4"):
        read(tmp_path / "b.csv", b"a,b\n1,\xe4\n", encoding="utf-8")


TEXT = b"a,b\n1,2\n3,4\n"


def test_packed_files(tmp_path: Path) -> None:
    packed = {"gz": gzip.compress(TEXT), "bz2": bz2.compress(TEXT), "xz": lzma.compress(TEXT)}
    packed["zst"] = pa.compress(TEXT, "zstd", asbytes=True)
    for suffix, content in packed.items():
        path = tmp_path / f"a.txt.{suffix}"
        assert cells(read(path, content)[0]) == {"a": ["1", "3"], "b": ["2", "4"]}
        with pytest.raises(DataError):
            read(path, content[: len(content) // 2])


def test_zip_files(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/a.csv", TEXT)
        archive.writestr("__MACOSX/a.csv", b"\0")
    assert open_table(path).batches().__next__().num_rows == 2
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.csv", TEXT)
    with pytest.raises(DataError, match=r"holds 2 files: folder/a.csv, b.csv"):
        open_table(path)


def test_a_folder_of_parquet_files(tmp_path: Path) -> None:
    assert not is_table(tmp_path)
    for number in range(3):
        part = pa.table({"x": [number, 10 + number], "y": ["k", "l"]})
        pa.parquet.write_table(part, tmp_path / f"part-{number}.parquet")
    assert is_table(tmp_path)
    batches = list(open_table(tmp_path).batches())
    assert pa.Table.from_batches(batches)["x"].to_pylist() == [0, 10, 1, 11, 2, 12]
    pa.parquet.write_table(pa.table({"x": ["text"], "y": ["k"]}), tmp_path / "part-9.parquet")
    with pytest.raises(DataError, match=r"of type string in part-9.parquet and of type int64 in"):
        open_table(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ",,"},
        {"delimiter": '"'},
        {"decimal": ";"},
        {"decimal": ",", "thousands": ","},
        {"encoding": "utf-99"},
        {"encoding": "base64"},
        {"skip_rows": -1},
        {"header": "perhaps"},
    ],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        CsvOptions.of(options)
    assert caught.value.hint


def test_options_of_what_is_no_csv() -> None:
    with pytest.raises(UsageError, match="decimal says how a CSV file is read"):
        open_table(pa.table({"x": [1]}), options=CsvOptions.of({"decimal": ","}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n4,5\n", "has 1 cell in line 3, and 2 in its first row"),
        ("Title\n\na,b\n1,2\n3,4\n5,6\n7,8,9\n", "has 3 cells in line 7, and 2"),
        ('a, b\n1, "x, y"\n2, "z", 5\n', "has 3 cells in line 3, and 2"),
        ("sep=;\na;b\n1;2\n5;6;7\n8;9\n", "has 3 cells in line 4, and 2"),
    ],
)
def test_ragged_rows_are_explained(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "a.csv", text)
    assert "skip_rows=" in str(caught.value.hint)
