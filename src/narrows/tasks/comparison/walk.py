"""JPEG opened up on one of the measured items."""

import numpy as np

from narrows.baselines.image_codecs import JPEG
from narrows.baselines.jpeg import SHIFT, open_jpeg
from narrows.data.pixels import full_range
from narrows.report.comparison.result import JpegWalk
from narrows.support.chunks import drawn_places
from narrows.tasks.comparison.gallery import is_eight_bit_picture, label_of
from narrows.tasks.comparison.parts import Parts

#: What the page begins with; the standard's tables are of this quality.
QUALITY = 50
# Of so many items the one in the middle by its variance is opened up.
_LOOKED_AT = 200


def jpeg_walk(parts: Parts, facts: str) -> JpegWalk | None:
    """JPEG's steps on an item that is neither the plainest nor the busiest; None where items are
    no pictures of 8 bits.

    Args:
        facts: what stands below every figure.
    """
    if not is_eight_bit_picture(parts.test):
        return None
    random = np.random.default_rng([parts.seed, _ITEM_STREAM])
    places = drawn_places(len(parts.test), _LOOKED_AT, random)
    some = np.asarray(parts.test.items[places])
    spread = some.reshape(len(some), -1).var(axis=1, dtype=np.float64)
    place = int(places[np.argsort(spread, kind="stable")[len(places) // 2]])
    pixels = full_range(parts.test.value_range)
    item = pixels(np.asarray(parts.test.items[place])[None])[0]
    opened = open_jpeg(item, QUALITY)
    block = opened.block
    rows, columns = (slice(8 * index, 8 * index + 8) for index in block)
    return JpegWalk(
        index=int(parts.places[place]),
        label=label_of(parts, place),
        pixels=opened.pixels,
        quality=QUALITY,
        block=block,
        samples=opened.padded[rows, columns].astype(np.int64) - SHIFT,
        coefficients=opened.frequencies[block],
        table=opened.table,
        rounded=opened.kept[block],
        zeros=opened.zero_share,
        decoded=opened.decoded,
        error=opened.mse,
        file_bytes=len(JPEG.encode(opened.pixels, QUALITY)),
        factor=pixels.factor,
        facts=facts if pixels.factor == 1 else f"{facts}; {pixels.note}",
    )


# Keeps the items that are looked at apart from other draws of the same seed.
_ITEM_STREAM = 0x19E6
