"""One image as it was read, and what is to be said of it."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from narrows.data.image_transforms import apply_orientation
from narrows.errors import DataError
from narrows.support.number_text import count_of

#: Images of one file: more are refused.
MOST_FRAMES = 100_000
#: The number of the EXIF entry that says how an image is to be turned.
ORIENTATION = 0x0112

# Sentences about images, by what was done to them; {n} stands for how many.
REMARKS = {
    "turned": "{n} turned as their EXIF data say",
    "converted": "{n} in CMYK, LAB, YCbCr or HSV converted to RGB, which is not exact",
    "inverted": "{n} with white as 0 read with black as 0",
    "bilevel": "{n} of 1 bit a pixel read as 8-bit grey, 0 and 255",
    "first only": "{n} with previews or layers beside: only the first image of a file is read",
    "reduced": "{n} smaller copies or masks within TIFF files passed over",
}


def remark_notes(remarks: Counter[str]) -> list[str]:
    """What was done to images, in sentences, by how often each remark was made."""
    return [
        REMARKS[remark].format(n=count_of(count, "images"))
        for remark, count in sorted(remarks.items())
    ]


@dataclass(frozen=True)
class Picture:
    """One image.

    Attributes:
        pixels: (height, width) or (height, width, channels), in the machine's byte order.
        orientation: how it is to be turned to be seen, by EXIF's numbers; 1 for not at all.
        colours: what its channels are, where they are neither grey nor RGB: ``CMYK`` and so on.
        remarks: what was done to it, names in :data:`REMARKS`.
    """

    pixels: np.ndarray
    orientation: int = 1
    colours: str | None = None
    remarks: tuple[str, ...] = ()

    def upright(self) -> "Picture":
        """The same turned as it is to be seen."""
        if self.orientation == 1:
            return self
        pixels = apply_orientation(self.pixels, self.orientation)
        return replace(self, pixels=pixels, orientation=1, remarks=(*self.remarks, "turned"))


def exif_orientation(value: Any) -> int:
    """One of EXIF's numbers, 1 for what is none."""
    return value if value in range(1, 9) else 1


def too_large(name: str) -> DataError:
    from PIL import Image

    return DataError(
        f"{name} has more than {Image.MAX_IMAGE_PIXELS:,} pixels, the most that are read",
        hint="scale it down, or cut it into tiles",
    )


def require_few(name: str, count: int) -> None:
    if count > MOST_FRAMES:
        raise DataError(
            f"{name} holds {count:,} images, and {MOST_FRAMES:,} is the limit of one file",
            hint="save them as several files, or as an .npy array",
        )
