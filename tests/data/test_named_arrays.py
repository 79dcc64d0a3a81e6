"""Arrays by name, FILE:NAME, in .npz, .mat and HDF5 files; arrays and sparse matrices in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp

from helpers.command_line import Command
from helpers.optional import optional
from narrows import Dataset, load_data
from narrows.data.named_arrays import split_name
from narrows.errors import DataError, NarrowsError, UsageError

h5py = optional("h5py")


TRAIN = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
TEST = np.arange(5 * 3 * 4, dtype=np.float32).reshape(5, 3, 4)


def written(path: Path, arrays: dict[str, Any]) -> Path:
    """A file of the kind that the suffix says with these arrays."""
    if path.suffix == ".npz":
        np.savez_compressed(path, **arrays)
    elif path.suffix == ".mat":
        scipy.io.savemat(path, arrays, do_compression=True)
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[f"group/{name}"] = array
    return path


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".h5", ".hdf5"])
def test_a_name_picks_an_array_and_none_lists_them(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"a{suffix}", {"x_train": TRAIN, "x_test": TEST})
    inside = "group/" if suffix in (".h5", ".hdf5") else ""
    for name, array in (("x_train", TRAIN), ("x_test", TEST)):
        found = load_data(f"{path}:{inside}{name}").items
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    for wrong in ("", ":nothing"):
        with pytest.raises(DataError) as caught:
            load_data(f"{path}{wrong}")
        for said in ("x_train", "(2, 3, 4)", "x_test", "(5, 3, 4)", f"{path}:{inside}x_"):
            assert said in str(caught.value), (said, str(caught.value))


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".h5"])
def test_the_only_array_needs_no_name(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"a{suffix}", {"only": TRAIN})
    np.testing.assert_array_equal(load_data(path).items, TRAIN)


def test_matlabs_hdf5_is_turned_round(tmp_path: Path) -> None:
    path = tmp_path / "v73.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["x"] = TEST.T  # as MATLAB writes it
    np.testing.assert_array_equal(load_data(f"{path}:x").items, TEST)


def test_colons_in_paths_are_parts_of_them(tmp_path: Path) -> None:
    odd = written(tmp_path / "a:b.npz", {"x": TRAIN})
    np.testing.assert_array_equal(load_data(odd).items, TRAIN)
    np.testing.assert_array_equal(load_data(f"{odd}:x").items, TRAIN)
    taken = written(tmp_path / "c.npz", {"x": TRAIN, "x:y": TEST})
    np.testing.assert_array_equal(load_data(f"{taken}:x:y").items, TEST)
    whole = tmp_path / "c.npz:x"
    whole.mkdir()
    assert split_name(str(whole)) == (str(whole), None)
    assert split_name("C:\\data\\x.npz") == ("C:\\data\\x.npz", None)
    assert split_name("missing.npz:x") == ("missing.npz:x", None)
    with pytest.raises(DataError, match="there is no file or folder"):
        load_data("missing.npz:x")


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array, sp.coo_array, sp.bsr_array])
def test_sparse_files_and_matrices_are_made_dense(kind: Any, tmp_path: Path) -> None:
    rows = np.where(np.arange(40).reshape(10, 4) % 3 == 0, 1.5, 0)
    sp.save_npz(tmp_path / "s.npz", kind(rows))
    np.testing.assert_array_equal(load_data(tmp_path / "s.npz").items, rows)
    np.testing.assert_array_equal(load_data(kind(rows)).items, rows)
    scipy.io.savemat(tmp_path / "s.mat", {"x": sp.csc_matrix(rows)})
    np.testing.assert_array_equal(load_data(tmp_path / "s.mat").items, rows)


@pytest.mark.slow
def test_what_does_not_fit_is_refused_with_its_size(tmp_path: Path) -> None:
    huge = sp.csr_array(([1.0], ([0], [0])), shape=(10_000_000, 1_000_000))
    sp.save_npz(tmp_path / "s.npz", huge)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("x", (10_000_000, 1_000_000), "f8", chunks=(1, 1000))
    for source in (huge, tmp_path / "s.npz", tmp_path / "s.h5"):
        with pytest.raises(DataError, match="80,000,000,000,000 bytes"):
            load_data(source)


def test_a_forged_sparse_file_is_damage(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "s.npz", format=np.array(b"csr"), shape=np.array([2, 2]), data=np.ones(2),
        indices=np.array([10**6, -5]), indptr=np.array([0, 1, 2]),
    )  # fmt: skip
    with pytest.raises(DataError, match="damaged"):
        load_data(tmp_path / "s.npz")


def test_what_holds_no_numbers_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", x=np.array([{}, []], object), y=TRAIN)
    scipy.io.savemat(tmp_path / "o.mat", {"x": {"a": 1}, "y": TRAIN, "t": "text"})
    with h5py.File(tmp_path / "o.h5", "w") as file:
        file["t"] = ["a", "b"]
        file["away"] = h5py.ExternalLink("other.h5", "x")
    for source in ("o.npz:x", "o.mat:x", "o.mat:t", "o.h5:t", "o.h5:away"):
        with pytest.raises(DataError) as caught:
            load_data(f"{tmp_path / source}")
        assert caught.value.hint
    np.testing.assert_array_equal(load_data(f"{tmp_path / 'o.npz'}:y").items, TRAIN)


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".h5"])
def test_damaged_files_are_said_to_be(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"a{suffix}", {"x": np.arange(3000.0).reshape(30, 100)})
    content = path.read_bytes()
    for broken in (content[:200], content[:-300], b"", b"x" * 500):
        path.write_bytes(broken)
        with pytest.raises(DataError):
            load_data(path)


def test_the_program_takes_names_and_keeps_their_files(narrows: Command, tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", {"x_train": TRAIN, "x_test": TEST})
    out = tmp_path / "a.nrw"
    assert narrows("compress", f"{path}:x_train", "--out", out).code == 0
    assert narrows("verify", out, "--against", f"{path}:x_train").code == 0
    before = path.read_bytes()
    done = narrows("compress", f"{path}:x_train", "--out", path)
    assert done.code != 0 and "write over" in done.err
    assert path.read_bytes() == before


def test_arrays_are_data_too() -> None:
    for given in (TRAIN, TRAIN.tolist()):
        np.testing.assert_array_equal(load_data(given).items, TRAIN)
    data = Dataset("mine", TRAIN)
    assert load_data(data) is data
    assert load_data(TRAIN).value_range == (0, 255)


@pytest.mark.parametrize(
    "arguments",
    [
        {"source": 3}, {"source": None}, {"source": {}}, {"source": True}, {"source": b"digits"},
        {"source": [[1], [1, 2]]}, {"source": [["a"]]}, {"source": np.array([None])},
        {"source": TRAIN, "types": {"a": "numeric"}},
        {"source": "digits", "labels": "yes"}, {"source": "digits", "as_is": None},
        {"source": "digits", "types": "a=integer"}, {"source": "digits", "types": [1]},
        {"source": "digits", "track": 5}, {"source": "digits", "labels": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_what_load_data_cannot_take_is_refused_with_a_hint(arguments: dict[str, Any]) -> None:
    with pytest.raises(NarrowsError) as caught:
        load_data(**arguments)
    assert caught.value.hint
    assert isinstance(caught.value, UsageError | DataError)
