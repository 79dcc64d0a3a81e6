"""The program: what each command does, prints where, and leaves."""

import gzip
import json
import os
import sys
import tracemalloc
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.command_line import (
    PICTURES,
    Command,
    Outcome,
    compared_briefly,
    contents,
    done,
    failed,
    start,
)
from narrows import Autoencoder, Dataset, __version__
from narrows.errors import DataError
from narrows.model.file import load_model

# The model that needs no looking at the data, for what is the same for all models.
SIMPLE = ("--preset", "simple", "--no-detection")
COMMANDS = ["demo", "compare", "fit", "summary", "evaluate", "encode", "decode", "reconstruct"]
COMMANDS += ["denoise", "generate", "detect", "compress", "decompress", "verify", "info"]


@pytest.fixture
def items_file(digits: Dataset, tmp_path: Path) -> Path:
    np.save(tmp_path / "items.npy", digits.items[:200])
    return tmp_path / "items.npy"


def read_json(outcome: Outcome) -> Any:
    """Standard output, which must be one line of JSON and nothing else."""
    assert outcome.out.count("\n") == 1
    return json.loads(outcome.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps_with_an_example(name: str, narrows: Command) -> None:
    helped = done(narrows(name, "--help"))
    assert f"narrows {name}" in helped.out.split("Example:")[1]
    assert narrows(name, "-h") == helped


def test_the_program_names_its_commands_and_data(narrows: Command) -> None:
    helped = done(narrows("--help"))
    for word in (*COMMANDS, "mnist", "digits", "IDX", ".npy", "--debug"):
        assert word in helped.out


def test_the_version_is_the_packages(narrows: Command) -> None:
    assert narrows("--version") == (0, f"narrows {__version__}\n", "")


def test_nothing_asked_is_wrong_usage_and_helps(narrows: Command) -> None:
    code, out, err = narrows()
    assert (code, out) == (2, "")
    assert "Usage: narrows" in err


# fit


@pytest.mark.slow
@pytest.mark.pictures
def test_fit_leaves_a_model_a_history_and_pictures(narrows: Command, tmp_path: Path) -> None:
    code, out, err = narrows(
        "fit", "digits", "--preset", "simple", "--epochs", 3, "--out", tmp_path / "m.safetensors"
    )
    assert code == 0, err
    assert out.count("\n") == 1
    for words in (
        "mean squared error",
        "PSNR",
        "PCA with as many",
        "64 bytes",
        " s, 3 epochs; ",
        " items or ",
        " of memory",
    ):
        assert words in out
    assert "1,617 items of 8x8 from digits" in err
    left = contents(tmp_path)
    run_files = ["checkpoint.safetensors", "history.jsonl", *PICTURES]
    assert sorted(left) == ["m", "m.safetensors", *(f"m/{name}" for name in sorted(run_files))]
    for name in PICTURES:
        with Image.open(tmp_path / "m" / name) as picture:
            assert min(picture.size) > 100
    history = [json.loads(line) for line in (tmp_path / "m/history.jsonl").open()]
    assert [record["epoch"] for record in history] == [1, 2, 3]
    training = load_model(tmp_path / "m.safetensors").training
    assert training.loss == history[-1]["loss"]
    assert training.val_loss == history[-1]["val_loss"]


@pytest.mark.slow
def test_fit_is_the_estimators_fit(narrows: Command, digits: Dataset, tmp_path: Path) -> None:
    options = ("--latent", 4, "--hidden", "24", *SIMPLE, "--epochs", 2, "--loss", "l1", "--seed", 3)
    done(narrows("fit", "digits", *options, "--out", tmp_path / "program"))
    program = load_model(tmp_path / "program").model
    estimator = Autoencoder(4, hidden=(24,), preset="simple", epochs=2, loss="l1", random_state=3)
    estimator.fit(digits.items)
    for name, array in estimator.model_.model.arrays.items():
        np.testing.assert_array_equal(program.arrays[name], array)


def test_fit_says_all_as_json(narrows: Command, tmp_path: Path) -> None:
    model = tmp_path / "m.safetensors"
    said = read_json(narrows("fit", "digits", *SIMPLE, "--epochs", 1, "--out", model, "--json"))
    assert said["model"] == str(model)
    assert said["run_dir"] == str(tmp_path / "m")
    assert said["training"] == load_model(model).training.to_dict()
    assert said["dead_indices"] == load_model(model).dead.tolist()
    assert said["evaluation"]["count"] == 180
    assert said["evaluation"]["baselines"][0]["method"] == "PCA"


@pytest.mark.slow
def test_fit_logs_json_a_line_an_epoch(narrows: Command, tmp_path: Path) -> None:
    fit = ("fit", "digits", *SIMPLE, "--out", tmp_path / "m.safetensors", "--epochs")
    finished = done(narrows(*fit, 2, "--log", "json"))
    lines = [json.loads(line) for line in finished.err.splitlines()]
    assert {line["event"] for line in lines} <= {"epoch", "note", "progress"}
    epochs = [line for line in lines if line.pop("event") == "epoch" and line.pop("time")]
    assert epochs == [json.loads(line) for line in (tmp_path / "m/history.jsonl").open()]
    assert "mean squared error" in finished.out
    [error] = map(json.loads, narrows(*fit, 0, "--log", "json")[2].splitlines())
    assert (error["event"], error["hint"] != "") == ("error", True)
    assert "epochs is 0" in error["message"]
    assert narrows(*fit, 0)[2].startswith("error: ")


@pytest.mark.parametrize(
    ("validation", "count"), [("0", 200), ("0.25", 50), ("digits", 1797)], ids=str
)
def test_fit_validates_on_what_it_is_told(
    validation: str, count: int, narrows: Command, items_file: Path, tmp_path: Path
) -> None:
    finished = done(
        narrows(
            "fit", items_file, *SIMPLE, "--epochs", 1, "--validation", validation, "--json",
            "--out", tmp_path / "m.safetensors",
        )
    )  # fmt: skip
    said = read_json(finished)
    assert said["evaluation"]["count"] == count
    assert ("val_loss" in said["training"]) == (validation != "0")
    assert ("nothing was held out" in finished.err) == (validation == "0")


@pytest.mark.slow
def test_the_run_folder_is_where_it_is_asked_for(narrows: Command, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    out = tmp_path / "models" / "m.safetensors"
    done(narrows("fit", "digits", *SIMPLE, "--epochs", 1, "--out", out, "--run-dir", folder))
    assert (folder / "history.jsonl").is_file()
    assert contents(tmp_path / "models").keys() == {"m.safetensors"}


@pytest.mark.slow
def test_fit_takes_a_spec_file(narrows: Command, tmp_path: Path) -> None:
    spec = tmp_path / "model.toml"
    spec.write_text(
        'encoder = [{ block = "flatten" }, { block = "dense", units = 6, activation = "tanh" }]\n'
        'output_activation = "sigmoid"\n'
    )
    out = tmp_path / "m.safetensors"
    done(narrows("fit", "digits", "--spec", spec, "--loss", "bce", "--epochs", 1, "--out", out))
    assert load_model(out).model.spec.latent_size == 6


@pytest.mark.slow
def test_more_epochs_resume_to_the_bytes_of_one_long_run(
    narrows: Command, items_file: Path, tmp_path: Path
) -> None:
    two, long = tmp_path / "two.safetensors", tmp_path / "long.safetensors"
    fit = ("fit", items_file, "--preset", "simple")
    done(narrows(*fit, "--epochs", 2, "--out", two))
    done(narrows(*fit, "--epochs", 4, "--out", two, "--resume"))
    done(narrows(*fit, "--epochs", 4, "--out", long))
    assert two.read_bytes() == long.read_bytes()
    epochs = [json.loads(line)["epoch"] for line in (tmp_path / "two/history.jsonl").open()]
    assert epochs == [1, 2, 3, 4]


@pytest.mark.slow
def test_more_epochs_than_a_learning_rate_was_laid_out_for_are_trained_by_what_is_advised(
    narrows: Command, items_file: Path, tmp_path: Path
) -> None:
    first, more = tmp_path / "first.safetensors", tmp_path / "more.safetensors"
    fit = ("fit", items_file, "--latent", 2, "--hidden", "8", "--out", first)
    done(narrows(*fit, "--epochs", 2))
    ways = "--epochs 2,", "narrows fit DATA --from MODEL"
    failed(narrows(*fit, "--epochs", 4, "--resume"), 2, "its epochs is 2", *ways)
    done(narrows(*fit, "--epochs", 2, "--resume"))
    done(narrows("fit", items_file, "--from", first, "--epochs", 2, "--out", more))
    assert load_model(more).model.spec == load_model(first).model.spec


def test_nothing_to_resume_is_said(narrows: Command, items_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    finished = done(narrows("fit", items_file, *SIMPLE, "--epochs", 1, "--out", out, "--resume"))
    assert "no checkpoint" in finished.err


def test_a_latent_size_shrinks_to_fit_where_none_is_asked_for(
    narrows: Command, tmp_path: Path
) -> None:
    np.save(tmp_path / "pairs.npy", np.random.default_rng(0).random((50, 2)))
    out = tmp_path / "m.safetensors"
    done(narrows("fit", tmp_path / "pairs.npy", *SIMPLE, "--epochs", 1, "--out", out))
    assert load_model(out).model.spec.latent_size == 1


@pytest.mark.slow
def test_every_kind_of_source_gives_the_same_model(
    narrows: Command, digits: Dataset, tmp_path: Path
) -> None:
    items = digits.items[:60]
    np.save(tmp_path / "items.npy", items)
    np.save(tmp_path / "columns.npy", np.asfortranarray(items))
    np.savez_compressed(tmp_path / "items.npz", x=items)
    header = bytes([0, 0, 8, 3]) + np.array(items.shape, ">u4").tobytes()
    (tmp_path / "items.idx3-ubyte").write_bytes(header + items.tobytes())
    (tmp_path / "items-ubyte.gz").write_bytes(gzip.compress(header + items.tobytes()))
    (tmp_path / "images").mkdir()
    for number, pixels in enumerate(items):
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number:03}.png")
    sources = [path.name for path in sorted(tmp_path.iterdir())]
    assert len(sources) == 6
    models = []
    for name in sources:
        out = tmp_path / "out" / f"{name}.safetensors"
        done(narrows("fit", tmp_path / name, *SIMPLE, "--epochs", 1, "--out", out))
        models.append(load_model(out).model.arrays)
    for arrays in models[1:]:
        np.testing.assert_equal(arrays, models[0])


# summary, evaluate


def test_the_article_has_its_numbers_of_parameters(narrows: Command, tmp_path: Path) -> None:
    items = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)
    np.save(tmp_path / "items.npy", items)
    out = tmp_path / "m.safetensors"
    done(narrows("fit", tmp_path / "items.npy", *SIMPLE, "--epochs", 1, "--out", out))
    code, table, err = narrows("summary", out)
    assert (code, err) == (0, "")
    for count in ("80,520", "81,284", "161,804"):
        assert count in table
    said = read_json(narrows("summary", out, "--json"))
    assert said["parameters"] == {"encoder": 80_520, "decoder": 81_284, "autoencoder": 161_804}


def test_evaluate_prints_every_method(narrows: Command, model_file: Path) -> None:
    code, table, err = narrows("evaluate", model_file, "digits")
    assert (code, err) == (0, "")
    for word in ("autoencoder", "PCA", "mean item", "cosine transform", "dB", "1,797 items"):
        assert word in table
    said = read_json(narrows("evaluate", model_file, "digits", "--json"))
    assert said["model"]["numbers"] == 4
    assert [row["method"] for row in said["baselines"]] == ["PCA", "mean item", "cosine transform"]


# encode, decode, reconstruct


def test_encode_writes_the_codes_of_the_model(
    narrows: Command, model_file: Path, items_file: Path, tmp_path: Path
) -> None:
    code, out, err = narrows("encode", model_file, items_file, "--out", tmp_path / "codes.npy")
    assert (code, out) == (0, "")
    assert "wrote 200 codes" in err
    codes = np.load(tmp_path / "codes.npy", allow_pickle=False)
    expected = Autoencoder.load(model_file).transform(np.load(items_file, allow_pickle=False))
    np.testing.assert_array_equal(codes, expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "parquet"])
def test_codes_of_every_kind_decode_to_the_reconstruction(
    kind: str, narrows: Command, model_file: Path, items_file: Path, tmp_path: Path
) -> None:
    codes = tmp_path / f"codes.{kind}"
    wrote = narrows("encode", model_file, items_file, "--out", codes, "--json")
    assert read_json(wrote) == {"out": str(codes), "count": 200}
    decoded, reconstructed = tmp_path / "decoded.npy", tmp_path / "reconstructed.npy"
    assert read_json(narrows("decode", model_file, codes, "--out", decoded, "--json"))
    assert read_json(
        narrows("reconstruct", model_file, items_file, "--out", reconstructed, "--json")
    )
    assert decoded.read_bytes() == reconstructed.read_bytes()
    found = np.load(decoded, allow_pickle=False)
    assert found.shape == (200, 8, 8)
    assert found.dtype == np.uint8


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["pictures", "pictures/", "pictures.v2/"])
def test_reconstructions_as_pictures(
    folder: str, narrows: Command, model_file: Path, items_file: Path, tmp_path: Path
) -> None:
    done(narrows("reconstruct", model_file, items_file, "--out", f"{tmp_path}/{folder}"))
    expected = Autoencoder.load(model_file)
    items = np.load(items_file, allow_pickle=False)
    expected = expected.inverse_transform(expected.transform(items))
    pictures = sorted((tmp_path / folder).iterdir())
    assert len(pictures) == 200
    for path, pixels in zip(pictures, expected, strict=True):
        with Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture), pixels)


@pytest.mark.parametrize("name", ["table.csv", "TABLE.CSV", "table.parquet"])
def test_reconstructions_as_a_table(
    name: str, narrows: Command, model_file: Path, items_file: Path, tmp_path: Path
) -> None:
    from pyarrow import csv as pyarrow_csv
    from pyarrow import parquet as pyarrow_parquet

    done(narrows("reconstruct", model_file, items_file, "--out", tmp_path / name))
    read = pyarrow_parquet.read_table if name.endswith("parquet") else pyarrow_csv.read_csv
    table = read(tmp_path / name)
    assert (table.num_rows, table.num_columns) == (200, 64)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), [("encode", np.float32), ("reconstruct", np.uint8)])
def test_a_large_file_takes_bounded_memory(
    name: str, dtype: type, narrows: Command, tmp_path: Path
) -> None:
    few = np.random.default_rng(0).integers(0, 256, (40, 28, 28)).astype(dtype)
    np.save(tmp_path / "few.npy", few)
    model = tmp_path / "m.safetensors"
    options = ("--preset", "simple", "--latent", 2, "--hidden", "8", "--epochs", 1)
    done(narrows("fit", tmp_path / "few.npy", *options, "--out", model))
    count = 200_000_000 // few[0].nbytes
    # A file of zeros that takes no space on the disk.
    np.lib.format.open_memmap(tmp_path / "many.npy", "w+", dtype, (count, 28, 28)).flush()
    tracemalloc.start()
    try:
        done(narrows(name, model, tmp_path / "many.npy", "--out", tmp_path / "out.npy"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000
    assert len(np.load(tmp_path / "out.npy", mmap_mode="r", allow_pickle=False)) == count


# demo


@pytest.mark.slow
def test_the_demo_needs_no_network(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(url: str, *rest: object, **options: object) -> None:
        raise DataError(f"{url} cannot be downloaded: Network is unreachable")

    monkeypatch.setattr("narrows.data.mnist.download", offline)
    compared_briefly(monkeypatch)
    monkeypatch.setenv("NARROWS_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, out, err = narrows("demo", "--out", tmp_path / "story")
    assert code == 0, err
    [why] = [line for line in err.splitlines() if "mnist" in line]
    assert "Network is unreachable" in why
    assert "digits" in why
    left = contents(tmp_path / "story").keys()
    assert left >= {"index.html", "article.safetensors", "default.safetensors"}
    beside = ("checkpoint.safetensors", "history.jsonl", *PICTURES)
    assert left >= {f"{name}/{file}" for name in ("article", "default") for file in beside}
    assert "index.html" in out
    assert "digits" in (tmp_path / "story/index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_demo_tells_the_story_of_any_data(
    narrows: Command, items_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared_briefly(monkeypatch)
    story = tmp_path / "story"
    said = read_json(narrows("demo", "--data", items_file, "--out", story, "--json"))
    assert said["page"] == str(story / "index.html")
    page = (story / "index.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "items.npy" in page
    assert [each["name"] for each in said["models"]] == ["the article's net", "the default model"]
    assert all(sentence in unescape(page) for sentence in said["in_short"])


# Streams and colours


def test_errors_are_coloured_for_people_only(
    narrows: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = narrows("summary", "missing.safetensors").err
    assert coloured.startswith("\x1b[1;31merror:\x1b[0m ")
    monkeypatch.setenv("NO_COLOR", "1")
    assert narrows("summary", "missing.safetensors").err.startswith("error: ")


@pytest.mark.slow
def test_the_program_as_a_process_keeps_its_streams_apart(model_file: Path, tmp_path: Path) -> None:
    process = start("evaluate", model_file, "digits", "--json", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)["count"] == 1797
    assert "{" not in err and "error" not in err  # a busy machine has progress to tell


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_failure_to_speak_of(model_file: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start("summary", model_file, cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert _without_progress(process.communicate(timeout=60)[1]) == ""
    assert process.returncode == 1


def _without_progress(err: str) -> str:
    """What was said but for how long work has gone on, which a slow machine has told."""
    lines = err.splitlines(keepends=True)
    return "".join(line for line in lines if not line.endswith(" so far\n"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_on_a_full_disk_is_said_in_one_sentence(
    model_file: Path, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = start("summary", model_file, cwd=tmp_path, stdout=full)
        err = _without_progress(process.communicate(timeout=60)[1])
    assert process.returncode == 1
    assert err.startswith("error: ")
    assert "No space left" in err or "disk is full" in err
    for unwanted in ("Traceback", "Exception ignored", "where it should not"):
        assert unwanted not in err


@pytest.mark.slow
def test_a_process_without_a_terminal_draws_no_bar(items_file: Path, tmp_path: Path) -> None:
    line = ("fit", items_file, *SIMPLE, "--epochs", 2, "--out", "m.safetensors")
    process = start(*line, cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "\x1b" not in out + err
    assert "\r" not in out + err
