"""``narrows fit``: train a model on data and leave it with its history and pictures."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.fit_options import takes_fit_options
from narrows.cli.gathering import Given
from narrows.cli.interruption import unbroken, with_last_words
from narrows.cli.options import (
    HELD_OUT,
    DataArgument,
    Json,
    as_fraction,
)
from narrows.cli.pages import load_pages
from narrows.cli.terminal import progress, say, show
from narrows.errors import DataError, UsageError
from narrows.support.standard_input import received, renamed
from narrows.tasks.outputs import RUN_FOLDER, check_outputs, still_there

if TYPE_CHECKING:
    from narrows.data import Dataset
    from narrows.data.image_options import ImageOptions
    from narrows.model.use import TrainedAutoencoder
    from narrows.planning.plan import Plan
    from narrows.report.diagnostics import Caution
    from narrows.report.evaluation import Evaluation
    from narrows.tasks.fit import Fitted
    from narrows.training import History

CHECKPOINT = "checkpoint.safetensors"
HISTORY = "history.jsonl"


@reads_data
@takes_fit_options
def fit(
    data: DataArgument,
    out: Annotated[
        Path,
        typer.Option(
            readable=False, metavar="MODEL", help="The model file to write.", show_default=False
        ),
    ],
    chosen: Given,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="CLEAN",
            help="What DATA shall become: the same items without their noise, or a folder of "
            "images of the same names.",
            callback=received,
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            help="Learn from tiles of so many pixels each way; 48 with --target and large images.",
        ),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="DATA|FRACTION",
            help="What to validate on: data, or the share of rows to hold out (0 for none). "
            "mnist:test for mnist, a tenth elsewhere.",
            callback=received,
        ),
    ] = None,
    detection: Annotated[
        bool,
        typer.Option(
            "--detection/--no-detection",
            help="Learn what odd items are, which narrows detect needs.",
        ),
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the run folder.")
    ] = False,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            metavar="DIR",
            help="History, pictures, checkpoint; a folder beside the model, named after it.",
        ),
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(help="Write a checkpoint at least this often.")
    ] = 10.0,
    json: Json = False,
    *,
    images: "ImageOptions",
    csv: CsvGiven,
) -> None:
    """Train an autoencoder on DATA and write it to MODEL.

    \b
    Example:
      narrows fit mnist --out digits.safetensors
      narrows fit readings.npy --latent 8 --hidden 128,32 --out readings.safetensors
      narrows fit readings.npy --no-detection --out readings.safetensors
      narrows fit scans/ --target cleaned/ --out pages.safetensors
      narrows fit photographs/ --grey --resize 64,48 --skip-damaged --out photographs.safetensors
    """
    from narrows.planning.options import FitOptions
    from narrows.planning.plan import make_plan
    from narrows.support.files import is_standard_output
    from narrows.support.locking import held_folder
    from narrows.tasks.loading import require_no_csv

    if not checkpoint_seconds >= 0:
        raise UsageError(
            f"--checkpoint-seconds is {checkpoint_seconds:g}, and cannot be below 0",
            hint="give the seconds of work that a kill may cost, such as 10",
        )
    if is_standard_output(out):
        raise UsageError(
            "fit writes a model with a folder beside it, which standard output cannot hold",
            hint="name a file, as in --out model.safetensors",
        )
    seed = chosen.pop("seed")
    given = {
        **chosen,
        "validation_fraction": _share_held_out(data, validation),
        "random_state": seed,
    }
    options = FitOptions.of(given, seed)
    folder = run_dir or default_run_dir(out)
    check_outputs(
        {"DATA": data, "--target": target, "--validation": validation},
        {"--out": out, **run_outputs(folder)},
        models={"--spec": options.spec},
        only_files=True,
    )
    with held_folder(folder, "wait until it has ended, or name another with --run-dir"):
        if target is None and tile is None:
            training, held_out = load_for_training(
                data, validation, seed, chosen["types"], images, csv
            )
        else:
            require_no_csv(data, csv)
            training, held_out = load_pages(data, target, tile, validation, seed, images)
        training = replace(training, name=renamed(training.name))
        plan = make_plan(training, options)
        result = train_and_write(
            training, held_out, plan, out, folder, resume, checkpoint_seconds, given, detection
        )
    show(f"{result.evaluation.sentence()}; {result.seconds:.1f} s", result.values(), json)


class FitResult:
    """What a run came to, for the terminal, JSON and the demo's page."""

    def __init__(
        self,
        fitted: "Fitted",
        autoencoder: "TrainedAutoencoder",
        evaluation: "Evaluation",
        cautions: "list[Caution]",
        seconds: float,
        paths: dict[str, Path],
        missing: dict[str, str],
    ) -> None:
        self.fitted, self.autoencoder, self.evaluation = fitted, autoencoder, evaluation
        self.cautions, self.seconds, self.paths = cautions, seconds, paths
        self.missing = missing

    def values(self) -> dict[str, Any]:
        trained = self.fitted.trained
        return {
            **{name: str(path) for name, path in self.paths.items()},
            "evaluation": asdict(self.evaluation),
            "training": trained.training.to_dict(),
            "dead": trained.dead.tolist(),
            "notes": list(self.fitted.notes),
            "cautions": [asdict(caution) for caution in self.cautions],
            "not_written": self.missing,
            "seconds": round(self.seconds, 3),
        }


def _share_held_out(source: str, validation: str | None) -> float:
    """The share of the rows that is held out; 0 where other data are validated on."""
    from narrows.data import validation_source

    if validation is None:
        return 0.0 if validation_source(source) is not None else HELD_OUT
    return as_fraction(validation) or 0.0


def default_run_dir(out: Path) -> Path:
    """A folder beside the model, named after it."""
    return out.with_suffix("") if out.suffix else out.with_name(f"{out.name}-run")


def run_outputs(folder: Path) -> dict[str, Path]:
    """What a run writes into its folder, by what messages call it."""
    from narrows.report.run_folder import CODES, LOSS, RECONSTRUCTIONS

    names = (CHECKPOINT, HISTORY, LOSS, RECONSTRUCTIONS, CODES)
    return {RUN_FOLDER: folder, **{f"the run's {name}": folder / name for name in names}}


def load_for_training(
    source: str,
    validation: str | None,
    seed: int,
    types: dict[str, str] | None = None,
    options: "ImageOptions | None" = None,
    csv: CsvGiven | None = None,
) -> "tuple[Dataset, Dataset | None]":
    """The training set and the validation set that ``--validation`` asks for.

    Raises:
        DataError: a source is missing or not what it must be.
        UsageError: ``validation`` is a number outside 0 to 1.
    """
    from narrows.data import load_data, validation_source
    from narrows.data.image_options import ImageOptions
    from narrows.tasks.loading import is_csv_file

    fraction = HELD_OUT if validation is None else as_fraction(validation)
    own = validation_source(source) if validation is None else validation
    other = own if fraction is None or validation is None else None
    # options are for those that are CSV files, and for DATA to refuse where none is
    of_data = csv or {} if is_csv_file(source) or not is_csv_file(other) else {}
    data = load_data(
        source,
        labels=True,
        types=types,
        track=progress,
        **asdict(options or ImageOptions()),
        **of_data,
    )
    if own is not None and (validation is None or fraction is None):
        images = asdict(options or ImageOptions()) if Path(own).is_dir() else {}
        said = csv or {} if is_csv_file(own) else {}
        held_out = load_data(own, labels=True, table=data.table, track=progress, **images, **said)
        if data.table is None and held_out.table is not None:
            raise DataError(
                f"{own} is a table, and {source} is none",
                hint="validate on data of the same kind",
            )
        if held_out.item_shape != data.item_shape:
            raise DataError(
                f"{own} has items of shape {held_out.item_shape}, "
                f"and {source} has {data.item_shape}",
                hint="validate on items of the shape that the model is trained on",
            )
        return data, held_out
    if fraction == 0:
        return data, None
    assert fraction is not None
    return data.split(fraction, seed)


def train_and_write(
    training: "Dataset",
    held_out: "Dataset | None",
    plan: "Plan",
    out: Path,
    folder: Path,
    resume: bool | None,
    checkpoint_seconds: float,
    given: Mapping[str, Any],
    detection: bool = True,
) -> FitResult:
    """Train, then write the model and everything that goes into the run folder.

    Args:
        resume: whether to go on from the checkpoint; None where the command cannot.
        given: what the plan was asked for, under the names of :mod:`narrows.planning.parameters`.
    """
    from narrows.model.file import save_model
    from narrows.model.use import TrainedAutoencoder
    from narrows.planning.parameters import kept
    from narrows.report.diagnostics import find_warnings
    from narrows.report.evaluation import evaluate
    from narrows.report.run_folder import draw_run
    from narrows.tasks.denoise import with_noise
    from narrows.tasks.fit import fit as fit_model
    from narrows.training.noise import noise_limits

    start = time.monotonic()
    shape = "x".join(map(str, training.item_shape))
    say(f"learning {len(training):,} items of {shape} from {training.name}")
    for line in _described(training, held_out, plan):
        say(f"  {line}")
    checkpoint, history = folder / CHECKPOINT, HistoryFile(folder / HISTORY)
    _require_room(plan, out, checkpoint, detection)
    if resume and not checkpoint.exists():
        say(f"there is no checkpoint in {folder} yet: starting at the beginning")
    with with_last_words(lambda: _to_resume(checkpoint, resume)):
        fitted = fit_model(
            training,
            held_out,
            plan,
            detection=detection,
            checkpoint=checkpoint,
            checkpoint_seconds=checkpoint_seconds,
            resume=bool(resume),
            on_epoch=history.keep,
            track=progress,
            unbroken=unbroken,
        )
        trained = kept(fitted.trained, "Autoencoder", given, plan.settings.epochs)
        fitted = replace(fitted, trained=trained)
        save_model(out, trained)
        say(f"wrote the model to {out}")
    last_words = f"stopped; the model is in {out}, and not all of {folder} is new"
    with with_last_words(lambda: last_words), still_there(out):
        autoencoder = TrainedAutoencoder(fitted.trained)
        shown = training if held_out is None else held_out
        if plan.settings.noise is not None:
            limits = noise_limits(fitted.trained.described)
            shown = with_noise(shown, plan.settings.noise, limits, plan.settings.seed)
        evaluation = evaluate(autoencoder, shown, track=progress)
        missing = history.missing(fitted.history) | draw_run(
            folder, autoencoder, fitted.history, shown, evaluation, plan.settings.seed
        )
        cautions = find_warnings(autoencoder, training, held_out, fitted.history, evaluation)
    for line in (*fitted.notes, *map(str, cautions), *missing.values()):
        say(line)
    paths = {"model": out, "run_dir": folder}
    seconds = time.monotonic() - start
    return FitResult(fitted, autoencoder, evaluation, cautions, seconds, paths, missing)


def _require_room(plan: "Plan", out: Path, checkpoint: Path, detection: bool) -> None:
    """Make sure that the disks have room for the model and for two checkpoints, of which one takes
    the other's place: weights, both moments, and the best weights where patience keeps them. Beside
    its weights a model holds principal components, and what detects, most of which is a forest.

    Raises:
        OutputError: they have not.
    """
    from narrows.learnt.forest import MOST_BYTES
    from narrows.support.files import require_room

    weights = 4 * sum(map(math.prod, plan.spec.array_shapes().values()))
    components = 4 * plan.spec.latent_size * math.prod(plan.spec.item_shape)
    hint = "free some space, or write to another disk with --out and --run-dir"
    copies = 3 if plan.settings.patience is None else 4
    require_room(checkpoint, 2 * copies * weights, hint)
    require_room(out, weights + components + (MOST_BYTES if detection else 0), hint)


def _to_resume(checkpoint: Path, resume: bool | None) -> str:
    """What to say of a run that was broken off before its model was written."""
    if resume is None:
        return "stopped; the same command starts at the beginning"
    if not checkpoint.exists():
        return "stopped before there was anything to go on from"
    return f"stopped; the same command with --resume goes on from {checkpoint}"


def _described(training: "Dataset", held_out: "Dataset | None", plan: "Plan") -> list[str]:
    """How the data were read, what columns are taken for, and what was chosen and why."""
    notes = list(training.notes)
    if held_out is not None and held_out.notes != training.notes:
        notes += [f"{held_out.name}: {note}" for note in held_out.notes]
    columns = [] if training.table is None else training.table.describe()
    return [*notes, *columns, *plan.reasons]


class HistoryFile:
    """A file that is kept up to date with a history. What it lacks, because it cannot be written,
    costs no run: it is written when it can be."""

    def __init__(self, path: Path) -> None:
        self.path, self.written, self.said = path, 0, False

    def keep(self, history: "History") -> None:
        """Write what is new of ``history``."""
        error = self._error(history)
        if error is not None and not self.said:
            self.said = True
            say(f"{error}; training goes on, and writes it when it can")

    def missing(self, history: "History") -> dict[str, str]:
        """What to say of the file at the end, by its name, if it does not hold all of ``history``;
        nothing if it does."""
        error = self._error(history) if self.written < len(history) else None
        return {} if error is None else {self.path.name: error}

    def _error(self, history: "History") -> str | None:
        from narrows.errors import OutputError
        from narrows.training.history import append_record, write_history

        try:
            if self.written and self.written == len(history) - 1:
                append_record(self.path, history[-1])
            else:  # an earlier run's, or what a resumed one had done, or what could not be written
                write_history(self.path, history)
        except OutputError as error:
            return error.message
        self.written = len(history)
        return None
