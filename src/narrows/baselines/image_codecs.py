"""What formats of images make of a data set: bytes an item, and the error of what they decode to.

=========  ===========================================  =====================================
format     written by                                   settings
=========  ===========================================  =====================================
JPEG       Pillow's libjpeg, its own Huffman tables     quality 1 to 95; colours 4:2:0
WebP       Pillow's libwebp, with the most effort       quality 0 to 90
AVIF       Pillow's libavif, speed 6                    quality 5 to 85; colours 4:2:0
JPEG XL    the plug-in, where it is installed           quality 10 to 95
PNG        Pillow, with the most effort                 lossless
=========  ===========================================  =====================================

Each is measured twice, because small images make headers large: with a file for each item, and with
all items side by side on one sheet, whose bytes are shared among them. Every file is decoded, and
the error is that of the decoded pixels.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from narrows.archive.methods.images import JpegXl, cut_sheet, sheet
from narrows.data.pixels import Pixels, full_range
from narrows.support.chunks import drawn_places
from narrows.support.progress import Tracker, silent
from narrows.support.shapes import is_picture_shape

# What all settings take in about 20 seconds of one core, AVIF most of them.
_MOST_FILES, _MOST_FILE_PIXELS, _MOST_SHEET_PIXELS = 80, 1 << 19, 1 << 19
_STREAM = 0x1A6E  # keeps the draw of the items apart from others of the same seed


@dataclass(frozen=True, kw_only=True)
class ImageCodec:
    """A format of images as Pillow writes it.

    Attributes:
        name: as people call it.
        format: Pillow's name.
        qualities: what is tried, worst first; (None,) where nothing is lost.
        largest_side: the most pixels of a side.
        channels: of the items that it holds.
        options: what Pillow is told besides the quality.
        grey_options: and of grey images.
    """

    name: str
    format: str
    qualities: tuple[int | None, ...]
    largest_side: int
    channels: tuple[int, ...] = (1, 3, 4)
    options: dict[str, Any] = field(default_factory=dict)
    grey_options: dict[str, Any] = field(default_factory=dict)

    def unavailable(self) -> str | None:
        """Why it cannot be written here; None where it can."""
        from PIL import Image

        if self.format == "JXL" and not JpegXl().available():
            return f"it is not installed: {JpegXl.needs}"
        Image.init()
        if self.format in Image.SAVE and self.format in Image.OPEN:
            return None
        return "Pillow was built without it here"

    def refusal(self, picture_shape: tuple[int, ...]) -> str | None:
        """Why it does not hold a picture of this shape; None where it does."""
        height, width, channels = (*picture_shape, 1)[:3]
        if channels not in self.channels:
            return "it has no transparency"
        if max(height, width) > self.largest_side:
            return (
                f"a side has {max(height, width):,} pixels, and {self.largest_side:,} is the most"
            )
        return None

    def encode(self, picture: np.ndarray, quality: int | None) -> bytes:
        """The file of a picture (h, w) or (h, w, 3 or 4) of uint8."""
        from PIL import Image

        options = dict(self.options) if picture.ndim == 3 else {**self.options, **self.grey_options}
        if quality is not None:
            options["quality"] = quality
        out = io.BytesIO()
        Image.fromarray(picture).save(out, self.format, **options)
        return out.getvalue()

    def decode(self, content: bytes, picture_shape: tuple[int, ...]) -> np.ndarray:
        """The picture of ``picture_shape`` that is in a file."""
        from PIL import Image

        mode = {1: "L", 3: "RGB", 4: "RGBA"}[(*picture_shape, 1)[2]]
        with Image.open(io.BytesIO(content), formats=(self.format,)) as image:
            return np.asarray(image.convert(mode))


JPEG = ImageCodec(
    name="JPEG",
    format="JPEG",
    qualities=(1, 3, 5, 8, 12, 18, 25, 35, 50, 75, 95),
    largest_side=65_500,
    channels=(1, 3),
    options={"optimize": True},
)
IMAGE_CODECS = (
    JPEG,
    ImageCodec(
        name="WebP",
        format="WEBP",
        qualities=(0, 5, 10, 20, 30, 40, 55, 70, 90),
        largest_side=16_383,
        options={"method": 6},
    ),
    ImageCodec(
        name="AVIF",
        format="AVIF",
        qualities=(5, 20, 35, 50, 65, 85),
        largest_side=65_536,
        options={"speed": 6},
        grey_options={"subsampling": "4:0:0"},
    ),
    ImageCodec(
        name="JPEG XL",
        format="JXL",
        qualities=(10, 30, 50, 70, 85, 95),
        largest_side=1 << 20,
        options={"effort": 7},
    ),
    ImageCodec(
        name="PNG",
        format="PNG",
        qualities=(None,),
        largest_side=1 << 20,
        options={"optimize": True},
    ),
)


@dataclass(frozen=True, kw_only=True)
class CodecPoint:
    """A format at one setting.

    Attributes:
        codec: its name.
        quality: the setting; None where it is lossless.
        on_sheet: whether all items lie on one sheet; otherwise each has a file.
        item_bytes: of an item, headers included.
        mse: the mean squared error of what is decoded, in the data's own unit squared.
    """

    codec: str
    quality: int | None
    on_sheet: bool
    item_bytes: float
    mse: float


@dataclass(frozen=True, kw_only=True)
class ImageCodecResult:
    """What formats of images make of a data set.

    Attributes:
        points: each format at each setting, one file each and then as a sheet.
        left_out: what was not measured, and why in half a sentence: (``WebP, one sheet``, ``a side
            has …``).
        files: the items that were measured with a file each.
        on_sheet: the items that were measured on one sheet.
    """

    points: tuple[CodecPoint, ...]
    left_out: tuple[tuple[str, str], ...]
    files: int
    on_sheet: int


def no_image_codecs(item_shape: tuple[int, ...], dtype: np.dtype) -> str | None:
    """Why formats of images cannot be measured on such items, in a sentence; None if they can."""
    if not is_picture_shape(item_shape):
        shape = " × ".join(map(str, item_shape)) or "one value"
        return f"Items of {shape} are no pictures, which image formats hold."
    if dtype != np.uint8:
        return (
            f"The items are {dtype.name}, and JPEG, WebP and AVIF are compared for 8-bit pictures "
            "only: others would have to be rounded to 8 bits first, and not all is lost by the "
            "format then."
        )
    return None


def measure_image_codecs(
    items: np.ndarray,
    value_range: tuple[float, float] | None = None,
    *,
    seed: int = 0,
    codecs: Sequence[ImageCodec] = IMAGE_CODECS,
    track: Tracker = silent,
) -> ImageCodecResult:
    """Bytes and errors of formats of images, with a file for each item and on one sheet.

    Measured on items drawn at random: at most 80 with a file each, and as many as make a sheet of
    about half a million pixels. It does not depend on how fast the machine is.

    Args:
        items: pictures for which :func:`no_image_codecs` is None, (n, h, w) or (n, h, w, 1, 3 or
            4) of uint8, at least one.
        value_range: the lowest and the highest level that they can hold, which become 0 and 255.
        seed: of the draw.
        codecs: the formats.
        track: told how far it is.
    """
    pixels = full_range(value_range)
    shape = items.shape[1:3] if items.shape[3:] in ((), (1,)) else items.shape[1:]
    items = items.reshape(len(items), *shape)
    area = shape[0] * shape[1]
    random = np.random.default_rng([seed, _STREAM])
    counts = min(max(_MOST_FILE_PIXELS // area, 1), _MOST_FILES), max(_MOST_SHEET_PIXELS // area, 1)
    files, together = (items[drawn_places(len(items), count, random)] for count in counts)
    points, left_out = list[CodecPoint](), list[tuple[str, str]]()
    ways = [(False, files), (True, together)]
    if len(together) == 1:
        ways.pop()
        left_out.append(("one sheet", "an item is as large as the sheets that are measured"))
    work = sum(len(ways) * len(codec.qualities) for codec in codecs)
    with track("measuring image formats", total=work, unit="settings") as advance:
        for codec in codecs:
            if reason := codec.unavailable():
                left_out.append((codec.name, reason))
                advance(len(ways) * len(codec.qualities))
                continue
            for on_sheet, some in ways:
                name = f"{codec.name}, {'one sheet' if on_sheet else 'one file an item'}"
                if why := codec.refusal(sheet(some if on_sheet else some[:1]).shape):
                    left_out.append((name, why))
                    advance(len(codec.qualities))
                    continue
                for quality in codec.qualities:
                    points.append(measure_setting(codec, quality, some, pixels, on_sheet=on_sheet))
                    advance(1)
    return ImageCodecResult(
        points=tuple(points),
        left_out=tuple(left_out),
        files=len(files),
        on_sheet=len(together),
    )


def measure_setting(
    codec: ImageCodec,
    quality: int | None,
    items: np.ndarray,
    pixels: Pixels,
    *,
    on_sheet: bool,
) -> CodecPoint:
    """A format at one quality, on all of ``items`` (n, h, w[, channels])."""
    size, squares = 0, 0.0
    groups = [items] if on_sheet else [items[place : place + 1] for place in range(len(items))]
    for group in groups:
        picture = sheet(pixels(group))
        content = codec.encode(picture, quality)
        decoded = cut_sheet(codec.decode(content, picture.shape), group.shape)
        # The data are whole numbers, and so is what anybody would make of the pixels.
        difference = np.rint(pixels.values(decoded)) - group
        size += len(content)
        squares += float(np.square(difference).sum())
    return CodecPoint(
        codec=codec.name,
        quality=quality,
        on_sheet=on_sheet,
        item_bytes=size / len(items),
        mse=squares / items.size,
    )
