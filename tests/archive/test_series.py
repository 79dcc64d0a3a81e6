"""Many archives as one: any item of the whole, and what is not as the index says."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from helpers.command_line import Command, contents, done, failed
from narrows.archive import write_archive, write_table
from narrows.archive.series import ArchiveSeries, open_any, write_index
from narrows.data import load_data
from narrows.errors import ArchiveError

ITEMS = np.arange(330, dtype=np.int16).reshape(110, 3)
COUNTS = (40, 0, 1, 69)
ENTRY = {"file": "a0.nrw", "count": 0, "nbytes": 0, "size": 0, "sha256": ""}


def archive_of(path: Path, items: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        write_archive(file, items, effort="fast")
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of four archives that hold ITEMS, one of them none."""
    start, archives = 0, []
    for number, count in enumerate(COUNTS):
        path = tmp_path / f"{'sub' if number > 1 else ''}" / f"a{number}.nrw"
        archives.append(archive_of(path, ITEMS[start : start + count]))
        start += count
    write_index(tmp_path / "archives.json", archives)
    return tmp_path / "archives.json"


def test_any_items_of_the_whole(index: Path, tmp_path: Path) -> None:
    with open_any(index) as series:
        assert len(series) == 110 and series.unit == "item"
        for start, stop in ((0, 110), (0, 40), (39, 41), (40, 41), (41, 110), (7, 7), (110, 110)):
            out = tmp_path / "out.npy"
            assert series.extract(str(out), start, stop).count == stop - start
            assert np.array_equal(np.load(out), ITEMS[start:stop])
            found = [each for each in series.batches(start, stop) if len(each)]
            assert np.array_equal(np.concatenate([ITEMS[:0], *found]), ITEMS[start:stop])


def test_no_archive_is_opened_but_those_that_hold_the_items(index: Path, tmp_path: Path) -> None:
    (tmp_path / "sub" / "a3.nrw").unlink()
    with open_any(index) as series:
        series.extract(str(tmp_path / "out.npy"), 5, 41)
        with pytest.raises(ArchiveError, match=r"a3\.nrw cannot be read"):
            series.extract(str(tmp_path / "out.npy"), 5, 42)


def test_what_is_lost_is_left_out(index: Path, tmp_path: Path, narrows: Command) -> None:
    (tmp_path / "a0.nrw").write_bytes((tmp_path / "a0.nrw").read_bytes()[:60])
    (tmp_path / "sub" / "a2.nrw").unlink()
    out = tmp_path / "out.npy"
    failed(narrows("decompress", index, "--out", out), 1, "a0.nrw")
    assert not out.exists()
    found = done(narrows("decompress", index, "--skip-damaged", "--out", out))
    assert np.array_equal(np.load(out), ITEMS[41:])
    assert "items 0 to 40 cannot be read any more" in found.err
    failed(narrows("verify", index), 1, "2 of the 4 archives", "a0.nrw", "a2.nrw")


def test_other_archives_than_those_of_the_index_are_refused(index: Path, tmp_path: Path) -> None:
    archive_of(tmp_path / "a0.nrw", ITEMS[1:41])  # as many
    with (
        pytest.raises(ArchiveError, match="holds other items than"),
        open_any(index) as series,
    ):
        series.extract(str(tmp_path / "out.npy"), 0, 40)


def test_archives_of_other_items_are_not_one_data_set(tmp_path: Path) -> None:
    archives = [
        archive_of(tmp_path / f"{number}.nrw", items)
        for number, items in enumerate((ITEMS, ITEMS.astype(np.int32), ITEMS.reshape(-1, 1)))
    ]
    write_index(tmp_path / "i.json", archives)
    with open_any(tmp_path / "i.json") as series:
        series.extract(str(tmp_path / "out.npy"), 0, 110)
        for start in (110, 220):
            with pytest.raises(ArchiveError, match="they are not one data set"):
                series.extract(str(tmp_path / "out.npy"), 0, start + 1)


def test_the_commands(index: Path, tmp_path: Path, narrows: Command) -> None:
    assert (
        "its 4 archives are whole: the checksums of 330 values"
        in done(narrows("verify", index)).out
    )
    values = json.loads(done(narrows("verify", index, "--json")).out)
    found = {"archive": str(index), "archives": 4, "values": ITEMS.size, "against": None}
    assert values == found
    failed(narrows("verify", index, "--against", "x.npy"), 1, "there is no file x.npy")
    told = json.loads(done(narrows("info", index, "--json")).out)
    assert told["count"] == 110 and told["raw"] == ITEMS.nbytes
    assert told["total"] == sum(path.stat().st_size for path in tmp_path.rglob("*.nrw"))
    assert "4 archives of 110 items" in done(narrows("info", index)).out
    failed(narrows("decompress", index, "--items", "0:111", "--out", tmp_path / "o.npy"), 2, "111")
    limit = ("--max-bytes", ITEMS.nbytes - 1)
    failed(narrows("decompress", index, *limit, "--out", tmp_path / "o.npy"), 1, "is the limit")


def test_tables_are_one_table(tmp_path: Path, narrows: Command) -> None:
    tables = [
        pa.table({"a": np.arange(size) + size, "b": [f"<{x}>" for x in range(size)]})
        for size in (5, 7)
    ]
    for number, table in enumerate(tables):
        pa.parquet.write_table(table, tmp_path / f"{number}.parquet")
        with (tmp_path / f"{number}.nrw").open("wb") as file:
            write_table(file, str(tmp_path / f"{number}.parquet"), effort="fast")
    index = tmp_path / "i.json"
    write_index(index, [tmp_path / "0.nrw", tmp_path / "1.nrw"])
    done(narrows("decompress", index, "--out", tmp_path / "all.parquet"))
    assert pa.parquet.read_table(tmp_path / "all.parquet").equals(pa.concat_tables(tables))
    done(narrows("decompress", index, "--items", "4:6", "--out", tmp_path / "two.csv"))
    assert pa.csv.read_csv(tmp_path / "two.csv").to_pylist() == [
        {"a": 9, "b": "<4>"},
        {"a": 7, "b": "<0>"},
    ]


def test_images_come_back_below_the_names_of_their_archives(
    tmp_path: Path, narrows: Command
) -> None:
    archives = []
    for name in ("cat", "dog"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(2):
            pixels = np.full((4, 4), 10 * number + len(archives), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "in" / name / f"{number}.png")
        archives.append(tmp_path / f"{name}.nrw")
        data, out = load_data(tmp_path / "in" / name, as_is=True), io.BytesIO()
        write_archive(out, data.items, files=data.files, effort="fast")
        archives[-1].write_bytes(out.getvalue())
    write_index(tmp_path / "i.json", archives)
    done(narrows("decompress", tmp_path / "i.json", "--out", tmp_path / "out"))
    assert contents(tmp_path / "out").keys() == contents(tmp_path / "in").keys()
    again = np.asarray(Image.open(tmp_path / "out" / "dog" / "1.png"))
    assert np.array_equal(again, np.full((4, 4), 11))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"kind": "x"}, "no index of archives"),
        ({"version": 2}, "a version that this narrows does not read"),
        ({"archives": []}, "names no archive"),
        ({"archives": [3]}, "an entry that is none"),
        ({"archives": [{"file": "../a0.nrw"}]}, "outside its folder"),
        ({"archives": [{"file": "/a0.nrw"}]}, "outside its folder"),
        ({"archives": [{"file": "a0.nrw", "count": -1}]}, "count of a0"),
        ({"archives": [{**ENTRY, "count": 1 << 62}] * 2}, "count of all archives"),
        ({"archives": [{**ENTRY, "nbytes": 1 << 62}] * 2}, "nbytes of all archives"),
    ],
)
def test_what_a_stranger_wrote_is_not_believed(said: dict, text: str, index: Path) -> None:
    index.write_text(json.dumps({**json.loads(index.read_text()), **said}))
    with pytest.raises(ArchiveError, match=text):
        ArchiveSeries(index)
    index.write_text("{")
    with pytest.raises(ArchiveError, match="no JSON"):
        ArchiveSeries(index)
