"""What is trained and validated on, by what the user says."""

import struct
from pathlib import Path

import numpy as np
import pytest

from narrows.errors import DataError
from narrows.tasks.training_data import load_for_training


def write_idx(path: Path, values: np.ndarray) -> None:
    sizes = struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes())


def test_labels_that_are_no_good_keep_nobody_from_learning(tmp_path: Path) -> None:
    images = tmp_path / "train-images-idx3-ubyte"
    write_idx(images, np.arange(60, dtype=np.uint8).reshape(5, 3, 4))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(4, np.uint8))
    data, _ = load_for_training(str(images), "0")
    assert data.labels is None and len(data) == 5
    assert [note for note in data.notes if "labels" in note and "are left out" in note]
    images.write_bytes(images.read_bytes()[:20])
    with pytest.raises(DataError):
        load_for_training(str(images), "0")
