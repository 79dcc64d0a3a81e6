"""Inputs that change while they are read: said in one sentence, and no result is left of them."""

import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from helpers.codes_cases import blots
from helpers.command_line import Command, contents, done, failed
from helpers.optional import optional
from narrows.archive import compress, open_archive
from narrows.archive.tables.text.records import RawCsv
from narrows.data import load_codes, load_data, storage
from narrows.data.arrays import read_npy
from narrows.data.file_arrays import FileArray, _File, loaded
from narrows.data.idx import idx_header, read_idx
from narrows.data.image_folder import FolderImages
from narrows.data.image_options import ImageOptions
from narrows.data.image_reading import read_pictures
from narrows.data.tables.reading import CsvTable, open_table
from narrows.errors import ArchiveError, DataError, ModelFileError
from narrows.model.file import load_model
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.support.inputs import unchanged
from narrows.tasks.fit_plan import fit_plan

pd = optional("pandas")

RANDOM = np.random.default_rng(7)

Change = Callable[[Path], None]


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"x")
    os.utime(path, ns=(0, 0))  # however coarse the clock is


def replace(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy2(path, other)
    other.replace(path)


def remove(path: Path) -> None:
    path.unlink()


CHANGES = [shrink, empty, grow, rewrite, replace, remove]
#: What is told also of a file that stays open.
WITHIN = CHANGES[:4]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_is_the_same_before_and_after(tmp_path: Path, change: Change) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(100))
    with pytest.raises(DataError, match=r"the input .*a changed while it was read: "):  # noqa: SIM117
        with unchanged(path):
            change(path)
    path.write_bytes(bytes(7))
    with pytest.raises(ArchiveError, match="changed while it was read") as told:  # noqa: SIM117
        with unchanged(tmp_path / "a", ArchiveError):
            path.write_bytes(bytes(9))
            raise ValueError("what the change led to")
    assert isinstance(told.value.__cause__, ValueError)
    with unchanged(tmp_path / "none"), unchanged(tmp_path), unchanged("/dev/null"):
        pass


@pytest.fixture
def file_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of any size are read row by row, and what is mapped holds other values: nothing may
    take it from there."""
    monkeypatch.setattr(storage, "LARGEST_IN_MEMORY", 1)
    of = FileArray.of

    def elsewhere(mapped: np.ndarray, *where: object) -> np.ndarray:
        other = np.broadcast_to(np.asarray(77, mapped.dtype), mapped.shape)
        return of(other, *where)  # type: ignore[arg-type]

    monkeypatch.setattr(FileArray, "of", staticmethod(elsewhere))


@pytest.mark.usefixtures("file_arrays")
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", ">i2", "f8", "?"])
def test_rows_of_a_file_are_those_of_the_array(tmp_path: Path, dtype: str, order: str) -> None:
    X = np.asarray(RANDOM.integers(0, 2, (50, 3, 2)) * 5, dtype, order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "x.npy", X)
    found = read_npy(tmp_path / "x.npy")
    assert isinstance(found, FileArray) == (order == "C")
    assert found.shape == X.shape and found.dtype == X.dtype and not found.flags.writeable
    keys = [
        *(0, -1, np.int64(3), slice(None), slice(4, 20), slice(-3, None), slice(40, 2, -7)),
        *(slice(5, 5), np.arange(50)[::-1], np.array([3, 3, 4, 5, -1]), [1, 2], np.zeros(0, int)),
        *(np.arange(12).reshape(3, 4), RANDOM.random(50) < 0.3),
        *((0, 1), (slice(2, 9), 1), (slice(None), slice(0, 2), 1), (5, slice(None), 0)),
    ]
    for key in keys:
        assert type(found[key]) is type(X[key]) or order == "F"
        np.testing.assert_array_equal(found[key], X[key], str(key))
    np.testing.assert_array_equal(np.stack(list(found)), X)
    np.testing.assert_array_equal(found.reshape(50, 6)[7:9], X.reshape(50, 6)[7:9])
    np.testing.assert_array_equal(found.reshape(-1)[100:107], X.reshape(-1)[100:107])
    np.testing.assert_array_equal(loaded(found), X)
    with pytest.raises(IndexError):
        found[50]
    native = load_data(tmp_path / "x.npy").items
    assert native.dtype.isnative
    np.testing.assert_array_equal(native[:], X)


def test_a_slice_of_much_is_read_later(tmp_path: Path) -> None:
    rows = 70 << 10
    with (tmp_path / "x.idx3-ubyte").open("wb") as file:
        file.write(idx_header((rows, 32, 32), np.dtype("u1")))
        file.truncate(file.tell() + (rows << 10))
        file.seek(-5, os.SEEK_END)
        file.write(b"abcde")
    found = read_idx(tmp_path / "x.idx3-ubyte")
    some = found[10:]
    assert isinstance(found, FileArray) and isinstance(some, FileArray)
    assert some[-1, -1, -5:].tobytes() == some[rows - 11][-1, -5:].tobytes() == b"abcde"
    assert found[:, -1, -1].sum() == ord("e")
    empty(tmp_path / "x.idx3-ubyte")
    with pytest.raises(DataError, match="changed while it was read: it held "):
        some[5]


@pytest.mark.usefixtures("file_arrays")
@pytest.mark.parametrize("change", WITHIN)
def test_an_array_whose_file_changes_is_refused(tmp_path: Path, change: Change) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1000, 8)))
    items = load_data(tmp_path / "x.npy").items
    assert items[999].shape == (8,)
    change(tmp_path / "x.npy")
    for key in (0, slice(0, 2), [5, 999], slice(None)):
        with pytest.raises(DataError, match="changed while it was read"):
            items[key]


@pytest.mark.usefixtures("file_arrays")
def test_training_on_a_file_is_training_on_its_array(tmp_path: Path) -> None:
    X = blots().items
    np.save(tmp_path / "x.npy", X)
    data, options = (
        load_data(tmp_path / "x.npy"),
        FitOptions(preset="dense", latent=3, epochs=2, refine=0),
    )
    assert isinstance(data.items, FileArray)
    ours, theirs = (fit_plan(each, each, make_plan(each, options)) for each in (data, load_data(X)))
    for name, array in theirs.trained.model.arrays.items():
        np.testing.assert_array_equal(ours.trained.model.arrays[name], array)
    assert ours.history[-1]["val_loss"] == theirs.history[-1]["val_loss"]


@pytest.mark.slow
@pytest.mark.usefixtures("file_arrays")
def test_commands_do_with_a_file_what_they_do_with_its_array(
    narrows: Command, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = load_data("digits").items[:300]
    results = []
    for name, largest in (("rows", 1), ("memory", 1 << 30)):
        monkeypatch.setattr(storage, "LARGEST_IN_MEMORY", largest)
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        np.save("x.npy", X)
        done(narrows("compress", "x.npy", "--out", "x.nrw", "--max-error", "1%"))
        done(narrows("verify", "x.nrw", "--against", "x.npy"))
        done(narrows("encode", model_file, "x.npy", "--out", "z.npy"))
        done(narrows("reconstruct", model_file, "x.npy", "--out", "y.npy"))
        shown = done(narrows("evaluate", model_file, "x.npy", "--json")).out
        found = done(narrows("detect", model_file, "x.npy", "--out", "odd.csv", "--json")).out
        results.append((contents(folder), shown, found))
    assert results[0] == results[1]


COMMANDS = {
    "compress": ("compress", "x.npy", "--out", "x.nrw"),
    "verify": ("verify", "there.nrw", "--against", "x.npy"),
    "encode": ("encode", "digits.safetensors", "x.npy", "--out", "z.npy"),
    "reconstruct": ("reconstruct", "digits.safetensors", "x.npy", "--out", "y/"),
    "evaluate": ("evaluate", "digits.safetensors", "x.npy"),
    "detect": ("detect", "digits.safetensors", "x.npy", "--out", "odd.csv"),
    "denoise": ("denoise", "digits.safetensors", "x.npy", "--out", "y.npy"),
    "fit": ("fit", "x.npy", "--validation", "0", "--epochs", "2", "--out", "m.safetensors"),
}


@pytest.mark.slow
@pytest.mark.usefixtures("file_arrays")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_whose_input_shrinks_says_so_and_leaves_nothing(
    narrows: Command,
    model_file: Path,
    tmp_path: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X = load_data("digits").items[:100]
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    Path("there.nrw").write_bytes(compress(X, effort="fast"))
    shutil.copy(model_file, "digits.safetensors")
    before, read = contents(tmp_path), _File.read_runs

    def shrinking(*arguments: object) -> None:
        if Path("x.npy").stat().st_size > X.nbytes:
            shrink(Path("x.npy"))
        read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(_File, "read_runs", shrinking)
    failed(narrows(*COMMANDS[command]), 1, "x.npy changed while it was read: it held ")
    assert contents(tmp_path).keys() == before.keys()


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_table_is_the_same_in_every_pass(tmp_path: Path, name: str, change: Change) -> None:
    frame = pd.DataFrame({"a": np.arange(300.0), "b": RANDOM.choice(list("xyz"), 300)})
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    table = open_table(path)
    assert sum(batch.num_rows for batch in table.batches()) == 300
    change(path)
    with pytest.raises(DataError, match="changed while it was read"):
        list(table.batches())


def test_the_text_of_a_table_is_the_same_in_every_pass(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,x\n2,y\n" * 100, encoding="utf-8")
    raw = RawCsv(CsvTable(path))
    assert len(list(raw.rows())) == 1
    for change in (grow, rewrite):
        change(path)
        with pytest.raises(DataError, match="changed while it was read"):
            list(raw.rows())


@pytest.mark.parametrize("change", WITHIN)
def test_an_archive_that_changes_is_not_called_damaged(tmp_path: Path, change: Change) -> None:
    path = tmp_path / "x.nrw"
    path.write_bytes(compress(RANDOM.integers(0, 9, (500, 4)).astype(np.uint8), effort="fast"))
    with open_archive(path) as archive:
        change(path)
        with pytest.raises(ArchiveError, match="changed while it was read"):
            archive.read()


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_file_that_changes_is_not_called_damaged(
    model_file: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(content: bytes) -> object:
        change(model_file)
        return load(content)

    load = safetensors.numpy.load
    monkeypatch.setattr(safetensors.numpy, "load", changing)
    with pytest.raises(ModelFileError, match="changed while it was read"):
        load_model(model_file)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["a.bmp", "a.png", "a.tif"])  # of which Pillow maps the first
def test_an_image_that_changes_is_not_called_damaged(
    tmp_path: Path, name: str, change: Change
) -> None:
    frames = [Image.fromarray(RANDOM.integers(0, 255, (9, 9), np.uint8)) for _ in range(3)]
    path = tmp_path / name
    more = {"save_all": True, "append_images": frames[1:]} if name == "a.tif" else {}
    frames[0].save(path, **more)
    images = FolderImages(tmp_path, ImageOptions())
    assert images[0].shape == (9, 9)
    change(path)
    with pytest.raises(DataError, match="changed while it was read"):
        for image in images:
            assert image.shape == (9, 9)
    if name == "a.tif" and change in WITHIN:
        frames[0].save(path, **more)
        pictures = read_pictures(path)
        next(pictures)
        change(path)
        with pytest.raises(DataError, match="changed while it was read"):
            list(pictures)


@pytest.mark.parametrize("name", ["a.npz", "z.csv"])
def test_other_files_are_looked_at_before_and_after(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, codes = tmp_path / name, np.ones((3, 2), np.float32)
    np.savez(path, codes) if name == "a.npz" else path.write_text("a,b\n1,2\n", encoding="utf-8")
    assert load_codes(path).shape[1] == 2
    module, reader = ("narrows.data.sources", "read_npz") if name == "a.npz" else CSV_READER
    read = getattr(importlib.import_module(module), reader)

    def changing(*arguments: object, **more: object) -> object:
        found = read(*arguments, **more)
        grow(path)
        return found

    monkeypatch.setattr(f"{module}.{reader}", changing)
    with pytest.raises(DataError, match="changed while it was read"):
        load_codes(path)


CSV_READER = ("pyarrow.csv", "read_csv")
