"""Items of a large file are encoded in parts, of which one can be read while another goes through
the model, in the order of the file."""

import threading
from pathlib import Path

import numpy as np
import pytest

from narrows import Autoencoder, load_data
from narrows.data import storage
from narrows.data.file_arrays import FileArray
from narrows.model.use import TrainedAutoencoder

ITEMS = np.random.default_rng(0).normal(size=(500, 12)).astype(np.float32)


@pytest.fixture
def model() -> TrainedAutoencoder:
    fitted = Autoencoder(3, hidden=[8], preset="simple", epochs=1, refine=0, random_state=0)
    return TrainedAutoencoder(fitted.fit(ITEMS).model_)


@pytest.fixture
def in_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileArray:
    monkeypatch.setattr(storage, "LARGEST_IN_MEMORY", 100)
    monkeypatch.setattr("narrows.support.chunks.CHUNK_VALUES", 600)  # 10 parts of 50 rows
    np.save(tmp_path / "x.npy", ITEMS)
    items = load_data(str(tmp_path / "x.npy")).items
    assert isinstance(items, FileArray)
    return items


class Recording:
    """A runner that gives the first values of items as codes, and remembers who called it."""

    def __init__(self, calls_at_once: int, meeting: threading.Barrier | None = None) -> None:
        self.calls_at_once, self.callers = calls_at_once, list[int]()
        self._meeting = meeting

    def encode(self, items: np.ndarray) -> np.ndarray:
        self.callers.append(threading.get_ident())
        if self._meeting is not None:
            self._meeting.wait(timeout=60)  # for the other call, or a BrokenBarrierError
        return items[:, :3]


def test_codes_of_a_file_are_those_of_memory(model: TrainedAutoencoder, in_file: FileArray) -> None:
    expected = np.concatenate([model.encode(part) for part in np.split(ITEMS, 10)])
    np.testing.assert_array_equal(model.encode(in_file), expected)
    parts = list(model.encode_in_parts(in_file))
    assert [part.shape for part in parts] == [(50, 3)] * 10
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_two_parts_at_once_come_in_order(
    model: TrainedAutoencoder, in_file: FileArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.model.use.usable_cores", lambda: 8)
    model._runner = Recording(2, threading.Barrier(2))  # each call waits for another
    np.testing.assert_array_equal(model.encode(in_file), ITEMS[:, :3])
    assert len(model._runner.callers) == 10


@pytest.mark.parametrize(("calls", "cores"), [(1, 8), (2, 1)])
def test_an_engine_that_takes_no_two_calls_gets_one_after_the_other(
    model: TrainedAutoencoder,
    in_file: FileArray,
    monkeypatch: pytest.MonkeyPatch,
    calls: int,
    cores: int,
) -> None:
    monkeypatch.setattr("narrows.model.use.usable_cores", lambda: cores)
    model._runner = runner = Recording(calls)
    np.testing.assert_array_equal(model.encode(in_file), ITEMS[:, :3])
    assert runner.callers == [threading.get_ident()] * 10


def test_items_in_memory_are_encoded_by_the_caller(model: TrainedAutoencoder) -> None:
    model._runner = runner = Recording(2)
    np.testing.assert_array_equal(np.concatenate(list(model.encode_in_parts(ITEMS))), ITEMS[:, :3])
    assert set(runner.callers) == {threading.get_ident()}
