"""Commands of archives: compress, decompress, verify, info."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from narrows.cli.data_options import reads_as_written
from narrows.cli.gathering import gathers, options_of
from narrows.cli.many_files import ManyFiles
from narrows.cli.options import (
    DataArgument,
    Force,
    Format,
    ItemsOut,
    Json,
    data_option,
    path_option,
)
from narrows.cli.terminal import PERSON, show, show_written
from narrows.support.standard_input import received
from narrows.tasks.option_texts import parse_range
from narrows.tasks.options import CodesOptions
from narrows.tasks.outputs import Written, check_outputs, to_standard_output

if TYPE_CHECKING:
    from narrows.data.read_options import ReadOptions

ArchiveArgument = Annotated[
    Path,
    typer.Argument(
        readable=False,
        metavar="FILE.nrw",
        help="A file that narrows compress wrote, or the archives.json that it wrote beside many; "
        "- is standard input.",
        callback=received,
        show_default=False,
    ),
]

ModelOfArchive = Annotated[
    Path | None,
    path_option(
        "MODEL", "Of codes: what it was written with, if that is not in the archive.", "--model"
    ),
]


MaxError = Annotated[
    list[str] | None,
    typer.Option(
        metavar="E",
        help="Every value within E of the original: in its own units, or 1% of their range. Of a "
        "table COLUMN=E too, and several of them. Lossless without it.",
    ),
]
Effort = Annotated[Literal["fast", "normal", "best"], typer.Option(help="How much is tried.")]
CodesOnly = Annotated[
    bool,
    typer.Option(
        "--codes-only",
        help="Nothing but short codes and a decoder: a few bytes an item, and no bound.",
    ),
]


@reads_as_written
@gathers({"codes": options_of(CodesOptions)})
def compress(
    *,
    data: DataArgument,
    out: Annotated[Path, path_option("FILE.nrw", "The archive to write; - is standard output.")],
    max_error: MaxError = None,
    effort: Effort = "normal",
    codes_only: CodesOnly = False,
    codes: CodesOptions,
    force: Force = False,
    json: Json = False,
    reading: "ReadOptions",
    files: ManyFiles,
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
      narrows compress readings/ --max-error 0.05 --workers 4 --out archives/
    """
    how: dict[str, Any] = {"effort": effort, "reading": reading}
    if not files:
        written = {"--out": out, "--keep-model": codes.keep_model}
        models = {"--model": codes.model}
        check_outputs({"DATA": data}, written, models=models, json=json, only_files=True)
    if not codes_only:
        codes.require_none()
    if files:
        from narrows.tasks.many_files.jobs import CompressFiles

        wanted = codes if codes_only else None
        job = CompressFiles(max_error=max_error, codes=wanted, check_range=not force, **how)
        files.run(job, data, out, json)
        return
    how["listener"] = PERSON
    if codes_only:
        from narrows.tasks.compress_codes import compress_codes

        codes.check(max_error)
        found = compress_codes(data, out, codes, check_range=not force, **how)
    else:
        from narrows.tasks.compress import compress as compress_values

        found = compress_values(data, out, max_error=max_error, **how)
    show(found.text(), found.values(), json, beside=out)


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
    *,
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
      narrows decompress archives/archives.json --items 5000:5010 --out ten.npy
    """
    from narrows.archive.series import open_any

    with open_any(archive, damaged_too=skip_damaged, model=model) as opened:
        out = to_standard_output(out, format, opened.usual_format)
        read = {"FILE.nrw": archive, "--model": model}
        check_outputs({}, {"--out": out}, models=read, json=json)
        start, stop = parse_range(items, len(opened))
        found = opened.extract(
            out,
            start,
            stop,
            skip_damaged=skip_damaged,
            max_bytes=max_bytes,
            listener=PERSON,
        )
        written = Written(out, found.count, opened.unit)
    show_written(written, json, missing=list(map(list, found.missing)))


@reads_as_written
def verify(
    archive: ArchiveArgument,
    against: Annotated[
        str | None,
        data_option(
            "DATA",
            "What it was made of, to compare every value with; of many the folder or pattern.",
        ),
    ] = None,
    model: ModelOfArchive = None,
    max_bytes: MaxBytes = None,
    json: Json = False,
    *,
    reading: "ReadOptions",
) -> None:
    """Decode all of an archive and compare it with its checksums, or with DATA too.

    \b
    Example:
      narrows verify digits.nrw --against mnist:test
      narrows verify archives/archives.json --against readings/
    """
    from narrows.tasks.verify_archive import verify_archive

    found = verify_archive(
        archive,
        against,
        model=model,
        max_bytes=max_bytes,
        reading=reading,
        listener=PERSON,
    )
    show(found.text(), found.values(), json)


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
    from narrows.tasks.archive_sizes import file_sizes

    show(*file_sizes(file, model), json)
