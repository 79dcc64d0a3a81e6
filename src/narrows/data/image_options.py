"""How a user wants the images of a folder to be read, in one piece."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from narrows.errors import UsageError
from narrows.support.spelling import spelt

#: The largest side that images are made.
LARGEST_SIDE = 1 << 14


class ImageKeywords(TypedDict, total=False):
    """What becomes of the images of a folder: what ``load_data`` takes by name.

    grey: colour becomes grey (ITU-R 601), transparency is left out.
    resize: the width and the height that all are made, as (64, 48).
    skip_damaged: leave out files that cannot be read, and say which in the notes.
    """

    grey: bool
    resize: Any
    skip_damaged: bool


@dataclass(frozen=True)
class ImageOptions:
    """What becomes of images before they are items.

    Attributes:
        grey: colour becomes grey, transparency is left out.
        resize: the width and the height that all are made, in pixels; None leaves them.
        skip_damaged: leave out files that cannot be read, instead of refusing the folder.
    """

    grey: bool = False
    resize: tuple[int, int] | None = None
    skip_damaged: bool = False

    @classmethod
    def of(
        cls, grey: bool = False, resize: Any = None, skip_damaged: bool = False
    ) -> "ImageOptions":
        """From what a user gave.

        Args:
            grey: as above.
            resize: two whole numbers, or a text such as ``64,48``: width and height.
            skip_damaged: as above.

        Raises:
            UsageError: ``resize`` is no size.
        """
        return cls(bool(grey), None if resize is None else _size(resize), bool(skip_damaged))

    @property
    def changes(self) -> bool:
        """Whether values are changed."""
        return self.grey or self.resize is not None

    @property
    def is_set(self) -> bool:
        """Whether anything is asked for."""
        return self != ImageOptions()

    def described(self) -> str:
        """What is done to the images: ``grey, 64 x 48 pixels``."""
        size = [] if self.resize is None else [f"{self.resize[0]} x {self.resize[1]} pixels"]
        return ", ".join([*(["grey"] if self.grey else []), *size])

    def over(self, kept: "ImageOptions | None") -> "ImageOptions":
        """These, and where nothing is said what a model or an archive keeps.

        Raises:
            UsageError: another size than the one kept.
        """
        if kept is None:
            return self
        if self.resize is not None and kept.resize is not None and self.resize != kept.resize:
            raise UsageError(
                f"{spelt('resize', self.resize)} is asked for, and these images were made "
                f"{kept.resize[0]} x {kept.resize[1]} pixels before",
                hint=f"leave {spelt('resize')} out: the size is kept",
            )
        return replace(self, grey=self.grey or kept.grey, resize=self.resize or kept.resize)

    def to_dict(self) -> dict[str, Any] | None:
        """What a model or an archive keeps, in JSON values; None where values are as they were."""
        if not self.changes:
            return None
        return {"grey": self.grey, "resize": None if self.resize is None else list(self.resize)}

    @classmethod
    def from_dict(cls, values: Any) -> "ImageOptions":
        """From JSON values that may be a stranger's; None stands for no change.

        Raises:
            ValueError: they are none of ours.
        """
        if values is None:
            return cls()
        if not isinstance(values, Mapping) or not isinstance(values.get("grey"), bool):
            raise ValueError("it does not say how images are changed")
        size = values.get("resize")
        return cls.of(grey=values["grey"], resize=None if size is None else size)


def _size(value: Any) -> tuple[int, int]:
    shown = value if isinstance(value, str) else str(value)[:40]
    try:
        parts = value.split(",") if isinstance(value, str) else list(value)
        numbers = [int(part) for part in parts]
        exact = isinstance(value, str) or all(
            float(part) == number for part, number in zip(parts, numbers, strict=True)
        )
    except (TypeError, ValueError, OverflowError):
        numbers, exact = [], False
    if not exact or len(numbers) != 2 or not all(1 <= each <= LARGEST_SIDE for each in numbers):
        raise UsageError(
            f"{spelt('resize')} is {shown}, which is no size: two whole numbers from 1 to "
            f"{LARGEST_SIDE:,}",
            hint=f"write the width and the height in pixels, as in {spelt('resize', (64, 48))}",
        )
    return numbers[0], numbers[1]
