"""What a comparison's page draws of items: gallery, features, latent space, JPEG, denoising.

Each view is what its part of the template shows, and, under the same name in the page's data, what
its script needs.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from narrows.baselines.jpeg import BASE_TABLE, open_jpeg, restored
from narrows.pages.embedding import floats_text, png_address, png_bytes
from narrows.pages.tables import even_decimals, is_plain_number
from narrows.report.comparison.pictures import Drawings
from narrows.report.comparison.plots import is_coloured
from narrows.report.comparison.result import (
    DenoisingPart,
    Features,
    Gallery,
    GalleryItem,
    JpegWalk,
    LatentSpace,
)
from narrows.report.comparison.wording import pixels_error
from narrows.support.number_text import three_digits
from narrows.support.text_tables import cut_to

_GROUPS = {
    "best": "Where the error is smallest",
    "median": "In the middle",
    "worst": "Where it is largest",
}
# Latent numbers that are drawn at once; the others are folded away.
FEATURES_SHOWN = 10
# Letters of a row's cell that are shown, and digits of a number.
_LONGEST, _DIGITS = 60, 6
# JPEG is opened up on at most so many pixels each way.
MOST_SIDE = 384


def gallery_view(part: Gallery, drawings: Drawings, unit: str) -> tuple[list[Any], dict[str, Any]]:
    """Groups of items, best first; for the script, where each picture is and what to say of it."""
    groups: list[Any] = []
    items: list[Any] = []
    for rank, heading in _GROUPS.items():
        members = [item for item in part.items if item.rank == rank]
        columns = []
        for item in members:
            columns.append(
                {
                    "number": len(items),
                    "title": f"Item {title_of(item)}",
                    "pictures": [
                        drawings.draw(values, f"{name}{note}")
                        for name, note, values in _versions(item)
                    ],
                }
            )
            items.append(
                {
                    "title": f"Item {title_of(item)}, {heading[0].lower()}{heading[1:]}",
                    "versions": [
                        {"name": name, "note": note.removeprefix(", "), "place": drawings.place(v)}
                        for name, note, v in _versions(item)
                    ],
                }
            )
        if columns:
            groups.append({"heading": heading, "columns": columns})
    return groups, {"items": items, "unit": unit, **drawings.facts()}


def title_of(item: GalleryItem) -> str:
    """Such as ``12, cat/001.jpg, class cat``."""
    file, label = item.file and f", {item.file}", item.label and f", class {item.label}"
    return f"{item.index:,}{file}{label}"


def _versions(item: GalleryItem) -> Iterator[tuple[str, str, np.ndarray]]:
    yield "original", "", item.original
    for version in item.versions:
        note = f", error {three_digits(version.error)}, {version.item_bytes:,} bytes"
        yield version.name, note, version.values


def rows_view(
    part: Gallery, columns: tuple[str, ...], categories: Collection[str]
) -> list[dict[str, Any]]:
    """A table's rows: a heading each, and a line a column with its cell in every version, but of
    those that nothing is learnt from, which no version has; of the columns that are
    ``categories``, whether it is another one."""
    views = []
    for item in part.items:
        cells = [item.cells, *(version.cells for version in item.versions)]
        views.append(
            {
                "heading": f"Row {title_of(item)}, {_GROUPS[item.rank].lower()}",
                "names": ["original", *(version.name for version in item.versions)],
                "lines": [
                    (
                        name,
                        [
                            (shown, name in categories and cell != line[0])
                            for cell, shown in zip(line, _even(line), strict=True)
                        ],
                    )
                    for name, *line in zip(columns, *cells, strict=False)
                    if line[0] is not None
                ],
            }
        )
    return views


def _even(cells: Sequence[str | None]) -> list[str | None]:
    """Cells of one column as they are shown: long texts cut, numbers with as many decimals each, of
    which the largest has six digits in all; None for a missing cell.

    >>> _even(["12.3456", "1000.45678", ""]), _even(["0.5", "0.25"])
    (['12.35', '1000.46', None], ['0.50', '0.25'])
    """
    there = [cell for cell in cells if cell]
    if there and all(map(is_plain_number, there)):
        largest = max(abs(float(cell)) for cell in there)
        room = max(_DIGITS - 1 - math.floor(math.log10(largest)), 0) if largest else 0
        if any(len(cell.partition(".")[2]) > room for cell in there):
            cells = [cell and _without_zeros(f"{float(cell):z.{room}f}") for cell in cells]
    elif there:
        cells = [cell and cut_to(cell, _LONGEST) for cell in cells]
    return even_decimals([cell or None for cell in cells])


def _without_zeros(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def features_view(part: Features, drawings: Drawings) -> list[dict[str, Any]]:
    """A row a latent number: what is decoded as it moves."""
    strongest = max((number.effect for number in part.numbers), default=0) or 1
    return [
        {
            "name": number.index + 1,
            "share": number.effect / strongest,
            "effect": number.effect,
            "low": float(number.values[0]),
            "high": float(number.values[-1]),
            "pictures": [
                drawings.draw(item, f"number {number.index + 1} at {three_digits(value)}")
                for value, item in zip(number.values.tolist(), number.items, strict=True)
            ],
        }
        for number in part.numbers
    ]


def latent_data(part: LatentSpace, drawings: Drawings, thing: str) -> dict[str, Any]:
    """What the map's script needs: positions as float32, and a picture for some of them.

    Args:
        thing: what one of the items is called.
    """
    labels = None if part.labels is None else part.labels.tolist()
    return {
        "thing": thing,
        "positions": floats_text(part.positions),
        "labels": labels,
        "classes": list(part.classes),
        "coloured": is_coloured(part),
        "indices": part.indices.tolist(),
        "pictures": [
            [int(at), drawings.place(picture)]
            for at, picture in zip(part.thumbnails, part.pictures, strict=True)
        ],
    }


def jpeg_view(part: JpegWalk, unit: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The steps at the quality given, as the page shows them without its script; and its data.

    Args:
        unit: of an error of the data, with the space before it.
    """
    pixels, row, column = _part_around(part)
    height, width = pixels.shape
    opened = open_jpeg(pixels, part.quality)
    back = restored((part.rounded * part.table)[None, None])  # with what lies beyond the picture
    view = {
        "pixels": png_address(png_bytes(pixels)),
        "decoded": png_address(png_bytes(opened.decoded)),
        "zeros": opened.zero_share,
        "error": pixels_error(opened.mse, part.factor, unit),
        "is_part": pixels.shape != part.pixels.shape,
        "row": row,
        "column": column,
        "height": height,
        "width": width,
        "rows": -(-height // 8),
        "columns": -(-width // 8),
        "matrices": [
            ("samples", "1. The block's grey levels, less 128", part.samples.tolist()),
            (
                "frequencies",
                "2. Their cosine transform",
                [[_short(value) for value in line] for line in part.coefficients.tolist()],
            ),
            ("table", "3. The quantisation table", part.table.tolist()),
            ("kept", "4. Divided by it and rounded", part.rounded.tolist()),
            ("levels", "5. Multiplied, transformed back", back.tolist()),
        ],
    }
    base = BASE_TABLE.ravel().tolist()
    data = {"width": width, "height": height, "block": [row, column], "base": base}
    return view, {**data, "factor": part.factor, "unit": unit}


def _part_around(part: JpegWalk) -> tuple[np.ndarray, int, int]:
    """As many of the pixels as a page can hold, whole blocks about the one that is opened up, and
    where that is among these."""
    top, left = (
        max(min(8 * place - MOST_SIDE // 2, -(-(size - MOST_SIDE) // 8) * 8), 0)
        for place, size in zip(part.block, part.pixels.shape, strict=True)
    )
    pixels = part.pixels[top : top + MOST_SIDE, left : left + MOST_SIDE]
    return pixels, part.block[0] - top // 8, part.block[1] - left // 8


def _short(value: float) -> str:
    """A coefficient in five letters, as the script writes it."""
    text = f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"
    return "0.0" if text == "-0.0" else text


def denoising_view(part: DenoisingPart, drawings: Drawings) -> list[dict[str, Any]]:
    """A row a method: what went in, what should come out, what each makes of it."""
    rows = [("clean", part.clean), ("with noise", part.noisy), *part.versions]
    return [
        {
            "name": name,
            "pictures": [
                drawings.draw(item, f"{name}, item {number}")
                for number, item in enumerate(items, 1)
            ],
        }
        for name, items in rows
    ]
