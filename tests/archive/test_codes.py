"""Codes come back from every kind of file, to the last bit."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from narrows.data import item_writer, load_codes, storage, table_writer
from narrows.data.codes import load_named_codes
from narrows.errors import DataError

LIMITS = np.finfo(np.float32)


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "parquet", "CSV", "PARQUET"])
@pytest.mark.parametrize("size", [1, 4])
def test_codes_come_back_to_the_last_bit(kind: str, size: int, tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, 4000, np.uint32).view(np.float32)
    special = [0, 1, -1, 0.1, 1 / 3, LIMITS.max, LIMITS.min, LIMITS.tiny, LIMITS.smallest_subnormal]
    values = np.concatenate([np.float32(special), bits[np.isfinite(bits)]])
    codes = values[: len(values) // size * size].reshape(-1, size)
    path = tmp_path / f"codes.{kind}"
    with item_writer(path, len(codes), (size,), "float32") as writer:
        writer.write(codes)
    found = load_codes(path)
    assert found.dtype == np.float32
    assert found.tobytes() == codes.tobytes()


def test_a_table_of_whole_numbers_is_one_of_codes(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("a,b\n1,2.5\n0,4\n")
    np.testing.assert_array_equal(load_codes(path), [[1, 2.5], [0, 4]])


def test_a_first_line_of_codes_is_no_names(tmp_path: Path) -> None:
    path, codes = tmp_path / "codes.csv", np.random.default_rng(0).normal(size=(5, 3))
    np.savetxt(path, codes, delimiter=",")
    with pytest.raises(DataError, match="no line of column names"):
        load_codes(path)
    # as pandas names columns that have no names of their own
    np.savetxt(path, codes, delimiter=",", header="0,1,2", comments="")
    np.testing.assert_array_equal(load_codes(path), codes.astype(np.float32))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_numbered_columns_may_stand_in_any_order(kind: str, tmp_path: Path) -> None:
    path, codes = tmp_path / f"codes.{kind}", np.arange(24, dtype=np.float32).reshape(2, 12)
    columns = {f"code_{at}": codes[:, at] for at in range(12)} | {"file": ["b.png", "a.png"]}
    table = pa.table(columns).select(sorted(columns))
    with table_writer(path, table.schema) as writer:
        writer(table)
    found, names = load_named_codes(path)
    np.testing.assert_array_equal(found, codes)
    assert names == ("b.png", "a.png")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_names_of_images_come_with_their_codes(kind: str, tmp_path: Path) -> None:
    path, names = tmp_path / f"codes.{kind}", ("cat/1.png", "stack.tif#2")
    with item_writer(path, 2, (3,), "float32", files=names) as writer:
        writer.write(np.zeros((2, 3), np.float32))
    codes, found = load_named_codes(path)
    assert codes.shape == load_codes(path).shape == (2, 3) and found == names
    np.save(tmp_path / "codes.npy", codes)
    assert load_named_codes(tmp_path / "codes.npy")[1] is None


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_whatever_names_a_row_is_no_obstacle_to_its_codes(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"codes.{kind}"
    columns = (["a/../../b.png", "/c.png"], [7, 8], [datetime.date(2024, 1, 2), None])
    for column in columns:
        with table_writer(path, pa.schema([("file", pa.array(column).type), ("x", "float")])) as to:
            to(pa.table({"file": column, "x": pa.array([1.5, 2], "float")}))
        codes, names = load_named_codes(path)
        assert names == tuple("" if each is None else str(each) for each in column)
        np.testing.assert_array_equal(codes, [[1.5], [2]])
        np.testing.assert_array_equal(load_codes(path), codes)


def test_large_arrays_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "codes.npy", np.zeros((3, 2), np.float32))
    monkeypatch.setattr(storage, "LARGEST_IN_MEMORY", 1)
    assert isinstance(load_codes(tmp_path / "codes.npy"), np.memmap)
