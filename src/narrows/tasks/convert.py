"""Every item of a data set through a model into a file, a bounded number of them in memory."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from narrows.data import Dataset, item_writer, row_writer
from narrows.data.image_files import FILE_COLUMN, require_one_file_each, require_safe
from narrows.data.pixels import Pixels, is_folder_of_images, pixels_of
from narrows.errors import UsageError
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.report.evaluation import error_unit, score_of
from narrows.report.measures import ErrorMeter
from narrows.support.chunks import RowSlices, chunks
from narrows.support.progress import NOBODY, Listener, Note, Tracker, silent, unheard
from narrows.tasks.outputs import Written

# Rows of a table that are columns in memory at a time.
_ROWS_AT_ONCE = 1 << 14


@dataclass(frozen=True, kw_only=True)
class Reconstructed(Written):
    """The same of reconstructions, with their error: in words, and the mean squared one."""

    error: str
    mse: float

    def sentence(self) -> str:
        return f"{super().sentence()}; {self.error}"

    @property
    def values(self) -> dict[str, Any]:
        return {**super().values, "mse": self.mse}


def require_kind(out: str) -> None:
    """Make sure, before any work, that a file says by its suffix what it shall be.

    Raises:
        UsageError: it has none.
    """
    if not Path(out).suffix:
        raise UsageError(
            f"{out} does not say what kind of file the codes shall be",
            hint="end it in .npy, .npz, .csv or .parquet",
        )


def encode(
    autoencoder: TrainedAutoencoder, data: Dataset, out: str, *, track: Tracker = silent
) -> Written:
    """Write the code of every item, a row of numbers each; in tables with the name of its file.

    Args:
        data: as :func:`narrows.tasks.opening.load_for` gives it.
        out: a name that ends in .npy, .npz, .csv or .parquet.
    """
    size = autoencoder.trained.model.spec.latent_size
    columns = [f"code_{number}" for number in range(size)]
    names = None if data.files is None else data.files.names
    count = len(data)
    with (
        item_writer(out, count, (size,), np.float32, columns=columns, files=names) as writer,
        track("encoding", total=count, unit="items") as advance,
    ):
        for codes in autoencoder.encode_in_parts(data.items):
            writer.write(codes)
            advance(len(codes))
    return Written(out, count, "code")


def decode(
    autoencoder: TrainedAutoencoder,
    codes: RowSlices,
    out: str,
    *,
    names: Sequence[str] | None = None,
    label: str = "decoding",
    listener: Listener = NOBODY,
) -> Written:
    """Write the items that codes (n, latent_size) stand for.

    Args:
        out: .npy, .npz, .csv or .parquet, or a folder of images; of a model of a table, a table.
        names: of the files that the items came from; images are numbered where they cannot be
            those of files, which is noted.
        label: what the work is called.
    """
    if isinstance(codes, np.ndarray):
        autoencoder.require_codes(codes)  # a mistake must show before a file is opened
    work = autoencoder.decode
    trained, note = autoencoder.trained, listener.note
    if names is not None and is_folder_of_images(out):
        names = _as_files(names, note)
    with result_writer(trained, len(codes), out, names=names, note=note) as write:
        _through(label, trained, codes, lambda some: write(work(some)), listener.track)
    return Written(out, len(codes), "item")


def _as_files(names: Sequence[str], note: Note) -> Sequence[str] | None:
    """Names that a stranger may have written, None where they cannot be those of images."""
    try:
        for name in names:
            require_safe(name)
        require_one_file_each(names)
    except ValueError as error:
        reason = str(error).splitlines()[0]  # without a hint
        note(f"the images are numbered, and not named as in column {FILE_COLUMN}: {reason}")
        return None
    return names


def reconstruct(
    autoencoder: TrainedAutoencoder,
    data: Dataset,
    out: str,
    *,
    listener: Listener = NOBODY,
) -> Reconstructed:
    """Write what the model makes of every item, and measure it as :func:`narrows.tasks.evaluate`
    does; of a folder of images one with the same names.

    Args:
        data: as :func:`narrows.tasks.opening.load_for` gives it.
        out: as of :func:`decode`.
    """
    trained, pca = autoencoder.trained, autoencoder.trained.learnt_pca
    names = None if data.files is None else data.files.names
    meter, of_mean = ErrorMeter(), ErrorMeter()

    def work(given: np.ndarray) -> None:
        items = autoencoder.shaped(given)
        found = autoencoder.reconstruct_floats(items)
        meter.add(items, found)
        if pca is not None:
            of_mean.add(items, np.broadcast_to(pca.mean.reshape(trained.item_shape), items.shape))
        write(autoencoder.as_data(found))

    with result_writer(trained, len(data), out, names=names, note=listener.note) as write:
        _through("reconstructing", trained, data.items, work, listener.track)
    size = trained.model.spec.latent_size
    score = score_of(trained, "autoencoder", size, meter, of_mean)
    told = score.told(error_unit(trained))
    return Reconstructed(out, len(data), "item", error=told, mse=score.mse)


def _through(
    label: str,
    trained: TrainedModel,
    rows: RowSlices,
    work: Callable[[np.ndarray], None],
    track: Tracker,
) -> None:
    """Give all rows to ``work`` in order, as many at a time as their results take little memory."""
    of_table = trained.data.table is not None
    with track(label, total=len(rows), unit="rows" if of_table else "items") as advance:
        for chunk in chunks(rows, width=math.prod(trained.item_shape)):
            step = _ROWS_AT_ONCE if of_table else max(len(chunk), 1)
            for start in range(0, len(chunk), step):
                work(chunk[start : start + step])
            advance(len(chunk))


@contextlib.contextmanager
def result_writer(
    trained: TrainedModel,
    count: int,
    out: str,
    *,
    shape: tuple[int, ...] | None = None,
    names: Sequence[str] | None = None,
    note: Note = unheard,
) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that writes ``count`` items as a model gives them, any number at a time.

    Args:
        shape: of an item, where that is not the training data's.
        names: of the files that they come from.
    """
    if trained.data.table is not None:
        with row_writer(out, trained.data.table) as write:
            yield write
        return
    shape, pixels = shape or trained.item_shape, as_pixels(trained, out, note)
    if out.lower().endswith((".csv", ".parquet")):
        shape = (math.prod(shape),)  # a table has no pixels: an image becomes a row
    dtype = np.dtype(trained.data.dtype if pixels is None else pixels.dtype)
    with item_writer(out, count, shape, dtype, files=names) as writer:

        def write_items(items: np.ndarray) -> None:
            items = items if pixels is None else pixels(items)
            writer.write(items.reshape(len(items), *shape))

        yield write_items


def as_pixels(trained: TrainedModel, out: str, note: Note) -> Pixels | None:
    """How items become pixels, and say so, where they go to a folder of images and are none yet."""
    if not is_folder_of_images(out):
        return None
    data = trained.described
    pixels = pixels_of(trained.item_shape, data.dtype, data.extent, bool(data.whole))
    if pixels is not None:
        note(pixels.note)
    return pixels
