"""What the commands of archives take: arrays, and files of tables."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.cli.terminal import progress, say

if TYPE_CHECKING:
    from narrows.data import Dataset
    from narrows.data.image_options import ImageOptions


def is_table(source: str) -> bool:
    """Whether a source is a file of a table."""
    from narrows.data.tables import is_table as is_a_table

    return is_a_table(source)


def load_array(
    source: str, options: "ImageOptions | None" = None, *, upright: bool = False
) -> "Dataset":
    """The array that a source holds, whatever is in it; of images the values of their files.

    Args:
        source: what the user named.
        options: what becomes of images.
        upright: images as a model takes them: turned as their EXIF data say, in grey or RGB.

    Raises:
        DataError: it is a table, or cannot be read.
        UsageError: there are options, and the source is no folder of images.
    """
    from narrows.data import load_data

    require_array(source)
    as_is = not (upright and Path(source).is_dir())
    data = load_data(source, as_is=as_is, track=progress, **image_arguments(options))
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
