"""``narrows generate``: new items from a model, and the way from one item to another."""

from typing import TYPE_CHECKING, Annotated

import typer

from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.options import Format, Json, ModelArgument
from narrows.cli.outputs import check_outputs, to_standard_output
from narrows.cli.terminal import progress
from narrows.cli.use import (
    load_for,
    open_codec,
    report_written,
    stream_items,
    usual_format,
)
from narrows.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from narrows.model.use import Rows, TrainedAutoencoder


@reads_data
def generate(
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
    *,
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
    _require_one_choice(count, source, between, traverse, at, steps)
    if csv and between is None and at is None:
        raise UsageError(
            f"{next(iter(csv))} says how a CSV file is read, and none is",
            hint="leave it out: it belongs to --between and --at",
        )
    autoencoder = open_codec(model)
    out = to_standard_output(out, format, usual_format(autoencoder))
    sources = {"--between": between, "--at": at}
    check_outputs(sources, {"--out": out}, models={"MODEL": model}, json=json)
    rows: Rows
    is_picture = out.lower().endswith(".png")
    if count is not None and autoencoder.trained.data.table is not None and not is_picture:
        _write_rows(autoencoder, count, seed, source, out)
        report_written(out, count, "item", json)
        return
    if count is not None:
        rows = _drawn(autoencoder, count, seed, source)
        columns = None
    else:
        columns = 10 if steps is None else steps
        rows = _path(autoencoder, between, traverse, at, columns, csv)
    if is_picture:
        _draw(autoencoder, rows, out, columns)
    else:
        stream_items("generating", autoencoder, rows, autoencoder.decode, out)
    report_written(out, len(rows), "item", json)


def _require_one_choice(
    count: int | None,
    source: str | None,
    between: str | None,
    traverse: int | None,
    at: str | None,
    steps: int | None,
) -> None:
    """Make sure that exactly one thing is asked for, and nothing that it does not heed.

    Raises:
        UsageError: it is not so.
    """
    choices = {"-n": count, "--between": between, "--traverse": traverse}
    given = [name for name, value in choices.items() if value is not None]
    if len(given) != 1:
        what = "nothing" if not given else " and ".join(given)
        raise UsageError(
            f"{what} was asked for, and it takes one of {', '.join(choices)}",
            hint="write -n 64 for 64 new items, or see narrows generate --help",
        )
    heeded = {"-n": ("--from",), "--between": ("--steps",), "--traverse": ("--at", "--steps")}
    for name, value in {"--from": source, "--at": at, "--steps": steps}.items():
        if value is not None and name not in heeded[given[0]]:
            of = " and ".join(each for each, options in heeded.items() if name in options)
            raise UsageError(
                f"{name} says nothing about {given[0]}", hint=f"leave it out: it belongs to {of}"
            )


def _drawn(autoencoder: "TrainedAutoencoder", count: int, seed: int, source: str | None) -> "Rows":
    """New codes, each of which is drawn when it is looked at."""
    from narrows.tasks.generate import DrawnCodes

    return DrawnCodes(autoencoder.trained, count, seed, source)  # type: ignore[arg-type]


def _write_rows(
    autoencoder: "TrainedAutoencoder", count: int, seed: int, source: str | None, out: str
) -> None:
    """Write drawn rows of a table, whose columns lie as they did in training."""
    from narrows.data import table_writer
    from narrows.tasks.drawn_rows import DrawnRows

    rows = DrawnRows(autoencoder, count, seed, source)  # type: ignore[arg-type]
    with (
        table_writer(out, rows.table.arrow_schema()) as write,
        progress("generating", total=count, unit="rows") as advance,
    ):
        for batch in rows.batches():
            write(batch)
            advance(batch.num_rows)


def _path(
    autoencoder: "TrainedAutoencoder",
    between: str | None,
    traverse: int | None,
    at: str | None,
    steps: int,
    csv: CsvGiven | None,
) -> "np.ndarray":
    """Codes on the way from one item to another, or along a latent number."""
    from narrows.tasks.generate import interpolated, traversed

    if between is not None:
        first, last = _codes_of(autoencoder, "--between", between, 2, csv)
        return interpolated(first, last, steps)
    assert traverse is not None
    code = None if at is None else _codes_of(autoencoder, "--at", at, 1, csv)[0]
    return traversed(autoencoder.trained, traverse, steps, code)


def _codes_of(
    autoencoder: "TrainedAutoencoder", option: str, text: str, count: int, csv: CsvGiven | None
) -> "np.ndarray":
    """The codes of the items that ``DATA:A,B`` names, (count, latent).

    Raises:
        UsageError: the text names no data, another number of items, or some that there are not.
    """
    import numpy as np

    source, _, places = text.rpartition(":")
    numbers = [place.strip() for place in places.split(",")]
    if not source or len(numbers) != count or not all(each.isdecimal() for each in numbers):
        form = ",".join("AB"[:count])
        raise UsageError(
            f"{option} {text} does not say which items of which data",
            hint=f"write DATA:{form}, as in mnist:test:{'3,17' if count == 2 else '3'}",
        )
    items = load_for(autoencoder, source, force=True, csv=csv).items
    rows = [int(each) for each in numbers]
    for row in rows:
        if row >= len(items):
            raise UsageError(
                f"{option} {text} names item {row:,}, and {source} has {len(items):,}",
                hint=f"items count from 0: give numbers up to {len(items) - 1}",
            )
    return autoencoder.encode(np.asarray(items[rows]))


def _draw(autoencoder: "TrainedAutoencoder", rows: "Rows", out: str, columns: int | None) -> None:
    """One picture of the items that codes stand for."""
    import numpy as np

    from narrows.model.use import chunks
    from narrows.report.figures import grid_figure, require_grid

    shape = autoencoder.trained.item_shape
    require_grid(len(rows), shape)
    parts = []
    with progress("generating", total=len(rows), unit="items") as advance:
        for chunk in chunks(rows, int(np.prod(shape))):
            parts.append(autoencoder.decode(chunk))
            advance(len(chunk))
    items = np.concatenate(parts)
    limits = autoencoder.trained.data.value_range or (float(items.min()), float(items.max()))
    grid_figure(items, out, value_range=limits, columns=columns)
