"""Does a folder of small images keep training fed?

Target: a `dense` model that learns from a folder of PNG files waits for data in at most 10 % of the
time after the first epoch.

The files are drawn: 28 x 28 grey, smooth and noisy. `fit` reads all of a folder before the first
epoch, and trains from an array. So the record also says what the reading took, beside the files'
bytes alone, and plain Pillow in one thread and in two, in the same round, and how much of the whole
run it was: that is the wait which the target does not see.

    python benchmarks/image_folder_feed.py [--images N] [--epochs N] [--scratch DIR]
"""

import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    Target,
    announce,
    argument_parser,
    leave_result,
    matrix_rate,
    run_contestant,
    table,
    with_spread,
    write_record,
)

SIDE, WAITING = 28, 0.1
_FILES_A_FOLDER = 1000
_READERS = ("disk", "Pillow", "Pillow, 2 threads", "narrows")
# Files that a thread of plain Pillow reads at a time.
_FILES_AT_A_TIME = 64


def write_images(folder: Path, count: int) -> None:
    """Write so many PNG files, a thousand to a folder."""
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"{number // _FILES_A_FOLDER:04d}"
        place.mkdir(exist_ok=True)
        levels = Image.fromarray(random.integers(0, 256, (4, 4), np.uint8))
        smooth = np.asarray(levels.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.int16)
        noisy = smooth + random.integers(-4, 5, smooth.shape, np.int16)
        pixels = np.clip(noisy, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number:06d}.png")


def _pixels(paths: list[str]) -> list[np.ndarray]:
    from PIL import Image

    found = []
    for path in paths:
        with Image.open(path) as image:
            found.append(np.asarray(image))
    return found


def read(reader: str, folder: str) -> Any:
    """Read the folder: bytes only, by Pillow alone, or by narrows."""
    from narrows import load_data

    if reader == "narrows":
        return load_data(folder)
    paths = sorted(map(str, Path(folder).rglob("*.png")))
    if reader == "disk":
        return sum(len(Path(path).read_bytes()) for path in paths)
    if reader == "Pillow":
        return _pixels(paths)
    blocks = [
        paths[start : start + _FILES_AT_A_TIME] for start in range(0, len(paths), _FILES_AT_A_TIME)
    ]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(_pixels, blocks))


def contestant(reader: str, folder: str, epochs: str, out: str) -> None:
    """Read the folder; narrows then learns from it."""
    import PIL.Image  # noqa: F401 - imported before the clock starts

    from narrows import Autoencoder

    wall, processor = time.perf_counter(), time.process_time()
    items = read(reader, folder)
    used = time.process_time() - processor
    found = {"seconds": time.perf_counter() - wall, "processor": used}
    if reader == "narrows":
        wall = time.perf_counter()
        model = Autoencoder(
            latent=32, preset="dense", epochs=int(epochs), refine=0, random_state=0
        ).fit(items)
        later = model.history_[1:]
        found["fit"] = time.perf_counter() - wall
        for what in ("waiting", "computing"):
            found[what] = sum(each[f"{what}_seconds"] for each in later)
    leave_result(out, found)


def measure(folder: Path, epochs: int) -> dict[str, Any]:
    """One round: all readers, one after the other."""
    found: dict[str, Any] = {"rate": matrix_rate()}
    for reader in _READERS:
        announce(f"  {reader}")
        words = ["contestant", reader, str(folder), str(epochs)]
        found[reader] = run_contestant(Path(__file__).name, words).result
    return found


def main() -> None:
    if sys.argv[1:2] == ["contestant"]:
        contestant(*sys.argv[2:6])
        return
    packages = ["numpy", "numba", "jax", "pillow"]
    parser = argument_parser(__doc__, "rounds", packages=packages)
    parser.add_argument("--images", type=int, default=200_000, metavar="N", help="how many files")
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="2 at least")
    parser.add_argument("--scratch", metavar="DIR", help="a folder with room for them")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as place:
        announce(f"writing {arguments.images:,} files")
        write_images(Path(place), arguments.images)
        rounds = [measure(Path(place), arguments.epochs) for _ in range(arguments.rounds)]
    report(arguments, rounds)


def report(arguments: Any, rounds: list[dict[str, Any]]) -> None:
    """Write the record."""
    runs = [each["narrows"] for each in rounds]
    shares = [run["waiting"] / (run["waiting"] + run["computing"]) for run in runs]

    def microseconds(reader: str, kind: str) -> str:
        return with_spread([each[reader][kind] / arguments.images * 1e6 for each in rounds], 0)

    def times(reader: str, kind: str) -> str:
        return with_spread([each[reader][kind] / each["Pillow"][kind] for each in rounds], 2)

    rows = [
        [
            reader,
            with_spread([arguments.images / each[reader]["seconds"] for each in rounds], 0),
            *(
                each(reader, kind)
                for kind in ("processor", "seconds")
                for each in (microseconds, times)
            ),
        ]
        for reader in _READERS
    ]
    of_all = with_spread([run["seconds"] / (run["seconds"] + run["fit"]) for run in runs])
    write_record(
        "image-folder-feed",
        "A folder of images feeds training",
        targets=[
            Target(
                "waiting for data after the first epoch, share of the time",
                WAITING,
                statistics.median(shares),
                at_least=False,
            )
        ],
        sections=[
            f"{arguments.images:,} grey PNG files of {SIDE} x {SIDE}, {arguments.epochs} epochs, "
            f"{arguments.rounds} rounds. The share of waiting: {with_spread(shares, 4)}.",
            table(
                [
                    "reader",
                    "images/s",
                    "processor, µs an image",
                    "times Pillow",
                    "wall, µs an image",
                    "times Pillow",
                ],
                rows,
            ),
            "All files are read before the first epoch. Of the time of reading and `fit` together, "
            f"compiling among it, the reading's share is {of_all}.",
        ],
        data={"rounds": rounds, "images": arguments.images, "epochs": arguments.epochs},
        versions=arguments.versions,
        rates=[each["rate"] for each in rounds],
    )


if __name__ == "__main__":
    main()
