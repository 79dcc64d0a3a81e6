"""``narrows generate``: new items from a model, and the way from one item to another."""

from typing import Annotated

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.gathering import Given, gathers, options_of
from narrows.cli.options import Format, Json, ModelArgument
from narrows.cli.terminal import PERSON, show_written
from narrows.tasks.generate_options import GenerateOptions
from narrows.tasks.outputs import check_outputs, to_standard_output, usual_format


@reads_data
@gathers({"chosen": options_of(GenerateOptions, dict)})
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
    chosen: Given,
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
      narrows generate digits.safetensors --traverse 1 --at mnist:test:3 --out number-1.png
    """
    from narrows.tasks.generate import generate as job
    from narrows.tasks.opening import open_autoencoder

    options = GenerateOptions(**chosen, csv=csv)
    options.check()
    autoencoder = open_autoencoder(model, track=PERSON.track)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"--between": options.between, "--at": options.at}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)
    show_written(job(autoencoder, out, options, listener=PERSON), json)
