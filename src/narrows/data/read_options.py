"""What a user says of how data are read: images of folders, and CSV files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from narrows.data.image_options import ImageKeywords, ImageOptions
from narrows.data.tables import CsvKeywords, CsvOptions, is_table_path
from narrows.data.tables.reading import is_csv


class ReadKeywords(ImageKeywords, CsvKeywords, total=False):
    """How images of a folder, or a CSV file, are read."""


@dataclass(frozen=True)
class ReadOptions:
    """How images of a folder, and CSV files, are read.

    Attributes:
        images: what becomes of the images.
        csv: what was said of CSV files, by the names that :func:`narrows.load_data` has.
    """

    images: ImageOptions = ImageOptions()  # noqa: RUF009
    csv: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From :class:`ReadKeywords`.

        Raises:
            UsageError: ``resize`` is no size.
        """
        images, csv = parted(given)
        return cls(ImageOptions.of(**images), csv)

    @property
    def keywords(self) -> dict[str, Any]:
        """The same as :func:`narrows.load_data` takes it."""
        return {**asdict(self.images), **self.csv}

    def fitting(self, source: str) -> Self:
        """What of it is for a source of that kind: others refuse it."""
        images = self.images if Path(source).is_dir() else ImageOptions()
        return replace(self, images=images, csv=self.csv if is_csv_file(source) else {})

    def images_if_folder(self, source: str) -> Self:
        """The same, without what is said of images where there is no folder of them."""
        return self if Path(source).is_dir() else replace(self, images=ImageOptions())

    def require_no_csv(self, source: str) -> None:
        """Make sure that nothing is said of a CSV file, where ``source`` is not read as one.

        Raises:
            UsageError: something is.
        """
        CsvOptions.of(self.csv).require_none(source)


def parted(how: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """How data are read: the keywords of images, and the others, which are those of CSV files."""
    of_images = {key: how[key] for key in how.keys() & ImageKeywords.__annotations__}
    return of_images, {key: value for key, value in how.items() if key not in of_images}


def is_csv_file(source: str | None) -> bool:
    """Whether a source is a CSV file, or would be if it were there."""
    return source is not None and is_table_path(source) and is_csv(source)
