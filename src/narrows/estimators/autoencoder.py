"""The autoencoder as a scikit-learn transformer."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from narrows.data import Dataset, Pages, TableSchema
from narrows.data.array_inputs import array_input
from narrows.data.file_arrays import FileArray
from narrows.data.image_folder import is_pillow_image
from narrows.data.storage import LARGEST_IN_MEMORY
from narrows.data.tables import SchemaDrift, arrow_table, is_frame
from narrows.errors import ShapeError
from narrows.estimators import lazy
from narrows.estimators.fit_data import fit_data, seed_of
from narrows.estimators.inputs import ANY_ARRAY, explored_data, features, given_array, is_plain
from narrows.model.file import load_model, save_model
from narrows.model.ranges import require_familiar
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.nn.spec import Spec
from narrows.nn.summary import summary_text
from narrows.planning.continuing import MOST_STEPS
from narrows.planning.options import FitOptions
from narrows.planning.parameters import ABOUT_USE, parameters_of, with_values
from narrows.planning.refinement import require_refinable
from narrows.report.measures import item_errors
from narrows.report.notebook import FewItems, model_html
from narrows.support import arguments
from narrows.support.chunks import chunks
from narrows.support.lazy_modules import pa
from narrows.support.log import log_as_before, log_json, say
from narrows.support.number_text import without_numbers
from narrows.support.progress import Listener, Tracker, going_on, shown, silent, unheard, warn
from narrows.tasks.denoise import denoise, require_denoisable
from narrows.tasks.drawn_codes import DrawnCodes, interpolated, traversed
from narrows.tasks.drawn_rows import DrawnRows
from narrows.tasks.export import ExportedPage, export_page
from narrows.tasks.fill import Filling, fill_frame, filled_text
from narrows.tasks.fit import FitRequest, fit
from narrows.tasks.model_facts import model_text
from narrows.tasks.run_files import FitFiles
from narrows.training import History
from narrows.training.event_file import event_history
from narrows.training.history import HistoryFile
from narrows.training.reservoir import Reservoir


class SummaryText(str):
    """A text that shows itself as it is, at a prompt and in a notebook too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Learn a small code for items that resemble each other.

    Args:
        latent: numbers in the code; None for half as many as an item has values, 20 at most.
        hidden: units of the encoder's hidden layers, mirrored in the decoder, or of the only one;
            None for what suits.
        preset: which model: "auto" looks at the data, "dense", "conv", "variational", "rounded",
            "unet" and "denoiser" are what they say, "simple" is the article's.
        spec: a TOML file, or a :class:`narrows.nn.spec.Spec`, that describes the model instead;
            latent and hidden must then be None.
        loss: "l2", "l1", "huber", "huber:THRESHOLD" or "bce".
        epochs: passes over the training set; None, here and below, for what suits the data, or for
            the article's 50 epochs in batches of 64 at 0.001 with preset "simple".
        batch_size: items a step.
        learning_rate: Adam's, at its highest.
        weight_decay: the share of itself a weight loses at a learning rate of 1.
        shift: images are moved by up to so many pixels each time they are taken.
        noise: damage that the model learns to undo: "gaussian:0.3", "masking:0.3",
            "salt-pepper:0.1"; "gaussian:0.1-0.8" for an amount that is not known.
        refine: optimisation steps (Gauss-Newton) that improve each code after the encoder; 0 for
            none. It is about use: changed after ``fit`` or ``load``, it holds at once; None is
            then what they had.
        validation_fraction: the share of rows held out where ``fit`` gets no validation data and
            there are at least 20; 0 for none.
        patience: stop after so many epochs without a better validation loss, and keep the best
            model; None to train every epoch.
        random_state: governs everything drawn at random; an integer, a RandomState, or None for
            another outcome every time.
        check_range: refuse items in another range than those of ``fit``, such as shares of 1 where
            those were grey levels, see :func:`narrows.model.ranges.require_familiar`; False to go
            on. It holds at once too. All others are about training, and hold from the next
            ``fit`` on.
        verbose: show how far the work is on stderr, a bar or a line now and then, and what is in
            ``notes_``; "json" for programs, an object a line, as ``narrows fit --log json`` does.
        types: of a data frame, what columns are, by name, where it shall not be inferred:
            "numeric", "integer", "boolean", "categorical", "date" or "ignored", as
            :func:`narrows.load_data` takes them; None for what they look like.
        item_bytes: what a code of the preset ``rounded`` shall take; None for a third of its
            numbers.
        warm_start: whether ``fit`` goes on from the model that there is, as :meth:`partial_fit`
            does without what came before, instead of training a new one.
        devices: how many devices of this machine share every batch, as JAX counts them; None for
            all accelerators, or one CPU. Losses are the same up to rounding. It is not kept in
            model files.
        tensorboard: a folder where each training leaves what TensorBoard shows of ``history_``;
            None for none. It is not kept in model files.

    Attributes:
        history_: one dictionary an epoch: ``epoch``, ``loss``, ``val_loss``, ``learning_rate``,
            and how fast it was (:class:`narrows.training.EpochRecord`). Losses are means over all
            values, in the data's own units, before codes are refined. Where PCA took the place of
            the net (``model_.training.linear``), they are those of the net.
        notes_: what there is to know of the last ``fit``, in sentences: how the data were read,
            what was chosen and why, and what may spoil the results, of which it warns too
            (:class:`narrows.NarrowsWarning`).
        model_: the trained model, a :class:`narrows.model.trained.TrainedModel`.
        latent_size_: numbers in the code.
        item_shape_: the shape of one item.
        n_features_in_: values in one item, for flat rows; its first dimension, for others.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data
        >>> ae = Autoencoder(latent=8, epochs=5).fit(X)
        >>> ae.transform(X).shape
        (1797, 8)
    """

    def __init__(
        self,
        latent: int | None = None,
        *,
        hidden: int | tuple[int, ...] | None = None,
        preset: str = "auto",
        spec: str | os.PathLike[str] | Spec | None = None,
        loss: str = "l2",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        shift: int | None = None,
        noise: str | None = None,
        refine: int | None = None,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
        item_bytes: float | None = None,
        check_range: bool = True,
        verbose: bool | str = False,
        types: Mapping[str, str] | None = None,
        warm_start: bool = False,
        devices: int | None = None,
        tensorboard: str | os.PathLike[str] | None = None,
    ) -> None:
        self.latent = latent
        self.hidden = hidden
        self.preset = preset
        self.spec = spec
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.shift = shift
        self.noise = noise
        self.refine = refine
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.item_bytes = item_bytes
        self.check_range = check_range
        self.verbose = verbose
        self.types = types
        self.warm_start = warm_start
        self.devices = devices
        self.tensorboard = tensorboard

    def fit(
        self, X: Any, y: Any = None, *, target: Any = None, validation_data: Any = None
    ) -> Self:
        """Train on ``X``.

        Args:
            X: (n, \\*item_shape), any real dtype: flat rows, or images as (n, height, width) or
                (n, height, width, channels), or a list of Pillow images. 8-bit data are used as
                they are. A sparse matrix is made dense, if it fits; what :func:`narrows.load_data`
                gave is taken too. Or a pandas or polars DataFrame, whose columns may be numbers,
                truth values, categories, texts and dates, with missing values, and weigh all the
                same.
            y: ignored.
            target: what the items of ``X`` shall become, an array of their shape and dtype, such as
                the same images without noise; None for the items themselves.
            validation_data: items of the same shape, or with the same columns, to measure the loss
                on after each epoch; with ``target`` a pair of arrays, the second of them what the
                first shall become.

        Raises:
            ValueError: data or parameters that cannot be.
        """
        goes_on = arguments.truth("warm_start", self.warm_start) and "model_" in self.__dict__
        start = self._as_used() if goes_on else None
        self.__dict__.pop("_reservoir", None)
        options = FitOptions.of(self.get_params(deep=False), seed_of(self.random_state))
        request = self._request(options, start=start)
        training, held_out = fit_data(
            self,
            X,
            options,
            start=start,
            target=target,
            validation_data=validation_data,
            advice=": partial_fit takes one part at a time",
        )
        for line in self._fit(training, held_out, request):
            warn(line, stacklevel=2)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Go on with ``X``, a batch of the data: all of them need never be there at once.

        The first batch settles the shape or the columns, the net and its scaling, and should be
        like what follows; of others, values in another range are told of. Each call trains on the
        batch and, so that nothing is forgotten, on a uniform sample of all rows that came before,
        of 64 MiB at most; for ``epochs`` passes over both, or where that is None up to
        :data:`narrows.planning.continuing.MOST_STEPS` steps. No row is held out. After ``fit`` or
        ``load`` it goes on from that model, whose rows it does not have. Copies keep the sample,
        and files do not.

        Args:
            X: as of :meth:`fit`.
            y: ignored.

        Raises:
            ValueError: data or parameters that cannot be, or of another shape than the first.
        """
        options = FitOptions.of(self.get_params(deep=False), seed_of(self.random_state))
        options = replace(options, validation_fraction=0.0)
        earlier = self.__dict__.get("_reservoir")
        start = self._as_used() if "model_" in self.__dict__ else None
        request = self._request(options, start=start, most_steps=MOST_STEPS)
        new, _ = fit_data(self, X, options, start=start)
        training, rows = new, None if earlier is None else earlier.rows()
        if rows is not None:
            training = replace(new, items=np.concatenate([rows, new.items.astype(rows.dtype)]))
            if start is not None and start.training.linear:
                # PCA took the place of a net, which has more to learn from now
                request = replace(request, start=None)
        told = self.__dict__.get("_told", frozenset())
        warned = self._fit(training, None, request)
        if earlier is None:
            earlier = Reservoir(LARGEST_IN_MEMORY, options.seed)
        earlier.add(new.items)
        self._reservoir = earlier
        for line in warned:
            if without_numbers(line) not in told:  # by the call before
                warn(line, stacklevel=2)
        return self

    def _request(self, options: FitOptions, **more: Any) -> FitRequest:
        given = self.get_params(deep=False)
        return FitRequest(options=options, given=given, of=type(self).__name__, **more)

    def _fit(
        self, training: Dataset, held_out: Dataset | None, request: FitRequest
    ) -> tuple[str, ...]:
        """Train as :meth:`fit` does, and say what to warn of."""
        folder, events = self.tensorboard, list[HistoryFile]()
        if folder is not None:
            events = [event_history(Path(arguments.path("tensorboard", folder)), unheard)]
        with self._telling() as track:
            result = fit(
                training,
                held_out,
                request,
                files=FitFiles(events),
                listener=Listener(track=track, foretell=unheard if track is silent else say),
            )
            self._take(result.trained)
            self._made = self.model_, self.model_.refinement, result.autoencoder
            self.history_: History = result.history
            self._few = FewItems.of(held_out)
            warned = (*result.doubts, *result.findings)
            # not the doubts, which are of the data: others may be in another range again
            self._told = frozenset(map(without_numbers, result.findings))
            self.notes_ = tuple(dict.fromkeys((*result.choices, *warned)))
            for line in () if track is silent else self.notes_:
                say(line)
        return warned

    def _trained(self) -> TrainedModel:
        return self.model_

    def _require_fitted(self) -> None:
        if "model_" not in self.__dict__:  # scikit-learn's own look takes longer than an encoder
            check_is_fitted(self)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[Tracker]:
        """What tells how far the work is, as ``verbose`` says."""
        given = arguments.scalar(self.verbose)
        is_number = isinstance(given, bool) or (isinstance(given, Integral) and int(given) >= 0)
        as_json = isinstance(given, str) and given == "json"
        if not is_number and not as_json:
            takes = 'True or False, a number from 0 on, or "json"'
            raise arguments.refused("verbose", self.verbose, takes)
        with log_as_before():
            if as_json:
                log_json()
            with going_on("working") if given else contextlib.nullcontext():
                yield shown if given else silent

    @lazy.takes_dask(lazy.codes)
    def transform(self, X: Any) -> np.ndarray:
        """The codes of ``X``: float32 (n, latent_size).

        ``X`` has the shape of the training data, or is flat rows of as many values; or has the
        columns of the training data, in their order. Of a Dask array, or dataframe, the codes are
        a lazy one; so it is with :meth:`inverse_transform` and :meth:`score_samples`.
        """
        self._require_fitted()
        return self._in_use().encode(self._items(X))

    @lazy.takes_dask(lazy.items)
    def inverse_transform(self, Z: Any) -> Any:
        """The items that codes ``Z`` (n, latent_size) stand for, in the training data's shape and
        dtype: rounded and clipped where that holds whole numbers.

        Trained on a DataFrame, it gives one of the same kind, columns, labels and dtypes; trained
        on a table in a file, a frame of the kind of ``Z``, or else a pyarrow.Table. Codes do not
        know the index of what they were made of: a pandas DataFrame gets that of ``Z``, where that
        is one, as ``transform`` gives it after ``set_output(transform="pandas")``.
        """
        self._require_fitted()
        codes = Z
        if not is_plain(Z, (self.latent_size_,)):
            codes = check_array(array_input(Z), dtype=np.float32, ensure_min_samples=0)
        items = self._in_use().decode(codes)
        table = self.model_.data.table
        return items if table is None else table.decode_frame(items, like=Z)

    def denoise(self, X: Any) -> Any:
        """``X`` without the noise that the model learnt to undo: with ``noise``, or a ``target``.

        ``X`` has the shape of the training data, or is images that are larger, which are cut into
        overlapping tiles and blended. Of a DataFrame, the missing cells are filled in and the
        others kept, as are its index, its labels, its dtypes and the columns that were not trained
        on, so that ``X.fillna(ae.denoise(X))`` fills each cell with its own; with ``verbose``, how
        many cells of which columns were filled in is said.
        """
        self._require_fitted()
        table = self.model_.data.table
        if table is not None:
            return self._filled(X, table)
        images = check_array(given_array(X, 3), **ANY_ARRAY)
        require_denoisable(self._in_use(), Pages("X", images))
        self._check_range(images)
        return denoise(self._in_use(), images)

    def reconstruct(self, X: Any) -> Any:
        """What the model makes of ``X``: through the code and back, in the shape of ``X`` and the
        dtype of the training data, as :meth:`inverse_transform` gives items.

        Of a DataFrame, one of the same kind with its index, and the columns that were trained on.
        """
        self._require_fitted()
        items = self._items(X)
        found = [self._in_use().reconstruct(part) for part in _parts(items)]
        results = np.concatenate(found)
        table = self.model_.data.table
        if table is not None:
            return table.decode_frame(results, like=X)
        shape = getattr(X, "shape", ())
        return results.reshape(shape) if len(shape) == 2 else results

    def _check_range(self, items: Any, finding: bool = False) -> None:
        """Refuse items in another range than the training data's, unless that is not wanted.

        Raises:
            UsageError: they are.
        """
        if arguments.truth("check_range", self.check_range):
            name = self.__dict__.get("_given", "X")
            for note in require_familiar(self.model_, items, name, finding=finding):
                warn(note, stacklevel=4)

    def _filled(self, X: Any, table: TableSchema) -> Any:
        """A table without missing cells: the frame that it was, or of rows the kind that was
        fitted."""
        drift, check = SchemaDrift(), arguments.truth("check_range", self.check_range)
        if is_frame(X):
            filled = Counter[str]()
            result = fill_frame(self._in_use(), X, drift, filled, check_range=check)
        else:
            frame = arrow_table(table.names, np.asarray(array_input(X)))
            filling = Filling(self._in_use(), frame, drift, as_trained=True)
            parts = filling.rows(check_range=check)
            rows = pa.concat_tables(parts, promote_options="default")
            result, filled = table.as_frame(rows, retyped=drift.retyped), filling.filled
        for line in drift.lines():
            warn(line, stacklevel=3)
        with self._telling() as track:
            if track is not silent:
                say(filled_text(filled))
        return result

    @lazy.takes_dask(lazy.scores)
    def score_samples(self, X: Any) -> np.ndarray:
        """How well each item is reconstructed: minus its mean squared error, float64 (n,).

        In the data's own unit squared, or, of a table, where every column has variance 1; higher
        is better, as scikit-learn wants scores to be.
        """
        self._require_fitted()
        items = self._in_use().shaped(self._items(X))
        errors = [
            item_errors(part, self._in_use().reconstruct_floats(part)) for part in _parts(items)
        ]
        return -np.concatenate(errors)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the mean squared error over all values of ``X``."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> Any:
        """New items like those of the training set: decoded from codes drawn as theirs lie.

        Those are drawn from a Gaussian mixture that was fitted to the training codes. The result
        has the form of :meth:`inverse_transform`'s; each column of a table lies as it did in
        training (:class:`narrows.tasks.drawn_rows.DrawnRows`).
        """
        self._require_fitted()
        count = arguments.required_whole("n_samples", n_samples)
        if self.model_.data.table is not None:
            drawn = DrawnRows(self._in_use(), count, seed_of(random_state))
            if drawn.not_kept:
                warn(drawn.not_kept, stacklevel=2)
            rows = pa.concat_tables(drawn.batches(), promote_options="default")
            return self.model_.data.table.as_frame(rows)
        codes = DrawnCodes(self.model_, count, seed_of(random_state))
        return self.inverse_transform(codes[:])

    def interpolate(self, a: Any, b: Any, steps: int = 10) -> Any:
        """Items on the way from item ``a`` to item ``b``: decoded from codes on the line between
        theirs, both ends included.

        Each is one item of the training data's shape, flat or not; of a table, a data frame with
        one row. The result has the form of :meth:`inverse_transform`'s.
        """
        self._require_fitted()
        first, last = (self._in_use().encode(self._one_item(each))[0] for each in (a, b))
        count = arguments.required_whole("steps", steps)
        return self.inverse_transform(interpolated(first, last, count))

    def traverse(self, number: int, *, at: Any = None, steps: int = 10) -> Any:
        """What becomes of an item as one latent number goes from its lowest to its highest value
        over the training set, both included: decoded, in the form of :meth:`inverse_transform`'s.

        :func:`narrows.figures.traversal` draws what it gives for several numbers.

        Args:
            number: which one, counting from 0.
            at: an item, as of :meth:`interpolate`, whose other numbers are kept; None for their
                means over the training set.
            steps: how many items, at least 2.
        """
        self._require_fitted()
        which = arguments.required_whole("number", number)
        count = arguments.required_whole("steps", steps)
        code = None if at is None else self._in_use().encode(self._one_item(at))[0]
        return self.inverse_transform(traversed(self.model_, which, count, code))

    def explore(self, X: Any = None, *, labels: Any = None) -> ExportedPage:
        """The page of ``narrows explore``, with the model in it: a slider for each latent number,
        and what it decodes. A notebook shows it; ``write`` makes a file of it.

        Args:
            X: items to choose from, for the map and among the nearest, of which some come along;
                None for none.
            labels: of the items, (n,), numbers or texts, which the map is coloured by.

        Raises:
            UsageError: the model is too large.
            ShapeError: there is not one label for each item.
        """
        self._require_fitted()
        data = None if X is None else explored_data(self, self._items(X), X, labels)
        title = f"an autoencoder of {self.model_.data.name}"
        with self._telling() as track:
            return export_page(self._in_use(), data, title=title, track=track)

    def summary(self) -> SummaryText:
        """Tables of the encoder, the decoder and the whole: layers, output shapes, parameters."""
        self._require_fitted()
        return SummaryText(summary_text(self.model_.model.spec))

    def info(self) -> SummaryText:
        """What the model is, for which data, its errors and what it can do: ``narrows info``."""
        self._require_fitted()
        return SummaryText(model_text(self._as_used()))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trained model as one file, which the program ``narrows`` reads too."""
        self._require_fitted()
        save_model(arguments.path("path", path), self._as_used())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model file, whether :meth:`save` or ``narrows fit`` wrote it.

        The estimator can do everything that the saved one could, and has its parameters, so that
        ``clone(loaded).fit(X)`` trains the same again; a ``spec`` file comes back as the
        :class:`narrows.nn.spec.Spec` that it held. Of older files, they are what the model itself
        tells. ``history_`` is not in the file, its last losses are in ``model_.training``.

        Raises:
            ModelFileError: the file is missing, damaged, from a newer narrows, or not ours.
        """
        trained = load_model(arguments.path("path", path))
        parameters = parameters_of(trained, cls.__name__)
        names = cls._get_param_names()
        estimator = cls(**{name: parameters[name] for name in names if name in parameters})
        estimator._take(trained)
        table = trained.data.table
        if table is None:
            estimator.n_features_in_ = trained.item_shape[0]
        else:
            estimator.n_features_in_ = len(table.names)
            if table.labels_are_texts:
                estimator.feature_names_in_ = np.array(table.names, dtype=object)
        return estimator

    # scikit-learn's _repr_html_ gives this where its ``display`` is "diagram".
    def _repr_html_inner(self) -> str:
        diagram: str = super()._repr_html_inner()
        if not hasattr(self, "model_"):
            return diagram
        few = self.__dict__.get("_few")
        return diagram + model_html(self._in_use(), getattr(self, "history_", ()), few)

    def _repr_mimebundle_(self, **given: Any) -> dict[str, Any]:
        found: dict[str, Any] = super()._repr_mimebundle_(**given)
        if "text/html" in found:
            found["text/html"] = self._repr_html_inner()
        return found

    def _take(self, trained: TrainedModel) -> None:
        self.model_ = trained
        self._fitted_refine = self.refine
        self.latent_size_ = trained.model.spec.latent_size
        self.item_shape_ = trained.item_shape
        self._n_features_out = self.latent_size_

    def _in_use(self) -> TrainedAutoencoder:
        """What encodes and decodes as ``refine`` says now. Where that cannot be, scikit-learn would
        not show the estimator if this were a property: it reads them all."""
        steps, made = self._refinement(), self.__dict__.get("_made")
        if made is None or made[0] is not self.model_ or made[1] != steps:
            autoencoder = TrainedAutoencoder(replace(self.model_, refinement=steps))
            made = self._made = self.model_, steps, autoencoder
        return made[2]

    def _refinement(self) -> int:
        """Steps that improve a code: those of the model, unless ``refine`` was changed since.

        Raises:
            UsageError: it was, to what cannot be.
        """
        if self.refine is None or self.refine == self._fitted_refine:
            return self.model_.refinement
        steps = arguments.required_whole("refine", self.refine)
        require_refinable(self.model_.model.spec, steps)
        return steps

    def _as_used(self) -> TrainedModel:
        """The model as it computes now, with the parameters that say so."""
        given = {name: getattr(self, name) for name in ABOUT_USE if hasattr(self, name)}
        trained, steps = self.model_, self._refinement()
        if steps != trained.refinement:  # its errors were measured with other codes
            unknown = replace(trained.training, error=None, pca_error=None, measured=None)
            trained = replace(trained, refinement=steps, training=unknown)
        return with_values(trained, given)

    def _items(self, X: Any, finding: bool = False) -> np.ndarray:
        """``X`` as numbers in the range of the training data, of a table its features; whether they
        have its shape, what computes with them looks at."""
        has_names = "feature_names_in_" in self.__dict__
        ordinary = self._in_use().ordinary
        if ordinary is not None and not has_names and ordinary.has(X):
            arguments.truth("check_range", self.check_range)  # nothing to check, but for this
            return X
        table = self.model_.data.table
        if table is not None:
            items = features(self, X, table)
        elif not has_names and is_plain(X, self.item_shape_):
            items = X
        elif isinstance(X, Dataset) and isinstance(X.items, FileArray):
            items = X.items  # which was checked where it was read
            if items.ndim == 2:
                validate_data(self, items[:1], reset=False, **ANY_ARRAY)
        elif len(self.item_shape_) == 1:
            items = validate_data(self, given_array(X), reset=False, **ANY_ARRAY)
        else:
            items = check_array(given_array(X), **ANY_ARRAY)
        if items.dtype.kind not in "biuf":
            raise ShapeError(f"items of dtype {items.dtype} are not numbers")
        self._check_range(items, finding)
        return items

    def _one_item(self, x: Any) -> np.ndarray:
        """One item, or a data frame of one row, as items."""
        items = self._items(x if is_frame(x) or is_pillow_image(x) else np.asarray(x)[None])
        if len(items) != 1:
            raise ShapeError(
                f"{len(items)} rows are not one item", hint="give a data frame of one row"
            )
        return items

    def __getstate__(self) -> dict[str, Any]:
        # Threads' work space is not worth copying: it is laid out again from the model.
        state = dict(super().__getstate__())
        state.pop("_made", None)
        state.pop("_few", None)  # data, which are nobody's to pass on
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "model_" in state:
            self.__dict__.setdefault("_fitted_refine", self.refine)

    def __sklearn_tags__(self) -> Tags:
        return with_items(super().__sklearn_tags__())


def with_items(tags: Tags) -> Tags:
    """What scikit-learn is told of estimators that make codes."""
    tags.transformer_tags.preserves_dtype = ["float32"]
    tags.input_tags.three_d_array = True
    tags.input_tags.sparse = True  # made dense, where they fit
    return tags


def _parts(items: np.ndarray) -> list[np.ndarray]:
    """Items a bounded number at a time; of none, one part without any."""
    return list(chunks(items)) or [items]
