"""Atomic output: the old content or the new, whatever happens in between."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from narrows.errors import DataError, OutputError
from narrows.support.files import atomic_file, atomic_folder


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    with atomic_file(path) as stream:
        stream.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.bin"]


def test_text_is_utf8(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.txt", "w") as stream:
        stream.write("σ² ≤ ½")
    assert (tmp_path / "a.txt").read_bytes() == "σ² ≤ ½".encode()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, DataError("no")])
def test_a_file_keeps_what_it_held_when_the_block_fails(
    tmp_path: Path, error: BaseException | type[BaseException]
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    kind = error if isinstance(error, type) else type(error)
    with pytest.raises(kind), atomic_file(path) as stream:
        stream.write(b"half of the ne")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_file_keeps_what_it_held_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    program = (
        "import os, signal, sys; from narrows.support.files import atomic_file\n"
        "with atomic_file(sys.argv[1]) as stream:\n"
        "    stream.write(b'half of the ne'); stream.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.bin"), atomic_folder(tmp_path / "folder"):
        pass
    (tmp_path / "b.bin").touch()
    (tmp_path / "other").mkdir()
    for ours, theirs in (("a.bin", "b.bin"), ("folder", "other")):
        assert mode(tmp_path / ours) == mode(tmp_path / theirs)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder"
    with atomic_folder(path) as folder:
        (folder / "a").write_text("a")
        assert not path.exists()
    assert (path / "a").read_text() == "a"
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with atomic_folder(path) as folder:
        (folder / "a").write_text("a")
    assert (path / "a").read_text() == "a"


def test_a_folder_leaves_nothing_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "folder") as folder:
        (folder / "a").write_text("a")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_the_user_has_is_never_replaced_by_a_folder(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mine"
    if kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "letter").write_text("mine")
    with (
        pytest.raises(OutputError, match="exists already and is not an empty folder"),
        atomic_folder(path),
    ):
        pytest.fail("the block must not start")
    assert (path if kind == "file" else path / "letter").read_text() == "mine"


@pytest.mark.parametrize("open_output", [atomic_file, atomic_folder])
def test_a_path_below_a_file_is_an_output_error(tmp_path: Path, open_output: type) -> None:
    (tmp_path / "file").touch()
    said = r"below cannot be written: .*file is a file, and a folder is needed"
    with (
        pytest.raises(OutputError, match=said) as caught,
        open_output(tmp_path / "file" / "below"),
    ):
        pytest.fail("the block must not start")
    assert caught.value.hint


def test_a_file_that_is_replaced_is_not_told_to_be_a_folder(tmp_path: Path) -> None:
    (path := tmp_path / "mine").touch()
    with pytest.raises(OutputError) as caught, atomic_file(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), "something else")
    assert "folder is needed" not in str(caught.value) and "name a folder" not in str(
        caught.value.hint
    )


@pytest.mark.parametrize("open_output", [atomic_file, atomic_folder])
def test_a_full_disk_is_named(tmp_path: Path, open_output: type) -> None:
    with (
        pytest.raises(OutputError, match=r"a was not written: the disk is full") as caught,
        open_output(tmp_path / "a"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "free some space" in str(caught.value.hint)
    assert not list(tmp_path.iterdir())
