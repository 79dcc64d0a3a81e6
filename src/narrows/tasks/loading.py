"""Data that a job takes as they are, whatever is in them: arrays, images, files of tables."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from narrows.data import Dataset, load_data
from narrows.data.image_options import ImageOptions
from narrows.data.tables import CsvOptions, is_table, is_table_path
from narrows.data.tables.reading import is_csv
from narrows.errors import DataError
from narrows.support.progress import Note, Tracker, silent, unheard


def load_array(
    source: str,
    images: ImageOptions | None = None,
    *,
    upright: bool = False,
    csv: Mapping[str, Any] | None = None,
    track: Tracker = silent,
    note: Note = unheard,
) -> Dataset:
    """The array that a source holds, whatever is in it; of images the values of their files.

    Args:
        source: what the user named.
        images: what becomes of images.
        upright: images as a model takes them: turned as their EXIF data say, in grey or RGB.
        csv: what is said of a CSV file, which the source is not.

    Raises:
        DataError: it is a table, or cannot be read.
        UsageError: there are options, and the source is no folder of images, or no CSV file.
    """
    _require_array(source)
    as_is = not (upright and Path(source).is_dir())
    options = asdict(images or ImageOptions())
    data = load_data(source, as_is=as_is, track=track, **options, **(csv or {}))
    for line in data.notes:
        note(line)
    return data


def _require_array(source: str) -> None:
    """Make sure that a source is no table.

    Raises:
        DataError: it is one.
    """
    if is_table(source):
        raise DataError(
            f"{source} is a table, and codes are made of arrays",
            hint="leave out --codes-only, or save its columns of numbers with np.save",
        )


def is_csv_file(source: str | None) -> bool:
    """Whether a source is a CSV file, or would be if it were there."""
    return source is not None and is_table_path(source) and is_csv(source)


def require_no_csv(source: str, csv: Mapping[str, Any] | None) -> None:
    """Make sure that nothing is said of a CSV file, where ``source`` is not read as one.

    Raises:
        UsageError: something is.
    """
    CsvOptions.of(csv or {}).require_none(source)
