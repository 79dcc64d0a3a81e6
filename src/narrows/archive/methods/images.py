"""Lossless formats of images: the items of a block lie side by side on one sheet.

A sheet of n images of height h and width w has c columns, the least number with c² w ≥ n h, but no
more than n, and ceil(n / c) rows, filled row by row, the rest with zeros.
"""

import importlib
import io
import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from narrows.archive.methods.base import Effort, Method

if TYPE_CHECKING:
    from PIL import Image


class ImageMethod(Method):
    """A format that Pillow writes and reads, of 8-bit grey or colour images."""

    filtered = False
    needs = "python -m pip install --upgrade pillow"
    #: Pillow's name of the format.
    format: ClassVar[str]
    #: The most rows or columns of pixels.
    largest_side: ClassVar[int]
    options: ClassVar[dict[Effort, dict[str, Any]]]

    def available(self) -> bool:
        try:
            from PIL import Image
        except ImportError:
            return False
        Image.init()
        return self.format in Image.SAVE and self.format in Image.OPEN

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        """Whether a block is (n, height, width) or (n, height, width, 1, 3 or 4) of uint8."""
        if dtype.name != "uint8" or len(shape) not in (3, 4) or 0 in shape:
            return False
        if shape[3:] not in ((), (1,), (3,), (4,)):
            return False
        rows, columns = sheet_size(shape)
        return max(rows * shape[1], columns * shape[2]) <= self.largest_side

    def encode(self, values: np.ndarray, effort: Effort) -> bytes:
        from PIL import Image

        out = io.BytesIO()
        image = Image.fromarray(sheet(values))
        self.prepared(image).save(out, self.format, **self.options[effort])
        return out.getvalue()

    def decode(self, content: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        from PIL import Image

        if not self.takes(shape, dtype):
            raise ValueError("a block is not of images")
        rows, columns = sheet_size(shape)
        # The size is in the first bytes, and compared before the pixels get memory.
        with Image.open(io.BytesIO(content), formats=(self.format,)) as image:
            if image.size != (columns * shape[2], rows * shape[1]):
                raise ValueError(f"a block is a sheet of {image.size} pixels")
            pixels = np.asarray(self.restored(image, (*shape[3:], 1)[0]))
        return cut_sheet(pixels, shape).astype(dtype, copy=False)

    def prepared(self, image: "Image.Image") -> "Image.Image":
        """The image in a mode that the format holds."""
        return image

    def restored(self, image: "Image.Image", channels: int) -> "Image.Image":
        """The image in the mode that :meth:`encode` was given.

        Raises:
            ValueError: it is of another kind.
        """
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
        if image.mode != mode:
            raise ValueError(f"a block is a sheet of mode {image.mode}")
        return image


class Png(ImageMethod):
    """PNG; 16-bit grey too."""

    name = "png"
    format = "PNG"
    largest_side = 1 << 20
    options: ClassVar = {
        "fast": {"compress_level": 6},
        "normal": {"compress_level": 9},
        "best": {"optimize": True},
    }

    def takes(self, shape: tuple[int, ...], dtype: np.dtype) -> bool:
        if dtype.name == "uint16" and shape[3:] in ((), (1,)):
            return super().takes(shape, np.dtype("uint8"))
        return super().takes(shape, dtype)

    def restored(self, image: "Image.Image", channels: int) -> "Image.Image":
        return image if image.mode == "I;16" else super().restored(image, channels)


class WebP(ImageMethod):
    """Lossless WebP, which holds grey images as colour ones."""

    name = "webp"
    format = "WEBP"
    largest_side = 16_383
    options: ClassVar = {
        "fast": {"lossless": True, "exact": True, "quality": 20, "method": 0},
        "normal": {"lossless": True, "exact": True, "quality": 75, "method": 4},
        "best": {"lossless": True, "exact": True, "quality": 100, "method": 6},
    }

    def prepared(self, image: "Image.Image") -> "Image.Image":
        return image.convert("RGB") if image.mode == "L" else image

    def restored(self, image: "Image.Image", channels: int) -> "Image.Image":
        if channels == 1:
            return image.getchannel(0)
        # A sheet that is opaque everywhere comes back without its alpha channel.
        return image.convert("RGBA") if channels == 4 else super().restored(image, channels)


class JpegXl(ImageMethod):
    """Lossless JPEG XL, with Pillow's plug-in."""

    name = "jpeg-xl"
    needs = "python -m pip install pillow-jxl-plugin"
    format = "JXL"
    largest_side = 1 << 20
    options: ClassVar = {
        "fast": {"lossless": True, "effort": 3},
        "normal": {"lossless": True, "effort": 7},
        "best": {"lossless": True, "effort": 9},
    }

    def available(self) -> bool:
        try:
            importlib.import_module("pillow_jxl")
        except ImportError:
            return False
        return super().available()


def sheet_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of images on the sheet of a block (n, height, width, ...)."""
    count, height, width = shape[:3]
    columns = min(max(math.isqrt(count * height // width), 1), count)
    if columns * columns * width < count * height and columns < count:
        columns += 1
    return -(-count // columns), columns


def sheet(values: np.ndarray) -> np.ndarray:
    """A block (n, height, width[, channels]) as one image (height, width[, 3 or 4])."""
    count, height, width = values.shape[:3]
    channels = values.shape[3:] if values.shape[3:] != (1,) else ()
    rows, columns = sheet_size(values.shape)
    cells = np.zeros((rows * columns, height, width, *channels), values.dtype)
    cells[:count] = values.reshape(count, height, width, *channels)
    grid = cells.reshape(rows, columns, height, width, *channels).swapaxes(1, 2)
    return np.ascontiguousarray(grid).reshape(rows * height, columns * width, *channels)


def cut_sheet(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The block of ``shape`` that :func:`sheet` made ``pixels`` of."""
    count, height, width = shape[:3]
    rows, columns = sheet_size(shape)
    channels = pixels.shape[2:]
    grid = pixels.reshape(rows, height, columns, width, *channels).swapaxes(1, 2)
    return grid.reshape(rows * columns, height, width, *channels)[:count].reshape(shape)
