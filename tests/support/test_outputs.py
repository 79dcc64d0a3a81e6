"""What is read is never written over; pipes, devices and links are written through."""

import io
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from PIL import Image

from helpers.command_line import ENVIRONMENT, Command, contents, done, failed
from narrows import compress, decompress
from narrows.archive import write_archive, write_table
from narrows.data import Dataset
from narrows.errors import OutputError, UsageError
from narrows.support.files import atomic_file, atomic_folder, require_writable

posix = pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")


@pytest.fixture
def folder(tmp_path: Path, model_file: Path, digits: Dataset) -> Path:
    """One of everything that is read."""
    np.save(tmp_path / "items.npy", digits.items[:40])
    np.save(tmp_path / "codes.npy", np.zeros((3, 4), "f4"))
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "a.nrw").write_bytes(compress(np.arange(20)))
    (tmp_path / "spec.toml").write_text("encoder = [{ block = 'dense', units = 2 }]\n")
    (tmp_path / "scans").mkdir()
    for number in range(3):
        Image.fromarray(digits.items[number]).save(tmp_path / "scans" / f"{number}.png")
    if model_file.name != "model.safetensors":
        model_file.rename(tmp_path / "model.safetensors")
    return tmp_path


OVER_INPUTS = [
    ("compress", "items.npy", "--max-error", "1", "--out", "items.npy"),
    ("compress", "table.csv", "--out", "table.csv"),
    ("compress", "items.npy", "--codes-only", "--out", "x.nrw", "--keep-model", "items.npy"),
    ("compress", "items.npy", "--model", "a.nrw", "--out", "a.nrw"),
    ("compress", "items.npy", "--codes-only", "--out", "items.npy"),
    ("compress", "scans", "--out", "scans/1.png"),
    ("decompress", "a.nrw", "--out", "a.nrw"),
    ("fit", "items.npy", "--out", "items.npy"),
    ("fit", "table.csv", "--out", "table.csv"),
    ("fit", "items.npy", "--out", "m.safetensors", "--validation", "m.safetensors"),
    ("fit", "scans", "--target", "items.npy", "--out", "items.npy"),
    ("fit", "items.npy", "--spec", "spec.toml", "--out", "spec.toml"),
    ("fit", "scans", "--out", "scans.safetensors"),  # its run folder would be scans
    ("fit", "scans", "--out", "x.safetensors", "--run-dir", "scans"),
    ("fit", "scans/loss.png", "--out", "x.safetensors", "--run-dir", "scans"),
    ("encode", "model.safetensors", "items.npy", "--out", "items.npy"),
    ("encode", "model.safetensors", "items.npy", "--out", "model.safetensors"),
    ("decode", "model.safetensors", "codes.npy", "--out", "codes.npy"),
    ("reconstruct", "model.safetensors", "items.npy", "--out", "items.npy"),
    ("denoise", "model.safetensors", "items.npy", "--out", "items.npy"),
    ("denoise", "model.safetensors", "items.npy", "--against", "codes.npy", "--out", "codes.npy"),
    ("detect", "model.safetensors", "table.csv", "--out", "table.csv"),
    (*("detect", "model.safetensors", "scans", "--out", "s.csv"), "--heat-map", "scans/0.png"),
    ("generate", "model.safetensors", "--between", "items.npy:0,1", "--out", "items.npy"),
    (*("generate", "model.safetensors", "--traverse", "1"), "--at", "scans:0", "--out", "scans"),
    ("demo", "--data", "scans", "--out", "scans"),
]


@pytest.mark.slow
@pytest.mark.parametrize("line", OVER_INPUTS, ids=" ".join)
def test_no_output_is_an_input(
    narrows: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    monkeypatch.chdir(folder)
    (folder / "m.safetensors").write_bytes(b"0")
    (folder / "scans" / "loss.png").write_bytes((folder / "scans" / "0.png").read_bytes())
    before = contents(folder)
    failed(narrows(*line), 2, "would write over")
    assert contents(folder) == before


@posix
@pytest.mark.parametrize("way", ["symbolic", "hard", "dotted", "absolute", "parent link"])
def test_an_input_is_known_whatever_it_is_called(narrows: Command, folder: Path, way: str) -> None:
    given, out = folder / "items.npy", folder / "other.npy"
    match way:
        case "symbolic":
            out.symlink_to(given)
        case "hard":
            out.hardlink_to(given)
        case "dotted":
            out = folder / "scans" / ".." / "items.npy"
        case "absolute":
            out = given.absolute()
        case _:
            (folder / "link").symlink_to(folder)
            out = folder / "link" / "items.npy"
    before = given.read_bytes()
    failed(narrows("compress", given, "--max-error", 1, "--out", out), 2, "would write over DATA")
    assert given.read_bytes() == before


def test_two_outputs_are_not_one_file(narrows: Command, folder: Path) -> None:
    line = ("compress", folder / "items.npy", "--out", folder / "x", "--keep-model", folder / "x")
    failed(narrows(*line), 2, "--keep-model and --out are both")
    out = folder / "run" / "checkpoint.safetensors"
    failed(narrows("fit", "digits", "--out", out, "--run-dir", folder / "run"), 2, "are both")


def test_python_writers_do_not_write_over_what_they_read(folder: Path) -> None:
    for name in ("items.npy", "table.csv"):
        before = (folder / name).read_bytes()
        with (folder / name).open("r+b") as out, pytest.raises(UsageError, match="written over"):
            if name == "table.csv":
                write_table(out, folder / name)
            else:
                write_archive(out, np.load(folder / name, mmap_mode="r")[3:])
        assert (folder / name).read_bytes() == before


@posix
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(Path("far") / "a")
    (tmp_path / "dangling").symlink_to(tmp_path / "far" / "b")
    for name in ("link", "dangling"):
        require_writable(tmp_path / name)
        with atomic_file(tmp_path / name) as stream:
            stream.write(b"new")
        assert (tmp_path / name).is_symlink()
    assert contents(tmp_path / "far") == {"a": b"new", "b": b"new"}
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(OutputError, match="leads back to itself"), atomic_file(tmp_path / "circle"):
        pytest.fail("the block must not start")
    (tmp_path / "images").symlink_to(tmp_path / "new", target_is_directory=True)
    with atomic_folder(tmp_path / "images") as images:
        (images / "0.png").touch()
    assert (tmp_path / "images").is_symlink() and (tmp_path / "new" / "0.png").exists()


@posix
def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(0o640)
    with atomic_file(path) as stream:
        stream.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and path.read_bytes() == b"new"


@pytest.mark.slow
@posix
def test_devices_and_pipes_are_written_through(
    narrows: Command, folder: Path, digits: Dataset
) -> None:
    done(narrows("compress", folder / "items.npy", "--out", os.devnull))
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    pipe, received = folder / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    done(narrows("compress", folder / "items.npy", "--out", pipe))
    reader.join(30)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    np.testing.assert_array_equal(decompress(received[0]), digits.items[:40])


def piped(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    """What a command of its own writes to standard output, given ``data``."""
    result = subprocess.run(
        [sys.executable, "-m", "narrows", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        input=data,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    assert b"narrows-" not in result.stderr  # the name of no temporary file
    return result.stdout


@pytest.mark.slow
def test_data_come_from_standard_input_and_go_to_standard_output(
    folder: Path, digits: Dataset
) -> None:
    packed = piped(folder, "compress", "-", "--out", "-", data=(folder / "items.npy").read_bytes())
    np.testing.assert_array_equal(decompress(packed), digits.items[:40])
    (folder / "some.csv").write_bytes(b"a,b\n1,x\n2,y\n")
    table = compress(folder / "some.csv")
    rows = pyarrow.csv.read_csv(
        io.BytesIO(piped(folder, "decompress", "-", "--out", "-", data=table))
    )
    assert rows.to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.slow
def test_codes_go_through_a_pipe_in_the_format_asked_for(narrows: Command, folder: Path) -> None:
    done(
        narrows(
            "encode", folder / "model.safetensors", folder / "items.npy", "--out", folder / "c.npy"
        )
    )
    line = ("encode", "model.safetensors", "-", "--out", "-", "--format", "csv")
    written = piped(folder, *line, data=(folder / "items.npy").read_bytes())
    codes = pyarrow.csv.read_csv(io.BytesIO(written))
    expected = np.load(folder / "c.npy")
    np.testing.assert_array_equal(np.stack(codes.columns, axis=1).astype("f4"), expected)


def test_standard_output_has_one_use(
    narrows: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = folder / "items.npy"
    failed(narrows("compress", items, "--out", "-", "--json"), 2, "--out and --json would both")
    failed(narrows("compress", items, "--out", "-", "--keep-model", "-"), 2, "would both go")
    failed(narrows("fit", items, "--out", "-"), 2, "standard output cannot hold")
    line = ("encode", folder / "model.safetensors", items, "--format", "csv", "--out", "x.npy")
    failed(narrows(*line), 2, "--format csv is for standard output")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    failed(narrows("compress", items, "--out", "-"), 2, "binary data to the terminal")
