"""What notebooks show of a model: a few items with what becomes of them, and its losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from narrows.data import Dataset, TableSchema
from narrows.data.tables import shown_cells
from narrows.model.use import TrainedAutoencoder
from narrows.pages.embedding import png_address, png_bytes
from narrows.report.figures.item_rows import COLUMNS, Rows, range_of, sheet_of
from narrows.report.figures.loss_curves import loss
from narrows.report.figures.reconstructions import reconstructions
from narrows.report.figures.style import new_figure, png_of
from narrows.support.number_text import count_of, readable
from narrows.support.shapes import is_picture_shape
from narrows.support.text_tables import TextTable, told_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_BYTES = 1 << 22  # of the items that are kept to be shown
_MOST_ROWS, _MOST_COLUMNS = 3, 8  # of a table
_HEIGHT = 480  # pixels of the curves
_WIDTH = "style='max-width: min(100%, 640px); height: auto'"


@dataclass(frozen=True, eq=False)
class FewItems:
    """Items to show: up to ten that a model was not trained on.

    Attributes:
        items: (n, \\*item_shape), what the model shall give.
        inputs: what it is given, where that is not the same; None otherwise.
    """

    items: np.ndarray
    inputs: np.ndarray | None

    @classmethod
    def of(cls, held_out: Dataset | None) -> Self | None:
        """Copies of the first items; None where there are none, or one is too large to be kept."""
        if held_out is None or len(held_out) == 0:
            return None
        size = int(np.prod(held_out.item_shape)) * held_out.items.dtype.itemsize
        count = min(COLUMNS, _MOST_BYTES // max(size, 1))
        if count == 0:
            return None
        inputs = None if held_out.inputs is None else np.array(held_out.inputs[:count])
        return cls(np.array(held_out.items[:count]), inputs)


# Whose losses they are where PCA took the place of what was trained.
_REPLACED = " of the net that PCA replaced"


def model_html(
    autoencoder: TrainedAutoencoder, history: Sequence[Mapping[str, Any]], few: FewItems | None
) -> str:
    """A model for notebooks: a sentence, items with their reconstructions, and the loss curve.

    Args:
        history: losses, epoch by epoch; empty where they are not known.
        few: items that it was not trained on, or None.
    """
    parts = [f"<p>{escape(_sentence(autoencoder, history))}</p>"]
    if few is not None:
        parts.append(_items_html(autoencoder, few))
    if any("loss" in row for row in history):
        axes = new_figure(_HEIGHT, constrained=True).subplots()
        title = f"The loss of every epoch{_REPLACED * autoencoder.trained.training.linear}"
        parts.append(_axes_html(loss(history, axes), title))
    return f"<div class='narrows-model'>{''.join(parts)}</div>"


def _sentence(autoencoder: TrainedAutoencoder, history: Sequence[Mapping[str, Any]]) -> str:
    spec = autoencoder.trained.model.spec
    shape = " × ".join(f"{size:,}" for size in autoencoder.trained.item_shape)
    text = f"{count_of(spec.latent_size, 'numbers')} for each item of {shape} values"
    if history and "loss" in history[-1]:
        last = history[-1]
        of = _REPLACED * autoencoder.trained.training.linear
        text += f"; after epoch {last['epoch']:,} the loss{of} is {readable(last['loss'])}"
        if "val_loss" in last:
            text += f", of held-out items {readable(last['val_loss'])}"
    return f"{text}."


def _items_html(autoencoder: TrainedAutoencoder, few: FewItems) -> str:
    given = few.items if few.inputs is None else few.inputs
    results = autoencoder.reconstruct(given)
    table = autoencoder.trained.data.table
    if table is not None:
        return _cells_html(table, autoencoder.shaped(few.items), results)
    originals = autoencoder.shaped(few.items)
    rows: Rows = [("original", originals), ("reconstruction", results)]
    if few.inputs is not None:
        rows = [("noisy", autoencoder.shaped(few.inputs)), ("denoised", results), rows[0]]
    limits = range_of(originals)
    if is_picture_shape(originals.shape[1:]):
        return _pictures_html(rows, limits)
    noisy = rows[0][1] if few.inputs is not None else None
    return _axes_html(
        reconstructions(originals, results, value_range=limits, noisy=noisy),
        "Held-out items and their reconstructions",
    )


def _pictures_html(rows: Rows, value_range: tuple[float, float]) -> str:
    lines = []
    for name, items in rows:
        sheet = png_bytes(sheet_of([(name, items)], value_range))
        picture = _image(sheet, f"{len(items)} held-out items, {name}")
        lines.append(f"<tr><th scope='row'>{escape(name)}</th><td>{picture}</td></tr>")
    return f"<table>{''.join(lines)}</table>"


def _cells_html(table: TableSchema, features: np.ndarray, results: np.ndarray) -> str:
    """The first rows of a table, each above its reconstruction."""
    originals = shown_cells(table, features[:_MOST_ROWS], given=True)[:_MOST_COLUMNS]
    made = shown_cells(table, results[:_MOST_ROWS], given=False)[:_MOST_COLUMNS]
    lines = [["", *table.names[:_MOST_COLUMNS]]]
    for original, result in zip(zip(*originals, strict=True), zip(*made, strict=True), strict=True):
        lines.append(["original", *map(_cell, original)])
        lines.append(["reconstruction", *map(_cell, result)])
    left_out = len(table.names) - len(lines[0]) + 1
    shown = "column is" if left_out == 1 else "columns are"
    more = f"{left_out:,} more {shown} not shown." if left_out else ""
    return told_html([TextTable("", lines), more])


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return readable(value) if isinstance(value, float) else str(value)


def _axes_html(axes: "Axes", words: str) -> str:
    return f"<p>{_image(png_of(axes), words)}</p>"


def _image(png: bytes, words: str) -> str:
    return f"<img {_WIDTH} alt='{escape(words)}' src='{png_address(png)}'>"
