"""The explore page as one file, with the model in it."""

import math
import os
import zlib
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from narrows.data import Dataset
from narrows.errors import UsageError
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.pages.building import write_page
from narrows.pages.explore import build_explore_page
from narrows.support.number_text import readable
from narrows.support.progress import Tracker, silent
from narrows.tasks.explore import Explorer
from narrows.tasks.explore.latent_numbers import turns
from narrows.tasks.export.arrays import deflated
from narrows.tasks.export.model import model_data
from narrows.tasks.export.precision import Precision, choose_precision
from narrows.tasks.export.scorer import scorer_data
from narrows.tasks.export.table import table_data

# What items take of a page, about, and what all items of small data may; how many there are at
# least and at most.
_ITEM_BYTES, _ALL_BYTES, _FEWEST, _MOST = 250_000, 1_000_000, 12, 400
# Items whose compressed size tells that of the others.
_WEIGHED = 64
# Pages of more than so many weights open slowly, or not at all on a phone.
_MOST_WEIGHTS = 20_000_000
# A page in a notebook's frame reaches nothing around it; its buttons, forms and downloads work.
_ALLOWED, _HEIGHT = "allow-scripts allow-forms allow-downloads", 860  # pixels


@dataclass(frozen=True, kw_only=True)
class ExportedPage:
    """A page that explores a model by itself; a notebook shows it.

    Attributes:
        text: the page.
        items: how many items are in it.
        given: how many there are in the data.
        precision: in how many bits weights are in it, and what that changes.
        things: what several items are called.
    """

    text: str
    items: int
    given: int
    precision: Precision
    things: str = "items"

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="A page of narrows" sandbox="{_ALLOWED}" srcdoc="{escape(self.text)}" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 0"></iframe>'
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the page.

        Raises:
            UsageError: the name does not end in .html.
            OutputError: the file cannot be written.
        """
        write_page(path, self.text)

    def sentences(self) -> list[str]:
        """What a user should know of it."""
        things = self.things[:-1] if self.given == 1 else self.things
        held = f"with {self.items} {things}" if self.given else "without items to choose from"
        if self.items < self.given:
            held = f"with {self.items} of {self.given:,} {things}, {_why_some(self.items)}"
        size = f"{len(self.text.encode('utf-8')) / 1e6:.1f} MB, {held}"
        if not self.precision.tried:
            return [f"{size}; weights are in it as they are in the model"]
        bits = f"{self.precision.encoder} bits a weight in the encoder and {self.precision.decoder}"
        same = f"{100 * self.precision.equal:.2f}% of the pixels of {self.precision.tried} pictures"
        off = "none is more than 1 grey level off"
        return [f"{size}; with {bits} in the decoder {same} are Python's, and {off}"]


def export_page(
    autoencoder: TrainedAutoencoder,
    data: Dataset | None = None,
    *,
    title: str,
    track: Tracker = silent,
) -> ExportedPage:
    """The page of ``narrows explore`` as one text that needs no server: the model is computed in
    it, in JavaScript.

    Args:
        autoencoder: the model.
        data: items of the model's shape; some of them come along, as many as a small page holds.
            None for none.
        title: what the page is called.

    Raises:
        UsageError: the model is too large for a page, or a page cannot compute one of its blocks.
    """
    trained = autoencoder.trained
    _require_small(trained)
    most = _most_items(trained, data)
    explorer = Explorer(autoencoder, data, title=title, most_items=most, track=track)
    items = None if explorer.data is None else np.asarray(explorer.data.items)
    precision = choose_precision(autoencoder, items, track=track)
    page = explorer.page_data() | {"data_rows": None}
    page["export"] = _export(trained, precision, items, page["detects"])
    text = build_explore_page(page, server=False)
    return ExportedPage(
        text=text,
        items=len(explorer),
        given=0 if data is None else len(data.items),
        precision=precision,
        things=explorer.things,
    )


def _why_some(items: int) -> str:
    """Why a page has so many items and not all of the data's."""
    if items == _MOST:
        return "as a page takes no more"
    all_, some = (f"{size / 1e6:g} MB" for size in (_ALL_BYTES, _ITEM_BYTES))
    return f"as all take over {all_} of a page, and some should take about {some}"


def _export(
    trained: TrainedModel, precision: Precision, items: np.ndarray | None, detects: bool
) -> dict[str, Any]:
    """What the page computes with; docs/explore.md describes it."""
    table = trained.data.table
    return {
        "model": model_data(trained, precision),
        "scorer": scorer_data(trained) if detects else None,
        "columns": None if table is None else table_data(table),
        "items": None if items is None else deflated(_as_kept(items)),
        "whole": _whole(trained),
        "shift": trained.training.shift or 0,
    }


def _as_kept(items: np.ndarray) -> np.ndarray:
    """Items in a type that pages know and that holds them as well as float32, which pages compute
    with."""
    as_bytes = items.dtype.kind in "bu" and items.dtype.itemsize == 1
    return items.astype(np.uint8 if as_bytes else np.float32, copy=False)


def _whole(trained: TrainedModel) -> list[float] | None:
    """The lowest and the highest of whole numbers that the data can hold; None for others."""
    data, dtype = trained.data, np.dtype(trained.data.dtype)
    if dtype.kind not in "biu":
        return None
    if dtype.kind == "b":
        return [0.0, 1.0]
    held = np.iinfo(dtype)
    return list(map(float, data.value_range or (held.min, held.max)))


def _most_items(trained: TrainedModel, data: Dataset | None) -> int:
    """How many items a small page holds."""
    if data is None:
        return _MOST
    some = _as_kept(np.asarray(data.items[:_WEIGHED]))
    own = len(zlib.compress(np.ascontiguousarray(some).tobytes())) / max(len(some), 1)
    # an image comes along twice, as its values and as a thumbnail; base64 adds a third
    code = 4 * trained.model.spec.latent_size + 12 if turns(trained) else 0
    each = (2 * own + code) * 4 / 3
    count = len(data.items)
    if count <= _MOST and count * each <= _ALL_BYTES:
        return _MOST
    return int(np.clip(_ITEM_BYTES / each, _FEWEST, _MOST))


def _require_small(trained: TrainedModel) -> None:
    weights = sum(math.prod(array.shape) for array in trained.model.arrays.values())
    if weights > _MOST_WEIGHTS:
        raise UsageError(
            f"the model has {readable(weights)} weights, and a page of more than "
            f"{readable(_MOST_WEIGHTS)} opens slowly or not at all",
            hint="open it with narrows explore, without --export",
        )
