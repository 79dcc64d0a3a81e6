"""What evaluate says, against the same figures from NumPy, scikit-learn and SciPy."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft
from PIL import Image
from sklearn.decomposition import PCA

from narrows.baselines.dct import dct_reconstruct, zigzag
from narrows.data import Dataset, load_data
from narrows.errors import ShapeError
from narrows.learnt.pca import fit_pca
from narrows.model.trained import DataDescription, TrainedModel, TrainingRecord
from narrows.model.use import TrainedAutoencoder
from narrows.nn.model import initial_model
from narrows.nn.presets import preset_spec
from narrows.nn.scaling import Scaling
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.report.columns import ColumnScore
from narrows.report.evaluation import Evaluation, Score, error_unit, evaluate
from narrows.report.run_folder import draw_run
from narrows.support.number_text import share
from narrows.tasks.fit_plan import Fitted, fit_plan


@pytest.fixture(scope="module")
def held_out(digits: Dataset) -> Dataset:
    return digits.split(0.1, seed=0)[1]


@pytest.fixture(scope="module")
def training_rows(digits: Dataset) -> np.ndarray:
    return digits.split(0.1, seed=0)[0].items.reshape(-1, 64).astype(np.float64)


@pytest.fixture(scope="module")
def evaluation(fitted: Fitted, held_out: Dataset) -> Evaluation:
    return evaluate(TrainedAutoencoder(fitted.trained), held_out)


def assert_figures(score: Score, found: np.ndarray, data: Dataset, peak: float) -> None:
    """The four measures of ``score`` from what the method makes of ``data``."""
    error = found.reshape(data.items.shape) - data.items.astype(np.float64)
    np.testing.assert_allclose(score.mse, np.mean(error**2), rtol=1e-5)
    np.testing.assert_allclose(score.mae, np.mean(np.abs(error)), rtol=1e-5)
    np.testing.assert_allclose(score.largest, np.abs(error).max(), rtol=1e-4)
    np.testing.assert_allclose(score.psnr, 10 * np.log10(peak**2 / np.mean(error**2)), rtol=1e-5)


def test_the_models_figures_are_numpys(
    evaluation: Evaluation, fitted: Fitted, held_out: Dataset
) -> None:
    autoencoder = TrainedAutoencoder(fitted.trained)
    assert evaluation.model.method == "autoencoder"
    assert evaluation.model.numbers == 4
    assert_figures(evaluation.model, autoencoder.reconstruct_floats(held_out.items), held_out, 16)
    np.testing.assert_allclose(evaluation.model.mse, fitted.history[-1]["val_loss"], rtol=1e-5)


def test_pcas_figures_are_scikit_learns_on_what_the_model_was_trained_on(
    evaluation: Evaluation, training_rows: np.ndarray, held_out: Dataset
) -> None:
    reference = PCA(4, svd_solver="full").fit(training_rows)
    rows = held_out.items.reshape(-1, 64)
    assert (evaluation.pca.method, evaluation.pca.numbers) == ("PCA", 4)
    found = reference.inverse_transform(reference.transform(rows))
    assert_figures(evaluation.pca, found, held_out, 16)


def test_the_mean_item_is_the_training_sets(
    evaluation: Evaluation, training_rows: np.ndarray, held_out: Dataset
) -> None:
    score = evaluation.baselines[1]
    assert (score.method, score.numbers) == ("mean item", 0)
    found = np.tile(training_rows.mean(axis=0), (len(held_out), 1))
    assert_figures(score, found, held_out, 16)


def test_the_cosine_transform_is_scipys(evaluation: Evaluation, held_out: Dataset) -> None:
    score = evaluation.baselines[2]
    assert (score.method, score.numbers) == ("cosine transform", 4)
    frequencies = scipy.fft.dctn(held_out.items.astype(float), axes=(1, 2), norm="ortho")
    kept = np.zeros_like(frequencies)
    for row, column in [(0, 0), (0, 1), (1, 0), (2, 0)]:
        kept[:, row, column] = frequencies[:, row, column]
    assert_figures(score, scipy.fft.idctn(kept, axes=(1, 2), norm="ortho"), held_out, 16)


def test_the_chunks_change_nothing(
    evaluation: Evaluation, fitted: Fitted, held_out: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.support.chunks.CHUNK_VALUES", 64 * 7)
    chunked = evaluate(TrainedAutoencoder(fitted.trained), held_out)
    for one, other in zip(
        (chunked.model, *chunked.baselines), (evaluation.model, *evaluation.baselines), strict=True
    ):
        np.testing.assert_allclose(one.mse, other.mse, rtol=1e-6)
        np.testing.assert_allclose(one.largest, other.largest, rtol=1e-5)


def test_sizes_are_those_of_one_item_and_its_code(evaluation: Evaluation) -> None:
    assert evaluation.count == 180
    assert evaluation.bytes_before == 8 * 8
    assert evaluation.bytes_after == 4 * 4
    assert evaluation.unit == "grey levels²"


def test_the_sentence_says_it_all(evaluation: Evaluation) -> None:
    sentence = evaluation.sentence()
    for words in (
        f"digits: mean squared error {evaluation.model.mse:.5g} grey levels²",
        f"(PSNR {evaluation.model.psnr:.2f} dB)",
        "with 4 numbers an item",
        f"PCA with as many {evaluation.pca.mse:.5g}",
        "an item takes 64 bytes and its code 16: 4 a number",
    ):
        assert words in sentence
    assert "\n" not in sentence
    larger = replace(evaluation, bytes_after=80).sentence()
    assert larger.endswith("an item takes 64 bytes and its code 80, which is more: 4 a number")
    score = ColumnScore(
        name="age", kind="numeric", error=2.0, r2=0.5, pca_error=3.0, pca_r2=0.1, baseline_error=4.0
    )
    assert (
        "; a row, as the numbers that the net takes, takes 64 bytes and"
        in replace(evaluation, columns=(score,)).sentence()
    )


def simple(data: Dataset, epochs: int = 1, **sizes: Any) -> Fitted:
    return fit_plan(
        data, None, make_plan(data, FitOptions(preset="simple", epochs=epochs, **sizes))
    )


def fitted_to(
    items: np.ndarray, value_range: tuple[float, float] | None = None
) -> TrainedAutoencoder:
    data = Dataset("items.npy", items, value_range)
    return TrainedAutoencoder(simple(data, latent=1, hidden=(4,)).trained)


def test_rows_have_no_range_no_unit_and_no_cosine_transform() -> None:
    items = np.random.default_rng(0).random((40, 6))
    autoencoder = fitted_to(items)
    result = evaluate(autoencoder, Dataset("rows.npy", items))
    assert [score.method for score in result.baselines] == ["PCA", "mean item"]
    assert result.model.psnr is None
    assert result.unit == error_unit(autoencoder.trained) == ""
    assert "dB" not in result.sentence()
    assert "with 1 number an item" in result.sentence()
    assert result.bytes_before == 6 * 8


def test_floating_point_images_have_a_peak_only_from_0_to_1() -> None:
    items = np.random.default_rng(0).random((40, 4, 4))
    result = evaluate(fitted_to(items), Dataset("images.npy", items))
    np.testing.assert_allclose(result.model.psnr, 10 * np.log10(1 / result.model.mse), rtol=1e-5)
    others = evaluate(fitted_to(items * 50 - 20), Dataset("images.npy", items * 50 - 20))
    assert others.model.psnr is None and "dB" not in others.sentence()
    mean_item = np.square(others.baselines[1].mse) / others.baselines[1].mse
    np.testing.assert_allclose(others.model.relative, np.sqrt(others.model.mse / mean_item))
    assert f"(relative error {share(others.model.relative)})" in others.sentence()


def test_flat_rows_are_measured_as_the_images_they_are(
    evaluation: Evaluation, fitted: Fitted, held_out: Dataset
) -> None:
    rows = Dataset("digits", held_out.items.reshape(-1, 64))
    assert evaluate(TrainedAutoencoder(fitted.trained), rows) == evaluation


def test_items_of_another_shape_are_refused(fitted: Fitted) -> None:
    with pytest.raises(ShapeError, match=r"\(9, 7\).*\(8, 8\)"):
        evaluate(TrainedAutoencoder(fitted.trained), Dataset("others", np.zeros((5, 9, 7))))


@pytest.mark.slow
def test_an_autoencoder_of_mnist_keeps_more_than_the_mean(mnist: np.ndarray) -> None:
    data = Dataset("mnist:test", mnist[:2000], (0.0, 255.0))
    trained = simple(data, epochs=3).trained
    result = evaluate(TrainedAutoencoder(trained), Dataset("rest", mnist[2000:4000], (0.0, 255.0)))
    assert result.model.mse < result.baselines[1].mse
    assert result.pca.mse < result.baselines[1].mse


# Models of other kinds


def untrained(preset: str, items: np.ndarray, **training: Any) -> TrainedModel:
    """A model as it starts, with a PCA of ``items`` to be compared with."""
    spec = preset_spec(preset, items.shape[1:], latent=3)
    pca = fit_pca(items, 3)
    return TrainedModel(
        model=initial_model(spec, Scaling(), seed=0),
        data=DataDescription(name="items", count=len(items), dtype=items.dtype.name),
        training=TrainingRecord(**training),
        baseline={"mean": pca.mean, "components": pca.components},
    )


def test_a_decoder_that_takes_more_than_the_code_is_measured_as_it_reconstructs() -> None:
    items = np.random.default_rng(0).random((20, 8, 8)).astype(np.float32)
    autoencoder = TrainedAutoencoder(untrained("unet", items))
    result = evaluate(autoencoder, Dataset("items", items))
    expected = np.square(autoencoder.reconstruct(items).astype(np.float64) - items).mean()
    np.testing.assert_allclose(result.model.mse, expected, rtol=1e-5)
    assert result.elbo is None


def test_a_variational_model_has_an_elbo_in_nats() -> None:
    items = np.random.default_rng(0).random((50, 12)).astype(np.float32)
    training = {"objective": "l2", "noise_variance": 0.25}
    autoencoder = TrainedAutoencoder(untrained("variational", items, **training))
    result = evaluate(autoencoder, Dataset("items", items))
    # its part without the code: the density of values that lie that far from what is expected
    error = np.square(autoencoder.reconstruct_floats(items) - items).mean() / 0.25
    density = -0.5 * 12 * (np.log(2 * np.pi * 0.25) + error)
    assert result.elbo is not None
    assert abs(result.elbo - density) < 6
    assert f"ELBO {result.elbo:,.2f} nats an item" in result.sentence()


def test_a_variational_model_without_its_variance_is_measured_all_the_same() -> None:
    items = np.random.default_rng(0).random((50, 12)).astype(np.float32)
    result = evaluate(TrainedAutoencoder(untrained("variational", items)), Dataset("items", items))
    assert result.elbo is None
    assert "ELBO" not in result.sentence()


# Tables


def test_a_table_is_measured_column_by_column_as_well(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    length = random.normal(100, 5, 300)
    kinds = np.array(["ash", "elm"])[(length > 100).astype(int)]
    rows = [f"{a:.3f},{b}" for a, b in zip(length, kinds, strict=True)]
    path = tmp_path / "trees.csv"
    path.write_text("\n".join(["length,kind", *rows]), encoding="utf-8")
    data = load_data(str(path))
    result = evaluate(TrainedAutoencoder(simple(data, latent=1, hidden=(4,)).trained), data)
    assert [(score.name, score.kind) for score in result.columns] == [
        ("length", "numeric"),
        ("kind", "categorical"),
    ]
    np.testing.assert_allclose(result.columns[0].baseline_error, length.std(), rtol=1e-3)
    assert result.columns[0].pca_r2 == pytest.approx(
        1 - result.columns[0].pca_error ** 2 / length.var(), rel=1e-3
    )
    most = max(np.mean(kinds == "ash"), np.mean(kinds == "elm"))
    assert result.columns[1].baseline_error == pytest.approx(1 - most)
    json.dumps(asdict(result))


def test_what_is_no_table_has_no_columns(evaluation: Evaluation) -> None:
    assert evaluation.columns == ()


# The cosine transform


def test_zigzag_is_jpegs() -> None:
    # ITU-T T.81, figure A.6: where the first coefficients of an 8x8 block lie, and the last
    first = [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0)]
    order = [tuple(place) for place in zigzag(8, 8).tolist()]
    assert order[: len(first)] == first
    assert order[-3:] == [(6, 7), (7, 6), (7, 7)]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (5, 1), (3, 7), (8, 8)])
def test_zigzag_visits_every_frequency_once_lowest_first(height: int, width: int) -> None:
    order = zigzag(height, width)
    assert sorted(map(tuple, order.tolist())) == list(np.ndindex(height, width))
    assert (np.diff(order.sum(axis=1)) >= 0).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (3, 7), (8, 8)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_any_number_of_coefficients_keeps_what_scipys_keep(
    height: int, width: int, dtype: type
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, height, width)).astype(dtype)
    frequencies = scipy.fft.dctn(images.astype(float), axes=(1, 2), norm="ortho")
    kept = np.zeros_like(frequencies)
    for numbers, (row, column) in enumerate(zigzag(height, width), 1):
        kept[:, row, column] = frequencies[:, row, column]
        expected = scipy.fft.idctn(kept, axes=(1, 2), norm="ortho")
        found = dct_reconstruct(images, numbers)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-3)
    np.testing.assert_allclose(found, images, atol=1e-3)


# The pictures


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [True, False])
def test_a_run_draws_its_pictures(
    labelled: bool, fitted: Fitted, held_out: Dataset, evaluation: Evaluation, tmp_path: Path
) -> None:
    shown = held_out if labelled else Dataset("digits", held_out.items, held_out.value_range)
    draw_run(
        tmp_path,
        TrainedAutoencoder(fitted.trained),
        fitted.history,
        shown=shown,
        evaluation=evaluation,
        seed=0,
    )
    pictures = sorted(tmp_path.iterdir())
    assert [path.name for path in pictures] == ["codes.png", "loss.png", "reconstructions.png"]
    for path in pictures:
        with Image.open(path) as picture:
            picture.verify()
            assert min(picture.size) > 100


def test_a_run_on_a_table_draws_its_columns_and_no_curves(
    fitted: Fitted,
    held_out: Dataset,
    evaluation: Evaluation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    score = ColumnScore(
        name="age", kind="numeric", error=2.0, r2=0.5, pca_error=3.0, pca_r2=0.1, baseline_error=4.0
    )
    drawn: list[Any] = []
    monkeypatch.setattr(
        "narrows.report.run_folder.column_errors_figure",
        lambda scores, *_, **__: drawn.extend(scores),
    )
    told: list[Any] = []

    @contextlib.contextmanager
    def track(label: str, *, total: float | None, unit: str) -> Iterator[Any]:
        told.append((unit, total))
        yield lambda amount, note="": told.append(amount)

    draw_run(
        tmp_path,
        TrainedAutoencoder(fitted.trained),
        fitted.history,
        shown=held_out,
        evaluation=replace(evaluation, columns=(score,)),
        seed=0,
        track=track,
    )
    assert drawn == [score]
    assert told == [("pictures", 3), 1, 1, 1]
    assert not (tmp_path / "reconstructions.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1,), (6,), (3, 4), (3, 4, 3), (2, 2, 2, 2)])
@pytest.mark.parametrize("count", [1, 3])
def test_a_run_on_any_items_draws_its_pictures(
    shape: tuple[int, ...], count: int, tmp_path: Path
) -> None:
    items = np.random.default_rng(0).random((count, *shape))
    data = Dataset("items.npy", items)
    fitted = simple(data, latent=1, hidden=(4,))
    autoencoder = TrainedAutoencoder(fitted.trained)
    evaluation = evaluate(autoencoder, data)
    draw_run(tmp_path, autoencoder, fitted.history, shown=data, evaluation=evaluation, seed=0)
    assert len(list(tmp_path.iterdir())) == 3
