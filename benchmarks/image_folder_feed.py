"""Does a folder of small images keep training fed?

Target: a `dense` model that learns from a folder of PNG files waits for data in at most 10 % of the
time after the first epoch.

The files are drawn: 64 x 64 RGB, smooth colours and noise. `fit` reads all of a folder before the
first epoch, and trains from an array. So the record also says what the reading took, beside plain
Pillow reading the same files in the same round, and how much of the whole run it was: that is the
wait which the target does not see.

    python benchmarks/image_folder_feed.py [--images N] [--epochs N] [--scratch DIR]
"""

import statistics
import sys
import tempfile
import time
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

SIDE, WAITING = 64, 0.1
_FILES_A_FOLDER = 1000


def write_images(folder: Path, count: int) -> None:
    """Write so many PNG files, a thousand to a folder."""
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"{number // _FILES_A_FOLDER:04d}"
        place.mkdir(exist_ok=True)
        colours = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
        smooth = np.asarray(colours.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.int16)
        noisy = smooth + random.integers(-4, 5, smooth.shape, np.int16)
        pixels = np.clip(noisy, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number:06d}.png")


def contestant(reader: str, folder: str, epochs: str, out: str) -> None:
    """Read the folder, by Pillow alone or by narrows, which then learns from it."""
    from PIL import Image

    from narrows import Autoencoder, load_data

    wall, processor = time.perf_counter(), time.process_time()
    if reader == "narrows":
        items = load_data(folder)
    else:
        for path in sorted(Path(folder).rglob("*.png")):
            with Image.open(path) as image:
                np.asarray(image)
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
    """One round: both readers, one after the other."""
    found: dict[str, Any] = {"rate": matrix_rate()}
    for reader in ("Pillow", "narrows"):
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

    def microseconds(reader: str, kind: str) -> list[float]:
        return [each[reader][kind] / arguments.images * 1e6 for each in rounds]

    def times(kind: str) -> list[float]:
        return [each["narrows"][kind] / each["Pillow"][kind] for each in rounds]

    rows = [
        [
            reader,
            with_spread(microseconds(reader, "processor"), 0),
            with_spread(microseconds(reader, "seconds"), 0),
        ]
        for reader in ("Pillow", "narrows")
    ]
    rows.append(["times", with_spread(times("processor"), 2), with_spread(times("seconds"), 2)])
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
            f"{arguments.images:,} PNG files of {SIDE} x {SIDE} RGB, {arguments.epochs} epochs, "
            f"{arguments.rounds} rounds. The share of waiting: {with_spread(shares, 4)}.",
            table(["µs an image", "processor", "wall"], rows),
            "All files are read before the first epoch. Of the time of reading and `fit` together, "
            f"compiling among it, the reading's share is {of_all}.",
        ],
        data={"rounds": rounds, "images": arguments.images, "epochs": arguments.epochs},
        versions=arguments.versions,
        rates=[each["rate"] for each in rounds],
    )


if __name__ == "__main__":
    main()
