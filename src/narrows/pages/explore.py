"""The page of ``narrows explore``: one for its server, and one that computes by itself."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from narrows.pages.building import build_page

# What an item is called, and several.
_NAMES = {"image": ("picture", "pictures"), "table": ("row", "rows")}
# Colours of classes in the stylesheet.
_COLOURS = 10


def build_explore_page(page_data: Mapping[str, Any], *, server: bool) -> str:
    """The explore page as one text.

    Args:
        page_data: what never changes while the page is open: docs/explore.md has the names. Of an
            export it also holds the model, which ``explore_export.js`` reads.
        server: whether the page asks the server that it comes from; else it computes by itself.

    Raises:
        ValueError: the data hold NaN or infinity.
    """
    shape = tuple(page_data["shape"])
    item, items = _NAMES.get(page_data["kind"], ("item", "items"))
    rows, count = page_data["rows"] or [0], page_data["data_rows"]
    return build_page(
        "explore.html",
        scripts=["explore_server.js" if server else "explore_export.js"],
        data=page_data,
        server=server,
        explore_style=files("narrows.pages").joinpath("explore.css").read_text(encoding="utf-8"),
        page=page_data,
        idle=[number["index"] + 1 for number in page_data["latent"] if number["idle"]],
        item=item,
        items=items,
        first=rows[0] if count is None else 0,
        last=rows[-1] if count is None else max(count - 1, 0),
        some=count is None and rows[-1] >= len(rows),
        is_picture=page_data["kind"] == "image",
        legend=_legend(page_data["labels"], page_data["classes"]),
        classes=len(set(page_data["labels"] or ())),
        colours=_COLOURS,
        in_colour=shape[2:] in ((3,), (4,)),
    )


def _legend(labels: Sequence[int] | None, names: Sequence[str] | None) -> list[str]:
    """The classes of a map in the order of their colours; none where there are too many to tell
    apart."""
    numbers = sorted(set(labels or ()))
    if not 1 < len(numbers) <= _COLOURS:
        return []
    return [names[number] if names else str(number) for number in numbers]
