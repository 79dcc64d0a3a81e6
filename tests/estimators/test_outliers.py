"""The outlier detectors: scikit-learn's convention, PyOD's names, data frames, limits."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from helpers.optional import optional
from narrows import Autoencoder, OutlierDetector, PyODDetector
from narrows.errors import UsageError

pd = optional("pandas")


@pytest.mark.slow
@parametrize_with_checks([OutlierDetector(epochs=2)])
def test_scikit_learns_own_checks_pass(estimator: OutlierDetector, check: Any) -> None:
    check(estimator)


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """300 items of two kinds, 30 scattered ones, and which those are."""
    rows, _ = make_blobs(300, n_features=4, centers=2, random_state=0)
    scattered = np.random.default_rng(1).uniform(-20, 20, (30, 4))
    return np.concatenate([rows, scattered]), np.arange(330) >= 300


@pytest.fixture(scope="module")
def detector() -> OutlierDetector:
    return OutlierDetector(epochs=3, false_alarms=0.05).fit(blobs()[0])


@pytest.mark.slow
def test_the_signs_are_scikit_learns(detector: OutlierDetector) -> None:
    items, odd = blobs()
    scores, decision = detector.score_samples(items), detector.decision_function(items)
    np.testing.assert_allclose(decision, scores - detector.offset_)
    np.testing.assert_array_equal(detector.predict(items), np.where(decision < 0, -1, 1))
    assert set(detector.predict(items)) == {-1, 1}
    assert roc_auc_score(odd, -scores) > 0.95


def test_p_values_are_below_the_rate_where_items_are_flagged(detector: OutlierDetector) -> None:
    items, _ = blobs()
    np.testing.assert_array_equal(detector.p_values(items) <= 0.05, detector.predict(items) == -1)


@pytest.mark.slow
def test_fit_predict_is_fit_and_predict() -> None:
    items, _ = blobs()
    found = OutlierDetector(epochs=2).fit_predict(items)
    np.testing.assert_array_equal(found, OutlierDetector(epochs=2).fit(items).predict(items))


def test_it_is_an_autoencoder_too(detector: OutlierDetector) -> None:
    items, _ = blobs()
    assert detector.transform(items).shape == (330, detector.latent_size_)
    assert detector.inverse_transform(detector.transform(items)).shape == items.shape


@pytest.mark.slow
def test_all_at_once_with_ranks_and_reasons(detector: OutlierDetector) -> None:
    items, _ = blobs()
    found = detector.detect(items, explain=4)
    np.testing.assert_array_equal(found.scores, -detector.score_samples(items))
    np.testing.assert_array_equal(found.flagged, detector.predict(items) == -1)
    np.testing.assert_array_equal(found.p_values, detector.p_values(items))
    assert found.scores[found.oddest[0]] == found.scores.max()
    assert list(found.reasons) == found.oddest[:4].tolist()
    first = found.oddest[0]
    assert found.reasons[first][0][0] == f"x{detector.contributions(items[[first]]).argmax()}"
    assert found.table().num_rows == len(items)


def test_a_saved_one_does_all_that_it_did(detector: OutlierDetector, tmp_path: Path) -> None:
    items, _ = blobs()
    detector.save(tmp_path / "model.safetensors")
    found = OutlierDetector.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(found.score_samples(items), detector.score_samples(items))
    # what is only to make codes does not take the time to learn what is odd
    Autoencoder(epochs=2).fit(items).save(tmp_path / "plain.safetensors")
    with pytest.raises(UsageError, match="train it with narrows fit, without --no-detection"):
        OutlierDetector.load(tmp_path / "plain.safetensors")


@pytest.mark.slow
def test_what_is_about_use_holds_at_once(detector: OutlierDetector, tmp_path: Path) -> None:
    items, _ = blobs()
    found = copy.deepcopy(detector)
    for criterion in ("isolation", "density", "combined"):
        for rate in (0.3, 0.05):
            found.set_params(criterion=criterion, false_alarms=rate)
            flagged = found.predict(items) == -1
            np.testing.assert_array_equal(found.p_values(items) <= rate, flagged)
    found.offset_ = -np.inf  # a threshold of the user's own
    assert (copy.deepcopy(found).predict(items) == 1).all()
    found.set_params(criterion="isolation", false_alarms=0.3).save(tmp_path / "m.safetensors")
    again = OutlierDetector.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(items), found.predict(items))
    with pytest.raises(UsageError, match="no score called 'odd'"):
        found.set_params(criterion="odd").predict(items)
    with pytest.raises(UsageError, match="rate of false alarms of 2"):
        found.set_params(criterion="combined", false_alarms=2).predict(items)


def test_copies_and_clones(detector: OutlierDetector) -> None:
    items, _ = blobs()
    found = copy.deepcopy(detector)
    np.testing.assert_array_equal(found.predict(items), detector.predict(items))
    assert clone(detector).get_params() == detector.get_params()


@pytest.mark.slow
def test_a_data_frame_with_missing_values() -> None:
    random = np.random.default_rng(0)
    number = random.normal(size=200)
    frame = pd.DataFrame(
        {"a": number, "b": 2 * number, "c": np.where(random.random(200) < 0.3, np.nan, number)}
    )
    detector = OutlierDetector(epochs=3).fit(frame)
    assert np.isfinite(detector.score_samples(frame)).all()
    odd = pd.DataFrame({"a": [1.0, 0.5], "b": [-9.0, 1.0], "c": [1.0, np.nan]})
    assert detector.contributions(odd)[0].argmax() == 1
    assert detector.score_samples(odd).argmin() == 0


def test_a_row_without_any_value_is_judged() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan, 2.0, 3.0] * 20, "b": [1.0, 2.0, np.nan, 3.0] * 20})
    detector = OutlierDetector(epochs=2).fit(frame)
    empty = pd.DataFrame({"a": [np.nan, 1.0], "b": [np.nan, 1.0]})
    scores = detector.score_samples(empty)
    assert scores[0] < scores[1]  # training never saw both missing


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"criterion": "distance"}, "no score called 'distance'"),
        ({"false_alarms": 0.0}, "a rate of false alarms of 0 is not between 0 and 1"),
        ({"false_alarms": 1.0}, "a rate of false alarms of 1 is not between 0 and 1"),
    ],
)
def test_parameters_outside_their_limits(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        OutlierDetector(**parameters).fit(blobs()[0])


def test_items_that_cannot_be_judged(detector: OutlierDetector) -> None:
    items, _ = blobs()
    with pytest.raises(ValueError, match="NaN"):
        detector.predict(np.full((2, 4), np.nan))
    with pytest.raises(ValueError, match="features"):
        detector.predict(items[:, :3])


def test_each_item_is_judged_alone(detector: OutlierDetector) -> None:
    items, _ = blobs()
    alone = np.concatenate([detector.score_samples(items[place : place + 1]) for place in (0, 9)])
    again = detector.score_samples(items[[0, 0, 0, 9]])
    np.testing.assert_allclose(again, alone[[0, 0, 0, 1]], rtol=1e-6)
    for place in (0, 9):
        verdict = detector.predict(items[[place]])
        np.testing.assert_array_equal(detector.predict(items[[place] * 5]), np.repeat(verdict, 5))


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["combined", "reconstruction", "density"])
@pytest.mark.parametrize("value", [1e39, -1e39, 1e200, 1.7e308])
def test_what_overflows_is_odder_than_all_else(criterion: str, value: float) -> None:
    items, odd = blobs()
    normal = items[odd == 0][:20]
    extreme = np.concatenate([normal, normal[:1]])
    extreme[-1, 2] = value
    detector = one_of_each(criterion)
    scores = detector.score_samples(extreme)
    assert np.isfinite(scores).all() and scores.argmin() == 20
    np.testing.assert_allclose(scores[:20], detector.score_samples(normal), rtol=1e-6)
    assert detector.predict(extreme)[-1] == -1
    assert detector.p_values(extreme)[-1] == detector.p_values(extreme).min()
    assert detector.contributions(extreme)[-1].argmax() == 2


@pytest.mark.slow
def test_what_overflows_among_what_is_learnt_from(tmp_path: Path) -> None:
    items = blobs()[0].copy()
    items[[3, 40], 1] = 1e39, -1e39
    detector = OutlierDetector(epochs=2).fit(items)
    detector.save(tmp_path / "m.safetensors")
    again = OutlierDetector.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(items), detector.predict(items))


@cache
def one_of_each(criterion: str) -> OutlierDetector:
    return OutlierDetector(epochs=2, criterion=criterion).fit(blobs()[0])


@pytest.mark.slow
def test_pyods_names_and_signs() -> None:
    items, odd = blobs()
    detector = PyODDetector(contamination=0.1, others={"epochs": 2}).fit(items)
    assert detector.labels_.sum() == 33
    np.testing.assert_array_equal(detector.predict(items), detector.labels_)
    np.testing.assert_array_equal(detector.decision_function(items), detector.decision_scores_)
    np.testing.assert_array_equal(detector.decision_scores_ > detector.threshold_, detector.labels_)
    chances = detector.predict_proba(items)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert chances.min() == 0 and chances.max() == 1
    assert roc_auc_score(odd, chances[:, 1]) > 0.95


@pytest.mark.slow
def test_pyods_contamination_holds_at_once() -> None:
    items, _ = blobs()
    found = PyODDetector(contamination=0.1, others={"epochs": 2}).fit(items)
    for share in (0.2, 0.05):
        found.set_params(contamination=share)
        # the share of rows above the quantile, which lies between two of them
        assert found.labels_.sum() == found.predict(items).sum() == np.ceil(share * len(items))
    found.threshold_ = np.inf
    assert not copy.deepcopy(found).predict(items).any()
    with pytest.raises(UsageError, match="holds values from"):
        found.predict(items * 1e6)
    found.set_params(others={"epochs": 2, "check_range": False})
    assert not found.predict(items * 1e6).any()


@pytest.mark.parametrize("contamination", [0, 0.6])
def test_pyods_contamination_has_its_limits(contamination: float) -> None:
    with pytest.raises(UsageError, match=r"at most 0\.5"):
        PyODDetector(contamination=contamination).fit(blobs()[0])
