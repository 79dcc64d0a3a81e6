""".npy and .npz: every real dtype is read as NumPy wrote it; nothing is unpickled or believed."""

import contextlib
import io
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from narrows.data import load_data, storage
from narrows.data.arrays import read_npy, read_npz
from narrows.errors import DataError

DTYPES = ["bool", "uint8", "int8", "uint16", "int64", "float16", "float32", "float64"]


class Trap:
    """Makes a folder when unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_they_were_saved(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.asarray(np.arange(24).reshape(4, 3, 2) % 2, dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "stored.npz", x=array)
    np.savez_compressed(tmp_path / "packed.npz", x=array)
    for name in ("a.npy", "stored.npz", "packed.npz"):
        items = load_data(tmp_path / name).items
        assert items.dtype == array.dtype
        np.testing.assert_array_equal(items, array)


def test_npy_is_read_only_and_a_large_one_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", np.ones((2, 3)))
    for largest in (storage.LARGEST_IN_MEMORY, 47):
        monkeypatch.setattr(storage, "LARGEST_IN_MEMORY", largest)
        items = load_data(tmp_path / "a.npy").items
        assert isinstance(items, np.memmap) == (largest == 47)
        assert not items.flags.writeable


def test_foreign_byte_order_becomes_native(tmp_path: Path) -> None:
    array = np.arange(6).reshape(3, 2).astype(np.dtype("f4").newbyteorder("S"))
    np.save(tmp_path / "a.npy", array)
    items = load_data(tmp_path / "a.npy").items
    assert items.dtype.isnative
    np.testing.assert_array_equal(items, array)


@pytest.mark.parametrize("name", ["x", "X", "items", "data", "arr_0"])
def test_npz_prefers_the_names_that_items_have(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "a.npz", **{"y": np.zeros(3), "other": np.zeros(2), name: np.ones((3, 2))})
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz"), np.ones((3, 2)))


def test_npz_takes_the_only_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", pixels=np.ones((3, 2)))
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz"), np.ones((3, 2)))


def test_npz_that_could_mean_several_names_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.ones((3, 2)), x_test=np.ones((1, 2)))
    with pytest.raises(DataError, match="2 arrays \\(x_train, x_test\\)"):
        read_npz(tmp_path / "a.npz")


def test_objects_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    trap = np.array([Trap(tmp_path / "sprung")], object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=trap)
    (tmp_path / "bare.npy").write_bytes(pickle.dumps(trap))
    for name in ("a.npy", "a.npz", "bare.npy"):
        with pytest.raises(DataError):
            load_data(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_objects_are_refused_where_the_file_has_the_length_of_pointers(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "|O", "fortran_order": False, "shape": (1, 2)}
    )
    (tmp_path / "a.npy").write_bytes(content.getvalue() + bytes(16))
    with pytest.raises(DataError, match="holds Python objects"):
        read_npy(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array",
    [
        np.array([["a", "b"]]),
        np.ones((2, 2), complex),
        np.zeros((2, 2), [("a", "f4")]),
        np.zeros((2, 2), "datetime64[s]"),
    ],
    ids=["text", "complex", "records", "dates"],
)
def test_what_is_not_a_real_number_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match="only real numbers"):
        load_data(tmp_path / "a.npy")


@pytest.mark.parametrize("change", [-1, 7])
def test_npy_of_the_wrong_length_is_refused(tmp_path: Path, change: int) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((4, 5), np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + bytes(change))
    with pytest.raises(DataError, match=rf"promises 20 bytes .* {20 + change}"):
        read_npy(path)


@pytest.mark.parametrize("shape", [(10**9, 1000), (2**62, 2**62), (-1, -4)])
def test_npy_header_is_not_believed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    (tmp_path / "a.npy").write_bytes(content.getvalue() + bytes(32))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content.getvalue() + bytes(32))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError):
            load_data(tmp_path / name)


def test_npz_member_that_promises_too_much_is_refused_before_allocation(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros((8, 8)))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\1\2")
    content[entry + 24 : entry + 28] = (2**31).to_bytes(4, "little")  # its unpacked size
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="cannot hold as many"):
            read_npz(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_npz_checksum_is_verified(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(100.0).reshape(10, 10))
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(50).tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC-32"):
        read_npz(path)


@pytest.mark.slow
@given(position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.integers(0, 9))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_mutated_files_are_read_or_refused(
    tmp_path: Path, name: str, position: float, value: int, cut: int
) -> None:
    content = io.BytesIO()
    array = np.arange(12.0).reshape(4, 3)
    if name == "a.npy":
        np.save(content, array)
    else:
        np.savez_compressed(content, x=array)
    mutated = bytearray(content.getvalue())
    mutated[int(position * len(mutated))] = value
    path = tmp_path / name
    path.unlink(missing_ok=True)
    path.write_bytes(mutated[: len(mutated) - cut])
    with contextlib.suppress(DataError):
        assert load_data(path).items.size > 0
