"""``narrows denoise``: damaged items in, and out what a model takes them to be without it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.options import (
    DataArgument,
    Force,
    Format,
    ItemsOut,
    Json,
    ModelArgument,
    data_option,
)
from narrows.cli.terminal import progress, say, show, show_written
from narrows.tasks.outputs import check_outputs, to_standard_output, usual_format

if TYPE_CHECKING:
    from narrows.data.image_options import ImageOptions


@reads_data
def denoise(
    *,
    model: ModelArgument,
    data: DataArgument,
    out: ItemsOut,
    against: Annotated[
        str | None,
        data_option(
            "CLEAN", "The same items without noise: measure what is left of it, beside filters."
        ),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:AMOUNT",
            help="Add this to DATA first, and measure against DATA as it was.",
        ),
    ] = None,
    cells: Annotated[
        str,
        typer.Option(
            metavar="missing|all",
            help="Of a table: fill the missing cells in and keep the others, or write what the "
            "model makes of all.",
        ),
    ] = "missing",
    seed: Annotated[int, typer.Option(help="Governs the noise that is added.")] = 0,
    force: Force = False,
    format: Format = None,
    json: Json = False,
    images: "ImageOptions",
    csv: CsvGiven,
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
    """
    from narrows.report.denoising import denoising_text
    from narrows.tasks.denoise_files import DenoiseOptions, denoise_files
    from narrows.tasks.opening import open_autoencoder

    options = DenoiseOptions(
        against=against, noise=noise, cells=cells, seed=seed, check_range=not force, images=images,
        csv=csv,
    )  # fmt: skip
    options.check()
    autoencoder = open_autoencoder(model, track=progress)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"DATA": data, "--against": against}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)
    found = denoise_files(autoencoder, data, out, options, track=progress, note=say)
    if found.measured is None:
        show_written(found.written, json)
        return
    values = {"out": out, **asdict(found.measured)}
    show(denoising_text(found.measured), values, json, beside=out)
