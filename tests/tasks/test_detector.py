"""Odd items: scores and their formulas, thresholds, reasons, limits."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import norm, spearmanr

from helpers.codes_cases import blots
from narrows.data import Dataset, load_data
from narrows.errors import OutputError, ShapeError, UsageError
from narrows.learnt.detection import SCORES
from narrows.learnt.pca import fit_pca
from narrows.learnt.tails import surprises
from narrows.model.file import load_model, save_model
from narrows.model.trained import DataDescription, TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.planning.options import FitOptions
from narrows.planning.plan import make_plan
from narrows.tasks import detector as detecting
from narrows.tasks.detect import detect
from narrows.tasks.detector import Detector, fit_detection
from narrows.tasks.fit_plan import fit_plan
from narrows.tasks.linear import linear_model
from narrows.tasks.options import DetectOptions


def related(count: int, seed: int = 0) -> np.ndarray:
    """Six values of two causes, and a little noise: each follows from the others."""
    random = np.random.default_rng(seed)
    causes = random.normal(size=(count, 2))
    mixing = np.array([[1, 0, 1, 1, 2, -1], [0, 1, 1, -1, 1, 2]])
    return causes @ mixing + 0.1 * random.normal(size=(count, 6))


def trained(data: Dataset, held_out: Dataset | None) -> Detector:
    plan = make_plan(data, FitOptions(latent=2, epochs=3))
    return Detector(TrainedAutoencoder(fit_plan(data, held_out, plan, detection=True).trained))


@pytest.fixture(scope="module")
def detector() -> Detector:
    """One that has learnt 400 such items and holds out 199, so that p-values are whole 200ths."""
    return trained(Dataset("x", related(400)), Dataset("x", related(199, seed=1)))


# Scores


def test_the_threshold_that_is_told_flags_the_same_rows_by_hand(detector: Detector) -> None:
    threshold = detector.detection.threshold(0.05)
    found = detect(detector, Dataset("rows", related(50, seed=3)), DetectOptions())
    # a row at the threshold itself, one just above it and one just below
    scores = np.array([threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, 0)])
    told = replace(found, scores=scores, threshold=threshold, reasons={}, ranks=np.array([2, 1, 3]))
    by_hand = float(told.text().splitlines()[0].rpartition("score above ")[2].split(";")[0])
    np.testing.assert_array_equal(scores > by_hand, told.flagged)


def test_a_broken_relation_is_odd_and_a_normal_item_is_not(detector: Detector) -> None:
    items = related(200, seed=2)
    broken = items.copy()
    broken[:, 3] += 3  # well within the range of the column
    for score in ("combined", "reconstruction", "density"):
        normal, odd = detector.scores(items, score), detector.scores(broken, score)
        assert np.quantile(odd, 0.05) > np.quantile(normal, 0.95)


def test_what_lies_outside_is_odd_by_isolation(detector: Detector) -> None:
    assert (
        detector.scores(np.full((1, 6), 50.0), "isolation")
        > detector.scores(related(200), "isolation").max()
    )


def test_reconstruction_is_the_error_over_its_spread(detector: Detector) -> None:
    items = related(100, seed=3)
    errors = detector.autoencoder.reconstruct_floats(items) - items
    usual = detector.autoencoder.reconstruct_floats(related(400)) - related(400)
    spread = np.sqrt(np.square(usual).mean(axis=0))
    expected = 0.5 * np.log(np.square(errors / spread).mean(axis=1))
    np.testing.assert_allclose(detector.scores(items, "reconstruction"), expected, rtol=1e-3)


def test_combined_is_the_larger_surprise(detector: Detector) -> None:
    known, items = np.concatenate([related(400), related(199, seed=1)]), related(50, seed=3)
    expected = np.max(
        [
            surprises(detector.scores(items, score), np.sort(detector.scores(known, score)))
            for score in ("density", "isolation")
        ],
        axis=0,
    )
    np.testing.assert_allclose(detector.scores(items), expected, rtol=1e-4)


def test_the_density_is_that_of_a_normal_distribution() -> None:
    """Trained on one, minus its logarithm orders items as their distance from the mean does."""
    random = np.random.default_rng(0)
    data, items = Dataset("x", random.normal(size=(800, 3))), random.normal(size=(500, 3))
    found = trained(data, None).scores(items, "density")
    assert spearmanr(found, -norm.logpdf(items).sum(axis=1)).statistic > 0.95


def test_scattered_outliers_among_the_training_items_do_no_harm() -> None:
    outliers = np.random.default_rng(3).normal(scale=3, size=(20, 6))
    data = Dataset("x", np.concatenate([related(400), outliers]))
    scores = trained(data, None).scores(data.items, "density")
    assert np.median(scores[400:]) > np.quantile(scores[:400], 0.95)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_wild_value_among_the_training_items_is_the_oddest(seed: int) -> None:
    """Though it has a component of the mixture to itself, and the code nearly to itself."""
    items = np.concatenate([related(800, seed), 10 + related(1, seed)])
    items[-1, 3] = 999.0
    detector = trained(Dataset("x", items[seed:]), Dataset("x", related(99, seed + 3)))
    scores = detector.scores(items)
    assert scores.argmax() == 800
    assert detector.detection.p_values(scores[-1:]) == pytest.approx(0.01)
    assert scores[-1] > detector.detection.threshold(0.01)
    assert detector.contributions(items[-1:]).argmax() == 3


@pytest.mark.parametrize("held_out", [True, False])
def test_a_wild_value_is_flagged_though_it_is_what_others_are_compared_with(held_out: bool) -> None:
    items = related(99, seed=1)
    items[7, 3] = 999.0
    training = Dataset("x", related(800) if held_out else np.concatenate([related(800), items]))
    detector = trained(training, Dataset("x", items) if held_out else None)
    scores = detector.scores(items)
    assert scores.argmax() == 7
    assert (scores[7] > detector.detection.threshold(0.01)) and len(
        detector.detection.calibration
    ) == (98 if held_out else 898)


def test_scores_do_not_depend_on_company(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = related(100, seed=4)
    whole = detector.scores(items)
    monkeypatch.setattr("narrows.support.chunks.CHUNK_VALUES", 42)
    np.testing.assert_allclose(detector.scores(items), whole, rtol=1e-5)


def test_a_net_with_copies_across_judges_by_its_errors(tmp_path: Path) -> None:
    images = blots(16)
    made = make_plan(images, FitOptions(preset="unet", noise="gaussian:0.3", epochs=1))
    path = tmp_path / "unet.safetensors"
    save_model(path, fit_plan(images, None, made, detection=True).trained)
    learnt = Detector(TrainedAutoencoder(load_model(path)))
    directions = learnt.autoencoder.trained.detection["projection"].shape[1]
    assert learnt.autoencoder.trained.detection["centre"].shape == (directions,)
    turned = 255 - images.items[:3]
    for score in SCORES:
        usual = np.quantile(learnt.scores(images.items[:300], score), 0.99)
        assert (learnt.scores(turned, score) > usual).all()


def test_the_same_seed_gives_the_same_arrays(detector: Detector) -> None:
    model = replace(detector.autoencoder.trained, detection={})
    items = TrainedAutoencoder(model).coded(related(400))
    first, second = (fit_detection(model, items, None, 7) for _ in range(2))
    np.testing.assert_equal(first, second)
    # without held-out items, those of the training say how rare a score is
    assert first["calibration"].shape == (400, len(SCORES))


# Thresholds


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.05, 0.5])
@pytest.mark.parametrize("score", SCORES)
def test_the_threshold_is_where_p_values_reach_the_rate(
    detector: Detector, score: str, rate: float
) -> None:
    items = np.concatenate([related(300, seed=5), related(100, seed=6) * 2])
    scores = detector.scores(items, score)
    flagged = scores > detector.detection.threshold(rate, score)
    np.testing.assert_array_equal(
        flagged, detector.detection.p_values(scores, score) <= rate + 1e-12
    )


def test_of_the_held_out_items_no_more_are_flagged_than_asked(detector: Detector) -> None:
    scores = detector.scores(related(199, seed=1))
    for rate in (0.01, 0.1):
        assert (scores > detector.detection.threshold(rate) * (1 + 1e-6)).mean() <= rate


def test_too_few_held_out_items_flag_what_is_beyond_them_all(detector: Detector) -> None:
    assert detector.detection.smallest_p_value == 1 / 200
    highest = detector.scores(related(199, seed=1)).max()
    assert detector.detection.threshold(1e-4) == pytest.approx(highest, rel=1e-5)


# Reasons


def test_the_broken_value_is_named(detector: Detector) -> None:
    items, places = related(120, seed=8), np.arange(120) % 6
    items[np.arange(120), places] += 4
    shares = detector.contributions(items)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares.argmax(axis=1) == places).mean() > 0.9


def test_a_table_is_told_by_its_columns() -> None:
    random = np.random.default_rng(0)
    kind = random.choice(["a", "b", "c"], 400)
    height = random.normal(size=400) + 5 * (kind == "a")
    data = load_data(pa.table({"kind": kind, "height": height, "twice": 2 * height}))
    table = data.table
    assert table is not None
    found = trained(data, None)
    odd = table.encode(pa.table({"kind": ["b", "c"], "height": [0.0, 0.5], "twice": [30.0, 1.0]}))
    shares = found.contributions(odd)
    assert shares.shape == (2, 3)
    assert shares[0].argmax() == 2


def test_a_wrong_category_is_named() -> None:
    """A row's kind follows from its numbers."""
    random = np.random.default_rng(0)

    def rows(count: int, wrong: bool = False) -> pa.Table:
        place = random.integers(0, 3, count)
        near = 3.0 * place[:, None] + 0.3 * random.normal(size=(count, 3))
        kinds = np.array(["a", "b", "c"])[(place + wrong) % 3]
        return pa.table({"kind": kinds, **{f"x{at}": near[:, at] for at in range(3)}})

    data = load_data(rows(600))
    assert data.table is not None
    shares = trained(data, None).contributions(data.table.encode(rows(60, wrong=True)))
    assert (shares.argmax(axis=1) == 0).mean() > 0.9


def test_combined_is_explained_by_the_score_that_it_is(detector: Detector) -> None:
    items = related(80, seed=8)
    references = np.concatenate([related(400), related(199, seed=1)])
    density, isolation = (
        surprises(detector.scores(items, way), np.sort(detector.scores(references, way)))
        for way in ("density", "isolation")
    )
    larger = np.where(
        (density >= isolation)[:, None],
        detector.contributions(items, "density"),
        detector.contributions(items, "isolation"),
    )
    clear = np.abs(density - isolation) > 1e-2
    assert min((density > isolation)[clear].sum(), (isolation > density)[clear].sum()) > 10
    np.testing.assert_allclose(detector.contributions(items)[clear], larger[clear])


def test_the_lowest_p_value_is_explained_where_rows_share_it(detector: Detector) -> None:
    """It is 1 / (m + 1) of m held-out items (Davison and Hinkley, 1997)."""

    def told(items: np.ndarray) -> str:
        return detect(detector, Dataset("rows", items), DetectOptions()).text()

    count = len(detector.detection.calibration)
    odd = told(np.full((2, 6), 1e3) * [[1], [2]])
    assert f"no p-value is below {1 / (count + 1):.3g}, 1 / (m + 1) of the m = {count} rows" in odd
    assert "no p-value is below" not in told(np.zeros((1, 6)))


def test_no_items_have_no_reasons(detector: Detector) -> None:
    assert detector.contributions(np.zeros((0, 6))).shape == (0, 6)
    assert detector.scores(np.zeros((0, 6))).shape == (0,)


def test_large_items_are_told_by_their_errors(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detecting, "MOST_OCCLUDED", 5)
    heat = detector.heat(related(9))
    shares = detector.contributions(related(9))
    np.testing.assert_allclose(shares, heat / heat.sum(axis=1, keepdims=True))


# What cannot be


def test_a_model_without_detection_says_what_to_do(detector: Detector) -> None:
    with pytest.raises(UsageError, match="train it with narrows fit, without --no-detection"):
        Detector(TrainedAutoencoder(replace(detector.autoencoder.trained, detection={})))


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0, math.nan])
def test_a_rate_is_between_0_and_1(detector: Detector, rate: float) -> None:
    with pytest.raises(UsageError, match="is not between 0 and 1"):
        detector.detection.threshold(rate)


def test_there_are_four_scores(detector: Detector) -> None:
    with pytest.raises(UsageError, match="no score called 'distance'"):
        detector.scores(related(2), "distance")


def test_items_of_another_shape(detector: Detector) -> None:
    with pytest.raises(ShapeError, match="trained on"):
        detector.scores(np.zeros((2, 5)))


def test_what_is_kept_of_large_items_is_bounded(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    light = random.normal(size=(12, 1, 1, 1))
    photographs = 100 + 20 * light + random.normal(size=(12, 150, 161, 3))
    data = Dataset("photographs", photographs.astype(np.float32))
    autoencoder = TrainedAutoencoder(linear(data))
    coded = autoencoder.coded(data.items)
    detection = fit_detection(autoencoder.trained, coded, None, 0)
    trained = replace(autoencoder.trained, detection=detection)
    assert sum(array.nbytes for array in trained.detection.values()) < 3 << 20
    save_model(tmp_path / "m.safetensors", trained)
    detector = Detector(TrainedAutoencoder(load_model(tmp_path / "m.safetensors")))
    odd = data.items[:2].copy()
    odd[1, 100:140, 50:90] += 60
    usual, score = detector.scores(odd, "reconstruction")
    assert score > usual + 1  # the mean square is 1 and becomes about 240
    where = detector.heat(odd[1:])[0].mean(axis=2)
    assert where[100:140, 50:90].mean() > 10 * np.median(where)
    arrays = trained.detection | {"spread": trained.detection["spread"][:-1]}
    with pytest.raises(OutputError, match="detection/spread"):
        save_model(tmp_path / "m.safetensors", replace(trained, detection=arrays))


def linear(data: Dataset) -> TrainedModel:
    """PCA of one number, without training."""
    pca = fit_pca(data.items, 1)
    model = linear_model(data.item_shape, pca)
    zeros = np.zeros(1, np.float32)
    latent = {"lowest": zeros, "highest": zeros + 1, "mean": zeros}
    described = DataDescription(name=data.name, count=len(data), dtype=data.items.dtype.name)
    return TrainedModel(model=model, data=described, latent=latent)
