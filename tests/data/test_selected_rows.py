"""Some rows of a large array in a file: the same values as those of a copy, and no copy."""

from pathlib import Path

import numpy as np
import pytest

from narrows import load_data
from narrows.data import storage
from narrows.data.dataset import Dataset, take_rows
from narrows.data.file_arrays import FileArray, SelectedRows

ITEMS = np.random.default_rng(0).normal(size=(500, 3, 4)).astype(np.float32)


@pytest.fixture
def in_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(storage, "LARGEST_IN_MEMORY", 100)
    monkeypatch.setattr("narrows.data.dataset.LARGEST_IN_MEMORY", 100)
    np.save(tmp_path / "x.npy", ITEMS)
    data = load_data(str(tmp_path / "x.npy"))
    assert isinstance(data.items, FileArray)
    return data


def test_rows_of_a_file_are_those_of_a_copy(in_file: Dataset) -> None:
    places = np.random.default_rng(1).permutation(500)[:300]
    rows, copy = take_rows(in_file.items, places), ITEMS[places]
    assert isinstance(rows, SelectedRows) and rows.shape == copy.shape and len(rows) == 300
    some = np.array([5, -1, 5, 200])
    keys = (7, -2, slice(3, 90), slice(None, None, 7), slice(10, 2, -1), some, copy[:, 0, 0] > 0)
    for key in (*keys, some.reshape(2, 2), (slice(4, 8), 1), (3, 2, 1), (some, 0), ..., None):
        np.testing.assert_array_equal(rows[key], copy[key])
    np.testing.assert_array_equal(list(rows), copy)
    np.testing.assert_array_equal(rows.reshape(300, -1)[10:20], copy.reshape(300, -1)[10:20])
    np.testing.assert_array_equal(rows.reshape((300, 12))[:2], copy.reshape(300, 12)[:2])
    np.testing.assert_array_equal(rows.reshape(-1), copy.reshape(-1))
    again = take_rows(rows, np.arange(100, 200))
    assert isinstance(again, SelectedRows)
    np.testing.assert_array_equal(again[:], copy[100:200])
    np.testing.assert_allclose(rows.mean(axis=0), copy.mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(rows + 1, copy + 1)
    with pytest.raises(IndexError, match="no row"):
        rows[300]


def test_held_out_rows_take_no_room_on_the_disk(
    in_file: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise AssertionError("rows were copied into a file")

    monkeypatch.setattr(storage.GrowingArray, "_spill", no_room)
    training, held_out = in_file.split(0.1, seed=3)
    order = np.random.default_rng([3, 0x5B117]).permutation(500)
    np.testing.assert_array_equal(training.items[:], ITEMS[np.sort(order[50:])])
    np.testing.assert_array_equal(held_out.items[:], ITEMS[np.sort(order[:50])])
    assert training.extent == (ITEMS[np.sort(order[50:])].min(), ITEMS[np.sort(order[50:])].max())


def test_a_large_part_of_selected_rows_is_read_when_it_is_asked_for(
    in_file: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.data.file_arrays._LARGEST_READ", 1000)
    monkeypatch.setattr("narrows.data.file_arrays.CACHED_VALUES", 100)
    places = np.arange(499, -1, -1)
    rows = take_rows(in_file.items, places)
    part = rows[100:400]
    assert isinstance(part, SelectedRows)
    np.testing.assert_array_equal(part[5:9], ITEMS[places][105:109])
    np.testing.assert_array_equal(rows[100:400, 1], ITEMS[places][100:400, 1])
