"""``narrows demo``: the whole story on one page."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from narrows.cli.fit import fitted, shown
from narrows.cli.terminal import progress, say, show
from narrows.tasks.outputs import check_outputs, still_there

if TYPE_CHECKING:
    from narrows.data import Dataset
    from narrows.planning.options import FitOptions

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
    from narrows.report.page import write_page
    from narrows.support.locking import held_folder
    from narrows.tasks.run_files import RunFiles
    from narrows.tasks.story import tell_story

    model, page = out / MODEL, out / PAGE
    files = RunFiles(model, out, note=say)
    check_outputs({"--data": data}, {**files.outputs(), MODEL: model, PAGE: page})
    with held_folder(out, "wait until it has ended, or name another with --out"):
        source, training, held_out = _load(data)
        given, options = _options(source, training)
        result = fitted(training, held_out, options, files, given=given)
        say(summary_text(result.trained.model.spec))
        with still_there(model):
            story = tell_story(result, training, held_out, source=source, model=model)
            write_page(page, story)
    text, values = shown(result, {"model": model, "run_dir": out, "page": page})
    show(f"{text}\nthe whole story: {page.resolve().as_uri()}", values, json)


def _options(source: str, training: "Dataset") -> "tuple[dict[str, Any], FitOptions]":
    """The article's model, trained long enough: what the model file keeps, and the options."""
    from narrows.planning.options import FitOptions
    from narrows.planning.plan import make_plan

    given: dict[str, Any] = {
        "preset": "simple",
        "latent": _DIGITS_LATENT if source == "digits" else None,
    }
    settings = make_plan(training, FitOptions(**given)).settings
    steps = math.ceil(len(training) / settings.batch_size)
    given["epochs"] = max(settings.epochs, math.ceil(_FEWEST_STEPS / steps))
    return given, FitOptions(**given)


def _load(data: str | None) -> "tuple[str, Dataset, Dataset | None]":
    """What was asked for; or MNIST, and where it cannot be had, digits, saying why."""
    from narrows.errors import DataError
    from narrows.tasks.training_data import load_for_training

    if data is None:
        try:
            return "mnist", *load_for_training("mnist", track=progress)
        except DataError as error:
            say(f"{error.message}; going on with digits, which comes along")
            data = "digits"
    return data, *load_for_training(data, track=progress)
