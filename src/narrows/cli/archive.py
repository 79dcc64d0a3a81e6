"""Commands of archives: compress, decompress, verify, info."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from narrows.cli.codes_archive import (
    compress_codes,
    require_no_bound,
    require_no_codes,
    shared_model_info,
)
from narrows.cli.data_options import CsvGiven, reads_data
from narrows.cli.options import (
    DataArgument,
    Force,
    Format,
    ItemsOut,
    Json,
)
from narrows.cli.table_archive import compress_table, verify_rows, write_rows
from narrows.cli.terminal import progress, say, show
from narrows.support.standard_input import received
from narrows.tasks.option_texts import parse_range
from narrows.tasks.outputs import check_outputs, shown, to_standard_output

if TYPE_CHECKING:
    import numpy as np

    from narrows.archive import Archive, SizeBreakdown, TableArchive
    from narrows.archive.arrays import Layout
    from narrows.data.image_files import ImageFiles
    from narrows.data.image_options import ImageOptions

ArchiveArgument = Annotated[
    Path,
    typer.Argument(
        readable=False,
        metavar="FILE.nrw",
        help="A file that narrows compress wrote; - is standard input.",
        callback=received,
        show_default=False,
    ),
]

ModelOfArchive = Annotated[
    Path | None,
    typer.Option(
        "--model",
        readable=False,
        metavar="MODEL",
        help="Of codes: what it was written with, if that is not in the archive.",
    ),
]


@reads_data
def compress(
    data: DataArgument,
    out: Annotated[
        Path,
        typer.Option(
            readable=False,
            metavar="FILE.nrw",
            help="The archive to write; - is standard output.",
            show_default=False,
        ),
    ],
    max_error: Annotated[
        list[str] | None,
        typer.Option(
            metavar="E",
            help="Every value within E of the original: in its own units, or 1% of their range. Of "
            "a table COLUMN=E too, and several of them. Lossless without it.",
        ),
    ] = None,
    effort: Annotated[
        Literal["fast", "normal", "best"], typer.Option(help="How much is tried.")
    ] = "normal",
    codes_only: Annotated[
        bool,
        typer.Option(
            "--codes-only",
            help="Nothing but short codes and a decoder: a few bytes an item, and no bound.",
        ),
    ] = False,
    item_bytes: Annotated[
        float | None,
        typer.Option(
            metavar="BYTES", help="With --codes-only: what a code takes, about; 6.7, or MODEL's."
        ),
    ] = None,
    latent: Annotated[
        int | None,
        typer.Option(help="With --codes-only: numbers in a code; three for each of its bytes."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            metavar="MODEL",
            help="With --codes-only: take this model instead of training one on DATA. One that "
            "narrows fit --preset rounded wrote, or what --keep-model wrote, whose decoder is then "
            "not in the archive, which names it and needs it to open.",
        ),
    ] = None,
    embed_model: Annotated[
        bool,
        typer.Option("--embed-model", help="Keep the decoder of MODEL in the archive."),
    ] = False,
    keep_model: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            metavar="FILE",
            help="With --codes-only: write the encoder and the decoder, as a MODEL for archives of "
            "other data like DATA.",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    *,
    images: "ImageOptions",
    csv: CsvGiven,
) -> None:
    """Write DATA as one file that opens anywhere with the same values, lossless or within a bound.

    With --codes-only it holds what an autoencoder keeps: the error is measured and told, not
    bounded.

    Of a folder of images it keeps the values of the files, pixels not turned, and the files' names.
    With --grey or --resize it holds the changed images, and says so.

    \b
    Example:
      narrows compress mnist:test --out digits.nrw
      narrows compress photographs/ --out photographs.nrw
      narrows compress readings.npy --max-error 0.05 --out readings.nrw
      narrows compress houses.csv --max-error 1% --max-error price=500 --out houses.nrw
      narrows compress mnist --codes-only --item-bytes 8 --out tiny.nrw
      narrows compress mnist --codes-only --out train.nrw --keep-model short.model
      narrows compress mnist:test --codes-only --out test.nrw --model short.model
    """
    from narrows.archive import write_archive
    from narrows.archive.error_bounds import ErrorBounds
    from narrows.data.sources import require_folder
    from narrows.data.tables import is_table
    from narrows.support.files import atomic_file
    from narrows.tasks.loading import load_array

    written = {"--out": out, "--keep-model": keep_model}
    models = {"--model": model}
    check_outputs({"DATA": data}, written, models=models, json=json, only_files=True)
    if codes_only:
        require_no_bound(max_error)
        breakdown = compress_codes(
            data,
            out,
            model,
            latent,
            item_bytes,
            effort,
            embed_model,
            keep_model,
            images,
            force,
            csv,
        )
        _show_written(out, data, breakdown, json)
        return
    require_no_codes(item_bytes, latent, model, embed_model or None, keep_model)
    error_bounds = ErrorBounds.of(max_error)
    require_folder(data, images)
    if is_table(data):
        from narrows.report.table_sizes import table_breakdown_text, table_breakdown_values

        table = compress_table(data, out, error_bounds, effort, csv)
        text = table_breakdown_text(f"{shown(out)}: {data}", table, Path(data).stat().st_size)
        show(text, {"out": str(out), **table_breakdown_values(table)}, json, beside=out)
        return
    loaded = load_array(data, images, csv=csv, track=progress, note=say)
    items = loaded.items
    with atomic_file(out) as file:
        breakdown = write_archive(
            file,
            items,
            max_error=error_bounds,
            effort=effort,
            files=loaded.files,
            name=data,
            track=progress,
        )
    _show_written(out, data, breakdown, json)


def _show_written(out: Path, data: str, breakdown: "SizeBreakdown", json: bool) -> None:
    from narrows.report.archive_sizes import breakdown_text, breakdown_values

    text = breakdown_text(f"{shown(out)}: {data}", breakdown)
    show(text, {"out": str(out), **breakdown_values(breakdown)}, json, beside=out)


MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes",
        metavar="N",
        help="Refuse what holds more bytes of values than N, instead of 256 MiB and 256 times the "
        "archive's own size.",
    ),
]


def decompress(
    archive: ArchiveArgument,
    out: ItemsOut,
    items: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="Only the items from number A up to B, counted from 0."),
    ] = None,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out items that cannot be read any more.")
    ] = False,
    model: ModelOfArchive = None,
    max_bytes: MaxBytes = None,
    format: Format = None,
    json: Json = False,
) -> None:
    """Write what an archive holds; images of a folder to a folder under their names.

    \b
    Example:
      narrows decompress digits.nrw --out digits.npy
      narrows decompress digits.nrw --items 1000:1010 --out ten/
      narrows decompress photographs.nrw --out photographs-again/
      narrows decompress zeros.nrw --max-bytes 8000000000 --out zeros.npy
      narrows decompress test.nrw --model short.model --out test.npy
    """
    from narrows.archive import TableArchive, open_archive

    with open_archive(archive, damaged_too=skip_damaged, model=model) as opened:
        usual = "csv" if isinstance(opened, TableArchive) else "npy"
        out = to_standard_output(out, format, usual)
        read = {"FILE.nrw": archive, "--model": model}
        check_outputs({}, {"--out": out}, models=read, json=json)
        start, stop = parse_range(items, len(opened))
        missing = [
            (max(low, start), min(high, stop))
            for low, high in (opened.damaged_items() if skip_damaged else [])
            if low < stop and high > start
        ]
        count = stop - start - sum(high - low for low, high in missing)
        unit = opened.unit
        _require_within(opened, count, max_bytes)
        batches = _limited(
            opened, _shown_batches(opened, start, stop, count, skip_damaged), max_bytes
        )
        if isinstance(opened, TableArchive):
            write_rows(opened, batches, start, out, whole=not skip_damaged)
        else:
            files = _named(opened, start, stop, missing, out, skip_damaged)
            if files is None:
                _write_items(opened.layout, batches, count, out)
            else:
                _write_files(files, batches, out)
    for low, high in missing:
        say(f"{unit}s {low:,} to {high - 1:,} cannot be read any more, and are left out")
    if json:
        show("", {"out": out, "count": count, "missing": missing}, json)
    else:
        say(f"wrote {count:,} {unit}{'' if count == 1 else 's'} to {shown(out)}")


@reads_data
def verify(
    archive: ArchiveArgument,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="What it was made of, to compare every value with.",
            callback=received,
        ),
    ] = None,
    model: ModelOfArchive = None,
    max_bytes: MaxBytes = None,
    json: Json = False,
    *,
    images: "ImageOptions",
    csv: CsvGiven,
) -> None:
    """Decode all of an archive and compare it with its checksums, or with DATA too.

    \b
    Example:
      narrows verify digits.nrw --against mnist:test
    """
    from narrows.archive import TableArchive, open_archive
    from narrows.archive.verifying import verify as prove
    from narrows.report.measures import readable

    with open_archive(archive, model=model) as opened:
        _require_within(opened, len(opened), max_bytes)
        if against is not None:
            _check_same_kind(isinstance(opened, TableArchive), against)
        if isinstance(opened, TableArchive):
            show(*verify_rows(opened, against, csv), json)
            return
        items = None
        if against is not None:
            items = _originals(opened, against, images, csv)
        found = prove(opened, items, track=progress)
        bound = opened.bound
    if found.largest is None:
        text = f"{archive} is whole: {found.values:,} values match its checksums"
    elif bound is None:
        text = (
            f"{archive} is whole, and as far from {against} as it says: largest error "
            f"{readable(found.largest)}, mean squared error {readable(found.mean_square or 0.0)}"
        )
    elif bound:
        text = (
            f"{archive} is whole, and no value is further than {readable(found.largest)} from "
            f"{against}, where {readable(bound)} is allowed"
        )
    else:
        text = f"{archive} is whole, and all {found.values:,} values are those of {against}"
    values = {
        "archive": str(archive),
        "values": found.values,
        "bound": bound,
        "against": against,
        "largest_error": found.largest,
        "mean_squared_error": found.mean_square,
    }
    show(text, values, json)


def info(
    file: Annotated[
        Path,
        typer.Argument(
            readable=False,
            metavar="FILE",
            help="An archive or a model.",
            callback=received,
            show_default=False,
        ),
    ],
    model: ModelOfArchive = None,
    json: Json = False,
) -> None:
    """Show what an archive or a model holds, and where its bytes are.

    \b
    Example:
      narrows info digits.nrw
      narrows info test.nrw --model short.model
    """
    from narrows.archive import TableArchive, open_archive
    from narrows.archive.codes.shared import is_shared_model
    from narrows.archive.container import begins_container
    from narrows.report.archive_sizes import breakdown_text, breakdown_values, model_sizes
    from narrows.report.table_sizes import table_breakdown_text, table_breakdown_values

    is_container = begins_container(file)
    if file.suffix.lower() != ".nrw" and not is_container:
        show(*model_sizes(file), json)
        return
    if is_container and is_shared_model(file):
        shared_model_info(file, json)
        return
    with open_archive(file, model=model) as opened:
        if isinstance(opened, TableArchive):
            table = opened.size_breakdown
            values = {"kind": "archive", **table_breakdown_values(table)}
            show(table_breakdown_text(str(file), table), values, json)
            return
        breakdown = opened.size_breakdown
    text = breakdown_text(str(file), breakdown)
    show(text, {"kind": "archive", **breakdown_values(breakdown)}, json)


def _originals(
    archive: "Archive", against: str, options: "ImageOptions", csv: CsvGiven | None
) -> "np.ndarray":
    """What an archive was made of: images changed as it says, under the same names.

    Raises:
        ArchiveError: it holds files of other names, or other colours.
    """
    from narrows.errors import ArchiveError
    from narrows.tasks.loading import load_array

    files = archive.files
    if files is not None and Path(against).is_dir():
        options = options.over(files.options)
        if options.changes:
            say(f"{archive.name} holds images that were changed: {options.described()}")
    upright = archive.bound is None
    data = load_array(against, options, upright=upright, csv=csv, track=progress, note=say)
    if files is None or data.files is None:
        return data.items
    for number, (kept, there) in enumerate(zip(files.names, data.files.names, strict=False)):
        if kept != there:
            raise ArchiveError(
                f"{archive.name} has {kept} as item {number:,}, and {against} has {there}",
                hint="give the folder that it was made of",
            )
    if (files.orientations, files.colours) != (data.files.orientations, data.files.colours):
        raise ArchiveError(
            f"{archive.name} holds images that are turned otherwise than those of {against}, or of "
            "other colours",
            hint="give the folder that it was made of",
        )
    return data.items


def _named(
    archive: "Archive",
    start: int,
    stop: int,
    missing: list[tuple[int, int]],
    out: str,
    skip_damaged: bool,
) -> "ImageFiles | None":
    """The files of the items that are written, where they go to a folder and have names."""
    from narrows.errors import ArchiveError

    if Path(out).suffix and not out.endswith("/"):
        return None
    try:
        files = archive.files
    except ArchiveError as error:
        if not skip_damaged:
            raise
        say(f"{error.message}; images are numbered instead")
        return None
    if files is None:
        return None
    lost = {number for low, high in missing for number in range(low, high)}
    return files.rows(number for number in range(start, stop) if number not in lost)


def _write_files(files: "ImageFiles", batches: Iterator[Any], out: str) -> None:
    """Write images to a folder under their names."""
    from narrows.data import named_image_writer
    from narrows.data.image_files import written_name

    place = 0
    with named_image_writer(out, files.names, colours=files.colours) as write:
        for batch in batches:
            for pixels in batch:
                write(files.names[place], pixels, files.orientations.get(place, 1))
                place += 1
    renamed = [name for name in files.names if written_name(name, files.colours) != name]
    if renamed:
        became = written_name(renamed[0], files.colours)
        say(
            f"{len(renamed):,} of the files have another name, of a kind that keeps every value: "
            f"{renamed[0]} is {became}"
        )


def _require_within(archive: "Archive | TableArchive", count: int, max_bytes: int | None) -> None:
    """Make sure, before any work, that so many items or rows of an archive may be read.

    Raises:
        ArchiveError: they take too much.
    """
    from narrows.archive import Archive

    whole = archive.layout.nbytes if isinstance(archive, Archive) else archive.nbytes
    held = whole * count // max(len(archive), 1)
    archive.require_within(held, max_bytes, at_least=not isinstance(archive, Archive))


def _limited(
    archive: "Archive | TableArchive", batches: Iterator[Any], max_bytes: int | None
) -> Iterator[Any]:
    """The same batches, as long as they take no more together than may be read: how long texts are
    only they themselves tell."""
    size = 0
    for batch in batches:
        size += batch.nbytes
        archive.require_within(size, max_bytes, at_least=True)
        yield batch


def _check_same_kind(of_table: bool, against: str) -> None:
    """Make sure that a table is compared with a table, and an array with an array.

    Raises:
        ShapeError: they are of two kinds.
    """
    from narrows.data.tables import is_table
    from narrows.errors import ShapeError

    if of_table != is_table(against):
        kinds = ("a table", "an array") if of_table else ("an array", "a table")
        raise ShapeError(
            f"the archive holds {kinds[0]}, and {against} is {kinds[1]}",
            hint="give the data that it was made of",
        )


def _shown_batches(
    archive: "Archive | TableArchive", start: int, stop: int, count: int, skip_damaged: bool
) -> Iterator[Any]:
    """Items or rows in order, ``count`` of them, showing how far they are; all of them under their
    checksum."""
    if (start, stop) == (0, len(archive)) and not skip_damaged:
        yield from archive.verified_batches(track=progress)
        return
    with progress(f"reading {archive.name}", total=count, unit=archive.unit) as advance:
        for batch in archive.batches(start, stop, skip_damaged=skip_damaged):
            yield batch
            advance(len(batch))


def _write_items(layout: "Layout", batches: Iterator[Any], count: int, out: str) -> None:
    from narrows.data import item_writer

    shape = layout.item_shape
    if out.lower().endswith((".csv", ".parquet")):
        shape = (math.prod(shape),)  # a table has no pixels: an image becomes a row
    with item_writer(out, count, shape, layout.dtype) as writer:
        for batch in batches:
            writer.write(batch.reshape(len(batch), *shape))
