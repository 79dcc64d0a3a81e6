"""What does MNIST lose in how many numbers: PCA, the article's model, and what ``fit`` picks?

Target: for 2, 5, 10, 20, 30 and 50 numbers, ``narrows fit mnist --latent N`` with nothing else said
leaves a smaller squared error on the 10,000 test images than ``--preset simple`` and than PCA, both
of as many numbers. One table, one plot. PCA is fitted to the 60,000 training images.

    python benchmarks/numbers_kept.py [--latents N,N] [--seeds N,N] [--epochs N]
"""

import statistics
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
    numbers,
    table,
    with_spread,
    write_record,
)
from narrows_cli import errors, fit, per_image

LATENTS = [2, 5, 10, 20, 30, 50]
PCA, SIMPLE, AUTO = "PCA", "simple", "auto"
OPTIONS = {SIMPLE: ["--preset", "simple"], AUTO: []}

#: The errors of each method on the test images, by latent size: one for each seed.
Errors = dict[str, dict[int, list[float]]]


def train(options: list[str]) -> dict[str, Any]:
    """Train and test one model."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        rate = matrix_rate()
        run = fit("mnist", model, *options)
        return {**run, **errors(model, "mnist:test"), "rate": rate}


def errors_of(runs: dict[str, dict[int, list[Any]]]) -> Errors:
    found: Errors = {PCA: {n: [few[0]["pca"]] for n, few in runs[AUTO].items()}}
    for method, by_latent in runs.items():
        found[method] = {n: [run["model"] for run in few] for n, few in by_latent.items()}
    return found


def targets(found: Errors) -> list[Target]:
    """auto's worst seed over the best of another method, for every latent size."""
    return [
        Target(
            f"{latent} numbers: auto's error over that of {other}",
            1,
            max(ours) / min(found[other][latent]),
            at_least=False,
        )
        for latent, ours in found[AUTO].items()
        for other in (PCA, SIMPLE)
    ]


def errors_table(found: Errors) -> str:
    """A row a latent size: each method's error, in grey levels squared and as one of an image."""
    rows = []
    for latent in found[AUTO]:
        cells = [str(latent)]
        for by_latent in found.values():
            values = by_latent[latent]
            middle = statistics.median(values)
            text = with_spread(values, 1) if len(values) > 1 else f"{middle:.1f}"
            cells.append(f"{text} / {per_image(middle):.2f}")
        rows.append(cells)
    return table(["numbers", *(f"{method}, grey levels² / an image" for method in found)], rows)


def draw(found: Errors, folder: Path) -> None:
    """Write ``budget.png``: error over numbers kept."""
    from narrows.figures import rate
    from narrows.report.figures.style import save_figure

    rows = [
        {"method": method, "numbers": latent, "error": error}
        for method, by_latent in found.items()
        for latent, values in by_latent.items()
        for error in values
    ]
    save_figure(rate(rows, error_unit="grey levels²"), folder / "budget.png")


def main() -> None:
    parser = argument_parser(__doc__, "seeds", *JOURNAL, packages=["numpy", "numba", "jax"])
    parser.set_defaults(seeds=[0])
    parser.add_argument("--latents", type=numbers, default=LATENTS, metavar="N,N")
    parser.add_argument("--epochs", type=int, help="of both models; otherwise fit's own")
    arguments = parser.parse_args()
    announce(__doc__ or "")
    journal = Journal("numbers-kept", arguments)
    more = [] if arguments.epochs is None else ["--epochs", str(arguments.epochs)]
    runs: dict[str, dict[int, list[Any]]] = {
        method: {latent: [] for latent in arguments.latents} for method in OPTIONS
    }
    for latent in arguments.latents:
        for method, options in OPTIONS.items():
            for seed in arguments.seeds:
                command = ["--latent", str(latent), "--seed", str(seed), *options, *more]
                run = journal.measure("fit mnist " + " ".join(command), train, command)
                runs[method][latent].append(run)
    found = errors_of(runs)
    draw(found, journal.folder)
    every = [run for by_latent in runs.values() for few in by_latent.values() for run in few]
    write_record(
        "numbers-kept",
        "What MNIST loses in how many numbers",
        targets=targets(found),
        sections=[errors_table(found), "![error over numbers kept](budget.png)"],
        data={"seeds": arguments.seeds, "errors": found, "runs": runs},
        versions=arguments.versions,
        rates=[run["rate"] for run in every],
        folder=journal.folder,
    )


if __name__ == "__main__":
    main()
