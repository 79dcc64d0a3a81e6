"""Other systems, as far as this one can be made like them: what they lack is taken away."""

import subprocess
import sys
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest

from helpers.command_line import ENVIRONMENT
from narrows.data import named_image_writer
from narrows.data.image_files import refused_by_windows
from narrows.errors import OutputError, UsageError
from narrows.support.files import atomic_folder

# What Windows has not, and we name; libraries that ask by their own names have been imported.
WITHOUT = """
import os, signal, sys
import numpy, numba, pyarrow.csv, sklearn.base, typer
for name in ("pread", "preadv", "fork", "register_at_fork", "sched_getaffinity", "getuid"):
    delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "SIGQUIT", "SIGPIPE", "SIGALRM", "SIGCHLD"):
    delattr(signal, name)
for name in ("resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
from narrows.cli.app import run
from narrows.data import storage
from narrows.support.memory import memory_limits
assert all(limit.by == "the container has" or "machine" in limit.by for limit in memory_limits())
numpy.save("x.npy", numpy.arange(240, dtype="u1").reshape(60, 4))
open("t.csv", "w").write("a,b\\n" + "".join(f"{i},{i % 3}\\n" for i in range(60)))
for line in sys.argv[1:]:
    assert run(line.split()) == 0, line
storage.LARGEST_IN_MEMORY = 1
assert run(["verify", "x.nrw", "--against", "x.npy"]) == 0
"""


@pytest.mark.slow
def test_what_windows_lacks_is_not_needed(tmp_path: Path) -> None:
    commands = [
        "compress x.npy --out x.nrw",
        "decompress x.nrw --out y.npy",
        "info x.nrw",
        "compress t.csv --out t.nrw",
        "decompress t.nrw --out u.csv",
        "fit x.npy --epochs 2 --refine 0 --no-detection --out m.safetensors",
        "encode m.safetensors x.npy --out z.npy",
        "summary m.safetensors",
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *commands],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.load(tmp_path / "x.npy"))


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        *((name, True) for name in ("con.png", "a/NUL", "COM1.tar.gz", "lpt9", "Aux .png")),
        *((name, True) for name in ("a:b.png", "what?.png", "a./b.png", "b ", "a\x1fb")),
        *((name, False) for name in ("icon.png", "con/..png"[4:], "common.png", "a/b c.png")),
        *((name, False) for name in ("com10.png", ".hidden", "ä.png", "null.png")),
    ],
)
def test_names_that_windows_has_not(name: str, refused: bool) -> None:
    assert refused_by_windows(name) == refused
    if hasattr(PureWindowsPath, "is_reserved") and sys.version_info < (3, 13):
        assert not PureWindowsPath(name).is_reserved() or refused


def test_names_that_a_disk_takes_for_one_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists, image = Path.exists, np.zeros((3, 3), np.uint8)

    def without_capitals(path: Path) -> bool:
        return path.parent.is_dir() and path.name.lower() in {
            each.name.lower() for each in path.parent.iterdir()
        }

    with pytest.raises(OutputError, match=r"A\.png cannot be written: the disk takes another"):  # noqa: SIM117
        with named_image_writer(tmp_path / "out", ["a.png", "A.png"]) as write:
            write("a.png", image)
            monkeypatch.setattr(Path, "exists", without_capitals)
            write("A.png", image)
    monkeypatch.setattr(Path, "exists", exists)
    assert not list(tmp_path.iterdir())


def test_a_name_that_comes_twice_is_refused_before_the_work(tmp_path: Path) -> None:
    for names in (["a.png", "a.png"], ["a.png", "a.jpg"]):
        with (
            pytest.raises(UsageError, match=r"two images would be written as a\.png"),
            named_image_writer(tmp_path / "out", names),
        ):
            pass
    assert not list(tmp_path.iterdir())


def test_windows_names_are_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.data.writing._ON_WINDOWS", True)
    with pytest.raises(UsageError, match=r"no file of the name d/con\.png"):  # noqa: SIM117
        with named_image_writer(tmp_path / "out", ["a.png", "d/con.jpg"]):
            pass
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_replaced_where_renaming_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def windows(path: Path, target: Path) -> Path:
        if Path(target).is_dir():
            raise PermissionError(13, "Access is denied", str(path))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", windows)
    (tmp_path / "out").mkdir()
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("x", encoding="utf-8")
    assert (tmp_path / "out" / "a").read_text(encoding="utf-8") == "x"
