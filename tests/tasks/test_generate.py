"""New items: where codes are drawn from, ways between and along codes, and the command."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from helpers.command_line import Command, contents, done, failed
from helpers.optional import optional
from narrows import Autoencoder
from narrows.data import load_data
from narrows.errors import ShapeError, UsageError
from narrows.learnt.density import fit_density
from narrows.model.file import load_model, save_model
from narrows.model.trained import DataDescription, TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.nn.blocks import Dense, Gaussian
from narrows.nn.model import initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.tasks.drawn_codes import DrawnCodes, interpolated, traversed
from narrows.tasks.fit_plan import Fitted

RANDOM = np.random.default_rng(5)
CODES = RANDOM.normal(size=(500, 2)) @ [[2, 1], [0, 1]] + (10, 20)


def model(*encoder: object, data: DataDescription | None = None, **parts: object) -> TrainedModel:
    """A model of rows of six values whose training codes were ``CODES``."""
    spec = Spec((6,), encoder or (Dense(2),), (Dense(6),))  # type: ignore[arg-type]
    given = {
        "latent": {
            "lowest": np.float32([5, 20]),
            "highest": np.float32([15, 20]),
            "mean": np.float32([10, 20]),
        },
        "density": fit_density(CODES, 0).to_arrays(),
    } | parts
    described = data or DataDescription(name="data", count=10, dtype="float32")
    return TrainedModel(model=initial_model(spec, Scaling(), 0), data=described, **given)  # type: ignore[arg-type]


PLAIN, VARIATIONAL = model(), model(Gaussian(2))


def test_codes_are_drawn_as_those_of_the_training_set_lie() -> None:
    for trained in (PLAIN, VARIATIONAL):
        codes = DrawnCodes(trained, 20_000, seed=1)[:]
        assert codes.dtype == np.float32
        np.testing.assert_allclose(codes.mean(axis=0), CODES.mean(axis=0), atol=0.05)
        np.testing.assert_allclose(np.cov(codes.T), np.cov(CODES.T), rtol=0.05)


def test_a_prior_is_standard_normal() -> None:
    asked = DrawnCodes(VARIATIONAL, 20_000, 1, "prior")
    for drawn in (asked, DrawnCodes(replace(VARIATIONAL, density={}), 20_000, 1)):
        codes = drawn[:]
        assert codes.dtype == np.float32
        np.testing.assert_allclose(codes.mean(axis=0), 0, atol=0.04)
        np.testing.assert_allclose(np.cov(codes.T), np.eye(2), atol=0.05)


@pytest.mark.parametrize("source", ["density", "prior"])
def test_a_code_depends_on_the_seed_and_its_place_alone(source: str) -> None:
    drawn = DrawnCodes(VARIATIONAL, 10_000, 3, source)  # type: ignore[arg-type]
    whole = drawn[:]
    assert len(drawn) == len(whole) == 10_000
    assert len(np.unique(whole, axis=0)) == 10_000
    for rows in (slice(0, 1), slice(4095, 4097), slice(5000, 9000), slice(9999, None)):
        np.testing.assert_array_equal(drawn[rows], whole[rows])
    assert drawn[7:7].shape == drawn[20_000:].shape == (0, 2)
    few = DrawnCodes(VARIATIONAL, 5, 3, source)[:]  # type: ignore[arg-type]
    np.testing.assert_array_equal(few, whole[:5])
    other = DrawnCodes(VARIATIONAL, 5, 4, source)[:]  # type: ignore[arg-type]
    assert not np.isin(other, whole).any()
    with pytest.raises(ValueError, match="steps of 2"):
        drawn[::2]


def test_drawn_codes_of_whole_numbers_are_whole(short_codes: TrainedModel) -> None:
    codes = DrawnCodes(short_codes, 100, 0)[:]
    np.testing.assert_array_equal(codes, np.rint(codes))
    assert np.isfinite(TrainedAutoencoder(short_codes).decode_floats(codes)).all()


@pytest.mark.parametrize(
    ("trained", "arguments", "said"),
    [
        (PLAIN, (-1, 0), "is -1, and must be from 0 to 1,000,000,000,000"),
        (PLAIN, (1, -1), "seed is -1"),
        (PLAIN, (1 << 50, 0), "1,125,899,906,842,624, and must be from 0"),
        (PLAIN, (1, 0, "prior"), "not trained towards a distribution"),
        (PLAIN, (1, 0, "posterior"), "cannot be drawn from 'posterior'"),
        (replace(PLAIN, density={}), (1, 0), "does not say how the codes .* lie"),
        (replace(VARIATIONAL, density={}), (1, 0, "density"), "does not say how the codes .* lie"),
        (model(Dense(2000), density={}), (1, 0), "2,000 numbers, and those of more than 1,024"),
    ],
)
def test_what_cannot_be_drawn_is_said(trained: TrainedModel, arguments: tuple, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        DrawnCodes(trained, *arguments)


def test_a_decoder_that_needs_more_than_codes_is_refused() -> None:
    spec = preset_spec("unet", (8, 8), latent=2)
    unet = TrainedModel(
        model=initial_model(spec, Scaling(), 0),
        data=DataDescription(name="x", count=1, dtype="uint8"),
    )
    for attempt in (lambda: DrawnCodes(unet, 1, 0), lambda: traversed(unet, 0, 3, None)):
        with pytest.raises(UsageError, match="tensors that its encoder kept"):
            attempt()


def test_the_way_between_two_codes_is_a_line() -> None:
    first, last = np.float32([0, 4, 2]), np.float32([1, 0, 2])
    found = interpolated(first, last, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.linspace(first, last, 5))
    np.testing.assert_array_equal(found[[0, -1]], [first, last])
    with pytest.raises(UsageError, match="1 steps cannot lead"):
        interpolated(first, last, 1)
    with pytest.raises(ShapeError, match="no line between"):
        interpolated(first, last[:2], 3)


def test_one_number_goes_over_its_range() -> None:
    np.testing.assert_allclose(traversed(PLAIN, 0, 3, None), [[5, 20], [10, 20], [15, 20]])
    given = np.float32([1, 2])
    np.testing.assert_allclose(traversed(PLAIN, 0, 2, given), [[5, 2], [15, 2]])
    assert given.tolist() == [1, 2]
    with pytest.raises(UsageError, match="no latent number 2: the codes of this model have 2"):
        traversed(PLAIN, 2, 3, None)
    with pytest.raises(UsageError, match="latent number 2 was 20 for every item"):
        traversed(PLAIN, 2, 3, None, first=1)
    with pytest.raises(UsageError, match="was 20 for every item"):
        traversed(PLAIN, 1, 3, None)
    with pytest.raises(UsageError, match="does not say"):
        traversed(replace(PLAIN, latent={}), 0, 3, None)


# The estimator


@pytest.mark.slow
def test_an_estimator_draws_and_interpolates() -> None:
    images = load_data("digits").items[:300]
    estimator = Autoencoder(latent=3, epochs=2).fit(images)
    drawn = estimator.sample(7, random_state=1)
    assert (drawn.shape, drawn.dtype) == ((7, 8, 8), np.uint8)
    np.testing.assert_array_equal(drawn[:3], estimator.sample(3, random_state=1))
    way = estimator.interpolate(images[0], images[1].ravel(), steps=4)
    ends = estimator.inverse_transform(estimator.transform(images[:2]))
    assert way.shape == (4, 8, 8)
    np.testing.assert_array_equal(way[[0, -1]], ends)


def test_an_estimator_of_a_table_draws_rows_of_it() -> None:
    pandas = optional("pandas")

    frame = pandas.DataFrame(
        {
            "size": RANDOM.normal(size=300),
            "count": RANDOM.integers(0, 9, 300),
            "kind": pandas.Categorical(RANDOM.choice(["a", "b"], 300)),
        }
    )
    estimator = Autoencoder(latent=2, epochs=2).fit(frame)
    for found in (estimator.sample(5), estimator.interpolate(frame[:1], frame[1:2], steps=5)):
        assert len(found) == 5
        pandas.testing.assert_series_equal(found.dtypes, frame.dtypes)
    with pytest.raises(ShapeError, match="2 rows are not one item"):
        estimator.interpolate(frame[:2], frame[:1])


# The command


def test_it_writes_what_drawn_codes_decode_to(
    narrows: Command, model_file: Path, tmp_path: Path
) -> None:
    trained = load_model(model_file)
    expected = TrainedAutoencoder(trained).decode(DrawnCodes(trained, 12, 4)[:])
    asked = ("generate", model_file, "-n", 12, "--seed", 4, "--out")
    assert json.loads(done(narrows(*asked, tmp_path / "new.npy", "--json")).out) == {
        "out": str(tmp_path / "new.npy"),
        "count": 12,
    }
    found = np.load(tmp_path / "new.npy", allow_pickle=False)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype

    done(narrows(*asked, tmp_path / "images"))
    files = sorted((tmp_path / "images").iterdir())
    np.testing.assert_array_equal([np.asarray(Image.open(file)) for file in files], expected)

    (tmp_path / "new.npy").write_bytes(b"what was there")
    assert "wrote 12 items" in done(narrows(*asked, tmp_path / "new.npy")).err
    np.testing.assert_array_equal(np.load(tmp_path / "new.npy", allow_pickle=False), expected)


def test_a_picture_shows_every_item(narrows: Command, model_file: Path, tmp_path: Path) -> None:
    trained, out = load_model(model_file), tmp_path / "new.png"
    done(narrows("generate", model_file, "-n", 4, "--out", out))
    pixels = np.asarray(Image.open(out).convert("L"))
    items = TrainedAutoencoder(trained).decode(DrawnCodes(trained, 4, 0)[:])
    low, high = trained.data.value_range or (items.min(), items.max())
    size = (len(pixels) - 3 * 4) // 2
    scale = size // 8
    for number, item in enumerate(items):
        top, left = 4 + (size + 4) * np.array(divmod(number, 2))
        image = pixels[top : top + size : scale, left : left + size : scale]
        np.testing.assert_allclose(image, (item - low) / (high - low) * 255, atol=0.51)


def test_ways_begin_and_end_at_the_items(
    narrows: Command, model_file: Path, tmp_path: Path
) -> None:
    autoencoder, items = TrainedAutoencoder(load_model(model_file)), load_data("digits").items
    out = tmp_path / "way.npy"
    done(narrows("generate", model_file, "--between", "digits:3,17", "--steps", 6, "--out", out))
    way = np.load(out, allow_pickle=False)
    assert len(way) == 6
    np.testing.assert_array_equal(way[[0, -1]], autoencoder.reconstruct(items[[3, 17]]))

    done(narrows("generate", model_file, "--traverse", 2, "--at", "digits:3", "--out", out))
    code = autoencoder.encode(items[3:4])[0]
    expected = autoencoder.decode(traversed(autoencoder.trained, 1, 10, code))
    np.testing.assert_array_equal(np.load(out, allow_pickle=False), expected)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_of_a_table_have_its_types_and_gaps(
    narrows: Command, tmp_path: Path, suffix: str
) -> None:
    count = 400
    gappy = pa.array(RANDOM.normal(size=count), mask=RANDOM.random(count) < 0.4)
    table = pa.table(
        {
            "gappy": gappy,
            "whole": RANDOM.integers(0, 9, count).astype(np.int16),
            "kind": pa.array(RANDOM.choice(["a", "b"], count)).dictionary_encode(),
            "day": pa.array(RANDOM.integers(0, 999, count).astype(np.int32)).cast(pa.date32()),
            "fixed": [7] * count,
        }
    )
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    trained, out = tmp_path / "m.safetensors", tmp_path / f"new{suffix}"
    done(narrows(*("fit", tmp_path / "t.parquet", "--epochs", 30, "--latent", 4, "--out", trained)))
    done(narrows("generate", trained, "-n", 200, "--out", out))
    read = pa.csv.read_csv if suffix == ".csv" else pa.parquet.read_table
    found = read(out)
    assert found.column_names == table.column_names
    if suffix == ".parquet":
        assert found.schema.types == table.schema.types
    assert 0 < found["gappy"].null_count < 200
    assert set(found["kind"].to_pylist()) <= {"a", "b"}
    assert set(found["fixed"].to_pylist()) == {7}
    assert min(found["whole"].to_pylist()) >= -3


def test_none_at_all_are_an_empty_result(
    narrows: Command, model_file: Path, tmp_path: Path
) -> None:
    done(narrows("generate", model_file, "-n", 0, "--out", tmp_path / "none.npy"))
    assert np.load(tmp_path / "none.npy", allow_pickle=False).shape == (0, 8, 8)
    done(narrows("generate", model_file, "-n", 0, "--out", tmp_path / "none"))
    assert not any((tmp_path / "none").iterdir())


@pytest.mark.slow
def test_many_take_no_more_memory(
    narrows: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as many, through chunks of 32 kB."""
    save_model(
        tmp_path / "m.safetensors",
        model(data=DataDescription(name="data", count=10, dtype="float64")),
    )
    monkeypatch.setattr("narrows.support.chunks.CHUNK_VALUES", 1 << 12)
    asked = ("generate", tmp_path / "m.safetensors", "--out", tmp_path / "new.npy", "-n")
    done(narrows(*asked, 5))
    peaks = []
    for count in (20_000, 200_000):
        tracemalloc.start()
        try:
            done(narrows(*asked, count))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert (tmp_path / "new.npy").stat().st_size > 9_000_000
    assert peaks[1] < peaks[0] + 500_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("-n", -3), 2, ["items to draw is -3", "from 0 to 1,000,000,000,000"]),
        (("-n", 3, "--seed", -1), 2, ["seed is -1, and must be at least 0"]),
        (("-n", 10**40), 2, ["from 0 to 1,000,000,000,000"]),
        (("-n", 10**11), 1, ["would take 6,400,000,000,000 bytes", "room for"]),
        (("-n", 3, "--from", "prior"), 2, ["not trained towards a distribution"]),
        (("-n", 3, "--from", "thin air"), 2, ["'thin air'", "density or prior"]),
        ((), 2, ["nothing was asked for", "-n, --between, --traverse"]),
        (("-n", 3, "--traverse", 1), 2, ["-n and --traverse was asked for"]),
        (("-n", 3, "--steps", 4), 2, ["--steps says nothing about -n", "--between and --traverse"]),
        (("--between", "digits:1,2", "--at", "digits:1"), 2, ["--at says nothing about --between"]),
        (("--traverse", 1, "--from", "density"), 2, ["--from says nothing about --traverse"]),
        (("--between", "digits:1"), 2, ["--between digits:1 does not say", "DATA:A,B"]),
        (("--between", "1,2"), 2, ["does not say which items of which data"]),
        (("--between", "digits:1,-2"), 2, ["does not say which items of which data"]),
        (("--between", "digits:1,1797"), 2, ["names item 1,797, and digits has 1,797", "to 1796"]),
        (("--between", "nowhere.npy:1,2"), 1, ["no file or folder nowhere.npy"]),
        (("--between", "digits:1,2", "--steps", 1), 2, ["1 steps cannot lead"]),
        (("--traverse", 99), 2, ["no latent number 99", "from 1 to"]),
        (("--traverse", 0), 2, ["no latent number 0", "from 1 to"]),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    narrows: Command,
    model_file: Path,
    tmp_path: Path,
    arguments: tuple,
    code: int,
    said: list[str],
) -> None:
    before = contents(tmp_path)
    failed(narrows("generate", model_file, *arguments, "--out", tmp_path / "x.npy"), code, *said)
    assert contents(tmp_path) == before


def test_a_picture_has_its_limits(narrows: Command, model_file: Path, tmp_path: Path) -> None:
    for count in (0, 10_001, 10**11):
        asked = narrows("generate", model_file, "-n", count, "--out", tmp_path / "x.png")
        failed(asked, 2, f"{count:,} items: from 1 to 10,000")
    save_model(tmp_path / "rows.safetensors", PLAIN)
    asked = narrows("generate", tmp_path / "rows.safetensors", "-n", 3, "--out", tmp_path / "x.png")
    failed(asked, 2, "shape (6,) are no images", ".npy")
    asked = narrows("generate", tmp_path / "rows.safetensors", "-n", 3, "--out", tmp_path / "x")
    failed(asked, 2, "float32 items of shape (6,) are none")


def test_a_model_without_a_density_says_what_to_do(
    narrows: Command, fitted: Fitted, tmp_path: Path
) -> None:
    save_model(tmp_path / "old.safetensors", replace(fitted.trained, density={}))
    asked = narrows("generate", tmp_path / "old.safetensors", "-n", 3, "--out", tmp_path / "x.npy")
    failed(asked, 2, "has no density", "train it again with narrows fit")
    density = fitted.trained.learnt_density
    assert density is not None and density.weights.sum() == pytest.approx(1)
