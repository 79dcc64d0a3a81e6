"""Values of any type as the pixels of image files, which are whole numbers from 0 on.

By one rule, which is told: truth values become 0 and 255; shares of 1 are multiplied by 255; whole
numbers that 8 or 16 bits hold stay what they are; of others the range of the training data becomes
0 to 65,535 where they are grey, and 0 to 255 where they have channels.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from narrows.support.shapes import is_picture_shape

_EIGHT, _SIXTEEN = 255.0, 65535.0


def is_folder_of_images(path: str | os.PathLike[str]) -> bool:
    """Whether results that go to ``path`` become a folder of images: it has no suffix, or a /."""
    return not Path(path).suffix or os.fspath(path).endswith(("/", os.sep))


@dataclass(frozen=True)
class Pixels:
    """How values become pixels: (value - offset) * factor, rounded and clipped.

    Attributes:
        dtype: ``uint8`` or ``uint16``.
        note: the rule in a sentence.
    """

    dtype: str
    offset: float
    factor: float
    note: str

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The pixels of some values, of their shape."""
        wide = (values.astype(np.float64) - self.offset) * self.factor
        return np.rint(np.clip(wide, 0, np.iinfo(self.dtype).max)).astype(self.dtype)

    def values(self, pixels: np.ndarray) -> np.ndarray:
        """The values that some pixels stand for, float64, in the data's own unit."""
        return pixels / self.factor + self.offset


def full_range(value_range: tuple[float, float] | None) -> Pixels:
    """Levels in 8 bits as pixels that fill 0 to 255, which formats that lose something are made
    for: levels of 0 to 16 are spread, and those of 0 to 255 stay what they are.

    Args:
        value_range: the lowest and the highest level that the data can hold; None for 0 and 255.
    """
    low, high = value_range or (0.0, _EIGHT)
    note = "values are pixels"
    if (low, high) != (0.0, _EIGHT):
        note = f"values from {low:g} to {high:g} are pixels from 0 to 255"
    return Pixels("uint8", low, _EIGHT / (high - low) if high > low else 1.0, note)


def pixels_of(
    item_shape: tuple[int, ...],
    dtype: np.dtype | str,
    extent: tuple[float, float] | None,
    whole: bool = False,
) -> Pixels | None:
    """The rule for data; None where they are pixels already, are no images, or nobody knows their
    range.

    Args:
        extent: the lowest and the highest value of the data.
        whole: whether all of them are whole numbers.
    """
    dtype = np.dtype(dtype)
    if not is_picture_shape(item_shape) or dtype.name in ("uint8", "uint16"):
        return None
    if dtype.kind == "b":
        return Pixels("uint8", 0.0, _EIGHT, "truth values are written as pixels of 0 and 255")
    if extent is None:
        return None
    low, high = extent
    for name, most in (("uint8", _EIGHT), ("uint16", _SIXTEEN)):
        if (whole or dtype.kind != "f") and low >= 0 and 1 < high <= most:
            bits = np.dtype(name).itemsize * 8
            return Pixels(name, 0.0, 1.0, f"values are written as pixels of {bits} bits, rounded")
    if low >= 0 and high <= 1:
        note = "values from 0 to 1 are written as pixels from 0 to 255"
        return Pixels("uint8", 0.0, _EIGHT, note)
    name, most = ("uint16", _SIXTEEN) if item_shape[2:] in ((), (1,)) else ("uint8", _EIGHT)
    width = high - low if high > low else 1.0
    return Pixels(
        name, low, most / width,
        f"values from {low:g} to {high:g}, the range of the training data, are written as pixels "
        f"from 0 to {most:,.0f}",
    )  # fmt: skip
