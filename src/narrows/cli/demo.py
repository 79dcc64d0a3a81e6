"""``narrows demo``: the article's model and the default one, and the page that compares them."""

from pathlib import Path
from typing import Annotated

import typer

from narrows.cli.compare import compared, write_and_show
from narrows.cli.options import Json, path_option
from narrows.cli.terminal import progress, say
from narrows.tasks.outputs import RUN_FOLDER, check_outputs, still_there

PAGE = "index.html"
# digits has 64 values an item where MNIST has 784: the article's 20 numbers would not be narrow.
_DIGITS_LATENT = 5
# Of what takes long, as much as a newcomer waits for.
_BOUNDS, _MOST_BYTES, _CODECS, _MOST_TOLD = ("3%",), 1 << 20, ("JPEG", "WebP", "PNG"), 3_000


def demo(
    data: Annotated[
        str | None,
        typer.Option(
            help="What to learn: mnist where it can be had, otherwise digits, which comes along."
        ),
    ] = None,
    out: Annotated[Path, path_option("DIR", "Where everything goes.")] = Path("narrows-demo"),
    json: Json = False,
) -> None:
    """Train the article's autoencoder and today's default one, and compare them on one page.

    \b
    Example:
      narrows demo --out story
      narrows demo --data scans/
    """
    from narrows.support.locking import held_folder
    from narrows.tasks.comparison.parts import Reading
    from narrows.tasks.options import ARTICLE_FILE, DEFAULT_FILE, CompareOptions

    models, page = [out / ARTICLE_FILE, out / DEFAULT_FILE], out / PAGE
    named = {each.name: each for each in models}
    check_outputs({"--data": data}, {RUN_FOLDER: out, **named, PAGE: page})
    with held_folder(out, "wait until it has ended, or name another with --out"):
        source = _source() if data is None else data
        options = CompareOptions(
            numbers=(),
            folder=out,
            pictures=True,
            latent=_DIGITS_LATENT if source == "digits" else None,
            bounds=_BOUNDS,
            codes=False,
            most_bytes=_MOST_BYTES,
            codecs=_CODECS,
            most_told=_MOST_TOLD,
        )
        found = compared(source, [], options, Reading())
        with still_there(*models):
            write_and_show(found, page, json, run_dir=str(out))


def _source() -> str:
    """MNIST, and where it cannot be had, digits, saying why."""
    from narrows.data import load_data
    from narrows.errors import DataError

    try:
        load_data("mnist", track=progress)
    except DataError as error:
        say(f"{error.message}; going on with digits, which comes along")
        return "digits"
    return "mnist"
