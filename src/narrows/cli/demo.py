"""``narrows demo``: the whole story on one page."""

import math
import platform
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from narrows.cli.fit import FitResult, load_for_training, run_outputs, train_and_write
from narrows.cli.terminal import say, show
from narrows.support.streams import printable
from narrows.tasks.outputs import check_outputs, still_there

if TYPE_CHECKING:
    from narrows.data import Dataset
    from narrows.report.evaluation import Score
    from narrows.report.page import Picture, Story

MODEL, PAGE = "model.safetensors", "index.html"
# Fifty epochs of MNIST are 47,000 steps; fewer than this and a small set has hardly been looked at.
_FEWEST_STEPS = 25_000
# digits has 64 values an item where MNIST has 784: the article's 20 numbers would not be narrow.
_DIGITS_LATENT = 5


def demo(
    data: Annotated[
        str | None,
        typer.Option(
            help="What to learn: mnist where it can be had, otherwise digits, which comes along."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(readable=False, metavar="DIR", help="Where everything goes.")
    ] = Path("narrows-demo"),
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train the article's autoencoder and tell the whole story on one page.

    \b
    Example:
      narrows demo --out story
      narrows demo --data scans/
    """
    from narrows.nn.summary import summary_text
    from narrows.planning.options import FitOptions
    from narrows.planning.plan import make_plan
    from narrows.report.page import write_page
    from narrows.support.locking import held_folder
    from narrows.training.loop import CHECKPOINT_SECONDS

    written = {name: out / name for name in (MODEL, PAGE)}
    check_outputs({"--data": data}, {**run_outputs(out), **written})
    with held_folder(out, "wait until it has ended, or name another with --out"):
        source, training, held_out = _load(data, FitOptions.seed)
        latent = _DIGITS_LATENT if source == "digits" else None
        plan = make_plan(training, FitOptions(preset="simple", latent=latent))
        steps = math.ceil(len(training) / plan.settings.batch_size)
        epochs = max(plan.settings.epochs, math.ceil(_FEWEST_STEPS / steps))
        plan = replace(plan, settings=replace(plan.settings, epochs=epochs))
        given = {"preset": "simple", "latent": latent, "epochs": epochs}
        result = train_and_write(
            training, held_out, plan, out / MODEL, out, None, CHECKPOINT_SECONDS, given
        )
        say(summary_text(result.fitted.trained.model.spec))
        with still_there(out / MODEL):
            write_page(out / PAGE, _story(source, result, training, held_out, out))
        result.paths["page"] = out / PAGE
    show(
        f"{result.evaluation.sentence()}; {result.seconds:.1f} s\n"
        f"the whole story: {(out / PAGE).resolve().as_uri()}",
        result.values(),
        json,
    )


def _load(data: str | None, seed: int) -> "tuple[str, Dataset, Dataset | None]":
    """What was asked for; or MNIST, and where it cannot be had, digits, saying why."""
    from narrows.errors import DataError

    if data is None:
        try:
            return "mnist", *load_for_training("mnist", None, seed)
        except DataError as error:
            say(f"{error.message}; going on with digits, which comes along")
            data = "digits"
    return data, *load_for_training(data, None, seed)


def _story(
    source: str, result: FitResult, training: "Dataset", held_out: "Dataset | None", out: Path
) -> "Story":
    from narrows.nn.summary import summary_text
    from narrows.report.page import Command, Method, Story

    trained, evaluation = result.fitted.trained, result.evaluation
    shape = " × ".join(map(str, training.item_shape))
    numbers = trained.model.spec.latent_size

    def row(score: "Score") -> Method:
        return Method(score.method, score.numbers, score.mse, score.psnr, score.relative)

    shown = training if held_out is None else held_out
    model, data = _quoted(str(out / MODEL)), _quoted(shown.name)
    return Story(
        title=f"{training.item_size} values through {numbers} numbers",
        data=[
            f"{source}: {len(training):,} items of {shape} values to learn from, and "
            f"{len(shown):,} that training never saw to measure on.",
            "An encoder squeezes each item through a few numbers, and a decoder opens it again. "
            "Both are learnt from the items alone: where they resemble each other, the few "
            "numbers are nearly enough.",
        ],
        model=row(evaluation.model),
        baseline=row(evaluation.pca),
        others=[row(score) for score in evaluation.baselines[1:]],
        error_unit=evaluation.unit or "squared units of the data",
        bytes_before=evaluation.bytes_before,
        bytes_after=evaluation.bytes_after,
        seconds=sum(record["seconds"] for record in result.fitted.history),
        pictures=_pictures(result, out),
        summary=summary_text(trained.model.spec),
        commands=[
            Command(f"narrows evaluate {model} {data}", "all errors, in the data's own units"),
            Command(f"narrows encode {model} {data} --out codes.npy", "the codes"),
            Command(f"narrows decode {model} codes.npy --out decoded/", "and back, as pictures"),
            Command("narrows fit YOUR_DATA --out model.safetensors", "the same on your data"),
        ],
        provenance=_provenance(trained.versions),
    )


def _pictures(result: FitResult, out: Path) -> "list[Picture]":
    """Those of this run that could be drawn."""
    from narrows.report.page import Picture
    from narrows.report.run_folder import CODES, LOSS, RECONSTRUCTIONS

    dead, numbers = result.fitted.trained.dead, result.evaluation.model.numbers
    titles = {
        RECONSTRUCTIONS: "What the numbers keep",
        LOSS: "Training against validation loss",
        CODES: "The latent space",
    }
    captions = {
        RECONSTRUCTIONS: "Items that training never saw, above what the decoder makes of their "
        "code, and what principal component analysis makes of as many numbers.",
        LOSS: "Where the two part, the model has begun to learn its training items by heart.",
        CODES: "Each point is the code of an item. No label was ever shown to the model.",
    }
    if len(dead):
        same = "the same for every item"
        captions[CODES] += f" {len(dead)} of the {numbers} numbers are dead: {same}."
    return [
        Picture(out / name, title, captions[name])
        for name, title in titles.items()
        if name not in result.missing
    ]


def _quoted(name: str) -> str:
    """A name for a shell; bytes that are no UTF-8 as bash and zsh write them."""
    quoted = printable(name.replace("\\", r"\\").replace("'", r"\'"))
    return f"$'{quoted}'" if printable(name) != name else shlex.quote(name)


def _provenance(versions: dict[str, str]) -> str:
    from narrows.engine.cores import usable_cores
    from narrows.version import __version__

    known = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"narrows {__version__}, Python {platform.python_version()}, {known}; "
        f"{platform.system()} {platform.machine()}, {usable_cores()} cores"
    )
