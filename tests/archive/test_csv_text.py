"""CSV files come back from archives as they were: byte for byte, or else with every value."""

import gzip
import json
import lzma
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from helpers.archive_cases import forged, parts_of
from helpers.command_line import Command, done, failed
from narrows import NarrowsWarning, compress, decompress, load_data
from narrows.archive import open_archive, write_table
from narrows.archive.container import Container
from narrows.archive.tables import archive as tables
from narrows.archive.tables import verify_table
from narrows.archive.tables.sources import TypedTable
from narrows.archive.tables.text import description, file
from narrows.cli.app import run
from narrows.errors import ArchiveError, DataError, UsageError

EXACT = {
    "a number too small": "p\n2.3e-412\n0.5\n",
    "a number too large": "p\n1e400\n0.5\n",
    "identifiers beside a fraction": "id\n76561198012345678\n76561198012345679\n0.5\n",
    "an integer beyond doubles": "a\n9007199254740993\n0.5\n",
    "an integer beyond 64 bits": "a\n100000000000000000000\n1\n",
    "telephone numbers": "tel\n+4712345678\n+4712345679\n",
    "zeros in front": "a\n007\n12\n",
    "quoted words for nothing": 'a,b\n"NA",1\n"null",2\nx,3\n',
    "words for nothing": "a,b\nNA,1\nx,?\nnull,3\n",
    "an empty text and no text": 'a,b\n"",1\n,2\n',
    "decimals": "a;b\n9.0;1.50\n10.0;2.25\n",
    "decimals of all lengths": "a\n1.5\n2\n3.25\n1e-05\n",
    "exponents": "v\n1e-7\n1E-07\n0.0000001\n",
    "minus nothing": "a\n-0\n1\n",
    "infinities": "x\nInf\n1.5\n-inf\n",
    "truth values": "a\nTrue\nFalse\n",
    "truth values of all kinds": "a,b\nTrue,1\nFALSE,2\n",
    "all quoted": '"a","b"\n"1","x"\n"2",""\n',
    "texts quoted": '"a","b"\r\n1,"x"\r\n2,"y"\r\n',
    "quotes within": 'a,b\n"x ""y""","two\nlines"\n",",z\n',
    "blanks": "a, b\n1, x\n2, y \n",
    "blank lines": "\n\na,b\n1,2\n\n3,4\n\n\n",
    "one column with gaps": "a\n\n1\n\n2\n",
    "no last line end": "a,b\n1,2\n3,4",
    "a byte order mark": "\ufeffa,b\n1,2\n",
    "no names": "1.5,x\n2.5,y\n",
    "no rows": "a,b\n",
    "days": "d\n2024-01-31\n1999-12-01\n",
    "no such day": "d\n2024-02-30\n2024-01-01\n",
    "moments": "d,e\n2024-01-31T10:00:00Z,2024-01-31 10:00\n2024-01-31T11:00:00Z,2024-02-01 11:30"
    "\n",
    "parts of seconds": "d\n2024-01-31 10:00:00.120\n2024-01-31 11:00:00.500\n",
    "moments of several kinds": "d\n2024-01-31 10:00:00.120\n2024-01-31\n",
    "tabs": 'a\tb\n1\t"x"\n\t2\n',
    "blanks between cells": "1 ? 5.10\n2 3 7.25\n",
    "blanks before line ends": "1 ? 5.10 \n2 3 7.25 \n",
    "several blanks between cells": "1  2.5\n2 3.5\n",
    "years as names": "country,1990,1991\nNorway,1.5,2\n",
    "no names for some": ",a,\n1,2,\n3,4,\n",
    "a title": "a title\n\na,b,c\n1,2,3\n4,5,6\n",
    "no ASCII": "a\n٣\n1_000\n0x10\n日本\n",
}


def archived(content: bytes, folder: Path, name: str = "t.csv") -> Path:
    (folder / name).write_bytes(content)
    with (folder / "t.nrw").open("wb") as file:
        write_table(file, folder / name, effort="fast")
    return folder / "t.nrw"


@pytest.mark.slow
@pytest.mark.parametrize("text", EXACT.values(), ids=EXACT)
def test_the_text_comes_back(text: str, tmp_path: Path, narrows: Command) -> None:
    source, archive, back = (tmp_path / name for name in ("t.csv", "t.nrw", "back.csv"))
    source.write_bytes(text.encode())
    said = done(narrows("compress", source, "--out", archive, "--effort", "fast")).out
    assert "byte for byte" in said
    done(narrows("decompress", archive, "--out", back))
    assert back.read_bytes() == text.encode()
    assert "every byte" in done(narrows("verify", archive, "--against", source)).out


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_come_back(encoding: str, end: str, tmp_path: Path, narrows: Command) -> None:
    lines = ["a;b", "ä;1,50", "ö;2,25", "é;3,10"]
    content = "".join(line + end for line in lines).encode(encoding)
    archive = archived(content, tmp_path)
    done(narrows("verify", archive, "--against", tmp_path / "t.csv"))
    done(narrows("decompress", archive, "--out", tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_bytes() == content


def test_types_lose_nothing(tmp_path: Path) -> None:
    text = "a,b,c,d,e\n0.5,1,9007199254740993,2024-01-31,+1\n0.1,2,0.5,2024-02-01,+2\n"
    table = decompress(archived(text.encode(), tmp_path).read_bytes())
    kinds = [pa.float64(), pa.int64(), pa.string(), pa.date32(), pa.string()]
    assert table.schema.types == kinds
    assert table.column("c").to_pylist() == ["9007199254740993", "0.5"]


def test_what_else_a_line_says_is_kept_as_it_stands(tmp_path: Path) -> None:
    rows = [f"{number}.5,x" for number in range(400)]
    rows[7] = '7.50,"x"'
    rows[11] = "\n11.5 ,NA"
    text = "a,b\n" + "\n".join(rows) + "\n"
    with open_archive(archived(text.encode(), tmp_path)) as archive:
        assert archive.size_breakdown.text_exact
        assert archive.schema.types == [pa.float64(), pa.string()]
        assert b"".join(archive.text_pieces(archive.batches())) == text.encode()
        some = b"".join(archive.text_pieces(archive.batches(6, 9), 6))
        assert some == b'a,b\n6.5,x\n7.50,"x"\n8.5,x\n'


def test_a_packed_file(tmp_path: Path, narrows: Command) -> None:
    archive = archived(gzip.compress(b"a\n1.50\n"), tmp_path, "t.csv.gz")
    done(narrows("verify", archive, "--against", tmp_path / "t.csv.gz"))
    done(narrows("decompress", archive, "--out", tmp_path / "back.csv"))
    assert (tmp_path / "back.csv").read_bytes() == b"a\n1.50\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"1.5", b"1.50"), (b"x", b"X"), (b"2.5", b"2.6"), (b",x", b',"x"'), (b"\n", b"\r\n")],
)
def test_verify_tells_another_file(
    old: bytes, new: bytes, tmp_path: Path, narrows: Command
) -> None:
    content = b"a,b\n1.5,x\n2.5,y\n"
    archive = archived(content, tmp_path)
    (tmp_path / "t.csv").write_bytes(content.replace(old, new, 1))
    failed(narrows("verify", archive, "--against", tmp_path / "t.csv"), 1)


def test_within_an_error_only_the_manner_is_kept(tmp_path: Path, narrows: Command) -> None:
    source, archive, back = (tmp_path / name for name in ("t.csv", "t.nrw", "back.csv"))
    source.write_bytes(b"a;b\r\n1.50;x\r\n2.25;\r\n")
    result = done(
        narrows("compress", source, "--out", archive, "--max-error", "a=0.1", "--json")
    ).out
    assert json.loads(result)["text_exact"] is False
    assert "largest error" in json.loads(result)["text_reason"]
    done(narrows("decompress", archive, "--out", back))
    lines = back.read_bytes().split(b"\r\n")
    assert lines[0] == b"a;b" and lines[2].endswith(b";")
    assert abs(float(lines[1].split(b";")[0]) - 1.5) <= 0.1


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("a,b\n" + " " * 100 + ",1\n2,3\n", "utf-8"), ("a,b\nż,1\nx,2\n", "cp1250")],
    ids=["a wide gap", "another encoding"],
)
def test_text_that_an_archive_does_not_keep_is_told(
    text: str, encoding: str, tmp_path: Path, narrows: Command
) -> None:
    source, archive, back = (tmp_path / name for name in ("t.csv", "t.nrw", "back.csv"))
    source.write_bytes(text.encode(encoding))
    said = ("--encoding", encoding)
    result = done(narrows("compress", source, "--out", archive, *said, "--json")).out
    assert json.loads(result)["text_exact"] is False
    done(narrows("info", archive))
    done(narrows("verify", archive, "--against", source, *said))
    done(narrows("decompress", archive, "--out", back))
    assert back.read_text("utf-8").startswith('"a","b"')


def test_text_of_what_was_no_csv(tmp_path: Path) -> None:
    with (tmp_path / "t.nrw").open("wb") as file:
        write_table(file, pa.table({"a": [1]}))
    with open_archive(tmp_path / "t.nrw") as archive, pytest.raises(UsageError, match="no text"):
        list(archive.text_pieces(archive.batches()))


FORGED = {
    "encoding": "rot13",
    "delimiter": ",,",
    "end": "",
    "head": 5,
    "columns": [],
    "sha256": "0" * 64,
    "bytes": -1,
    "tail": 1,
    "lines": 9,
}


def assert_refused(archive: Path, match: str = "damaged") -> None:
    with open_archive(archive) as opened, pytest.raises(ArchiveError, match=match):
        list(opened.text_pieces(opened.batches()))
    with open_archive(archive) as opened, pytest.raises(ArchiveError, match=match):
        verify_table(opened)


def assert_forged_text_is_refused(
    blob: bytes, folder: Path, said: dict[str, Any], lines: bytes = b"", match: str = "damaged"
) -> None:
    header, parts = parts_of(blob)
    header["data"]["csv"].update(said)
    if lines:
        parts = {"lines": lzma.compress(lines), **parts}
    (folder / "forged.nrw").write_bytes(forged(header, parts))
    assert_refused(folder / "forged.nrw", match)


@pytest.mark.parametrize("key", FORGED)
def test_forged_descriptions_are_told(key: str, tmp_path: Path) -> None:
    blob = archived(b"a,b\n1.5,x\n2.5,y\n", tmp_path).read_bytes()
    assert_forged_text_is_refused(blob, tmp_path, {key: FORGED[key]})


@pytest.mark.parametrize(
    ("said", "lines", "match"),
    [
        ({"encoding": "cp1252", "head": "ż,b\n"}, b"", "its text cannot be decoded"),
        ({"lines": 1}, b'[[0,"\xed\xa0\x80"]]', "its text cannot be decoded"),
        ({"bytes": 3}, b"", "takes more than 3 bytes"),
        ({"lines": 1}, b'[[0,"' + b"x" * 99 + b'"]]', "takes more than 16 bytes"),
    ],
)
def test_forged_text_is_told(
    said: dict[str, Any], lines: bytes, match: str, tmp_path: Path
) -> None:
    blob = archived(b"a,b\n1.5,x\n2.5,y\n", tmp_path).read_bytes()
    assert_forged_text_is_refused(blob, tmp_path, said, lines, match)


def test_text_of_columns_that_no_text_has_is_told(tmp_path: Path) -> None:
    csv = parts_of(archived(b"a\n1.5\n", tmp_path).read_bytes())[0]["data"]["csv"]
    header, parts = parts_of(compress(pa.table({"a": pa.array([1], pa.decimal128(5, 2))})))
    header["data"]["csv"] = {}
    assert_forged_text_is_refused(forged(header, parts), tmp_path, csv, match="other columns")


def test_text_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"a\n1.50\n" + b"-1.2345678901234567\n" * 100
    path = archived(content, tmp_path)
    with open_archive(path) as archive:
        with pytest.raises(ArchiveError, match="1,000 is the limit"):
            archive.extract(str(tmp_path / "back.csv"), max_bytes=1000)
        archive.extract(str(tmp_path / "back.csv"), max_bytes=len(content))
    assert (tmp_path / "back.csv").read_bytes() == content
    monkeypatch.setattr(tables, "_OF_JSON", 1e8)
    assert_refused(path, "its lines are not as many")


def test_damaged_lines_are_told_and_can_be_left_out(tmp_path: Path, narrows: Command) -> None:
    path, back = archived(b"a,b\n1,2\n3,4", tmp_path), tmp_path / "back.csv"
    content = bytearray(path.read_bytes())
    with path.open("rb") as stream:
        content[Container(stream, "a").sizes["header"] + 20] ^= 1  # lines are its first part
    path.write_bytes(content)
    failed(narrows("verify", path), 1, "the checksum of its part 'lines' does not match")
    failed(narrows("decompress", path, "--out", back), 1, "'lines'")
    done(narrows("info", path))
    done(narrows("decompress", path, "--skip-damaged", "--out", back))
    assert back.read_bytes() == b"a,b\n1,2\n3,4\n"


@pytest.mark.parametrize("limit", ["_MOST_LETTERS", "_MOST_JSON"])
def test_text_of_too_many_other_lines_is_not_called_exact(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, narrows: Command
) -> None:
    monkeypatch.setattr(description, limit, 20)
    content = b"a\n" + b"".join(b"%d.5\n" % number for number in range(400)) + b"7.50\n" * 7
    path = archived(content, tmp_path)
    with open_archive(path) as archive:
        assert archive.size_breakdown.text_reason.startswith("2% of its lines")
    done(narrows("verify", path, "--against", tmp_path / "t.csv"))
    done(narrows("decompress", path, "--out", tmp_path / "back.csv"))
    assert (tmp_path / "back.csv").read_bytes() == content.replace(b"7.50", b"7.5")


def test_packed_text_is_kept_by_its_size_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, source = b"a\n" + b"1.50\n" * 1000, tmp_path / "t.csv.gz"
    archive = archived(gzip.compress(content), tmp_path, "t.csv.gz").read_bytes()
    monkeypatch.setattr(file, "_KEPT", 1000)
    assert len(source.read_bytes()) < 1000
    spelled = TypedTable(source).spelled
    assert spelled is not None and spelled._kept is None
    assert compress(source, effort="fast") == archive


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["0.1", "x=0.1", "5%"])
def test_numbers_written_in_several_ways_take_a_largest_error(tmp_path: Path, asked: str) -> None:
    written = ["1.50", "2", "3.125", "4e-3", ".5", "7.0"] * 10
    source, archive, back = (tmp_path / name for name in ("s.csv", "a.nrw", "b.csv"))
    source.write_text("x,t\n" + "".join(f"{text},true\n" for text in written))
    assert run(["compress", str(source), "--out", str(archive), "--max-error", asked]) == 0
    assert run(["verify", str(archive), "--against", str(source)]) == 0
    assert run(["decompress", str(archive), "--out", str(back)]) == 0
    found = [float(line.split(",")[0]) for line in back.read_text().splitlines()[1:]]
    assert decompress(archive.read_bytes())["x"].type == "double"
    bound = 0.05 * (7 - 0.004) if asked == "5%" else 0.1
    assert all(abs(a - float(b)) <= bound for a, b in zip(found, written, strict=True))


def table_of(count: int, gap: str) -> str:
    """Rows of which each third lacks one of two numbers, or has an empty cell there."""
    cells = [(f"{row / 8:.3f}", str(row % 7)) for row in range(count)]
    rows = [(gap, k) if row % 3 == 1 else (a, "") for row, (a, k) in enumerate(cells)]
    return "a,k\n" + "".join(f"{a},{k}\n" for a, k in rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "written"), [("-200", "-200"), ("-200", "-200.0"), ("-200", '"-200"'), ("no", "no")]
)
def test_what_is_said_to_be_missing_is(said: str, written: str, tmp_path: Path) -> None:
    path, text = tmp_path / "t.csv", table_of(30, written)
    path.write_text(text)
    table = decompress(compress(path, missing=said))
    assert [str(field.type) for field in table.schema] == ["double", "int64"]
    assert [place for place, cell in enumerate(table["a"].to_pylist()) if cell is None] == [
        row for row in range(30) if row % 3 == 1
    ]
    out = tmp_path / "t.nrw"
    assert run(["compress", str(path), "--missing", said, "--out", str(out)]) == 0
    assert run(["decompress", str(out), "--out", str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_text() == text
    assert run(["verify", str(out), "--against", str(path), "--missing", said]) == 0


def test_what_is_said_to_be_missing_is_where_only_values_are_kept(
    tmp_path: Path, narrows: Command
) -> None:
    path = tmp_path / "t.csv"
    # both kinds of gaps in one column, in more lines than are kept as they stand
    text = table_of(3000, "-200")
    path.write_text(re.sub(",[0-3]\n", ",-200\n", text))
    out = tmp_path / "t.nrw"
    said = done(narrows("compress", path, "--missing", "-200", "--out", out))
    assert "the values come back, and not the text" in said.out
    done(narrows("verify", out, "--against", path, "--missing", "-200"))
    with open_archive(out) as archive:
        table = archive.read()
    assert str(table.schema.field("k").type) == "int64"
    there = [row for row in range(3000) if row % 3 == 1 and row % 7 > 3]
    assert [row for row, cell in enumerate(table["k"].to_pylist()) if cell is not None] == there
    failed(narrows("verify", out, "--against", path), 1, "options that it was compressed with")


@pytest.mark.parametrize("count", [1, 2])
def test_texts_keep_their_blanks_and_their_quotes_where_only_values_are_kept(
    count: int, tmp_path: Path
) -> None:
    rows = [' 1," x "', '2,"  "', '3," NA "', "4, NA", "5,  ", "6,y ", '7,""', '"8 ",NA']
    path = tmp_path / "t.csv"
    if count == 1:
        path.write_text("a,b\n" + "\n   \n".join(rows))  # rows of no cells are no rows
    else:
        path = tmp_path / "parts"
        path.mkdir()
        for number in range(2):
            part = rows[4 * number :][:4]
            (path / f"{number}.csv").write_text("\n".join(["a,b", *part]))
    found = decompress(compress(path))
    texts = [" x ", "  ", " NA ", None, None, "y ", "", None]
    assert found.to_pydict() == {"a": list(range(1, 9)), "b": texts}


def test_columns_that_are_padded_keep_their_kind(tmp_path: Path) -> None:
    cells = ["1.5".rjust(12), "NA".rjust(40), " " * 30, "2.5".ljust(20), "NA".ljust(12)]
    for number in range(2):
        lines = [f"{cell},{row}" for row, cell in enumerate(cells)]
        (tmp_path / f"{number}.csv").write_text("\n".join(["a,b", *lines]))
    assert decompress(compress(tmp_path))["a"].to_pylist() == 2 * [1.5, None, None, 2.5, None]


def test_what_is_said_to_be_missing_is_so_among_texts(tmp_path: Path) -> None:
    texts = ["", "", "", "NA", "none", '"none"', "1", "2", "3", "4"] * 30
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{text},x\n" for text in texts))
    found = decompress(compress(path, missing="none"))["a"].to_pylist()
    assert found == [None if text in ("", "none") else text.strip('"') for text in texts]


@pytest.mark.parametrize(("name", "sign"), [("decimal", ","), ("thousands", ".")])
def test_what_numbers_mean_is_not_for_archives(
    name: str, sign: str, tmp_path: Path, narrows: Command
) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "t.nrw"
    path.write_text("a;b\n1,5;2\n")
    with pytest.raises(UsageError, match=f"{name}= says how numbers of a CSV file are read"):
        compress(path, **{name: sign})
    said = (f"--{name}", sign)
    failed(narrows("compress", path, *said, "--out", out), 2, f"--{name} says how numbers")
    done(narrows("compress", path, "--out", out))
    failed(narrows("verify", out, "--against", path, *said), 2, f"--{name} says how numbers")


def test_files_and_folders_in_python_are_those_of_the_command(
    tmp_path: Path, narrows: Command
) -> None:
    text = "  title\na;b\n1,5;x\n2,25;caf\u00e9\n"
    path, out = tmp_path / "t.csv", tmp_path / "t.nrw"
    path.write_bytes(text.encode("cp1252"))
    blob = compress(path, skip_rows=1, delimiter=";", encoding="cp1252", effort="fast")
    more = ("--skip-rows", 1, "--delimiter", ";", "--encoding", "cp1252", "--effort", "fast")
    done(narrows("compress", path, *more, "--out", out))
    assert out.read_bytes() == blob
    folder = tmp_path / "images"
    folder.mkdir()
    for number, colour in enumerate(("red", "blue", "grey")):
        Image.new("RGB", (9, 7), colour).save(folder / f"{number}.png")
    (folder / "9.png").write_bytes(b"none")
    with pytest.warns(NarrowsWarning, match="left out"):
        blob = compress(folder, grey=True, resize=(6, 4), skip_damaged=True, effort="fast")
    assert decompress(blob).shape == (3, 4, 6)
    more = ("--grey", "--resize", "6,4", "--skip-damaged", "--effort", "fast")
    done(narrows("compress", folder, *more, "--out", out))
    assert out.read_bytes() == blob
    np.save(tmp_path / "x.npy", np.arange(4, dtype=">i2"))
    assert decompress(compress(tmp_path / "x.npy")).dtype == ">i2"


def test_options_of_csv_files_are_for_those() -> None:
    for source in (np.arange(4), pa.table({"a": [1]}), "digits", "no-folder-of-this-name"):
        with pytest.raises((UsageError, DataError), match=r"CSV file|no file or folder"):
            compress(source, decimal=",")
    for other in (np.ones((3, 2)), "digits"):
        with pytest.raises(UsageError, match="decimal says how a CSV file is read"):
            load_data(other, decimal=",")
