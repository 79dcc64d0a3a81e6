"""Commands that use a trained model: summary, evaluate, encode, decode, reconstruct."""

import math
from collections.abc import Callable
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
    Refine,
)
from narrows.cli.outputs import check_outputs, shown, to_standard_output
from narrows.cli.sources import image_arguments
from narrows.cli.standard_input import received
from narrows.cli.terminal import progress, say, show

if TYPE_CHECKING:
    import numpy as np

    from narrows.data import Dataset, TableSchema
    from narrows.data.image_files import ImageFiles
    from narrows.data.image_options import ImageOptions
    from narrows.data.pixels import Pixels
    from narrows.model.use import Rows, TrainedAutoencoder


# Rows of a table that are columns in memory at a time.
_ROWS_AT_ONCE = 1 << 14


def summary(model: ModelArgument, json: Json = False) -> None:
    """Show a model's layers, their output shapes and parameters.

    \b
    Example:
      narrows summary digits.safetensors
    """
    from narrows.model.file import load_model
    from narrows.nn.summary import layers, parameter_count, summary_text

    spec = load_model(model).model.spec
    parts = layers(spec)
    counts = {part: parameter_count(rows) for part, rows in parts.items()}
    values = {
        "layers": {part: [asdict(layer) for layer in rows] for part, rows in parts.items()},
        "parameters": {**counts, "autoencoder": sum(counts.values())},
        "spec": spec.to_dict(),
    }
    show(summary_text(spec), values, json)


@reads_data
def evaluate(
    model: ModelArgument,
    data: DataArgument,
    refine: Refine = None,
    force: Force = False,
    json: Json = False,
    *,
    images: "ImageOptions",
    csv: CsvGiven,
) -> None:
    """Measure what a model keeps of DATA, beside PCA with as many numbers.

    Of a table, measure each column, and say how well it follows from the others.

    \b
    Example:
      narrows evaluate digits.safetensors mnist:test
    """
    from narrows.report.columns import columns_text
    from narrows.report.evaluation import evaluate as measure
    from narrows.report.evaluation import evaluation_text
    from narrows.report.redundancy import is_comparable, redundancy, redundancy_text

    autoencoder = open_codec(model, refine)
    dataset = load_for(autoencoder, data, images, force, csv=csv)
    result = measure(autoencoder, dataset, track=progress)
    texts, values = [evaluation_text(result)], asdict(result)
    if result.columns:
        texts.append(columns_text(result.columns, result.model.numbers))
    if is_comparable(dataset):
        found = redundancy(dataset, track=progress)
        texts.append(redundancy_text(found))
        values["redundancy"] = asdict(found)
    show("\n\n".join(texts), values, json)


@reads_data
def encode(
    model: ModelArgument,
    data: DataArgument,
    out: Annotated[
        Path,
        typer.Option(
            readable=False,
            metavar="CODES",
            help=".npy, .npz, .csv or .parquet; - is standard output.",
            show_default=False,
        ),
    ],
    format: Format = None,
    refine: Refine = None,
    force: Force = False,
    json: Json = False,
    *,
    images: "ImageOptions",
    csv: CsvGiven,
) -> None:
    """Write the latent code of every item: a row of numbers each.

    Of a folder of images, a .csv or .parquet file has the name of each item's file too.

    \b
    Example:
      narrows encode digits.safetensors mnist:test --out codes.npy
      narrows encode digits.safetensors mnist:test --out - --format csv | head -3
    """
    from narrows.errors import UsageError

    out = Path(to_standard_output(out, format, "npy"))
    check_outputs({"DATA": data}, {"--out": out}, models={"MODEL": model}, json=json)
    if not out.suffix:
        raise UsageError(
            f"{out} does not say what kind of file the codes shall be",
            hint="end it in .npy, .npz, .csv or .parquet",
        )
    autoencoder = open_codec(model, refine)
    loaded = load_for(autoencoder, data, images, force, csv=csv)
    items = loaded.items
    autoencoder.shaped(items)  # a mistake must show before a file is opened
    size = autoencoder.trained.model.spec.latent_size
    columns = [f"code_{number}" for number in range(size)]
    _stream(
        "encoding", items, autoencoder.encode, (size,), "float32", str(out), columns, loaded.files
    )
    report_written(str(out), len(items), "code", json)


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

    \b
    Example:
      narrows decode digits.safetensors codes.npy --out items.npy
    """
    from narrows.data import load_codes

    autoencoder = open_codec(model)
    out = to_standard_output(out, format, usual_format(autoencoder))
    check_outputs({"CODES": codes}, {"--out": out}, models={"MODEL": model}, json=json)
    rows = load_codes(codes)
    autoencoder.require_codes(rows)
    stream_items("decoding", autoencoder, rows, autoencoder.decode, out)
    report_written(out, len(rows), "item", json)


@reads_data
def reconstruct(
    model: ModelArgument,
    data: DataArgument,
    out: ItemsOut,
    format: Format = None,
    refine: Refine = None,
    force: Force = False,
    json: Json = False,
    *,
    images: "ImageOptions",
    csv: CsvGiven,
) -> None:
    """Take every item of DATA through its code and back, and write what comes out.

    A folder of images becomes one with the same names.

    \b
    Example:
      narrows reconstruct digits.safetensors mnist:test --out reconstructed/
    """
    autoencoder = open_codec(model, refine)
    out = to_standard_output(out, format, usual_format(autoencoder))
    check_outputs({"DATA": data}, {"--out": out}, models={"MODEL": model}, json=json)
    loaded = load_for(autoencoder, data, images, force, csv=csv)
    items = loaded.items
    autoencoder.shaped(items)  # a mistake must show before a file is opened
    stream_items("reconstructing", autoencoder, items, autoencoder.reconstruct, out, loaded.files)
    report_written(out, len(items), "item", json)


def open_codec(model: Path, refine: int | None = None) -> "TrainedAutoencoder":
    """The model, with as many steps of refinement as asked for.

    Raises:
        UsageError: its codes cannot be refined.
    """
    from narrows.model.file import load_model
    from narrows.model.use import TrainedAutoencoder
    from narrows.planning.refinement import require_refinable

    trained = load_model(model)
    if refine is not None:
        require_refinable(trained.model.spec, refine)
        trained = replace(trained, refinement=refine)
    return TrainedAutoencoder(trained, progress)


def usual_format(autoencoder: "TrainedAutoencoder") -> str:
    """The format that items of a model have on standard output."""
    return "npy" if autoencoder.trained.data.table is None else "csv"


def load_for(
    autoencoder: "TrainedAutoencoder",
    source: str,
    options: "ImageOptions | None" = None,
    force: bool = False,
    *,
    finding: bool = False,
    csv: CsvGiven | None = None,
) -> "Dataset":
    """The data, as the model takes them: images changed as those that it was trained on were, and
    as ``options`` want it.

    Args:
        force: take them in another range than the training data's, too.
        finding: whether odd items are what is looked for.

    Raises:
        DataError: they are no table and the model was trained on one, or the reverse; or they are
            not what they must be.
        ShapeError: their items have another shape.
        UsageError: they are in another range.
    """
    from narrows.data import load_data
    from narrows.errors import DataError
    from narrows.model.ranges import require_familiar

    trained = autoencoder.trained.data
    options = image_options_for(autoencoder, source, options)
    data = load_data(
        source, table=trained.table, track=progress, **image_arguments(options), **(csv or {})
    )
    if trained.table is None and data.table is not None:
        raise DataError(
            f"{source} is a table, and the model was trained on {trained.name}, which is none",
            hint="give data of the kind that the model was trained on, or train one on the table",
        )
    for note in data.notes:
        say(note)
    items = autoencoder.shaped(data.items)  # a mistake must show before a file is opened
    if not force:
        for note in require_familiar(autoencoder.trained, items, source, finding=finding):
            say(note)
    return data


def image_options_for(
    autoencoder: "TrainedAutoencoder", source: str, options: "ImageOptions | None"
) -> "ImageOptions | None":
    """What becomes of the images of ``source``: what a model keeps, and what is asked for."""
    from narrows.data.image_options import ImageOptions
    from narrows.data.sources import BUILT_IN

    if source in BUILT_IN or not Path(source).is_dir():
        return options
    return (options or ImageOptions()).over(autoencoder.trained.data.images)


def stream_items(
    label: str,
    autoencoder: "TrainedAutoencoder",
    rows: "Rows",
    work: "Callable[[np.ndarray], np.ndarray]",
    out: str,
    files: "ImageFiles | None" = None,
) -> None:
    if autoencoder.trained.data.table is not None:
        _stream_rows(label, rows, work, autoencoder.trained.data.table, out)
        return
    dtype, pixels = autoencoder.trained.data.dtype, as_pixels(autoencoder, out)
    if pixels is not None:
        given, dtype = work, pixels.dtype
        work = lambda some: pixels(given(some))  # noqa: E731
    _stream(label, rows, work, autoencoder.trained.item_shape, dtype, out, None, files)


def as_pixels(autoencoder: "TrainedAutoencoder", out: str) -> "Pixels | None":
    """How items become pixels, and say so, where they go to a folder of images and are none yet."""
    from narrows.data.pixels import is_folder_of_images, pixels_of

    if not is_folder_of_images(out):
        return None
    data = autoencoder.trained.described
    pixels = pixels_of(autoencoder.trained.item_shape, data.dtype, data.extent, bool(data.whole))
    if pixels is not None:
        say(pixels.note)
    return pixels


def _stream_rows(
    label: str,
    rows: "Rows",
    work: "Callable[[np.ndarray], np.ndarray]",
    table: "TableSchema",
    out: str,
) -> None:
    """Write the columns that ``work`` makes of ``rows``."""
    from narrows.data import row_writer
    from narrows.model.use import chunks

    with row_writer(out, table) as write, progress(label, total=len(rows), unit="rows") as advance:
        for chunk in chunks(rows, table.width):
            for start in range(0, len(chunk), _ROWS_AT_ONCE):
                write(work(chunk[start : start + _ROWS_AT_ONCE]))
            advance(len(chunk))


def _stream(
    label: str,
    rows: "Rows",
    work: "Callable[[np.ndarray], np.ndarray]",
    shape: tuple[int, ...],
    dtype: str,
    out: str,
    columns: list[str] | None,
    files: "ImageFiles | None" = None,
) -> None:
    """Write what ``work`` makes of ``rows``, a bounded number of them in memory at a time; with the
    names of the files that they come from."""
    import numpy as np

    from narrows.data import item_writer
    from narrows.model.use import chunks

    names = None if files is None else files.names

    if out.lower().endswith((".csv", ".parquet")):
        shape = (math.prod(shape),)  # a table has no pixels: an image becomes a row
    with (
        item_writer(out, len(rows), shape, np.dtype(dtype), columns=columns, files=names) as writer,
        progress(label, total=len(rows), unit="items") as advance,
    ):
        for chunk in chunks(rows, math.prod(shape)):
            writer.write(work(chunk).reshape(len(chunk), *shape))
            advance(len(chunk))


def report_written(out: str, count: int, what: str, json: bool) -> None:
    plural = "" if count == 1 else "s"
    if json:
        show("", {"out": out, "count": count}, json)
    else:
        say(f"wrote {count:,} {what}{plural} to {shown(out)}")
