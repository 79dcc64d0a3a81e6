"""``fit``: from data and options to a trained model, and what a user should know of it.

The command line, ``narrows demo`` and the estimators show the same :class:`FitResult`.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import Any

from narrows.data import Dataset, TableSchema
from narrows.model.ranges import judging_rows
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.planning.architecture import CHANNELS_FIRST
from narrows.planning.continuing import SETTLED, continuing_plan, require_settled
from narrows.planning.options import FitOptions
from narrows.planning.parameters import kept
from narrows.planning.plan import Plan, make_plan
from narrows.report.diagnostics import MOST_ITEMS, Caution, few_rows, find_warnings
from narrows.report.evaluation import Evaluation, evaluate
from narrows.report.notebook import model_html
from narrows.support.blas import one_blas_thread
from narrows.support.chunks import measured_places
from narrows.support.number_text import count_of, listed
from narrows.support.progress import NOBODY, Listener, Tracker, Unbroken
from narrows.support.text_tables import told_html
from narrows.tasks.denoise import with_noise
from narrows.tasks.duration import timed_training
from narrows.tasks.fit_plan import Coded, Fitted, fit_plan, learn
from narrows.tasks.run_files import NO_FILES, FitFiles, Judged
from narrows.training import History
from narrows.training.noise import noise_limits
from narrows.training.pace import Pace

# Items that say enough of a model to warn of it, where nobody waits for an evaluation.
_MOST_TO_JUDGE = 500


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A trained model, and what a user should know of it.

    Attributes:
        autoencoder: runs the model.
        history: its losses, epoch by epoch.
        choices: how the data were read, what columns are taken for, and what was chosen and why.
        doubts: those of them that may spoil results.
        notes: what came up in training, such as PCA in the model's place.
        cautions: what looks suspicious in the trained model.
        evaluation: its errors; None where nothing was held out and the run has no files.
        not_written: what to say of files that the run folder lacks, by their names.
        coded: the items with the codes that are known.
        seconds: what all of it took.
    """

    autoencoder: TrainedAutoencoder
    history: History
    choices: tuple[str, ...]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    cautions: tuple[Caution, ...]
    evaluation: Evaluation | None
    not_written: Mapping[str, str]
    coded: Coded = field(repr=False)
    seconds: float

    @property
    def trained(self) -> TrainedModel:
        """What a model file holds."""
        return self.autoencoder.trained

    @property
    def findings(self) -> tuple[str, ...]:
        """What is known only after training, in sentences."""
        return (*self.notes, *map(str, self.cautions), *self.not_written.values())

    def text(self) -> str:
        """What came of a run that has files, for people."""
        assert self.evaluation is not None
        pace = Pace.of(self.history).sentence()
        took = f"{self.seconds:.1f} s, {count_of(len(self.history), 'epochs')}"
        if self.trained.training.linear:
            took += ", with the training of a net that PCA replaced"
        return f"{self.evaluation.sentence()}; {took}; {pace}"

    def values(self) -> dict[str, Any]:
        """The same for machines."""
        assert self.evaluation is not None
        return {
            "evaluation": asdict(self.evaluation),
            "training": self.trained.training.to_dict(),
            "pace": asdict(Pace.of(self.history)),
            "dead_indices": self.trained.dead.tolist(),
            "notes": list(self.notes),
            "cautions": [asdict(caution) for caution in self.cautions],
            "not_written": dict(self.not_written),
            "seconds": round(self.seconds, 3),
        }

    def _repr_html_(self) -> str:
        told = "".join(f"<li>{escape(line)}</li>" for line in (*self.choices, *self.findings))
        errors = "" if self.evaluation is None else told_html(self.evaluation.told())
        return f"{model_html(self.autoencoder, self.history, None)}{errors}<ul>{told}</ul>"


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """What is asked of a fit.

    Attributes:
        options: what is chosen.
        given: the same as it was given, with ``random_state``, for the model file.
        of: the class whose parameters these are.
        detection: whether to learn what :mod:`narrows.tasks.detect` needs.
        most_steps: of training, where the options do not say how many epochs.
        start: a trained model to go on from, see :mod:`narrows.planning.continuing`; None to train
            a new one.

    Raises:
        UsageError: ``start`` has settled what the options say otherwise.
    """

    options: FitOptions
    given: Mapping[str, Any] = field(default_factory=dict)
    of: str = "Autoencoder"
    detection: bool = False
    most_steps: int | None = None
    start: TrainedModel | None = None

    def __post_init__(self) -> None:
        if self.start is not None:  # before data are read, which may not be as it wants them
            require_settled(self.start, self.options)

    def plan(self, training: Dataset) -> Plan:
        """What comes of it on ``training``."""
        if self.start is None:
            return make_plan(training, self.options, most_steps=self.most_steps)
        return continuing_plan(self.start, training, self.options, most_steps=self.most_steps)

    def kept(self, trained: TrainedModel, plan: Plan) -> TrainedModel:
        """The model with the parameters that it was trained with: of one that went on, those that
        it has kept."""
        before = {} if self.start is None else self.start.parameters.get("values", {})
        settled = {name: value for name, value in before.items() if name in SETTLED}
        return kept(trained, self.of, {**self.given, **settled}, plan.settings.epochs)


def fit(
    training: Dataset,
    held_out: Dataset | None,
    request: FitRequest,
    *,
    files: FitFiles = NO_FILES,
    before: float = 0.0,
    listener: Listener = NOBODY,
) -> FitResult:
    """Train what is asked for on ``training``, and say what there is to say of it.

    Args:
        held_out: what is validated on after each epoch, or None.
        files: what is written; a run's are judged on all that was held out.
        before: see :func:`narrows.tasks.duration.timed_training`.
        listener: told each sentence as soon as it is known.

    Raises:
        UsageError: an option that cannot be, or does not fit the items.
        NarrowsError: training failed, or the model cannot be written.
    """
    begun, listener = time.monotonic(), listener.once()
    plan = request.plan(training)
    held_out, left_out = _judging(training, held_out)
    choices = (*_choices(training, held_out, plan), *left_out)
    listener.note_each(_begun(training, plan, choices))
    run = {"devices": request.options.devices, **files.begin(plan, request.detection)}
    run["listener"] = timed_training(listener, _length(plan), before, _least(plan))
    fitted = fit_plan(training, held_out, plan, detection=request.detection, **run)
    autoencoder = TrainedAutoencoder(request.kept(fitted.trained, plan))
    files.save(autoencoder.trained)
    parts, judged = (training, held_out), None
    if files.judge or held_out is not None:
        judged = _judged(autoencoder, parts, fitted.coded, plan, track=listener.track)
    if held_out is not None:  # whose errors are in the file too
        files.save(autoencoder.trained)
    not_written = files.report(fitted.history, judged, listener.track)
    evaluation = None if judged is None else judged.evaluation
    most = MOST_ITEMS if files.judge else _MOST_TO_JUDGE
    result = FitResult(
        autoencoder=autoencoder,
        history=fitted.history,
        choices=choices,
        doubts=_doubts(training, plan),
        notes=fitted.notes,
        cautions=tuple(_cautions(autoencoder, parts, fitted, plan, evaluation, most=most)),
        evaluation=evaluation,
        not_written=not_written,
        coded=fitted.coded,
        seconds=time.monotonic() - begun,
    )
    listener.note_each(result.findings)
    return result


def _judged(
    autoencoder: TrainedAutoencoder,
    parts: tuple[Dataset, Dataset | None],
    coded: Coded,
    plan: Plan,
    *,
    track: Tracker,
) -> Judged:
    """A model's errors on what was held out, or else on the training items, with noise where it
    learnt to undo that; of some of very many. The model knows those of held-out items from then
    on, and its file says them.

    Args:
        parts: the training items, and what was held out.
    """
    trained, noise, seed = autoencoder.trained, plan.settings.noise, plan.settings.seed
    training, held_out = parts
    shown = training if held_out is None else held_out
    if noise is not None:
        shown = with_noise(shown, noise, noise_limits(trained.described), seed)
    known = coded.shown if shown.inputs is None else None
    at = measured_places(len(shown), seed, refined=bool(trained.refinement))
    with one_blas_thread():  # the file's bytes do not depend on how many there are
        found = evaluate(autoencoder, shown, coded=known, at=at, track=track)
    if held_out is not None:
        own, pca = found.model.mse, found.pca.mse
        told = replace(trained.training, error=own, pca_error=pca, measured=found.count)
        autoencoder.trained = replace(trained, training=told)
    return Judged(
        autoencoder=autoencoder, seed=seed, shown=shown, coded=coded.shown, evaluation=found
    )


def _cautions(
    autoencoder: TrainedAutoencoder,
    parts: tuple[Dataset, Dataset | None],
    fitted: Fitted,
    plan: Plan,
    evaluation: Evaluation | None,
    *,
    most: int,
) -> list[Caution]:
    """What looks suspicious in a trained model, of which ``most`` training items are looked at."""
    return find_warnings(
        autoencoder,
        *parts,
        fitted.history,
        evaluation,
        keeps_best=plan.settings.patience is not None,
        most=most,
        coded=fitted.coded.training,
    )


def _length(plan: Plan) -> str:
    """How long the training is, in epochs."""
    epochs, at_most = plan.settings.epochs, "" if plan.settings.patience is None else "at most "
    return f"training, {at_most}{count_of(epochs, 'epochs')}"


def _least(plan: Plan) -> float:
    """The share of its epochs after which the training may end at the earliest."""
    epochs, patience = plan.settings.epochs, plan.settings.patience
    return 1.0 if patience is None else min((patience + 1) / epochs, 1.0)


def take_part(
    training: Dataset,
    held_out: Dataset | None,
    request: FitRequest,
    *,
    unbroken: Unbroken = contextlib.nullcontext,
) -> None:
    """The part of a :func:`fit` that processes take together, in another than the first of them:
    the training. Nothing is written or said."""
    plan = request.plan(training)
    held_out, _ = _judging(training, held_out)
    listener = Listener(unbroken=unbroken)
    learn(training, held_out, plan, listener=listener, devices=request.options.devices)


def _judging(training: Dataset, held_out: Dataset | None) -> tuple[Dataset | None, tuple[str, ...]]:
    """The held-out rows that judge the training, and what is said of the others."""
    judging = None if held_out is None else judging_rows(training, held_out)
    if held_out is None or judging is None:
        return held_out, ()
    rows = count_of(len(held_out) - len(judging), "held-out rows")
    return held_out.rows(judging, in_place=True), (
        f"left out: {rows} with numbers far outside those of the training rows, which would decide "
        "alone which epoch and which model is the best",
    )


def _choices(training: Dataset, held_out: Dataset | None, plan: Plan) -> tuple[str, ...]:
    """How the data were read, what columns are taken for, and what was chosen and why."""
    notes = list(training.notes)
    if held_out is not None and held_out.notes != training.notes:
        notes += [f"{held_out.name}: {line}" for line in held_out.notes]
    columns = [] if training.table is None else training.table.describe()
    return (*notes, *columns, *plan.reasons)


def _begun(training: Dataset, plan: Plan, choices: tuple[str, ...]) -> Iterator[str]:
    """What is said before the training, also that its rows are few, which costs a long one."""
    shape = "x".join(map(str, training.item_shape))
    yield f"learning {count_of(len(training), 'items')} of {shape} from {training.name}"
    yield from (f"  {line}" for line in choices)
    if training.inputs is None and plan.settings.noise is None:
        caution = few_rows(len(training), plan.spec.latent_size)
        yield from () if caution is None else (str(caution),)


def _doubts(training: Dataset, plan: Plan) -> tuple[str, ...]:
    """What may spoil results of how the data were read."""
    channels = [line for line in plan.reasons if line == CHANNELS_FIRST]
    return (*training.notes, *channels, *_left_out(training.table))


def _left_out(table: TableSchema | None) -> list[str]:
    """What to say of columns that nothing is learnt from."""
    if table is None:
        return []
    left = [column for column in table.columns if column.kind == "ignored"]
    if not left:
        return []
    shown = listed(left, 10, lambda column: f"{column.name!r} ({column.why_not()})")
    columns = count_of(len(left), "columns")
    return [f"nothing is learnt from {columns}: {shown}"]
