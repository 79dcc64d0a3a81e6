"""The files that items came from: their names, and what is to be known to write them back."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from narrows.data.image_options import ImageOptions
from narrows.errors import UsageError

#: The longest name of a file with its folders, and of one of its parts, in bytes.
LONGEST_NAME, LONGEST_PART = 4096, 255
#: Colours of images that are neither grey nor RGB, of which a file is written back as it was.
COLOURS = ("CMYK", "LAB", "YCbCr", "HSV")
#: The column of tables that has them.
FILE_COLUMN = "file"
_NUMBERED = re.compile(r"(.+)#([0-9]{1,6})")


@dataclass(frozen=True)
class ImageFiles:
    """Where the images of a folder came from.

    Attributes:
        names: of each item its file within the folder, such as ``cat/001.jpg``; the second image of
            a file of several is ``stack.tif#2``.
        orientations: how items are to be turned to be seen, by EXIF's numbers, where they are not
            turned and shall be; by the items' numbers.
        colours: what the channels are, where they are neither grey nor RGB.
        options: what was done to the images.
    """

    names: tuple[str, ...]
    orientations: Mapping[int, int] = field(default_factory=dict)
    colours: str | None = None
    options: ImageOptions = ImageOptions()  # noqa: RUF009

    def rows(self, indices: Iterable[int]) -> "ImageFiles":
        """Those at ``indices``."""
        chosen = [int(index) for index in indices]
        orientations = {
            place: self.orientations[index]
            for place, index in enumerate(chosen)
            if index in self.orientations
        }
        names = tuple(self.names[index] for index in chosen)
        return replace(self, names=names, orientations=orientations)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "names": list(self.names),
            "orientations": [[number, each] for number, each in sorted(self.orientations.items())],
            "colours": self.colours,
            "changes": self.options.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Any, count: int) -> "ImageFiles":
        """From JSON values that may be a stranger's, for ``count`` items.

        Raises:
            ValueError: they are none of ours, or a name leads out of its folder.
        """
        if not isinstance(values, Mapping) or not isinstance(values.get("names"), list):
            raise ValueError("they have no names")
        names = values["names"]
        if len(names) != count or len(set(map(str, names))) != count:
            raise ValueError("they are not one name for each item")
        for name in names:
            require_safe(name)
        colours = values.get("colours")
        if colours is not None and colours not in COLOURS:
            raise ValueError("their colours are unknown")
        orientations = values.get("orientations", [])
        if not isinstance(orientations, list) or not all(map(_is_turn, orientations)):
            raise ValueError("they are turned in no way that there is")
        turned = {number: each for number, each in orientations if number < count}
        return cls(tuple(names), turned, colours, ImageOptions.from_dict(values.get("changes")))


def _is_turn(entry: Any) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and all(isinstance(each, int) and not isinstance(each, bool) for each in entry)
        and entry[0] >= 0
        and 1 <= entry[1] <= 8
    )


def require_safe(name: Any) -> None:
    """Make sure that a name from a file is one within a folder, on every system.

    Raises:
        ValueError: it leads elsewhere, or is none.
    """
    if not isinstance(name, str) or not name:
        raise ValueError("a name is none")
    size = len(name.encode("utf-8", "surrogatepass"))
    parts = name.split("/")
    unsafe = (
        size > LONGEST_NAME
        or any(len(part.encode("utf-8", "surrogatepass")) > LONGEST_PART for part in parts)
        or any(part in ("", ".", "..") or part != part.strip("\0") for part in parts)
        or "\\" in name
        or "\0" in name
        or re.match(r"[A-Za-z]:", name)
        or PurePosixPath(name).is_absolute()
    )
    if unsafe:
        raise ValueError(f"the name {name[:60]!r} leads out of its folder, or is none")


def refused_by_windows(name: str) -> bool:
    """Whether Windows has no file of this name, or writes to another one or to a device."""
    return any(
        re.search(r'[<>:"|?*\\\x00-\x1f]|[. ]$', part) is not None
        or re.fullmatch(r"(?i)(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3])( *\..*)?", part)
        for part in name.split("/")
    )


def shown_name(name: str) -> str:
    """A file name as text that every table takes: bytes that are no UTF-8 are replaced."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def require_one_file_each(names: Sequence[str], colours: str | None = None) -> None:
    """Make sure that no two images would be written to one file.

    Raises:
        UsageError: two would.
    """
    files = Counter(written_name(name, colours) for name in names)
    twice = next((file for file, count in files.items() if count > 1), None)
    if twice is not None:
        raise UsageError(
            f"two images would be written as {twice}",
            hint="give images names that differ in more than their suffix, or write them to .npy",
        )


# What Pillow and tifffile write without loss, under its own name.
_LOSSLESS = (".png", ".tif", ".tiff", ".bmp")


def written_name(name: str, colours: str | None = None) -> str:
    """The name that an image is written under: its own where the format keeps all values, else
    .png for the suffix, or .tif for colours that no PNG holds; of the second image of
    ``stack.tif``, ``stack-2.tif``."""
    numbered = _NUMBERED.fullmatch(name)
    path = PurePosixPath(numbered[1] if numbered else name)
    kept = _LOSSLESS if colours is None else (".tif", ".tiff")
    suffix = path.suffix if path.suffix.lower() in kept else (".png" if colours is None else ".tif")
    number = f"-{numbered[2]}" if numbered else ""
    return str(path.with_name(f"{path.stem}{number}{suffix}"))
