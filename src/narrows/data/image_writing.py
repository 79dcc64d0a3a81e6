"""One image to one file, of exactly its values."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from narrows.data.image_extras import library
from narrows.data.pictures import ORIENTATION
from narrows.errors import UsageError
from narrows.support.shapes import is_image_shape

_FORMATS = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"}


def write_image(
    path: Path, pixels: np.ndarray, *, orientation: int = 1, colours: str | None = None
) -> None:
    """Write ``pixels`` as the kind of file that the suffix of ``path`` names: .png, .tif or .bmp.

    Args:
        path: the file.
        pixels: (height, width) or (height, width, channels).
        orientation: how it is to be turned to be seen, by EXIF's numbers.
        colours: what its channels are, where they are neither grey nor RGB: ``CMYK`` and so on.

    Raises:
        UsageError: such a file does not hold such values, or not without the extra ``images``.
        OSError: it cannot be written.
    """
    if pixels.shape[2:] == (1,):
        pixels = pixels[..., 0]
    if _takes_pillow(path, pixels, colours):
        _by_pillow(path, pixels, orientation, colours)
    elif path.suffix.lower() in (".tif", ".tiff") and colours in (None, "CMYK"):
        _by_tifffile(path, pixels, orientation, colours)
    elif path.suffix.lower() == ".png" and _is_deep_colour(pixels) and colours is None:
        content = _encoder("imagecodecs", path, pixels).png_encode(pixels)
        path.write_bytes(_with_orientation(content, orientation))
    else:
        raise _cannot_hold(path, pixels)


def _takes_pillow(path: Path, pixels: np.ndarray, colours: str | None) -> bool:
    suffix, channels, dtype = path.suffix.lower(), pixels.shape[2:], pixels.dtype.name
    if not is_image_shape(pixels.shape):
        return False
    if suffix in (".tif", ".tiff"):
        if colours is not None:
            return dtype == "uint8"
        grey = ("uint8", "uint16", "int32", "float32")
        return dtype in grey if channels == () else dtype == "uint8" and channels in ((3,), (4,))
    if colours is not None:
        return False
    if suffix == ".bmp":
        return dtype == "uint8" and channels in ((), (3,))
    return (dtype, channels) == ("uint16", ()) or (
        dtype == "uint8" and channels in ((), (3,), (4,))
    )


def _by_pillow(path: Path, pixels: np.ndarray, orientation: int, colours: str | None) -> None:
    from PIL import Image

    pixels = np.ascontiguousarray(pixels)
    if colours is None:
        image = Image.fromarray(pixels)
    else:
        image = Image.frombytes(colours, pixels.shape[1::-1], pixels.tobytes())
    more: dict[str, Any] = {}
    if orientation != 1 and path.suffix.lower() != ".bmp":
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        more["exif"] = exif
    # Named: older Pillow looks for the suffix where a link leads to.
    image.save(path, _FORMATS.get(path.suffix.lower()), **more)


def _by_tifffile(path: Path, pixels: np.ndarray, orientation: int, colours: str | None) -> None:
    tifffile = _encoder("tifffile", path, pixels)
    channels = pixels.shape[2:]
    options: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
    if channels in ((3,), (4,)):
        options["photometric"] = "separated" if colours else "rgb"
        options["planarconfig"] = "contig"
    elif channels:
        options["planarconfig"] = "contig"
    if channels == (4,) and not colours:
        options["extrasamples"] = ["unassalpha"]
    if orientation != 1:
        options["extratags"] = [(ORIENTATION, "H", 1, orientation, True)]
    try:
        tifffile.imwrite(path, pixels, **options)
    except ValueError as error:
        raise _cannot_hold(path, pixels) from error


def _is_deep_colour(pixels: np.ndarray) -> bool:
    return pixels.dtype == np.uint16 and pixels.shape[2:] in ((3,), (4,))


def _with_orientation(png: bytes, orientation: int) -> bytes:
    """A PNG file with EXIF data of one entry, behind its first chunk."""
    if orientation == 1:
        return png
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)
    chunk = b"eXIf" + exif
    framed = struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:33] + framed + png[33:]


def _encoder(name: str, path: Path, pixels: np.ndarray) -> Any:
    problem = (
        f"{path.name} is to hold {pixels.dtype.name} values of shape {pixels.shape}, which Pillow "
        "does not write"
    )
    return library(name, problem, "writes it; or write them to .npy or .npz", UsageError)


def _cannot_hold(path: Path, pixels: np.ndarray) -> UsageError:
    return UsageError(
        f"{path.name} cannot hold a {pixels.dtype.name} image of shape {pixels.shape}",
        hint="write it to .npy or .npz",
    )
