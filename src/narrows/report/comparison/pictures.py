"""Items as drawings inside a page: pictures out of one PNG file, everything else as curves."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from narrows.pages.embedding import png_address, png_bytes
from narrows.report.figures.item_rows import to_colours
from narrows.support.shapes import is_picture_shape

# A PNG file of at most so many bytes: where pictures take more, they are shown smaller.
MOST_BYTES = 650_000
# Up to so many pixels each way, a pixel is shown as a square.
_PIXELS_SEEN = 96
# A curve is drawn through at most so many of an item's values.
_MOST_VALUES = 256


def drawings_of(
    item_shape: Sequence[int], limits: tuple[float, float], name: str, *, pictures: bool
) -> "Drawings":
    """What draws items of a shape.

    Args:
        item_shape: of one item.
        limits: the values drawn as black and white, or lowest and highest.
        name: letters, of what holds them in the page.
        pictures: whether items are images.
    """
    low, high = limits
    limits = (low, high) if low < high else (low, low + 1)  # all values are the same
    if pictures and is_picture_shape(tuple(item_shape)):
        return Sheet(tuple(item_shape), limits, name)
    return Curves(limits, math.prod(item_shape))


class Sheet:
    """Pictures of one size in one PNG file, each once.

    Each has a frame of one pixel that repeats its edge, so that none shows at another's rim. Where
    the file would be too large, pictures are reduced by a whole factor.
    """

    def __init__(self, item_shape: tuple[int, ...], limits: tuple[float, float], name: str) -> None:
        self._shape, self._limits, self._name = item_shape, limits, name
        self._levels: list[np.ndarray] = []
        self._places: dict[bytes, int] = {}
        self._done: tuple[bytes, int] | None = None  # as they are now

    def draw(self, item: np.ndarray, label: str) -> Markup:
        """A drawing of an item (\\*item_shape) that reads ``label`` to who cannot see it."""
        return Markup(
            '<svg class="item" viewBox="0 0 {} {}" role="img" aria-label="{}">'
            '<use href="#{}-{}"/></svg>'
        ).format(self._shape[1], self._shape[0], label, self._name, self.place(item))

    def place(self, item: np.ndarray) -> int:
        """How a script finds the item: its place in the PNG file."""
        levels = self._grey_levels(item)
        place = self._places.setdefault(levels.tobytes(), len(self._levels))
        if place == len(self._levels):
            self._levels.append(levels)
            self._done = None
        return place

    def _grey_levels(self, item: np.ndarray) -> np.ndarray:
        """The item as uint8 (height, width, channels)."""
        if item.dtype == np.uint8 and self._limits == (0, 255):
            return item.reshape(*item.shape[:2], -1)
        levels = to_colours(item[None], self._limits)[0]
        return levels[..., :1] if self._shape[2:] in ((), (1,)) else levels  # of three alike

    def definition(self) -> Markup:
        """What must stand in the page once, when everything was drawn."""
        if not self._levels:
            return Markup("")
        content, factor = self._reduced()
        height, width = self._cell(factor)
        columns = self._columns
        rows = -(-len(self._levels) // columns)
        uses = Markup("").join(
            Markup('<svg id="{}-{}" width="{}" height="{}" viewBox="{} {} {} {}">{}</svg>').format(
                self._name,
                place,
                self._shape[1],
                self._shape[0],
                place % columns * (width + 2) + 1,
                place // columns * (height + 2) + 1,
                width,
                height,
                Markup('<use href="#{}"/>').format(self._name),
            )
            for place in range(len(self._levels))
        )
        kind = "pixels" if max(self._shape[:2]) <= _PIXELS_SEEN else "smooth"
        return Markup(
            '<svg class="sheet" width="0" height="0" aria-hidden="true"><defs>'
            '<image id="{}" class="{}" width="{}" height="{}" '
            'href="{}"/>{}</defs></svg>'
        ).format(
            self._name,
            kind,
            columns * (width + 2),
            rows * (height + 2),
            png_address(content),
            uses,
        )

    def facts(self) -> dict[str, Any]:
        """What scripts must know to draw the same."""
        factor = self._reduced()[1] if self._levels else 1
        height, width = self._cell(factor)
        return {
            "sheet": self._name,
            "columns": self._columns,
            "height": height,
            "width": width,
            "limits": list(self._limits),
            "reduced": factor,
            "pixels": max(self._shape[:2]) <= _PIXELS_SEEN,
        }

    @property
    def _columns(self) -> int:
        return max(math.ceil(math.sqrt(len(self._levels))), 1)

    def _cell(self, factor: int) -> tuple[int, int]:
        return -(-self._shape[0] // factor), -(-self._shape[1] // factor)

    def _reduced(self) -> tuple[bytes, int]:
        """The PNG file, and how many times smaller each way its pictures are."""
        if self._done is None:
            # Some of the pictures tell about how much all of them take.
            few = self._levels[:: -(-len(self._levels) // 4)]
            guess = len(self._png(few, 1)) / len(few) * len(self._levels)
            factor = max(math.ceil(math.sqrt(guess / MOST_BYTES)), 1)
            content = self._png(self._levels, factor)
            while len(content) > MOST_BYTES and max(self._cell(factor)) > 8:
                # A file of photographs is about as long as it has pixels.
                factor = max(factor + 1, math.floor(factor * math.sqrt(len(content) / MOST_BYTES)))
                content = self._png(self._levels, factor)
            self._done = content, factor
        return self._done

    def _png(self, pictures: Sequence[np.ndarray], factor: int) -> bytes:
        from PIL import Image

        height, width = self._cell(factor)
        channels = pictures[0].shape[2]
        columns = self._columns
        rows = -(-len(pictures) // columns)
        sheet = np.zeros((rows * (height + 2), columns * (width + 2), channels), np.uint8)
        for place, levels in enumerate(pictures):
            if factor > 1:
                smaller = Image.fromarray(levels.squeeze(2) if channels == 1 else levels)
                levels = np.asarray(smaller.reduce(factor)).reshape(height, width, channels)
            top, left = place // columns * (height + 2), place % columns * (width + 2)
            framed = np.pad(levels, ((1, 1), (1, 1), (0, 0)), mode="edge")
            sheet[top : top + height + 2, left : left + width + 2] = framed
        return png_bytes(sheet)


class Curves:
    """Items of any other shape as curves of their values, in the order in which they are stored.

    Attributes:
        one_in: of how many values one is drawn.
    """

    def __init__(self, limits: tuple[float, float], size: int) -> None:
        self._limits = limits
        self.one_in = -(-size // _MOST_VALUES)

    def draw(self, item: np.ndarray, label: str) -> Markup:
        """A drawing of an item (\\*item_shape) that reads ``label`` to who cannot see it."""
        values = self._thinned(item)
        low, high = self._limits
        heights = 2 + 56 * (1 - (values - low) / (high - low))
        across = np.linspace(2, 98, len(values)) if len(values) > 1 else np.array([50.0])
        path = "L".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, heights, strict=True))
        return Markup(
            '<svg class="item curve" viewBox="0 0 100 60" preserveAspectRatio="none" role="img" '
            'aria-label="{}"><path d="M{}{}"/></svg>'
        ).format(label, path, "h0" if len(values) == 1 else "")

    def place(self, item: np.ndarray) -> list[float]:
        """What a script draws the item from: its values, of a long one some."""
        return [float(f"{value:.5g}") for value in self._thinned(item)]

    def definition(self) -> Markup:
        """What must stand in the page once: nothing."""
        return Markup("")

    def facts(self) -> dict[str, Any]:
        """What scripts must know to draw the same."""
        return {"limits": list(self._limits)}

    def _thinned(self, item: np.ndarray) -> np.ndarray:
        values = item.reshape(-1).astype(np.float64)
        low, high = self._limits
        margin = high - low
        return np.clip(values[:: self.one_in], low - margin, high + margin)


#: What draws items, and says to scripts how it did.
Drawings = Sheet | Curves
