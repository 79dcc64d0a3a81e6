"""A job done to each of many files: what a single run gives, whatever becomes of one of them."""

import json
import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from helpers.command_line import Command, contents, done, failed
from narrows.data import Dataset
from narrows.errors import NarrowsError
from narrows.model.file import save_model
from narrows.support.progress import Listener
from narrows.support.workers import Lost, in_processes
from narrows.tasks.fit_plan import Fitted
from narrows.tasks.many_files.jobs import INDEX, EncodeFiles
from narrows.tasks.many_files.places import Place
from narrows.tasks.many_files.record import RECORD
from narrows.tasks.many_files.running import run_files

here = pytest.mark.usefixtures("in_this_process")
RUNNING = "narrows.tasks.many_files.running"


def one_after_the_other(
    function: Callable[[Any], Any], tasks: Sequence[Any], count: int
) -> Iterator[tuple[int, Any]]:
    """Stands for processes, which take a second to start; the last is done first."""
    yield from ((number, function(tasks[number])) for number in reversed(range(len(tasks))))


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{RUNNING}.in_processes", one_after_the_other)
    monkeypatch.setattr(f"{RUNNING}._opened", None)


@pytest.fixture
def folder(digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five files with digits: three beside one another, two in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in" / "more < 1").mkdir(parents=True)
    for number, name in enumerate(("d1", "d2", "d10", "more < 1/d1", "more < 1/two words")):
        np.save(f"in/{name}.npy", digits.items[20 * number : 20 * number + 20])
    return tmp_path


def times(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in contents(folder)}


def results(folder: Path) -> dict[str, Any]:
    """What is in a folder of results and when it was written, but for the record of them."""
    when = times(folder)
    return {name: (each, when[name]) for name, each in contents(folder).items() if name != RECORD}


@pytest.mark.slow
@here
@pytest.mark.parametrize(
    ("line", "suffix"),
    [
        (("encode", "MODEL"), "npy"),
        (("encode", "MODEL", "--format", "csv"), "csv"),
        (("reconstruct", "MODEL", "--refine", 0), "npy"),
        (("denoise", "MODEL"), "npy"),
        (("detect", "MODEL", "--explain", 2, "--false-alarms", 0.2), "csv"),
        (("compress", "--max-error", 0.5, "--effort", "fast"), "nrw"),
    ],
)
def test_each_file_has_the_result_that_it_has_alone(
    line: tuple[Any, ...], suffix: str, narrows: Command, folder: Path, model_file: Path
) -> None:
    name, *options = (model_file if each == "MODEL" else each for each in line)
    model = options[:1] if options[0] == model_file else []
    rest = options[len(model) :]
    done(narrows(name, *model, "in", *rest, "--workers", 2, "--out", "out"))
    alone = [each for each in rest if each not in ("--format", "csv")]
    for path in sorted((folder / "in").rglob("*.npy")):
        result = (folder / "out" / path.relative_to(folder / "in")).with_suffix(f".{suffix}")
        single = folder / f"single.{suffix}"
        done(narrows(name, *model, path, *alone, "--out", single))
        assert result.read_bytes() == single.read_bytes()
    others = contents(folder / "out").keys() & {RECORD, INDEX}
    assert len(contents(folder / "out")) == len(contents(folder / "in")) + len(others)
    assert (INDEX in others) == (suffix == "nrw")


@pytest.mark.slow
@here
def test_the_others_go_on_and_the_same_command_does_what_is_missing(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    Path("in/bad.npy").write_bytes(b"nothing")
    np.save("in/small.npy", np.zeros((3, 5, 5)))
    line = ("encode", model_file, "in", "--workers", 2, "--out", "out", "--json")
    found = narrows(*line)
    assert found.code == 1
    values = json.loads(found.out)
    assert values["written"] == [
        f"out/{name}.npy" for name in ("d1", "d2", "d10", "more < 1/d1", "more < 1/two words")
    ]
    assert list(values["failed"]) == ["in/bad.npy", "in/small.npy"] and not values["kept"]
    for said in ("in/bad.npy is not an .npy array", "in/small.npy: the items have shape (5, 5)"):
        assert found.err.count(said) == 1
    assert found.err.count("error: 2 of 7 files have no result in out") == 1

    before = times(folder / "out")
    Path("in/small.npy").unlink()
    np.save("in/bad.npy", np.load("in/d1.npy"))
    Path("out/d2.npy").unlink()
    earlier = Path("in/d10.npy").stat().st_mtime_ns - 1  # as where a clock has jumped back
    os.utime("in/d10.npy", ns=(earlier, earlier))
    again = json.loads(done(narrows(*line)).out)
    assert again["written"] == ["out/bad.npy", "out/d2.npy", "out/d10.npy"]
    assert len(again["kept"]) == 3
    kept = {Path(name).relative_to("out").as_posix() for name in again["kept"]}
    assert {name: time for name, time in times(folder / "out").items() if name in kept} == {
        name: time for name, time in before.items() if name in kept
    }
    last = json.loads(done(narrows(*line)).out)
    assert not last["written"] and len(last["kept"]) == 6


def encoded(narrows: Command, model_file: Path) -> tuple[Any, ...]:
    """A command that encodes all files, which has been run."""
    line = ("encode", model_file, "in", "--workers", 1, "--out", "out")
    done(narrows(*line))
    return line


def spoil(*names: str) -> None:
    """Make arrays files that hold nothing."""
    for name in names:
        Path(f"in/{name}.npy").write_bytes(b"nothing")


@here
def test_a_result_of_what_a_file_held_before_does_not_stay(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    line = encoded(narrows, model_file)
    spoil("d1", "d2")
    Path("out/d2.npy").write_bytes(b"mine")  # with a time of its own: no result that is known
    found = narrows(*line)
    assert found.code == 1
    assert "removed, because DATA has changed since: out/d1.npy\n" in found.err
    assert "left, but not known to be of what DATA holds now: out/d2.npy\n" in found.err
    assert not Path("out/d1.npy").exists() and Path("out/d2.npy").read_bytes() == b"mine"
    assert len(contents(folder / "out")) == 1 + 1 + 4  # a folder, the record, and results


@here
def test_what_is_broken_off_leaves_all_results_as_they_were(
    narrows: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("compress", "in", "--effort", "fast", "--workers", 1, "--out", "out")
    done(narrows(*line))
    before = results(folder / "out")
    for path in Path("in").rglob("*.npy"):
        np.save(path, np.load(path) + 1)

    def broken_off(*given: Any, count: int) -> Iterator[Any]:
        raise NarrowsError("nobody is there", hint="wait")

    with monkeypatch.context() as patch:
        patch.setattr(f"{RUNNING}.in_processes", broken_off)
        failed(narrows(*line), 1, "nobody is there")
    assert results(folder / "out") == before
    Path("in/d1.npy").write_bytes(b"nothing")
    found = narrows(*line)  # the earlier results are still known
    assert found.code == 1 and "removed, because DATA has changed since: out/d1.nrw" in found.err
    assert not Path("out/d1.nrw").exists()
    np.save("in/d1.npy", np.load("in/d2.npy"))
    assert "wrote 1 file to out; 4 were there already" in done(narrows(*line)).err


@here
def test_a_file_that_the_user_put_in_the_place_of_a_result_that_failed_is_not_removed(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    (bad := Path("in/bad.npy")).write_bytes(b"nothing")
    line = ("encode", model_file, "in", "--workers", 1, "--out", "out")
    assert narrows(*line).code == 1
    (mine := Path("out/bad.npy")).write_bytes(b"mine")
    os.utime(mine, ns=(bad.stat().st_mtime_ns,) * 2)  # as ``cp -p`` does
    os.utime(bad, ns=(bad.stat().st_mtime_ns + 10**10,) * 2)
    assert "left, but not known to be of what DATA holds now: out/bad.npy" in narrows(*line).err
    assert mine.read_bytes() == b"mine"


@here
def test_a_result_that_cannot_be_removed_is_told_and_the_others_are_made(
    narrows: Command, folder: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = encoded(narrows, model_file)
    spoil("d1", "d2")
    unlink = Path.unlink

    def refused(path: Path, *given: Any, **said: Any) -> None:
        if path.name == "d1.npy":
            raise PermissionError(13, "not permitted", str(path))
        unlink(path, *given, **said)

    monkeypatch.setattr(Path, "unlink", refused)
    found = narrows(*line)
    failed(found, 1, "2 of 5 files have no result", "removed, because DATA has changed since: out")
    assert "left, but not known to be of what DATA holds now: out/d1.npy\n" in found.err
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert "removed, because DATA has changed since: out/d1.npy\n" in narrows(*line).err


@here
def test_results_of_files_that_are_no_data_now_stay_and_are_told(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    line = encoded(narrows, model_file)
    Path("in/d10.npy").unlink()
    for _ in range(2):
        found = done(narrows(*line))
        assert "out also holds 1 result of files that are not in in: d10.npy\n" in found.err
        assert "wrote 0 files to out; 4 were there already" in found.err
    assert Path("out/d10.npy").exists()
    Path("out/d10.npy").unlink()
    assert "also holds" not in done(narrows(*line)).err
    one = ("encode", model_file, "in/d1.npy", "--workers", 1, "--out", "one")
    done(narrows(*one))
    assert "wrote 0 files to one; 1 was there already" in done(narrows(*one)).err


@here
@pytest.mark.parametrize("again", [False, True])
def test_results_of_a_run_that_was_killed_are_known_to_the_next(
    again: bool,
    narrows: Command,
    folder: Path,
    model_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = ("encode", model_file, "in", "--workers", 1, "--out", "out")
    if again:  # results take the place of others
        done(narrows(*line))
        for name in ("d1", "d2", "d10"):
            np.save(f"in/{name}.npy", np.load(f"in/{name}.npy")[::-1])

    def killed(function: Any, tasks: Sequence[Any], count: int) -> Iterator[tuple[int, Any]]:
        yield from ((number, function(tasks[number])) for number in range(3))
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(f"{RUNNING}.in_processes", killed)
        with pytest.raises(SystemExit):
            narrows(*line)
    assert {"d1.npy", "d2.npy", "d10.npy"} <= contents(folder / "out").keys()
    Path("in/d10.npy").unlink()
    spoil("d1")
    found = narrows(*line)
    failed(
        found, 1, "1 of 4 files has no result", "removed, because DATA has changed since: out/d1"
    )
    assert "out also holds 1 result of files that are not in in: d10.npy\n" in found.err


@here
def test_a_run_that_was_killed_leaves_nothing_behind_that_tells_it_from_another(
    narrows: Command, folder: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("encode", model_file, "in", "--workers", 1, "--out")

    def killed(function: Any, tasks: Sequence[Any], count: int) -> Iterator[tuple[int, Any]]:
        yield 2, function(tasks[2])
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(f"{RUNNING}.in_processes", killed)
        with pytest.raises(SystemExit):
            narrows(*line, "out")
    for out in ("out", "other"):
        done(narrows(*line, out))
    assert contents(folder / "out") == contents(folder / "other")


@here
def test_an_index_of_archives_that_are_not_all_does_not_stay(
    narrows: Command, folder: Path
) -> None:
    line = ("compress", "in", "--effort", "fast", "--workers", 1, "--out", "out")
    done(narrows(*line))
    Path("in/bad.npy").write_bytes(b"nothing")
    found = narrows(*line)
    assert found.code == 1 and not Path("out", INDEX).exists()
    assert f"removed out/{INDEX}: not all archives are there\n" in found.err
    Path("in/bad.npy").unlink()
    assert f"out/{INDEX} stands for all" in done(narrows(*line)).err
    Path("out", INDEX).write_text("mine")
    Path("in/bad.npy").write_bytes(b"nothing")
    assert narrows(*line).code == 1 and Path("out", INDEX).read_text() == "mine"


@here
def test_an_index_stays_while_others_are_made(
    narrows: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("compress", "in", "--effort", "fast", "--workers", 1, "--out", "out")
    done(narrows(*line))
    there = list[bool]()

    def looking(function: Any, tasks: Sequence[Any], count: int) -> Iterator[tuple[int, Any]]:
        there.append(Path("out", INDEX).exists())
        yield from one_after_the_other(function, tasks, count)

    monkeypatch.setattr(f"{RUNNING}.in_processes", looking)
    done(narrows(*line))
    np.save("in/d3.npy", np.load("in/d1.npy"))
    done(narrows(*line))
    assert there == [True, True]


@here
def test_archives_that_are_no_one_data_set_are_told(narrows: Command, folder: Path) -> None:
    Path("in/t.csv").write_text("a,b\n" + "1,2\n" * 9)
    Path("in/a.csv").write_text("a,b\n" + "1,2\n" * 9)
    line = ("compress", "in", "--effort", "fast", "--workers", 1, "--out", "out")
    found = done(narrows(*line)).err
    assert f"out/{INDEX} names all, for info and verify. They are not one data set" in found
    for name in ("all.npy", "all.csv"):
        whole = narrows("decompress", f"out/{INDEX}", "--out", name)
        failed(whole, 1, "they are not one data set", "decompress them one by one")
    assert json.loads(done(narrows(*line, "--json")).out)["index_is_one_data_set"] is False
    done(narrows("decompress", "out/d1.nrw", "--out", "one.npy"))


@here
def test_a_folder_of_which_nothing_came_is_as_a_new_one(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    Path("bad").mkdir()
    Path("bad/d1.npy").write_bytes(b"nothing")
    line = ("encode", model_file, "bad", "--workers", 1, "--out", "out")
    assert narrows(*line).code == 1 and contents(folder / "out").keys() == {RECORD}
    host = zlib.crc32(os.uname().nodename.encode())
    for name in ("empty/more", f".narrows-{host:08x}-{2**31 - 1}-{0:012x}"):  # of a killed process
        Path("out", name).mkdir(parents=True)
    np.save("bad/d1.npy", np.load("in/d1.npy"))
    done(narrows(*line, "--format", "csv"))
    assert contents(folder / "out").keys() == {RECORD, "d1.csv", "empty", "empty/more"}


@here
def test_what_a_record_says_of_places_elsewhere_is_passed_over(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    line = encoded(narrows, model_file)
    said = json.loads(Path("out", RECORD).read_text())
    elsewhere = folder / "in/d1.npy"
    names = (str(elsewhere), "../in/d1.npy", "a\0b")
    said["results"] |= dict.fromkeys(names, elsewhere.stat().st_mtime_ns)
    Path("out", RECORD).write_text(json.dumps(said))
    assert "5 were there already" in done(narrows(*line)).err
    assert not said["results"].keys().isdisjoint(names)
    assert json.loads(Path("out", RECORD).read_text())["results"].keys().isdisjoint(names)


@here
@pytest.mark.parametrize("name", ["_a", ".a", "link"])
def test_another_job_is_refused_wherever_results_lie(
    name: str, narrows: Command, folder: Path, model_file: Path
) -> None:
    Path("in", name).mkdir()
    np.save(f"in/{name}/d1.npy", np.load("in/d1.npy"))
    line = ("encode", model_file, f"in/{name[0]}*/d1.npy", "--workers", 1, "--out", "out")
    done(narrows(*line))
    if name == "link":
        Path("out", name).rename("elsewhere")
        Path("out", name).symlink_to(folder / "elsewhere")
    failed(narrows(*line, "--refine", 0), 2, "made in another way: refine differs")
    assert "1 was there already" in done(narrows(*line)).err


@here
def test_the_folder_of_the_data_is_no_folder_of_results(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    before = contents(folder / "in")
    for data, out in (("in", "in"), ("in/d*.npy", "in/"), ("in", ".")):
        line = narrows("encode", model_file, data, "--workers", 1, "--out", out)
        failed(line, 2, f"all files of {data} lie in --out", "name another folder with --out")
    assert contents(folder / "in") == before


@pytest.mark.parametrize("data", ["in", "in/*.npy"])
@pytest.mark.parametrize("name", ["encode", "reconstruct", "denoise", "detect", "compress"])
def test_many_files_without_workers_are_told_how(
    name: str, data: str, narrows: Command, folder: Path, model_file: Path
) -> None:
    model = () if name == "compress" else (model_file,)
    out = {"detect": "out.csv", "compress": "out.nrw"}.get(name, "out.npy")
    said = "in holds no image" if data == "in" else "3 .npy files match in/*.npy"
    hint = "do each by itself with --workers N and a folder as --out"
    failed(narrows(name, *model, data, "--out", out), 1, said, hint)


def test_a_pattern_of_images_is_told_of_the_folder(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    Image.new("L", (8, 8)).save("in/a.png")
    line = narrows("encode", model_file, "in/*.png", "--out", "out.npy")
    failed(line, 1, "1 .png file matches in/*.png", "name the folder: in\n")


@here
def test_a_file_in_the_place_of_the_folder_of_results_is_told(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    line = ("encode", model_file, "in", "--workers", 1, "--out")
    for out in ("in/d1.npy", "in/d1.npy/below"):
        failed(narrows(*line, out), 1, "in/d1.npy is a file, and a folder is needed")


@pytest.mark.parametrize("unit", [1, 100, 1000, 10**6, 10**9, 2 * 10**9])
def test_a_result_is_of_its_file_by_the_time_that_a_file_system_keeps_of_it(
    unit: int, tmp_path: Path
) -> None:
    (out := tmp_path / "out").touch()
    time = 1_700_000_001_123_456_789
    place = Place(tmp_path / "in", out, time)
    os.utime(out, ns=(time, time // unit * unit))
    assert place.is_done()
    for other in (time + 3 * 10**9, time - 3 * 10**9):
        assert not replace(place, modified=other).is_done()


@pytest.mark.slow
@here
def test_what_a_killed_process_left_half_written_is_removed_where_nothing_is_missing(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    line = ("encode", model_file, "in", "--workers", 2, "--out", "out")
    done(narrows(*line))
    host = zlib.crc32(os.uname().nodename.encode())
    left = Path("out/more < 1") / f".narrows-{host:08x}-{2**31 - 1}-{0:012x}"
    left.mkdir()
    (left / "d1.npy").touch()
    done(narrows(*line))
    assert not left.exists()


@pytest.mark.slow
@here
def test_results_of_another_job_are_not_gone_on_with(
    narrows: Command, folder: Path, model_file: Path, fitted: Fitted
) -> None:
    line = ("encode", model_file, "in", "--workers", 2, "--out", "out")
    done(narrows(*line))
    before = contents(folder / "out")
    failed(narrows(*line, "--refine", 0), 2, "made in another way: refine differs")
    failed(narrows(*line, "--format", "csv"), 2, "format differs")
    save_model(model_file, replace(fitted.trained, refinement=1))
    failed(narrows(*line), 2, "model differs")
    detect = ("compress", "in", "--workers", 2, "--out", "out")
    failed(narrows(*detect), 2, "job, ")
    Path("out", RECORD).write_text("[")
    failed(narrows(*line), 1, f"{RECORD} is damaged")
    Path("out", RECORD).unlink()
    failed(narrows(*line), 1, "out exists already and is not an empty folder")
    assert contents(folder / "out").keys() == before.keys() - {RECORD}


@pytest.mark.slow
@here
def test_what_cannot_be_meant_is_refused_before_anything_is_written(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    encode = ("encode", model_file)
    many = ("--workers", 2, "--out", "out")
    failed(narrows(*encode, "digits", *many), 2, "DATA digits is no file")
    failed(narrows(*encode, "in", "--workers", 0, "--out", "out"), 2, "--workers is 0")
    failed(narrows(*encode, "in", "--workers", 2, "--out", "-"), 2, "no stream")
    failed(narrows(*encode, "in", *many, "--dask", "host:1"), 2, "either --workers or --dask")
    failed(narrows(*encode, "in", *many, "--format", "doc"), 2, "--format is doc")
    failed(narrows(*encode, "none-*.npy", *many), 1, "there is no file none-*.npy")
    failed(narrows("detect", model_file, "in", *many, "--heat-map", "p.png"), 2, "--heat-map")
    failed(narrows("compress", "in", *many, "--latent", 3), 2, "are for archives of codes")
    failed(narrows("compress", "in", *many, "--codes-only"), 2, "takes a model that is there")
    failed(narrows("compress", "in", *many, "--max-error", "x"), 2, "x")
    Path("in/D1.idx").write_bytes(b"")
    failed(narrows(*encode, "in", *many), 2, "would both be out/")
    assert not Path("out").exists()


@here
def test_a_pattern_and_a_folder_of_results_within_the_data(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    done(narrows("encode", model_file, "in/*/d*.npy", "--workers", 1, "--out", "out"))
    assert contents(folder / "out").keys() == {RECORD, "more < 1", "more < 1/d1.npy"}
    done(narrows("encode", model_file, "in/d2.npy", "--workers", 1, "--out", "one"))
    assert contents(folder / "one").keys() == {RECORD, "d2.npy"}
    for _ in range(2):
        done(narrows("encode", model_file, "in", "--workers", 1, "--out", "in/codes"))
    assert len(contents(folder / "in" / "codes")) == 5 + 2  # a folder, and the record


@pytest.mark.slow
@here
def test_tables_are_taken_one_by_one(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("days").mkdir()
    random = np.random.default_rng(0)
    for day in range(3):
        rows = "".join(f"{a:.2f};{2 * a:.2f}\n" for a in random.normal(size=40))
        Path(f"days/day-{day}.csv").write_text(f"a;b\n{rows}")
    fit = ("fit", "days", "--preset", "simple", "--latent", 1, "--epochs", 1, "--out", "m.model")
    done(narrows(*fit))
    done(narrows("reconstruct", "m.model", "days", "--workers", 2, "--out", "again"))
    done(narrows("reconstruct", "m.model", "days/day-1.csv", "--out", "one.csv"))
    assert contents(tmp_path / "again").keys() == {RECORD, *(f"day-{day}.csv" for day in range(3))}
    assert Path("again/day-1.csv").read_bytes() == Path("one.csv").read_bytes()
    done(narrows("compress", "days", "--delimiter", ";", "--workers", 2, "--out", "archives"))
    done(narrows("verify", "archives/day-2.nrw", "--against", "days/day-2.csv"))
    done(narrows("verify", "archives/archives.json", "--against", "days/*.csv"))
    done(narrows("decompress", "archives/archives.json", "--out", "all.parquet"))
    read = pa.csv.ParseOptions(delimiter=";")
    days = [pa.csv.read_csv(f"days/day-{day}.csv", parse_options=read) for day in range(3)]
    assert pa.parquet.read_table("all.parquet").equals(pa.concat_tables(days))


@pytest.mark.slow
@here
def test_images_of_one_folder_are_one_data_set(
    narrows: Command, digits: Dataset, model_file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for camera in ("a", "b.2"):
        Path("in", camera).mkdir(parents=True)
        for number in range(3):
            pixels = (digits.items[number] * 15).astype(np.uint8)
            Image.fromarray(pixels).save(f"in/{camera}/{number}.png")
    line = (model_file, "in", "--force", "--workers", 2)
    found = done(narrows("encode", *line, "--out", "codes"))
    assert contents(tmp_path / "codes").keys() == {RECORD, "a.npy", "b.2.npy"}
    assert np.load("codes/a.npy").shape == (3, 4)
    assert found.err.count("with numbers of their own") <= 1
    done(narrows("reconstruct", *line, "--out", "again"))
    assert {f"{camera}/{number}.png" for camera in ("a", "b.2") for number in range(3)} <= (
        contents(tmp_path / "again").keys()
    )
    done(narrows("compress", "in/a", "--grey", "--workers", 1, "--out", "archive"))
    assert contents(tmp_path / "archive").keys() == {RECORD, INDEX, "a.nrw"}


@here
def test_archives_are_verified_against_what_was_compressed(narrows: Command, folder: Path) -> None:
    compress = ("compress", "in", "--max-error", 0.5, "--effort", "fast", "--workers", 1)
    done(narrows(*compress, "--out", "out"))
    index = ("verify", "out/archives.json", "--against")
    told = done(narrows(*index, "in", "--json"))
    values = json.loads(told.out)
    assert (values["archives"], values["against"], values["values"]) == (5, "in", 100 * 64)
    done(narrows(*index, "in/**/*.npy"))
    failed(narrows(*index, "in/*.npy"), 1, "d1.nrw", "in/*.npy has no file of this name")
    np.save("in/d3.npy", np.zeros((20, 8, 8), np.uint8))
    failed(narrows(*index, "in"), 1, "no archive of in/d3.npy")
    Path("in/d3.npy").rename("in/d2.npy")
    failed(narrows(*index, "in"), 1, "1 of the 5 archives", "or not of in", "d2.nrw")


@here
def test_archives_of_images_of_two_sizes_are_verified(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the hint on a folder of both has them compressed."""
    monkeypatch.chdir(tmp_path)
    for name, width in (("a", 8), ("b", 9)):
        Path("in", name).mkdir(parents=True)
        pixels = np.arange(8 * width, dtype=np.uint8).reshape(8, width)
        for number in range(2):
            Image.fromarray(pixels + number).save(f"in/{name}/{number}.png")
    done(narrows("compress", "in", "--workers", 1, "--out", "out"))
    index = ("verify", "out/archives.json")
    values = 2 * 8 * 8 + 2 * 8 * 9
    assert (
        f"its 2 archives are whole: the checksums of {values} values" in done(narrows(*index)).out
    )
    done(narrows(*index, "--against", "in"))
    Image.fromarray(pixels + 7).save("in/b/0.png")
    found = narrows(*index, "--against", "in")
    failed(found, 1, "1 of the 2 archives", "b.nrw", "compress their files again")


@here
def test_all_that_is_wrong_is_told_where_a_file_cannot_be_read(
    narrows: Command, folder: Path
) -> None:
    done(narrows("compress", "in", "--effort", "fast", "--workers", 1, "--out", "out"))
    spoil("d1", "d2")
    for name in ("d2", "d10"):
        damaged = bytearray(Path(f"out/{name}.nrw").read_bytes())
        damaged[len(damaged) // 2] ^= 255
        Path(f"out/{name}.nrw").write_bytes(damaged)
    index = ("verify", "out/archives.json")
    failed(narrows(*index), 1, "2 of the 5 archives", "d2.nrw", "d10.nrw", "--skip-damaged")
    found = narrows(*index, "--against", "in")
    failed(found, 1, "in/d1.npy is not an .npy", "d2.nrw", "d10.nrw")
    failed(found, 1, "2 of the 5 archives", "2 files of in cannot be read", "without --against")
    assert "--skip-damaged" not in found.err


@here
def test_what_is_true_of_many_files_is_said_once(folder: Path, model_file: Path) -> None:
    said = list[str]()
    for path in Path("in").glob("d*.npy"):
        np.save(path, np.load(path) * 1.2)
    job = EncodeFiles(model=model_file, check_range=True)
    found = run_files(job, "in", Path("out"), workers=1, listener=Listener(note=said.append))
    assert len(found.written) == 5
    about = [line for line in said if "d" in line]
    assert len(about) <= 2 * len({line.split(":")[-1] for line in about})


def test_a_file_whose_process_is_lost_is_told(
    folder: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        f"{RUNNING}.in_processes",
        lambda *given, count: ((number, Lost()) for number in range(2)),
    )
    said = list[str]()
    job = EncodeFiles(model=model_file)
    found = run_files(job, "in/d?.npy", Path("out"), workers=1, listener=Listener(note=said.append))
    assert list(found.failed) == ["in/d1.npy", "in/d2.npy"] and "fewer workers" in str(found.hint)
    assert said[0].startswith("in/d1.npy: the process that worked on it was killed")


@pytest.mark.slow
def test_processes_of_their_own_give_the_same(
    narrows: Command, folder: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("encode", model_file, "in", "--refine", 0, "--workers", 2)
    done(narrows(*line, "--out", "out"))
    monkeypatch.setattr(f"{RUNNING}.in_processes", one_after_the_other)
    done(narrows(*line, "--out", "here"))
    assert contents(folder / "out") == contents(folder / "here")
    assert in_processes is not one_after_the_other


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same(
    narrows: Command, folder: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    Path("in/bad.npy").write_bytes(b"nothing")
    line = ("encode", model_file.relative_to(folder), "in", "--refine", 0)
    small: dict[str, Any] = {"processes": False, "n_workers": 1, "dashboard_address": None}
    with distributed.LocalCluster(**small, threads_per_worker=2, protocol="tcp") as cluster:
        found = narrows(*line, "--dask", cluster.scheduler_address, "--out", "out")
    assert found.code == 1 and "\nin/bad.npy is not an .npy" in f"\n{found.err}"
    monkeypatch.setattr(f"{RUNNING}.in_processes", one_after_the_other)
    assert narrows(*line, "--workers", 1, "--out", "here").code == 1
    assert contents(folder / "out") == contents(folder / "here")


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_told(
    narrows: Command, folder: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("encode", model_file, "in", "--dask", "127.0.0.1:1", "--out", "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "distributed", None)
        failed(narrows(*line), 2, "--dask needs Dask, and distributed is not installed")
    pytest.importorskip("distributed")
    monkeypatch.setattr("narrows.support.dask_workers._ANSWERS_SECONDS", 0.1)
    failed(narrows(*line), 1, "no Dask scheduler answers at 127.0.0.1:1")


def test_workers_are_looked_at_while_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from narrows.support import dask_workers

    class Done:
        thread_condition = threading.Condition()
        ready = iter([False, False, True])

        def has_ready(self) -> bool:
            return next(self.ready)

        def __next__(self) -> str:
            return "a result"

    monkeypatch.setattr(dask_workers, "_LOOK_SECONDS", -1.0)
    monkeypatch.setattr(dask_workers, "_POLL_SECONDS", 0.0)
    looks = list[str]()
    assert dask_workers._following(Done(), lambda: looks.append("look")) == "a result"
    assert len(looks) == 2


@pytest.mark.slow
def test_a_cluster_whose_workers_are_all_gone_is_told_and_waited_for() -> None:
    distributed = pytest.importorskip("distributed")
    from narrows.support.dask_workers import on_dask

    notes = list[str]()
    small: dict[str, Any] = {"processes": False, "n_workers": 0, "dashboard_address": None}
    with distributed.LocalCluster(**small, protocol="tcp") as cluster:

        def note(text: str) -> None:
            notes.append(text)
            cluster.scale(1)

        found = on_dask(abs, list(range(-9, 0)), cluster.scheduler_address, note=note)
        first = [next(found), next(found)]
        cluster.scale(0)
        cluster.sync(cluster._correct_state)
        others = list(found)
    assert sorted([*first, *others]) == [(number, 9 - number) for number in range(9)]
    assert (
        notes
        == [f"the Dask scheduler at {cluster.scheduler_address} has no worker: waiting for one"] * 2
    )


@pytest.mark.slow
def test_a_scheduler_that_ends_before_a_result_is_fetched_is_told() -> None:
    distributed = pytest.importorskip("distributed")
    client = pytest.importorskip("distributed.client")
    from narrows.support.dask_workers import _connected

    small: dict[str, Any] = {"processes": False, "n_workers": 0, "dashboard_address": None}
    with (
        distributed.LocalCluster(**small, protocol="tcp") as cluster,
        pytest.raises(NarrowsError, match="answers no more"),
        _connected(cluster.scheduler_address),
    ):
        raise client.FutureCancelledError("key", "scheduler-connection-lost")


def test_what_measures_one_data_set_is_not_for_many_files(
    narrows: Command, folder: Path, model_file: Path
) -> None:
    line = ("denoise", model_file, "in", "--workers", 2, "--out", "out")
    for option in (("--against", "in"), ("--noise", "gaussian:0.1")):
        failed(narrows(*line, *option), 2, "measure one data set")
    assert not Path("out").exists()
