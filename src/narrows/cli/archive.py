"""Commands of archives: compress, decompress, verify, info."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from narrows.cli.codes_archive import compress_codes, require_no_bound, require_no_codes
from narrows.cli.options import DataArgument, ItemsOut, Json, parse_range
from narrows.cli.sources import is_table, load_array
from narrows.cli.table_archive import (
    compress_table,
    table_account_text,
    table_account_values,
    verify_rows,
    write_rows,
)
from narrows.cli.terminal import progress, say, show

if TYPE_CHECKING:
    from narrows.codec import Account, Archive, TableArchive
    from narrows.codec.arrays import Layout

ArchiveArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.nrw", help="A file that narrows compress wrote.", show_default=False
    ),
]

_MEANING = {
    "header": "what the archive is, of what, and where its parts lie",
    "index": "where each block lies, and its checksum",
    "payload": "the blocks",
    "decoder": "what makes values of codes, in whole numbers",
    "predictor": "how likely each number of a code is",
}


def compress(
    data: DataArgument,
    out: Annotated[
        Path, typer.Option(metavar="FILE.nrw", help="The archive to write.", show_default=False)
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
            metavar="MODEL",
            help="With --codes-only: one that narrows fit --preset rounded wrote, instead of one "
            "trained on DATA.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write DATA as one file that opens anywhere with the same values, lossless or within a bound.

    With --codes-only it holds what an autoencoder keeps: the error is measured and told, not
    bounded.

    \b
    Example:
      narrows compress mnist:test --out digits.nrw
      narrows compress readings.npy --max-error 0.05 --out readings.nrw
      narrows compress houses.csv --max-error 1% --max-error price=500 --out houses.nrw
      narrows compress mnist --codes-only --item-bytes 8 --out tiny.nrw
    """
    from narrows.codec import write_archive
    from narrows.codec.promises import Promises
    from narrows.files import atomic_file, require_writable

    if codes_only:
        require_no_bound(max_error)
        require_writable(out)
        account = compress_codes(data, out, model, latent, item_bytes, effort)
        _show_written(out, data, account, json)
        return
    require_no_codes(item_bytes, latent, model)
    promises = Promises.of(max_error)
    require_writable(out)
    if is_table(data):
        table = compress_table(data, out, promises, effort)
        text = table_account_text(f"{out}: {data}", table, Path(data).stat().st_size)
        show(text, {"out": str(out), **table_account_values(table)}, json)
        return
    items = load_array(data)
    with atomic_file(out) as file:
        account = write_archive(
            file, items, max_error=promises, effort=effort, name=data, track=progress
        )
    _show_written(out, data, account, json)


def _show_written(out: Path, data: str, account: "Account", json: bool) -> None:
    texts = [_account_text(f"{out}: {data}", account)]
    if account.trials:
        texts.append(_trials_text(account))
    show("\n\n".join(texts), {"out": str(out), **_account_values(account)}, json)


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
    json: Json = False,
) -> None:
    """Write what an archive holds.

    \b
    Example:
      narrows decompress digits.nrw --out digits.npy
      narrows decompress digits.nrw --items 1000:1010 --out ten/
    """
    from narrows.codec import TableArchive, open_archive

    with open_archive(archive, damaged_too=skip_damaged) as opened:
        start, stop = parse_range(items, len(opened))
        missing = [
            (max(low, start), min(high, stop))
            for low, high in (opened.damaged_items() if skip_damaged else [])
            if low < stop and high > start
        ]
        count = stop - start - sum(high - low for low, high in missing)
        unit = opened.unit
        batches = _shown_batches(opened, start, stop, count, skip_damaged)
        if isinstance(opened, TableArchive):
            write_rows(opened.schema, batches, out)
        else:
            _write_items(opened.layout, batches, count, out)
    for low, high in missing:
        say(f"{unit}s {low:,} to {high - 1:,} cannot be read any more, and are left out")
    if json:
        show("", {"out": out, "count": count, "missing": missing}, json)
    else:
        say(f"wrote {count:,} {unit}{'' if count == 1 else 's'} to {out}")


def verify(
    archive: ArchiveArgument,
    against: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="What it was made of, to compare every value with."),
    ] = None,
    json: Json = False,
) -> None:
    """Decode all of an archive and compare it with its checksums, or with DATA too.

    \b
    Example:
      narrows verify digits.nrw --against mnist:test
    """
    from narrows.codec import TableArchive, open_archive
    from narrows.codec.verifying import verify as prove
    from narrows.report.measures import readable

    with open_archive(archive) as opened:
        if against is not None:
            _check_same_kind(isinstance(opened, TableArchive), against)
        if isinstance(opened, TableArchive):
            show(*verify_rows(opened, against), json)
            return
        items = None if against is None else load_array(against)
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
        Path, typer.Argument(metavar="FILE", help="An archive or a model.", show_default=False)
    ],
    json: Json = False,
) -> None:
    """Show what an archive or a model holds, and where its bytes are.

    \b
    Example:
      narrows info digits.nrw
    """
    from narrows.codec import TableArchive, open_archive
    from narrows.codec.container import MAGIC

    start = b""
    if file.is_file():
        with file.open("rb") as stream:
            start = stream.read(4)
    if file.suffix.lower() != ".nrw" and start != MAGIC[:4]:
        _model_info(file, json)
        return
    with open_archive(file) as opened:
        if isinstance(opened, TableArchive):
            table = opened.account
            values = {"kind": "archive", **table_account_values(table)}
            show(table_account_text(str(file), table), values, json)
            return
        account = opened.account
    texts = [_account_text(str(file), account)]
    if account.trials:
        texts.append(_trials_text(account))
    show("\n\n".join(texts), {"kind": "archive", **_account_values(account)}, json)


def _check_same_kind(of_table: bool, against: str) -> None:
    """Make sure that a table is compared with a table, and an array with an array.

    Raises:
        ShapeError: they are of two kinds.
    """
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


def _account_text(title: str, account: "Account") -> str:
    """Where the bytes of an archive are, and what it promises."""
    from narrows.report.text import table_text

    layout = account.layout
    rows = [["part", "bytes", "share", ""]]
    for part, size in account.sizes.items():
        share = f"{size / account.total:.1%}"
        rows.append([part, f"{size:,}", share, _MEANING.get(part, "of the method")])
    rows.append(["all", f"{account.total:,}", "100.0%", ""])
    lines = [table_text(f"{title}, {_what(layout)}", rows, left=(0, 3)), _rate(account)]
    lines.append(_promise(account))
    if account.numbers is not None:
        lines.append(_codes_text(account))
    used = "; ".join(
        f"{name} ({count:,} block{'' if count == 1 else 's'})"
        for name, count in account.methods.items()
    )
    if used:
        lines.append(f"coded with {used}")
    if account.seconds is not None and account.seconds_back is not None:
        lines.append(
            f"{account.seconds:.1f} s, trials and verification included; "
            f"{account.seconds_back:.2f} s to decode all of it"
        )
    return "\n".join(lines)


def _codes_text(account: "Account") -> str:
    """What a code takes, with what says where it lies, and what all the rest does."""
    codes = account.sizes["payload"] + account.sizes["index"]
    count = max(account.layout.count, 1)
    return (
        f"codes of {account.numbers} whole numbers: {codes / count:.2f} bytes an item, and all the "
        f"rest {(account.total - codes) / count:.2f}"
    )


def _what(layout: "Layout") -> str:
    count = layout.count
    shape = " × ".join(map(str, layout.item_shape)) or "one"
    plural = "" if count == 1 else "s"
    return f"{count:,} item{plural} of {shape} {layout.dtype.name}"


def _rate(account: "Account") -> str:
    if account.bits_per_value is None:
        return "no values"
    return (
        f"{account.bits_per_value:.3f} bits a value, all parts counted; {account.ratio:.2f} times "
        f"smaller than the {account.layout.nbytes:,} bytes of the values"
    )


def _promise(account: "Account") -> str:
    from narrows.report.measures import readable

    mean = account.mean_squared_error
    measured = f", mean squared error {readable(mean)}" if mean is not None else ""
    if account.bound is None:
        largest = readable(account.largest_error)
        return f"no bound is promised; measured: largest error {largest}{measured}"
    if account.bound == 0:
        return "lossless, with the SHA-256 of the values"
    return (
        f"every value within {readable(account.bound)}; measured: largest error "
        f"{readable(account.largest_error)}{measured}"
    )


def _trials_text(account: "Account") -> str:
    """What was tried, the smallest first."""
    from narrows.report.text import table_text

    values = account.layout.size
    timed = account.trials[0].seconds is not None
    header = ["method", "bytes, whole set", "bits a value", "bytes, one item a file"]
    rows = [[*header[: 4 if timed else 3], *(["seconds", "and back"] if timed else [])]]
    for trial in account.trials:
        about = "about " if trial.in_part else ""
        row = [trial.name, f"{about}{trial.size:,}", f"{8 * trial.size / values:.3f}"]
        if timed:
            row.append("" if trial.item_bytes is None else f"{trial.item_bytes:,.0f}")
            row += [f"{trial.seconds:.2f}", f"{trial.seconds_back:.2f}"]
        rows.append(row)
    whole = account.sampled == account.blocks
    on = "all of it" if whole else f"{account.sampled:,} of its {account.blocks:,} blocks"
    return table_text(f"what was tried, on {on}: the smallest is taken", rows)


def _account_values(account: "Account") -> dict[str, Any]:
    layout = account.layout
    return {
        "shape": list(layout.shape),
        "dtype": layout.dtype.name,
        "bound": account.bound,
        "largest_error": account.largest_error,
        "mean_squared_error": account.mean_squared_error,
        "latent": account.numbers,
        "bytes": dict(account.sizes),
        "total": account.total,
        "raw": layout.nbytes,
        "bits_per_value": account.bits_per_value,
        "ratio": account.ratio,
        "methods": dict(account.methods),
        "tried": [
            {
                "method": trial.name,
                "bytes": trial.size,
                "in_part": trial.in_part,
                "item_bytes": trial.item_bytes,
                "seconds": trial.seconds,
                "seconds_back": trial.seconds_back,
            }
            for trial in account.trials
        ],
        "blocks": account.blocks,
        "blocks_tried": account.sampled,
        "seconds": account.seconds,
        "seconds_back": account.seconds_back,
    }


def _model_info(file: Path, json: bool) -> None:
    """Where the bytes of a model file are, its checksum compared."""
    from narrows.model_file import load_model
    from narrows.report.text import cell_text, table_text
    from narrows.tensor_file import tensor_sizes

    spec = load_model(file).model.spec
    sizes = tensor_sizes(file)
    total = sum(sizes.values())
    rows = [["part", "bytes", "share"]]
    rows += [[cell_text(name), f"{size:,}", f"{size / total:.1%}"] for name, size in sizes.items()]
    rows.append(["all", f"{total:,}", "100.0%"])
    shape = " × ".join(map(str, spec.item_shape))
    text = table_text(f"{file}: a model of items of {shape}, {spec.latent_size} numbers", rows)
    values = {"kind": "model", "bytes": sizes, "total": total, "latent": spec.latent_size}
    show(text, values, json)
