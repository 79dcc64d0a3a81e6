"""Which settings shall ``fit`` pick for images? Asked of held-out training images.

Target: what ``fit`` picks by itself leaves no more than 2 % above the smallest error of all the
candidates below on 10,000 of MNIST's training images, when it is trained on the other 50,000. With
``--noise`` the same of what is left of the noise, after an epoch each, or as much time.

The test images have no part in this: every choice of the recipe is made here.

    python benchmarks/recipe_holdout.py [--noise KIND:AMOUNT] [--settings NAME,NAME] [--seeds N,N]
        [--list]
"""

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
    table,
    with_spread,
    write_record,
)
from narrows_cli import errors, fit, per_image

HELD_OUT = 10_000
LIMIT = 1.02
OWN = "fit's own choice"
#: The candidates: what is said to ``narrows fit`` besides the data and the seed.
SETTINGS: dict[str, list[str]] = {
    OWN: ["--latent", "20"],
    "simple": ["--latent", "20", "--preset", "simple"],
    "half the rate": ["--latent", "20", "--learning-rate", "0.0025"],
    "twice the rate": ["--latent", "20", "--learning-rate", "0.01"],
    "half the batch": ["--latent", "20", "--batch-size", "64"],
    "twice the batch": ["--latent", "20", "--batch-size", "256"],
    # as much work as fit's own choice: fewer epochs of wider layers, more of narrower ones
    "wider": ["--latent", "20", "--hidden", "768,384", "--epochs", "31"],
    "narrower": ["--latent", "20", "--hidden", "384,192", "--epochs", "74"],
    "one hidden layer": ["--latent", "20", "--hidden", "1024", "--epochs", "33"],
    "three hidden layers": ["--latent", "20", "--hidden", "512,256,128", "--epochs", "48"],
    "no decay": ["--latent", "20", "--weight-decay", "0"],
    "twice the decay": ["--latent", "20", "--weight-decay", "0.1"],
    "no shift": ["--latent", "20", "--shift", "0"],
    "two pixels": ["--latent", "20", "--shift", "2"],
}
#: The same where noise is undone. The dense net is trained as long as the others by the clock.
SETTINGS_TO_DENOISE: dict[str, list[str]] = {
    OWN: ["--epochs", "1"],
    "dense": ["--preset", "dense", "--epochs", "8"],
    "half the rate": ["--epochs", "1", "--learning-rate", "0.002"],
    "twice the rate": ["--epochs", "1", "--learning-rate", "0.008"],
    # with the rate that goes with it
    "half the batch": ["--epochs", "1", "--batch-size", "16"],
    "twice the batch": ["--epochs", "1", "--batch-size", "64"],
    "64 numbers": ["--epochs", "1", "--latent", "64"],
    "no shift": ["--epochs", "1", "--shift", "0"],
}


def save_split(folder: Path) -> tuple[Path, Path]:
    """MNIST's training images as the files to train on and to measure on."""
    from narrows.data import load_data

    items = load_data("mnist").items
    order = np.random.default_rng(0).permutation(len(items))
    paths = folder / "train.npy", folder / "held_out.npy"
    for path, rows in zip(paths, (order[HELD_OUT:], order[:HELD_OUT]), strict=True):
        np.save(path, items[np.sort(rows)])
    return paths


def measure(train: Path, held_out: Path, options: list[str]) -> dict[str, Any]:
    """Train with these options and measure on the held-out images, damaged where there is noise.

    They are the validation set as well, as the test images are for ``fit mnist``: nothing is held
    out of the 50,000 besides.
    """
    rate = matrix_rate()
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model.safetensors"
        run = fit(train, model, "--validation", str(held_out), *options)
        if "--noise" in options:
            left = {"model": run["training"]["val_loss"]}
        else:
            left = errors(model, held_out)
        return {**run, **left, "rate": rate}


def settings_table(runs: dict[str, list[Any]], settings: dict[str, list[str]]) -> str:
    """A row a candidate, best first."""
    rows = []
    for name, found in sorted(runs.items(), key=lambda item: min(r["model"] for r in item[1])):
        raw = [run["model"] for run in found]
        rows.append(
            [
                name,
                f"`{' '.join(settings[name])}`",
                with_spread(raw, 1),
                with_spread([per_image(value) for value in raw]),
                f"{found[0]['training']['epoch']}",
                with_spread([run["seconds"] for run in found], 1),
            ]
        )
    columns = [
        "settings",
        "options",
        "grey levels² a pixel",
        "an image of 0..1",
        "epochs",
        "wall time, s",
    ]
    return table(columns, rows)


def targets(runs: dict[str, list[Any]]) -> list[Target]:
    """fit's own choice over the best candidate, medians over the seeds; none if it did not run."""
    if OWN not in runs:
        return []
    middle = {name: float(np.median([r["model"] for r in found])) for name, found in runs.items()}
    what = f"{OWN}: error over the best candidate's"
    return [Target(what, LIMIT, middle[OWN] / min(middle.values()), at_least=False)]


def main() -> None:
    parser = argument_parser(__doc__, "seeds", *JOURNAL, packages=["numpy", "numba", "jax"])
    parser.set_defaults(seeds=[0])
    parser.add_argument("--noise", metavar="KIND:AMOUNT", help="to be undone")
    parser.add_argument("--settings", metavar="NAME,NAME", help="a part of them")
    parser.add_argument("--epochs", type=int, help="of every candidate, instead of its own")
    parser.add_argument("--list", action="store_true", help="print the candidates and leave")
    arguments = parser.parse_args()
    noise = arguments.noise
    settings = SETTINGS if noise is None else SETTINGS_TO_DENOISE
    names = arguments.settings.split(",") if arguments.settings else list(settings)
    if unknown := set(names) - settings.keys():
        parser.error(f"no settings {', '.join(unknown)}; take of {', '.join(settings)}")
    if arguments.list:
        print("\n".join(f"{name}: {' '.join(options)}" for name, options in settings.items()))
        return
    announce(__doc__ or "")
    named = "recipe-holdout" if noise is None else "recipe-holdout-noise"
    journal = Journal(named, arguments)
    more = [] if noise is None else ["--noise", noise]
    more += [] if arguments.epochs is None else ["--epochs", str(arguments.epochs)]
    runs: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        train, held_out = save_split(Path(scratch))
        for name in names:
            for seed in arguments.seeds:
                options = ["--seed", str(seed), *settings[name], *more]
                what = "fit " + " ".join(options)
                run = journal.measure(what, measure, train, held_out, options)
                runs.setdefault(name, []).append(run)
    write_record(
        named,
        "Settings compared on held-out training images" + (f", {noise}" if noise else ""),
        targets=targets(runs),
        sections=[settings_table(runs, settings)],
        data={"seeds": arguments.seeds, "settings": settings, "runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for found in runs.values() for run in found],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
