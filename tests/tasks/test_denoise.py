"""Denoising: images of any size, pairs to learn from, tables with missing cells."""

import io
import json
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from helpers.codes_cases import blots
from helpers.command_line import Command, contents, done, failed
from helpers.optional import optional
from narrows import Autoencoder, Dataset
from narrows.data.pages import Pages, cut_tiles, needs_tiles, open_pages
from narrows.errors import DataError, NarrowsWarning, ShapeError, UsageError
from narrows.model.file import load_model, save_model
from narrows.model.trained import DataDescription, TrainedModel, TrainingRecord
from narrows.model.use import TrainedAutoencoder
from narrows.nn.blocks import Flatten, Reshape
from narrows.nn.model import Model
from narrows.nn.scaling import Scaling
from narrows.nn.spec import Spec
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.tasks.denoise import denoise
from narrows.tasks.fit_plan import fit_plan
from narrows.training import Noise

RANDOM = np.random.default_rng(11)


@pytest.fixture(scope="session")
def denoiser(digits: Dataset) -> TrainedModel:
    """A model that has learnt to undo Gaussian noise on digits, for a few epochs."""
    training, held_out = digits.rows(np.arange(900)).split(0.1, seed=0)
    plan = make_plan(training, FitOptions(noise="gaussian:0.3", epochs=8))
    return fit_plan(training, held_out, plan).trained


def nothing_done(shape: tuple[int, ...], **training: int) -> TrainedAutoencoder:
    """A model that gives back what it gets, and was trained on tiles, or moved, if it says so."""
    spec = Spec(shape, (Flatten(),), (Reshape(shape),))
    data = DataDescription(name="images", count=1, dtype="uint8", value_range=(0.0, 255.0))
    model, record = Model(spec, {}, Scaling()), TrainingRecord(**training)  # type: ignore[arg-type]
    return TrainedAutoencoder(TrainedModel(model=model, data=data, training=record))


def blocky(*shape: int) -> np.ndarray:
    """An image of squares of random greys, which noise can be told from."""
    coarse = RANDOM.integers(0, 5, [-(-size // 8) for size in shape]) * 60
    return coarse.repeat(8, 0).repeat(8, 1)[: shape[0], : shape[1]].astype(np.uint8)


def noisy(image: np.ndarray) -> np.ndarray:
    return Noise("gaussian", 0.15).apply(image, 0, 255, RANDOM)


# Images of any size


@pytest.mark.parametrize("shape", [(16, 16), (40, 77), (16, 200), (33, 16)])
def test_a_model_that_changes_nothing_changes_no_image(shape: tuple[int, int]) -> None:
    images = RANDOM.integers(0, 256, (2, *shape)).astype(np.uint8)
    np.testing.assert_array_equal(denoise(nothing_done((16, 16)), images), images)


def test_an_image_that_is_moved_about_comes_back_to_its_place() -> None:
    images = RANDOM.integers(0, 256, (5, 12, 17)).astype(np.uint8)
    np.testing.assert_array_equal(denoise(nothing_done((12, 17), shift=1), images), images)
    flat = images.reshape(5, -1)
    np.testing.assert_array_equal(denoise(nothing_done((12, 17), shift=1), flat), images)
    colours = RANDOM.integers(0, 256, (2, 9, 8, 3)).astype(np.uint8)
    np.testing.assert_array_equal(denoise(nothing_done((9, 8, 3), shift=1), colours), colours)


def test_colours_stay_where_they_are() -> None:
    images = RANDOM.integers(0, 256, (1, 30, 21, 3)).astype(np.uint8)
    np.testing.assert_array_equal(denoise(nothing_done((16, 16, 3)), images), images)


def test_a_small_image_is_padded_only_where_tiles_were_learnt() -> None:
    images = RANDOM.integers(0, 256, (2, 9, 30)).astype(np.uint8)
    np.testing.assert_array_equal(denoise(nothing_done((16, 16), tile=16), images), images)
    with pytest.raises(ShapeError, match="30 x 9 pixels are smaller") as error:
        denoise(nothing_done((16, 16)), images)
    assert "--tile" in str(error.value.hint)


@pytest.mark.parametrize("shape", [(30, 30, 3), (30,), (2, 30, 30, 1)])
def test_what_is_no_image_of_that_kind_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="was trained on"):
        denoise(nothing_done((16, 16)), np.zeros((1, *shape), np.uint8))


@pytest.mark.slow
def test_dark_images_do_not_come_out_blank() -> None:
    images, noise = blots(16), Noise("gaussian", 0.5)
    plan = make_plan(images, FitOptions(preset="unet", epochs=2, noise=str(noise)))
    autoencoder = TrainedAutoencoder(fit_plan(images, None, plan).trained)
    clean = images.items[:200].astype(float)
    damaged = noise.apply(images.items[:200], 0, 255, np.random.default_rng(1))
    left = np.square(autoencoder.reconstruct_floats(damaged) - clean).mean()
    assert left < 0.6 * np.square(clean).mean()  # which a blank image leaves


@pytest.mark.slow
def test_noise_becomes_less(denoiser: TrainedModel, digits: Dataset) -> None:
    clean = digits.items[:200]
    damaged = Noise("gaussian", 0.3).apply(clean, 0, 16, np.random.default_rng(1))
    result = denoise(TrainedAutoencoder(denoiser), damaged)
    before, after = (np.square(x.astype(float) - clean).mean() for x in (damaged, result))
    assert result.dtype == clean.dtype and after < 0.7 * before


def test_copies_across_leave_no_density_to_draw_from(denoiser: TrainedModel) -> None:
    assert denoiser.model.spec.crosses and not denoiser.density


# Pairs and tiles


def test_tiles_are_the_same_places_of_both() -> None:
    clean = RANDOM.integers(0, 200, (3, 60, 50)).astype(np.uint8)
    data = cut_tiles(Pages("a", clean + 7), Pages("b", clean), 16, seed=0)
    assert data.tile == 16 and data.item_shape == (16, 16) and data.inputs is not None
    np.testing.assert_array_equal(data.inputs, data.items + 7)
    # each place in eight tiles
    assert len(data) >= 8 * clean.size / 16**2
    views = np.lib.stride_tricks.sliding_window_view(clean, (16, 16), axis=(1, 2))
    known = {view.tobytes() for view in views.reshape(-1, 16, 16)}
    assert {item.tobytes() for item in data.items} <= known


def test_large_images_and_those_of_several_sizes_need_tiles() -> None:
    small, large = np.zeros((2, 28, 28)), np.zeros((1, 300, 300))
    assert not needs_tiles(Pages("small", small)) and needs_tiles(Pages("large", large))
    several = [np.zeros((28, 28)), np.zeros((28, 30))]
    assert needs_tiles(Pages("several", several))


def test_a_page_smaller_than_a_tile_and_a_tiny_tile_are_refused() -> None:
    pages = Pages("scans", np.zeros((2, 20, 40), np.uint8))
    with pytest.raises(ShapeError, match="40 x 20 pixels, smaller than a tile of 32 x 32"):
        cut_tiles(None, pages, 32, seed=0)
    with pytest.raises(UsageError, match="below 4"):
        cut_tiles(None, pages, 3, seed=0)


@pytest.mark.slow
def test_the_estimator_learns_pairs(digits: Dataset) -> None:
    clean = digits.items[:300]
    damaged = np.rot90(clean, axes=(1, 2)).copy()  # to be turned back: no noise at all
    learnt = Autoencoder(epochs=20, validation_fraction=0).fit(damaged, target=clean)
    error = np.square(learnt.denoise(damaged).astype(float) - clean).mean()
    assert error < 0.3 * np.square(damaged.astype(float) - clean).mean()
    with pytest.raises(ValueError, match="target is uint8 of shape"):
        Autoencoder(epochs=1).fit(damaged, target=clean[:, :4])


@pytest.fixture
def scans(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of noisy pages of three sizes and of clean ones with the same names."""
    for name in ("noisy", "clean"):
        (tmp_path / name).mkdir()
    for number, shape in enumerate([(60, 80), (75, 50), (64, 64), (50, 90)]):
        page = blocky(*shape)
        Image.fromarray(page).save(tmp_path / "clean" / f"page {number}.png")
        Image.fromarray(noisy(page)).save(tmp_path / "noisy" / f"page {number}.png")
    return tmp_path / "noisy", tmp_path / "clean"


@pytest.mark.slow
def test_pages_of_several_sizes_are_learnt_and_denoised(
    scans: tuple[Path, Path], narrows: Command, tmp_path: Path
) -> None:
    given, clean = scans
    model, out = tmp_path / "pages.safetensors", tmp_path / "out"
    line = ("fit", given, "--target", clean, "--tile", 16, "--preset", "denoiser")
    fitted = done(narrows(*line, "--epochs", 12, "--out", model))
    assert "3 images to learn from, 1 to validate on" in fitted.err
    assert " is left of " in fitted.out
    training = load_model(model).training
    assert training.tile == 16 and "median" in (training.filters or {})

    said = done(narrows("denoise", model, given, "--against", clean, "--out", out, "--json"))
    result = json.loads(said.out)
    assert (result["count"], result["total"]) == (4, 4)
    scores = {score["method"]: score for score in result["scores"]}
    assert scores["autoencoder"]["psnr"] > scores["noisy"]["psnr"] + 3
    assert scores["autoencoder"]["ssim"] > scores["noisy"]["ssim"]
    assert sorted(contents(out)) == sorted(contents(given))
    errors = []
    for path in sorted(out.iterdir()):
        with Image.open(path) as found, Image.open(clean / path.name) as wanted:
            assert found.size == wanted.size and found.mode == wanted.mode
            errors.append(np.subtract(found, wanted, dtype=float).ravel() / 255)
    rmse = np.sqrt(np.square(np.concatenate(errors)).mean())
    assert scores["autoencoder"]["rmse"] == pytest.approx(rmse, rel=1e-6)


def test_pages_that_do_not_match_are_named(
    scans: tuple[Path, Path], narrows: Command, tmp_path: Path
) -> None:
    given, clean = scans
    line = ("fit", given, "--target", clean, "--out", tmp_path / "m")
    failed(narrows(*line, "--tile", 64), 1, "pixels, smaller than a tile of 64 x 64")
    failed(narrows(*line, "--validation", "mnist"), 2, "--validation mnist is no share")
    failed(narrows(*line[:2], "--target", "t.csv", *line[4:]), 2, "t.csv is a table")
    (clean / "page 3.png").rename(clean / "page 4.png")
    failed(narrows(*line), 1, "page 3.png is in", "not in", "1 others")
    (given / "page 3.png").unlink()
    (clean / "page 4.png").unlink()
    Image.fromarray(blocky(60, 81)).save(clean / "page 0.png")
    failed(narrows(*line), 1, "page 0.png is uint8 of shape", "must be uint8 of")


# The command


@pytest.fixture
def model(denoiser: TrainedModel, tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    save_model(tmp_path / "model" / "digits.safetensors", denoiser)
    return tmp_path / "model" / "digits.safetensors"


@pytest.mark.slow
def test_noise_is_added_taken_out_and_measured(
    model: Path, narrows: Command, digits: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "out.npy"
    line = ("denoise", model, "digits", "--noise", "gaussian:0.3", "--out", out)
    said = done(narrows(*line)).out
    assert "100 of 1,797 items" in said and "median filter (size 3)" in said and "PCA" in said
    found = np.load(out, allow_pickle=False)
    assert found.shape == digits.items.shape and found.dtype == digits.items.dtype
    assert narrows(*line[:-1], tmp_path / "again.npy").out == said
    assert (tmp_path / "again.npy").read_bytes() == out.read_bytes()


@pytest.mark.slow
def test_arrays_larger_than_the_training_images_stay_arrays(
    model: Path, narrows: Command, tmp_path: Path
) -> None:
    np.save(tmp_path / "large.npy", RANDOM.integers(0, 17, (3, 20, 13)).astype(np.uint8))
    out = tmp_path / "out.npy"
    done(narrows("denoise", model, tmp_path / "large.npy", "--out", out))
    assert np.load(out, allow_pickle=False).shape == (3, 20, 13)
    np.save(tmp_path / "flat.npy", RANDOM.integers(0, 17, (3, 64)).astype(np.uint8))
    done(narrows("denoise", model, tmp_path / "flat.npy", "--out", out))
    assert np.load(out, allow_pickle=False).shape == (3, 8, 8)


def test_wrong_usage_ends_before_anything_is_written(
    model: Path, narrows: Command, tmp_path: Path, scans: tuple[Path, Path]
) -> None:
    out = tmp_path / "out"
    line = ("denoise", model, "digits", "--out", out)
    both = ("--against", "digits", "--noise", "gaussian:1")
    failed(narrows(*line, *both), 2, "--against", "--noise")
    failed(narrows(*line, "--noise", "snow:1"), 2, "no noise called 'snow'")
    failed(narrows(*line, "--cells", "some"), 2, "--cells some")
    failed(narrows(*line, "--seed", -1, "--noise", "gaussian:1"), 2, "--seed is -1")
    failed(narrows(*line, "--against", "mnist:tes"), 1, "mnist:tes")
    np.save(tmp_path / "small.npy", np.zeros((2, 7, 8), np.uint8))
    failed(narrows("denoise", model, tmp_path / "small.npy", "--out", out), 1, "8 x 7 pixels")
    np.save(tmp_path / "deep.npy", np.zeros((2, 8, 8), np.uint16))
    failed(narrows("denoise", model, tmp_path / "deep.npy", "--out", out), 2, "uint16", "uint8")
    several = ("denoise", model, scans[0], "--out", tmp_path / "a.npy")
    failed(narrows(*several), 2, "was trained on values from 0 to 16", "--force")
    failed(narrows(*several, "--force"), 1, "cannot hold both")
    assert not out.exists() and not (tmp_path / "a.npy").exists()


def test_two_names_that_become_one_are_found_first(
    model: Path, narrows: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("a.png", "a.webp"):
        Image.fromarray(blocky(8, 8)).save(folder / name)
    line = ("denoise", model, folder, "--out", tmp_path / "o/")
    failed(narrows(*line), 2, "two images would be written as a.png")


def test_pages_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(blocky(20, 30)).save(tmp_path / name)
    pages = open_pages(tmp_path)
    (tmp_path / "b.png").write_bytes(b"no image")
    assert pages.images[0].shape == (20, 30) and pages.names == ("a.png", "b.png")
    with pytest.raises(DataError, match=r"b\.png changed while it was read"):
        list(pages.batches())


# Tables

ROWS = 240


def rows() -> pa.Table:
    """Columns that follow from one another, every fifth cell of two of them missing."""
    x = np.random.default_rng(11).normal(size=ROWS).round(3)  # whatever tests ran before
    size = pa.array(np.where(x > 0, "large", "small"))
    gone = np.arange(ROWS) % 5 == 0
    twice = pa.array(np.rint(100 * x).astype(np.int64), mask=gone)
    words = pa.array(size.to_pylist(), mask=np.roll(gone, 2))
    return pa.table({"x": x, "twice": twice, "size": words, "unit": ["m"] * ROWS})


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_missing_cells_are_filled_in_and_the_others_kept(
    suffix: str, narrows: Command, tmp_path: Path
) -> None:
    table = rows()
    path, out, model = tmp_path / f"t{suffix}", tmp_path / "out.parquet", tmp_path / "m"
    write = pa.parquet.write_table if suffix == ".parquet" else pa.csv.write_csv
    write(table, path)
    done(narrows("fit", path, "--noise", "masking:0.3", "--epochs", 30, "--out", model))
    said = done(narrows("denoise", model, path, "--out", out)).err
    assert "met no rows with cells left out" not in said
    gaps = {name: table[name].null_count for name in ("twice", "size")}
    assert f"filled in {sum(gaps.values())} missing cells: " in said
    assert all(f"{count} of '{name}'" in said for name, count in gaps.items())
    as_json = done(narrows("denoise", model, path, "--out", tmp_path / "2.parquet", "--json")).out
    assert json.loads(as_json)["filled"] == gaps
    again = done(narrows("denoise", model, out, "--out", tmp_path / "3.parquet")).err
    assert "no cell was missing" in again
    found = pa.parquet.read_table(out)
    assert found.column_names == table.column_names
    for name in table.column_names:
        assert found[name].null_count == 0
        pairs = zip(table[name].to_pylist(), found[name].to_pylist(), strict=True)
        assert all(before == after for before, after in pairs if before is not None)
    x = found["x"].to_numpy()
    gone = np.flatnonzero(table["twice"].is_null().to_numpy())
    guess = np.abs(found["twice"].to_numpy()[gone] - 100 * x[gone]).mean()
    assert guess < 0.5 * np.abs(100 * x[gone]).mean(), "the mean would do as well"
    words = np.array(found["size"].to_pylist())
    gone = np.flatnonzero(table["size"].is_null().to_numpy())
    assert np.mean((words[gone] == "large") == (x[gone] > 0)) > 0.8

    plain = tmp_path / "plain"
    done(narrows("fit", path, "--preset", "simple", "--epochs", 1, "--out", plain))
    said = done(narrows("denoise", plain, path, "--out", tmp_path / "4.parquet")).err
    assert "met no rows with cells left out" in said and "--noise masking:0.3" in said
    said = done(narrows("denoise", plain, out, "--out", tmp_path / "5.parquet")).err
    assert "met no rows with cells left out" not in said
    python = Autoencoder(preset="simple", latent=2, epochs=1).fit(table)
    with pytest.warns(NarrowsWarning, match="train one with noise='masking:0.3'"):
        python.denoise(table)

    pa.csv.write_csv(table, tmp_path / "ended.csv")
    with (tmp_path / "ended.csv").open("a", encoding="utf-8") as file:
        file.write(",,,\n,,,\n")
    said = done(narrows("denoise", plain, tmp_path / "ended.csv", "--out", out)).err
    assert "left out 2 lines at the end of" in said

    everything = done(narrows("denoise", model, path, "--cells", "all", "--out", out)).err
    assert f"wrote {ROWS} rows" in everything and "filled in" not in everything
    assert pa.parquet.read_table(out)["x"].to_pylist() != table["x"].to_pylist()
    failed(narrows("denoise", model, path, "--noise", "masking:0.1", "--out", out), 2, "--noise")
    failed(narrows("denoise", model, "digits", "--out", out), 1, "digits is no table")


def test_a_data_frame_comes_back_without_missing_cells() -> None:
    pandas = optional("pandas")
    pandas.DataFrame  # noqa: B018  skips here, and not in Arrow
    frame = rows().to_pandas()
    frame["size"] = frame["size"].astype("category")
    frame.loc[7] = [None, None, None, None]  # nothing known at all
    learnt = Autoencoder(noise="masking:0.3", epochs=5).fit(frame)
    with redirect_stderr(io.StringIO()) as quiet:
        found = learnt.denoise(frame)
    with redirect_stderr(io.StringIO()) as told:
        learnt.set_params(verbose=True).denoise(frame)
    gaps = frame.isna().sum()
    assert f"filled in {gaps.sum()} missing cells: {gaps['twice']} of 'twice'" in told.getvalue()
    assert "filled in" not in quiet.getvalue()
    assert isinstance(found, pandas.DataFrame) and list(found.columns) == list(frame.columns)
    assert not found.isna().any().any()
    assert found["size"].dtype == "category"
    kept = frame["x"].notna()
    pandas.testing.assert_series_equal(found["x"][kept], frame["x"][kept])
