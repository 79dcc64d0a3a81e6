"""Where the code of kernels is kept, and that it is found, checked and made anew."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from llvmlite import binding

from narrows import NarrowsWarning, __version__
from narrows.support.compiling import folder, native
from narrows.support.compiling.kinds import addressed, hold
from narrows.support.compiling.native import compiled, processor


@hold
class Two(NamedTuple):
    numbers: np.ndarray
    factor: int


def tripled(to: Any, two: Two) -> None:
    to[0] = two.numbers[0] * two.factor


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("NARROWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(folder, "_said", [])
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What LLVM was asked for."""
    texts, machine_code = list[str](), native.machine_code

    def told(text: str) -> bytes:
        texts.append(text)
        return machine_code(text)

    monkeypatch.setattr(native, "machine_code", told)
    return texts


def run(sources: int = 1) -> list[str]:
    """A new start: what it says; what it computes is right in any case."""
    found, kernel = np.zeros(1, np.int64), compiled(tripled, sources)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        kernel(found, Two(np.array([14]), 3))
        kernel(found, addressed(Two(np.array([14]), 3)))
    assert found[0] == 42
    assert all(issubclass(each.category, NarrowsWarning) for each in said)
    return [str(each.message) for each in said]


def only_file(cache: Path) -> Path:
    (path,) = (path for path in cache.rglob("*") if path.is_file())
    return path


def test_the_next_start_finds_what_this_one_compiled(cache: Path, made: list[str]) -> None:
    assert run() == run() == [] and len(made) == 1
    where = only_file(cache).relative_to(cache / "kernels").parts
    assert where[1].startswith("test_native.tripled-")
    for each in (__version__, ".".join(map(str, binding.llvm_version_info)), processor().name):
        assert each in where[0]


def test_other_sources_are_compiled_anew(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    assert run(sources=2) == [] and len(made) == 2
    monkeypatch.setattr(native, "_own_sources", lambda: 3)
    assert run() == [] and len(made) == 3


def test_each_kind_of_arguments_is_compiled(made: list[str]) -> None:
    kernel = compiled(tripled, 1)
    whole, single = np.zeros(1, np.int64), np.zeros(1)
    kernel(whole, Two(np.array([14]), 3))
    kernel(single, Two(np.array([0.5]), 3))
    kernel(whole, Two(np.array([5]), 3))
    assert (whole[0], single[0], len(made)) == (15, 1.5, 2)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "a checksum alone": lambda content: content[:32],
    "half": lambda content: content[: len(content) // 2],
    "a byte more": lambda content: content + b"\0",
    "a bit in the middle": lambda content: content[:99] + bytes([content[99] ^ 4]) + content[100:],
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_said_and_replaced(cache: Path, made: list[str], damage: str) -> None:
    run()
    path = only_file(cache)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    (said,) = run()
    assert str(path) in said and "damaged" in said and len(made) == 2
    assert run() == [] and len(made) == 2


def test_a_cache_that_is_no_folder(cache: Path) -> None:
    cache.write_bytes(b"")
    (said,) = run()
    assert "NARROWS_CACHE" in said and run() == []


def test_many_threads_compile_once(made: list[str]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    kernel, two = compiled(tripled, 1), Two(np.array([14]), 3)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: kernel.prepare((np.zeros(1, np.int64), two)), range(4)))
    assert len(made) == 1
