"""Do 20 numbers know what digit it was?

Target: a random forest of 10 trees, trained on the 20 numbers of MNIST's 60,000 training images,
names at most 5 % of the 10,000 test images wrongly, with every seed. (H2O's test suite, with a
20-number autoencoder and the same forest: 8.8 %.) The model is ``narrows fit mnist --latent 20``
with nothing else said; the labels are for the forest alone. Beside it: the same forest on PCA's 20
numbers and on the 784 pixels.

    python benchmarks/forest.py [--seeds N,N] [--epochs N] [--models DIR]

``--models`` takes the models that ``mnist_budget.py article --keep DIR`` has left there.
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
from narrows_cli import encode, fit

LATENT, TREES = 20, 10
NARROWS, PCA, PIXELS = "narrows' 20 numbers", "PCA's 20 numbers", "784 pixels"


def wrong(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, wanted: np.ndarray, seed: int
) -> float:
    """The share of test rows (n, k) that a forest grown on the training rows names wrongly."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=TREES, random_state=seed).fit(train, labels)
    return float(np.mean(forest.predict(test) != wanted))


def measure(seed: int, options: list[str], models: Path | None) -> dict[str, Any]:
    """The share of wrong names from each kind of input."""
    from sklearn.decomposition import PCA as SklearnPCA

    from narrows.data import load_data

    rate = matrix_rate()
    with tempfile.TemporaryDirectory() as scratch:
        name = f"mnist-{LATENT}-seed{seed}.safetensors"
        model = (models or Path(scratch)) / name
        if models is None:
            fit("mnist", model, "--latent", str(LATENT), "--seed", str(seed), *options)
        codes, test_codes = encode(model, "mnist"), encode(model, "mnist:test")
    train, test = (load_data(name, labels=True) for name in ("mnist", "mnist:test"))
    pixels, test_pixels = (data.items.reshape(len(data), -1) for data in (train, test))
    pca = SklearnPCA(LATENT, random_state=seed).fit(pixels.astype(np.float32))
    inputs = {
        NARROWS: (codes, test_codes),
        PCA: (pca.transform(pixels), pca.transform(test_pixels)),
        PIXELS: (pixels, test_pixels),
    }
    return {
        "wrong": {
            name: wrong(rows, train.labels, test_rows, test.labels, seed)
            for name, (rows, test_rows) in inputs.items()
        },
        "rate": rate,
    }


def main() -> None:
    parser = argument_parser(
        __doc__, "seeds", *JOURNAL, packages=["numpy", "scikit-learn", "numba", "jax"]
    )
    parser.add_argument("--epochs", type=int, help="otherwise fit's own")
    parser.add_argument("--models", type=Path, metavar="DIR", help="trained models to take")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("forest", arguments)
    options = [] if arguments.epochs is None else ["--epochs", str(arguments.epochs)]
    runs = []
    for seed in arguments.seeds:
        source = "fit" if arguments.models is None else str(arguments.models)
        what = " ".join(["a forest on mnist, seed", str(seed), "by", source, *options])
        runs.append(journal.measure(what, measure, seed, options, arguments.models))
    found = {name: [100 * run["wrong"][name] for run in runs] for name in (NARROWS, PCA, PIXELS)}
    rows = [
        [name, *(f"{value:.2f}" for value in values), with_spread(values, 2)]
        for name, values in found.items()
    ]
    seeds = [f"seed {seed}" for seed in arguments.seeds]
    write_record(
        "forest",
        "A forest on 20 numbers",
        targets=[Target("worst seed's share of wrong names, %", 5, max(found[NARROWS]), False)],
        sections=[
            f"Test images that a random forest of {TREES} trees names wrongly, %, from",
            table(["", *seeds, "median (lowest to highest)"], rows),
        ],
        data={"seeds": arguments.seeds, "runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for run in runs],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
