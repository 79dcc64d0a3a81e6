"""What Python says of a fit, what estimators take for data, and pixels of float images."""

import io
import json
import warnings
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from PIL import Image

from helpers.command_line import Command
from helpers.optional import optional
from narrows import Autoencoder, Dataset, NarrowsWarning, OutlierDetector, load_data
from narrows.data.array_inputs import require_array_fits
from narrows.data.pixels import pixels_of
from narrows.errors import DataError, ShapeError, UsageError
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.support.shapes import has_channels_first

pd = optional("pandas")

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(60, 6))
SHORT = {"epochs": 1, "preset": "simple", "latent": 2}


# What is said


def test_a_fit_warns_and_keeps_its_notes() -> None:
    with pytest.warns(NarrowsWarning) as seen:
        estimator = Autoencoder(**SHORT).fit(ROWS)
    said = [str(each.message) for each in seen if each.category is NarrowsWarning]
    told = [line for line in said if "PCA keeps more" in line]
    assert len(told) == 1 and "measured on 6 items held out" in told[0]
    assert set(said) <= set(estimator.notes_)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", NarrowsWarning)
        Autoencoder(**SHORT).fit(ROWS)


def test_pca_in_a_nets_place_and_choices_are_told() -> None:
    line = np.outer(np.linspace(0, 1, 60), np.arange(1, 7)) + RANDOM.normal(0, 1e-3, (60, 6))
    with pytest.warns(NarrowsWarning, match="kept the best linear model, PCA"):
        estimator = Autoencoder(1, epochs=1, refine=0).fit(line)
    assert any("preset dense" in note for note in estimator.notes_)
    assert estimator.model_.training.linear and len(estimator.history_) == 1
    html = estimator._repr_html_()
    assert "the loss of the net that PCA replaced is" in html
    assert "The loss of every epoch of the net that PCA replaced" in html


def test_columns_that_are_left_out_are_told() -> None:
    frame = pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1], "id": [f"r{i}" for i in range(60)]})
    with pytest.warns(NarrowsWarning, match=r"learnt from 1 column: 'id' \(hardly two are alike\)"):
        estimator = OutlierDetector(1, epochs=1, preset="simple").fit(frame)
    assert any(note.startswith("a ") and "numeric" in note for note in estimator.notes_)


@pytest.mark.slow
def test_progress_is_shown_where_it_is_asked_for() -> None:
    for verbose, shown in ((False, False), (True, True), (1, True), (np.bool_(True), True)):
        with redirect_stderr(io.StringIO()) as written:
            Autoencoder(**SHORT, verbose=verbose).fit(ROWS)
        assert ("dead" in written.getvalue() or "PCA" in written.getvalue()) == shown
    for wrong in ("yes", None, -1, 0.5, np.array([1, 2])):
        with pytest.raises(UsageError, match="verbose is"):
            Autoencoder(**SHORT, verbose=wrong).fit(ROWS)


def test_programs_are_told_what_the_program_tells_them() -> None:
    """An object a line: each epoch of the history, and then the notes."""
    with redirect_stderr(io.StringIO()) as written:
        estimator = Autoencoder(**{**SHORT, "epochs": 3}, verbose="json").fit(ROWS)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    epochs = [line for line in lines if line.pop("event") == "epoch" and line.pop("time")]
    assert epochs == estimator.history_
    assert [line["message"] for line in lines if "message" in line] == list(estimator.notes_)
    with redirect_stderr(io.StringIO()) as written:
        Autoencoder(**SHORT, verbose=True).fit(ROWS)
    assert not written.getvalue().startswith("{")


# What is taken


def test_a_dataset_is_taken_as_its_items(digits: Dataset) -> None:
    digits = Dataset("digits", digits.items, (0.0, 255.0))  # as of any array of 8 bits
    found = Autoencoder(**SHORT).fit(digits)
    wanted = Autoencoder(**SHORT).fit(digits.items)
    assert found.model_.data.name == "digits"
    np.testing.assert_array_equal(found.transform(digits), wanted.transform(digits.items))
    np.testing.assert_array_equal(found.reconstruct(digits), wanted.reconstruct(digits.items))


def test_a_dataset_of_a_table_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1], "c": ROWS[:, 2]}).to_csv(path, index=False)
    data = load_data(path)
    estimator = Autoencoder(**SHORT).fit(data)
    codes = estimator.transform(data)
    np.testing.assert_allclose(codes, estimator.transform(pd.read_csv(path)), atol=1e-5)
    own = load_data(path, table=estimator.model_.data.table)
    np.testing.assert_allclose(codes, estimator.transform(own), atol=1e-5)
    other = load_data(pd.DataFrame({"z": ROWS[:, 0], "y": ROWS[:, 1]}))
    with pytest.raises(UsageError, match="was not read as the table"):
        estimator.transform(other)


@pytest.mark.parametrize("name", ["mnist", Path("mnist"), "missing.csv"])
def test_a_name_is_no_data_and_the_error_says_what_to_do(name: Any) -> None:
    fitted = Autoencoder(**SHORT, check_range=False).fit(ROWS)
    for call in (Autoencoder(**SHORT).fit, fitted.transform, fitted.score, fitted.denoise):
        with pytest.raises(UsageError, match="a name, and must be the data") as caught:
            call(name)
        assert f"load_data({str(name)!r})" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array, sp.coo_array, sp.lil_matrix])
def test_sparse_matrices_are_made_dense(kind: Any) -> None:
    rows = np.where(np.abs(ROWS) > 1, ROWS, 0)
    estimator = Autoencoder(**SHORT).fit(rows)
    found = Autoencoder(**SHORT).fit(kind(rows))
    np.testing.assert_array_equal(found.transform(kind(rows)), estimator.transform(rows))


def test_sparse_matrices_that_do_not_fit_are_refused_before_they_are_made() -> None:
    huge = sp.csr_array(([1.0], ([0], [0])), shape=(10_000_000, 1_000_000))
    with pytest.raises(DataError, match="80,000,000,000,000 bytes as an array of shape"):
        Autoencoder().fit(huge)
    require_array_fits("X", (10, 10), np.dtype(float))


@pytest.mark.parametrize("shape", [(64,), (8, 8), (8, 8, 3)])
def test_reconstructions_have_the_shape_and_type_of_what_was_given(shape: tuple) -> None:
    items = RANDOM.integers(0, 256, (30, *shape)).astype(np.uint8)
    estimator = Autoencoder(**SHORT).fit(items)
    found = estimator.reconstruct(items)
    assert (found.shape, found.dtype) == (items.shape, items.dtype)
    wanted = estimator.inverse_transform(estimator.transform(items))
    np.testing.assert_array_equal(found, wanted)
    flat = items.reshape(30, -1)
    np.testing.assert_array_equal(estimator.reconstruct(flat), wanted.reshape(30, -1))


def test_a_reconstructed_frame_keeps_its_index() -> None:
    frame = pd.DataFrame(ROWS[:, :3], columns=list("abc"), index=range(500, 560))
    estimator = Autoencoder(**SHORT).fit(frame)
    found = estimator.reconstruct(frame)
    assert found.index.equals(frame.index) and list(found.columns) == list("abc")
    wanted = estimator.inverse_transform(estimator.transform(frame))
    np.testing.assert_allclose(found.to_numpy(), wanted.to_numpy(), rtol=1e-5)


# Channels


def test_channels_first_are_told_with_the_axis_to_move(narrows: Command, tmp_path: Path) -> None:
    images = np.zeros((4, 3, 128, 128), np.uint8)
    images[:, :, ::2] = 255
    for preset in ("auto", "conv", "unet", "denoiser", "dense"):
        with pytest.raises(UsageError, match="their 3 channels first") as caught:
            Autoencoder(preset=preset, epochs=1).fit(images)
        assert "np.moveaxis(X, 1, -1)" in str(caught.value)
    np.save(tmp_path / "x.npy", images)
    done = narrows("fit", tmp_path / "x.npy", "--out", tmp_path / "m")
    assert done.code == 2 and "np.moveaxis(X, 1, -1)" in done.err
    # small ones are taken as they are, and told
    small = Dataset("X", RANDOM.integers(0, 256, (40, 3, 8, 8)).astype(np.uint8), (0.0, 255.0))
    plan = make_plan(small, FitOptions(epochs=1))
    assert any("channels first" in reason for reason in plan.reasons)
    for shape in ((8, 8, 3), (128, 128), (3, 128, 3), (16, 128, 128), (2, 30, 30), (3, 4, 4)):
        assert not has_channels_first(shape)


def test_the_axis_to_move_is_told_at_use_too() -> None:
    images = RANDOM.random((30, 8, 8, 3))
    last = Autoencoder(**SHORT).fit(images)
    with pytest.raises(ShapeError, match=r"np\.moveaxis\(X, 1, -1\)"):
        last.transform(np.moveaxis(images, -1, 1))
    first = Autoencoder(**SHORT).fit(np.moveaxis(images, -1, 1))
    with pytest.raises(ShapeError, match=r"np\.moveaxis\(X, -1, 1\)"):
        first.transform(images)


def test_rows_are_not_called_small(digits: Dataset) -> None:
    rows = Dataset("X", np.zeros((30, 20_000), np.float32))
    reasons = make_plan(rows, FitOptions(epochs=1)).reasons
    assert not any("small enough" in reason for reason in reasons)


# Pixels


@pytest.mark.parametrize(
    ("dtype", "extent", "whole", "values", "pixels", "kind"),
    [
        ("float32", (0.0, 1.0), False, [0, 0.5, 1, -0.2, 1.3], [0, 128, 255, 0, 255], "uint8"),
        ("float64", (0.0, 255.0), True, [0, 99.6, 255, 300], [0, 100, 255, 255], "uint8"),
        ("float64", (0.0, 4095.0), True, [0, 99.6, 4095], [0, 100, 4095], "uint16"),
        ("int64", (0.0, 16.0), True, [0, 3, 16], [0, 3, 16], "uint8"),
        ("bool", (0.0, 1.0), True, [False, True], [0, 255], "uint8"),
        ("float32", (-1.0, 1.0), False, [-1, 0, 1], [0, 32768, 65535], "uint16"),
        ("int16", (-100.0, 155.0), True, [-100, 155], [0, 65535], "uint16"),
    ],
)  # fmt: skip
def test_values_become_pixels_by_the_rule(
    dtype: str, extent: Any, whole: bool, values: list, pixels: list, kind: str
) -> None:
    rule = pixels_of((8, 8), dtype, extent, whole)
    assert rule is not None
    found = rule(np.array(values, dtype))
    assert found.dtype == kind
    assert found.tolist() == pixels


def test_what_is_pixels_or_no_image_has_no_rule() -> None:
    assert pixels_of((8, 8), "uint8", (0.0, 255.0)) is None
    assert pixels_of((8, 8), "uint16", (0.0, 255.0)) is None
    assert pixels_of((64,), "float32", (0.0, 1.0)) is None
    assert pixels_of((8, 8, 2), "float32", (0.0, 1.0)) is None
    assert pixels_of((8, 8), "float32", None) is None


@pytest.mark.slow
def test_a_model_of_float_images_writes_folders(narrows: Command, tmp_path: Path) -> None:
    images = RANDOM.random((20, 8, 8)).astype(np.float32)
    data, model = tmp_path / "x.npy", tmp_path / "m.safetensors"
    np.save(data, images)
    Autoencoder(**SHORT).fit(images).save(model)
    assert narrows("encode", model, data, "--out", tmp_path / "codes.npy").code == 0
    wanted = Autoencoder.load(model).reconstruct(images)
    for command, given, *more in (
        ("reconstruct", data), ("decode", tmp_path / "codes.npy"), ("denoise", data),
        ("generate", None, "-n", 3),
    ):  # fmt: skip
        out = tmp_path / command
        line = [command, model, *([] if given is None else [given]), "--out", f"{out}/", *more]
        done = narrows(*line)
        assert done.code == 0, done.err
        assert "values from 0 to 1 are written as pixels from 0 to 255" in done.err or (
            "range of the training data" in done.err
        )
        assert len(list(out.glob("*.png"))) == (3 if command == "generate" else 20)
    with Image.open(tmp_path / "reconstruct" / "000003.png") as image:
        found = np.asarray(image)
    expected = np.rint(np.clip(wanted[3], 0, 1) * 255)
    np.testing.assert_array_equal(found, expected)
    rows = Autoencoder(**SHORT).fit(images.reshape(20, -1))
    rows.save(model)
    np.save(data, images.reshape(20, -1))
    done = narrows("reconstruct", model, data, "--out", f"{tmp_path / 'rows'}/")
    assert done.code != 0 and ".npy" in done.err
