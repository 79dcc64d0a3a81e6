"""How much of the noise on MNIST is taken out?

Target: with Gaussian noise of 0.5 of the range, clipped, a peak signal-to-noise ratio of at least
20.5 dB on the test images; and for every kind of damage at least 6 dB more than every filter:
Gaussian noise of 0.25, 0.5 and 0.75, salt and pepper on 30 % of the pixels, 50 % of them masked.

Each model is ``narrows fit mnist --noise KIND:AMOUNT`` with nothing else said (``--epochs`` as the
record's command has it). The PSNR is the mean over images of the PSNR of each. The model's is over
all 10,000 test images, and again over the 500, evenly spaced, that the filters are measured on
(BM3D: 20 of them). The filters' numbers were chosen on training images by ``fit``, that of the
first seed. PCA projects onto as many components as left the smallest error there.

    python benchmarks/denoise_mnist.py [--seeds N,N] [--epochs N] [--models DIR]

``--models`` keeps them as ``mnist-KIND-AMOUNT-seedN.safetensors``, and takes those that are there.
"""

import itertools
import tempfile
import time
from collections.abc import Iterator
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
    table,
    with_spread,
    write_record,
)
from denoise_common import TITLES, scores
from narrows_cli import fit

NOISES = ("gaussian:0.25", "gaussian:0.5", "gaussian:0.75", "salt-pepper:0.3", "masking:0.5")
MEASURED = 500
# What the damage of the test images is drawn from.
_TEST_SEED = 20


def damaged_test(noise: str) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's test images, and the same with noise."""
    from narrows.data import load_data
    from narrows.training import Noise

    clean = load_data("mnist:test").items
    return clean, Noise.parse(noise).apply(clean, 0, 255, np.random.default_rng(_TEST_SEED))


def model_path(folder: Path, noise: str, seed: int) -> Path:
    return folder / f"mnist-{noise.replace(':', '-')}-seed{seed}.safetensors"


def measure(
    noise: str, seed: int, options: list[str], models: Path, filters: bool
) -> dict[str, Any]:
    """The model's PSNR and SSIM, also over the whole test set, and with ``filters`` theirs."""
    from narrows.model.file import load_model
    from narrows.model.use import TrainedAutoencoder
    from narrows.report.measures import item_errors, psnr
    from narrows.tasks.denoise import denoise

    rate, path = matrix_rate(), model_path(models, noise, seed)
    if not path.exists():
        line = ["--noise", noise, "--validation", "0", "--seed", str(seed), *options]
        fit("mnist", path, *line)
    trained = load_model(path)
    clean, noisy = damaged_test(noise)
    start = time.process_time()
    found = denoise(TrainedAutoencoder(trained), noisy)
    seconds = time.process_time() - start
    return {
        "psnr": float(np.mean([psnr(error, 255) for error in item_errors(clean, found)])),
        "psnr_of_mean_error": psnr(float(item_errors(clean, found).mean()), 255),
        "epochs": trained.training.epochs,
        "cpu_seconds_of_denoising": seconds,
        "methods": scores(trained, noisy, found, clean, MEASURED, filters=filters),
        "rate": rate,
    }


def draw(models: dict[str, Path], runs: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Three test images for each kind of damage: damaged, by the best filter, denoised, clean."""
    from narrows.baselines.filters import filtered
    from narrows.model.file import load_model
    from narrows.model.use import TrainedAutoencoder
    from narrows.report.evaluation import fitted_pca
    from narrows.report.figures.style import INK, SMALL_SIZE, TEXT_SIZE, new_figure, save_figure
    from narrows.tasks.denoise import denoise

    height = 60 + 86 * len(models)
    figure = new_figure(height)
    # three images of each kind, and a gap
    widths = [1, 1, 1, 0.3, 1, 1, 1, 0.3, 1, 1, 1, 0.3, 1, 1, 1]
    ratios = {"width_ratios": widths}
    grid = figure.subplots(len(models), len(widths), squeeze=False, gridspec_kw=ratios)
    figure.subplots_adjust(0.17, 10 / height, 0.985, 1 - 50 / height, wspace=0.04, hspace=0.06)
    for axes in grid[:, 3::4].flat:
        axes.set_axis_off()
    headings = ("noisy", "best filter", "narrows", "clean")
    for row, (noise, model) in enumerate(models.items()):
        trained = load_model(model)
        clean, noisy = (images[3::3337] for images in damaged_test(noise))
        methods = runs[noise][0]["methods"]
        name = best_filter(methods)
        settings = methods[name]["settings"]
        pca = fitted_pca(trained) if name == "pca" else None
        other = [filtered(name, image, settings, (0, 255), pca) for image in noisy]
        columns = (noisy, other, denoise(TrainedAutoencoder(trained), noisy), clean)
        for kind, images in enumerate(columns):
            for number, image in enumerate(images):
                axes = grid[row, 4 * kind + number]
                axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axes.set_axis_off()
                if row == 0 and number == 1:
                    axes.set_title(headings[kind], fontsize=TEXT_SIZE, color=INK, pad=10)
        first = grid[row, 0].get_position()
        label = f"{noise.replace(':', ' ')}\n({TITLES[name]})"
        figure.text(0.015, (first.y0 + first.y1) / 2, label, va="center", fontsize=SMALL_SIZE)
    save_figure(figure, path)


def best_filter(methods: dict[str, Any]) -> str:
    """The method, other than the model, with the highest PSNR."""
    others = [name for name in methods if name not in ("noisy", "autoencoder")]
    return max(others, key=lambda name: methods[name]["psnr"])


def targets(runs: dict[str, list[dict[str, Any]]]) -> Iterator[Target]:
    """One for each kind of noise, and another for the PSNR that one of them must reach."""
    for noise, found in runs.items():
        methods = found[0]["methods"]
        best = best_filter(methods)
        lead = min(run["methods"]["autoencoder"]["psnr"] - methods[best]["psnr"] for run in found)
        if noise == "gaussian:0.5":
            worst = min(run["psnr"] for run in found)
            yield Target("gaussian:0.5, the worst seed's PSNR, dB", 20.5, worst)
        title = (
            f"{noise}, {found[0]['epochs']} epochs, the worst seed's lead over the best filter "
            f"({TITLES[best]}), dB"
        )
        yield Target(title, 6, lead)


def results_tables(runs: dict[str, list[dict[str, Any]]], seeds: str) -> list[str]:
    """What was measured of each kind of noise, and how."""
    psnr, ssim = [], []
    for noise, found in runs.items():
        methods = found[0]["methods"]
        shown = [name for name in TITLES if name in methods]
        whole = with_spread([run["psnr"] for run in found], 2)
        psnr.append([noise, whole, *(f"{methods[name]['psnr']:.2f}" for name in shown)])
        ssim.append([noise, *(f"{methods[name]['ssim']:.3f}" for name in shown)])
    names = [TITLES[name] for name in shown]
    epochs = ", ".join(f"{noise} {found[0]['epochs']}" for noise, found in runs.items())
    return [
        f"PSNR in dB, over all 10,000 test images (median over seeds {seeds}, lowest to highest) "
        f"and, beside the filters, over {MEASURED} of them (first seed; BM3D: 20). "
        f"Epochs trained: {epochs}.",
        table(["", "narrows, all images", *names], psnr),
        "SSIM, over the same images:",
        table(["", *names], ssim),
    ]


def main() -> None:
    parser = argument_parser(
        __doc__,
        "seeds",
        *JOURNAL,
        packages=["numpy", "numba", "jax", "scipy", "scikit-image", "bm3d"],
    )
    parser.add_argument("--epochs", type=int, help="otherwise fit's own")
    parser.add_argument("--models", type=Path, metavar="DIR", help="where trained models are kept")
    parser.add_argument("--noises", default=",".join(NOISES), help="a part of them")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("denoise-mnist", arguments)
    options = [] if arguments.epochs is None else ["--epochs", str(arguments.epochs)]
    noises, seeds = arguments.noises.split(","), arguments.seeds
    runs: dict[str, list[dict[str, Any]]] = {noise: [] for noise in noises}
    picture, trained = [], dict[str, Path]()
    with tempfile.TemporaryDirectory() as scratch:
        models = arguments.models or Path(scratch)
        for noise, seed in itertools.product(noises, seeds):
            what = f"{noise}, seed {seed} {' '.join(options)}".strip()
            first = not runs[noise]  # the filters take longest
            run = journal.measure(what, measure, noise, seed, options, models, first)
            runs[noise].append(run)
            if (path := model_path(models, noise, seed)).exists():
                trained.setdefault(noise, path)
        if trained:  # otherwise all was measured before
            draw(trained, runs, journal.folder / "digits.png")
            picture = ["![Test images](digits.png)"]
    write_record(
        "denoise-mnist",
        "Noise on MNIST",
        targets=list(targets(runs)),
        sections=[*picture, *results_tables(runs, ", ".join(map(str, seeds)))],
        data={"seeds": seeds, "runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for found in runs.values() for run in found],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
