"""How few bytes does an image need, where nothing is kept but a code: ``compress --codes-only``
beside JPEG, WebP and AVIF.

Target: for MNIST's 10,000 test images, by models trained on the 60,000 training images alone, at
most 10.5 bytes an image, codes and index, at a mean squared error of 330 grey levels² (aim: 9). The
decoder is told beside that, and as its share where it serves all 70,000 images. One curve from 6 to
60 bytes, one plot; above 40 bytes by --long-epochs of training. The others, by Pillow: one file an
image, of which every twentieth is measured, and all images as one sheet of 2800 x 2800. And, for
whoever has so many bytes, what ``compress --max-error`` makes of the test images alone.

    python benchmarks/codes_only.py [--bytes N,N] [--epochs N] [--long-epochs N]
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import (
    JOURNAL,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    numbers,
    run_process,
    table,
    write_record,
)
from narrows_cli import NARROWS, compress_file, fit

#: What is asked for: of the larger ones, codes take less than that.
BYTES = [6, 8, 16, 32, 45, 60, 75]
#: Codes of more bytes than this have two numbers a byte: three, after 10 epochs, were at an error
#: of 202 in 70 bytes even on images of the training. Others have at most 64: they are quick.
LONG, MOST_NUMBERS = 40, 64
#: Within which the test images are compressed beside that.
BOUNDS = [3, 7, 15, 31, 63, 95, 127]
OURS = "narrows --codes-only"
ERROR, IMAGES = 330, 70_000
#: Qualities of the others, from worst to best.
QUALITIES = {
    "JPEG": [1, 3, 5, 8, 12, 18, 25, 35, 50],
    "WebP": [0, 5, 10, 20, 30, 40, 55, 70],
    "AVIF": [5, 20, 35, 50],
}
EVERY = 20


def ours(item_bytes: int, epochs: int | None) -> dict[str, Any]:
    """Train for so many bytes, and compress the test images."""
    with tempfile.TemporaryDirectory() as folder:
        model, out = Path(folder) / "model.safetensors", Path(folder) / "test.nrw"
        latent = 2 * item_bytes if item_bytes > LONG else min(3 * item_bytes, MOST_NUMBERS)
        options = ["--preset", "rounded", "--item-bytes", str(item_bytes), "--latent", str(latent)]
        options += [] if epochs is None else ["--epochs", str(epochs)]
        rate = matrix_rate()
        run = fit("mnist", model, *options, "--validation", "0")
        wishes = ["--codes-only", "--model", str(model), "--item-bytes", str(item_bytes)]
        made = compress_file("mnist:test", out, *wishes, "--json")
        run_process([*NARROWS, "verify", str(out), "--against", "mnist:test"])
        account = json.loads(made.output)
        sizes, count = account["bytes"], account["shape"][0]
        return {
            "item_bytes": (sizes["payload"] + sizes["index"]) / count,
            "error": account["mean_squared_error"],
            "largest_error": account["largest_error"],
            "decoder": account["total"] - sizes["payload"] - sizes["index"],
            "sizes": sizes,
            "latent": latent,
            "epochs": epochs,
            "fit_seconds": run["seconds"],
            "compress_seconds": made.seconds,
            "rate": rate,
        }


def bounded(bound: int) -> dict[str, float]:
    """Bytes an image, of the whole archive, and the mean squared error within a bound."""
    from narrows import compress, decompress, load_data

    items = load_data("mnist:test").items
    blob = compress(items, max_error=bound)
    differences = decompress(blob).astype(np.float64) - items
    return {
        "item_bytes": len(blob) / len(items),
        "error": float(np.square(differences).mean()),
    }


def theirs(kind: str, quality: int, on_sheet: bool) -> dict[str, float]:
    """Bytes an image and the mean squared error of a format of images."""
    from narrows.baselines.image_codecs import IMAGE_CODECS, measure_setting
    from narrows.data import load_data
    from narrows.data.pixels import full_range

    items = load_data("mnist:test").items
    codec = next(codec for codec in IMAGE_CODECS if codec.name == kind)
    some = items if on_sheet else items[::EVERY]
    point = measure_setting(codec, quality, some, full_range(None), on_sheet=on_sheet)
    return {"item_bytes": point.item_bytes, "error": point.mse}


def bytes_at(points: list[dict[str, Any]], error: float) -> float:
    """Bytes at an error, between the two points beside it, in a line between logarithms; beyond the
    worst point that one's, and infinity below the best."""
    known = sorted((point["error"], point["item_bytes"]) for point in points)
    if error < known[0][0]:
        return float("inf")
    errors, sizes = (np.log(column) for column in zip(*known, strict=True))
    return float(np.exp(np.interp(np.log(error), errors, sizes)))


def draw(curves: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Write the plot: error over bytes an image."""
    from narrows.figures import rate
    from narrows.report.figures.style import save_figure

    rows = [
        {"method": method, "numbers": point["item_bytes"], "error": point["error"]}
        for method, points in curves.items()
        for point in points
    ]
    axes = rate(
        rows,
        title="Error over bytes an image",
        error_unit="grey levels²",
        budget="Bytes of each image",
        ticks=[6, 8, 12, 16, 24, 32, 60, 120, 250, 500],
    )
    save_figure(axes, path)


def our_table(points: list[dict[str, Any]]) -> str:
    """A row a model."""
    rows = [
        [
            f"{point['item_bytes']:.2f}",
            str(point["latent"]),
            str(point["epochs"] or "own"),
            f"{point['error']:.1f}",
            f"{point['decoder']:,}",
            f"{point['item_bytes'] + point['decoder'] / IMAGES:.2f}",
        ]
        for point in points
    ]
    columns = [
        "bytes an image",
        "numbers",
        "epochs",
        "grey levels²",
        "bytes of decoder and all else",
    ]
    columns += [f"bytes an image with that over {IMAGES:,}"]
    return table(columns, rows)


def main() -> None:
    parser = argument_parser(__doc__, *JOURNAL, packages=["numpy", "jax", "pillow"])
    parser.add_argument("--bytes", type=numbers, default=BYTES, metavar="N,N")
    parser.add_argument("--epochs", type=int, help="of most models; otherwise fit's own")
    parser.add_argument("--long-epochs", type=int, help=f"of those of more than {LONG} bytes")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("codes-only", arguments)
    runs = []
    for each in arguments.bytes:
        epochs = arguments.long_epochs if each > LONG else arguments.epochs
        name = f"{each} bytes, {epochs or 'own'} epochs"
        runs.append({"epochs": epochs, **journal.measure(name, ours, each, epochs)})
    curves: dict[str, list[dict[str, Any]]] = {}
    for kind, qualities in QUALITIES.items():
        for sheet in (True, False):
            name = f"{kind}, {'a sheet' if sheet else 'single files'}"
            curves[name] = [
                journal.measure(f"{name}, quality {each}", theirs, kind, each, sheet)
                for each in qualities
            ]
    curves["narrows --max-error"] = [
        journal.measure(f"within {bound}", bounded, bound) for bound in BOUNDS
    ]
    curves[OURS] = sorted(runs, key=lambda run: run["item_bytes"])
    draw(curves, journal.folder / "bytes.png")
    at = {name: bytes_at(points, ERROR) for name, points in curves.items()}
    what = f"bytes an image at an error of {ERROR}"
    write_record(
        "codes-only",
        "How few bytes an image of MNIST needs",
        targets=[Target(what, 10.5, at[OURS], at_least=False)],
        aims=[Target(what, 9, at[OURS], at_least=False)],
        sections=[
            our_table(curves[OURS]),
            table(["", what], [[name, f"{size:.1f}"] for name, size in at.items()]),
            "![error over bytes an image](bytes.png)",
        ],
        data={"curves": curves, "at": at},
        versions=arguments.versions,
        rates=[point["rate"] for point in curves[OURS]],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
