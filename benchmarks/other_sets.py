"""Data sets beside MNIST, split into training and test files; see other_data.py.

Each function writes ``train`` and ``test`` files into a folder and gives their paths. What is drawn
is drawn with a fixed seed, so that a set is the same in every run.
"""

import csv
import gzip
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

#: The files to train on and to test on.
Split = tuple[Path, Path]

_SEED = 0
TILE = 28
_TEST_SHARE = 0.2
_COLOUR_COUNT, _COLOUR_HELD_OUT, _COLOUR_SIZE = 5000, 1000, 16


def data_folder() -> Path:
    """The folder that NARROWS_DATA names.

    Raises:
        SystemExit: it names none.
    """
    folder = os.environ.get("NARROWS_DATA")
    if not folder:
        raise SystemExit("set NARROWS_DATA to the folder that holds documents/ and tables/")
    return Path(folder)


def digits(folder: Path) -> Split:
    """scikit-learn's 1,797 digits of 8 x 8, a fifth of them held out."""
    from narrows.data import load_data

    return _split_rows(folder, load_data("digits").items)


def documents(folder: Path) -> Split:
    """The stained scans in tiles of 28 x 28; every fifth scan, all of it, is held out."""
    from PIL import Image

    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for number, path in enumerate(sorted((data_folder() / "documents" / "train").glob("*.png"))):
        with Image.open(path) as image:
            parts[number % 5 == 4].append(_tiles(np.asarray(image)))
    train, test = (np.concatenate(part) for part in parts)
    return _save(folder, train, test)


def _tiles(image: np.ndarray) -> np.ndarray:
    """The whole tiles of a grey image (height, width): (n, TILE, TILE)."""
    rows, columns = (size // TILE for size in image.shape)
    cut = image[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    return cut.transpose(0, 2, 1, 3).reshape(-1, TILE, TILE)


def colours(folder: Path) -> Split:
    """Made in memory: a disc or a box on a gradient between two colours, uint8 (16, 16, 3)."""
    random = np.random.default_rng(_SEED)
    images = np.stack([_colour_image(random) for _ in range(_COLOUR_COUNT)])
    return _save(folder, images[:-_COLOUR_HELD_OUT], images[-_COLOUR_HELD_OUT:])


def _colour_image(random: np.random.Generator) -> np.ndarray:
    place = np.linspace(-1, 1, _COLOUR_SIZE)
    x, y = np.meshgrid(place, place)
    angle, (first, last, shape) = random.uniform(0, 2 * np.pi), random.uniform(0, 255, (3, 3))
    along = ((x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2) + 1) / 2  # 0..1
    image = first + along[..., None] * (last - first)
    centre, radius = random.uniform(-0.6, 0.6, 2), random.uniform(0.2, 0.6)
    across, down = np.abs(x - centre[0]), np.abs(y - centre[1])
    distance = np.hypot(across, down) if random.random() < 0.5 else np.maximum(across, down)
    # a soft edge, a pixel wide
    cover = np.clip((radius - distance) * _COLOUR_SIZE / 2 + 0.5, 0, 1)[..., None]
    return np.rint(image * (1 - cover) + shape * cover).astype(np.uint8)


def few_rows(folder: Path) -> Split:
    """200 of MNIST's training images, and all of its test images."""
    from narrows.data import load_data

    train, test = (load_data(name).items for name in ("mnist", "mnist:test"))
    chosen = np.random.default_rng(_SEED).choice(len(train), 200, replace=False)
    return _save(folder, train[np.sort(chosen)], test)


def california_housing(folder: Path) -> Split:
    """20,640 rows of 10 columns: numbers, blanks in one of them, and a text."""
    with (data_folder() / "tables" / "california_housing.csv").open(newline="") as stream:
        header, *rows = csv.reader(stream)
    return _split_table(folder, header, rows)


def protein_casp(folder: Path) -> Split:
    """45,730 rows of 10 numbers."""
    packed = (data_folder() / "tables" / "protein_casp.csv.gz").read_bytes()
    rows = list(csv.reader(io.StringIO(gzip.decompress(packed).decode())))
    return _split_table(folder, [f"column_{n}" for n in range(len(rows[0]))], rows)


def adult(folder: Path) -> Split:
    """32,561 rows of 15 columns, numbers and categories; ``?`` stands for what is missing."""
    tables = data_folder() / "tables"
    description = (tables / "adult.names").read_text(encoding="utf-8")
    header = [*re.findall(r"^([a-z-]+): ", description, re.MULTILINE), "income"]
    with (tables / "adult.data").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.reader(stream, skipinitialspace=True) if row]
    return _split_table(folder, header, rows)


SETS: dict[str, Callable[[Path], Split]] = {
    "digits": digits,
    "documents": documents,
    "colours": colours,
    "200 rows of MNIST": few_rows,
    "California housing": california_housing,
    "protein CASP": protein_casp,
    "Adult": adult,
}


def _held_out(count: int) -> np.ndarray:
    """Which of ``count`` rows are held out: bool (count,)."""
    chosen = np.zeros(count, bool)
    chosen[np.random.default_rng(_SEED).permutation(count)[: round(_TEST_SHARE * count)]] = True
    return chosen


def _split_rows(folder: Path, items: np.ndarray) -> Split:
    held_out = _held_out(len(items))
    return _save(folder, items[~held_out], items[held_out])


def _save(folder: Path, train: np.ndarray, test: np.ndarray) -> Split:
    paths = folder / "train.npy", folder / "test.npy"
    for path, items in zip(paths, (train, test), strict=True):
        np.save(path, items)
    return paths


def _split_table(folder: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Split:
    held_out = _held_out(len(rows))
    paths = folder / "train.csv", folder / "test.csv"
    for path, wanted in zip(paths, (False, True), strict=True):
        _write_csv(
            path, header, (row for row, out in zip(rows, held_out, strict=True) if out == wanted)
        )
    return paths


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
