"""Data to an archive: lossless, or within error bounds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from narrows.archive import write_archive, write_table
from narrows.archive.error_bounds import ErrorBounds
from narrows.archive.methods import Effort
from narrows.data.read_options import ReadOptions
from narrows.data.sources import read_errors_explained, require_folder
from narrows.data.tables import CsvOptions, is_table
from narrows.data.tables.reading import table_parts
from narrows.report.archive_sizes import Breakdown, breakdown_told, breakdown_values
from narrows.support.files import atomic_file
from narrows.support.progress import NOBODY, Listener
from narrows.support.text_tables import Shown, Told
from narrows.tasks.loading import load_array
from narrows.tasks.outputs import shown


@dataclass(frozen=True)
class Compressed(Shown):
    """An archive that was written.

    Attributes:
        out: the file.
        source: what the user named.
        breakdown: where its bytes are.
        raw: the bytes of the file of a table; None for other data.
    """

    out: Path
    source: str
    breakdown: Breakdown
    raw: int | None = None

    def told(self) -> Told:
        """Where its bytes are."""
        return breakdown_told(f"{shown(self.out)}: {self.source}", self.breakdown, self.raw)

    def values(self) -> dict[str, Any]:
        """For machines."""
        return {"out": str(self.out), **breakdown_values(self.breakdown)}


def compress(
    data: str,
    out: Path,
    *,
    max_error: Any = None,
    effort: Effort = "normal",
    reading: ReadOptions | None = None,
    listener: Listener = NOBODY,
) -> Compressed:
    """Write an archive that opens with the same values, or with values within ``max_error``.

    Args:
        data: an array, a table or a folder of images, as ``load_data`` takes it.
        out: the archive.
        max_error: as for :func:`narrows.archive.write_archive` and ``write_table``.
        effort: how much is tried.
        reading: how images of a folder and CSV files are read.
        listener: told what a user should know of how the data were read.

    Raises:
        UsageError: an option cannot be meant, or says something of other data.
        DataError: the data are damaged, or hold values that an archive does not.
    """
    bounds, reading = ErrorBounds.of(max_error), reading or ReadOptions()
    require_folder(data, reading.images)
    if is_table(data):
        CsvOptions.of(reading.csv).require_as_written()
        with atomic_file(out) as file, read_errors_explained(data):
            table = write_table(
                file, data, max_error=bounds, effort=effort, csv=reading.csv, track=listener.track
            )
        listener.note_each(table.notes)
        parts = table_parts(data)
        files = [Path(data)] if parts is None else parts.files
        return Compressed(out, data, table, sum(path.stat().st_size for path in files))
    loaded = load_array(data, reading, listener=listener)
    options: dict[str, Any] = {"max_error": bounds, "effort": effort, "files": loaded.files}
    with atomic_file(out) as file:
        return Compressed(
            out, data, write_archive(file, loaded.items, **options, name=data, track=listener.track)
        )
