"""Some rows of a large array in a file: the same values as those of a copy, and no copy."""

from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import leave_blank
from narrows import load_data
from narrows.data import storage
from narrows.data.dataset import Dataset, selected_rows
from narrows.data.file_arrays import FileArray, SelectedRows
from narrows.planning.options import FitOptions
from narrows.tasks.fit import FitRequest, fit
from narrows.tasks.run_files import RunFiles

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
    rows, copy = selected_rows(in_file.items, places), ITEMS[places]
    assert isinstance(rows, SelectedRows) and rows.shape == copy.shape and len(rows) == 300
    some = np.array([5, -1, 5, 200])
    keys = (7, -2, slice(3, 90), slice(None, None, 7), slice(10, 2, -1), some, copy[:, 0, 0] > 0)
    for key in (*keys, some.reshape(2, 2), (slice(4, 8), 1), (3, 2, 1), (some, 0), ..., None):
        np.testing.assert_array_equal(rows[key], copy[key])
    np.testing.assert_array_equal(list(rows), copy)
    np.testing.assert_array_equal(rows.reshape(300, -1)[10:20], copy.reshape(300, -1)[10:20])
    np.testing.assert_array_equal(rows.reshape((300, 12))[:2], copy.reshape(300, 12)[:2])
    np.testing.assert_array_equal(rows.reshape(-1), copy.reshape(-1))
    again = selected_rows(rows, np.arange(100, 200))
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
    training, held_out = in_file.split(0.1, seed=3, in_place=True)
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
    rows = selected_rows(in_file.items, places)
    part = rows[100:400]
    assert isinstance(part, SelectedRows)
    np.testing.assert_array_equal(part[5:9], ITEMS[places][105:109])
    np.testing.assert_array_equal(rows[100:400, 1], ITEMS[places][100:400, 1])


def test_rows_that_are_large_by_themselves_are_read_one_at_a_time(
    in_file: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.data.file_arrays._LARGEST_READ", ITEMS[0].nbytes - 1)
    monkeypatch.setattr("narrows.data.file_arrays.CACHED_VALUES", 1)
    for rows in (in_file.items, selected_rows(in_file.items, np.arange(500))):
        np.testing.assert_array_equal(rows[3:90, 1], ITEMS[3:90, 1])
        np.testing.assert_array_equal(rows[:, :, 2], ITEMS[:, :, 2])
        one = rows[7:8]
        assert type(one) is np.ndarray
        np.testing.assert_array_equal(one, ITEMS[7:8])


def test_who_does_not_ask_for_it_gets_rows_that_numpy_sees(in_file: Dataset) -> None:
    rest, held_out = in_file.split(0.1, seed=3)
    for part in (rest, held_out, in_file.rows(np.arange(400))):
        assert not isinstance(part.items, SelectedRows)
        np.testing.assert_array_equal(np.asarray(part.items), np.array(list(part.items)))
        assert np.isfinite(np.asarray(part.items)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"preset": "dense", "refine": 1, "shift": 1},
        {"preset": "unet", "noise": "masking:0.2", "patience": 1},
        {"preset": "auto", "loss": "bce"},
    ],
    ids=str,
)
def test_a_model_learnt_from_a_file_is_that_of_memory(
    options: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever looks at the items sees their values: the same bytes."""
    leave_blank(monkeypatch)
    items = np.random.default_rng(2).integers(0, 256, (300, 8, 8), np.uint8)
    items[:, 2:] = items[:, :6] // 2
    np.save(tmp_path / "x.npy", items)
    files = []
    for name, most in (("memory", storage.LARGEST_IN_MEMORY), ("file", 1000)):
        monkeypatch.setattr(storage, "LARGEST_IN_MEMORY", most)
        monkeypatch.setattr("narrows.data.dataset.LARGEST_IN_MEMORY", most)
        data = load_data(str(tmp_path / "x.npy"))
        assert isinstance(data.items, FileArray) == (name == "file")
        given = {"latent": 3, "hidden": None, "epochs": 2, "seed": 0} | options
        given |= {"validation_fraction": 0.1, "random_state": 0}
        training, held_out = data.split(0.1, 0, in_place=True)
        assert isinstance(training.items, SelectedRows) == (name == "file")
        run = RunFiles(tmp_path / f"{name}.safetensors", tmp_path / name, note=lambda _: None)
        said = FitOptions(**{key: given[key] for key in given if key != "random_state"})  # type: ignore[arg-type]
        request = FitRequest(options=said, given=given, detection=True)
        fit(training, held_out, request, files=run)
        files.append((tmp_path / f"{name}.safetensors").read_bytes())
    assert files[0] == files[1]
