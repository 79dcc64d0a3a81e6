"""The autoencoder as an outlier detector, in scikit-learn's convention and in PyOD's."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from narrows.errors import UsageError
from narrows.estimators.autoencoder import Autoencoder
from narrows.learnt.detection import require_rate, score_index
from narrows.model.file import save_model
from narrows.model.trained import TrainedModel
from narrows.planning.recipe import DETECTION_STEPS
from narrows.support import arguments
from narrows.tasks.detector import Detector


class OutlierDetector(OutlierMixin, Autoencoder):
    """Tell odd items from those that resemble each other, without labels.

    It is an :class:`narrows.Autoencoder`, which may be trained on items among which there are odd
    ones. :mod:`narrows.learnt.scorer` says what the scores are; items and data frames are what they
    are there.

    Args:
        latent, hidden, preset, epochs, validation_fraction, random_state, check_range, verbose,
            types: as of :class:`narrows.Autoencoder`; without ``epochs``, training takes fewer
            steps, for odd items are learnt last.
        criterion: "combined", "reconstruction", "density" or "isolation".
        false_alarms: the share of normal items that may be taken for odd ones. The threshold is
            told by the items that ``fit`` holds out; where they are too few to tell such a rate, it
            is their highest score. This and ``criterion`` are about use, as ``check_range`` is:
            changed after ``fit`` or ``load``, they hold at once.

    Attributes:
        offset_: the threshold on :meth:`score_samples`: items below it are outliers. It may be set,
            and holds until ``criterion`` or ``false_alarms`` is.

    Example:
        >>> from sklearn.datasets import load_wine
        >>> X = load_wine().data
        >>> detector = OutlierDetector(epochs=5).fit(X)
        >>> detector.predict(X[:2] + [[0.0], [1e4]])
        array([ 1, -1])
    """

    def __init__(
        self,
        latent: int | None = None,
        *,
        criterion: str = "combined",
        false_alarms: float = 0.01,
        hidden: int | tuple[int, ...] | None = None,
        preset: str = "auto",
        epochs: int | None = None,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = 0,
        check_range: bool = True,
        verbose: bool = False,
        types: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            latent,
            hidden=hidden,
            preset=preset,
            epochs=epochs,
            validation_fraction=validation_fraction,
            random_state=random_state,
            check_range=check_range,
            verbose=verbose,
            types=types,
        )
        self.criterion = criterion
        self.false_alarms = false_alarms

    def fit(  # type: ignore[override]  # no pairs: an odd item is odd beside its own kind
        self, X: Any, y: Any = None, *, validation_data: Any = None
    ) -> Self:
        """Train on ``X``, as :meth:`narrows.Autoencoder.fit` does, and learn what is odd.

        Args:
            X: (n, \\*item_shape), or a data frame; a few odd items among them do little harm.
            y: ignored.
            validation_data: items to take the threshold from, instead of some of ``X``.

        Raises:
            ValueError: data or parameters that cannot be.
        """
        score_index(arguments.text("criterion", self.criterion) or "")
        require_rate(arguments.required_number("false_alarms", self.false_alarms))
        super().fit(X, validation_data=validation_data)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """How normal each item is, float64 (n,): higher is more normal.

        Each is judged alone, whatever else is in ``X``. Of an item so extreme that its score
        overflows it is the lowest number that there is.
        """
        check_is_fitted(self)
        return -self._detector.scores(self._items(X, finding=True), self.criterion)

    def decision_function(self, X: Any) -> np.ndarray:
        """:meth:`score_samples` less ``offset_``: below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """-1 for outliers, 1 for the others: int64 (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """How large a share of normal items is as odd as each of ``X``, float64 (n,)."""
        return self._detector.detection.p_values(-self.score_samples(X), self.criterion)

    def contributions(self, X: Any) -> np.ndarray:
        """What made each item odd, float64 (n, parts): see
        :meth:`narrows.tasks.detector.Detector.contributions`."""
        check_is_fitted(self)
        return self._detector.contributions(self._items(X, finding=True), self.criterion)

    @property
    def _detector(self) -> Detector:
        return Detector(self._autoencoder)

    _detects = True
    _most_steps = DETECTION_STEPS

    def _take(self, trained: TrainedModel) -> None:
        super()._take(trained)
        self.offset_ = self._offset()

    def _offset(self) -> float:
        rate = arguments.required_number("false_alarms", self.false_alarms)
        return -self._detector.detection.threshold(rate, self.criterion)

    @property
    def offset_(self) -> float:
        """The threshold on :meth:`score_samples` that ``criterion`` and ``false_alarms`` ask for,
        or that was set since they were."""
        check_is_fitted(self, "model_")
        if self._threshold[:2] != (self.criterion, self.false_alarms):
            self.offset_ = self._offset()
        return self._threshold[2]

    @offset_.setter
    def offset_(self, value: float) -> None:
        self._threshold = self.criterion, self.false_alarms, value

    def __setstate__(self, state: dict[str, Any]) -> None:
        offset = state.pop("offset_", None)  # of older pickles
        super().__setstate__(state)
        if offset is not None:
            self.offset_ = offset


class PyODDetector(BaseEstimator):
    """:class:`OutlierDetector` with the names and signs of PyOD, which need not be installed.

    Args:
        contamination: the share of the training items that is taken to be odd. It is about use:
            changed after ``fit`` or ``load``, it holds at once.
        others: parameters of :class:`OutlierDetector` by name, such as ``types``, or None; all of
            them, but for ``check_range``, hold from the next ``fit`` on.

    Attributes:
        decision_scores_: of the training items, higher is odder, float64 (n,).
        threshold_: scores above it are outliers'. It may be set, and holds until ``contamination``
            is.
        labels_: 1 for outliers among the training items, 0 for the others.
        detector_: the :class:`OutlierDetector`.

    Example:
        >>> from sklearn.datasets import load_wine
        >>> X = load_wine().data
        >>> PyODDetector(contamination=0.05, others={"epochs": 5}).fit(X).labels_.sum()
        np.int64(9)
    """

    def __init__(self, contamination: float = 0.1, others: dict[str, Any] | None = None) -> None:
        self.contamination = contamination
        self.others = others

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on ``X``; ``y`` is ignored.

        Raises:
            ValueError: data or parameters that cannot be.
        """
        self._share()
        known = OutlierDetector._get_param_names()
        takes = "OutlierDetector's parameters by name, or None"
        others = arguments.mapping("others", self.others, takes) or {}
        if unknown := sorted(set(others) - set(known)):
            raise UsageError(
                f"others has {unknown[0]!r}, which OutlierDetector does not take",
                hint=f"it takes {', '.join(known)}",
            )
        detector = OutlierDetector(**others).fit(X)
        self._take(detector, -detector.score_samples(X))
        return self

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trained model with the scores of its training items as one file, which the
        program ``narrows`` and :class:`OutlierDetector` read too."""
        check_is_fitted(self)
        trained = replace(
            self.detector_.model_,
            scores={"training": self.decision_scores_},
            parameters={
                **self.detector_.model_.parameters,
                "contamination": self._share(),
                "others": sorted(self.others or {}),
            },
        )
        save_model(arguments.path("path", path), trained)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model file that :meth:`save`, :class:`OutlierDetector` or ``narrows fit`` wrote.

        Of the last two ``contamination`` is its default, and ``decision_scores_`` are those of the
        items that were held out.

        Raises:
            ModelFileError: the file is missing, damaged, from a newer narrows, or not ours.
            UsageError: the model does not say what odd items are.
        """
        detector = OutlierDetector.load(path)
        trained = detector.model_
        share = trained.parameters.get("contamination", cls().contamination)
        given = detector.get_params(deep=False)
        names = trained.parameters.get("others", given)
        found = cls(share, {name: given[name] for name in names if name in given} or None)
        scores = trained.scores.get("training")
        if scores is None:
            scores = trained.detection["calibration"][:, score_index(detector.criterion)]
        found._take(detector, scores.astype(np.float64))
        return found

    def _share(self) -> float:
        share = arguments.required_number("contamination", self.contamination)
        if not 0 < share <= 0.5:
            raise UsageError(
                f"contamination is {share:g}, and must be above 0 and at most 0.5",
                hint="0.1 takes a tenth of the training items to be odd",
            )
        return share

    def _take(self, detector: OutlierDetector, scores: np.ndarray) -> None:
        self.detector_, self.decision_scores_ = detector, scores
        self.threshold_ = float(np.quantile(scores, 1 - self._share()))

    @property
    def threshold_(self) -> float:
        """The score above which items are outliers: what ``contamination`` asks for, or what was
        set since it was."""
        check_is_fitted(self, "detector_")
        if self._threshold[0] != self.contamination:
            self.threshold_ = float(np.quantile(self.decision_scores_, 1 - self._share()))
        return self._threshold[1]

    @threshold_.setter
    def threshold_(self, value: float) -> None:
        self._threshold = self.contamination, value

    @property
    def labels_(self) -> np.ndarray:
        """1 for outliers among the training items, 0 for the others: int64 (n,)."""
        return (self.decision_scores_ > self.threshold_).astype(np.int64)

    def __setstate__(self, state: dict[str, Any]) -> None:
        threshold = state.pop("threshold_", None)  # of older pickles
        state.pop("labels_", None)
        super().__setstate__(state)
        if threshold is not None:
            self.threshold_ = threshold

    def decision_function(self, X: Any) -> np.ndarray:
        """How odd each item is, float64 (n,): higher is odder."""
        check_is_fitted(self)
        if "check_range" in (self.others or {}):
            self.detector_.check_range = self.others["check_range"]  # type: ignore[index]
        return -self.detector_.score_samples(X)

    def predict(self, X: Any) -> np.ndarray:
        """1 for outliers, 0 for the others: int64 (n,)."""
        return (self.decision_function(X) > self.threshold_).astype(np.int64)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Scores between the lowest and the highest of training as 0 to 1, as PyOD's "linear" does:
        float64 (n, 2), of being normal and of being an outlier."""
        lowest, highest = self.decision_scores_.min(), self.decision_scores_.max()
        with np.errstate(over="ignore"):  # beyond the highest it is clipped
            odd = np.clip((self.decision_function(X) - lowest) / ((highest - lowest) or 1.0), 0, 1)
        return np.column_stack([1 - odd, odd])
