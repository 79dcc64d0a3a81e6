"""Images whose values Pillow would change: read by ``tifffile`` and ``imagecodecs``, which the
extra ``images`` installs, or refused by name."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.data.image_formats import pnm_header
from narrows.data.pictures import ORIENTATION, Picture, exif_orientation, require_few, too_large
from narrows.errors import DataError, NarrowsError

if TYPE_CHECKING:
    from PIL import Image

_INSTALL = "python -m pip install 'narrows[images]'"


def by_tifffile(path: Path, what: str, exact: bool) -> Iterator[Picture | None]:
    """The pages of a TIFF file that Pillow does not read as they are."""
    from PIL import Image

    tifffile = _decoder("tifffile", path, what)
    with tifffile.TiffFile(path) as tiff:
        count = len(tiff.pages)
        require_few(str(path), count)
        if tiff.is_imagej and int((tiff.imagej_metadata or {}).get("images", 1)) > count:
            raise _refused(path, what)
        for page in tiff.pages:
            if count > 1 and int(page.subfiletype) & 5:
                yield None
                continue
            most = Image.MAX_IMAGE_PIXELS
            if most is not None and page.imagewidth * page.imagelength > most:
                raise too_large(str(path))
            yield _tifffile_page(page, path, exact)


def _tifffile_page(page: Any, path: Path, exact: bool) -> Picture:
    try:
        pixels = page.asarray()
    except ValueError as error:
        if "imagecodecs" in str(error):
            _decoder("imagecodecs", path, f"a TIFF image packed with {page.compression.name}")
        raise
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, 2)
    elif page.axes not in ("YX", "YXS"):
        raise _refused(path, f"a TIFF page with the axes {page.axes}")
    shown, extra = page.photometric.name, tuple(int(each) for each in page.extrasamples)
    remarks: tuple[str, ...] = ()
    colours = None
    if pixels.dtype.kind == "b":
        pixels, remarks = pixels.astype(np.uint8) * np.uint8(255), ("bilevel",)
    if shown == "MINISWHITE" and pixels.ndim == 2 and pixels.dtype.kind == "u":
        pixels, remarks = np.iinfo(pixels.dtype).max - pixels, (*remarks, "inverted")
    elif shown == "SEPARATED" and exact and pixels.shape[2:] == (4,):
        colours = "CMYK"
    elif shown not in ("MINISBLACK", "RGB"):
        raise _refused(path, f"a TIFF page of {pixels.dtype.name} in {shown}")
    if extra and extra != (2,) and shown == "RGB":
        raise _refused(path, "a TIFF page of RGB with channels that are no plain transparency")
    tag = page.tags.get(ORIENTATION)
    orientation = exif_orientation(None if tag is None else int(tag.value))
    pixels = _channels(pixels) if shown != "MINISBLACK" or extra == (2,) else pixels
    pixels = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))
    return Picture(pixels, orientation, colours, remarks)


def _refused(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} is {what}, which narrows does not read without changing its values",
        hint="save it as grey or RGB, or its values as .npy",
    )


def by_imagecodecs(image: "Image.Image", path: Path, front: bytes, what: str) -> Picture:
    """A file of more than 8 bits a value whose Pillow image has 8."""
    names = {"PNG": "png_decode", "JPEG2000": "jpeg2k_decode", "AVIF": "avif_decode"}
    decoder = names.get(image.format or "")
    if int(getattr(image, "n_frames", 1)) > 1:
        raise _refused(path, f"an animation in {what}")
    upright = exif_orientation(image.getexif().get(ORIENTATION))
    if image.format == "PPM":
        return Picture(_pnm_values(path, front, what), upright)
    if decoder is None:
        raise _refused(path, what)
    codecs = _decoder("imagecodecs", path, what)
    pixels = _channels(getattr(codecs, decoder)(path.read_bytes()))
    if pixels.shape[1::-1] != image.size:
        raise ValueError("it has two sizes")
    return Picture(pixels, upright)


def _pnm_values(path: Path, front: bytes, what: str) -> np.ndarray:
    """A binary .pgm or .ppm, whose values Pillow would spread over 8 or 16 bits."""
    header = pnm_header(front)
    if header is None or header[0] not in (b"P5", b"P6") or not 0 < header[1][2] < 1 << 16:
        raise _refused(path, what)
    (width, height, most), place = header[1], header[2]
    channels = (3,) if header[0] == b"P6" else ()
    shape = (height, width, *channels)
    dtype = np.dtype("u1" if most < 256 else ">u2")
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    with path.open("rb") as stream:
        stream.seek(place)
        content = stream.read(size)
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _channels(pixels: np.ndarray) -> np.ndarray:
    """Grey with transparency as RGB with transparency, as everywhere; a single channel as none."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        return pixels[..., 0]
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        return np.ascontiguousarray(pixels[..., [0, 0, 0, 1]])
    return pixels


def _decoder(name: str, path: Path, what: str) -> Any:
    problem = f"{path} is {what}, which Pillow does not read without changing its values"
    return library(name, problem, "reads it")


def library(name: str, problem: str, hint: str, error: type[NarrowsError] = DataError) -> Any:
    """A package of the extra ``images``.

    Raises:
        DataError, or the ``error`` that is named: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        raise error(problem, hint=f"{_INSTALL} {hint}") from missing
