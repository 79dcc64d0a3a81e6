"""Is ``fit`` right on data that nobody tuned it for?

Target: ``narrows fit DATA`` with nothing else said leaves a smaller squared error than PCA with as
many numbers on test rows of every one of seven sets, with every seed: scikit-learn's digits, scans
of documents in tiles of 28 x 28, small colour images, 200 images of MNIST, and three tables. Both
are fitted to the training rows only.

    python benchmarks/other_data.py [--sets NAME,NAME] [--seeds N,N] [--epochs N]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

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
from narrows_cli import errors, fit
from other_sets import SETS


def measure(name: str, seed: int, options: list[str]) -> dict[str, Any]:
    """Make the set, train on it, test on what was held out."""
    rate = matrix_rate()
    with tempfile.TemporaryDirectory() as scratch:
        train, test = SETS[name](Path(scratch))
        model = Path(scratch) / "model.safetensors"
        run = fit(train, model, "--seed", str(seed), *options)
        return {**run, **errors(model, test), "rate": rate}


def ratio(run: dict[str, Any]) -> float:
    """The model's error over PCA's."""
    return run["model"] / run["pca"]


def targets(runs: dict[str, list[Any]]) -> list[Target]:
    return [
        Target(f"{name}: error over PCA's, worst seed", 1, max(map(ratio, found)), at_least=False)
        for name, found in runs.items()
    ]


def sets_table(runs: dict[str, list[Any]]) -> str:
    """A row a set: how many numbers, both errors, their ratio, and what training took."""
    rows = [
        [
            name,
            str(found[0]["numbers"]),
            f"{found[0]['pca']:.5g}",
            ", ".join(f"{run['model']:.5g}" for run in found),
            with_spread([ratio(run) for run in found]),
            ", ".join(f"{run['training']['epoch']}" for run in found),
            with_spread([run["seconds"] for run in found], 1),
        ]
        for name, found in runs.items()
    ]
    columns = [
        "squared error a value, test rows",
        "numbers",
        "PCA",
        "narrows, by seed",
        "narrows over PCA",
        "epochs, by seed",
        "wall time, s",
    ]
    return table(columns, rows)


def set_names(text: str) -> list[str]:
    """``digits,Adult`` as a list of sets."""
    names = text.split(",")
    for name in names:
        if name not in SETS:
            raise argparse.ArgumentTypeError(f"no set {name!r}: {', '.join(SETS)}")
    return names


def main() -> None:
    parser = argument_parser(
        __doc__, "seeds", *JOURNAL, packages=["numpy", "numba", "jax", "scikit-learn", "pyarrow"]
    )
    parser.add_argument(
        "--sets", type=set_names, default=list(SETS), metavar="NAME,NAME", help=", ".join(SETS)
    )
    parser.add_argument("--epochs", type=int, help="otherwise fit's own")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("other-data", arguments)
    options = [] if arguments.epochs is None else ["--epochs", str(arguments.epochs)]
    runs: dict[str, list[Any]] = {}
    for name in arguments.sets:
        for seed in arguments.seeds:
            what = " ".join([f"fit on {name}, seed {seed}", *options])
            runs.setdefault(name, []).append(journal.measure(what, measure, name, seed, options))
    write_record(
        "other-data",
        "The same fit on other data",
        targets=targets(runs),
        sections=[sets_table(runs)],
        data={"seeds": arguments.seeds, "runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for found in runs.values() for run in found],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
