"""Commands that use a trained model: summary, evaluate, encode, decode, reconstruct."""

from pathlib import Path
from typing import Annotated

import typer

from narrows.cli.many_files import ManyFiles
from narrows.cli.model_options import ModelAndData, uses_model
from narrows.cli.options import Format, ItemsOut, Json, ModelArgument, path_option
from narrows.cli.terminal import PERSON, show, show_written
from narrows.support.standard_input import received
from narrows.tasks.outputs import check_outputs, to_standard_output, usual_format


def summary(model: ModelArgument, json: Json = False) -> None:
    """Show a model's layers, their output shapes and parameters.

    \b
    Example:
      narrows summary digits.safetensors
    """
    from narrows.model.file import load_model
    from narrows.nn.summary import summary_text, summary_values

    spec = load_model(model).model.spec
    show(summary_text(spec), summary_values(spec), json)


@uses_model
def evaluate(json: Json = False, *, given: ModelAndData) -> None:
    """Measure what a model keeps of DATA, beside PCA with as many numbers.

    Of a table, measure each column, and say how well it follows from the others.

    \b
    Example:
      narrows evaluate digits.safetensors mnist:test
    """
    from narrows.tasks.evaluate import evaluate as measure

    autoencoder = given.open()
    result = measure(autoencoder, given.load(autoencoder), track=PERSON.track)
    show(result.text(), result.values(), json)


@uses_model
def encode(
    out: Annotated[
        Path, path_option("CODES", ".npy, .npz, .csv or .parquet; - is standard output.")
    ],
    format: Format = None,
    json: Json = False,
    *,
    given: ModelAndData,
    files: ManyFiles,
) -> None:
    """Write the latent code of every item: a row of numbers each.

    Of a folder of images, a .csv or .parquet file has the name of each item's file too.

    \b
    Example:
      narrows encode digits.safetensors mnist:test --out codes.npy
      narrows encode digits.safetensors mnist:test --out - --format csv | head -3
      narrows encode digits.safetensors 'scans-*.npy' --workers 4 --out codes/
    """
    if files:
        from narrows.tasks.many_files.jobs import EncodeFiles

        files.run(EncodeFiles(**given.for_each(), format=format or "npy"), given.data, out, json)
        return
    from narrows.tasks import convert

    where = to_standard_output(out, format, "npy")
    given.check_outputs({"--out": where}, json)
    convert.require_kind(where)
    autoencoder = given.open()
    data = given.load(autoencoder)
    show_written(convert.encode(autoencoder, data, where, track=PERSON.track), json)


def decode(
    model: ModelArgument,
    codes: Annotated[
        str,
        typer.Argument(
            metavar="CODES",
            help="What narrows encode wrote: .npy, .npz, .csv or .parquet; - is standard input.",
            callback=received,
        ),
    ],
    out: ItemsOut,
    format: Format = None,
    json: Json = False,
) -> None:
    """Write the items that latent codes stand for.

    Images of which the codes have the names, as those of a folder in .csv and .parquet, get them,
    and are numbered where two have the same.

    \b
    Example:
      narrows decode digits.safetensors codes.npy --out items.npy
    """
    from narrows.data.codes import load_named_codes
    from narrows.tasks import convert
    from narrows.tasks.opening import open_autoencoder

    autoencoder = open_autoencoder(model, track=PERSON.track)
    out = to_standard_output(out, format, usual_format(autoencoder))
    check_outputs({"CODES": codes}, {"--out": out}, models={"MODEL": model}, json=json)
    rows, names = load_named_codes(codes)
    done = convert.decode(autoencoder, rows, out, names=names, listener=PERSON)
    show_written(done, json)


@uses_model
def reconstruct(
    out: ItemsOut,
    format: Format = None,
    json: Json = False,
    *,
    given: ModelAndData,
    files: ManyFiles,
) -> None:
    """Take every item of DATA through its code and back, and write what comes out.

    A folder of images becomes one with the same names.

    \b
    Example:
      narrows reconstruct digits.safetensors mnist:test --out reconstructed/
    """
    if files:
        from narrows.tasks.many_files.jobs import ReconstructFiles

        files.run(ReconstructFiles(**given.for_each(), format=format), given.data, out, json)
        return
    from narrows.tasks import convert

    autoencoder = given.open()
    out = to_standard_output(out, format, usual_format(autoencoder))
    given.check_outputs({"--out": out}, json)
    data = given.load(autoencoder)
    show_written(convert.reconstruct(autoencoder, data, out, listener=PERSON), json)
