"""Bad input: one sentence and a hint, the right exit code, and not a file more than before."""

import gzip
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.command_line import Command, Outcome, command, contents
from narrows import Dataset
from narrows.data.mnist import FILES
from narrows.errors import ModelFileError
from narrows.support.tensor_file import read_tensors, write_tensors

WORK_FAILED, WRONG_USAGE = 1, 2


@pytest.fixture
def narrows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs a command line in an empty folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return command(capsys)


def assert_refused(outcome: Outcome, code: int, *words: str) -> None:
    """The error is the last thing said: one sentence with ``words`` in it, then a hint."""
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    *said, hint = outcome.err.splitlines()
    assert hint.startswith("hint: "), outcome.err
    *before, error = said
    assert error.startswith("error: ")
    assert not any(line.startswith(("error", "hint", "Traceback")) for line in before)
    for word in words:
        assert word in error, error


# Data that fit cannot learn from: what is written, and what must be said of it.


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


class Intruder:
    """Unpickling it leaves a file."""

    def __reduce__(self) -> tuple:
        return (os.mkdir, ("unpickled",))


def with_value(value: float) -> np.ndarray:
    array = np.zeros((30, 4))
    array[7, 2] = array[9, 1] = value
    return array


IMAGES = np.zeros((5, 6, 7), np.uint8)
TERABYTE = bytes([0, 0, 8, 3]) + np.array([10_000, 10_000, 10_000], ">u4").tobytes()
ARRAYS = {
    "objects.npy": (np.array([[Intruder()]] * 4), ["Python objects"]),
    "text.npy": (np.array([["a", "b"]] * 4), ["<U1"]),
    "complex.npy": (np.zeros((9, 2), complex), ["complex128"]),
    "nan.npy": (with_value(np.nan), ["2 NaN", "0 infinite", "index (7, 2)"]),
    "infinite.npy": (with_value(-np.inf), ["0 NaN", "2 infinite", "index (7, 2)"]),
    "empty.npy": (np.zeros((0, 4)), ["empty", "(0, 4)"]),
    "no-values.npy": (np.zeros((4, 0)), ["empty", "(4, 0)"]),
    "one-row.npy": (np.zeros((1, 4)), ["1 row", "2 are needed"]),
    "numbers.npy": (np.zeros(9), ["(9,)", "2 dimensions"]),
}
FILES_OF_BYTES = {
    "not-ubyte": (b"GIF89a", ["not an IDX file", "47 49 46 38"]),
    "nothing-ubyte": (b"", ["not an IDX file", "(none)"]),
    "head-ubyte": (idx(IMAGES)[:9], ["IDX header", "16 bytes"]),
    "short-ubyte": (idx(IMAGES)[:-1], ["promises 210 bytes", "holds 209"]),
    "long-ubyte": (idx(IMAGES) + b"\0", ["promises 210 bytes", "211"]),
    "short-ubyte.gz": (gzip.compress(idx(IMAGES)[:-1]), ["promises 210 bytes", "holds 209"]),
    "long-ubyte.gz": (gzip.compress(idx(IMAGES) + b"\0"), ["promises 210 bytes", "211"]),
    "cut-ubyte.gz": (gzip.compress(idx(IMAGES))[:-9], ["damaged gzip"]),
    "huge-ubyte": (TERABYTE, ["promises 1,000,000,000,000 bytes", "holds 0"]),
    "huge-ubyte.gz": (gzip.compress(TERABYTE), ["promises 1,000,000,000,000 bytes"]),
    "none-ubyte": (idx(IMAGES[:0]), ["empty", "(0, 6, 7)"]),
    "cut.npy": (b"\x93NUMPY\x01\x00", ["not an .npy array"]),
    "cut.npz": (b"PK\x03\x04", ["not an .npz file"]),
    "words.doc": (b"some words", ["not a kind of data"]),
    "table.xlsx": (b"a,b\n1,2\n", ["not a kind of data"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_that_nothing_can_be_learnt_from(name: str, narrows: Command) -> None:
    array, words = ARRAYS[name]
    np.save(name, array, allow_pickle=True)
    before = contents(Path())
    assert_refused(narrows("fit", name, "--out", "m.safetensors"), WORK_FAILED, name, *words)
    assert contents(Path()) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES_OF_BYTES)
def test_a_file_that_nothing_can_be_learnt_from(name: str, narrows: Command) -> None:
    content, words = FILES_OF_BYTES[name]
    Path(name).write_bytes(content)
    before = contents(Path())
    assert_refused(narrows("fit", name, "--out", "m.safetensors"), WORK_FAILED, name, *words)
    assert contents(Path()) == before


def test_a_pickle_in_an_npz_file_is_never_opened(narrows: Command) -> None:
    np.savez("objects.npz", x=np.array([Intruder()] * 3))
    Path("pickle.npy").write_bytes(pickle.dumps(Intruder()))
    before = contents(Path())
    for name in ("objects.npz", "pickle.npy"):
        assert_refused(narrows("fit", name, "--out", "m.safetensors"), WORK_FAILED, name)
    assert contents(Path()) == before


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["holds no image"]),
        ({"notes.txt": None}, ["holds no image"]),
        ({"a.png": (8, 8), "b.png": (8, 8), "c.png": (8, 9), "d.png": (1, 1)}, ["c.png", "9 x 8"]),
        ({"a.png": (8, 8), "b.png": (8, 8, 3)}, ["b.png", "RGB"]),
        ({"a.png": (8, 8), "b.png": None}, ["b.png", "damaged"]),
    ],
    ids=["empty", "no images", "sizes", "colours", "damaged"],
)
def test_a_folder_that_nothing_can_be_learnt_from(
    files: dict[str, tuple[int, ...] | None], words: list[str], narrows: Command
) -> None:
    Path("folder").mkdir()
    for name, shape in files.items():
        path = Path("folder", name)
        if shape is None:
            path.write_bytes(b"no image")
        else:
            Image.fromarray(np.zeros(shape, np.uint8)).save(path)
    before = contents(Path())
    refused = narrows("fit", "folder", "--out", "m.safetensors")
    assert_refused(refused, WORK_FAILED, "folder", *words)
    assert contents(Path()) == before


def test_a_source_that_is_not_there(narrows: Command) -> None:
    for name in ("missing.npy", "folder/missing", "minst"):
        refused = narrows("fit", name, "--out", "m.safetensors")
        assert_refused(refused, WORK_FAILED, "no file or folder", name)
    assert refused.err.endswith("hint: did you mean mnist?\n")
    assert contents(Path()) == {}


def test_mnist_with_a_wrong_checksum(narrows: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARROWS_DATA", str(Path().resolve()))
    Path("mnist").mkdir()
    for name in (*FILES["train"], *FILES["test"]):
        Path("mnist", name).write_bytes(idx(IMAGES))
    before = contents(Path())
    refused = narrows("fit", "mnist", "--out", "m.safetensors")
    assert_refused(refused, WORK_FAILED, "train-images-idx3-ubyte", "SHA-256")
    assert contents(Path()) == before


# Options outside their limits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--latent", "0"], ["latent size of 0", "1 to 64"]),
        (["--latent", "65"], ["latent size of 65", "1 to 64"]),
        (["--latent", "-1"], ["latent size of -1"]),
        (["--latent", "many"], ["--latent"]),
        (["--hidden", "100;50"], ["--hidden 100;50"]),
        (["--hidden", "100,0"], ["--hidden 100,0"]),
        (["--hidden", "-5"], ["--hidden -5"]),
        (["--epochs", "0"], ["epochs is 0"]),
        (["--epochs", "1.5"], ["--epochs"]),
        (["--batch-size", "0"], ["batch size is 0"]),
        (["--learning-rate", "0"], ["learning rate is 0"]),
        (["--learning-rate", "nan"], ["learning rate is nan"]),
        (["--patience", "0"], ["patience is 0"]),
        (["--seed", "-1"], ["seed is -1"]),
        (["--checkpoint-seconds", "-1"], ["--checkpoint-seconds is -1"]),
        (["--checkpoint-seconds", "nan"], ["--checkpoint-seconds is nan"]),
        (["--loss", "l3"], ["'l3'"]),
        (["--loss", "huber:0"], ["'huber:0'"]),
        (["--preset", "complex"], ["'complex'"]),
        (["--validation", "1"], ["--validation 1"]),
        (["--validation", "-0.1"], ["--validation -0.1"]),
        (["--validation", "nan"], ["--validation nan"]),
        (["--spec", "missing.toml"], ["missing.toml"]),
        (["--spec", "words.toml"], ["words.toml"]),
        (["--spec", "dense.toml"], ["dense", "(8, 8)"]),
        (["--spec", "flat.toml", "--latent", "4"], ["flat.toml", "--latent"]),
        (["--spec", "flat.toml", "--loss", "bce"], ["bce", "flat.toml", "linear"]),
        (["--no-such-option"], ["--no-such-option"]),
        (["more", "data"], ["more"]),
    ],
    ids=" ".join,
)
def test_an_option_outside_its_limits(
    options: list[str], words: list[str], narrows: Command
) -> None:
    Path("words.toml").write_text("some words", encoding="utf-8")
    Path("dense.toml").write_text('encoder = [{ block = "dense", units = 3 }]', encoding="utf-8")
    Path("flat.toml").write_text(
        'encoder = [{ block = "flatten" }, { block = "dense", units = 3 }]', encoding="utf-8"
    )
    before = contents(Path())
    refused = narrows("fit", "digits", *options, "--out", "m.safetensors")
    assert_refused(refused, WRONG_USAGE, *words)
    assert contents(Path()) == before


@pytest.mark.parametrize(
    "line", [["fit", "digits"], ["fit"], ["summary"], ["teach"], ["--verbose"], ["encode", "m"]],
    ids=" ".join,
)  # fmt: skip
def test_a_line_that_is_none(line: list[str], narrows: Command) -> None:
    assert_refused(narrows(*line), WRONG_USAGE)
    assert contents(Path()) == {}


def test_validation_data_that_are_none(narrows: Command) -> None:
    np.save("pairs.npy", np.zeros((9, 2)))
    before = contents(Path())
    for validation, words in [("missing.npy", ["missing.npy"]), ("pairs.npy", ["(2,)", "(8, 8)"])]:
        refused = narrows("fit", "digits", "--validation", validation, "--out", "m.safetensors")
        assert_refused(refused, WORK_FAILED, *words)
    assert contents(Path()) == before


# Models and what they are given


def damaged(path: Path) -> list[str]:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return ["is damaged", "checksum"]


def cut_short(path: Path) -> list[str]:
    path.write_bytes(path.read_bytes()[:-100])
    return ["is damaged"]


def newer(path: Path) -> list[str]:
    arrays, entry = read_tensors(path)
    write_tensors(path, arrays, {**entry, "model": 99})
    return ["model format 99", "reads up to"]


def not_ours(path: Path) -> list[str]:
    path.write_bytes(b"GIF89a" * 50)
    return ["not a safetensors file"]


def missing(path: Path) -> list[str]:
    path.unlink()
    return ["cannot be read: No such file"]


def a_folder(path: Path) -> list[str]:
    path.unlink()
    path.mkdir()
    return ["cannot be read: Is a directory"]


def a_checkpoint(path: Path) -> list[str]:
    write_tensors(path, {}, {"checkpoint": 1})
    return ["not a narrows model"]


def line_of(name: str, model: object) -> list[object]:
    """A command line that uses ``model``."""
    rest = {"summary": [], "evaluate": ["digits"], "decode": ["codes.npy", "--out", "out.npy"]}
    return [name, model, *rest.get(name, ["digits", "--out", "out.npy"])]


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil", [damaged, cut_short, newer, not_ours, missing, a_folder, a_checkpoint]
)
@pytest.mark.parametrize("name", ["summary", "evaluate", "encode", "decode", "reconstruct"])
def test_a_model_file_that_is_none(
    name: str, spoil: Callable[[Path], list[str]], narrows: Command, model_file: Path
) -> None:
    np.save("codes.npy", np.zeros((5, 4), np.float32))
    words = spoil(model_file)
    refused = narrows(*line_of(name, model_file))
    assert_refused(refused, WORK_FAILED, str(model_file), *words)
    assert contents(Path()).keys() == {"codes.npy"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["evaluate", "encode", "reconstruct"])
@pytest.mark.parametrize("shape", [(9, 63), (9, 8, 9), (9, 8, 8, 3)])
def test_items_that_the_model_was_not_trained_on(
    name: str, shape: tuple[int, ...], narrows: Command, model_file: Path
) -> None:
    np.save("others.npy", np.zeros(shape))
    line = [word if word != "digits" else "others.npy" for word in line_of(name, model_file)]
    refused = narrows(*line)
    assert_refused(refused, WORK_FAILED, str(shape[1:]), "(8, 8)")
    assert contents(Path()).keys() == {"others.npy"}


NO_CODES = {
    "wide.npy": (np.zeros((5, 3)), ["(5, 3)", "4 numbers"]),
    "images.npy": (np.zeros((5, 2, 2)), ["(5, 2, 2)"]),
    "nan.npy": (np.full((5, 4), np.nan), ["20 NaN"]),
    "objects.npy": (np.array([[Intruder()] * 4]), ["Python objects"]),
    "words.txt": (b"some words", ["not a file of codes"]),
    "nothing.csv": (b"", ["cannot be read as a table"]),
    "header.csv": (b"a,b,c,d\n", []),
    "words.csv": (b"a,b,c,d\n1,2,3,four\n", ["cannot be read as a table"]),
    "ragged.csv": (b"a,b,c,d\n1,2,3,4\n1,2\n", ["cannot be read as a table"]),
    "gap.csv": (b"a,b,c,d\n1,2,3,4\n1,,3,4\n", ["1 NaN", "index (1, 1)"]),
    "dates.csv": (b"a,b,c,d\n1,2,3,2020-01-01\n", ["cannot be read as a table"]),
    "few.csv": (b"a,b\n1,2\n", ["(1, 2)", "4 numbers"]),
    "cut.parquet": (b"PAR1", ["cannot be read as a table"]),
    "missing.npy": (None, ["missing.npy"]),
    "missing.csv": (None, ["cannot be read as a table"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NO_CODES)
def test_codes_that_are_none(name: str, narrows: Command, model_file: Path) -> None:
    content, words = NO_CODES[name]
    if isinstance(content, bytes):
        Path(name).write_bytes(content)
    elif content is not None:
        np.save(name, content, allow_pickle=True)
    before = contents(Path())
    refused = narrows("decode", model_file, name, "--out", "out.npy")
    assert_refused(refused, WORK_FAILED, *words)
    assert contents(Path()) == before


# Where results cannot go


@pytest.mark.slow
@pytest.mark.parametrize("name", ["encode", "decode", "reconstruct"])
@pytest.mark.parametrize(
    ("out", "code", "words"),
    [
        ("out.jpg", WRONG_USAGE, [".jpg"]),
        ("folder.npy", WORK_FAILED, ["folder.npy is a folder"]),
        ("file/out.npy", WORK_FAILED, ["file/out.npy", "cannot be written"]),
    ],
)
def test_a_result_that_cannot_be_written(
    name: str, out: str, code: int, words: list[str], narrows: Command, model_file: Path
) -> None:
    np.save("codes.npy", np.zeros((5, 4), np.float32))
    Path("folder.npy").mkdir()
    Path("file").write_text("a file", encoding="utf-8")
    before = contents(Path())
    line = [word if word != "out.npy" else out for word in line_of(name, model_file)]
    assert_refused(narrows(*line), code, *words)
    assert contents(Path()) == before


@pytest.mark.parametrize("out", ["folder", "file/m.safetensors"])
def test_a_model_that_could_not_be_written_is_not_trained(out: str, narrows: Command) -> None:
    Path("folder").mkdir()
    Path("file").write_text("a file", encoding="utf-8")
    before = contents(Path())
    refused = narrows("fit", "digits", "--epochs", "1000000", "--out", out)
    assert_refused(refused, WORK_FAILED, out)
    assert contents(Path()) == before


def test_codes_need_a_kind_of_file(narrows: Command, model_file: Path) -> None:
    refused = narrows("encode", model_file, "digits", "--out", "codes")
    assert_refused(refused, WRONG_USAGE, "codes does not say what kind of file")
    assert contents(Path()) == {}


def test_a_folder_with_something_in_it_is_left_alone(narrows: Command, model_file: Path) -> None:
    Path("pictures").mkdir()
    Path("pictures/mine.txt").write_text("mine", encoding="utf-8")
    before = contents(Path())
    refused = narrows("reconstruct", model_file, "digits", "--out", "pictures")
    assert_refused(refused, WORK_FAILED, "pictures", "not an empty folder")
    assert contents(Path()) == before


@pytest.mark.slow
def test_what_is_no_image_makes_no_picture(narrows: Command) -> None:
    np.save("rows.npy", np.random.default_rng(0).random((30, 6)))
    narrows("fit", "rows.npy", "--epochs", 1, "--out", "m.safetensors")
    before = contents(Path())
    refused = narrows("reconstruct", "m.safetensors", "rows.npy", "--out", "pictures")
    assert_refused(refused, WRONG_USAGE, "pictures", "(6,)")
    assert contents(Path()) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fit", "encode", "decode", "reconstruct"])
def test_a_full_disk_leaves_what_was_there(
    name: str,
    narrows: Command,
    model_file: Path,
    digits: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    np.save("codes.npy", np.zeros((5, 4), np.float32))
    Path("out.npy").write_text("the old file", encoding="utf-8")
    before = {path: content for path, content in contents(Path()).items() if content is not None}

    def full(handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    fit = ("fit", "digits", "--preset", "simple", "--epochs", 1, "--out", "out.npy")
    line = line_of(name, model_file) if name != "fit" else fit
    assert_refused(narrows(*line), WORK_FAILED, "not written: the disk is full")
    after = {path: content for path, content in contents(Path()).items() if content is not None}
    assert after == before


# What people and programmers see


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_explodes(narrows: Command) -> None:
    refused = narrows("fit", "digits", "--learning-rate", "1e30", "--out", "m.safetensors")
    assert_refused(refused, WORK_FAILED, "epoch 1, step 2")
    assert not Path("m.safetensors").exists()


def test_debug_shows_where_an_error_came_from(narrows: Command) -> None:
    with pytest.raises(ModelFileError):
        narrows("summary", "missing.safetensors", "--debug")
    with pytest.raises(ModelFileError):
        narrows("--debug", "summary", "missing.safetensors")


def test_a_fault_of_the_program_is_said_to_be_one(
    narrows: Command, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(spec: object) -> str:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("narrows.nn.summary.summary_text", fault)
    refused = narrows("summary", model_file)
    assert_refused(refused, WORK_FAILED, "where it should not", "ZeroDivisionError")
    assert "--debug" in refused.err
