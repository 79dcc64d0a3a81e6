"""Dataset, and what load_data makes of every kind of source."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits as load_from_scikit_learn

from narrows.data import Dataset, checked, load_data, validation_source
from narrows.data.checks import _SCAN_VALUES
from narrows.errors import DataError


def save(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def test_digits_are_scikit_learns() -> None:
    expected = load_from_scikit_learn()
    digits = load_data("digits", labels=True)
    assert digits.items.dtype == np.uint8
    assert digits.value_range == (0, 16)
    np.testing.assert_array_equal(digits.items, expected.images)
    np.testing.assert_array_equal(digits.labels, expected.target)


def test_digits_come_without_importing_scikit_learn() -> None:
    program = (
        "import sys; from narrows.data import load_data; load_data('digits');"
        "print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_digits_survive_a_move_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_data("digits", labels=True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    moved = load_data("digits", labels=True)
    np.testing.assert_array_equal(moved.items, expected.items)
    np.testing.assert_array_equal(moved.labels, expected.labels)


def test_labels_only_when_asked_for() -> None:
    assert load_data("digits").labels is None


def test_a_notebook_shows_a_line_and_no_values() -> None:
    assert repr(load_data("digits")) == "Dataset('digits', 1,797 items of (8, 8), uint8)"
    assert repr(load_data("digits", labels=True)).endswith(", uint8, labels)")


def test_importing_data_imports_only_numpy() -> None:
    program = "import sys, narrows.data; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    heavy = {"jax", "sklearn", "scipy", "PIL", "pyarrow", "pandas", "urllib.request", "matplotlib"}
    assert "numpy" in done.stdout.split()
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("mnist", "mnist:test"),
        ("mnist:train", "mnist:test"),
        ("mnist:test", None),
        ("digits", None),
        (Path("a.npy"), None),
    ],
)
def test_validation_source(source: str | os.PathLike[str], expected: str | None) -> None:
    assert validation_source(source) == expected


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("uint8", (0, 255)),
        ("uint16", (0, 65535)),
        ("bool", (0, 1)),
        ("int64", None),
        ("float32", None),
    ],
)
def test_value_range_follows_from_the_dtype(
    tmp_path: Path, dtype: str, expected: tuple[float, float] | None
) -> None:
    path = save(tmp_path / "a.npy", np.ones((2, 3), dtype))
    assert load_data(path).value_range == expected


def test_name_is_what_the_user_called_it(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.ones((2, 3)))
    assert load_data(path).name == str(path)
    assert load_data("digits").name == "digits"


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (4, 0, 4)])
def test_nothing_to_learn_from_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    for source in (
        lambda: load_data(save(tmp_path / "a.npy", np.ones(shape))),
        lambda: checked(Dataset("a", np.ones(shape))),
    ):
        with pytest.raises(DataError):
            source()


@pytest.mark.parametrize("array", [np.ones(5), np.float64(3)])
def test_items_without_a_shape_are_refused_with_the_way_out(
    tmp_path: Path, array: np.ndarray
) -> None:
    with pytest.raises(DataError, match=r"at least 2 dimensions") as caught:
        load_data(save(tmp_path / "a.npy", array))
    assert "reshape(-1, 1)" in str(caught.value.hint)


def test_a_single_row_is_a_dataset(tmp_path: Path) -> None:
    assert len(load_data(save(tmp_path / "a.npy", np.ones((1, 3))))) == 1


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_values_that_are_not_finite_are_counted_and_placed(tmp_path: Path, dtype: str) -> None:
    items = np.zeros((20, 3, 2), dtype)
    items[17, 2, 1] = np.nan
    items[17, 2, 0] = np.inf
    items[19] = -np.inf
    with pytest.raises(DataError, match=r"1 NaN and 7 infinite .* index \(17, 2, 0\)"):
        load_data(save(tmp_path / "a.npy", items))


def test_every_part_of_a_long_array_is_scanned(tmp_path: Path) -> None:
    chunk = _SCAN_VALUES // 8
    items = np.zeros((3 * chunk + 1, 8), np.float32)
    items[[chunk + 5, 2 * chunk, -1], 6] = np.nan
    with pytest.raises(DataError, match=rf"holds 3 NaN and 0 infinite .* index \({chunk + 5}, 6\)"):
        load_data(save(tmp_path / "a.npy", items))


def test_the_largest_float_is_finite(tmp_path: Path) -> None:
    items = np.full((4, 4), np.finfo(np.float64).max)
    np.testing.assert_array_equal(load_data(save(tmp_path / "a.npy", items)).items, items)


def test_labels_are_one_a_row() -> None:
    with pytest.raises(DataError, match="3 items and labels of shape"):
        checked(Dataset("a", np.ones((3, 2)), labels=np.zeros(4, int)))


def test_a_table_that_is_missing_is_no_file_also_where_a_table_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    table = load_data(tmp_path / "there.csv").table
    with pytest.raises(DataError, match="there is no file or folder"):
        load_data(tmp_path / "missing.csv", table=table)
    np.save(tmp_path / "there.npy", np.zeros((3, 2)))
    with pytest.raises(DataError, match="is no table"):
        load_data(tmp_path / "there.npy", table=table)


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file or folder .*missing\.npy") as caught:
        load_data(tmp_path / "missing.npy")
    assert "mnist" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("source", "meant"),
    [("minst", "mnist"), ("MNIST", "mnist"), ("mnist:tset", "mnist:test"), ("digit", "digits")],
)
def test_a_misspelt_name_is_recognised(source: str, meant: str) -> None:
    with pytest.raises(DataError) as caught:
        load_data(source)
    assert caught.value.hint == f"did you mean {meant}?"


@pytest.mark.parametrize("name", ["notes.doc", "photo.png", "none"])
def test_an_unknown_kind_is_told_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not a kind of data") as caught:
        load_data(tmp_path / name)
    for kind in ("mnist", "digits", "IDX", ".npy", ".npz", ".csv", "folder of images"):
        assert kind in str(caught.value.hint)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = save(tmp_path / "a.npy", np.ones((2, 3)))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a\.npy cannot be read: Permission denied"):
        load_data(path)


def test_a_set_larger_than_memory_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise MemoryError

    np.savez(tmp_path / "a.npz", x=np.ones((2, 3)))
    monkeypatch.setattr("narrows.data.sources.read_npz", refuse)
    with pytest.raises(DataError, match="does not fit in memory"):
        load_data(tmp_path / "a.npz")


def test_split_parts_the_rows_and_repeats() -> None:
    dataset = Dataset("a", np.arange(50).reshape(50, 1), labels=np.arange(50))
    rest, held = dataset.split(0.1, seed=3)
    assert (len(rest), len(held)) == (45, 5)
    joined = np.concatenate([rest.items, held.items])
    np.testing.assert_array_equal(np.sort(joined, axis=0), dataset.items)
    for part in (rest, held):
        np.testing.assert_array_equal(part.items[:, 0], part.labels)
        assert (np.diff(part.items[:, 0]) > 0).all()
    np.testing.assert_array_equal(dataset.split(0.1, seed=3)[1].items, held.items)
    assert not np.array_equal(dataset.split(0.1, seed=4)[1].items, held.items)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_split_leaves_neither_part_empty(fraction: float) -> None:
    rest, held = Dataset("a", np.ones((2, 3))).split(fraction, seed=0)
    assert (len(rest), len(held)) == (1, 1)


def test_split_of_a_single_row_is_refused() -> None:
    with pytest.raises(DataError, match="1 row, and 2 are needed"):
        Dataset("a", np.ones((1, 3))).split(0.1, seed=0)


def test_item_shape_and_size() -> None:
    dataset = Dataset("a", np.ones((5, 4, 3, 2)))
    assert (len(dataset), dataset.item_shape, dataset.item_size) == (5, (4, 3, 2), 24)
