"""Denoising: what a trained model makes of damaged items; of images of any size, tile by tile."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from narrows.data import Dataset, named_image_writer, open_pages
from narrows.data.pages import Pages, require_pairs
from narrows.data.pixels import is_folder_of_images
from narrows.data.read_options import ReadOptions
from narrows.data.storage import concatenated
from narrows.data.tiles import blended
from narrows.errors import ShapeError
from narrows.model.ranges import require_familiar
from narrows.model.trained import TrainedModel
from narrows.model.use import TrainedAutoencoder
from narrows.report.denoising import Denoising, DenoisingMeter
from narrows.support.progress import NOBODY, Listener, Note, Tracker, silent
from narrows.support.shapes import is_image_shape
from narrows.tasks.convert import as_pixels, result_writer
from narrows.tasks.opening import reading_for
from narrows.tasks.outputs import Written
from narrows.training import Noise
from narrows.training.noise import NoiseLimits, damaged_dtype, damaged_parts, noise_limits


@dataclass(frozen=True)
class AddedNoise:
    """Noise that is added to items before they are denoised; the same seed adds the same."""

    noise: Noise
    seed: int = 0


@dataclass(frozen=True)
class Denoised:
    """What was written, and where there was what to compare with, how much of the noise is left."""

    written: Written
    measured: Denoising | None


def denoise_pages(
    autoencoder: TrainedAutoencoder,
    pages: Pages,
    out: str,
    *,
    against: Pages | AddedNoise | None = None,
    check_range: bool = True,
    listener: Listener = NOBODY,
) -> Denoised:
    """Write what the model makes of all items, measuring on the way where there is what to measure
    against.

    Args:
        pages: as :func:`open_pages_for` gives them.
        out: a folder, which gets files of the same names, .npy, .npz, .csv or .parquet.
        against: the same items without noise; or noise that is added to the items first, which
            then are the clean ones.
        check_range: refuse what :func:`narrows.model.ranges.require_familiar` does.

    Raises:
        DataError: ``against`` are other items.
        ShapeError: the model takes neither an item nor tiles of it, or ``out`` does not hold items
            of several shapes.
        UsageError: they are in another unit.
    """
    require_denoisable(autoencoder, pages)
    added = against if isinstance(against, AddedNoise) else None
    clean = pages if isinstance(against, AddedNoise) else against
    if clean is not None:
        require_pairs(pages, clean)
    meter = None if clean is None else DenoisingMeter(autoencoder.trained, len(pages))
    done = 0
    with (
        _writer(autoencoder.trained, pages, out, listener.note) as write,
        listener.track("denoising", total=len(pages), unit="items") as advance,
    ):
        if check_range:
            listener.note_each(require_familiar(autoencoder.trained, pages.images, pages.name))
        for batch in pages.batches():
            given = batch
            if added is not None:
                given = damaged(autoencoder, batch, added.noise, added.seed, done)
            results = denoise(autoencoder, given)
            write(results)
            for index, (noisy, found) in enumerate(zip(given, results, strict=True), done):
                if meter is not None and clean is not None and meter.wants(index):
                    meter.add(noisy, found, clean.images[index])
                advance(1)
            done += len(batch)
    listener.note_each(pages.notes())
    written = Written(out, len(pages), "item")
    return Denoised(written, None if meter is None else meter.result(pages.name))


@contextlib.contextmanager
def _writer(
    trained: TrainedModel, pages: Pages, out: str, note: Note
) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that takes the results of all pages in order, some at a time."""
    if pages.names is not None and is_folder_of_images(out):
        names, pixels = iter(pages.names), as_pixels(trained, out, note)
        with named_image_writer(out, pages.names) as write_image:

            def write_named(results: np.ndarray) -> None:
                for image in results:
                    write_image(next(names), image if pixels is None else pixels(image))

            yield write_named
        return
    shape, place = pages.images[0].shape, 0
    with result_writer(trained, len(pages), out, shape=shape, note=note) as write:

        def write_alike(results: np.ndarray) -> None:
            nonlocal place
            if results.shape[1:] != shape:
                raise ShapeError(
                    f"item {place} of {pages.name} has shape {results.shape[1:]} and the first "
                    f"{shape}, so that {out} cannot hold both",
                    hint="write images of several sizes to a folder: end the name in /",
                )
            write(results)
            place += len(results)

        yield write_alike


def denoise(autoencoder: TrainedAutoencoder, items: np.ndarray) -> np.ndarray:
    """``items`` as the model takes them to be without noise, in the dtype of the training data.

    Items of the training shape go through the model as they are, and if it was trained on images
    that were moved about, moved by a pixel to each side and back as well: the mean of these nine,
    those that were moved weighing less, has less of what chance made of each.

    Larger images are cut into tiles of that shape, which overlap and are blended, so that no seam
    shows. Smaller ones are continued by their mirror image where the model was trained on tiles,
    and are an error where it knows whole images only.

    Args:
        items: (n, \\*item_shape), flat rows of as many values, or images (n, height, width) or
            (n, height, width, channels) of any size; any real dtype, in data units.

    Raises:
        ShapeError: they are none of these.
    """
    if not _needs_tiles(autoencoder, items.shape[1:]):
        return autoencoder.as_data(_from_all_sides(autoencoder, autoencoder.shaped(items)))
    height, width = autoencoder.trained.item_shape[:2]
    results = [blended(autoencoder.reconstruct_floats, image, (height, width)) for image in items]
    return np.stack([autoencoder.as_data(result) for result in results])


# What an image that is moved along an axis weighs beside one that is not.
_MOVED = 0.5


def _from_all_sides(autoencoder: TrainedAutoencoder, items: np.ndarray) -> np.ndarray:
    """What the model makes of items of the training shape, in floats; see :func:`denoise`."""
    if not autoencoder.trained.training.shift or items.ndim not in (3, 4):
        return autoencoder.reconstruct_floats(items)
    height, width = items.shape[1:3]
    edges = [(0, 0), (1, 1), (1, 1)] + [(0, 0)] * (items.ndim - 3)
    padded = np.pad(items, edges, mode="edge")
    total = np.zeros(padded.shape)
    weights = np.zeros((height + 2, width + 2, *[1] * (items.ndim - 3)))
    for down in range(3):
        for right in range(3):
            rows, columns = slice(down, down + height), slice(right, right + width)
            weight = _MOVED ** ((down != 1) + (right != 1))
            moved = np.ascontiguousarray(padded[:, rows, columns])
            total[:, rows, columns] += weight * autoencoder.reconstruct_floats(moved)
            weights[rows, columns] += weight
    return (total / weights)[:, 1:-1, 1:-1]


def damaged(
    autoencoder: TrainedAutoencoder, items: np.ndarray, noise: Noise, seed: int, place: int = 0
) -> np.ndarray:
    """``items`` with noise within the range that the model knows; ``place`` is the number of the
    first of them, and the same seed and place give the same noise."""
    random = np.random.default_rng([seed, _NOISE_STREAM, place])
    return noise_limits(autoencoder.trained.described).damaged(noise, items, random)


def with_noise(data: Dataset, noise: Noise, limits: NoiseLimits, seed: int) -> Dataset:
    """The same items, and as their inputs what damage makes of them, as they were damaged to
    judge the epochs of a training run by."""
    given = data.items if data.inputs is None else data.inputs
    parts = damaged_parts(data.items, data.inputs, noise, limits, seed)
    inputs = concatenated(
        (part for _, part in parts if part is not None),
        data.item_shape,
        damaged_dtype(given.dtype, limits.lowest, limits.highest),
    )
    return replace(data, inputs=inputs)


# Keeps the added noise apart from other uses of the same seed.
_NOISE_STREAM = 0xADDED


def open_pages_for(
    autoencoder: TrainedAutoencoder,
    source: str,
    reading: ReadOptions | None = None,
    *,
    track: Tracker = silent,
) -> Pages:
    """Images of any size, or other items: flat rows in the shape that they had in training.

    Args:
        source, reading: as of :func:`narrows.tasks.opening.load_for`.

    Raises:
        DataError: there is no such source, or it is not what it must be.
        UsageError: something is said of images, and it is no folder.
    """
    trained = autoencoder.trained
    images = reading_for(trained, source, reading or ReadOptions()).images
    pages = open_pages(source, options=images, track=track)
    items, shape = pages.images, trained.item_shape
    if isinstance(items, np.ndarray) and items.shape[1:] == (math.prod(shape),):
        return replace(pages, images=items.reshape(len(items), *shape))
    return pages


def require_denoisable(autoencoder: TrainedAutoencoder, pages: Pages) -> None:
    """Make sure, before long work, that the first item of ``pages`` is one that the model takes.

    Raises:
        ShapeError: it is not.
    """
    _needs_tiles(autoencoder, pages.images[0].shape)


def _needs_tiles(autoencoder: TrainedAutoencoder, shape: tuple[int, ...]) -> bool:
    """Whether items of ``shape`` are images to be cut into tiles of the training shape."""
    wanted = autoencoder.trained.item_shape
    if shape in (wanted, (int(np.prod(wanted)),)):
        return False
    is_image = is_image_shape(wanted) and autoencoder.trained.data.table is None
    if not is_image or len(shape) != len(wanted) or shape[2:] != wanted[2:]:
        raise ShapeError(
            f"the items have shape {shape}, and the model was trained on {wanted}",
            hint="give items of that shape; images may be larger, with as many channels",
        )
    if (shape[0] < wanted[0] or shape[1] < wanted[1]) and not autoencoder.trained.training.tile:
        raise ShapeError(
            f"images of {shape[1]} x {shape[0]} pixels are smaller than those of "
            f"{wanted[1]} x {wanted[0]} that the model was trained on",
            hint="enlarge them, or train on tiles: narrows fit with --tile",
        )
    return True
