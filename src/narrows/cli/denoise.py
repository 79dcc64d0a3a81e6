"""``narrows denoise``: damaged items in, and out what a model takes them to be without it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
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
)
from narrows.cli.outputs import check_outputs, to_standard_output
from narrows.cli.sources import require_no_csv
from narrows.cli.standard_input import received
from narrows.cli.terminal import progress, say, show
from narrows.cli.use import as_pixels, image_options_for, open_codec, report_written, usual_format
from narrows.errors import ShapeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from narrows.data import Pages
    from narrows.data.image_options import ImageOptions
    from narrows.model.use import TrainedAutoencoder
    from narrows.training import Noise


@reads_data
def denoise(
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
    *,
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
    autoencoder = open_codec(model)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"DATA": data, "--against": against}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)
    require_folder(data, images)
    if autoencoder.trained.data.table is None:
        require_no_csv(data, csv)
        _denoise(autoencoder, data, out, against, added, seed, images, force, json)
    elif against is None and added is None:
        _fill(autoencoder, data, out, cells == "all", force, json, csv)
    else:
        raise UsageError(
            "a table's cells are filled in, and --against and --noise are for arrays and images",
            hint="leave them out",
        )


def _denoise(
    autoencoder: "TrainedAutoencoder",
    data: str,
    out: str,
    against: str | None,
    noise: "Noise | None",
    seed: int,
    options: "ImageOptions",
    force: bool,
    json: bool,
) -> None:
    """Write what the model makes of all items, measuring on the way where there is what to measure
    against."""
    from narrows.data.pages import require_pairs
    from narrows.model.ranges import require_familiar
    from narrows.report.denoising import DenoisingMeter, denoising_text
    from narrows.tasks.denoise import damaged, denoise, require_denoisable

    pages = _opened(autoencoder, data, options)
    require_denoisable(autoencoder, pages)
    clean = pages if noise is not None else None
    if against is not None:
        clean = _opened(autoencoder, against, options if Path(against).is_dir() else None)
        require_pairs(pages, clean)
    meter = None if clean is None else DenoisingMeter(autoencoder.trained, len(pages))
    done = 0
    with (
        _writer(autoencoder, pages, out) as write,
        progress("denoising", total=len(pages), unit="items") as advance,
    ):
        for note in (
            () if force else require_familiar(autoencoder.trained, pages.images, pages.name)
        ):
            say(note)
        for batch in pages.batches():
            given = batch if noise is None else damaged(autoencoder, batch, noise, seed, done)
            results = denoise(autoencoder, given)
            write(done, results)
            for index, (noisy, found) in enumerate(zip(given, results, strict=True), done):
                if meter is not None and clean is not None and meter.wants(index):
                    meter.add(noisy, found, clean.images[index])
                advance(1)
            done += len(batch)
    for note in pages.notes():
        say(note)
    if meter is None:
        report_written(out, len(pages), "item", json)
        return
    result = meter.result(pages.name)
    show(denoising_text(result), {"out": out, **asdict(result)}, json, beside=out)


def _opened(
    autoencoder: "TrainedAutoencoder", source: str, options: "ImageOptions | None"
) -> "Pages":
    """The items of a source, flat rows in the shape that they had in training."""
    import numpy as np

    from narrows.data import open_pages

    options = image_options_for(autoencoder, source, options)
    pages = open_pages(source, options=options, track=progress)
    images, shape = pages.images, autoencoder.trained.item_shape
    if isinstance(images, np.ndarray) and images.shape[1:] == (math.prod(shape),):
        return replace(pages, images=images.reshape(len(images), *shape))
    return pages


@contextmanager
def _writer(
    autoencoder: "TrainedAutoencoder", pages: "Pages", out: str
) -> "Iterator[Callable[[int, np.ndarray], None]]":
    """A function that takes the number of the first of some results, and the results."""
    from narrows.data import item_writer, named_image_writer

    names, shape, pixels = pages.names, pages.images[0].shape, as_pixels(autoencoder, out)
    if names is not None and (not Path(out).suffix or out.endswith("/")):
        with named_image_writer(out, names) as write_image:

            def write_named(place: int, results: "np.ndarray") -> None:
                for number, image in enumerate(results, place):
                    write_image(names[number], image if pixels is None else pixels(image))

            yield write_named
        return
    is_table = out.lower().endswith((".csv", ".parquet"))
    written = (math.prod(shape),) if is_table else shape
    dtype = autoencoder.trained.data.dtype if pixels is None else pixels.dtype
    with item_writer(out, len(pages), written, dtype) as writer:

        def write_items(place: int, results: "np.ndarray") -> None:
            if results.shape[1:] != shape:
                raise ShapeError(
                    f"item {place} of {pages.name} has shape {results.shape[1:]} and the first "
                    f"{shape}, so that {out} cannot hold both",
                    hint="write images of several sizes to a folder: end the name in /",
                )
            results = results if pixels is None else pixels(results)
            writer.write(results.reshape(len(results), *written))

        yield write_items


def _fill(
    autoencoder: "TrainedAutoencoder",
    source: str,
    out: str,
    all_cells: bool,
    force: bool,
    json: bool,
    csv: CsvGiven,
) -> None:
    """Write a table with its missing cells filled in."""
    from narrows.data import table_writer
    from narrows.data.tables import SchemaDrift
    from narrows.tasks.fill import Filling

    drift, count = SchemaDrift(), 0
    filling = Filling(autoencoder, source, drift, all_cells=all_cells, csv=csv)
    with (
        table_writer(out, filling.schema) as write,
        progress("filling", total=None, unit="rows") as done,
    ):
        for rows in filling.rows(check_range=not force):
            write(rows)
            count += rows.num_rows
            done(rows.num_rows)
    for line in drift.lines():
        say(line)
    report_written(out, count, "row", json)
