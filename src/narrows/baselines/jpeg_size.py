"""JPEG of as many bytes: the best quality at which one item fits in a budget.

Of a small picture most of a JPEG file is its header (quantisation and Huffman tables, sizes): over
300 bytes of a blank one. So the budget is held against two sizes:

- **counted**: the whole file, with Huffman tables made for this picture, which is what a file
  costs;
- **not counted**: the entropy-coded data alone, with the standard's own Huffman tables, which is
  what an item costs where many share one header.
"""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from narrows.baselines.image_codecs import JPEG
from narrows.data.pixels import Pixels, full_range

_QUALITIES = range(1, 101)
# Pictures of up to so many pixels are tried at all qualities; of larger ones the size is taken to
# rise with the quality, but for a few qualities beside the one found.
_ALL_UP_TO, _BESIDE = 1 << 16, 4

# JPEG with the standard's Huffman tables, which a decoder may know beforehand.
_STANDARD = replace(JPEG, options={})
_SCAN, _END = b"\xff\xda", b"\xff\xd9"


@dataclass(frozen=True, kw_only=True)
class JpegFile:
    """One item as a JPEG file.

    Attributes:
        quality: from 1 to 100.
        file_bytes: of the whole file.
        data_bytes: of the entropy-coded data in it, without the headers.
        decoded: the item that comes back, of its shape and dtype.
        mse: its mean squared error, in the data's own unit squared.
    """

    quality: int
    file_bytes: int
    data_bytes: int
    decoded: np.ndarray
    mse: float


@dataclass(frozen=True, kw_only=True)
class JpegAtBytes:
    """What JPEG makes of one item within a budget.

    Attributes:
        counted: the best quality whose file is within it; None where no file is.
        not_counted: the best quality whose entropy-coded data are; None where none are.
        smallest: the file of quality 1.
    """

    counted: JpegFile | None
    not_counted: JpegFile | None
    smallest: JpegFile


def jpeg_at_bytes(
    item: np.ndarray, budget: float, value_range: tuple[float, float] | None = None
) -> JpegAtBytes:
    """JPEG of one item at the best quality that fits in ``budget`` bytes, headers counted and not.

    Args:
        item: (h, w) or (h, w, 1 or 3), uint8.
        budget: bytes.
        value_range: the lowest and the highest level that it can hold, which become 0 and 255.
    """
    made = _Maker(item, full_range(value_range))
    return JpegAtBytes(
        counted=made.best(budget, counted=True),
        not_counted=made.best(budget, counted=False),
        smallest=made.file(min(_QUALITIES), counted=True),
    )


def data_bytes(content: bytes) -> int:
    """How many bytes of a JPEG file of one scan are entropy-coded data (ITU-T T.81, B.1.1.2).

    Raises:
        ValueError: it is no such file.
    """
    place = 2
    while content[place : place + 2] != _SCAN:
        if content[place : place + 1] != b"\xff":
            raise ValueError("no marker where one must be")
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    if not content.endswith(_END):
        raise ValueError("it does not end as it must")
    return len(content) - len(_END) - place


class _Maker:
    """One item as JPEG files of any quality."""

    def __init__(self, item: np.ndarray, pixels: Pixels) -> None:
        self._item, self._rule = item, pixels
        picture = item.reshape(item.shape[:2]) if item.shape[2:] == (1,) else item
        self._picture = pixels(picture)
        self._contents: dict[tuple[int, bool], bytes] = {}

    def best(self, budget: float, *, counted: bool) -> JpegFile | None:
        """The file of the highest quality that fits."""
        if self._picture.size <= _ALL_UP_TO:
            tried: Iterable[int] = _QUALITIES
        else:
            above = bisect.bisect_right(
                _QUALITIES, budget, key=lambda quality: self._size(quality, counted)
            )
            tried = _QUALITIES[max(above - _BESIDE, 0) : above + _BESIDE]
        fitting = [quality for quality in tried if self._size(quality, counted) <= budget]
        return self.file(max(fitting), counted=counted) if fitting else None

    def file(self, quality: int, *, counted: bool) -> JpegFile:
        content = self._content(quality, counted)
        decoded = JPEG.decode(content, self._picture.shape).reshape(self._item.shape)
        values = np.rint(self._rule.values(decoded))
        return JpegFile(
            quality=quality,
            file_bytes=len(content),
            data_bytes=data_bytes(content),
            decoded=values.astype(self._item.dtype),
            mse=float(np.square(values - self._item).mean()),
        )

    def _size(self, quality: int, counted: bool) -> int:
        content = self._content(quality, counted)
        return len(content) if counted else data_bytes(content)

    def _content(self, quality: int, counted: bool) -> bytes:
        key = quality, counted
        if key not in self._contents:
            self._contents[key] = (JPEG if counted else _STANDARD).encode(self._picture, quality)
        return self._contents[key]
