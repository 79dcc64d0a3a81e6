"""``narrows fit``: train a model on data and leave it with its history and pictures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from narrows.cli.data_options import reads_data
from narrows.cli.gathering import Given, Group, gathers, options_of
from narrows.cli.options import DataArgument, Json, path_option
from narrows.cli.terminal import PERSON, say, show
from narrows.planning.options import FitOptions
from narrows.support.interruption import unbroken, with_last_words
from narrows.support.log import log_json
from narrows.support.pulse import resting
from narrows.tasks.option_texts import parse_sizes, parse_types
from narrows.tasks.options import RunOptions, SourceOptions
from narrows.tasks.outputs import check_outputs, still_there

if TYPE_CHECKING:
    from narrows.data.read_options import ReadOptions


Start = Annotated[
    Path | None,
    path_option(
        "MODEL",
        "Go on from a trained model with DATA, of the same shape or columns; it keeps its net, its "
        "scaling and its loss.",
        "--from",
    ),
]
Detection = Annotated[
    bool,
    typer.Option(
        "--detection/--no-detection",
        help="Learn what odd items are, which narrows detect needs.",
    ),
]
Log = Annotated[
    Literal["text", "json"],
    typer.Option(
        help="What standard error gets: text and a progress bar, or a JSON object a line, one for "
        "each epoch, message and error among them."
    ),
]


# What is written otherwise than in Python: its type here, and what makes the value of the text.
_WRITTEN: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "hidden": (str | None, parse_sizes),
    "types": (str | None, parse_types),
    "spec": (Path | None, lambda path: path),
}


def _given(values: Given) -> Given:
    return values | {name: made(values[name]) for name, (_, made) in _WRITTEN.items()}


_GROUP = Group(
    {
        "coordinator": (
            str | None,
            typer.Option(
                None,
                metavar="HOST:PORT|auto",
                help="Train with other processes: where process 0 listens; auto under SLURM, Open "
                "MPI and Kubernetes.",
            ),
        ),
        "processes": (
            int | None,
            typer.Option(None, metavar="N", help="How many processes train together."),
        ),
        "process": (
            int | None,
            typer.Option(None, metavar="I", help="Which of them this is, from 0 on; 0 writes."),
        ),
    },
    lambda values: {
        "coordinator": values["coordinator"],
        "count": values["processes"],
        "index": values["process"],
    },
)

_CHOSEN = options_of(FitOptions, _given, {name: type_ for name, (type_, _) in _WRITTEN.items()})
#: Gives a command these options, which come to its parameter ``chosen`` by name, and those of
#: processes that train together, which come to ``group``.
takes_fit_options = gathers({"chosen": _CHOSEN, "group": _GROUP})


@reads_data
@takes_fit_options
@gathers({"source": options_of(SourceOptions), "run": options_of(RunOptions, dict)})
def fit(
    *,
    data: DataArgument,
    out: Annotated[Path, path_option("MODEL", "The model file to write.")],
    chosen: Given,
    start: Start = None,
    source: SourceOptions,
    detection: Detection = True,
    run: Given,
    log: Log = "text",
    group: Given,
    json: Json = False,
    reading: "ReadOptions",
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
    from narrows.engine import begin_trying
    from narrows.engine.processes import joined

    begin_trying()  # beside imports and the reading of data
    from narrows.model.file import load_model
    from narrows.planning.options import FitOptions
    from narrows.support.locking import held_folder
    from narrows.tasks import fit as job
    from narrows.tasks.run_files import RunFiles
    from narrows.tasks.training_data import load_training, share_held_out

    if log == "json":
        log_json()
    files = RunFiles(out, **run, note=say)
    seed, share = chosen.pop("seed"), share_held_out(data, source.validation)
    given = {**chosen, "validation_fraction": share, "random_state": seed}
    options = FitOptions.of(given, seed)
    before = None if start is None else load_model(start)
    request = job.FitRequest(options=options, given=given, detection=detection, start=before)
    load = partial(
        load_training, data, source, seed, types=options.types, reading=reading, start=before
    )
    with joined(**group) as is_first:
        if not is_first:
            with resting():  # the first process tells
                job.take_part(*load(), request, unbroken=unbroken)
            return
        written = {"--out": out, **files.outputs()}
        models = {"--spec": options.spec}
        check_outputs(source.read_beside(data), written, models=models, only_files=True)
        with held_folder(files.folder, "wait until it has ended, or name another with --run-dir"):
            items = load(listener=PERSON)
            with with_last_words(files.last_words), still_there(lambda: files.written):
                result = job.fit(*items, request, files=files, listener=PERSON)
    paths = {"model": str(out), "run_dir": str(files.folder)}
    show(result.text(), paths | result.values(), json)
