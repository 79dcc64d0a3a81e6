"""Commands of archives: compress, decompress, verify, info."""

import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from narrows.cli.options import DataArgument, ItemsOut, Json, parse_bound, parse_range
from narrows.cli.terminal import progress, say, show
from narrows.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from narrows.codec import Account, Archive
    from narrows.codec.arrays import Layout
    from narrows.codec.methods import Effort

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
        str | None,
        typer.Option(
            metavar="E", help="Every value within E of the original, in its own units; 0: lossless."
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
      narrows compress mnist --codes-only --item-bytes 8 --out tiny.nrw
    """
    from narrows.codec import write_archive
    from narrows.files import atomic_file, require_writable

    bound = parse_bound(max_error)
    if codes_only:
        _require_no_bound(max_error)
        require_writable(out)
        account = _compress_codes(data, out, model, latent, item_bytes, effort)
    else:
        _require_no_codes(item_bytes, latent, model)
        require_writable(out)
        items = _load(data)
        with atomic_file(out) as file:
            account = write_archive(
                file,
                items,
                max_error=bound,
                effort=effort,
                name=data,
                track=progress,
            )
    texts = [_account_text(f"{out}: {data}", account)]
    if account.trials:
        texts.append(_trials_text(account))
    show("\n\n".join(texts), {"out": str(out), **_account_values(account)}, json)


def _require_no_bound(max_error: str | None) -> None:
    if max_error is not None:
        raise UsageError(
            "--codes-only keeps no bound, so --max-error cannot be kept with it",
            hint="leave one of them out",
        )


def _require_no_codes(*wishes: object) -> None:
    if any(wish is not None for wish in wishes):
        raise UsageError(
            "--item-bytes, --latent and --model are for archives of codes",
            hint="add --codes-only, or leave them out",
        )


def _compress_codes(
    data: str,
    out: Path,
    model: Path | None,
    latent: int | None,
    item_bytes: float | None,
    effort: "Effort",
) -> "Account":
    """Write an archive of codes by a given model, or by one that is trained on the data."""
    from narrows.codes_only import require_codes_only, train_rounded, write_codes_only
    from narrows.data import load_data
    from narrows.files import atomic_file
    from narrows.model_file import load_model

    if item_bytes is not None and not 0 < item_bytes < math.inf:
        raise UsageError(
            f"--item-bytes is {item_bytes:g}, and must be a number above 0",
            hint="give the bytes that a code may take, such as 8",
        )
    if model is None:
        _require_array(data)
        training = load_data(data, track=progress)
        trained = train_rounded(training, latent, item_bytes, effort, track=progress, note=say)
        items = training.items
    else:
        if latent is not None:
            raise UsageError(
                f"{model} says how many numbers a code has, so --latent cannot",
                hint="leave one of them out",
            )
        trained = load_model(model)
        require_codes_only(trained.model)
        items = _load(data)
    with atomic_file(out) as file:
        return write_codes_only(
            file, items, trained, item_bytes=item_bytes, effort=effort, name=data, track=progress
        )


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
    from narrows.codec import open_archive

    with open_archive(archive, damaged_too=skip_damaged) as opened:
        start, stop = parse_range(items, len(opened))
        missing = [
            (max(low, start), min(high, stop))
            for low, high in (opened.damaged_items() if skip_damaged else [])
            if low < stop and high > start
        ]
        count = stop - start - sum(high - low for low, high in missing)
        _write(opened, start, stop, count, skip_damaged, out)
    for low, high in missing:
        say(f"items {low:,} to {high - 1:,} cannot be read any more, and are left out")
    if json:
        show("", {"out": out, "count": count, "missing": missing}, json)
    else:
        say(f"wrote {count:,} item{'' if count == 1 else 's'} to {out}")


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
    from narrows.codec import open_archive
    from narrows.codec.verifying import verify as prove
    from narrows.report.measures import readable

    with open_archive(archive) as opened:
        items = None if against is None else _load(against)
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
    from narrows.codec import open_archive
    from narrows.codec.container import MAGIC

    start = b""
    if file.is_file():
        with file.open("rb") as stream:
            start = stream.read(4)
    if file.suffix.lower() != ".nrw" and start != MAGIC[:4]:
        _model_info(file, json)
        return
    with open_archive(file) as opened:
        account = opened.account
    texts = [_account_text(str(file), account)]
    if account.trials:
        texts.append(_trials_text(account))
    show("\n\n".join(texts), {"kind": "archive", **_account_values(account)}, json)


def _load(source: str) -> "np.ndarray":
    """The array that a source holds, whatever is in it.

    Raises:
        DataError: it is a table, or cannot be read.
    """
    from narrows.data import load_data

    _require_array(source)
    return load_data(source, as_is=True, track=progress).items


def _require_array(source: str) -> None:
    from narrows.data.tables import is_table_path
    from narrows.errors import DataError

    path = Path(source)
    if is_table_path(path) and path.is_file():
        raise DataError(
            f"{source} is a table, and archives hold arrays",
            hint="save its columns of numbers as one array, with np.save",
        )


def _write(
    archive: "Archive", start: int, stop: int, count: int, skip_damaged: bool, out: str
) -> None:
    from narrows.data import item_writer

    layout = archive.layout
    shape = layout.item_shape
    if out.lower().endswith((".csv", ".parquet")):
        shape = (math.prod(shape),)  # a table has no pixels: an image becomes a row
    everything = (start, stop) == (0, len(archive)) and not skip_damaged
    batches = (
        archive.verified_batches(track=progress)
        if everything
        else archive.batches(start, stop, skip_damaged=skip_damaged)
    )
    shown = (
        nullcontext(lambda amount: None)
        if everything
        else progress(f"reading {archive.name}", total=count, unit="item")
    )
    with item_writer(out, count, shape, layout.dtype) as writer, shown as advance:
        for batch in batches:
            writer.write(batch.reshape(len(batch), *shape))
            advance(len(batch))


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
        row = [trial.name, f"{trial.size:,}", f"{8 * trial.size / values:.3f}"]
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
