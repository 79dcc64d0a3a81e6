"""What the commands of archives take: arrays, and files of tables."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.cli.data_options import CsvGiven
from narrows.cli.terminal import progress, say

if TYPE_CHECKING:
    from narrows.data import Dataset
    from narrows.data.image_options import ImageOptions


def is_table(source: str) -> bool:
    """Whether a source is a file of a table."""
    from narrows.data.tables import is_table as is_a_table

    return is_a_table(source)


def is_csv_file(source: str | None) -> bool:
    """Whether a source is a CSV file, or would be if it were there."""
    from narrows.data.tables import is_table_path
    from narrows.data.tables.reading import is_csv

    return source is not None and is_table_path(source) and is_csv(source)


def require_no_csv(source: str, csv: CsvGiven | None) -> None:
    """Make sure that nothing is said of a CSV file, where ``source`` is not read as one.

    Raises:
        UsageError: something is.
    """
    from narrows.data.tables import CsvOptions

    CsvOptions.of(csv or {}).require_none(source)


def load_array(
    source: str,
    options: "ImageOptions | None" = None,
    *,
    upright: bool = False,
    csv: CsvGiven | None = None,
) -> "Dataset":
    """The array that a source holds, whatever is in it; of images the values of their files.

    Args:
        source: what the user named.
        options: what becomes of images.
        csv: what is said of a CSV file, which the source is not.
        upright: images as a model takes them: turned as their EXIF data say, in grey or RGB.

    Raises:
        DataError: it is a table, or cannot be read.
        UsageError: there are options, and the source is no folder of images, or no CSV file.
    """
    from narrows.data import load_data

    require_array(source)
    as_is = not (upright and Path(source).is_dir())
    said: dict[str, Any] = {**image_arguments(options), **(csv or {})}
    data = load_data(source, as_is=as_is, track=progress, **said)
    for note in data.notes:
        say(note)
    return data


def image_arguments(options: "ImageOptions | None") -> dict[str, Any]:
    """The same as arguments of :func:`narrows.data.load_data`."""
    return {} if options is None else asdict(options)


def require_array(source: str) -> None:
    """Make sure that a source is no table.

    Raises:
        DataError: it is one.
    """
    from narrows.errors import DataError

    if is_table(source):
        raise DataError(
            f"{source} is a table, and codes are made of arrays",
            hint="leave out --codes-only, or save its columns of numbers with np.save",
        )
