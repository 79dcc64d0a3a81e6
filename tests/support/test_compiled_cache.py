"""What is kept of compiled code is only a cache: no state of it ends any work."""

import errno
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from helpers.command_line import Command
from narrows import NarrowsWarning, __version__
from narrows.cli import app
from narrows.support.compiling import cache_folder, compiled, folder, is_kept
from narrows.support.compiling.held import hold
from narrows.support.compiling.parts import part


def triple(number: int) -> int:
    return 3 * number


@hold
class Scaled(NamedTuple):
    values: np.ndarray
    is_doubled: bool
    factor: int


@part
def scaled(numbers: Scaled, place: int) -> float:
    value = numbers.values[place] * numbers.factor
    return 2 * value if numbers.is_doubled else value


def scaled_total(numbers: Scaled) -> float:
    total = 0.0
    for place in range(len(numbers.values)):
        total += scaled(numbers, place)
    return total


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(folder, "_said", [])
    return tmp_path / "cache"


def found(sources: int = 1) -> tuple[bool, list[str]]:
    """Whether a new start finds ``triple`` compiled, and what it says; what it computes is right
    in any case."""
    function: Any = compiled(triple, sources)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResourceWarning)  # of what an earlier test left
        assert function(14) == 42
    assert all(issubclass(each.category, NarrowsWarning) for each in said)
    return bool(function.stats.cache_hits), [str(each.message) for each in said]


def only_file(cache: Path) -> Path:
    (path,) = (path for path in cache.rglob("*") if path.is_file())
    return path


def test_the_next_start_finds_what_this_one_compiled(cache: Path) -> None:
    assert not is_kept("test_compiled_cache")
    assert found() == (False, [])
    assert found() == (True, [])
    assert is_kept("test_compiled_cache")


@pytest.mark.slow
def test_parts_go_with_what_calls_them_and_read_a_tuple_by_its_address() -> None:
    for found_it in (False, True):
        function: Any = compiled(scaled_total, 1)
        assert function(Scaled(np.arange(4.0), True, 3)) == 36
        assert function(Scaled(np.arange(3.0), False, 5)) == 15
        assert bool(function.stats.cache_hits) is found_it


def test_it_is_kept_by_version_and_processor(cache: Path) -> None:
    found()
    where = only_file(cache).relative_to(cache / "kernels").parts
    processor = numba.core.registry.cpu_target.target_context.codegen().magic_tuple()[1]
    assert len(where) == 2
    for each in (__version__, numba.__version__, sys.implementation.cache_tag, processor):
        assert each in where[0]


def test_other_sources_are_compiled_anew_and_nothing_is_said(cache: Path) -> None:
    found()
    assert found(sources=2) == (False, [])
    assert found() == found(sources=2) == (True, [])


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "a checksum alone": lambda content: content[:32],
    "half": lambda content: content[: len(content) // 2],
    "the last byte is missing": lambda content: content[:-1],
    "a byte more": lambda content: content + b"\0",
    "a bit in its checksum": lambda content: flipped(content, 3),
    "a bit in the middle": lambda content: flipped(content, len(content) // 2),
    "zeros": lambda content: bytes(len(content)),
    "another program's": lambda content: pickle.dumps(["0.1", {}]),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_said_and_replaced(cache: Path, damage: str) -> None:
    found()
    path = only_file(cache)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    hit, (said,) = found()
    assert not hit and str(path) in said and "damaged" in said and "\n" not in said
    assert found() == (True, [])


def test_a_folder_where_the_file_should_be(cache: Path) -> None:
    found()
    path = only_file(cache)
    path.unlink()
    path.mkdir()
    hit, (said,) = found()
    assert not hit and str(path) in said and "NARROWS_CACHE" in said


def cannot_be_kept(hint: str) -> None:
    """One line in all, from however many functions and calls."""
    hit, (said,) = found()
    assert not hit and hint in said and "NARROWS_CACHE" in said and "\n" not in said
    assert found() == (False, [])


def test_a_cache_that_is_no_folder(cache: Path) -> None:
    cache.write_bytes(b"")
    cannot_be_kept(str(cache))
    assert cache.read_bytes() == b""


def test_a_full_disk(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("narrows.support.files.os.fsync", full)
    cannot_be_kept("the disk is full")
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NARROWS_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: Path("~/.cache/narrows"))
    monkeypatch.chdir(tmp_path)
    assert cache_folder() is None
    cannot_be_kept("no cache folder")
    assert not list(tmp_path.iterdir())


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", f"{tmp_path}/numba")
    assert cache_folder() == tmp_path / "cache" / "kernels"
    monkeypatch.setenv("NARROWS_CACHE", "here")
    assert cache_folder() == Path.cwd() / "here" / "kernels"
    monkeypatch.delenv("NARROWS_CACHE")
    assert cache_folder() == tmp_path / "numba" / "narrows" / "kernels"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert cache_folder() == tmp_path / "narrows" / "kernels"


# The program


def test_only_an_interrupt_is_one(narrows: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line's parser takes the end of any file for an interrupt."""

    def command(error: BaseException) -> int:
        def fail(*arguments: object, **options: object) -> None:
            raise error

        monkeypatch.setattr("narrows.tasks.training_data.load_data", fail)
        return narrows("fit", "digits", "--out", "x.safetensors")

    ended = command(EOFError("Ran out of input"))
    assert ended.code == 1 and "EOFError: Ran out of input" in ended.err
    assert command(KeyboardInterrupt()).code == app.INTERRUPTED


def test_warnings_are_notes_to_the_person_at_the_terminal(
    narrows: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warn(*arguments: object, **options: object) -> None:
        warnings.warn("the cache is full", NarrowsWarning, stacklevel=1)
        raise OSError("done")

    monkeypatch.setattr("narrows.tasks.training_data.load_data", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ended = narrows("fit", "digits", "--out", "x.safetensors")
    assert "note: the cache is full" in ended.err.splitlines()
    assert "OSError: done" in ended.err
