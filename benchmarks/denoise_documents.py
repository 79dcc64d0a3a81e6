"""Can stained scans be cleaned, by what 16 pairs of pages teach?

Target: on the 8 test pages of the stained documents (NoisyOffice, UCI: the 24 pairs in
``$NARROWS_DATA/documents``, sorted by name, the first 16 to train on) a root mean squared error of
at most 0.06 where black is 0 and white is 1, over whole pages; and no visible seams: the steps of
the error across the borders of tiles are no larger than those elsewhere, by a tenth.

The model is ``narrows fit train/ --target train_cleaned/``, which picks tiles of 48 x 48 and the
preset ``denoiser``, with nothing else said but ``--epochs`` as the record's command has it. Filters
have their numbers chosen on training tiles.

    python benchmarks/denoise_documents.py [--seeds N,N] [--epochs N] [--models DIR]

``--models`` keeps the models as ``pages-seedN.safetensors``, and takes those that are there.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from common import (
    JOURNAL,
    Journal,
    Target,
    announce,
    argument_parser,
    matrix_rate,
    table,
    with_spread,
    write_record,
)
from denoise_common import TITLES, scores
from narrows_cli import fit

TRAINING = 16


def names() -> list[str]:
    return sorted(path.name for path in (documents() / "train").iterdir())


def documents() -> Path:
    return Path(os.environ["NARROWS_DATA"]) / "documents"


def pages(folder: str, wanted: list[str]) -> list[np.ndarray]:
    found = []
    for name in wanted:
        with Image.open(documents() / folder / name) as page:
            found.append(np.asarray(page))
    return found


def steps_across_borders(found: np.ndarray, clean: np.ndarray, tile: int) -> float:
    """Mean step of the error across the lines where tiles begin or end, by that elsewhere."""
    from narrows.data.tiles import starts

    error = found.astype(np.float64) - clean
    ratios = []
    for axis, size in enumerate(error.shape):
        steps = np.abs(np.diff(error, axis=axis)).mean(axis=1 - axis)
        begun = starts(size, tile)
        lines = np.unique([*begun[begun > 0] - 1, *(begun + tile - 1)[begun + tile < size]])
        ratios.append(steps[lines].mean() / np.delete(steps, lines).mean())
    return float(max(ratios))


def model_path(folder: Path, seed: int) -> Path:
    return folder / f"pages-seed{seed}.safetensors"


def train(model: Path, seed: int, options: list[str]) -> None:
    """``narrows fit`` on the training pages."""
    with tempfile.TemporaryDirectory() as scratch:
        for folder in ("train", "train_cleaned"):
            (Path(scratch) / folder).mkdir()
            for name in names()[:TRAINING]:
                shutil.copy(documents() / folder / name, Path(scratch) / folder / name)
        line = ["--target", f"{scratch}/train_cleaned", "--seed", str(seed), *options]
        fit(f"{scratch}/train", model, *line)


def measure(seed: int, options: list[str], models: Path) -> dict[str, Any]:
    """Every method on the test pages, seconds a page, and the steps at borders."""
    from narrows.model.file import load_model
    from narrows.model.use import TrainedAutoencoder
    from narrows.tasks.denoise import denoise

    rate, path = matrix_rate(), model_path(models, seed)
    if not path.exists():
        train(path, seed, options)
    trained = load_model(path)
    test = names()[TRAINING:]
    noisy, clean = pages("train", test), pages("train_cleaned", test)
    autoencoder = TrainedAutoencoder(trained)
    denoise(autoencoder, noisy[0][None])
    wall, cpu = time.perf_counter(), time.process_time()
    found = [denoise(autoencoder, page[None])[0] for page in noisy]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    tile = trained.training.tile
    borders = [steps_across_borders(*pair, tile) for pair in zip(found, clean, strict=True)]
    return {
        "methods": scores(trained, noisy, found, clean, len(test)),
        "borders": borders,
        "wall_seconds_a_page": wall / len(test),
        "cpu_seconds_a_page": cpu / len(test),
        "epochs": trained.training.epochs,
        "rate": rate,
    }


def draw(model: Path, path: Path) -> None:
    """A test page, what the model makes of it, and the clean one."""
    from narrows.model.file import load_model
    from narrows.model.use import TrainedAutoencoder
    from narrows.report.figures.style import INK, TEXT_SIZE, new_figure, save_figure
    from narrows.tasks.denoise import denoise

    test = names()[TRAINING:][:2]
    noisy, clean = pages("train", test), pages("train_cleaned", test)
    autoencoder = TrainedAutoencoder(load_model(model))
    figure = new_figure(690)
    grid = figure.subplots(2, 3)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.94, wspace=0.02, hspace=0.02)
    for row, (before, wanted) in enumerate(zip(noisy, clean, strict=True)):
        shown = {"scan": before, "narrows": denoise(autoencoder, before[None])[0], "clean": wanted}
        for axes, (title, page) in zip(grid[row], shown.items(), strict=True):
            axes.imshow(page, cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
            if row == 0:
                axes.set_title(title, fontsize=TEXT_SIZE, color=INK)
    save_figure(figure, path)


def main() -> None:
    parser = argument_parser(
        __doc__,
        "seeds",
        *JOURNAL,
        packages=["numpy", "numba", "jax", "scipy", "scikit-image", "bm3d"],
    )
    parser.add_argument("--epochs", type=int, help="otherwise fit's own")
    parser.add_argument("--models", type=Path, metavar="DIR", help="where trained models are kept")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("denoise-documents", arguments)
    options = [] if arguments.epochs is None else ["--epochs", str(arguments.epochs)]
    with tempfile.TemporaryDirectory() as scratch:
        models = arguments.models or Path(scratch)
        runs = [
            journal.measure(
                f"pages, seed {seed} {' '.join(options)}", measure, seed, options, models
            )
            for seed in arguments.seeds
        ]
        first = model_path(models, arguments.seeds[0])
        drawn = first.exists()  # if it was not measured before
        if drawn:
            draw(first, journal.folder / "pages.png")
    methods = runs[0]["methods"]
    shown = [name for name in TITLES if name in methods]
    errors = [run["methods"]["autoencoder"]["rmse"] for run in runs]
    rows = [
        [
            TITLES[name],
            *(f"{methods[name][what]:.{digits}f}" for what, digits in _SHOWN),
            ", ".join(f"{key} {value:g}" for key, value in methods[name]["settings"].items()),
        ]
        for name in shown
    ]
    write_record(
        "denoise-documents",
        "Stained documents",
        targets=[
            Target("the worst seed's root mean squared error, 0 to 1", 0.06, max(errors), False),
            Target(
                "steps of the error at borders of tiles, by those elsewhere, worst page",
                1.1,
                max(max(run["borders"]) for run in runs),
                False,
            ),
        ],
        sections=[
            *(["![Test pages](pages.png)"] if drawn else []),
            f"The 8 test pages, whole; first of seeds {arguments.seeds}, "
            f"{runs[0]['epochs']} epochs. narrows, all seeds: {with_spread(errors, 4)}. A page of "
            f"540 x 420 takes {with_spread([run['cpu_seconds_a_page'] for run in runs], 2)} s of "
            f"processor time and {with_spread([run['wall_seconds_a_page'] for run in runs], 2)} s "
            "on a machine whose two cores others shared.",
            table(["", "RMSE", "PSNR, dB", "SSIM", "settings"], rows),
        ],
        data={"seeds": arguments.seeds, "runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for run in runs],
        folder=journal.folder,
    )


_SHOWN = (("rmse", 4), ("psnr", 2), ("ssim", 3))


if __name__ == "__main__":
    main()
