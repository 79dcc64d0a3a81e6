"""New items in files: drawn ones, and those on the way from one item to another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from narrows.data import table_writer
from narrows.data.read_options import ReadOptions
from narrows.errors import UsageError
from narrows.model.use import TrainedAutoencoder
from narrows.report.figures import grid_figure, require_grid
from narrows.support.chunks import RowSlices, chunks
from narrows.support.progress import NOBODY, Listener
from narrows.tasks.convert import decode
from narrows.tasks.drawn_codes import DrawnCodes, interpolated, traversed
from narrows.tasks.drawn_rows import DrawnRows
from narrows.tasks.opening import load_for
from narrows.tasks.option_texts import parse_places
from narrows.tasks.options import GenerateOptions
from narrows.tasks.outputs import Written

# Items of a way between two.
_STEPS = 10


def generate(
    autoencoder: TrainedAutoencoder,
    out: str,
    options: GenerateOptions,
    *,
    listener: Listener = NOBODY,
) -> Written:
    """Write new items, or the way from one item to another.

    Args:
        out: as of :func:`write_decoded`.
        options: what is asked for; see :meth:`GenerateOptions.check`.

    Raises:
        UsageError: there is no such item or latent number, or the model has no such source.
    """
    if options.count is not None:
        seed, source = options.seed, options.source
        return draw(autoencoder, options.count, out, seed=seed, source=source, listener=listener)

    def codes_of(option: str, text: str, most: int) -> np.ndarray:
        data, places = parse_places(option, text, most)
        named = f"{option} {text}"
        return codes_at(autoencoder, data, places, named=named, csv=options.csv, listener=listener)

    steps = _STEPS if options.steps is None else options.steps
    if options.between is not None:
        first, last = codes_of("--between", options.between, 2)
        codes = interpolated(first, last, steps)
    else:
        assert options.traverse is not None, "check() asks for one of the three"
        code = None if options.at is None else codes_of("--at", options.at, 1)[0]
        codes = traversed(autoencoder.trained, options.traverse, steps, code, first=1)
    return write_decoded(autoencoder, codes, out, columns=steps, listener=listener)


def draw(
    autoencoder: TrainedAutoencoder,
    count: int,
    out: str,
    *,
    seed: int = 0,
    source: str | None = None,
    listener: Listener = NOBODY,
) -> Written:
    """Write ``count`` new items; of a model of a table, rows whose columns lie as in training.

    Args:
        count, seed, source: as of :class:`narrows.tasks.drawn_codes.DrawnCodes`.
        out: as of :func:`write_decoded`.

    Raises:
        UsageError: as there.
    """
    if autoencoder.trained.data.table is None or _is_picture(out):
        codes = DrawnCodes(autoencoder.trained, count, seed, source)
        return write_decoded(autoencoder, codes, out, listener=listener)
    rows = DrawnRows(autoencoder, count, seed, source)
    if rows.not_kept:
        listener.note(rows.not_kept)
    with (
        table_writer(out, rows.table.arrow_schema()) as write,
        listener.track("generating", total=count, unit="rows") as advance,
    ):
        for batch in rows.batches():
            write(batch)
            advance(batch.num_rows)
    return Written(out, count, "item")


def write_decoded(
    autoencoder: TrainedAutoencoder,
    codes: RowSlices,
    out: str,
    *,
    columns: int | None = None,
    listener: Listener = NOBODY,
) -> Written:
    """Write the items that codes (n, latent_size) stand for.

    Args:
        out: .png for one picture of images, or as of :func:`narrows.tasks.convert.decode`.
        columns: of the picture; None for what suits.
    """
    if not _is_picture(out):
        return decode(autoencoder, codes, out, label="generating", listener=listener)
    shape = autoencoder.trained.item_shape
    require_grid(len(codes), shape)
    parts = []
    with listener.track("generating", total=len(codes), unit="items") as advance:
        for chunk in chunks(codes, width=math.prod(shape)):
            parts.append(autoencoder.decode(chunk))
            advance(len(chunk))
    items = np.concatenate(parts)
    limits = autoencoder.trained.data.value_range or (float(items.min()), float(items.max()))
    grid_figure(items, out, value_range=limits, columns=columns)
    return Written(out, len(codes), "item")


def codes_at(
    autoencoder: TrainedAutoencoder,
    source: str,
    places: Sequence[int],
    *,
    named: str,
    csv: Mapping[str, Any] | None = None,
    listener: Listener = NOBODY,
) -> Float32[np.ndarray, "places latent"]:
    """The codes of the items of ``source`` at ``places``, counting from 0.

    Args:
        named: what messages call the choice.
        csv: how a CSV file is read, as :func:`narrows.load_data` takes it.

    Raises:
        UsageError: there is no such item.
    """
    reading = ReadOptions(csv=csv or {})
    data = load_for(autoencoder, source, reading=reading, check_range=False, listener=listener)
    for place in places:
        if place >= len(data):
            raise UsageError(
                f"{named} names item {place:,}, and {source} has {len(data):,}",
                hint=f"items count from 0: give numbers up to {len(data) - 1}",
            )
    return autoencoder.encode(np.asarray(data.items[list(places)]))


def _is_picture(out: str) -> bool:
    return out.lower().endswith(".png")
