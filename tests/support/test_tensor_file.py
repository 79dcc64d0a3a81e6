"""Tensor files: what was written comes back, or an error does."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np
from safetensors.numpy import load_file, save_file

from narrows.errors import OutputError
from narrows.support.tensor_file import (
    DamagedError,
    NotOursError,
    arrays_under,
    grouped,
    read_tensors,
    write_tensors,
)

ARRAYS = {
    "weights": np.random.default_rng(0).standard_normal((3, 4), np.float32),
    "counts": np.arange(5),
    "none": np.zeros((0, 2), np.float32),
    "one": np.array(7.5),
}
ENTRY = {"kind": 1, "name": "Zürich", "list": [1.5, None, True]}

# float16 to float64, integers of both kinds, and truth values: what safetensors holds of NumPy.
DTYPES = st.sampled_from(["e", "f", "d", "b", "B", "h", "H", "i", "I", "l", "L", "?"]).map(np.dtype)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
    lambda name: name != "__metadata__"
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    arrays=st.dictionaries(
        NAMES, st_np.arrays(DTYPES, st_np.array_shapes(min_dims=0, min_side=0)), max_size=4
    ),
    entry=st.dictionaries(st.text(), JSON, max_size=4),
)
def test_whatever_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray], entry: dict
) -> None:
    path = tmp_path_factory.mktemp("round-trip") / "file"
    write_tensors(path, arrays, entry)
    found_arrays, found_entry = read_tensors(path)
    assert found_entry == entry
    assert found_arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found_arrays[name].dtype == array.dtype
        assert found_arrays[name].shape == array.shape
        assert found_arrays[name].tobytes() == np.ascontiguousarray(array).tobytes()


def test_strided_arrays_come_back_as_their_values(tmp_path: Path) -> None:
    array = np.arange(24.0).reshape(4, 6)[::2, ::3].T
    write_tensors(tmp_path / "file", {"array": array}, {})
    np.testing.assert_array_equal(read_tensors(tmp_path / "file")[0]["array"], array)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    write_tensors(tmp_path / "one", ARRAYS, ENTRY)
    backwards = {name: ARRAYS[name].copy() for name in reversed(ARRAYS)}
    write_tensors(tmp_path / "two", backwards, dict(reversed(ENTRY.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_other_tools_read_the_arrays(tmp_path: Path) -> None:
    write_tensors(tmp_path / "file", ARRAYS, ENTRY)
    found = load_file(tmp_path / "file")
    assert found.keys() == ARRAYS.keys()
    np.testing.assert_array_equal(found["weights"], ARRAYS["weights"])


@pytest.mark.slow
def test_no_bit_can_change_unseen(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_tensors(path, {"a": np.arange(3, dtype=np.int16)}, {"kind": 1})
    content = path.read_bytes()
    for position in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises((NotOursError, DamagedError)):
                read_tensors(path)


def test_no_length_but_the_whole_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_tensors(path, ARRAYS, ENTRY)
    content = path.read_bytes()
    for wrong in (*(content[:length] for length in range(len(content))), content + b"\0"):
        path.write_bytes(wrong)
        with pytest.raises((NotOursError, DamagedError)):
            read_tensors(path)


def with_header(header: dict, rest: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


def metadata(content: object) -> dict:
    return {
        "__metadata__": {"narrows": content if isinstance(content, str) else json.dumps(content)}
    }


TENSOR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x08", id="one byte"),
        pytest.param(b"\xff" * 100, id="a header of 16 exabytes"),
        pytest.param((1 << 40).to_bytes(8, "little") + b"{}", id="a header of a terabyte"),
        pytest.param(b"\x02" + b"\0" * 7 + b"{}", id="an empty header"),
        pytest.param(with_header({"a": TENSOR}, b"\0" * 4), id="another program's"),
        pytest.param(with_header({"__metadata__": {"format": "pt"}}), id="another's metadata"),
        pytest.param(with_header(metadata("no JSON")), id="metadata that is no JSON"),
        pytest.param(with_header(metadata([])), id="metadata that is a list"),
        pytest.param(with_header(metadata({})), id="no checksum"),
        pytest.param(with_header(metadata({"sha256": 0, "content": 0})), id="numbers for texts"),
        pytest.param(with_header(metadata("[" * 100_000)), id="JSON without an end"),
        pytest.param(
            with_header(metadata({}) | {"a": TENSOR | {"dtype": "BF16"}}, b"\0" * 2),
            id="a dtype that NumPy has not",
        ),
        pytest.param(
            with_header(metadata({}) | {"a": TENSOR | {"shape": [1 << 60]}}, b"\0" * 4),
            id="a shape beyond the file",
        ),
        pytest.param(
            with_header(
                metadata({}) | {"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}},
                b"\0" * 4,
            ),
            id="eight-bit floats",
        ),
        pytest.param(
            with_header(
                metadata({}) | {"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}},
                b"\0" * 4,
            ),
            id="bfloat16",
        ),
    ],
)
def test_what_is_not_ours_is_told_apart(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises((NotOursError, DamagedError)):
        read_tensors(path)


def test_random_bytes_are_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "file"
    random = np.random.default_rng(0)
    for length in random.integers(0, 400, 300):
        path.write_bytes(random.bytes(int(length)))
        with pytest.raises((NotOursError, DamagedError)):
            read_tensors(path)


def test_a_safetensors_file_of_another_program_is_not_ours(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3)}, tmp_path / "theirs", metadata={"format": "np"})
    with pytest.raises(NotOursError, match="did not write"):
        read_tensors(tmp_path / "theirs")


def test_what_cannot_be_opened_is_the_systems_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError):
            read_tensors(path)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_tensors(path, ARRAYS, ENTRY)
    content = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_tensors(path, ARRAYS, {})
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_groups_are_taken_apart_as_they_were_put_together() -> None:
    groups = {"model": {"a/b": np.ones(1), "c": np.ones(2)}, "model2": {"a": np.ones(3)}}
    together = grouped(groups)
    assert set(together) == {"model/a/b", "model/c", "model2/a"}
    for name, arrays in groups.items():
        assert arrays_under(together, name) == arrays
    assert arrays_under(together, "other") == {}
