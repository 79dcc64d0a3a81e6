"""The models of a comparison: trained for it or given, each measured as ``evaluate`` does it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from narrows.data import Dataset
from narrows.data.named_arrays import page_name
from narrows.errors import DataError, UsageError
from narrows.model.coded_items import CodedItems
from narrows.model.file import save_model
from narrows.model.ranges import require_familiar
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.nn.summary import summary_text, whole_parameter_count
from narrows.planning.options import FitOptions
from narrows.report.comparison.result import Kind, ModelFacts
from narrows.report.evaluation import Evaluation, evaluate
from narrows.report.measures import item_errors
from narrows.support.chunks import drawn_places, pieces
from narrows.support.number_text import items_of
from narrows.support.progress import Listener, Tracker, silent
from narrows.support.temporary import temporary_folder
from narrows.tasks.comparison.parts import Parts, Reading, Source, load_parts
from narrows.tasks.fit import FitRequest, fit
from narrows.tasks.opening import items_learnt, open_autoencoder
from narrows.tasks.run_files import NO_FILES, FitFiles, RunFiles
from narrows.training import History
from narrows.version import __version__

#: Items whose codes and reconstructions are kept, and values of these.
MOST_KEPT, _KEPT_VALUES = 10_000, 1 << 25
ARTICLE, DEFAULT = "the article's net", "the default model"


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """Some of the measured items, drawn by the seed, and what a model makes of them.

    Attributes:
        places: of them among the measured items, int (n,).
        items: (n, \\*item_shape).
        codes: float32 (n, latent).
        made: reconstructions in the data's dtype, (n, \\*item_shape).
        errors: mean squared error of each item, float64 (n,), before rounding to that dtype.
    """

    places: np.ndarray
    items: np.ndarray
    codes: np.ndarray
    made: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A model that takes part.

    Attributes:
        name, kind: what people call it, and what it is.
        autoencoder: runs it.
        test: the measured items as it takes them; of tables standardised as it wants them.
        training: what PCA was fitted to beside it, as the model takes it; None for what the
            comparison has.
        evaluation: its errors on them.
        with_wild: its mean squared error and PCA's, with the rows that these leave out; None where
            there are none.
        coded: what classifiers learn from and the measured items, with the codes that are known.
        kept: what it makes of some of them.
        file_bytes, file: of its model file, and the file's name where it stays.
        history: of its training; () of a given model.
        seconds: of its training; None of a given model.
        choices, cautions: what was chosen for it, and what looks suspicious.
    """

    name: str
    kind: Kind
    autoencoder: TrainedAutoencoder
    test: Dataset
    evaluation: Evaluation
    coded: tuple[CodedItems, CodedItems]
    kept: Kept
    file_bytes: int
    training: Dataset | None = None
    with_wild: tuple[float, float] | None = None
    file: str = ""
    history: History = field(default_factory=list)
    seconds: float | None = None
    choices: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()

    @property
    def latent(self) -> int:
        """Numbers in its code."""
        return self.autoencoder.trained.model.spec.latent_size

    @property
    def pca_name(self) -> str:
        """What people call the PCA beside it; beside a given model there is one of these data too,
        which learnt from other items."""
        return f"PCA of {self.name}'s training data" if self.kind == "given" else "PCA"

    def facts(self) -> ModelFacts:
        """What the page says of it."""
        trained, score = self.autoencoder.trained, self.evaluation.model
        record = trained.training
        things = "items" if trained.data.table is None else "rows"
        return ModelFacts(
            name=self.name,
            kind=self.kind,
            preset="PCA" if record.linear else record.preset or "own",
            latent=self.latent,
            parameters=whole_parameter_count(trained.model.spec),
            file_bytes=self.file_bytes,
            detects=bool(trained.detection),
            seconds=self.seconds,
            epochs=record.epochs,
            seed=record.seed,
            version=f"narrows {__version__}" if self.seconds is not None else "",
            data=f"{page_name(trained.data.name)}, {trained.data.count:,} {things}",
            unit=self.evaluation.unit,
            error=score.mse,
            psnr=score.psnr,
            relative=score.relative,
            pca_error=self.evaluation.pca.mse,
            with_wild=self.with_wild,
            summary=summary_text(trained.model.spec),
            choices=self.choices,
            file=self.file,
            pca_name=self.pca_name,
        )


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model to train.

    Attributes:
        name, kind: what people call it, and what it is.
        given: options of ``narrows fit`` by name; ``seed`` apart.
        why: what is to be said of these options.
        file: where it goes; None for nowhere.
        run: whether history and pictures go beside it.
    """

    name: str
    kind: Kind
    given: Mapping[str, Any]
    why: tuple[str, ...] = ()
    file: Path | None = None
    run: bool = False


def train_candidate(
    parts: Parts,
    wanted: Trained,
    listener: Listener,
    before: float = 0.0,
) -> Candidate:
    """Train a model on what is learnt from, and measure it.

    Args:
        before: see :func:`narrows.tasks.duration.timed_training`.

    Raises:
        NarrowsError: training failed, or the model cannot be written.
    """
    given = {**wanted.given, "random_state": parts.seed}
    files: FitFiles = NO_FILES
    if wanted.file is not None and wanted.run:
        files = RunFiles(wanted.file, note=listener.note)
    listener.note(f"{wanted.name}:")
    listener.note_each(f"  {line}" for line in wanted.why)
    result = fit(
        parts.training,
        parts.shown,
        FitRequest(options=FitOptions.of(wanted.given, parts.seed), given=given),
        files=files,
        before=before,
        listener=listener,
    )
    if files is NO_FILES and wanted.file is not None:
        save_model(wanted.file, result.trained)
    test, coded = parts.test, result.coded.held_out
    if test.table is not None:
        test = replace(test, table=result.trained.data.table)
    evaluation = result.evaluation  # of a run with files, on what it shows
    if coded is None or parts.validation is not None or len(coded) < len(test):
        coded, evaluation = result.autoencoder.coded(test.items), None
    if evaluation is None or evaluation.count < evaluation.total:
        evaluation = evaluate(result.autoencoder, test, coded=coded, track=listener.track)
    return Candidate(
        name=wanted.name,
        kind=wanted.kind,
        autoencoder=result.autoencoder,
        test=test,
        evaluation=evaluation,
        with_wild=_with_wild(result.autoencoder, parts, evaluation),
        kept=keep_some(result.autoencoder, coded, parts.seed, track=listener.track),
        coded=(result.coded.training, coded),
        file_bytes=_file_bytes(result.autoencoder, wanted.file),
        file="" if wanted.file is None else wanted.file.name,
        history=result.history,
        seconds=sum(record["seconds"] for record in result.history),
        choices=(*wanted.why, *result.choices),
        cautions=(*result.notes, *map(str, result.cautions)),
    )


def named(models: Sequence[Path]) -> dict[str, Path]:
    """Files of models by what people call them: their names without the suffix, with the folder
    where two share one.

    Raises:
        UsageError: two have one name even so.
    """
    stems = [path.stem for path in models]
    found = {
        path.stem
        if stems.count(path.stem) == 1
        else f"{path.resolve().parent.name}/{path.stem}": path
        for path in models
    }
    if len(found) < len(models):
        raise UsageError(
            f"a model is given twice: {', '.join(map(str, models))}",
            hint="give each of them once",
        )
    return found


def open_candidates(
    models: Mapping[str, Path],
    source: Source,
    parts: Parts,
    reading: Reading,
    *,
    listener: Listener,
) -> list[Candidate]:
    """Models of files, measured on the measured items as each takes them.

    Args:
        models: the files by what people call the models.
        source: what ``parts`` were read from, by ``reading``.

    Raises:
        ModelFileError: a file is no model.
        ShapeError, DataError: the data are others than a model takes.
        UsageError: the data are in another unit than a model's.
    """
    found = []
    for name, path in models.items():
        autoencoder = open_autoencoder(path, track=listener.track)
        own = _as_taken(autoencoder, name, source, parts, reading, track=listener.track)
        for line in require_familiar(autoencoder.trained, own.test.items, parts.test.name):
            listener.note(line)
        _note_learnt(autoencoder.trained, name, source, parts, listener)
        coded = autoencoder.coded(own.training.items), autoencoder.coded(own.test.items)
        evaluation = evaluate(autoencoder, own.test, coded=coded[1], track=listener.track)
        found.append(
            Candidate(
                name=name,
                kind="given",
                autoencoder=autoencoder,
                test=own.test,
                evaluation=evaluation,
                with_wild=_with_wild(autoencoder, own, evaluation),
                kept=keep_some(autoencoder, coded[1], parts.seed, track=listener.track),
                coded=coded,
                file_bytes=path.stat().st_size,
                training=own.training,
                file=path.name,
            )
        )
    return found


def _note_learnt(
    trained: TrainedModel, name: str, source: Source, parts: Parts, listener: Listener
) -> None:
    """Say of a model that measured items are among those that it was trained on."""
    if not parts.held_out:
        measured, count = parts.test.name, len(parts.test)
    elif isinstance(source, str | os.PathLike):
        measured, count = os.fspath(source), parts.count
    else:
        return  # what lies in memory has no name to know it by
    learnt = items_learnt(trained.data, measured, count)
    if learnt:
        listener.note(
            f"{name} was trained on {items_of(learnt, count)} of {measured}, if they are what they "
            "were, and is measured on some of these too: of new ones it may lose more"
        )


def _as_taken(
    autoencoder: TrainedAutoencoder,
    name: str,
    source: Source,
    parts: Parts,
    reading: Reading,
    *,
    track: Tracker,
) -> Parts:
    """The data as a model takes them: of a table the features that its own training set had."""
    table = autoencoder.trained.data.table
    if (parts.test.table is None) != (table is None):
        which = "no table" if parts.test.table is None else "a table"
        raise DataError(
            f"{parts.name} is {which}, and {name} was trained on other data",
            hint="give a model that was trained on data of this kind",
        )
    if table is None:
        training, test = (
            replace(each, items=autoencoder.shaped(each.items))
            for each in (parts.training, parts.test)
        )
        return replace(parts, training=training, test=test)
    taken = replace(reading, table=table)
    return load_parts(source, taken, parts.seed, validated=False, like=parts, track=track)


def _with_wild(
    autoencoder: TrainedAutoencoder, parts: Parts, usual: Evaluation
) -> tuple[float, float] | None:
    """The errors of a model and of PCA with the rows that ``usual`` leaves out."""
    if parts.wild is None:
        return None
    wild = evaluate(autoencoder, parts.wild)
    counts = usual.total, wild.total
    model, pca = (
        float(np.average(errors, weights=counts))
        for errors in ((usual.model.mse, wild.model.mse), (usual.pca.mse, wild.pca.mse))
    )
    return model, pca


def keep_some(
    autoencoder: TrainedAutoencoder, test: CodedItems, seed: int, *, track: Tracker = silent
) -> Kept:
    """What a model makes of some of the measured items, always the same ones."""
    most = max(min(MOST_KEPT, _KEPT_VALUES // max(test.items[:1].size, 1)), 1)
    places = drawn_places(len(test), most, np.random.default_rng([seed, _KEPT_STREAM]))
    codes, made, errors = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    with track("encoding", total=len(places), unit="items") as advance:
        for some in pieces(test.items, at=places):
            items, floats = np.asarray(test.items[some]), test.reconstructions(some)
            codes.append(test.codes(some))
            errors.append(item_errors(items, floats))
            made.append(autoencoder.as_data(floats))
            advance(len(items))
    return Kept(
        places=places,
        items=np.asarray(test.items[places]),
        codes=np.concatenate(codes),
        made=np.concatenate(made),
        errors=np.concatenate(errors),
    )


def _file_bytes(autoencoder: TrainedAutoencoder, file: Path | None) -> int:
    """The bytes of a model's file, which is written for it where it does not stay."""
    if file is not None:
        return file.stat().st_size
    with temporary_folder() as folder:
        path = folder / "model.safetensors"
        save_model(path, autoencoder.trained)
        return path.stat().st_size


# Keeps the items that are kept apart from other draws of the same seed.
_KEPT_STREAM = 0xC0DE5
