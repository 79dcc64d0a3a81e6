"""``narrows fit``: train a model on data and leave it with its history and pictures."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.fit_options import takes_fit_options
from narrows.cli.gathering import Given
from narrows.cli.options import DataArgument, Json, data_option, path_option
from narrows.cli.terminal import progress, say, show
from narrows.support.interruption import unbroken, with_last_words
from narrows.support.log import log_json
from narrows.support.progress import Note, unheard
from narrows.support.standard_input import renamed
from narrows.tasks.outputs import check_outputs, still_there

if TYPE_CHECKING:
    from collections.abc import Mapping

    from narrows.data import Dataset
    from narrows.data.image_options import ImageOptions
    from narrows.model.trained import TrainedModel
    from narrows.planning.options import FitOptions
    from narrows.tasks.fit import FitResult
    from narrows.tasks.run_files import RunFiles


@reads_data
@takes_fit_options
def fit(
    *,
    data: DataArgument,
    out: Annotated[Path, path_option("MODEL", "The model file to write.")],
    chosen: Given,
    start: Annotated[
        Path | None,
        path_option(
            "MODEL",
            "Go on from a trained model with DATA, of the same shape or columns; it keeps its "
            "net, its scaling and its loss.",
            "--from",
        ),
    ] = None,
    target: Annotated[
        str | None,
        data_option(
            "CLEAN",
            "What DATA shall become: the same items without their noise, or a folder of "
            "images of the same names.",
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
        data_option(
            "DATA|FRACTION",
            "What to validate on: data, or the share of rows to hold out (0 for none). "
            "mnist:test for mnist, a tenth elsewhere.",
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
        path_option(
            "DIR", "History, pictures, checkpoint; a folder beside the model, named after it."
        ),
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(help="Write a checkpoint at least this often.")
    ] = 10.0,
    log: Annotated[
        Literal["text", "json"],
        typer.Option(
            help="What standard error gets: text and a progress bar, or a JSON object a line, one "
            "for each epoch, message and error among them."
        ),
    ] = "text",
    tensorboard: Annotated[
        Path | None,
        path_option("DIR", "A folder for what TensorBoard shows: losses, learning rate and speed."),
    ] = None,
    group: Given,
    json: Json = False,
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
      narrows fit december.csv --from model.safetensors --out model.safetensors
      narrows fit photographs/ --grey --resize 64,48 --skip-damaged --out photographs.safetensors
    """
    from narrows.engine.processes import joined
    from narrows.model.file import load_model
    from narrows.planning.options import FitOptions
    from narrows.support.locking import held_folder
    from narrows.tasks.fit import take_part
    from narrows.tasks.run_files import RunFiles
    from narrows.tasks.training_data import share_held_out

    if log == "json":
        log_json()
    files = RunFiles(
        out,
        run_dir,
        resume=resume,
        checkpoint_seconds=checkpoint_seconds,
        tensorboard=tensorboard,
        note=say,
    )
    seed = chosen.pop("seed")
    given = {
        **chosen,
        "validation_fraction": share_held_out(data, validation),
        "random_state": seed,
    }
    options = FitOptions.of(given, seed)
    before = None if start is None else load_model(start)
    source: Given = {"target": target, "tile": tile, "validation": validation, "seed": seed}
    source |= {"types": options.types, "images": images, "csv": csv, "start": before}
    with joined(**group) as is_first:
        if not is_first:
            take_part(*_loaded(data, **source), options, start=before, unbroken=unbroken)
            return
        check_outputs(
            {"DATA": data, "--target": target, "--validation": validation},
            {"--out": out, **files.outputs()},
            models={"--spec": options.spec},
            only_files=True,
        )
        with held_folder(files.folder, "wait until it has ended, or name another with --run-dir"):
            training, held_out = _loaded(data, **source, track=progress, note=say)
            result = fitted(
                training, held_out, options, files, start=before, given=given, detection=detection
            )
    paths = {"model": str(out), "run_dir": str(files.folder)}
    show(result.text(), paths | result.values(), json)


def _loaded(
    data: str,
    *,
    target: str | None,
    tile: int | None,
    validation: str | None,
    seed: int,
    types: "Mapping[str, str] | None",
    start: "TrainedModel | None",
    note: Note = unheard,
    **how: Any,
) -> "tuple[Dataset, Dataset | None]":
    """What is learnt from, and what is held out."""
    from narrows.tasks.training_data import load_for_training, load_pages

    if target is None and tile is None:
        training, held_out = load_for_training(
            data, validation, seed, start=start, types=types, **how
        )
    else:
        training, held_out = load_pages(data, target, tile, validation, seed, note=note, **how)
    return replace(training, name=renamed(training.name)), held_out


def fitted(
    training: "Dataset",
    held_out: "Dataset | None",
    options: "FitOptions",
    files: "RunFiles",
    **more: Any,
) -> "FitResult":
    """:func:`narrows.tasks.fit.fit` as a terminal shows it, and as Ctrl-C ends it."""
    from narrows.tasks.fit import fit

    with with_last_words(files.last_words), still_there(lambda: files.written):
        return fit(
            training,
            held_out,
            options,
            files=files,
            track=progress,
            note=say,
            unbroken=unbroken,
            **more,
        )
