"""A folder of images of one size, in any format that Pillow decodes."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from narrows.errors import DataError, ShapeError
from narrows.progress import Tracker, silent

if TYPE_CHECKING:
    from PIL import Image

# What each of Pillow's modes is read as. 1-bit images become 8-bit grey ones, as one folder often
# holds both; grey with transparency, which arrays have no custom for, becomes RGBA.
_READ_AS = {
    "1": "L",
    "LA": "RGBA",
    "La": "RGBA",
    "P": "RGB",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
}

# Pillow recognises these, but decodes them only with the help of other programs.
_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})


def read_image_folder(folder: Path, *, track: Tracker = silent) -> np.ndarray:
    """Read the images that lie in ``folder`` itself, sorted by file name.

    A file is an image if its name ends as images' names do; hidden files and all others are passed
    over. Of an animation or a file of many pages, the first counts.

    Returns:
        Grey images as an array of shape (n, height, width), colour as (n, height, width, 3), or
        (n, height, width, 4) with transparency; uint8, or uint16 for 16-bit grey, int32 for
        32-bit grey and float32 for floating-point grey.

    Raises:
        DataError: there is no image, or one is damaged or beyond Pillow's size limit.
        ShapeError: an image differs in size or in colours from the first one.
        OSError: the folder or a file cannot be read.
    """
    paths = image_paths(folder)
    first = read_image(paths[0])
    items = np.empty((len(paths), *first.shape), first.dtype)
    with track(f"reading {folder}", total=len(paths), unit="image") as advance:
        for index, path in enumerate(paths):
            pixels = first if index == 0 else read_image(path)
            _check_alike(path, pixels, paths[0], first)
            items[index] = pixels
            advance(1)
    return items


def image_paths(folder: Path) -> list[Path]:
    """The images that lie in ``folder`` itself, sorted by file name.

    Raises:
        DataError: there is none.
        OSError: the folder cannot be read.
    """
    from PIL import Image

    Image.init()
    suffixes = {
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in _NOT_DECODED
    }
    paths = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    ]
    if not paths:
        raise DataError(
            f"{folder} holds no image",
            hint="images are recognised by their names: .png, .jpg, .tif, .bmp, .webp and so on",
        )
    return sorted(paths, key=lambda path: path.name)


def read_image(path: Path) -> np.ndarray:
    """One image as an array of shape (height, width) or (height, width, channels), of the dtypes
    that :func:`read_image_folder` gives.

    Raises:
        DataError: it is damaged or beyond Pillow's size limit.
        OSError: it cannot be read.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                mode = _mode_to_read(image)
                pixels = np.asarray(image if mode == image.mode else image.convert(mode))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise DataError(
                f"{path} has more than {Image.MAX_IMAGE_PIXELS:,} pixels, the most that are read",
                hint="scale it down, or cut it into tiles",
            ) from error
        except (MemoryError, PermissionError):
            raise
        # Each of Pillow's decoders fails in its own way on a damaged file.
        except Exception as error:
            raise DataError(
                f"{path} cannot be read as an image: it is damaged, or not what its name says",
                hint="replace the file, or move it out of the folder",
            ) from error
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _mode_to_read(image: "Image.Image") -> str:
    if image.mode == "P" and image.has_transparency_data:
        return "RGBA"
    return _READ_AS.get(image.mode, image.mode)


def _check_alike(path: Path, pixels: np.ndarray, first_path: Path, first: np.ndarray) -> None:
    if pixels.shape[:2] != first.shape[:2]:
        raise ShapeError(
            f"{path} is {_size(pixels)} pixels, and {first_path.name} before it {_size(first)}",
            hint="give all images of the folder one size",
        )
    if pixels.shape != first.shape or pixels.dtype != first.dtype:
        raise ShapeError(
            f"{path} is {_kind(pixels)}, and {first_path.name} before it {_kind(first)}",
            hint="save all images of the folder alike, for example as 8-bit grey",
        )


def _size(pixels: np.ndarray) -> str:
    height, width = pixels.shape[:2]
    return f"{width} x {height}"


def _kind(pixels: np.ndarray) -> str:
    colours = "grey" if pixels.ndim == 2 else {3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    return f"{colours} of {pixels.dtype.name}"
