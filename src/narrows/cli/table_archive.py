"""What the commands of archives show and write of a table."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.cli.data_options import CsvGiven
from narrows.cli.size_breakdown import seconds_lines
from narrows.cli.terminal import progress, say

if TYPE_CHECKING:
    from narrows.archive import TableAccount, TableArchive
    from narrows.archive.error_bounds import Promises


def compress_table(
    data: str, out: Path, promises: "Promises", effort: Any, csv: CsvGiven | None = None
) -> "TableAccount":
    """Write a table's archive."""
    from narrows.archive import write_table
    from narrows.data.sources import explained
    from narrows.support.files import atomic_file

    with atomic_file(out) as file, explained(data):
        account = write_table(
            file, data, max_error=promises, effort=effort, csv=csv, track=progress
        )
    for note in account.notes:
        say(note)
    return account


# Files that the text of a CSV file may be written to.
_TEXTS = (".csv", ".tsv", ".data", ".txt")


def write_rows(
    archive: "TableArchive", batches: Iterable[Any], start: int, out: str, *, whole: bool
) -> None:
    """Write rows of an archive, from number ``start`` on, as a Parquet file, or as a CSV file that
    is written as the one that they came from; ``whole`` where none are left out."""
    from narrows.data import table_writer
    from narrows.support.files import atomic_file

    if archive.text is not None and Path(out).suffix.lower() in _TEXTS:
        with atomic_file(out) as file:
            for piece in archive.text_pieces(batches, start, whole=whole):
                file.write(piece)
        return
    with table_writer(out, archive.schema) as write:
        for batch in batches:
            write(batch)


def verify_rows(
    archive: "TableArchive", against: str | None, csv: CsvGiven | None = None
) -> tuple[str, dict[str, Any]]:
    """What a table's archive proves to be, as a text and as values."""
    from narrows.archive.tables import verify_table
    from narrows.report.measures import readable

    found = verify_table(archive, against, csv=csv, track=progress)
    if found.largest is None:
        text = f"{archive.name} is whole: {found.values:,} values match its checksums"
    elif not found.largest:
        text = f"{archive.name} is whole, and all {found.values:,} values are those of {against}"
        if found.text_exact:
            text += ", and so is every byte of its text"
    else:
        bounds = {column.name: column.bound for column in archive.layout.columns}
        lines = [
            f"  {name}: largest error {readable(error)}, where {readable(bounds[name])} is allowed"
            for name, error in found.largest.items()
        ]
        told = f"{archive.name} is whole, and no value of {against} is further off than it may be"
        text = "\n".join([told, *lines])
    values = {
        "archive": archive.name,
        "values": found.values,
        "against": against,
        "text_exact": found.text_exact,
        "largest_error": None if found.largest is None else dict(found.largest),
    }
    return text, values


def table_account_text(title: str, account: "TableAccount", raw: int | None = None) -> str:
    """Where the bytes of a table's archive are, and what it promises: a line a column."""
    from narrows.report.measures import readable
    from narrows.support.text_tables import cell_text, table_text

    rows = [["column", "type", "largest error", "bytes", "share", "coded with"]]
    for column in account.columns:
        bound = f"within {readable(column.bound)}" if column.bound else "exact"
        share = f"{column.size / account.total:.1%}"
        methods = "; ".join(column.methods)
        name, type_ = cell_text(column.name), cell_text(column.type, 20)
        rows.append([name, type_, bound, f"{column.size:,}", share, cell_text(methods)])
    rest = account.total - sum(column.size for column in account.columns)
    rows.append(["header, index", "", "", f"{rest:,}", f"{rest / account.total:.1%}", ""])
    rows.append(["all", "", "", f"{account.total:,}", "100.0%", ""])
    plural = "" if account.rows == 1 else "s"
    what = f"{title}, a table of {account.rows:,} row{plural}"
    lines = [table_text(what, rows, left=(0, 1, 2, 5))]
    if raw:
        lines.append(f"{account.total / raw:.2%} of the {raw:,} bytes that the table had")
    if account.text_exact:
        lines.append("the text comes back byte for byte")
    elif account.text_exact is not None:
        lines.append(f"the values come back, and not the text as it stands: {account.text_reason}")
    lines += seconds_lines(account.seconds, account.seconds_back)
    return "\n".join(lines)


def table_account_values(account: "TableAccount") -> dict[str, Any]:
    """The same for machines."""
    return {
        "rows": account.rows,
        "groups": account.groups,
        "bytes": dict(account.sizes),
        "total": account.total,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "bound": column.bound,
                "methods": dict(column.methods),
                "bytes": column.size,
                "largest_error": column.largest_error,
            }
            for column in account.columns
        ],
        "text_exact": account.text_exact,
        "text_reason": account.text_reason or None,
        "seconds": account.seconds,
        "seconds_back": account.seconds_back,
    }
