"""One image file, or a Pillow image, as arrays that hold exactly the values of the file.

What Pillow reads as it is comes from Pillow; what it would narrow (:mod:`.image_formats`), from
:mod:`.image_extras`.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from narrows.data.image_extras import by_imagecodecs, by_tifffile
from narrows.data.image_files import COLOURS
from narrows.data.image_formats import (
    FRONT_BYTES,
    TIFF_STARTS,
    beyond_pillow,
    tiff_beyond_pillow,
)
from narrows.data.image_transforms import apply_orientation
from narrows.data.pictures import (
    ORIENTATION,
    Picture,
    exif_orientation,
    require_few,
    too_large,
)
from narrows.errors import DataError
from narrows.support.inputs import Input
from narrows.support.spelling import spelt

if TYPE_CHECKING:
    from PIL import Image

#: Names of images that only other programs decode: refused by name, not passed over.
NOT_READ = {
    ".exr": "OpenEXR",
    ".hdr": "Radiance HDR",
    ".heic": "HEIC",
    ".heif": "HEIF",
    ".jxl": "JPEG XL",
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"), "raw camera"),
}

# Pillow recognises these, but decodes them only with the help of other programs.
_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})

# The formats of which every frame is an image: pages and animations. Of others that hold several,
# a photograph with its preview, one picture in several sizes, layers, the first is the image.
_SEQUENCES = frozenset({"TIFF", "GIF", "PNG", "WEBP", "AVIF", "DCX", "FLI", "SPIDER"})
# A file of no more bytes is read at once: what decoders ask for piece by piece is in memory then.
_SMALL = 1 << 20
# Where Pillow finds out how an image is to be turned, TIFF aside.
_TELLS_ORIENTATION = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")


def image_suffixes() -> frozenset[str]:
    """What the names of images end in, in small letters: ``.png``."""
    from PIL import Image

    # Each format is tried in the order of its loading: the common ones first, as Pillow has it.
    Image.preinit()
    Image.init()
    decoded = (
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in _NOT_DECODED
    )
    return frozenset((*NOT_READ, *decoded))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What Pillow warns of is not said, and too many pixels are an error. Warnings are the whole
    process's: whoever hands out work to threads enters this, once, around all of it."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def read_pictures(
    path: Path, *, exact: bool = False, file: Input | None = None
) -> Iterator[Picture]:
    """The images of one file: one, or all pages of a TIFF file and all frames of an animation.
    Within :func:`quiet`.

    Args:
        path: the file.
        exact: the values as they are in the file, turned by nothing; otherwise upright, and in
            grey or RGB whatever the file's colours are.
        file: what it was when it was first looked at; None for now.

    Raises:
        DataError: it is damaged, beyond Pillow's size limit, of a kind that cannot be read without
            changing its values, or changed while it was read.
        OSError: it cannot be read.
    """
    file = Input(path) if file is None else file
    pictures = _explained(str(path), lambda: _of_file(path, exact, file.size))
    pictures = _unchanged(file, pictures)
    return pictures if exact else (each.upright() for each in pictures)


def _unchanged(file: Input, pictures: Iterator[Picture]) -> Iterator[Picture]:
    """The images of a file as long as it is the same."""
    try:
        for picture in pictures:
            file.require_same()
            yield picture
    except Exception as error:
        file.require_same(error)
        raise


def holds_several(path: Path) -> bool:
    """Whether a file may hold more than one image, going by its front alone."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.format in _SEQUENCES and int(getattr(image, "n_frames", 1)) > 1
    # Reading it will say what is wrong.
    except Exception:
        return path.suffix.lower() in (".tif", ".tiff")


def pictures_of(image: "Image.Image", name: str, *, exact: bool = False) -> Iterator[Picture]:
    """The same of a Pillow image: one that was opened and not changed is read as its file is.

    Raises:
        DataError: Pillow narrowed its values when it loaded it.
    """
    pictures = _explained(name, lambda: _of_image(image, name, exact))
    return pictures if exact else (each.upright() for each in pictures)


def _explained(name: str, read: Callable[[], Iterator[Picture]]) -> Iterator[Picture]:
    """Turn what decoders raise into what a user can act on."""
    from PIL import Image

    try:
        found = False
        for picture in read():
            found = True
            yield picture
        if not found:
            raise ValueError("it holds no image")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_large(name) from error
    except (DataError, MemoryError, PermissionError, GeneratorExit):
        raise
    # Each decoder fails in its own way on a damaged file.
    except Exception as error:
        raise DataError(
            f"{name} cannot be read as an image: it is damaged, or not what its name says",
            hint="replace the file, move it out of the folder, or leave out what cannot be "
            f"read with {spelt('skip_damaged', True)}",
        ) from error


def _of_file(path: Path, exact: bool, size: int) -> Iterator[Picture]:
    from PIL import Image, UnidentifiedImageError

    suffix = path.suffix.lower()
    if suffix in NOT_READ:
        raise DataError(
            f"{path} is an image in a {NOT_READ[suffix]} format, which narrows does not read",
            hint="convert it, for example to TIFF, or leave it out with "
            f"{spelt('skip_damaged', True)}",
        )
    # Given a path, Pillow maps the file, and mixes up rows and columns of TIFF images to be turned.
    with _opened(path, size) as stream:
        front = stream.read(FRONT_BYTES)
        stream.seek(0)
        try:
            image = Image.open(stream)
        except UnidentifiedImageError:
            if front[:4] not in TIFF_STARTS:
                raise
            image = None
        if image is not None:
            yield from _of_opened(image, path, front, exact)
            return
    what = "a TIFF image of a kind that Pillow does not read, or damaged"
    yield from _counted(by_tifffile(path, what, exact))


def _opened(path: Path, size: int) -> IO[bytes]:
    """A file of so many bytes to read from; a small one is in memory already, and closed."""
    file = io.FileIO(path)
    if not 0 < size <= _SMALL:
        return io.BufferedReader(file, 4 * FRONT_BYTES)
    with file:
        content = file.read(size)
        return io.BytesIO(content if len(content) == size else content + file.readall())


def _of_opened(image: "Image.Image", path: Path, front: bytes, exact: bool) -> Iterator[Picture]:
    """The images of a file that Pillow has opened and not decoded yet."""
    if image.format == "TIFF":
        beyond = _tiff_pages_beyond(image)
        if beyond is not None:
            yield from _counted(by_tifffile(path, beyond, exact))
            return
    beyond = beyond_pillow(image.format, front)
    if beyond is not None:
        yield by_imagecodecs(image, path, front, beyond)
        return
    yield from _counted(_by_pillow(image, str(path), exact))


def _by_pillow(image: "Image.Image", name: str, exact: bool) -> Iterator[Picture | None]:
    """Its images, and None for what is passed over."""
    count = int(getattr(image, "n_frames", 1))
    if count > 1 and image.format not in _SEQUENCES:
        picture = _picture(image, name, exact)
        yield replace(picture, remarks=(*picture.remarks, "first only"))
        return
    require_few(name, count)
    transparent = count > 1 and image.format != "TIFF" and _any_transparent(image, count)
    for number in range(count):
        if count > 1:
            image.seek(number)
        if image.format == "TIFF" and count > 1 and _is_reduced(image):
            yield None
            continue
        picture = _picture(image, name, exact)
        if transparent and picture.pixels.shape[2:] == (3,):
            # Frames that cover all of an animation are opaque, and of its kind all the same.
            whole = np.full((*picture.pixels.shape[:2], 1), 255, picture.pixels.dtype)
            picture = replace(picture, pixels=np.concatenate([picture.pixels, whole], axis=2))
        yield picture


def _counted(pictures: Iterator[Picture | None]) -> Iterator[Picture]:
    """Those of a file without the ones that are passed over, which the last is told of."""
    held, skipped = None, 0
    for picture in pictures:
        if picture is None:
            skipped += 1
            continue
        if held is not None:
            yield held
        held = picture
    if held is not None:
        yield replace(held, remarks=(*held.remarks, *["reduced"] * skipped)) if skipped else held


def _any_transparent(image: "Image.Image", count: int) -> bool:
    found = False
    for number in range(count):
        image.seek(number)
        found = found or image.has_transparency_data
    image.seek(0)
    return found


def _is_reduced(image: Any) -> bool:
    """Whether the page of a TIFF file is a smaller copy of another, or a mask."""
    return bool(int(image.tag_v2.get(254, 0)) & 5)


def _picture(image: "Image.Image", name: str, exact: bool) -> Picture:
    """The frame that a Pillow image stands at."""
    depth = _grey_depth(image)  # looking for EXIF data may decode it
    upright = _orientation(image)
    pixels, colours, remarks = _pillow_values(image, name, exact, depth)
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if image.format == "TIFF" and upright != 1:
        # Pillow turns TIFF images, and only these, when it loads them.
        pixels = apply_orientation(pixels, {6: 8, 8: 6}.get(upright, upright))
    return Picture(pixels, upright, colours, remarks)


def _orientation(image: "Image.Image") -> int:
    if image.format == "PNG":
        image.load()  # it may be told behind the pixels
    if image.format != "TIFF" and not any(key in image.info for key in _TELLS_ORIENTATION):
        return 1
    return exif_orientation(image.getexif().get(ORIENTATION))


def _pillow_values(
    image: "Image.Image", name: str, exact: bool, depth: int
) -> tuple[np.ndarray, str | None, tuple[str, ...]]:
    """The values of a Pillow image, what its colours are, and what was done to them."""
    mode, clear = image.mode, image.info.get("transparency") is not None
    if mode == "P":
        return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB")), None, ()
    if mode in COLOURS:  # which arrays for learning have as RGB, and archives as they are
        if exact:
            return np.asarray(image), mode, ()
        return np.asarray(image.convert("RGB")), None, ("converted",)
    if mode in ("RGBa", "La", "RGBX"):
        raise DataError(
            f"{name} is an image of mode {mode}, whose fourth channel is no transparency of its own"
            if mode == "RGBX"
            else f"{name} is an image of mode {mode}, whose colours are multiplied by transparency",
            hint="convert it first: image.convert('RGBA')",
        )
    if mode == "1":
        pixels = np.asarray(image.convert("L"))
        pixels = _with_clear(pixels, image.info["transparency"]) if clear else pixels
        inverted = image.format == "TIFF" and image.tag_v2.get(262) == 0  # type: ignore[attr-defined]
        return pixels, None, ("bilevel", "inverted") if inverted else ("bilevel",)
    if mode in ("LA", "PA"):
        return np.asarray(image.convert("RGBA")), None, ()
    pixels = np.asarray(image)
    if clear and mode in ("L", "RGB", "I;16"):
        key = image.info["transparency"]
        key = key * 255 // ((1 << depth) - 1) if mode == "L" else key
        return _with_clear(pixels, key), None, ()
    if mode in ("L", "I;16", "I;16B", "I") and image.format == "TIFF":
        return _tiff_values(pixels, image)
    if mode not in ("L", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"):
        raise DataError(
            f"{name} is an image of Pillow's mode {mode}, which narrows does not read",
            hint="convert it first, for example to RGB",
        )
    return pixels, None, ()


def _grey_depth(image: Any) -> int:
    """The bits of a grey PNG's values, in which it gives the transparent one: Pillow spreads the
    pixels over 0 to 255, and this not. Of an image that is not decoded yet."""
    raw = str(image.tile[0][3]) if getattr(image, "tile", None) else ""
    return int(raw[2:]) if image.format == "PNG" and raw in ("L;2", "L;4") else 8


def _with_clear(pixels: np.ndarray, key: Any) -> np.ndarray:
    """Grey or RGB with one transparent colour, as RGB and transparency."""
    colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    equal = (pixels == np.asarray(key, pixels.dtype)).reshape(*pixels.shape[:2], -1).all(axis=2)
    most = np.iinfo(pixels.dtype).max
    opaque = np.where(equal, 0, most).astype(pixels.dtype)
    return np.concatenate([colours, opaque[..., None]], axis=2)


def _tiff_values(pixels: np.ndarray, image: Any) -> tuple[np.ndarray, str | None, tuple[str, ...]]:
    """Grey pixels of a TIFF page in the type that the file says, for which Pillow has no mode."""
    tags = image.tag_v2
    depth, form = max(tags.get(258, (1,))), max(tags.get(339, (1,)))
    if (form, depth) == (2, 8):
        pixels = pixels.view(np.int8)
    elif (form, depth) == (2, 16):
        pixels = pixels.astype(np.int16)
    elif (form, depth) == (1, 32):
        pixels = pixels.view(np.uint32)
    if tags.get(262) != 0:
        return pixels, None, ()
    # Pillow inverts 8-bit values itself, and others not.
    return (pixels if depth <= 8 else ~pixels), None, ("inverted",)


def _tiff_pages_beyond(image: Any) -> str | None:
    """What the first page is that Pillow would not read as it is; None where there is none."""
    count = int(image.n_frames)
    require_few("the file", count)
    stated = _imagej_count(image)
    if stated > count:
        return f"ImageJ stack of {stated:,} images with {count} of them listed"
    for number in range(count):
        try:
            image.seek(number)
        except (OSError, SyntaxError, ValueError, KeyError):
            return "TIFF with pages of a kind that Pillow does not read, or damaged"
        beyond = None if _is_reduced(image) and count > 1 else tiff_beyond_pillow(image)
        if beyond is not None:
            return f"a TIFF image ({beyond})"
    image.seek(0)
    return None


def _imagej_count(image: Any) -> int:
    """How many images the description of ImageJ promises: large stacks list only the first."""
    text = str(image.tag_v2.get(270, ""))
    lines = text.split("\n") if text.startswith("ImageJ=") else []
    counts = [line[7:] for line in lines if line.startswith("images=") and line[7:].isdecimal()]
    return int(counts[0]) if counts and len(counts[0]) < 12 else 1


def _of_image(image: Any, name: str, exact: bool) -> Iterator[Picture]:
    """A Pillow image: through its file where it is as it was opened, else what it holds."""
    from PIL import Image, ImageFile

    opened = isinstance(image, ImageFile.ImageFile)
    filename = image.filename if opened else ""
    source = Path(filename) if filename else None
    front = b""
    if source is not None and source.is_file():
        with source.open("rb") as stream:
            front = stream.read(FRONT_BYTES)
            stream.seek(0)
            if image.tell() == 0 and _is_unloaded(image):
                again = Image.open(stream)
                if (again.format, again.size, again.mode) == (image.format, image.size, image.mode):
                    yield from _of_opened(again, source, front, exact)
                    return
    elif opened and _is_unloaded(image) and image.fp is not None:
        place = image.fp.tell()
        image.fp.seek(0)
        front = image.fp.read(FRONT_BYTES)
        image.fp.seek(place)
    narrowed = tiff_beyond_pillow(image) if opened and image.format == "TIFF" else None
    if opened and front:
        narrowed = narrowed or beyond_pillow(image.format, front)
    if narrowed is not None:
        raise DataError(
            f"{name} is {narrowed} in its file, and Pillow narrows it when it is loaded",
            hint="give the image as Image.open gives it for a path, or the folder it lies in",
        )
    yield _picture(image, name, exact)


def _is_unloaded(image: Any) -> bool:
    """Whether an opened image has not been decoded yet, and so not been changed."""
    return getattr(image, "_im", image) is None
