"""``narrows denoise``: damaged items in, and out what a model takes them to be without it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.options import DataArgument, Force, Format, ItemsOut, Json, ModelArgument
from narrows.cli.terminal import progress, say, show, show_written
from narrows.errors import UsageError
from narrows.support.standard_input import received
from narrows.tasks.outputs import check_outputs, to_standard_output, usual_format

if TYPE_CHECKING:
    from narrows.data import Pages
    from narrows.data.image_options import ImageOptions


@reads_data
def denoise(
    *,
    model: ModelArgument,
    data: DataArgument,
    out: ItemsOut,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="CLEAN",
            help="The same items without noise: measure what is left of it, beside filters.",
            callback=received,
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
    from narrows.data.sources import require_folder
    from narrows.report.denoising import denoising_text
    from narrows.tasks.denoise import AddedNoise, denoise_pages, open_pages_for
    from narrows.tasks.fill import fill_file
    from narrows.tasks.loading import require_no_csv
    from narrows.tasks.opening import open_autoencoder
    from narrows.training import Noise

    if cells not in ("missing", "all"):
        raise UsageError(f"--cells {cells} is unknown", hint="write missing or all")
    if against is not None and noise is not None:
        raise UsageError(
            "--against says what the items are without noise, and so does --noise",
            hint="leave one of them out",
        )
    if seed < 0:
        raise UsageError(f"--seed is {seed}, and must be at least 0", hint="leave it out")
    added = None if noise is None else Noise.parse(noise)
    autoencoder = open_autoencoder(model, track=progress)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"DATA": data, "--against": against}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)
    require_folder(data, images)
    if autoencoder.trained.data.table is not None:
        if against is not None or added is not None:
            raise UsageError(
                "a table's cells are filled in, and --against and --noise are for arrays and "
                "images",
                hint="leave them out",
            )
        whole, check = cells == "all", not force
        written = fill_file(
            autoencoder, data, out, all_cells=whole, check_range=check, csv=csv, track=progress,
            note=say,
        )  # fmt: skip
        show_written(written, json)
        return
    require_no_csv(data, csv)
    pages = open_pages_for(autoencoder, data, images=images, track=progress)
    clean: Pages | AddedNoise | None = None if added is None else AddedNoise(added, seed)
    if against is not None:
        of_folder = images if Path(against).is_dir() else None
        clean = open_pages_for(autoencoder, against, images=of_folder, track=progress)
    found = denoise_pages(
        autoencoder, pages, out, against=clean, check_range=not force, track=progress, note=say
    )
    if found.measured is None:
        show_written(found.written, json)
        return
    values = {"out": out, **asdict(found.measured)}
    show(denoising_text(found.measured), values, json, beside=out)
