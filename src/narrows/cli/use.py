"""Commands that use a trained model: what it is, what it keeps, and what it makes of data."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.gathering import Given, gathers, options_of
from narrows.cli.many_files import ManyFiles
from narrows.cli.model_options import ModelAndData, uses_model
from narrows.cli.options import (
    DataArgument,
    Force,
    Format,
    ItemsOut,
    Json,
    ModelArgument,
    path_option,
)
from narrows.cli.terminal import PERSON, progress, say, show, show_written
from narrows.errors import UsageError
from narrows.support.standard_input import received
from narrows.tasks.options import DenoiseOptions, DetectOptions, GenerateOptions
from narrows.tasks.outputs import check_outputs, still_there, to_standard_output, usual_format

if TYPE_CHECKING:
    from narrows.data.read_options import ReadOptions


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


@reads_data
@gathers({"chosen": options_of(DenoiseOptions, dict)})
def denoise(
    *,
    model: ModelArgument,
    data: DataArgument,
    out: ItemsOut,
    chosen: Given,
    force: Force = False,
    format: Format = None,
    json: Json = False,
    reading: "ReadOptions",
    files: ManyFiles,
) -> None:
    """Take the noise out of DATA with a model that fit --noise or --target trained.

    Images may be larger than those that the model learnt from: they are cut into tiles that
    overlap and are blended. A folder of images becomes one with the same names, whatever their
    sizes. Of a table, missing cells are filled in.

    \b
    Example:
      narrows fit mnist --noise gaussian:0.5 --out denoiser.safetensors
      narrows denoise denoiser.safetensors noisy.npy --out clean.npy
      narrows denoise pages.safetensors scans/ --out cleaned/
      narrows denoise denoiser.safetensors 'part-*.npy' --workers 4 --out cleaned/
    """
    from narrows.report.denoising import denoising_text
    from narrows.tasks.denoise_files import denoise_files
    from narrows.tasks.opening import open_autoencoder

    options = DenoiseOptions(**chosen, check_range=not force, reading=reading)
    if files:
        from narrows.tasks.many_files.jobs import DenoiseFiles

        files.run(DenoiseFiles.of(model, options, format), data, out, json)
        return
    options.check()
    autoencoder = open_autoencoder(model, track=PERSON.track)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"DATA": data, "--against": options.against}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)
    found = denoise_files(autoencoder, data, out, options, listener=PERSON)
    if found.measured is None:
        show_written(found.written, json)
        return
    values = {"out": out, **asdict(found.measured)}
    show(denoising_text(found.measured), values, json, beside=out)


@uses_model
@gathers({"chosen": options_of(DetectOptions)})
def detect(
    *,
    out: Annotated[Path, path_option("SCORES", ".csv or .parquet; - is standard output.")],
    chosen: DetectOptions,
    heat_map: Annotated[
        Path | None,
        path_option("PICTURE.png", "Of images: draw where the oddest ones are odd."),
    ] = None,
    format: Format = None,
    json: Json = False,
    given: ModelAndData,
    files: ManyFiles,
) -> None:
    """Write how odd each row of DATA is, and what made it so.

    A row of SCORES has the row's number from 0, of a folder of images the file, of a table in many
    files the file and its number there, its score, its rank (1 is the oddest), its p-value (the
    share of the rows held out by fit that are as odd), whether it is flagged, and of the oddest
    rows the three columns that have the largest shares in the score.

    \b
    Example:
      narrows detect payments.safetensors payments.csv --out scores.csv
      narrows detect payments.safetensors payments.csv --out scores.csv --explain 500
      narrows detect digits.safetensors mnist:test --out scores.csv --heat-map odd.png
      narrows detect payments.safetensors 'day-*.csv' --workers 4 --out scores/
    """
    if files:
        from narrows.tasks.many_files.jobs import DetectFiles

        if heat_map is not None:
            raise UsageError(
                "--heat-map is one picture, and each of many files has results of its own",
                hint="leave it out, or judge one file without --workers",
            )
        job = DetectFiles(**given.for_each(), **asdict(chosen), format=format or "csv")
        files.run(job, given.data, out, json)
        return
    from narrows.tasks.detect import detect as judge
    from narrows.tasks.detect import draw_heat_map, require_outputs
    from narrows.tasks.detector import Detector

    out = Path(to_standard_output(out, format, "csv"))
    given.check_outputs({"--out": out, "--heat-map": heat_map}, json)
    detector = Detector(given.open())
    require_outputs(detector, out, heat_map)
    data = given.load(detector.autoencoder, finding=True)
    found = judge(detector, data, chosen, track=progress)
    found.write(out)
    if heat_map is not None:
        with still_there(out):
            draw_heat_map(detector, found, heat_map)
    for note in found.notes:
        say(note)
    paths = {"out": str(out), "heat_map": None if heat_map is None else str(heat_map)}
    show(found.text(), paths | found.values(), json, beside=out)
