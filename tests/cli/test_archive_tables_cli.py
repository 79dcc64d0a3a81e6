"""The commands of archives on tables: what each prints where, and leaves."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from helpers.command_line import Command, contents, done, failed
from helpers.table_cases import assert_same_table, related_table
from narrows.archive.tables import sources


@pytest.fixture
def source(tmp_path: Path) -> Path:
    pyarrow.parquet.write_table(related_table(90), tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_a_table_goes_into_a_file_and_comes_back(
    narrows: Command, source: Path, tmp_path: Path
) -> None:
    out, back = tmp_path / "t.nrw", tmp_path / "back.parquet"
    shown = done(narrows("compress", source, "--out", out)).out
    for text in ("base", "dictionary<values=s…", "exact", f"{out.stat().st_size:,}", "90 rows"):
        assert text in shown
    done(narrows("decompress", out, "--out", back))
    assert_same_table(pyarrow.parquet.read_table(back), related_table(90))
    told = done(narrows("verify", out, "--against", source)).out
    assert "all 900 values are those of" in told
    assert "is whole: the checksums of 900 values match" in done(narrows("verify", out)).out
    lines = done(narrows("info", out)).out.splitlines()
    assert lines[4:10] == shown.splitlines()[4:10]


def test_a_csv_file_comes_back_with_the_same_values(narrows: Command, tmp_path: Path) -> None:
    text = 'a,"b c",d\n1,x,0.5\n2,"y, ""z""",\n,ü,-3\n'
    (tmp_path / "t.csv").write_text(text, "utf-8")
    out, back = tmp_path / "t.nrw", tmp_path / "back.csv"
    done(narrows("compress", tmp_path / "t.csv", "--out", out))
    done(narrows("decompress", out, "--out", back))
    ours, theirs = (pyarrow.csv.read_csv(path) for path in (back, tmp_path / "t.csv"))
    assert ours.equals(theirs)
    done(narrows("verify", out, "--against", back))


def test_bounds_are_asked_by_column_and_kept(
    narrows: Command, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "t.nrw"
    asked = ["--max-error", "1%", "--max-error", "price=0.25", "--max-error", "walk=0"]
    made = json.loads(done(narrows("compress", source, "--out", out, *asked, "--json")).out)
    bounds = {column["name"]: column["bound"] for column in made["columns"]}
    assert bounds["price"] == 0.25 and bounds["walk"] == bounds["color"] == 0
    assert 0 < bounds["noise"] < 0.01
    assert sum(made["bytes"].values()) == made["total"] == out.stat().st_size
    found = json.loads(done(narrows("verify", out, "--against", source, "--json")).out)
    assert 0 < found["largest_error"]["price"] <= 0.25
    assert "price: largest error" in done(narrows("verify", out, "--against", source)).out


@pytest.mark.parametrize(
    "asked, texts",
    [
        ("cost=1", ["no column 'cost'", "price"]),
        ("color=1", ["asked of 'color'", "string"]),
        ("price=x", ["x", "1%"]),
        ("x%", ["x%"]),
    ],
)
def test_a_bound_that_cannot_be_meant_is_wrong_usage(
    asked: str, texts: list[str], narrows: Command, source: Path, tmp_path: Path
) -> None:
    before = contents(tmp_path)
    out = ["--out", tmp_path / "a.nrw"]
    failed(narrows("compress", source, *out, f"--max-error={asked}"), 2, *texts)
    assert contents(tmp_path) == before


def test_some_rows_and_what_is_whole_are_written(
    narrows: Command, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "GROUP_ROWS", 30)
    out, back = tmp_path / "t.nrw", tmp_path / "back.parquet"
    done(narrows("compress", source, "--out", out, "--effort", "fast"))
    done(narrows("decompress", out, "--items", "25:65", "--out", back))
    assert_same_table(pyarrow.parquet.read_table(back), related_table(90).slice(25, 40))
    out.write_bytes(out.read_bytes()[:-1])
    failed(narrows("decompress", out, "--out", back), 1, "is cut short")
    told = done(narrows("decompress", out, "--skip-damaged", "--out", back))
    assert "rows 60 to 89 cannot be read any more" in told.err
    assert_same_table(pyarrow.parquet.read_table(back), related_table(90).slice(0, 60))


def test_another_table_is_told(narrows: Command, source: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "t.nrw", tmp_path / "other.parquet"
    done(narrows("compress", source, "--out", out, "--effort", "fast"))
    table = related_table(90)
    for change, texts in (
        (table.slice(0, 80), ["holds 90 rows"]),
        (table.rename_columns([*table.column_names[:-1], "din"]), ["'noise'", "'din'"]),
        (table.set_column(0, "base", pa.array([7] * 90)), ["row 0 of column 'base'", "have 7"]),
        (table.set_column(7, "id", pa.array(["x"] * 90)), ["of column 'id'", "have 'x'"]),
    ):
        pyarrow.parquet.write_table(change, other)
        failed(narrows("verify", out, "--against", other), 1, *texts)
    failed(narrows("verify", out, "--against", "digits"), 1, "holds a table", "digits is an array")
    failed(narrows("decompress", out, "--out", tmp_path / "x.npy"), 2, "cannot hold a table")
