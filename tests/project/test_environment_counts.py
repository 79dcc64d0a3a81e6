"""``benchmarks/environment_faults.py`` counts what is lost, left, and said badly."""

import importlib.util
import json
import struct
import sys
from pathlib import Path
from types import ModuleType

import pytest

_PATH = Path(__file__).parents[2] / "benchmarks" / "environment_counts.py"


@pytest.fixture(scope="module")
def counts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment_counts", _PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def _tensor_file(size: int) -> bytes:
    header = json.dumps({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


_EPOCHS = b'{"epoch": 1, "seconds": 0.25}\n{"epoch": 2, "seconds": 0.5}\n'
_OTHER = _EPOCHS.replace(b"0.5", b"0.6")


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def expected(counts: ModuleType, tmp_path: Path) -> object:
    """What two runs left that agree in codes.npy alone."""
    first = {"codes.npy": b"whole", "run/history.jsonl": _EPOCHS, "run/c.safetensors": b"1"}
    second = first | {"run/history.jsonl": _OTHER, "run/c.safetensors": b"2"}
    folders = [_write(tmp_path / str(n), files) for n, files in enumerate((first, second))]
    return counts.reference(*folders, "", 1.0)


@pytest.mark.parametrize(
    ("changed", "lost"),
    [
        ({}, 0),
        ({"codes.npy": b"who"}, 1),
        ({"run/history.jsonl": _EPOCHS[:-5]}, 1),
        ({"run/history.jsonl": _EPOCHS + _EPOCHS}, 1),
        ({"run/history.jsonl": _EPOCHS[:30]}, 1),
        ({"run/c.safetensors": _tensor_file(3)}, 1),
        ({"codes.npy": b"", "run/history.jsonl": b""}, 1),
    ],
)
def test_a_finished_result_is_all_there_or_lost(
    counts: ModuleType, expected: object, tmp_path: Path, changed: dict[str, bytes], lost: int
) -> None:
    whole = {
        "codes.npy": b"whole",
        "run/history.jsonl": _OTHER,
        "run/c.safetensors": _tensor_file(4),
    }
    out = _write(tmp_path / "out", whole | changed)
    assert len(list(counts.complete(out, expected))) == lost
    (out / "codes.npy").unlink()
    assert (counts.LOST, "not written: codes.npy") in counts.complete(out, expected)


@pytest.mark.parametrize(("second", "lost"), [(_EPOCHS[:30], 0), (_OTHER, 1)])
def test_each_history_has_its_own_number_of_epochs(
    counts: ModuleType, tmp_path: Path, second: bytes, lost: int
) -> None:
    one = {"a/history.jsonl": _EPOCHS, "b/history.jsonl": _EPOCHS[:30]}
    two = {name: each.replace(b"0.25", b"0.3") for name, each in one.items()}
    expected = counts.reference(_write(tmp_path / "1", one), _write(tmp_path / "2", two), "", 1.0)
    out = _write(tmp_path / "out", {"a/history.jsonl": _OTHER, "b/history.jsonl": second})
    assert len(list(counts.complete(out, expected))) == lost


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("out/run/history.jsonl cannot be written: No space left on device; training goes on", 0),
        ("out/run/history.jsonl was not written: the disk is full", 0),
        ("out/run/history.jsonl was not drawn: OSError: no", 0),
        ("wrote out/run/history.jsonl", 1),
        ("out/codes.npy cannot be written: No space left on device", 1),
        ("", 1),
    ],
)
def test_what_a_full_disk_costs_is_not_lost_where_it_is_told(
    counts: ModuleType, expected: object, tmp_path: Path, said: str, lost: int
) -> None:
    out = _write(tmp_path / "out", {"codes.npy": b"whole", "run/c.safetensors": _tensor_file(4)})
    assert len(list(counts.complete(out, expected, said))) == lost
    (out / "codes.npy").unlink()  # a result, which an exit code of 0 promises
    assert (counts.LOST, "codes.npy") in [
        (kind, text.removeprefix("not written: ").split(" and ")[0])
        for kind, text in counts.complete(out, expected, said)
    ]


@pytest.mark.parametrize(
    ("files", "lost"),
    [
        ({"codes.npy": b"old"}, 0),
        ({"codes.npy": b"whole"}, 0),
        ({"codes.npy": b"whol"}, 1),
        ({}, 1),
        ({"codes.npy": b"old", "run/history.jsonl": _EPOCHS[:30]}, 0),  # one epoch so far
        ({"codes.npy": b"old", "run/history.jsonl": _EPOCHS[:-5]}, 1),
        ({"codes.npy": b"old", ".codes.npy.abc": b"who"}, 0),  # a file left, counted as such
    ],
)
def test_an_earlier_file_is_as_it_was_or_the_new_one(
    counts: ModuleType, expected: object, tmp_path: Path, files: dict[str, bytes], lost: int
) -> None:
    out = _write(tmp_path / "out", files)
    out.mkdir(exist_ok=True)
    found = list(counts.nothing_broken(out, expected, {"codes.npy": b"old"}))
    assert [kind for kind, _ in found] == [counts.LOST] * lost


def test_a_hidden_folder_counts_once(counts: ModuleType, tmp_path: Path) -> None:
    files = {".near.abc/.1.png": b"", ".near.abc/2.png": b"", "run/.c.x": b"", "run/c": b""}
    found = list(counts.left_over(_write(tmp_path, files)))
    assert found == [(counts.LEFT, ".near.abc"), (counts.LEFT, "run/.c.x")]


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ("error: the disk is full\nhint: free some\n", 0),
        ("Traceback (most recent call last):\n  narrows/cli/app.py\nOSError: no\n", 1),
        ("Traceback (most recent call last):\n  <frozen site>\nKeyboardInterrupt\n", 0),
        ("LLVM ERROR: Do not know how to split the result of this operator!\n", 1),
    ],
)
def test_a_traceback_is_narrows_own(counts: ModuleType, said: str, faults: int) -> None:
    assert len(list(counts.said_badly(said))) == faults


def test_a_failure_has_a_word(counts: ModuleType) -> None:
    assert list(counts.failed_badly(1, "error: no")) == []
    assert [kind for kind, _ in counts.failed_badly(1, "")] == [counts.CODE]
    assert [kind for kind, _ in counts.failed_badly(-7, "error: no")] == [counts.CODE]
