"""How well classes are told from codes, against scikit-learn and against counting by hand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from narrows.data import Dataset, load_data
from narrows.errors import DataError
from narrows.learnt.pca import fit_pca
from narrows.report.comparison import usefulness
from narrows.report.comparison.result import CodeUse
from narrows.report.comparison.usefulness import (
    Encoder,
    Labels,
    find_labels,
    measure_usefulness,
)

Parts = tuple[Dataset, Dataset]


def measured(
    training: np.ndarray,
    held_out: np.ndarray,
    labels: Labels,
    encoders: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    kinds: Mapping[str, Any] | None = None,
    **options: Any,
) -> CodeUse:
    """What comes of encoders, whose kind matters where it is given."""
    said = kinds or dict.fromkeys(encoders, "pca")
    named = {name: Encoder(said[name], encode) for name, encode in encoders.items()}
    return measure_usefulness(training, held_out, labels, named, **options)


@pytest.fixture(scope="module")
def parts() -> Parts:
    return load_data("digits", labels=True).split(0.2, 0)


@pytest.fixture(scope="module")
def result(parts: Parts) -> CodeUse:
    training, held_out = parts
    labels = find_labels(training, held_out)
    assert labels is not None
    pca = fit_pca(training.items, 10)
    return measured(training.items, held_out.items, labels, {"PCA": pca.encode})


def accuracy(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found == truth).mean())


def test_the_five_nearest_neighbours_vote_by_distance_between_codes_as_they_are() -> None:
    """All distances, the five least of each row counted. Classes overlap, and lie apart along one
    direction that is much longer than the others: neither another number nor another scale does."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 900)
    items = random.normal(0, 1, (900, 9))
    items[:, 0] = 30 * items[:, 0] + 60 * truth
    labels = Labels(classes=2, training=truth[:600], held_out=truth[600:])
    found = measured(items[:600], items[600:], labels, {"same": lambda rows: rows})
    nearest = np.argsort(cdist(items[600:], items[:600]), axis=1)[:, :5]
    told = truth[:600][nearest].sum(axis=1) > 2
    assert found.rows[0].neighbours == pytest.approx(accuracy(told, truth[600:]))


@pytest.mark.slow
def test_the_regression_is_scikit_learns_on_codes_standardised_by_training(
    parts: Parts, result: CodeUse
) -> None:
    from sklearn.linear_model import LogisticRegression

    training, held_out = parts
    pca = fit_pca(training.items, 10)
    ours, theirs = pca.encode(training.items), pca.encode(held_out.items)
    mean, spread = ours.mean(axis=0), ours.std(axis=0)
    model = LogisticRegression(max_iter=200).fit((ours - mean) / spread, training.labels)
    told = model.predict((theirs - mean) / spread)
    assert result.rows[0].logistic == pytest.approx(accuracy(told, held_out.labels), abs=0.003)


@pytest.mark.slow
def test_always_the_most_frequent_class_is_right_as_often_as_it_comes(
    parts: Parts, result: CodeUse
) -> None:
    training, held_out = parts
    most = np.bincount(training.labels).argmax()
    assert result.most_frequent == pytest.approx((held_out.labels == most).mean())
    assert (result.learnt, result.measured) == (len(training), len(held_out))
    assert result.classes == len(np.unique(training.labels)) == 10
    assert [row.name for row in result.rows] == ["PCA", "the items themselves"]


def test_codes_that_say_the_class_tell_it_and_those_that_say_nothing_do_not() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 600)
    items = np.column_stack([truth, random.normal(size=600)]).astype(np.float32)
    labels = Labels(classes=3, training=truth[:400], held_out=truth[400:])
    encoders = {"all": lambda rows: rows[:, :1], "nothing": lambda rows: rows[:, 1:]}
    kinds = {"all": "ours", "nothing": "article"}
    found = measured(items[:400], items[400:], labels, encoders, kinds=kinds)
    assert [row.kind for row in found.rows] == ["ours", "article", "raw"]
    everything, nothing, _ = found.rows
    assert everything.neighbours == everything.logistic == 1
    assert nothing.neighbours < 0.5 and nothing.logistic < 0.5


def test_numbers_that_no_item_has_are_no_classes() -> None:
    training = Dataset("a", np.zeros((3, 1)), labels=np.array([7, 3, 7]))
    held_out = Dataset("b", np.zeros((2, 1)), labels=np.array([3, 11]))
    labels = find_labels(training, held_out)
    assert labels is not None and labels.classes == 3
    np.testing.assert_array_equal(labels.training, [1, 0, 1])
    np.testing.assert_array_equal(labels.held_out, [0, 2])


def test_nobody_sees_the_features_that_say_the_class() -> None:
    """They are taken out of what is encoded, and of the items: nothing else says the class here, so
    that nobody does better than guessing."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 500)
    items = random.normal(size=(500, 5)).astype(np.float32)
    items[:, 2], items[:, 3] = truth, -truth
    labels = Labels(
        classes=2,
        training=truth[:300],
        held_out=truth[300:],
        hidden=slice(2, 4),
    )
    seen = []

    def encode(rows: np.ndarray) -> np.ndarray:
        seen.append(rows)
        return rows

    before = items.copy()
    found = measured(items[:300], items[300:], labels, {"as they are": encode})
    assert all((rows[:, 2:4] == 0).all() for rows in seen)
    np.testing.assert_array_equal(items, before)
    assert all(row.logistic < 0.65 and row.neighbours < 0.65 for row in found.rows)
    assert [row.numbers for row in found.rows] == [5, 3]


def test_items_whose_class_is_not_known_are_left_out() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(-1, 2, 300)
    items = random.normal(size=(300, 2)) + 9 * truth[:, None]
    labels = Labels(classes=2, training=truth[:200], held_out=truth[200:])
    found = measured(items[:200], items[200:], labels, {})
    assert (found.learnt, found.measured) == ((truth[:200] >= 0).sum(), (truth[200:] >= 0).sum())
    assert found.rows[0].neighbours == 1


def test_of_many_items_some_are_drawn_and_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usefulness, "_MOST_LEARNT", 300)
    monkeypatch.setattr(usefulness, "_MOST_ASKED", 200)
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 1000)
    items = truth[:, None] + random.normal(0, 3, (1000, 2))
    labels = Labels(classes=2, training=truth[:600], held_out=truth[600:])
    first, again, other = (
        measured(items[:600], items[600:], labels, {}, seed=seed) for seed in (0, 0, 1)
    )
    assert (first.learnt, first.measured) == (300, 200)
    assert first.rows == again.rows != other.rows


def test_items_too_wide_are_left_out_and_their_codes_are_not() -> None:
    items = np.repeat(np.arange(40.0)[:, None] % 2, 17_000, axis=1)
    truth = np.arange(40) % 2
    labels = Labels(classes=2, training=truth, held_out=truth)
    found = measured(items, items, labels, {"first": lambda rows: rows[:, :1]})
    assert [row.name for row in found.rows] == ["first"]
    assert found.rows[0].neighbours == 1


def test_without_labels_or_classes_there_is_nothing_to_tell(parts: Parts) -> None:
    training, held_out = parts
    assert find_labels(*load_data("digits").split(0.2, 0)) is None
    zeros = [part.rows(np.flatnonzero(part.labels == 0)) for part in (training, held_out)]
    with pytest.raises(DataError, match="the items that are learnt from are of fewer than 2"):
        find_labels(*zeros)
    many = Dataset("many", np.zeros((101, 1)), labels=np.arange(101))
    with pytest.raises(DataError, match="the items have 101 classes, and more than 100 are not"):
        find_labels(many, many)
    with pytest.raises(DataError, match="many has no labels"):
        find_labels(training, replace(many, labels=None))
    with pytest.raises(DataError, match="no class of the measured rows is known"):
        find_labels(training, replace(many, labels=np.full(101, -1)), "rows")
    one = Labels(
        classes=2,
        training=np.zeros(len(training), np.int64),
        held_out=np.zeros(len(held_out), np.int64),
    )
    with pytest.raises(DataError, match="too few items whose class is known were drawn"):
        measured(training.items, held_out.items, one, {})
