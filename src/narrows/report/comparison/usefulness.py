"""What codes are good for where labels are at hand: how well classes are told from them.

Two classifiers that everybody knows are fitted to the codes of training items and asked about
held-out ones: the five nearest neighbours, by Euclidean distance between codes as they are, and a
logistic regression on codes standardised by the training ones' statistics (scikit-learn's, with its
default regularisation). PCA's codes of the same size and the items themselves go through the same.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from narrows.data.dataset import Dataset
from narrows.errors import DataError
from narrows.model.coded_items import CodedItems
from narrows.report.comparison.classes import MOST_CLASSES, NO_CLASS
from narrows.report.comparison.result import CodeUse, CodeUseRow, Kind
from narrows.support.blas import one_blas_thread
from narrows.support.chunks import sampled_places
from narrows.support.progress import Tracker, silent

_NEIGHBOURS, _MOST_STEPS = 5, 200
# Values of all training items times classes over ten: the regression on the items themselves, the
# slowest, takes some 15 seconds of one core. Items wider than the second are left out.
_MOST_VALUES, _MOST_WIDTH = 1 << 23, 1 << 14
_FEWEST, _MOST_LEARNT, _MOST_ASKED = 1_000, 60_000, 5_000


class Encoder(NamedTuple):
    """What makes codes of items.

    Attributes:
        kind: what it is.
        encode: codes (n, k) of items (n, \\*item_shape), with what says the class taken out.
        coded: what is learnt from and what is held out, with the codes that are known.
    """

    kind: Kind
    encode: Callable[[np.ndarray], np.ndarray]
    coded: tuple[CodedItems, CodedItems] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """Classes to be told from codes.

    Attributes:
        classes: how many.
        training, held_out: the number of each item's class, from 0 on, int64 (n,); -1 where it is
            not known, and the item is left out.
        hidden: features of items that say the class, and are made the mean's before items are
            encoded; None where no feature does.
    """

    classes: int
    training: np.ndarray
    held_out: np.ndarray
    hidden: slice | None = None


def find_labels(training: Dataset, held_out: Dataset, things: str = "items") -> Labels | None:
    """The classes that the labels of two parts of a data set stand for, which number them alike;
    None where the first has no labels.

    Args:
        things: what messages call the items.

    Raises:
        DataError: the other has none, or none that is known; or the first has fewer than two
            classes, or both together more than :data:`MOST_CLASSES`.
    """
    if training.labels is None:
        return None
    if held_out.labels is None:
        raise DataError(f"{held_out.name} has no labels")
    if (held_out.labels == NO_CLASS).all():
        raise DataError(f"no class of the measured {things} is known")
    both = np.concatenate([training.labels, held_out.labels])
    values = np.unique(both[both != NO_CLASS])
    if len(np.unique(training.labels[training.labels != NO_CLASS])) < 2:
        raise DataError(f"the {things} that are learnt from are of fewer than 2 classes")
    if len(values) > MOST_CLASSES:
        raise DataError(
            f"the {things} have {len(values):,} classes, and more than {MOST_CLASSES} are not told "
            "apart"
        )

    def places(labels: np.ndarray) -> np.ndarray:
        return np.where(labels == NO_CLASS, NO_CLASS, np.searchsorted(values, labels))

    return Labels(
        classes=len(values),
        training=places(training.labels),
        held_out=places(held_out.labels),
    )


def measure_usefulness(
    training: np.ndarray,
    held_out: np.ndarray,
    labels: Labels,
    encoders: Mapping[str, Encoder],
    *,
    most: int | None = None,
    seed: int = 0,
    track: Tracker = silent,
) -> CodeUse:
    """How well classes are told from codes, and from the items themselves, unless these are too
    wide for that.

    Of many items some are drawn at random, so many that it takes half a minute or so; how many
    depends on their size and the number of classes, never on the machine.

    Args:
        training: (n, \\*item_shape), what models and PCA were fitted to.
        held_out: items that were not, of the same shape.
        labels: their classes.
        encoders: what makes codes of them, by name.
        most: items that are learnt from, if fewer.
        seed: of the draw.
        track: told how far it is.

    Raises:
        DataError: fewer than two classes are left among the items drawn, or none to ask about.
    """
    width = int(np.prod(training.shape[1:], dtype=np.int64))
    learnt = _drawn(labels.training, _affordable(width, labels.classes, most), seed)
    asked = _drawn(labels.held_out, _MOST_ASKED, seed)
    if len(np.unique(labels.training[learnt])) < 2 or not len(asked):
        raise DataError("too few items whose class is known were drawn to tell classes apart")
    parts = _without(training[learnt], labels.hidden), _without(held_out[asked], labels.hidden)
    known = labels.training[learnt], labels.held_out[asked]
    rows = []
    with track("telling classes from codes", total=len(encoders) + 1, unit="kinds") as advance:
        for name, encoder in encoders.items():
            if labels.hidden is not None:  # what is known is of the items as they are
                encoder = encoder._replace(coded=None)
            codes = _codes(encoder, parts, (learnt, asked))
            rows.append(_row(name, encoder.kind, codes, known))
            advance(1)
        if width <= _MOST_WIDTH:
            flat = [_flat(part, labels.hidden) for part in parts]
            rows.append(_row("the items themselves", "raw", flat, known))
        advance(1)
    return CodeUse(
        rows=tuple(rows),
        learnt=len(learnt),
        measured=len(asked),
        classes=labels.classes,
        most_frequent=float((known[1] == np.bincount(known[0]).argmax()).mean()),
    )


def _affordable(width: int, classes: int, most: int | None) -> int:
    """Of how many items of so many values, ``most`` of all, it takes half a minute or so."""
    some = 10 * _MOST_VALUES // (max(width, 1) * max(classes, 10))
    return min(max(some, _FEWEST), most or _MOST_LEARNT, _MOST_LEARNT)


def _codes(
    encoder: Encoder,
    parts: tuple[np.ndarray, np.ndarray],
    places: tuple[np.ndarray, np.ndarray],
) -> list[np.ndarray]:
    """The codes of both parts, each a row: those that are known at their places, or made."""
    if encoder.coded is None:
        return [encoder.encode(part).reshape(len(part), -1) for part in parts]
    return [each.codes(some) for each, some in zip(encoder.coded, places, strict=True)]


def _drawn(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """The places of some items whose class is known."""
    known = np.flatnonzero(labels != NO_CLASS)
    return known[sampled_places(len(known), most, seed)]


def _without(items: np.ndarray, hidden: slice | None) -> np.ndarray:
    """Items with the features that say the class as the mean has them, which is 0."""
    if hidden is None:
        return items
    items = items.copy()
    items[:, hidden] = 0
    return items


def _flat(items: np.ndarray, hidden: slice | None) -> np.ndarray:
    """Items as rows of float32, without the features that say the class."""
    rows = items.reshape(len(items), -1).astype(np.float32)
    return rows if hidden is None else np.delete(rows, hidden, axis=1)


def _row(
    name: str, kind: Kind, parts: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> CodeUseRow:
    """Fit both classifiers to the codes of the first part, and ask them about the other's."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    neighbours = KNeighborsClassifier(min(_NEIGHBOURS, len(parts[0])))
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_MOST_STEPS))
    with warnings.catch_warnings(), one_blas_thread():
        # Of many hundred values it is near enough by then.
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = [
            model.fit(parts[0], labels[0]).score(parts[1], labels[1])
            for model in (neighbours, logistic)
        ]
    return CodeUseRow(
        name=name,
        kind=kind,
        numbers=parts[0].shape[1],
        neighbours=float(scores[0]),
        logistic=float(scores[1]),
    )
