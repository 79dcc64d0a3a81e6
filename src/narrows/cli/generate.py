"""``narrows generate``: new items from a model, and the way from one item to another."""

from typing import Annotated

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.options import Format, Json, ModelArgument
from narrows.cli.terminal import progress, say, show_written
from narrows.tasks.outputs import check_outputs, to_standard_output, usual_format


@reads_data
def generate(
    *,
    model: ModelArgument,
    out: Annotated[
        str,  # a path would lose the slash that makes it a folder
        typer.Option(
            metavar="PATH",
            help=".png for one picture, .npy, .npz, .csv or .parquet; no suffix makes a folder of "
            "PNG images; - is standard output.",
            show_default=False,
        ),
    ],
    count: Annotated[
        int | None, typer.Option("--count", "-n", help="How many new items to draw.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same items.")] = 0,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="density|prior",
            help="Draw codes from the density of the training codes, the default, or from a "
            "variational model's prior.",
        ),
    ] = None,
    between: Annotated[
        str | None,
        typer.Option(
            metavar="DATA:A,B", help="Lead from item A of DATA to its item B, counting from 0."
        ),
    ] = None,
    traverse: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Vary this latent number, counting from 0, over its range in training.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="DATA:A",
            help="With --traverse: keep the other numbers of item A of DATA, not the mean ones.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            help="Of --between and --traverse: how many items, both ends included.  [default: 10]"
        ),
    ] = None,
    format: Format = None,
    json: Json = False,
    csv: CsvGiven,
) -> None:
    """Write new items like those that a model was trained on.

    \b
    Example:
      narrows generate digits.safetensors -n 64 --out new.png
      narrows generate digits.safetensors -n 10000 --seed 1 --out new.npy
      narrows generate digits.safetensors --between mnist:test:3,17 --out between.png
      narrows generate digits.safetensors --traverse 0 --at mnist:test:3 --out number-0.png
    """
    from narrows.tasks.generate import GenerateOptions
    from narrows.tasks.generate import generate as job
    from narrows.tasks.opening import open_autoencoder

    options = GenerateOptions(
        count=count, seed=seed, source=source, between=between, traverse=traverse, at=at,
        steps=steps, csv=csv,
    )  # fmt: skip
    options.check()
    autoencoder = open_autoencoder(model, track=progress)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"--between": between, "--at": at}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)
    show_written(job(autoencoder, out, options, track=progress, note=say), json)
