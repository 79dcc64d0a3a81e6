"""The autoencoder as an outlier detector, in scikit-learn's convention and in PyOD's."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OutlierMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from narrows.data import Dataset
from narrows.errors import UsageError
from narrows.estimators import lazy
from narrows.estimators.autoencoder import Autoencoder, with_items
from narrows.estimators.fit_data import fit_data, seed_of
from narrows.learnt.detection import require_rate, score_index
from narrows.model.file import save_model
from narrows.model.trained import TrainedModel
from narrows.planning.options import FitOptions
from narrows.planning.parameters import parameters_of, with_values
from narrows.planning.recipe import DETECTION_STEPS
from narrows.support import arguments
from narrows.support.progress import warn
from narrows.tasks.detect import Detected, detect
from narrows.tasks.detector import Detector
from narrows.tasks.fit import FitRequest
from narrows.tasks.options import DetectOptions
from narrows.training import History


def _of_autoencoder(name: str) -> Any:
    """A property that is the autoencoder's."""
    return property(lambda detector: getattr(detector.autoencoder_, name))


class OutlierDetector(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, OutlierMixin, BaseEstimator
):
    """Tell odd items from those that resemble each other, without labels.

    It trains an :class:`narrows.Autoencoder`, on items among which there may be odd ones, and
    judges by what that makes of them: :mod:`narrows.learnt.scorer` says how. Items and data frames
    are what they are there, and so are the parameters that are not told here; without ``epochs``,
    training takes fewer steps, for odd items are learnt last.

    Args:
        criterion: "combined", "reconstruction", "density" or "isolation".
        false_alarms: the share of normal items that may be taken for odd ones. The threshold is
            told by the items that ``fit`` holds out; where they are too few to tell such a rate, it
            is their highest score. This and ``criterion`` are about use, as ``check_range`` is:
            changed after ``fit`` or ``load``, they hold at once.

    Attributes:
        autoencoder_: the :class:`narrows.Autoencoder`, which can do all that one can; its
            ``model_``, ``notes_``, ``history_``, ``latent_size_``, ``item_shape_``,
            ``n_features_in_`` and ``feature_names_in_`` are the detector's too.
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
        verbose: bool | str = False,
        types: Mapping[str, str] | None = None,
    ) -> None:
        self.latent = latent
        self.criterion = criterion
        self.false_alarms = false_alarms
        self.hidden = hidden
        self.preset = preset
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.check_range = check_range
        self.verbose = verbose
        self.types = types

    def fit(self, X: Any, y: Any = None, *, validation_data: Any = None) -> Self:
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
        given = self.get_params(deep=False)
        trained = Autoencoder(**{name: given[name] for name in given if name not in _OWN})
        options = FitOptions.of(given, seed_of(self.random_state))
        training, held_out = fit_data(trained, X, options, validation_data=validation_data)
        request = FitRequest(
            options=options,
            given=given,
            of=type(self).__name__,
            detection=True,
            most_steps=DETECTION_STEPS,
        )
        warned = trained._fit(training, held_out, request)
        self._take(trained)
        for line in warned:
            warn(line, stacklevel=2)
        return self

    @lazy.takes_dask(lazy.scores)
    def score_samples(self, X: Any) -> np.ndarray:
        """How normal each item is, float64 (n,): higher is more normal.

        Each is judged alone, whatever else is in ``X``. Of an item so extreme that its score
        overflows it is the lowest number that there is.
        """
        return -self._detector().scores(self._items(X), self.criterion)

    @lazy.takes_dask(lazy.scores)
    def decision_function(self, X: Any) -> np.ndarray:
        """:meth:`score_samples` less ``offset_``: below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    @lazy.takes_dask(lazy.labels)
    def predict(self, X: Any) -> np.ndarray:
        """-1 for outliers, 1 for the others: int64 (n,). Dask arrays and dataframes give lazy ones,
        here and of scores and codes."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    @lazy.takes_dask(lazy.scores)
    def p_values(self, X: Any) -> np.ndarray:
        """How large a share of normal items is as odd as each of ``X``, float64 (n,)."""
        scores = -self.score_samples(X)
        return self._detector().detection.p_values(scores, self.criterion)

    def contributions(self, X: Any) -> np.ndarray:
        """What made each item odd, float64 (n, parts): see
        :meth:`narrows.tasks.detector.Detector.contributions`."""
        return self._detector().contributions(self._items(X), self.criterion)

    def detect(self, X: Any, *, explain: int | None = None) -> Detected:
        """All of these at once, with ranks and reasons, as ``narrows detect`` writes them.

        Args:
            X: as of :meth:`score_samples`.
            explain: of how many items to name the parts that made them odd, the oddest first; None
                for as many as take about three seconds, and 1,000 at most.
        """
        detector = self._detector()
        options = DetectOptions(
            score=self.criterion,
            false_alarms=self.false_alarms,
            explain=arguments.whole("explain", explain, optional=True),
        )
        data = Dataset("X", detector.autoencoder.shaped(self._items(X)))
        found = detect(detector, data, options)
        return replace(found, threshold=-self.offset_)

    @lazy.takes_dask(lazy.codes)
    def transform(self, X: Any) -> np.ndarray:
        """The codes of ``X``, as :meth:`narrows.Autoencoder.transform` gives them."""
        return self._used().transform(X)

    def inverse_transform(self, Z: Any) -> Any:
        """The items that codes stand for: see :meth:`narrows.Autoencoder.inverse_transform`."""
        return self._used().inverse_transform(Z)

    def reconstruct(self, X: Any) -> Any:
        """What the model makes of ``X``: see :meth:`narrows.Autoencoder.reconstruct`."""
        return self._used().reconstruct(X)

    def denoise(self, X: Any) -> Any:
        """``X`` with its missing cells filled in: see :meth:`narrows.Autoencoder.denoise`."""
        return self._used().denoise(X)

    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> Any:
        """New items like normal ones: see :meth:`narrows.Autoencoder.sample`."""
        return self._used().sample(n_samples, random_state=random_state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trained model as one file, which the program ``narrows`` reads too."""
        about_use = {"criterion": self.criterion, "false_alarms": self.false_alarms}
        trained = with_values(self._used()._as_used(), about_use)
        save_model(arguments.path("path", path), trained)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model file, whether :meth:`save` or ``narrows fit`` wrote it, as
        :meth:`narrows.Autoencoder.load` does.

        Raises:
            ModelFileError: the file is missing, damaged, from a newer narrows, or not ours.
            UsageError: the model does not say what odd items are.
        """
        autoencoder = Autoencoder.load(path)
        parameters = parameters_of(autoencoder.model_, cls.__name__)
        names = cls._get_param_names()
        detector = cls(**{name: parameters[name] for name in names if name in parameters})
        detector._take(autoencoder)
        return detector

    def _require_fitted(self) -> None:
        check_is_fitted(self)

    def _trained(self) -> TrainedModel:
        return self.autoencoder_.model_

    def _take(self, autoencoder: Autoencoder) -> None:
        self.autoencoder_ = autoencoder
        self._n_features_out = autoencoder.latent_size_
        self.offset_ = self._offset()

    def _used(self) -> Autoencoder:
        """The autoencoder, as ``check_range`` says now."""
        check_is_fitted(self)
        self.autoencoder_.check_range = self.check_range
        return self.autoencoder_

    def _items(self, X: Any) -> np.ndarray:
        return self._used()._items(X, finding=True)

    def _detector(self) -> Detector:
        return Detector(self._used()._in_use())

    def _offset(self) -> float:
        rate = arguments.required_number("false_alarms", self.false_alarms)
        return -self._detector().detection.threshold(rate, self.criterion)

    @property
    def offset_(self) -> float:
        """The threshold on :meth:`score_samples` that ``criterion`` and ``false_alarms`` ask for,
        or that was set since they were."""
        check_is_fitted(self, "autoencoder_")
        if self._threshold[:2] != (self.criterion, self.false_alarms):
            self.offset_ = self._offset()
        return self._threshold[2]

    @offset_.setter
    def offset_(self, value: float) -> None:
        self._threshold = self.criterion, self.false_alarms, value

    # What the autoencoder has learnt is the detector's too.
    model_: TrainedModel = _of_autoencoder("model_")
    history_: History = _of_autoencoder("history_")
    notes_: tuple[str, ...] = _of_autoencoder("notes_")
    latent_size_: int = _of_autoencoder("latent_size_")
    item_shape_: tuple[int, ...] = _of_autoencoder("item_shape_")
    n_features_in_: int = _of_autoencoder("n_features_in_")
    feature_names_in_: np.ndarray = _of_autoencoder("feature_names_in_")

    def __sklearn_tags__(self) -> Tags:
        return with_items(super().__sklearn_tags__())


# Parameters that an autoencoder has not.
_OWN = ("criterion", "false_alarms")


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
