"""The outlier detectors: scikit-learn's convention, PyOD's names, data frames, limits."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from narrows import Autoencoder, OutlierDetector, PyODDetector
from narrows.errors import DataError, UsageError


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


def test_fit_predict_is_fit_and_predict() -> None:
    items, _ = blobs()
    found = OutlierDetector(epochs=2).fit_predict(items)
    np.testing.assert_array_equal(found, OutlierDetector(epochs=2).fit(items).predict(items))


def test_it_is_an_autoencoder_too(detector: OutlierDetector) -> None:
    items, _ = blobs()
    assert detector.transform(items).shape == (330, detector.latent_size_)
    assert detector.inverse_transform(detector.transform(items)).shape == items.shape


def test_a_saved_one_does_all_that_it_did(detector: OutlierDetector, tmp_path: Path) -> None:
    items, _ = blobs()
    detector.save(tmp_path / "model.safetensors")
    found = OutlierDetector.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(found.score_samples(items), detector.score_samples(items))
    # what is only to make codes does not take the time to learn what is odd
    Autoencoder(epochs=2).fit(items).save(tmp_path / "plain.safetensors")
    with pytest.raises(UsageError, match="train it with narrows fit or OutlierDetector"):
        OutlierDetector.load(tmp_path / "plain.safetensors")


def test_copies_and_clones(detector: OutlierDetector) -> None:
    items, _ = blobs()
    found = copy.deepcopy(detector)
    np.testing.assert_array_equal(found.predict(items), detector.predict(items))
    assert clone(detector).get_params() == detector.get_params()


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
    with pytest.raises(DataError, match="all 5 items of X have the same score"):
        detector.predict(np.repeat(items[:1], 5, axis=0))


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


@pytest.mark.parametrize("contamination", [0, 0.6])
def test_pyods_contamination_has_its_limits(contamination: float) -> None:
    with pytest.raises(UsageError, match=r"at most 0\.5"):
        PyODDetector(contamination=contamination).fit(blobs()[0])
