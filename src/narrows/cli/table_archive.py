"""What the commands of archives show and write of a table."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.cli.data_options import CsvGiven
from narrows.cli.terminal import progress, say

if TYPE_CHECKING:
    from narrows.archive import TableArchive, TableSizeBreakdown
    from narrows.archive.error_bounds import ErrorBounds


def compress_table(
    data: str, out: Path, error_bounds: "ErrorBounds", effort: Any, csv: CsvGiven | None = None
) -> "TableSizeBreakdown":
    """Write a table's archive."""
    from narrows.archive import write_table
    from narrows.data.sources import read_errors_explained
    from narrows.support.files import atomic_file

    with atomic_file(out) as file, read_errors_explained(data):
        breakdown = write_table(
            file, data, max_error=error_bounds, effort=effort, csv=csv, track=progress
        )
    for note in breakdown.notes:
        say(note)
    return breakdown


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
