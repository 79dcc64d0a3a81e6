"""What a kill leaves half written is removed by the next one who writes there, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.command_line import ENVIRONMENT
from narrows.support.files import atomic_file, require_writable

KINDS = pytest.mark.parametrize("kind", ["atomic_file", "atomic_folder"])
HALF_WRITTEN = (
    "import os, signal, sys\n"
    "from narrows.support.files import atomic_file, atomic_folder\n"
    "with {kind}('out') as out:\n"
    "    if hasattr(out, 'write'):\n"
    "        out.write(b'half of i'); out.flush()\n"
    "    else:\n"
    "        (out / 'a').mkdir(); (out / 'a' / 'b').touch()\n"
    "    {then}\n"
)


def half_written(kind: str, then: str, folder: Path) -> subprocess.Popen[str]:
    """A process that is in the middle of writing."""
    return subprocess.Popen(
        [sys.executable, "-c", HALF_WRITTEN.format(kind=kind, then=then)],
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a process that was killed has left."""
    process = half_written("atomic_folder", "os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    (path,) = tmp_path.iterdir()
    assert path.name.startswith(".narrows-")
    return path


@contextmanager
def writing(kind: str, folder: Path) -> Iterator[None]:
    """A process lives that is in the middle of writing."""
    process = half_written(kind, "print('ready', flush=True); input()", folder)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        process.communicate("\n")
    assert process.returncode == 0


def write(folder: Path) -> None:
    with atomic_file(folder / "other") as stream:
        stream.write(b"other")


@KINDS
def test_what_a_kill_leaves_is_removed(kind: str, tmp_path: Path) -> None:
    process = half_written(kind, "os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    process.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@KINDS
def test_what_is_being_written_is_not(kind: str, tmp_path: Path) -> None:
    with writing(kind, tmp_path):
        write(tmp_path)
        require_writable(tmp_path / "third")
    assert {path.name for path in tmp_path.iterdir()} == {"other", "out"}


def test_what_another_machine_left_is_not(left: Path) -> None:
    host, process, random = left.name.removeprefix(".narrows-").split("-")
    other = left.rename(left.with_name(f".narrows-{int(host, 16) ^ 1:08x}-{process}-{random}"))
    write(other.parent)
    assert other.exists()


def test_a_process_that_has_got_the_number_since_is_no_excuse(left: Path) -> None:
    host, _, random = left.name.removeprefix(".narrows-").split("-")
    reused = left.rename(left.with_name(f".narrows-{host}-{os.getppid()}-{random}"))
    write(reused.parent)
    assert reused.exists()  # it may be about to take its lock
    long_ago = time.time() - 3600
    os.utime(reused, (long_ago, long_ago))
    write(reused.parent)
    assert not reused.exists()


@pytest.mark.parametrize("name", [".narrows", ".narrows-mine", ".out.a1b2c3d4", ".narrows-1-2-3"])
def test_what_users_have_is_not(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    write(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_a_link_to_a_folder_is_not_followed(left: Path) -> None:
    folder = left.parent / "mine"
    (folder / "letters").mkdir(parents=True)
    left.rename(left.parent / "away")
    left.symlink_to(folder)
    write(left.parent)
    assert (folder / "letters").exists()


@pytest.mark.parametrize("length", [243, 255])
def test_a_name_is_as_long_as_the_disk_takes(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("a" * length)
    require_writable(path)
    with atomic_file(path) as stream:
        stream.write(b"a")
    assert path.read_bytes() == b"a"


def test_one_of_two_who_write_the_same_wins_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with atomic_file(path) as first:
        first.write(b"first " * 1000)
        with atomic_file(path) as second:
            second.write(b"second " * 1000)
        assert path.read_bytes() == b"second " * 1000
    assert path.read_bytes() == b"first " * 1000
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_folders_that_were_made_for_nothing_go_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "new" / "folder" / "a"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())
