"""item_writer: whatever the batches, other programs read the items back; failures leave nothing."""

import contextlib
import csv
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import narrows.support.files
from helpers.optional import optional
from narrows.data import item_writer, load_data
from narrows.errors import OutputError, UsageError

pandas = optional("pandas")

BATCHES = [[7], [3, 3, 1], [1] * 7, [0, 7]]
FILES = ["items.npy", "items.npz", "items.csv", "items.parquet", "items"]


def write(path: Path, items: np.ndarray, batches: list[int], **options: list[str]) -> None:
    with item_writer(path, len(items), items.shape[1:], items.dtype, **options) as writer:
        for batch in np.split(items, np.cumsum(batches)[:-1]):
            writer.write(batch)


def random_items(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    random = np.random.default_rng(1)
    if np.dtype(dtype).kind == "f":
        return random.normal(size=shape).astype(dtype)
    return random.integers(0, 2, shape).astype(dtype)


def items_for(path: Path) -> np.ndarray:
    shape = (7, 5) if path.suffix in (".csv", ".parquet") else (7, 5, 4)
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.NPY"])
def test_arrays_come_back(tmp_path: Path, name: str, dtype: str, batches: list[int]) -> None:
    items = random_items((7, 3, 2), dtype)
    write(tmp_path / name, items, batches)
    loaded = np.load(tmp_path / name, allow_pickle=False)
    read = loaded["items"] if name == "a.npz" else loaded
    assert read.dtype == items.dtype
    np.testing.assert_array_equal(read, items)
    np.testing.assert_array_equal(load_data(tmp_path / name).items, items)


@pytest.mark.slow
@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_tables_come_back_bit_for_bit(
    tmp_path: Path, name: str, dtype: str, batches: list[int]
) -> None:
    items = random_items((7, 3), dtype)
    write(tmp_path / name, items, batches, columns=["a", "b, c", 'd"'])
    if name == "a.csv":  # pandas may miss the last bit of a float
        with (tmp_path / name).open(newline="") as file:
            columns, *rows = csv.reader(file)
        if dtype == "bool":
            rows = [[cell == "true" for cell in row] for row in rows]
        values = np.array(rows).astype(dtype)
    else:
        table = pandas.read_parquet(tmp_path / name)
        columns, values = list(table.columns), table.to_numpy()
    assert columns == ["a", "b, c", 'd"']
    np.testing.assert_array_equal(values.astype(dtype), items)


def test_npz_is_packed(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", np.zeros((1000, 10)), [1000])
    assert (tmp_path / "a.npz").stat().st_size < 4_000


def test_columns_have_names_unless_given_some(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", np.ones((7, 3)), [7])
    assert list(pandas.read_csv(tmp_path / "a.csv").columns) == ["x0", "x1", "x2"]


@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((5, 4), "uint8"), ((5, 4), "uint16"), ((5, 4, 3), "uint8"), ((5, 4, 4), "uint8")],
)
def test_images_come_back(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, batches: list[int]
) -> None:
    top = np.iinfo(dtype).max
    items = np.random.default_rng(1).integers(0, top, (7, *shape), dtype, endpoint=True)
    write(tmp_path / "images", items, batches)
    np.testing.assert_array_equal(load_data(tmp_path / "images").items, items)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_one_channel_is_grey(tmp_path: Path, dtype: str) -> None:
    items = random_items((7, 5, 4, 1), dtype)
    write(tmp_path / "images", items, [7])
    np.testing.assert_array_equal(load_data(tmp_path / "images").items, items[..., 0])


def test_images_are_numbered_in_order(tmp_path: Path) -> None:
    write(tmp_path / "images", items_for(tmp_path), [3, 4])
    names = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert names == [f"{number:06}.png" for number in range(7)]


@pytest.mark.parametrize("name", ["plain", "v1.2/"])
def test_a_folder_has_no_suffix_or_a_slash(tmp_path: Path, name: str) -> None:
    items = items_for(tmp_path)
    with item_writer(f"{tmp_path}/{name}", 7, items.shape[1:], items.dtype) as writer:
        writer.write(items)
    assert (tmp_path / name).is_dir()


@pytest.mark.parametrize("name", FILES)
def test_the_same_items_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder / name, items_for(Path(name)), [7])
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("a.xyz", (3,), "uint8"),
        ("a.png", (5, 4), "uint8"),
        ("a.csv", (5, 4), "uint8"),
        ("a.parquet", (), "uint8"),
        ("images", (5,), "uint8"),
        ("images", (5, 4, 2), "uint8"),
        ("images", (5, 4, 3), "int32"),
        ("images", (5, 4), "float32"),
    ],
)
def test_what_a_kind_cannot_hold_is_refused(
    tmp_path: Path, name: str, shape: tuple[int, ...], dtype: str
) -> None:
    with pytest.raises(UsageError) as caught, item_writer(tmp_path / name, 7, shape, dtype):
        pass
    assert caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("count", [0, 6, 8])
def test_another_number_of_items_than_announced_leaves_nothing(
    tmp_path: Path, name: str, count: int
) -> None:
    items = items_for(Path(name))
    with (
        pytest.raises(ValueError, match=r"items were written of"),
        item_writer(tmp_path / name, count, items.shape[1:], items.dtype) as writer,
    ):
        writer.write(items)
    assert not list(tmp_path.iterdir())


def test_an_item_too_many_is_refused_before_it_is_written(tmp_path: Path) -> None:
    items = items_for(tmp_path)
    with item_writer(tmp_path / "a.npy", 7, items.shape[1:], items.dtype) as writer:
        writer.write(items)
        with pytest.raises(ValueError, match="8 items were written of 7 announced"):
            writer.write(items[:1])
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), items)


@pytest.mark.parametrize("change", [lambda x: x.astype(float), lambda x: x[:, :1]])
def test_batches_of_another_dtype_or_shape_are_refused(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    items = items_for(tmp_path)
    with (
        pytest.raises(ValueError, match="was given to a writer of"),
        item_writer(tmp_path / "a.npy", 7, items.shape[1:], items.dtype) as writer,
    ):
        writer.write(change(items))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_break_half_way_leaves_nothing(
    tmp_path: Path, name: str, error: type[BaseException]
) -> None:
    items = items_for(Path(name))
    with (
        pytest.raises(error),
        item_writer(tmp_path / name, 7, items.shape[1:], items.dtype) as writer,
    ):
        writer.write(items[:3])
        raise error
    assert not list(tmp_path.iterdir())


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every temporary file, and the fourth image of a folder, the device that is full."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    beside, make_folder = narrows.support.files._beside, os.mkdir

    @contextlib.contextmanager
    def beside_on_it(target: Path) -> Iterator[Path]:
        with beside(target) as temporary:
            if target.suffix:
                temporary.symlink_to(full)
            yield temporary

    def make_folder_on_it(path: Any, *mode: int) -> None:
        make_folder(path, *mode)
        if Path(path).name == "items":
            (Path(path) / "000003.png").symlink_to(full)

    monkeypatch.setattr(narrows.support.files, "_beside", beside_on_it)
    monkeypatch.setattr(os, "mkdir", make_folder_on_it)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("count", [7, 70_000])  # fails when the file is closed; while it is written
@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, name: str, count: int) -> None:
    items = np.repeat(items_for(Path(name)), count // 7, axis=0)
    with (
        pytest.raises(OutputError, match="was not written: the disk is full") as caught,
        item_writer(tmp_path / name, count, items.shape[1:], items.dtype) as writer,
    ):
        writer.write(items)
    assert "free some space" in str(caught.value.hint)
    assert not list(tmp_path.iterdir())


def test_npy_is_streamed(tmp_path: Path) -> None:
    batch = np.zeros((1000, 1000), np.uint8)
    tracemalloc.start()
    try:
        with item_writer(tmp_path / "a.npy", 20_000, (1000,), "uint8") as writer:
            for _ in range(20):
                writer.write(batch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * batch.nbytes
